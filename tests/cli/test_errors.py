"""What the program says of errors, without a process."""

from collections.abc import Callable

import asyncpg
import pytest

from crossdock.cli import program
from crossdock.cli.program import guarded
from crossdock.cli.reach import database_url


def _raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (asyncpg.InvalidPasswordError("password authentication failed for user x"), 4, "DATABASE_URL"),
        (asyncpg.InvalidCatalogNameError('database "x" does not exist'), 4, "DATABASE_URL"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), 4, "too many clients"),
        (asyncpg.exceptions.ClientConfigurationError("invalid DSN"), 3, "postgresql://"),
        (TimeoutError(), 4, "TimeoutError"),
        (FileNotFoundError(2, "No such file or directory", "/tmp/nope"), 4, "/tmp/nope"),
        (ZeroDivisionError("oh"), 1, "bug"),
    ],
)
def test_an_error_says_what_to_do(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(_raising(error)) == code
    told = capsys.readouterr().err
    assert said in told
    assert "\n" not in told.strip()


@pytest.mark.parametrize(
    ("line", "left", "debug"),
    [
        ("orders --debug", "orders", True),
        ("--debug orders --json", "orders --json", True),
        ("find -- --debug", "find -- --debug", False),
        ("orders", "orders", False),
    ],
)
def test_debug_may_stand_where_people_put_it(line: str, left: str, debug: bool) -> None:
    """ "Run it again with --debug" must work as it is read: at the end of the line."""
    assert program._debugging(line.split()) == (left.split(), debug)


GOOD = (
    "postgresql://crossdock@db/crossdock",
    "postgres://u:p%40ss@a:5432,b:5433/crossdock?sslmode=require",
    "postgresql:///crossdock?host=/run/postgresql",
    "postgresql://u@[::1]:5432/x",
    "postgresql://db",
    "postgresql://",
)


@pytest.mark.parametrize("url", GOOD)
def test_an_address_of_a_database_is_taken_as_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert database_url() == url


@pytest.mark.parametrize(
    "url", ["foo", "mysql://a:hunter2@b/c", "postgresql://a:hunter2@b:port/c", "postgresql://u:hunter2@x@b/c"]
)
def test_another_address_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert guarded(database_url) == 3
    told = capsys.readouterr().err
    assert "postgresql://user@host" in told
    assert "hunter2" not in told
