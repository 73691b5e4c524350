"""What the day's look finds: every contradiction that is planted, and nothing in what the store itself wrote."""

import msgspec
import pytest

from crossdock.domain.decision import Reference
from crossdock.store import invariants
from crossdock.store.invariants import INVARIANTS, Checked
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LIVE, StreamPark
from tests.store.probes import arrival, booking, decided, problem, sent

# One way to break each, in rows beside those of a healthy database; each gives the id that is to be told.
PLANTED = {
    "waiting_without_stream": "insert into agenda (stream_id, message_id, priority) "
    "select 999, min(id), 2 from messages returning stream_id",
    "waiting_without_message": "insert into agenda (stream_id, message_id, priority) "
    "select id, 999, 0 from streams where key = 'open' returning message_id",
    "parked_apart": "update streams set status = 'exception' where key = 'parked' returning id",
    "dispatch_without_command": "insert into dispatch (command_id, connection_id, priority) values (999, 1, 0) "
    "returning command_id",
    "command_without_stream": "update commands set stream_id = 999 where key = 'sent/erp/order.book' returning id",
    "command_never_sent": "delete from dispatch where command_id = (select id from commands where key like 'open/%') "
    "returning command_id",
    "attempt_without_command": "update attempts set command_id = 999 where true returning id",
    "trouble_without_problem": "update streams set status = 'held' where key = 'open' returning id",
    "problem_without_trouble": "insert into exceptions (stream_id, key, class, code, title, hint, fingerprint, owner) "
    "select id, 'k', 'rejected', 'c', 't', 'h', 'f', 'o' from streams where key = 'open' returning id",
    "journal_apart": "delete from journal where stream_id = (select id from streams where key = 'open') "
    "returning stream_id",
    "ended_but_booking": "update streams set status = 'cancelled', finished_at = now() where key = 'open' returning "
    "(select id from commands where stream_id = streams.id)",
    "sales_order_of_two": 'insert into "references" (connection_id, type, external_id, stream_id) '
    "select r.connection_id, r.type, r.external_id, s.id from \"references\" r, streams s where s.key = 'waiting' "
    "returning stream_id",
}
# Other ways in which the same statements are to find something.
ALSO_PLANTED = [
    ("waiting_without_stream", "insert into timers values (999, 'alarm', now()) returning stream_id"),
    (
        "waiting_without_message",
        "insert into parked select id, 999, 0 from streams where key = 'parked' returning message_id",
    ),
    (
        "command_without_stream",
        "delete from streams where key = 'sent' returning (select id from commands where key like 'sent/%')",
    ),
    ("trouble_without_problem", "delete from exceptions where key = 'hold/rule' returning stream_id"),
    ("trouble_without_problem", "update exceptions set class = 'promise' where key = 'order.book' returning stream_id"),
    ("trouble_without_problem", "update exceptions set key = 'x' where key = 'parked' returning stream_id"),
    ("problem_without_trouble", "update exceptions set stream_id = 999 where key = 'late' returning id"),
    (
        "journal_apart",
        "insert into journal select stream_id, version, now() + interval '1 second', cause, entries, actor "
        "from journal where stream_id = (select id from streams where key = 'open') returning stream_id",
    ),
]


@pytest.fixture
async def healthy(store: PostgresStore) -> PostgresStore:
    """One order of each sort, as the store writes them."""
    await store.register("shop", "shopify", role="channel")
    await store.register("erp", "netsuite", role="erp")
    keys = ("open", "sent", "held", "failed", "late", "parked", "waiting")
    await store.accept([arrival(key, key) for key in keys[:-1]])
    async with store.claim_streams(LIVE, 10, 10) as batch:
        by = {stream.ref.key: stream for stream in batch.streams}
        parking = by.pop("parked")
        facts = {
            "open": {"commands": [booking("open/erp/order.book")]},
            "sent": {
                "commands": [booking("sent/erp/order.book")],
                "references": [Reference("erp", "salesOrder", "4711")],
            },
            "held": {"status": "held", "opened": [msgspec.structs.replace(problem("hold/rule"), klass="hold")]},
            "failed": {"status": "exception", "opened": [problem()]},
            "late": {"opened": [msgspec.structs.replace(problem("late"), klass="promise")]},
        }
        park = StreamPark(parking.id, parking.messages[0].id, problem("parked"))
        writes = [decided(stream, **facts[key]) for key, stream in by.items()]  # type: ignore[arg-type]
        await batch.write(writes, [park])
    leased = {command.key: command for command in await store.claim_commands("erp", 10, 30.0)}
    await store.record([sent(leased["sent/erp/order.book"])])
    await store.unlease([(leased["open/erp/order.book"].id, leased["open/erp/order.book"].fence)])
    await store.accept([arrival("waiting", "waiting")])
    return store


def broken(checked: list[Checked]) -> dict[str, list[int]]:
    return {one.invariant.name: [row.id for row in one.broken] for one in checked if not one.holds}


async def test_a_healthy_database_has_none(healthy: PostgresStore) -> None:
    checked = await invariants.check(healthy.pool)
    assert broken(checked) == {}
    assert [one.invariant for one in checked] == list(INVARIANTS)
    assert {one.count.n for one in checked if one.count} == {0}


@pytest.mark.parametrize(("name", "fault"), [*PLANTED.items(), *ALSO_PLANTED])
async def test_what_is_planted_is_found_with_its_id(healthy: PostgresStore, name: str, fault: str) -> None:
    planted = await healthy.pool.fetchval(fault)
    assert planted is not None
    found = broken(await invariants.check(healthy.pool))
    assert found[name] == [planted]


def test_a_fault_is_planted_for_every_invariant() -> None:
    assert sorted(PLANTED) == sorted(invariant.name for invariant in INVARIANTS)
    assert [name for name, _ in invariants.statements("invariants")] == [one.name for one in INVARIANTS]


async def test_what_was_parked_and_is_put_back_is_not_yet_decided_again(healthy: PostgresStore) -> None:
    """An order with an exception was parked by a message; put back, it says "open" until that message is decided."""
    await healthy.accept([arrival("d2", "failed")])
    async with healthy.claim_streams(LIVE, 10, 10) as batch:
        for stream in batch.streams:
            if stream.ref.key == "failed":
                await batch.write([], [StreamPark(stream.id, stream.messages[0].id, problem("parked"))])
    failed = await healthy.pool.fetchval("select id from streams where key = 'failed' and status = 'parked'")
    assert await healthy.unpark(failed) == 1
    assert await healthy.pool.fetchval("select status from streams where id = $1", failed) == "open"
    assert broken(await invariants.check(healthy.pool)) == {}


async def test_many_are_counted_to_a_bound_and_a_few_are_named(
    healthy: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "TOLD", 30)
    await healthy.pool.execute("insert into timers select 900 + n, 'alarm', now() from generate_series(1, 40) n")
    (one,) = [one for one in await invariants.check(healthy.pool) if not one.holds]
    assert one.count is not None
    assert (one.count.n, one.count.capped) == (30, True)
    assert [row.id for row in one.broken] == list(range(901, 921))


async def test_a_look_is_bounded_by_rows(healthy: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of what waits are looked at: what is broken stays, and becomes one of them."""
    alarms = "select 900 + n, 'alarm', now() + n * interval '1 second' from generate_series(1, 9) n"
    await healthy.pool.execute(f"insert into timers {alarms}")
    monkeypatch.setattr(invariants, "LOOKED", 3)
    assert broken(await invariants.check(healthy.pool)) == {"waiting_without_stream": [901, 902, 903]}
