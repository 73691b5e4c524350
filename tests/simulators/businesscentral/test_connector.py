"""The connector against a company that keeps books: one effect per repeat, whichever answer is lost."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from tests.simulators.businesscentral.door import Setup, answering

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import (
    PLACED,
    SKUS,
    booking,
    make_order,
    orders,
    plain_line,
    plain_order,
)
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.order import Order
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Result, Unreachable
from crossdock.simulators.base import Reply, Request

FIRST, AGAIN = Call("key"), Call("key", tries=1)


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def send(setup: Setup, purpose: str, payload: Any, call: Call = FIRST) -> Result:
    return await CONNECTOR.operations[purpose].send(setup.client(), payload, call)


async def again(setup: Setup, purpose: str, payload: Any) -> Result:
    """What the engine does with a doubt: look up, then send."""
    look_up = CONNECTOR.operations[purpose].look_up
    found = await look_up(setup.client(), payload, AGAIN) if look_up else None
    return found or await send(setup, purpose, payload, AGAIN)


async def booked(setup: Setup, order: Order) -> str:
    outcome = (await send(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done), outcome
    assert not outcome.repeated
    return outcome.refs["salesOrder"]


def shipment(shipment_id: str, *lines: tuple[int, str]) -> Shipment:
    shipped = tuple(ShippedLine(f"line-{n}", Decimal(quantity), f"SKU-{n:04}") for n, quantity in lines)
    return Shipment(shipment_id, shipped, PLACED, (Package("1Z999", "UPS", weight_g=Decimal(900)),))


def whole(order: Order, ref: str, shipment_id: str = "SH1") -> PostShipment:
    return PostShipment(order.key, ref, shipment(shipment_id, (1, "2"), (2, "3")), SKUS)


# -- signing in -------------------------------------------------------------------------------------------------


async def test_the_sign_in_is_entra_ids(setup: Setup) -> None:
    asked: list[Request] = []
    serve = setup.company.handle

    async def noting(request: Request) -> Reply:
        asked.append(request)
        return await serve(request)

    setup.door.answer = noting
    await asyncio.gather(*(send(setup, "order.book", booking(plain_order(external_id=str(n)))) for n in range(3)))
    (sign_in,) = [one for one in asked if "/oauth2/" in one.path]
    form = {name: values[0] for name, values in parse_qs(sign_in.body.decode()).items()}
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://api.businesscentral.dynamics.com/.default"


async def test_a_revoked_token_is_replaced_and_only_a_fresh_refusal_pauses(setup: Setup) -> None:
    await booked(setup, plain_order())
    setup.company.act("revoke_tokens", {})
    first = (await send(setup, "order.book", booking(plain_order(external_id="2")))).outcome
    assert isinstance(first, RetryLater)
    assert first.code == "token_refused"
    await booked(setup, plain_order(external_id="2"))
    serve = setup.company.handle

    async def refusing(request: Request) -> Reply:
        reply = await serve(request)
        return reply if "/oauth2/" in request.path else Reply(401)

    setup.door.answer = refusing
    outcomes = [(await send(setup, "order.book", booking(plain_order(external_id="3")))).outcome for _ in range(2)]
    assert [type(outcome) for outcome in outcomes] == [RetryLater, Misconfigured]


@pytest.mark.parametrize("wrong", [{"client_id": "other"}, {"tenant": "other"}])
async def test_a_refused_application_is_misconfigured(wrong: dict[str, str]) -> None:
    setup = Setup(wrong)
    outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Misconfigured)
    assert not setup.books()["orders"]


# -- booking ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=orders())
def test_the_companys_own_arithmetic_gives_the_channels_total(order: Order) -> None:
    async def run() -> None:
        for mode in ("computed", "account"):
            setup = Setup({"tax_mode": mode}, items=10, customers=0)
            await booked(setup, order)
            (kept,) = setup.books()["orders"]
            assert Decimal(kept["total"]) == order.totals.total.shop
            assert kept["currency"] == order.currency
            assert kept["external"] == order.key.upper()

    asyncio.run(run())


async def test_a_calm_booking_asks_makes_and_fills(setup: Setup) -> None:
    ref = await booked(setup, plain_order())
    assert [request.path.rpartition("/")[2] for request in setup.door.sent] == ["$batch", "salesOrders", "$batch"]
    assert setup.door.asked() == [
        "GET salesOrders", "GET salesInvoices", "GET salesShipments", "POST salesOrders",
        *["POST salesOrders()/salesOrderLines"] * 4, "GET salesOrders()",
    ]  # fmt: skip
    (kept,) = setup.books()["orders"]
    assert kept["id"] == ref
    assert [line["kind"] for line in kept["lines"]] == ["Comment", "Item", "Item", "Account"]
    assert (kept["total"], kept["tax"]) == ("62.08", "3.70")


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("how", ["lost", "html", "504"])
async def test_an_answer_lost_at_any_call_leaves_one_whole_order(setup: Setup, nth: int, how: str) -> None:
    order, serve, calls = plain_order(), setup.company.handle, 0

    async def failing(request: Request) -> Reply:
        nonlocal calls
        reply = await serve(request)
        calls += "/oauth2/" not in request.path
        if calls != nth or how == "lost":
            return reply
        return Reply(200 if how == "html" else 504, b"<html>One moment</html>", {"content-type": "text/html"})

    setup.door.answer = failing
    setup.door.lose = nth if how == "lost" else None
    try:
        outcome = (await send(setup, "order.book", booking(order))).outcome
        assert isinstance(outcome, RetryLater if nth == 1 else OutcomeUnknown)
    except AnswerLost:
        assert how == "lost"
    outcome = (await again(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done), outcome
    (kept,) = setup.books()["orders"]
    assert len(kept["lines"]) == 4
    assert Decimal(kept["total"]) == order.totals.total.shop
    assert outcome.refs == {"salesOrder": kept["id"]}
    assert outcome.repeated is (nth > 1)


async def test_the_company_makes_two_of_the_same_creation_sent_twice(setup: Setup) -> None:
    """The premise of everything here: Business Central does not refuse a repeat."""
    await booked(setup, plain_order())
    client = setup.client()
    twin = {"externalDocumentNumber": plain_order().key.upper(), "customerNumber": "C00000"}
    await client.create_order(twin)
    assert setup.books()["doubled"] == ["SHOP1-6674573197567"]
    outcome = (await again(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Conflict)
    assert (outcome.code, len(outcome.refs)) == ("doubled", 2)


async def test_a_half_made_order_is_no_success_and_is_completed(setup: Setup) -> None:
    order = plain_order()
    setup.door.lose = 2
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    look_up = CONNECTOR.operations["order.book"].look_up
    assert look_up is not None
    assert await look_up(setup.client(), booking(order), AGAIN) is None
    outcome = (await send(setup, "order.book", booking(order), AGAIN)).outcome
    assert isinstance(outcome, Done)
    assert len(setup.books()["orders"]) == 1


async def test_lines_that_are_saved_late_are_not_doubled(setup: Setup) -> None:
    """The lines' batch of an earlier send is committed between our look and our own lines."""
    order = plain_order()
    setup.door.lose = 2
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    late: list[Request] = []
    serve = setup.company.handle

    async def held(request: Request) -> Reply:
        if request.path.endswith("$batch") and b"POST" in request.body and not late:
            late.append(request)
            raise AnswerLost("held up")
        return await serve(request)

    setup.door.answer = held
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order), AGAIN)

    async def then(request: Request) -> Reply:
        if request.path.endswith("$batch") and b"POST" in request.body and len(late) == 1:
            late.append(request)
            await serve(late[0])
        return await serve(request)

    setup.door.answer = then
    outcome = (await send(setup, "order.book", booking(order), AGAIN)).outcome
    assert isinstance(outcome, Done), outcome
    (kept,) = setup.books()["orders"]
    assert len(kept["lines"]) == 4


async def test_an_order_of_many_lines_is_filled_in_batches(setup: Setup) -> None:
    order = make_order(tuple(plain_line(n, "1.00", "1") for n in range(1, 151)))
    setup.door.lose = 4  # the second batch of lines
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    setup.company.ledger.of("salesOrder")[0].lines[50:] = []  # as if only a part of it had been saved
    outcome = (await again(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done), outcome
    (kept,) = setup.books()["orders"]
    assert (len(kept["lines"]), kept["total"]) == (151, "150.00")


async def test_an_order_that_comes_out_otherwise_is_taken_back_and_its_line_named(setup: Setup) -> None:
    setup.company.act("install_rebate", {"amount": "0.01"})
    outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.code, outcome.field) == ("totals_differ", "lines[0]")
    assert "discountAmount" in outcome.detail
    assert setup.door.asked()[-1] == "DELETE salesOrders()"
    assert not setup.books()["orders"]


async def test_an_order_that_came_out_otherwise_unseen_is_for_a_person(setup: Setup) -> None:
    """Its lines are all there, so somebody may have changed them: it is not ours to delete any more."""
    setup.company.act("install_rebate", {"amount": "0.01"})
    setup.door.lose = 3
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(plain_order()))
    outcome = (await again(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "booking_differs"
    assert len(setup.books()["orders"]) == 1


async def test_a_refused_line_leaves_no_draft(setup: Setup) -> None:
    setup.company.act("block_item", {"number": "SKU-0002"})
    outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "application_dialogexception"
    assert "SKU-0002" in outcome.detail
    assert not setup.books()["orders"]


async def test_a_draft_that_somebody_has_changed_is_not_deleted(setup: Setup) -> None:
    setup.company.act("block_item", {"number": "SKU-0002"})

    def edited(request: Request) -> None:
        if request.method == "DELETE":
            (order,) = setup.company.ledger.of("salesOrder")
            setup.company.ledger.touch(order, setup.clock.at)

    setup.door.before = edited
    outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "booking_differs"
    assert len(setup.books()["orders"]) == 1


async def test_what_people_have_changed_since_is_a_conflict_and_stays(setup: Setup) -> None:
    order = plain_order()
    setup.door.lose = 3
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    (kept,) = setup.books()["orders"]
    setup.company.act("edit_line", {"order": kept["id"], "sequence": 20000, "quantity": 5})
    outcome = (await again(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "booking_differs"
    assert "lines[0]" in outcome.detail
    assert setup.books()["orders"][0]["lines"][1]["quantity"] == "5"
    setup.company.act("edit_line", {"order": kept["id"], "sequence": 20000, "quantity": 2})
    assert isinstance((await again(setup, "order.book", booking(order))).outcome, Done)


async def test_an_order_that_was_posted_meanwhile_is_found_as_its_invoice(setup: Setup) -> None:
    order = plain_order()
    setup.door.lose = 3
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    (kept,) = setup.books()["orders"]
    setup.company.act("post", {"order": kept["id"]})
    assert not setup.books()["orders"]
    outcome = (await again(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done)
    assert outcome.refs == {"salesOrder": kept["id"]}
    assert not setup.books()["orders"]


async def test_nothing_is_sent_when_the_totals_differ(setup: Setup) -> None:
    order = plain_order()
    totals = msgspec.structs.replace(order.totals, total=type(order.totals.total)(Decimal("1.00")))
    outcome = (await send(setup, "order.book", booking(msgspec.structs.replace(order, totals=totals)))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "totals_differ"
    assert not setup.door.sent


async def test_a_limit_in_the_middle_doubles_nothing(setup: Setup) -> None:
    serve, order = setup.company.handle, plain_order()

    async def limited(request: Request) -> Reply:
        if len(setup.door.sent) == 3 and "/oauth2/" not in request.path:
            return setup.company.throttled(request)
        return await serve(request)

    setup.door.answer = limited
    outcome = (await send(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == 2.0
    setup.door.answer = serve
    outcome = (await send(setup, "order.book", booking(order), FIRST)).outcome  # a limit does not count as a try
    assert isinstance(outcome, Done)
    assert len(setup.books()["orders"]) == 1


# -- what follows a booking -------------------------------------------------------------------------------------


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


async def test_a_full_company_is_waited_out() -> None:
    for full in ({"concurrency": 0}, {"requests": 0}):
        outcome = (await send(Setup(**full), "order.book", booking(plain_order()))).outcome
        assert isinstance(outcome, RateLimited)


async def test_answers_to_a_creation_are_read_not_believed() -> None:
    nothing = {"id": "1", "status": 200, "headers": {}, "body": {"value": []}}
    found = Reply(200, msgspec.json.encode({"responses": [nothing | {"id": str(n)} for n in (1, 2, 3)]}))
    replies: list[tuple[Reply, type[Any]]] = [
        (Reply(204), OutcomeUnknown),
        (Reply(201, b"<html>ok</html>", {"content-type": "text/html"}), OutcomeUnknown),
        (Reply(201, b"{}"), OutcomeUnknown),
        (Reply(200, b'{"id":"x"}'), OutcomeUnknown),
        (Reply(500, b'{"error":{"code":"Internal_ServerError","message":"x"}}'), OutcomeUnknown),
        (Reply(429, b""), RateLimited),
        (Reply(503, b""), RetryLater),
        (Reply(412, b'{"error":{"code":"Request_EntityChanged","message":"x"}}'), RetryLater),
        (Reply(404, b'{"error":{"code":"Internal_CompanyNotFound","message":"x"}}'), Misconfigured),
        (Reply(400, b'{"error":{"code":"Application_DialogException","message":"x"}}'), Rejected),
    ]
    for reply, expected in replies:
        setup = answering(found, reply)
        outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
        assert isinstance(outcome, expected), (reply, outcome)


async def test_a_batch_that_is_answered_in_part_is_no_success() -> None:
    nothing = {"id": "1", "status": 200, "headers": {}, "body": {"value": []}}
    for parts in ([], [nothing], [nothing | {"id": "2"}, nothing]):
        setup = answering(Reply(200, msgspec.json.encode({"responses": parts})))
        assert isinstance((await send(setup, "order.book", booking(plain_order()))).outcome, RetryLater)
        assert len(setup.door.sent) == 1


async def test_check_says_who_answers_and_what_does_not_fit(setup: Setup) -> None:
    assert CONNECTOR.check is not None
    assert await CONNECTOR.check(setup.client()) == "company CRONUS, currency USD"
    for wrong, said in (
        ({"company_id": "other"}, "CRONUS"),
        ({"local_currency": "EUR"}, "local_currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"tax_mode": "guess"}, "tax_mode"),
        ({"tax_codes": {"19": "T19"}}, "rate 0"),
        ({"tax_codes": {"0": "T", "19": "T"}}, "two rates"),
        ({"tax_codes": {"low": "T"}}, "percent"),
        ({"tax_mode": "account", "tax_account": None}, "tax_account"),
        ({"client_id": "other"}, "client_id"),
    ):
        with pytest.raises(Unreachable, match=said):
            await CONNECTOR.check(Setup(wrong).client())


async def test_a_half_made_order_to_which_somebody_has_added_is_not_deleted(setup: Setup) -> None:
    setup.door.lose = 2
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(plain_order()))
    (order,) = setup.company.ledger.of("salesOrder")
    setup.company.entities.sales.new_line(order, {"lineType": "Comment", "description": "call first"}, setup.clock.at)
    order.lines[0].sequence = 77777
    setup.company.act("block_item", {"number": "SKU-0002"})
    outcome = (await again(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "booking_differs"
    assert "SKU-0002" in outcome.detail
    assert len(setup.books()["orders"]) == 1


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


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E+999999"])
async def test_what_is_no_number_of_trade_is_no_success(setup: Setup, number: str) -> None:
    order, serve = plain_order(), setup.company.handle

    async def odd(request: Request) -> Reply:
        reply = await serve(request)
        if b"salesOrderLines" not in request.body:
            return reply
        body = msgspec.json.decode(reply.body)
        body["responses"][-1]["body"]["totalAmountIncludingTax"] = number
        return msgspec.structs.replace(reply, body=msgspec.json.encode(body))

    setup.door.answer = odd
    assert isinstance((await send(setup, "order.book", booking(order))).outcome, OutcomeUnknown)
    setup.door.answer = serve
    assert isinstance((await again(setup, "order.book", booking(order))).outcome, Done)
