"""Both sides edited a NetSuite order: lines go through where one side changed lines, else a person chooses."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.door import Setup, fresh_credentials

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.tests.orders import SKUS, booking, make_order, plain_line, plain_order
from crossdock.domain.commands import AmendBooking
from crossdock.domain.order import Address, Order
from crossdock.domain.outcome import Conflict, Done, RetryLater
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Result
from crossdock.simulators.base import Reply, Request

CALL = Call("key")
TAXES = [{}, {"tax_mode": "line"}, {"line_field": "custcol_line"}]


@pytest.fixture(params=TAXES, ids=["details", "line", "line_field"])
def setup(request: pytest.FixtureRequest) -> Setup:
    return Setup(fresh_credentials(), request.param)


def three(**fields: Any) -> Order:
    return make_order((plain_line(1), plain_line(2, "5.00", "3"), plain_line(3, "7.50", "1")), **fields)


def fewer(**fields: Any) -> Order:
    return make_order((plain_line(1, quantity="1"), plain_line(3, "7.50", "1")), **fields)


async def booked(setup: Setup, order: Order) -> str:
    outcome = (await CONNECTOR.operations["order.book"].send(setup.client(), booking(order), CALL)).outcome
    assert isinstance(outcome, Done), outcome
    return outcome.refs["salesOrder"]


async def amend(setup: Setup, ref: str, order: Order, base: Order | None, **choice: str) -> Result:
    payload = AmendBooking(order, ref, booking(order).customer_ref, SKUS, base=base, **choice)
    return await CONNECTOR.operations["booking.amend"].send(setup.client(), payload, CALL)


def edit(setup: Setup, ref: str, line: int, quantity: str) -> None:
    setup.clock.forward(seconds=60)
    setup.account.act("edit_line", {"order": ref, "line": line, "quantity": quantity})


def held(setup: Setup, ref: str) -> dict[str, Decimal]:
    return {line.item: line.quantity for line in setup.account.ledger.documents[ref].lines}


async def test_an_order_that_nobody_touched_is_amended_as_ever(setup: Setup) -> None:
    ref = await booked(setup, plain_order())
    less = msgspec.structs.replace(three(), external_id=plain_order().external_id)
    assert isinstance((await amend(setup, ref, less, plain_order())).outcome, Done)
    assert held(setup, ref) == {"1001": 2, "1002": 3, "1003": 1}
    assert isinstance((await amend(setup, ref, less, plain_order())).outcome, Done), "a repeat finds it so"
    assert isinstance((await amend(setup, ref, fewer(), less)).outcome, Done)
    assert held(setup, ref) == {"1001": 1, "1003": 1}


async def test_peoples_lines_stay_where_the_channel_changed_the_header_only(setup: Setup) -> None:
    ref = await booked(setup, three())
    edit(setup, ref, 2, "4")
    moved = msgspec.structs.replace(three(), ship_to=Address("Ada", None, "9 New Road", None, "Springfield"))
    assert isinstance((await amend(setup, ref, moved, three())).outcome, Done)
    assert held(setup, ref) == {"1001": 2, "1002": 4, "1003": 1}
    assert setup.account.ledger.documents[ref].header["shippingAddress"]["addr1"] == "9 New Road"


async def test_both_sides_alike_is_no_question(setup: Setup) -> None:
    two = make_order((plain_line(1), plain_line(2, "5.00", "2"), plain_line(3, "7.50", "1")))
    ref = await booked(setup, three())
    edit(setup, ref, 2, "2")
    assert isinstance((await amend(setup, ref, two, three())).outcome, Done)
    assert held(setup, ref) == {"1001": 2, "1002": 2, "1003": 1}


async def clash(setup: Setup) -> tuple[str, Conflict]:
    ref = await booked(setup, three())
    edit(setup, ref, 3, "9")
    outcome = (await amend(setup, ref, fewer(), three())).outcome
    assert isinstance(outcome, Conflict), outcome
    assert held(setup, ref) == {"1001": 2, "1002": 3, "1003": 9}, "nothing was written"
    return ref, outcome


async def test_lines_of_both_sides_are_told_line_by_line(setup: Setup) -> None:
    _, outcome = await clash(setup)
    quantities = [each for each in outcome.facts["differences"] if each["field"] == "quantity"]
    assert sorted((each["base"], each["channel"], each["erp"]) for each in quantities) == [
        ("1", "1", "9"), ("2", "1", "2"), ("3", None, "3"),
    ]  # fmt: skip


@pytest.mark.parametrize(("prefer", "held_then"), [("channel", (1, 0, 1)), ("erp", (2, 3, 9))])
async def test_a_persons_choice_is_carried_out_once(setup: Setup, prefer: str, held_then: tuple[int, ...]) -> None:
    ref, outcome = await clash(setup)
    for _ in range(2):
        done = await amend(setup, ref, fewer(), three(), prefer=prefer, seen=outcome.facts["seen"])
        assert isinstance(done.outcome, Done), done
        wanted = dict(zip(("1001", "1002", "1003"), held_then, strict=True))
        assert held(setup, ref) == {item: units for item, units in wanted.items() if units}


async def test_a_choice_whose_answer_is_lost_is_carried_out_once(setup: Setup) -> None:
    ref, outcome = await clash(setup)
    setup.door.lose = "PATCH"
    with suppress(AnswerLost):
        await amend(setup, ref, fewer(), three(), prefer="channel", seen=outcome.facts["seen"])
    again = await amend(setup, ref, fewer(), three(), prefer="channel", seen=outcome.facts["seen"])
    assert isinstance(again.outcome, Done)
    assert held(setup, ref) == {"1001": 1, "1003": 1}


async def test_a_choice_for_other_differences_is_asked_again(setup: Setup) -> None:
    ref, outcome = await clash(setup)
    edit(setup, ref, 3, "8")
    again = (await amend(setup, ref, fewer(), three(), prefer="channel", seen=outcome.facts["seen"])).outcome
    assert isinstance(again, Conflict)
    assert again.facts["seen"] != outcome.facts["seen"]


async def test_a_role_that_sees_no_amounts_compares_units(setup: Setup) -> None:
    ref = await booked(setup, three())
    serve = setup.account.handle

    async def blind(request: Request) -> Reply:
        reply = await serve(request)
        return msgspec.structs.replace(reply, body=reply.body.replace(b'"amount":', b'"hidden":'))

    setup.door._answer = blind
    assert isinstance((await amend(setup, ref, fewer(), three())).outcome, Done)
    assert held(setup, ref) == {"1001": 1, "1003": 1}
    edit(setup, ref, 1, "6")
    less = make_order((plain_line(3, "7.50", "1"),))
    assert isinstance((await amend(setup, ref, less, fewer())).outcome, Conflict)


async def test_a_change_while_it_is_compared_is_looked_at_again(setup: Setup) -> None:
    ref = await booked(setup, three())
    serve, reads = setup.account.handle, 0

    async def meddling(request: Request) -> Reply:
        nonlocal reads
        reply = await serve(request)
        reads += request.method == "GET" and "/salesOrder/" in request.path
        if reads == 1 and request.method == "GET":
            edit(setup, ref, 1, "6")
        return reply

    setup.door._answer = meddling
    outcome = (await amend(setup, ref, fewer(), three())).outcome
    assert isinstance(outcome, RetryLater), outcome
    assert held(setup, ref)["1001"] == 6
    assert isinstance((await amend(setup, ref, fewer(), three())).outcome, Conflict)
