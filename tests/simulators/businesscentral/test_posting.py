"""What follows a booking: shipments, invoices and closing have one effect each, whatever is repeated."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import AGAIN, again, booked, send, shipment, whole

from crossdock.connectors.businesscentral.tests.orders import (
    PLACED,
    SKUS,
    make_order,
    plain_line,
    plain_order,
)
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Invoice, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.engine.sending import dated
from crossdock.kit.http import AnswerLost
from crossdock.simulators.base import Reply, Request


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_partial_shipments_and_one_invoice(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    for part in (shipment("SH1", (1, "2"), (2, "1")), shipment("SH2", (2, "2"))):
        outcome = (await send(setup, "shipment.post", PostShipment(order.key, ref, part, SKUS))).outcome
        assert isinstance(outcome, Done), outcome
        assert outcome.refs["salesShipmentNumber"]
        assert not setup.books()["invoices"]
    outcome = (await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1", "SH2")))).outcome
    assert isinstance(outcome, Done), outcome
    invoice = msgspec.convert(outcome.facts["invoice"], Invoice)
    assert (invoice.total, invoice.tax, invoice.currency) == (order.totals.total.shop, Decimal("3.70"), "USD")
    books = setup.books()
    goods = [one for one in books["shipments"] if any(line["kind"] == "Item" for line in one["lines"])]
    assert [[line["quantity"] for line in one["lines"]] for one in goods] == [["2", "1"], ["2"]]
    assert [one["comments"] for one in goods] == [["Shipment SH1 / UPS 1Z999"], ["Shipment SH2 / UPS 1Z999"]]
    assert [one["total"] for one in books["invoices"]] == ["62.08"]
    assert not books["orders"]


@pytest.mark.parametrize("purpose", ["shipment.post", "invoice.make"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_posting_whose_answer_is_lost_has_one_effect(setup: Setup, purpose: str, nth: int) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    shipped = whole(order, ref)
    payload: Any = shipped if purpose == "shipment.post" else MakeInvoice(order.key, ref, ("SH1",))
    if purpose == "invoice.make":
        await send(setup, "shipment.post", shipped)
    setup.door.lose = nth
    try:
        assert isinstance((await send(setup, purpose, payload)).outcome, RetryLater)
        assert nth == 1
    except AnswerLost:
        assert nth == 2
    outcome = (await again(setup, purpose, payload)).outcome
    assert isinstance(outcome, Done)
    assert outcome.repeated is (nth == 2)
    goods = [one for one in setup.books()["shipments"] if any(line["kind"] == "Item" for line in one["lines"])]
    assert len(goods) == 1
    assert len(setup.books()["invoices"]) == (purpose == "invoice.make")


async def test_two_shipments_of_one_order_at_once_do_not_mix(setup: Setup) -> None:
    """The other one comes between our look at the order and our posting: the ETag of the line says so."""
    order = plain_order()
    ref = await booked(setup, order)
    one = PostShipment(order.key, ref, shipment("SH1", (1, "2")), SKUS)
    other = PostShipment(order.key, ref, shipment("SH2", (2, "3")), SKUS)
    serve = setup.company.handle

    async def interrupted(request: Request) -> Reply:
        if request.path.endswith("$batch") and b"shipAndInvoice" in request.body:
            setup.door.answer = serve
            assert isinstance((await send(setup, "shipment.post", other)).outcome, Done)
        return await serve(request)

    setup.door.answer = interrupted
    outcome = (await send(setup, "shipment.post", one)).outcome
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "record_changed"
    assert isinstance((await again(setup, "shipment.post", one)).outcome, Done)
    assert [line["shipped"] for line in setup.books()["orders"][0]["lines"]][:3] == ["0", "2", "3"]


async def test_a_posting_that_is_refused_changes_nothing(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    before = setup.books()
    setup.company.act("block_item", {"number": "SKU-0001"})
    outcome = (await send(setup, "shipment.post", whole(order, ref))).outcome
    assert isinstance(outcome, Rejected)
    assert setup.books() == before
    (line, *_) = [line for line in setup.company.ledger.of("salesOrder")[0].lines if line.kind == "Item"]
    assert line.to_invoice == 2  # undone with the rest


async def test_lines_of_one_item_are_told_apart_by_the_channels_line_id(setup: Setup) -> None:
    order = make_order((plain_line(1, sku="SKU-0007"), plain_line(2, sku="SKU-0007")))
    ref = await booked(setup, order)
    part = Shipment("SH1", (ShippedLine("line-2", Decimal(2), "SKU-0007"),), PLACED)
    assert isinstance((await send(setup, "shipment.post", PostShipment(order.key, ref, part, SKUS))).outcome, Done)
    assert [line["shipped"] for line in setup.books()["orders"][0]["lines"]] == ["0", "0", "2"]


async def test_what_needs_no_shipment_is_billed_with_the_rest(setup: Setup) -> None:
    order = make_order((plain_line(1), plain_line(2, "7.00", "1", requires_shipping=False)))
    ref = await booked(setup, order)
    part = PostShipment(order.key, ref, shipment("SH1", (1, "2")), SKUS)
    assert isinstance((await send(setup, "shipment.post", part)).outcome, Done)
    assert isinstance((await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome, Done)
    assert [one["total"] for one in setup.books()["invoices"]] == [str(order.totals.total.shop)]


async def test_shipping_more_than_is_open_is_refused_by_line(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    part = PostShipment(order.key, ref, shipment("SH1", (1, "3")), SKUS)
    outcome = (await send(setup, "shipment.post", part)).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("over_fulfilment", "lines[line-1]")
    assert not setup.books()["shipments"]


async def test_nothing_shipped_is_nothing_to_invoice(setup: Setup) -> None:
    order = make_order((plain_line(1),))
    ref = await booked(setup, order)
    outcome = (await send(setup, "invoice.make", MakeInvoice(order.key, ref))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "nothing_to_invoice"


async def test_closing_deletes_the_order_once(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    payload = CloseBooking(order.key, ref, "cancelled")
    first, second = [(await send(setup, "booking.close", payload)).outcome for _ in range(2)]
    assert first == Done(refs={"salesOrder": ref})
    assert second == Done(refs={"salesOrder": ref}, repeated=True)
    assert not setup.books()["orders"]


@pytest.mark.parametrize("made_anew", [False, True], ids=["two of one number", "deleted and made anew"])
async def test_an_order_that_is_not_the_one_asked_for_is_not_told_as_closed(setup: Setup, made_anew: bool) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    header = {"externalDocumentNumber": order.key.upper(), "customerNumber": "C00000"}
    await setup.client().create_order(header)
    if made_anew:
        setup.company.act("delete", {"order": ref})
    asked = ref if made_anew else order.key  # a person who resolved the booking named no id
    outcome = (await send(setup, "booking.close", CloseBooking(order.key, asked))).outcome
    assert isinstance(outcome, Conflict), outcome
    assert outcome.code == "still_open"
    assert len(setup.books()["orders"]) == (1 if made_anew else 2)


async def test_what_was_shipped_or_billed_cannot_be_closed(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    await send(setup, "shipment.post", PostShipment(order.key, ref, shipment("SH1", (1, "1")), SKUS))
    outcome = (await send(setup, "booking.close", CloseBooking(order.key, ref))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "already_shipped"
    setup.company.act("post", {"order": ref})
    for purpose, payload in (
        ("invoice.make", MakeInvoice(order.key, ref)),
        ("booking.close", CloseBooking(order.key, ref)),
        ("shipment.post", whole(order, ref, "SH2")),
    ):
        outcome = (await send(setup, purpose, payload)).outcome
        assert isinstance(outcome, Conflict), purpose
        assert outcome.code == "already_billed"


async def test_a_sales_order_that_is_gone_is_said_so(setup: Setup) -> None:
    outcome = (await send(setup, "shipment.post", whole(plain_order(), "SHOP1-1"))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "sales_order_gone"


async def test_an_order_is_found_by_a_number_that_a_person_has_given(setup: Setup) -> None:
    order = plain_order()
    await booked(setup, order)
    (kept,) = setup.books()["orders"]
    for ref in (kept["number"], order.key):
        outcome = (
            await send(setup, "shipment.post", PostShipment(order.key, ref, shipment(ref, (1, "1")), SKUS))
        ).outcome
        assert isinstance(outcome, Done), ref


@pytest.mark.parametrize("purpose", ["shipment.post", "invoice.make"])
async def test_a_repeat_without_a_doubt_looks_too(setup: Setup, purpose: str) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    payloads: dict[str, Any] = {
        "shipment.post": PostShipment(order.key, ref, shipment("SH1", (1, "1")), SKUS),
        "invoice.make": MakeInvoice(order.key, ref, ("SH1",)),
    }
    for each in payloads:
        await send(setup, each, payloads[each])
    before = setup.books()
    outcome = (await send(setup, purpose, payloads[purpose], AGAIN)).outcome
    assert isinstance(outcome, Done)
    assert outcome.repeated
    assert setup.books() == before


@pytest.mark.parametrize("status", [400, 404, 429, 503])
async def test_what_is_posted_and_not_read_back_is_unknown_not_refused(setup: Setup, status: int) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    serve = setup.company.handle

    async def unread(request: Request) -> Reply:
        reply = await serve(request)
        if b"shipAndInvoice" not in request.body:
            return reply
        body = msgspec.json.decode(reply.body)
        body["responses"][-1] |= {"status": status, "body": {"error": {"code": "Application_X", "message": "x"}}}
        return msgspec.structs.replace(reply, body=msgspec.json.encode(body))

    setup.door.answer = unread
    outcome = (await send(setup, "shipment.post", whole(order, ref))).outcome
    assert isinstance(outcome, OutcomeUnknown), outcome
    setup.door.answer = serve
    assert isinstance((await again(setup, "shipment.post", whole(order, ref))).outcome, Done)
    assert len(setup.books()["shipments"]) == 1


async def test_a_version_that_posts_and_then_fails_is_looked_up() -> None:
    setup = Setup(tells_of_shipments=False)
    order = plain_order()
    ref = await booked(setup, order)
    outcome = (await send(setup, "shipment.post", whole(order, ref))).outcome
    assert isinstance(outcome, Done)
    assert len(setup.books()["shipments"]) == 1
    assert isinstance((await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome, Done)


async def test_what_people_post_after_us_is_not_taken_for_ours(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    part = PostShipment(order.key, ref, shipment("SH1", (1, "2")), SKUS)
    outcome = (await send(setup, "shipment.post", part)).outcome
    assert isinstance(outcome, Done)
    setup.company.act("post", {"order": ref})
    posted = setup.company.ledger.of("salesShipment")
    setup.company.ledger.documents = {one.id: one for one in reversed(list(setup.company.ledger.documents.values()))}
    assert len(posted) == 2
    assert (await again(setup, "shipment.post", part)).outcome == Done(outcome.refs, repeated=True)


# -- posting days -----------------------------------------------------------------------------------------------------


def days(setup: Setup, kind: str) -> list[str]:
    return [one.day.isoformat() for one in setup.company.ledger.of(kind)]


async def test_goods_and_bill_are_posted_on_their_own_days_whatever_the_orders_is(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    late = msgspec.structs.replace(shipment("SH1", (1, "2"), (2, "3")), shipped_at=PLACED + timedelta(days=3))
    outcome = (await send(setup, "shipment.post", PostShipment(order.key, ref, late, SKUS))).outcome
    assert isinstance(outcome, Done), outcome
    setup.clock.forward(days=5)
    outcome = (await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome
    assert isinstance(outcome, Done), outcome
    left = (PLACED + timedelta(days=3)).date().isoformat()
    assert (days(setup, "salesShipment")[0], days(setup, "salesInvoice")) == (left, [setup.clock().date().isoformat()])


async def test_in_a_foreign_currency_too_where_another_date_changes_every_line(setup: Setup) -> None:
    order = plain_order(currency="EUR")
    ref = await booked(setup, order)
    late = msgspec.structs.replace(shipment("SH1", (1, "2"), (2, "2")), shipped_at=PLACED + timedelta(days=3))
    outcome = (await send(setup, "shipment.post", PostShipment(order.key, ref, late, SKUS))).outcome
    assert isinstance(outcome, Done), outcome
    setup.clock.forward(days=5)
    outcome = (await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome
    assert isinstance(outcome, Done), outcome
    left = (PLACED + timedelta(days=3)).date().isoformat()
    assert (days(setup, "salesShipment")[0], days(setup, "salesInvoice")) == (left, [setup.clock().date().isoformat()])


async def test_what_falls_into_closed_books_is_refused_and_posted_on_the_first_open_day_when_it_is_told_so(
    setup: Setup,
) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    first = PLACED.date() + timedelta(days=8)
    setup.company.act("allow_posting", {"from": first.isoformat()})
    goods, bill = whole(order, ref), MakeInvoice(order.key, ref, ("SH1",))
    refused = (await send(setup, "shipment.post", goods)).outcome
    assert isinstance(refused, Rejected), refused
    assert "allowed posting dates" in refused.detail
    assert isinstance((await again(setup, "shipment.post", dated(goods, first))).outcome, Done)
    refused = (await send(setup, "invoice.make", bill)).outcome
    assert isinstance(refused, Rejected), "its own day is before the first open one, whatever the shipment's was"
    assert isinstance((await again(setup, "invoice.make", dated(bill, first))).outcome, Done)
    assert (days(setup, "salesShipment")[0], days(setup, "salesInvoice")) == (first.isoformat(), [first.isoformat()])
