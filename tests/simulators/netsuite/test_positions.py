"""Positions: changed ones every minute, all of them every quarter hour, with what NetSuite's own orders have taken."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.door import Setup, fresh_credentials
from tests.simulators.netsuite.test_polls import drain, narrow

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.tests.orders import booking, plain_order
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.manifest import Call, Untranslatable
from crossdock.simulators.netsuite import Credentials


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


def positions(pages: list[Any]) -> list[PositionSeen]:
    found = [one for page in pages for one in page.found]
    events = [event for one in found for event in CONNECTOR.translate("erp", one.topic, one.body)]
    assert all(isinstance(event, PositionSeen) for event in events)
    assert {(one.stream_kind, one.topic) for one in found} <= {("stock", "position")}
    assert len({one.delivery_id for one in found}) == len(found)
    return events  # type: ignore[return-value]


async def test_on_hand_and_what_open_orders_committed(credentials: Credentials) -> None:
    setup = Setup(credentials)
    setup.account.act("count_stock", {"sku": "SKU-0001", "quantity": 10})
    setup.account.act("count_stock", {"sku": "SKU-0002", "quantity": "2.5", "location": "2"})
    [first, second] = positions((await drain(setup, "positions_all"))[0])
    assert (first.sku, first.location, first.on_hand, first.committed) == ("SKU-0001", "1", 10, 0)
    assert (second.sku, second.location, second.on_hand) == ("SKU-0002", "2", Decimal("2.5"))
    assert (first.source, first.as_of) == ("erp", setup.clock.at)


async def test_a_booking_of_ours_shows_as_committed(credentials: Credentials) -> None:
    setup = Setup(credentials)
    order = booking(plain_order())
    (sku, ref) = next(iter(order.item_refs.items()))
    named = setup.account.items[ref].itemid
    units = sum(line.quantity for line in order.order.lines if line.sku == sku)
    setup.account.act("count_stock", {"sku": named, "quantity": 50})
    setup.clock.forward(minutes=10)
    _, cursor = await drain(setup, "positions")
    pages, cursor = await drain(setup, "positions", cursor)
    assert positions(pages) == []
    await CONNECTOR.operations["order.book"].send(setup.client(), order, Call("k"))
    pages, cursor = await drain(setup, "positions", cursor)
    [seen] = positions(pages)
    assert (seen.on_hand, seen.committed) == (50, units)
    setup.clock.forward(minutes=1)
    pages, cursor = await drain(setup, "positions", cursor)
    [later] = positions(pages)
    assert later.as_of > seen.as_of, "listed again for some minutes, so that it is known to be in the numbers"
    setup.clock.forward(minutes=10)
    _, cursor = await drain(setup, "positions", cursor)
    assert positions((await drain(setup, "positions", cursor))[0]) == []


@pytest.mark.parametrize("name", ["positions", "positions_all"])
async def test_pages_end_and_no_location_of_an_item_is_missed(credentials: Credentials, name: str) -> None:
    setup = Setup(credentials)
    narrow(setup, 4)
    wanted = set()
    for nth in range(1, 8):
        for location in ("1", "2", "3"):
            setup.account.act("count_stock", {"sku": f"SKU-{nth:04d}", "quantity": nth, "location": location})
            wanted.add((f"SKU-{nth:04d}", location))
    pages, _ = await drain(setup, name)
    assert {(seen.sku, seen.location) for seen in positions(pages)} == wanted
    assert len(pages) > 1


@pytest.mark.parametrize("name", ["positions", "positions_all"])
async def test_a_row_without_a_quantity_stops_its_own_sku_and_none_of_its_page(
    credentials: Credentials, name: str
) -> None:
    setup = Setup(credentials)
    for nth in range(1, 4):
        setup.account.act("count_stock", {"sku": f"SKU-{nth:04d}", "quantity": nth})
    setup.account.act("blank_stock", {"sku": "SKU-0002"})
    pages, _ = await drain(setup, name)
    found = [one for page in pages for one in page.found]
    assert [one.stream_key for one in found] == ["SKU-0001", "SKU-0002", "SKU-0003"]
    first, bad, last = ((one.topic, one.body) for one in found)
    seen = [event for topic, body in (first, last) for event in CONNECTOR.translate("erp", topic, body)]
    assert [(event.sku, event.on_hand) for event in seen] == [("SKU-0001", 1), ("SKU-0003", 3)]  # type: ignore[union-attr]
    with pytest.raises(Untranslatable, match="on_hand"):
        CONNECTOR.translate("erp", *bad)


def test_a_position_that_cannot_be_read_names_the_field() -> None:
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("erp", "position", b"{}")
    assert caught.value.field == "body"
    seen = {"source": "x", "location": "1", "sku": "S", "on_hand": "NaN", "committed": "0",
            "as_of": "2026-11-23T12:00:00Z"}  # fmt: skip
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("erp", "position", msgspec.json.encode({"type": "position_seen", **seen}))
    assert caught.value.field == "on_hand"
