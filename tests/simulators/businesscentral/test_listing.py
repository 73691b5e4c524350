"""An order as one view of all its documents: open, posted in part, posted whole, deleted, made twice."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.businesscentral.door import Setup, answering

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import booking, plain_order
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.order import Order
from crossdock.domain.outcome import Done
from crossdock.kit.listing import BILLED, OPEN, Listed, Window
from crossdock.kit.manifest import Call, Unreachable
from crossdock.simulators.base import Reply

LISTING = CONNECTOR.listing
assert LISTING is not None


async def sent(setup: Setup, payload: Any) -> Done:
    outcome = (await CONNECTOR.operations[payload.purpose].send(setup.client(), payload, Call("k"))).outcome
    assert isinstance(outcome, Done), outcome
    return outcome


async def booked(setup: Setup, external_id: str = "1001") -> tuple[Order, str]:
    order = plain_order(external_id=external_id)
    return order, (await sent(setup, booking(order))).refs["salesOrder"]


async def shipped(setup: Setup, order: Order, ref: str, name: str, *quantities: int) -> None:
    lines = tuple(
        ShippedLine(line.id, Decimal(n), line.sku) for line, n in zip(order.lines, quantities, strict=False) if n
    )
    shipment = Shipment(name, lines, setup.clock())
    refs = {line.sku: line.sku for line in order.lines if line.sku}
    await sent(setup, PostShipment(order.key, ref, shipment, item_refs=refs))


async def invoiced(setup: Setup, order: Order, ref: str, *names: str) -> None:
    await sent(setup, MakeInvoice(order.key, ref, names))


async def view(setup: Setup, key: str) -> Listed | None:
    found = await LISTING.named(setup.client(), [key])
    return found[0] if found else None


def units(order: Order) -> Decimal:
    return sum((line.quantity for line in order.lines), Decimal(0))


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


async def test_an_open_order_and_one_posted_whole_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    order, ref = await booked(setup)
    before = await view(setup, order.key)
    assert before is not None
    total = order.totals.total.shop
    assert (before.status, before.total, before.currency) == (OPEN, total, order.currency)
    assert (before.quantity, before.shipped, before.invoiced) == (units(order), 0, 0)
    await shipped(setup, order, ref, "S1", *(int(line.quantity) for line in order.lines))
    await invoiced(setup, order, ref, "S1")
    assert setup.books()["orders"] == [], "it is no sales order any more"
    monkeypatch.setattr("crossdock.connectors.businesscentral.listing.PAGE", 1)
    after = await view(setup, order.key)
    assert after is not None
    assert (after.status, after.total, after.quantity) == (BILLED, total, units(order))
    assert (after.shipped, after.invoiced) == (units(order), total)


async def test_posted_in_part_it_is_still_its_sales_order(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    order, ref = await booked(setup)
    await shipped(setup, order, ref, "S1", 1)
    await invoiced(setup, order, ref, "S1")
    part = await view(setup, order.key)
    assert part is not None
    assert (part.status, part.total, part.quantity, part.shipped) == (OPEN, order.totals.total.shop, units(order), 1)
    (bill,) = setup.books()["invoices"]
    assert part.invoiced == Decimal(bill["total"]) != 0


async def test_what_people_posted_deleted_and_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    order, ref = await booked(setup)
    setup.company.act("post", {"order": ref})
    by_people = await view(setup, order.key)
    assert by_people is not None
    assert (by_people.status, by_people.invoiced) == (BILLED, order.totals.total.shop)
    again = setup.company.entities.sales.new_order(
        {"externalDocumentNumber": order.key, "customerNumber": "C00000"}, setup.clock()
    )
    assert again.total == 0
    doubled = await view(setup, order.key)
    assert doubled is not None
    assert doubled.status == OPEN, "a second order of the number is told as one that is open"
    _, other = await booked(setup, "1002")
    setup.company.act("delete", {"order": other})
    assert await view(setup, "shop1-1002") is None


async def test_a_cancelled_invoice_stands_beside_the_credit_memo_that_cancels_it() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    setup.company.act("post", {"order": ref})
    before = await view(setup, order.key)
    (bill,) = setup.books()["invoices"]
    setup.company.act("cancel_invoice", {"invoice": bill["id"]})
    after = await view(setup, order.key)
    assert before is not None
    assert after is not None
    assert (after.status, after.total, after.invoiced) == (BILLED, before.total, before.invoiced)


async def test_two_sales_orders_of_one_number_do_not_come_to_what_is_owed() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    first = setup.company.ledger.documents[ref]
    second = type(first)(**{name: getattr(first, name) for name in first.__struct_fields__})
    second.id, second.number = setup.company.ledger.new_id("salesOrder"), "S-ORD-TWICE"
    setup.company.ledger.add(second)
    found = await view(setup, order.key)
    assert found is not None
    assert (found.total, found.quantity) == (2 * order.totals.total.shop, 2 * units(order))


async def test_twenty_keys_are_one_question_of_each_kind() -> None:
    setup = Setup()
    made = [(await booked(setup, str(1000 + n)))[0].key for n in range(5)]
    before = len(setup.door.sent)
    asked = [*made, *(f"shop1-{n}" for n in range(15))]
    assert {one.key for one in await LISTING.named(setup.client(), asked)} == set(made)
    entities = [sent.path.rpartition("/")[2] for sent in setup.door.sent[before:]]
    assert entities == ["salesOrders", "salesInvoices", "salesShipments"], "and the orders first: posting moves them"
    assert len(asked) == LISTING.most


async def test_an_order_that_is_posted_between_two_questions_is_never_missing() -> None:
    setup = Setup()
    order, ref = await booked(setup)

    def post(request: Any) -> None:
        if "salesInvoices" in request.path and setup.company.ledger.find("salesOrder", ref):
            setup.company.act("post", {"order": ref})

    setup.door.before = post
    found = await view(setup, order.key)
    assert found is not None
    assert (found.total, found.status) == (order.totals.total.shop, OPEN)


@pytest.mark.parametrize("rows", [1, 2, 1000])
async def test_a_window_names_what_changed_in_it_posted_or_not(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    setup = Setup()
    old, _ = await booked(setup, "1")
    posted, ref = await booked(setup, "2")
    setup.clock.forward(hours=2)
    since = setup.clock()
    new = [(await booked(setup, str(n)))[0].key for n in (3, 4, 5)]
    setup.company.act("post", {"order": ref})
    setup.clock.forward(seconds=5)
    until = setup.clock()
    later, _ = await booked(setup, "6")
    monkeypatch.setattr("crossdock.connectors.businesscentral.listing.PAGE", rows)
    keys = await keys_in(setup, Window(since, until))
    assert set(keys) == {*new, posted.key}
    assert old.key not in keys
    assert later.key not in keys


async def test_a_date_names_what_was_ordered_or_billed_on_it() -> None:
    setup = Setup()
    order, ref = await booked(setup)
    day = setup.clock().replace(hour=0)
    dates = [Window(day + timedelta(days=n), day + timedelta(days=n + 1), "placed") for n in (-1, 0, 1)]
    assert [await keys_in(setup, one) for one in dates] == [[], [order.key], []]
    setup.clock.forward(days=1)
    setup.company.act("post", {"order": ref})
    assert [set(await keys_in(setup, one)) for one in dates] == [set(), set(), {order.key}]


async def test_documents_of_other_people_are_none_of_ours() -> None:
    setup = Setup()
    setup.company.entities.sales.new_order(
        {"externalDocumentNumber": "PHONE-7", "customerNumber": "C00000"}, setup.clock()
    )
    now = setup.clock()
    assert await keys_in(setup, Window(now - timedelta(hours=1), now + timedelta(hours=1))) == []
    assert await LISTING.named(setup.client(), ["shop9-1", "shop1-" + "7" * 40]) == ()


async def test_a_link_that_comes_again_does_not_loop() -> None:
    head = "https://api.businesscentral.dynamics.com/v2.0/t/Production/api/v2.0/companies(c)/salesOrders"
    body = b'{"value":[],"@odata.nextLink":"%b?$skiptoken=same"}' % head.encode()
    setup = answering(*[Reply(200, body)] * 60)
    with pytest.raises(Unreachable, match="does not end"):
        await LISTING.named(setup.client(), ["shop1-1"])
