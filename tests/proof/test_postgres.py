"""The simulation on a real PostgreSQL: the same promises, the simulated clock, and connections that really break."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.cli.proving import one_scenario
from crossdock.domain.decision import StreamRef
from crossdock.proof.clock import EPOCH, Clock, VirtualLoop
from crossdock.proof.plan import SHOP, Scenario, scenario
from crossdock.proof.postgres import InPostgres
from crossdock.proof.process import Process, task_factory
from crossdock.proof.run import run
from crossdock.proof.server import Server
from crossdock.proof.story import encode
from crossdock.proof.tables import at_once
from crossdock.store import deliveries, invariants
from crossdock.store.embedded import Embedded
from crossdock.store.named import Statements
from crossdock.store.protocol import Arrival, CommitUnknown, StoreUnavailable
from tests.proof.in_process import prove

# Keywords, not functions: no schema can stand in front of them, so simulated time could not reach them.
ESCAPES = re.compile(r"\b(current_(timestamp|time|date)|localtime(stamp)?)\b|'now'|\btimeofday\b", re.IGNORECASE)
RETENTION_BY_MONTH = "drops whole months, and runs outside of all simulations"
HERE = ("swarm", "silence", "answers", "outage", "crashes", "pauses", "database", "torn", "operators", "stock")
ORDER = StreamRef("order", "shop-1")


@pytest.fixture(scope="module")
def proving(server: Embedded) -> Iterator[Server]:
    with Server(server.url("postgres")) as made:
        yield made


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    made.set_task_factory(task_factory)
    yield made
    made.close()


def _tables(proving: Server, loop: VirtualLoop) -> InPostgres:
    tables = InPostgres(proving, Clock(loop))
    at_once(tables.store.register(SHOP, "shopify"))
    return tables


def _arrival(number: int) -> Arrival:
    return Arrival(SHOP, f"d{number}", "webhook", "orders/create", ORDER, b'{"n": %d}' % number)


def _alone(seed: int, profile: str) -> Scenario:
    """With one order: a second or less on PostgreSQL."""
    planned = scenario(seed, profile)
    return msgspec.structs.replace(planned, orders=planned.orders[:1])


class _Outside:
    """Reads the tables as the day's look does."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        return await self._server.read(query, *arguments)


def test_the_promises_hold_on_postgresql(proving: Server) -> None:
    struck: set[str] = set()
    for seed, profile in enumerate(HERE, 3):
        ran = run(_alone(seed, profile), tables=partial(InPostgres, proving))
        assert ran.violations == [], (seed, profile)
        looked = proving.do(invariants.check(_Outside(proving)))  # type: ignore[arg-type]  # only fetches
        assert [one for one in looked if not one.holds] == [], (seed, profile)
        struck |= ran.faults.keys()
    assert {"crash", "commit_lost", "pause", "store_down"} <= struck


@pytest.mark.parametrize("seed", [1, 5, 8])
def test_without_faults_both_stores_end_alike(proving: Server, seed: int) -> None:
    planned = scenario(seed, "calm")
    memory, postgres = run(planned), run(planned, tables=partial(InPostgres, proving))
    assert memory.outcome == postgres.outcome
    assert memory.outcome


@pytest.mark.parametrize("profile", ["crashes", "clocks", "late", "pauses"])
def test_the_same_seed_is_the_same_run_to_the_byte_in_both_stores(proving: Server, profile: str) -> None:
    """Where no two commands fall due in the same microsecond: PostgreSQL takes such in any order."""
    planned = [_alone(seed, profile) for seed in range(4, 9)]
    runs = ((run(one), run(one, tables=partial(InPostgres, proving))) for one in planned)
    assert any(memory.digest == postgres.digest for memory, postgres in runs)


def test_a_run_repeats_itself_on_postgresql(proving: Server) -> None:
    ran = [run(_alone(7, "torn"), tables=partial(InPostgres, proving)) for _ in range(2)]
    assert ran[0].digest == ran[1].digest


def test_the_databases_clock_is_the_simulated_one(proving: Server, loop: VirtualLoop) -> None:
    tables = _tables(proving, loop)
    at_once(tables.store.accept([_arrival(1)]))
    loop.run_until_complete(_later(tables, 3600.0))
    first, second = tables.books.messages.values()
    assert first.received_at == EPOCH
    assert second.received_at == EPOCH + timedelta(hours=1)
    assert [entry.due_at for entry in tables.books.agenda] == [EPOCH, EPOCH + timedelta(hours=1)]


async def _later(tables: InPostgres, seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)
    await tables.store.accept([_arrival(2)])


def test_no_statement_asks_the_machine_for_the_time() -> None:
    shipped = files("crossdock.store")
    statements = [
        (f"{file.name}: {name}", sql)
        for file in (shipped / "sql").iterdir()
        for name, sql in Statements(file.name.removesuffix(".sql"))
    ]
    statements += [(file.name, file.read_text("utf-8")) for file in (shipped / "migrations").iterdir()]
    escaping = {name for name, sql in statements if ESCAPES.search(sql)}
    assert {name for name in escaping if not name.startswith("retention.sql")} == set(), RETENTION_BY_MONTH


def test_a_killed_process_loses_what_it_had_open_and_nothing_else(proving: Server, loop: VirtualLoop) -> None:
    tables = _tables(proving, loop)
    at_once(tables.store.accept([_arrival(1)]))
    victim, other = (tables.line(Process(name)) for name in ("w1", "w2"))
    claim = victim.store.claim_streams(0, 10, 10)
    at_once(claim.__aenter__())
    assert [stream.ref for stream in claim.streams] == [ORDER]
    assert _claimed(other) == []
    victim.lose(claim)
    assert _claimed(other) == [ORDER]


def _claimed(line: Any) -> list[StreamRef]:
    claim = line.store.claim_streams(0, 10, 10)
    at_once(claim.__aenter__())
    found = [stream.ref for stream in claim.streams]
    at_once(claim.__aexit__(KeyError, KeyError("let go"), None))
    return found


def test_a_commit_whose_answer_is_lost_stands(proving: Server, loop: VirtualLoop) -> None:
    tables = _tables(proving, loop)
    line = tables.line(Process("w1"))
    told: list[StoreUnavailable] = []

    async def lose() -> None:
        told.append(await line.cut(lambda: line.store.accept([_arrival(1)]), "accept"))

    at_once(lose())
    assert [type(one) for one in told] == [CommitUnknown]
    assert [message.body for message in tables.books.messages.values()] == [b'{"n": 1}']
    at_once(line.store.accept([_arrival(2)]))  # on another connection


def test_a_run_leaves_nothing_to_the_next(proving: Server, loop: VirtualLoop) -> None:
    tables = _tables(proving, loop)
    at_once(tables.store.accept([_arrival(1)]))
    assert list(tables.books.messages) == [1]
    tables = _tables(proving, loop)
    assert not tables.books.messages
    at_once(tables.store.accept([_arrival(1)]))
    assert list(tables.books.messages) == [1]


def test_the_command_runs_on_a_server_of_its_own_and_keeps_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("--seeds", "2", "--store", "postgres", "--keep", "--data", str(tmp_path)) == 0
    assert "tables on PostgreSQL" in capsys.readouterr().out
    kept = json.loads((tmp_path / "proof" / "report.json").read_bytes())
    assert (kept["store"], kept["seeds"], kept["violations"]) == ("postgres", 2, 0)


def test_one_scenario_runs_on_it_too(tmp_path: Path, server: Embedded, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.json").write_text(encode(_alone(1, "late")))
    assert one_scenario(tmp_path / "one.json", False, server.url("postgres")) == 0
    assert run(_alone(1, "late")).digest in capsys.readouterr().out


def test_a_bug_that_only_sql_can_have_is_caught(proving: Server) -> None:
    """Commands are taken over while their lease still runs: no tables in memory could show it."""
    sound = deliveries._SQL._by_name["take_over"]
    deliveries._SQL._by_name["take_over"] = sound.replace("and d.due_at <= now()", "")
    try:
        caught = any(
            {"I12", "I1b"} & {one.invariant for one in ran.violations}
            for ran in (run(scenario(n, "pauses"), tables=partial(InPostgres, proving)) for n in range(5, 25))
        )
    finally:
        deliveries._SQL._by_name["take_over"] = sound
    assert "and d.due_at <= now()" in sound
    assert caught, "not within 20 seeds"
