"""``crossdock check``: what it says of the database, and where a fault stands."""

import json
import socket
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.cli.running import crossdock

from crossdock.cli.checking import database
from crossdock.store.embedded import MAJOR, Embedded


async def checked(tmp_path: Path, url: str | None, *options: str) -> tuple[dict[str, Any], int]:
    """The database's line, and the exit code; the folder's secrets are there and nothing of it is called."""
    folder = tmp_path / "config"
    if not folder.exists():
        await crossdock("init", str(folder))
        file = folder / "crossdock.yaml"
        file.write_text("connections: {}\nroutes: []\n")
    done = await crossdock(
        "check", "--json", "--config", str(folder), "--data", str(tmp_path / "data"), *options,
        env={"DATABASE_URL": url or ""},
    )  # fmt: skip
    [line] = [one for one in json.loads(done.out) if one["what"] == "database"]
    return line, done.code


async def test_a_database_with_this_versions_schema_is_fine(tmp_path: Path, database_url: str) -> None:
    line, code = await checked(tmp_path, database_url)
    assert (line["ok"], line["kind"], code) == (True, "call", 0)
    assert "its schema is this version's" in line["said"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("delete from schema_version where number = (select max(number) from schema_version)", "crossdock migrate"),
        ("insert into schema_version (number, name, checksum, oldest) values (9999, 'x', 'x', 9999)", "upgrade it"),
        ("drop table schema_version", "the database is empty; run: crossdock migrate"),
    ],
)
async def test_another_schema_is_told_with_what_to_do(
    tmp_path: Path, own_database_url: str, change: str, said: str
) -> None:
    connection = await asyncpg.connect(own_database_url)
    await connection.execute(change)
    await connection.close()
    line, code = await checked(tmp_path, own_database_url)
    assert (line["ok"], line["kind"], code) == (False, "call", 4)
    assert said in line["said"]


async def test_a_database_that_does_not_answer_is_told_and_not_asked_offline(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://u:hush@127.0.0.1:{nobody.getsockname()[1]}/x"
        line, code = await checked(tmp_path, url)
        assert (line["ok"], line["kind"], code) == (False, "call", 4)
        assert "Check DATABASE_URL and the server." in line["said"]
        assert "hush" not in line["said"]
        line, code = await checked(tmp_path, url, "--offline")
        assert (line["ok"], code) == (True, 0)
        assert "not called" in line["said"]


async def test_an_address_of_something_else_is_the_configurations(tmp_path: Path) -> None:
    line, code = await checked(tmp_path, "mysql://u@h/x", "--offline")
    assert (line["ok"], line["kind"], code) == (False, "configuration", 3)


async def test_an_embedded_database_that_is_not_started_is_no_fault(tmp_path: Path) -> None:
    line, code = await checked(tmp_path, None)
    assert (line["ok"], code) == (True, 0)
    assert "not there yet: crossdock serve makes it" in line["said"]
    cluster = tmp_path / "data" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text(f"{MAJOR}\n")
    line, code = await checked(tmp_path, None)
    assert (line["ok"], code) == (True, 0)
    assert "not started: crossdock serve starts it" in line["said"]
    assert not list((tmp_path / "data").glob("*.lock")), "nothing was started or locked for it"
    (cluster / "PG_VERSION").write_text("12\n")
    line, code = await checked(tmp_path, None)
    assert (line["ok"], line["kind"], code) == (False, "call", 4)
    assert "PostgreSQL 12" in line["said"]


async def test_an_embedded_database_that_runs_is_asked(server: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    line = await database(server.data_dir, offline=False)
    assert not line.ok, "the tests' own server has its schema in other databases"
    assert "embedded PostgreSQL in" in line.said
    assert "the database is empty" in line.said


async def test_a_missing_secret_names_its_file_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    await crossdock("init", str(folder))
    file = folder / "crossdock.yaml"
    wanted = "webhook_secret: env:SHOP1_WEBHOOK_SECRET"
    line = 1 + next(n for n, text in enumerate(file.read_text().splitlines()) if text.strip().startswith(wanted))
    place = f"{file}:{line}: connections.shop1.secrets.webhook_secret: "
    started = await crossdock("serve", "--config", str(folder), "--data", str(tmp_path / "data"))
    assert started.code == 3
    assert place in started.said
    shown = await crossdock("check", "--offline", "--config", str(folder), "--data", str(tmp_path / "data"))
    assert place in shown.out


async def test_a_missing_signing_key_names_its_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "crossdock.yaml"
    file.write_text("connections: {}\nroutes: []\nreconcile:\n  every_s: 300\n  signing_key: file:none.pem\n")
    shown = await crossdock("check", "--offline", "--config", str(tmp_path), "--data", str(tmp_path / "data"))
    assert f"{file}:5: reconcile.signing_key: " in shown.out
    assert shown.code == 3
