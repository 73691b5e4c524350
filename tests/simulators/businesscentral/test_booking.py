"""Booking against a company that keeps books: one whole order, whichever answer is lost."""

import asyncio
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import AGAIN, FIRST, again, booked, send

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import (
    booking,
    make_order,
    orders,
    plain_line,
    plain_order,
)
from crossdock.domain.order import Order
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import AnswerLost
from crossdock.simulators.base import Reply, Request


@pytest.fixture
def setup() -> Setup:
    return Setup()


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
