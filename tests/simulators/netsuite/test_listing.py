"""Sales orders as thin views by SuiteQL: windows in the account's wall time, sums of lines and invoices, any status."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.door import Setup, answering, fresh_credentials
from tests.simulators.netsuite.test_polls import billed, narrow

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.listing import _state
from crossdock.connectors.netsuite.tests.orders import booking, plain_order
from crossdock.domain.outcome import Done
from crossdock.kit.listing import Listed, Window
from crossdock.kit.manifest import Call, Unreachable
from crossdock.simulators.base import Reply
from crossdock.simulators.netsuite import Credentials

LISTING = CONNECTOR.listing
assert LISTING is not None


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


async def booked(setup: Setup, external_id: str) -> str:
    """A sales order's internal id."""
    order = plain_order(external_id=external_id)
    outcome = (await CONNECTOR.operations["order.book"].send(setup.client(), booking(order), Call("k"))).outcome
    assert isinstance(outcome, Done)
    return outcome.refs["salesOrder"]


async def keys_in(setup: Setup, window: Window) -> list[str]:
    found: list[str] = []
    cursor = None
    for _ in range(50):
        page = await LISTING.pages(setup.client(), window, cursor)
        found += page.keys
        if page.cursor is None:
            return found
        cursor = page.cursor
    raise AssertionError("the list does not end")


async def one(setup: Setup, key: str) -> Listed:
    (view,) = await LISTING.named(setup.client(), [key])
    return view


@pytest.mark.parametrize("rows", [1, 3, 1000])
async def test_a_window_names_every_order_that_changed_in_it_over_its_pages(
    credentials: Credentials, rows: int
) -> None:
    setup = Setup(credentials, customers=0)
    for n in range(5):
        await booked(setup, f"10{n}")
    began = setup.clock()
    setup.clock.forward(hours=1)
    await billed(setup, "200")
    narrow(setup, rows)
    assert set(await keys_in(setup, Window(began, began + timedelta(minutes=1)))) == {f"shop1-10{n}" for n in range(5)}
    later = Window(setup.clock(), setup.clock() + timedelta(minutes=1))
    assert set(await keys_in(setup, later)) == {"shop1-200"}
    assert set(await keys_in(setup, msgspec.structs.replace(later, by="placed"))) == {"shop1-200"}
    assert await keys_in(setup, Window(began + timedelta(minutes=1), setup.clock())) == []


async def test_where_clocks_are_put_back_both_hours_are_listed(credentials: Credentials) -> None:
    zone = "Europe/Berlin"
    setup = Setup(credentials, {"time_zone": zone}, time_zone=zone, customers=0)
    setup.clock.at = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)  # 02:40, the first time
    await booked(setup, "1")
    setup.clock.at = datetime(2026, 10, 25, 1, 5, tzinfo=UTC)  # 02:05, the second time
    await booked(setup, "2")
    window = Window(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 10, tzinfo=UTC))
    assert set(await keys_in(setup, window)) == {"shop1-1", "shop1-2"}


async def test_a_view_has_the_amounts_and_units_of_its_documents(credentials: Credentials) -> None:
    setup = Setup(credentials, customers=0)
    ref = await booked(setup, "1")
    total = plain_order().totals.total.shop
    view = await one(setup, "shop1-1")
    assert (view.external_id, view.key, view.status, view.currency) == (ref, "shop1-1", "open", "USD")
    assert (view.total, view.quantity, view.shipped, view.invoiced) == (total, 5, 0, 0)
    assert view.changed_at == setup.clock().replace(microsecond=0)
    await billed(setup, "2")
    view = await one(setup, "shop1-2")
    assert (view.total, view.quantity, view.shipped, view.invoiced, view.status) == (total, 5, 5, total, "billed")


async def test_what_people_do_shows(credentials: Credentials) -> None:
    setup = Setup(credentials, customers=0)
    refs = {name: await booked(setup, name) for name in ("edited", "closed", "deleted")}
    setup.account.act("edit_line", {"order": refs["edited"], "line": 1, "quantity": 7})
    setup.account.act("close", {"order": refs["closed"]})
    setup.account.act("delete", {"order": refs["deleted"]})
    views = {view.key: view for view in await LISTING.named(setup.client(), [f"shop1-{name}" for name in refs])}
    assert set(views) == {"shop1-edited", "shop1-closed"}
    assert views["shop1-closed"].status == "closed"
    edited = views["shop1-edited"]
    assert (edited.status, edited.quantity) == ("open", 10)
    assert edited.total == plain_order().totals.total.shop + 5 * Decimal("19.99")


async def test_keys_that_no_external_id_can_be_are_not_asked_for(credentials: Credentials) -> None:
    setup = Setup(credentials, customers=0)
    await booked(setup, "1")
    asked = ["shop1-1", "shop1-'; DROP TABLE transaction --", "shop1-a/b", ""]
    assert [view.key for view in await LISTING.named(setup.client(), asked)] == ["shop1-1"]
    assert await LISTING.named(setup.client(), ["it's"]) == ()


def test_every_spelling_of_a_status() -> None:
    for spelling in ("G", "SalesOrd:G", "Billed", "Sales Order : Billed"):
        assert _state(spelling) == "billed"
    assert _state("Sales Order : Closed") == "closed"
    assert _state("C") == _state("Cancelled") == "cancelled"
    for spelling in ("A", "B", "SalesOrd:E", "Sales Order : Pending Fulfillment"):
        assert _state(spelling) == "open"


GOOD = {"id": "1", "externalid": "shop1-1", "tranid": "SO1", "status": "B", "foreigntotal": "1.00", "currency": "USD",
        "created": "2026-11-23 10:00:00", "changed": "2026-11-23 10:00:00"}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"foreigntotal": "NaN"}, {"foreigntotal": "1E+99999"}, {"changed": "yesterday"}, {"id": "x"}, {"tranid": 3}],
)
async def test_an_answer_of_another_shape_is_no_answer(credentials: Credentials, change: Mapping[str, Any]) -> None:
    def said(*items: Mapping[str, Any]) -> Reply:
        return Reply(200, msgspec.json.encode({"items": items, "hasMore": False}))

    setup = answering(said({**GOOD, **change}), said(), said(), credentials=credentials)
    with pytest.raises(Unreachable):
        await one(setup, "shop1-1")


async def test_a_refusal_says_so(credentials: Credentials) -> None:
    setup = answering(Reply(503, b"<html>"), credentials=credentials)
    with pytest.raises(Unreachable, match="did not answer a query"):
        await one(setup, "shop1-1")
