"""Positions: what moved or was ordered, every minute; all of it, every quarter hour; what is promised is not free."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.businesscentral.door import Setup, answering

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import booking, plain_order
from crossdock.domain.commands import CloseBooking
from crossdock.domain.outcome import Done
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.manifest import Call, Page, Unreachable
from crossdock.simulators.base import Reply


async def drain(setup: Setup, name: str, cursor: str | None = None) -> tuple[list[Page], str]:
    pages: list[Page] = []
    for _ in range(100):
        pages.append(await CONNECTOR.polls[name].run(setup.client(), cursor, {}))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages, cursor
    raise AssertionError("the poll does not end")


def positions(pages: list[Page]) -> list[PositionSeen]:
    found = [one for page in pages for one in page.found]
    events = [event for one in found for event in CONNECTOR.translate("erp", one.topic, one.body)]
    assert {(one.stream_kind, one.topic) for one in found} <= {("stock", "position")}
    assert len({one.delivery_id for one in found}) == len(found)
    assert all(isinstance(event, PositionSeen) for event in events)
    return events  # type: ignore[return-value]


def by_sku(pages: list[Page]) -> Mapping[str, tuple[Decimal, Decimal]]:
    return {seen.sku: (seen.on_hand, seen.committed) for seen in positions(pages)}


async def booked(setup: Setup) -> tuple[Any, str]:
    order = plain_order()
    done = (await CONNECTOR.operations["order.book"].send(setup.client(), booking(order), Call("k"))).outcome
    assert isinstance(done, Done)
    return order, done.refs["salesOrder"]


async def quiet(setup: Setup) -> str:
    """A poll that has been running for a while."""
    _, cursor = await drain(setup, "positions")
    setup.clock.forward(minutes=10)
    pages, cursor = await drain(setup, "positions", cursor)
    assert positions(pages) == []
    return cursor


async def test_a_count_shows_in_both_polls_under_the_companys_one_place() -> None:
    setup = Setup(items=3)
    cursor = await quiet(setup)
    setup.company.act("count_stock", {"sku": "SKU-0002", "quantity": "2.5"})
    (seen,) = positions((await drain(setup, "positions", cursor))[0])
    assert (seen.source, seen.location, seen.sku, seen.on_hand) == ("erp", "company", "SKU-0002", Decimal("2.5"))
    assert seen.as_of == setup.clock()
    everything = by_sku((await drain(setup, "positions_all"))[0])
    assert everything == {"SKU-0001": (1000, 0), "SKU-0002": (Decimal("2.5"), 0), "SKU-0003": (1000, 0)}


async def test_a_booking_is_committed_until_it_is_posted_and_then_gone() -> None:
    setup = Setup()
    cursor = await quiet(setup)
    order, ref = await booked(setup)
    units = {line.sku: line.quantity for line in order.lines if line.sku}
    pages, cursor = await drain(setup, "positions", cursor)
    assert by_sku(pages) == {sku: (1000, quantity) for sku, quantity in units.items()}
    setup.clock.forward(minutes=1)
    pages, cursor = await drain(setup, "positions", cursor)
    assert {seen.as_of for seen in positions(pages)} == {setup.clock()}, "listed again for some minutes"
    setup.clock.forward(minutes=10)
    _, cursor = await drain(setup, "positions", cursor)
    assert positions((await drain(setup, "positions", cursor))[0]) == []
    setup.company.act("post", {"order": ref})
    pages, cursor = await drain(setup, "positions", cursor)
    assert by_sku(pages) == {sku: (1000 - quantity, 0) for sku, quantity in units.items()}, "the books moved"


async def test_what_left_in_part_is_committed_for_the_rest() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    document = setup.company.ledger.documents[ref]
    item = next(line for line in document.lines if line.kind == "Item" and line.quantity > 1)
    for line in document.lines:
        line.to_ship = Decimal(1) if line is item else Decimal(0)
        line.to_invoice = Decimal(0)
    setup.company.act("post", {"order": ref})
    found = by_sku((await drain(setup, "positions"))[0])
    assert found[item.number] == (999, item.quantity - 1)
    assert order.lines


async def test_a_deleted_sales_order_gives_back_what_it_held() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    await CONNECTOR.operations["booking.close"].send(setup.client(), CloseBooking(order.key, ref), Call("k"))
    assert all(taken == 0 for _, taken in by_sku((await drain(setup, "positions_all"))[0]).values())


async def test_posted_between_two_questions_it_counts_twice_and_never_not_at_all() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    sku = next(line.sku for line in order.lines if line.sku)
    units = sum(line.quantity for line in order.lines if line.sku == sku)

    def post(request: Any) -> None:
        if request.path.endswith("/items") and setup.company.ledger.find("salesOrder", ref):
            setup.company.act("post", {"order": ref})

    setup.door.before = post
    on_hand, taken = by_sku((await drain(setup, "positions_all"))[0])[sku]
    assert (on_hand, taken) == (1000 - units, units)


async def test_a_replica_that_is_behind_is_not_read() -> None:
    setup = Setup()
    setup.company.faults.search_lag_s = 3600.0
    order, _ = await booked(setup)
    found = by_sku((await drain(setup, "positions"))[0])
    assert {sku for sku, (_, taken) in found.items() if taken} == {line.sku for line in order.lines if line.sku}


@pytest.mark.parametrize("name", ["positions", "positions_all"])
async def test_pages_end_and_no_item_is_missed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for limit in ("PAGE", "AT_ONCE", "MOST_AT_ONCE"):
        monkeypatch.setattr(f"crossdock.connectors.businesscentral.positions.{limit}", 3)
    setup = Setup(items=10)
    for nth in range(1, 11):
        setup.company.act("count_stock", {"sku": f"SKU-{nth:04}", "quantity": nth})
    pages, _ = await drain(setup, name)
    assert by_sku(pages) == {f"SKU-{nth:04}": (nth, 0) for nth in range(1, 11)}
    assert len(pages) == 4


async def test_skus_may_be_gtins() -> None:
    setup = Setup({"sku_field": "gtin"}, items=1)
    assert list(by_sku((await drain(setup, "positions_all"))[0])) == ["4000000000001"]


async def test_an_inventory_that_is_no_number_stops_the_poll_aloud() -> None:
    nothing, odd = b'{"value":[]}', b'{"value":[{"number":"A","inventory":1e400}]}'
    with pytest.raises(Unreachable, match="no quantity"):
        await drain(answering(Reply(200, nothing), Reply(200, odd)), "positions_all")
