"""What the database says on each scrape."""

import pytest

from crossdock.domain.decision import StreamRef
from crossdock.observe.catalogue import METRICS
from crossdock.observe.sql_gauges import SqlGauges
from crossdock.store.named import Statements
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Arrival


@pytest.fixture
async def filled(store: PostgresStore) -> PostgresStore:
    async with store.pool.acquire() as db:
        await db.execute(Statements("connections").register, "north", "tradepost", "channel", None, "1", "1")
    await store.tend()
    await store.accept(
        [Arrival("north", f"d{n}", "webhook", "t", StreamRef("order", f"north-{n}"), b"{}") for n in range(3)]
    )
    await store.trip("north", failures=5, breaker="open", for_s=60)
    async with store.pool.acquire() as db:
        await db.execute(
            "insert into exceptions (stream_id, key, class, code, title, hint, fingerprint, owner) "
            "select id, 'k', 'mapping', 'c', 't', 'h', 'f', 'o' from streams"
        )
        await db.execute(
            "insert into differences (channel, erp, order_key, kind, severity, cause, expected, found, repair, state, "
            "opened_at) select 'north', 'erp', 'north-' || n, 'missing_in_erp', 'high', 'c', 'e', 'f', 'ask', "
            "case n when 1 then 'suspected' else 'open' end, now() from generate_series(1, 3) as n"
        )
        await db.execute(
            "insert into reconciled_routes (channel, erp, began_at, ended_at, looked, differing, succeeded_at) "
            "values ('north', 'erp', now(), now(), 3, 2, now() - interval '1 hour')"
        )
        await db.execute("update streams set created_at = now() - interval '1 hour', channel = 'north', region = 'EU'")
    return store


async def test_gauges_equal_the_tables(filled: PostgresStore) -> None:
    samples = await SqlGauges(filled.pool).read()
    by = {(name, tuple(sorted(labels.items()))): value for name, labels, value in samples}
    assert by["crossdock.queue.depth", (("queue", "live"), ("state", "due"))] == 3
    assert by["crossdock.queue.depth", (("queue", "dispatch.north"), ("state", "ready"))] == 0
    assert by["crossdock.orders", (("status", "new"),)] == 3
    assert by["crossdock.order.age.max", (("status", "new"),)] == pytest.approx(3600, abs=60)
    assert by["crossdock.exceptions.open", (("class", "mapping"),)] == 3
    assert by["crossdock.circuit.state", (("state", "open"), ("target", "north"))] == 1
    assert by["crossdock.circuit.state", (("state", "closed"), ("target", "north"))] == 0
    assert by["crossdock.connection.paused", (("target", "north"),)] == 0
    assert by["crossdock.target.throttled", (("target", "north"),)] == 0
    assert by["crossdock.reconcile.differences", (("channel", "north"), ("kind", "missing_in_erp"))] == 2
    assert by["crossdock.reconcile.age", (("channel", "north"),)] == pytest.approx(3600, abs=60)
    assert {name for name, _, _ in samples} <= {metric.name for metric in METRICS.values() if metric.sql}


async def test_labels_fit_the_catalogue(filled: PostgresStore) -> None:
    for name, labels, _ in await SqlGauges(filled.pool).read():
        assert set(labels) == set(METRICS[name].labels)
