"""Differences as kept: suspected while a list may lag, open after it, settled once, forgotten when it was the lag."""

from collections.abc import AsyncIterator

import pytest

from crossdock.domain.reconciling import Difference
from crossdock.store import reading_differences
from crossdock.store.differences import Differences, Seen, Standing
from crossdock.store.postgres import PostgresStore

LAG_S = 180.0
GONE = Seen("shop-1", Difference("missing_in_erp", "deleted", "a sales order", "nothing", repair="book_again"))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def books(store: PostgresStore) -> Differences:
    return Differences(store.pool)


async def note(books: Differences, *seen: Seen, keys: tuple[str, ...] = ("shop-1",)) -> list[Standing]:
    now, _ = await books.note("shop", "erp", keys, seen, LAG_S)
    return now


async def age(store: PostgresStore, seconds: float) -> None:
    """Time goes by."""
    await store.pool.execute("update differences set found_at = found_at - make_interval(secs => $1)", seconds)


async def test_one_that_is_younger_than_the_lag_is_not_one_yet(store: PostgresStore, books: Differences) -> None:
    assert [one.state for one in await note(books, GONE)] == ["suspected"]
    await age(store, LAG_S - 5)
    assert [one.state for one in await note(books, GONE)] == ["suspected"]
    await age(store, 10)
    (one,) = await note(books, GONE)
    assert (one.state, one.looks, one.told, one.repairs) == ("open", 3, None, 0)
    (shown,) = (await reading_differences.page(store.pool)).differences
    assert (shown.order_key, shown.kind, shown.severity, shown.expected) == (
        "shop-1", "missing_in_erp", "high", "a sales order",
    )  # fmt: skip


async def test_a_lag_leaves_no_trace_and_what_stood_is_settled(store: PostgresStore, books: Differences) -> None:
    await note(books, GONE)
    assert await books.note("shop", "erp", ["shop-1"], [], LAG_S) == ([], [])
    assert await store.pool.fetchval("select count(*) from differences") == 0
    await note(books, GONE)
    await age(store, LAG_S + 1)
    (one,) = await note(books, GONE)
    await books.told([(one.id, "story")])
    _, gone = await books.note("shop", "erp", ["shop-1"], [], LAG_S)
    assert [(each.id, each.told) for each in gone] == [(one.id, "story")]
    settled = (await reading_differences.page(store.pool, state="settled")).differences
    assert [each.id for each in settled] == [one.id]
    assert settled[0].settled_at is not None
    again = await note(books, GONE)
    assert again[0].id != one.id, "what comes back is another one"


async def test_what_was_settled_long_ago_goes_and_what_stands_stays(store: PostgresStore, books: Differences) -> None:
    other = Seen("shop-2", GONE.difference)
    for wait_s in (0, LAG_S + 1):
        await age(store, wait_s)
        await books.note("shop", "erp", ["shop-1", "shop-2"], [GONE, other], LAG_S)
    await note(books, keys=("shop-1",))
    await books.sweep(400)
    assert await store.pool.fetchval("select count(*) from differences") == 2
    await store.pool.execute("update differences set settled_at = settled_at - interval '401 days'")
    await books.sweep(400)
    assert await store.pool.fetch("select order_key, state from differences") == [("shop-2", "open")]


async def test_orders_that_were_not_looked_at_keep_theirs(books: Differences, store: PostgresStore) -> None:
    other = Seen("shop-2", GONE.difference)
    await note(books, GONE, other, keys=("shop-1", "shop-2"))
    await note(books, keys=("shop-1",))
    assert await books.standing_keys("shop", 10) == ["shop-2"]
    assert await books.standing_keys("other", 10) == []


async def test_what_is_listed_is_filtered_and_paged(store: PostgresStore, books: Differences) -> None:
    seen = [Seen(f"shop-{n}", GONE.difference) for n in range(5)]
    low = Seen("shop-9", Difference("shipment_not_shown", "cancelled there", "whole", "none"))
    keys = [one.order_key for one in (*seen, low)]
    await books.note("shop", "erp", keys, [*seen, low], LAG_S)
    await age(store, 2 * 86_400)
    await books.note("shop", "erp", keys, [*seen, low], LAG_S)
    pool = store.pool
    first = await reading_differences.page(pool, limit=4)
    rest = await reading_differences.page(pool, limit=4, below=first.below)
    assert [one.order_key for one in (*first.differences, *rest.differences)] == [*reversed(keys)][:6]
    assert rest.below is None
    for narrowed, count in (
        ({"kind": "missing_in_erp"}, 5),
        ({"severity": "medium"}, 1),
        ({"channel": "other"}, 0),
        ({"older_s": 86_400.0}, 6),
        ({"older_s": 7 * 86_400.0}, 0),
        ({"state": "settled"}, 0),
    ):
        found = await reading_differences.page(pool, **narrowed)  # type: ignore[arg-type]
        assert len(found.differences) == count, narrowed
    missing, unshown = await reading_differences.kinds(pool)
    assert (missing.kind, missing.n, missing.hour, missing.day, missing.week, missing.older) == (
        "missing_in_erp", 5, 0, 0, 5, 0,
    )  # fmt: skip
    assert (unshown.kind, unshown.severity, unshown.n) == ("shipment_not_shown", "medium", 1)
    assert await reading_differences.kinds(pool, "other") == []


async def test_a_round_that_failed_keeps_when_one_succeeded(store: PostgresStore, books: Differences) -> None:
    await books.round("shop", "erp", 1.5, 40, 2, None)
    (good,) = await reading_differences.routes(store.pool)
    await books.round("shop", "erp", 0.5, 0, 0, "NotSent: refused\0")
    (bad,) = await reading_differences.routes(store.pool)
    assert (good.looked, good.differing, good.error) == (40, 2, None)
    assert (bad.looked, bad.error, bad.succeeded_at) == (
        0,
        "NotSent: refused\N{REPLACEMENT CHARACTER}",
        good.succeeded_at,
    )


async def test_the_walk_sees_every_order_and_begins_anew(store: PostgresStore, books: Differences) -> None:
    rows = [("order", f"shop-{n}", "shop") for n in range(5)] + [
        ("signal", "shop:order:1", "shop"),
        ("order", "b-1", "b"),
    ]
    for kind, key, channel in rows:
        await store.pool.execute(
            "insert into streams (kind, key, channel, version) values ($1, $2, $3, 1)", kind, key, channel
        )
    found: list[str] = []
    at = 0
    for _ in range(10):
        walked = await books.walk("shop", at, 3)
        found += walked.keys
        at = walked.at
        if not at:
            break
    assert found == [f"shop-{n}" for n in range(5)]


async def test_which_orders_have_a_difference_of_a_kind(store: PostgresStore, books: Differences) -> None:
    changed = Difference("channel_amount_differs", "newer", "1.00 EUR", "2.00 EUR")
    await note(books, GONE, Seen("shop-2", changed), Seen("shop-3", changed), keys=("shop-1", "shop-2", "shop-3"))
    asked = ("shop-1", "shop-2", "shop-9")
    assert await books.standing_among(asked, {"channel_amount_differs"}) == {"shop-2"}
    assert await books.standing_among(asked, {"channel_amount_differs", "missing_in_erp"}) == {"shop-1", "shop-2"}
    await books.note("shop", "erp", ["shop-2"], [], LAG_S)
    assert await books.standing_among(asked, {"channel_amount_differs"}) == set(), "it stands no more"
