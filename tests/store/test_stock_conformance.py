"""Commands that replace older ones, and the rows of stock: on PostgreSQL and in memory alike."""

from datetime import UTC, datetime
from decimal import Decimal

from crossdock.domain.decision import ReservationRow, StockRow
from crossdock.store.protocol import INVENTORY, NewCommand, Sent, Store
from tests.store.probes import Probe, arrival, decide

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = iter(range(10_000))


def number(key: str, instead_of: str | None = None) -> NewCommand:
    return NewCommand(key, "shop", "stock.publish", key.encode(), INVENTORY, instead_of=instead_of)


async def told(store: Store, *commands: NewCommand) -> None:
    await store.accept([arrival(f"s{next(_numbers)}")])
    await decide(store, commands=list(commands))


async def keys(store: Store, limit: int = 10) -> list[str]:
    return [command.key for command in await store.claim_commands("shop", limit, 30)]


async def test_a_newer_number_takes_the_place_of_one_that_was_never_sent(any_store: Store) -> None:
    await told(any_store, number("a1"))
    await told(any_store, number("b1"))
    await told(any_store, number("a2", "a1"))
    await told(any_store, number("a3", "a2"))
    assert await keys(any_store) == ["a3", "b1"], "in the first one's place, and once"


async def test_one_of_the_same_decision_is_replaced_too(any_store: Store) -> None:
    await told(any_store, number("a1"), number("a2", "a1"))
    assert await keys(any_store) == ["a2"]


async def test_a_number_that_was_sent_is_not_replaced(any_store: Store) -> None:
    await told(any_store, number("a1"))
    [first] = await any_store.claim_commands("shop", 1, 30)
    await told(any_store, number("a2", "a1"))
    assert await keys(any_store) == []
    again = Sent(first.id, first.fence, "unknown", "", NOW, 1.0, again_in_s=0.0, check_first=True)
    assert await any_store.record([again]) == [True]
    await told(any_store, number("a3", "a1"))
    [repeated] = await any_store.claim_commands("shop", 10, 30)
    assert (repeated.key, repeated.check_first) == ("a1", True)
    settled = Sent(first.id, repeated.fence, "done", "", NOW, 1.0, settled=b"{}")
    assert await any_store.record([settled]) == [True]
    await told(any_store, number("a4", "a1"))
    assert await keys(any_store) == [], "its outcome is coming, and leads to the next number"
    await told(any_store, number("a5"))
    assert await keys(any_store) == ["a5"]


async def test_numbers_let_live_orders_pass(any_store: Store) -> None:
    await told(any_store, number("a1"))
    await told(any_store, NewCommand("book", "shop", "order.book", b""))
    assert await keys(any_store) == ["book", "a1"]


async def test_rows_of_what_is_there_and_what_is_promised(any_store: Store, probe: Probe) -> None:
    row = StockRow("SKU-1", "erp/1", Decimal(5), Decimal(1), NOW)
    held = ReservationRow("SKU-1", "o1", "shop", Decimal(2))
    await any_store.accept([arrival("d1")])
    await decide(any_store, stock=[row], reservations=[held, ReservationRow("SKU-1", "o2", "shop", Decimal(1))])
    assert await probe.stock() == [("SKU-1", "erp/1", 5, 1)]
    assert await probe.reservations() == [("SKU-1", "o1", 2, False), ("SKU-1", "o2", 1, False)]
    await any_store.accept([arrival("d2")])
    committed = ReservationRow("SKU-1", "o1", "shop", Decimal(2), NOW)
    await decide(any_store, reservations=[committed, ReservationRow("SKU-1", "o2")])
    assert await probe.reservations() == [("SKU-1", "o1", 2, True)]
