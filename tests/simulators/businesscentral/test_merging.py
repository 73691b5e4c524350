"""Both sides edited a sales order: one side's lines stay or go through, both sides' are a person's question."""

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import booked, send
from tests.simulators.businesscentral.test_amending import SHIPPING, fewer, only, three

from crossdock.connectors.businesscentral.tests.orders import SKUS, booking, make_order, plain_line
from crossdock.domain.commands import AmendBooking
from crossdock.domain.order import Address, Order
from crossdock.domain.outcome import Conflict, Done
from crossdock.kit.http import AnswerLost


def amendment(order: Order, ref: str, base: Order, **choice: str) -> AmendBooking:
    return AmendBooking(order, ref, booking(order).customer_ref, SKUS, base=base, **choice)


def items(setup: Setup) -> dict[str, tuple[Decimal, Decimal]]:
    """Line -> quantity and price, of what the order now holds."""
    lines = [one for one in only(setup)["lines"] if one["kind"] == "Item"]
    return {
        one["description2"] or one["number"]: (Decimal(one["quantity"]), Decimal(one["unit_price"])) for one in lines
    }


def edit(setup: Setup, ref: str, line: str, **to: str) -> None:
    order = setup.company.ledger.documents[ref]
    sequence = next(each.sequence for each in order.lines if each.description2 == line)
    to.setdefault("quantity", str(next(each.quantity for each in order.lines if each.description2 == line)))
    setup.company.act("edit_line", {"order": ref, "sequence": sequence, **to})


async def test_lines_that_one_side_changed_are_that_sides() -> None:
    """The channel takes the second line off and a unit of the first; people change the price of the third."""
    setup = Setup()
    ref = await booked(setup, three())
    edit(setup, ref, "line-3", price="6.00")
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome
    assert isinstance(outcome, Done), outcome
    assert items(setup) == {"line-1": (Decimal(1), plain_line(1).unit_price.shop), "line-3": (1, Decimal("6.00"))}
    assert Decimal(only(setup)["total"]) == fewer().totals.total.shop - Decimal("1.50")
    before = only(setup)
    assert isinstance((await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome, Done)
    assert only(setup)["lines"] == before["lines"], "a repeat changes nothing"


async def test_lines_that_people_added_or_took_off_stay_so() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    order = setup.company.ledger.documents[ref]
    for number in ("SKU-0007", "SKU-0008"):
        row = {"sequence": 65000 + len(order.lines), "lineType": "Item", "lineObjectNumber": number, "quantity": 1}
        setup.company.entities.sales.new_line(order, row, setup.clock())
    order.lines = [each for each in order.lines if each.description2 != "line-3"]
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome
    assert isinstance(outcome, Done), outcome
    assert set(items(setup)) == {"line-1", "SKU-0007", "SKU-0008"}


async def test_an_address_is_amended_beside_peoples_lines() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    edit(setup, ref, "line-1", quantity="7")
    moved = msgspec.structs.replace(three(), ship_to=Address("Ada", None, "9 New Road", None, "Springfield"))
    assert isinstance((await send(setup, "booking.amend", amendment(moved, ref, three()))).outcome, Done)
    assert setup.company.ledger.documents[ref].header["shipToAddressLine1"] == "9 New Road"
    assert items(setup)["line-1"][0] == 7


async def test_both_sides_alike_is_no_question() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    edit(setup, ref, "line-1", quantity="1")
    assert isinstance((await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome, Done)
    assert set(items(setup)) == {"line-1", "line-3"}
    assert Decimal(only(setup)["total"]) == fewer().totals.total.shop


async def clash(setup: Setup) -> tuple[str, Conflict]:
    ref = await booked(setup, three())
    edit(setup, ref, "line-1", quantity="5")
    before = only(setup)
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome
    assert isinstance(outcome, Conflict), outcome
    assert only(setup) == before, "nothing was done by halves"
    return ref, outcome


async def test_both_sides_otherwise_is_told_line_by_line() -> None:
    _, outcome = await clash(Setup())
    assert outcome.code == "edited_on_both_sides"
    assert outcome.facts["differences"] == [
        {"line": "line-1", "field": "quantity", "base": "2", "channel": "1", "erp": "5"}
    ]
    assert outcome.hint


@pytest.mark.parametrize(("prefer", "units"), [("channel", 1), ("erp", 5)])
async def test_a_persons_choice_is_carried_out_once(prefer: str, units: int) -> None:
    setup = Setup()
    ref, outcome = await clash(setup)
    chosen = amendment(fewer(), ref, three(), prefer=prefer, seen=outcome.facts["seen"])
    for _ in range(2):
        assert isinstance((await send(setup, "booking.amend", chosen)).outcome, Done)
        assert {line: quantity for line, (quantity, _) in items(setup).items()} == {"line-1": units, "line-3": 1}


@pytest.mark.parametrize("request_number", [1, 2])
async def test_a_choice_whose_answer_is_lost_is_carried_out_once(request_number: int) -> None:
    setup = Setup()
    ref, outcome = await clash(setup)
    chosen = amendment(fewer(), ref, three(), prefer="channel", seen=outcome.facts["seen"])
    setup.door.lose = request_number
    with suppress(AnswerLost):
        await send(setup, "booking.amend", chosen)
    assert isinstance((await send(setup, "booking.amend", chosen)).outcome, Done)
    assert Decimal(only(setup)["total"]) == fewer().totals.total.shop


async def test_a_choice_for_other_differences_is_asked_again() -> None:
    setup = Setup()
    ref, outcome = await clash(setup)
    edit(setup, ref, "line-1", quantity="6")
    again = (
        await send(
            setup, "booking.amend", amendment(fewer(), ref, three(), prefer="channel", seen=outcome.facts["seen"])
        )
    ).outcome
    assert isinstance(again, Conflict)
    assert again.facts["seen"] != outcome.facts["seen"]
    assert items(setup)["line-1"][0] == 6


async def test_an_order_that_nobody_touched_is_amended_as_ever() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    assert isinstance((await send(setup, "booking.amend", amendment(fewer(), ref, three()))).outcome, Done)
    assert Decimal(only(setup)["total"]) == fewer().totals.total.shop
    more = make_order((plain_line(1), plain_line(2, "5.00", "3"), plain_line(3, "7.50", "1")), (SHIPPING,))
    assert isinstance((await send(setup, "booking.amend", amendment(more, ref, fewer()))).outcome, Done)
    assert Decimal(only(setup)["total"]) == more.totals.total.shop
