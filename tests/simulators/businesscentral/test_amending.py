"""Amending sales orders: only what differs is sent, all of it or nothing, and never over other people's changes."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import FIRST, booked, send, shipment

from crossdock.connectors.businesscentral.tests.orders import (
    SKUS,
    amount,
    booking,
    make_order,
    plain_line,
    plain_order,
)
from crossdock.domain.commands import AmendBooking, PostShipment
from crossdock.domain.order import Address, Charge, ChargeKind, Order
from crossdock.domain.outcome import Conflict, Done, Rejected, RetryLater
from crossdock.kit.http import AnswerLost

SHIPPING = Charge(ChargeKind.SHIPPING, "Standard", amount("4.90"))


def three(**fields: Any) -> Order:
    return make_order((plain_line(1), plain_line(2, "5.00", "3"), plain_line(3, "7.50", "1")), (SHIPPING,), **fields)


def fewer(**fields: Any) -> Order:
    """The second line is gone, and one unit of the first."""
    lines = (plain_line(1, quantity="1"), plain_line(3, "7.50", "1"))
    return make_order(lines, (SHIPPING,), **fields)


def amendment(order: Order, ref: str) -> AmendBooking:
    known = booking(order)
    return AmendBooking(order, ref, known.customer_ref, SKUS)


def only(setup: Setup) -> dict[str, Any]:
    (order,) = setup.books()["orders"]
    return dict(order)


async def test_what_differs_is_changed_and_the_rest_keeps_its_number() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    before = {line["description2"]: line["sequence"] for line in only(setup)["lines"]}
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref))).outcome
    assert isinstance(outcome, Done), outcome
    after = only(setup)
    assert Decimal(after["total"]) == fewer().totals.total.shop
    assert after["id"] == ref
    items = {line["description2"]: line for line in after["lines"] if line["kind"] == "Item"}
    assert set(items) == {"line-1", "line-3"}
    assert Decimal(items["line-1"]["quantity"]) == 1
    assert {name: line["sequence"] for name, line in items.items()} == {name: before[name] for name in items}


@pytest.mark.parametrize("order", [three(), plain_order()], ids=["three", "plain"])
async def test_an_amendment_to_what_stands_changes_no_line(order: Order) -> None:
    setup = Setup()
    ref = await booked(setup, order)
    lines = only(setup)["lines"]
    assert isinstance((await send(setup, "booking.amend", amendment(order, ref))).outcome, Done)
    assert only(setup)["lines"] == lines
    changing = [one for one in setup.door.calls() if one[1].endswith("salesOrderLines()")]
    assert changing == []


async def test_lines_come_and_products_change() -> None:
    setup = Setup()
    ref = await booked(setup, fewer())
    lines = (plain_line(1, sku="SKU-0009"), plain_line(2, "5.00", "3"), plain_line(3, "7.50", "1"))
    order = make_order(lines, (SHIPPING,))
    assert isinstance((await send(setup, "booking.amend", amendment(order, ref))).outcome, Done)
    after = only(setup)
    assert Decimal(after["total"]) == order.totals.total.shop
    assert {line["number"] for line in after["lines"] if line["kind"] == "Item"} == {"SKU-0009", "SKU-0002", "SKU-0003"}
    sequences = [line["sequence"] for line in after["lines"]]
    assert len(set(sequences)) == len(sequences)


async def test_a_new_address_leaves_nothing_of_the_old_one() -> None:
    setup = Setup()
    there = Address(
        "Ada Example", "Example Ltd", "1 Test Street", "Floor 9", "Springfield", "Oregon", "OR", "97477", "US"
    )
    ref = await booked(setup, plain_order(ship_to=there))
    moved = msgspec.structs.replace(there, company=None, line1="9 New Road", line2=None, region=None, region_code=None)
    assert isinstance((await send(setup, "booking.amend", amendment(plain_order(ship_to=moved), ref))).outcome, Done)
    header = setup.company.ledger.documents[ref].header
    assert (header["shipToAddressLine1"], header["shipToAddressLine2"]) == ("9 New Road", "")
    assert (header["shipToState"], header["shipToContact"], header["shipToName"]) == ("", "", "Ada Example")


def notes(setup: Setup) -> list[tuple[int, str]]:
    found = [line for line in only(setup)["lines"] if line["kind"] == "Comment"]
    return [(line["sequence"], line["description"]) for line in found if line["sequence"] != 10000]


async def test_a_note_comes_goes_and_changes_with_the_amendment_and_is_there_once() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    assert notes(setup) == []
    long = "Ring twice, please, and leave it with the neighbours on the left if nobody is at home before noon"
    for note, kept in ((long, 2), (long, 2), ("Ring", 1), (None, 0)):
        outcome = (await send(setup, "booking.amend", amendment(fewer(note=note), ref))).outcome
        assert isinstance(outcome, Done), outcome
        assert [sequence for sequence, _ in notes(setup)] == [10001, 10002][:kept]
        assert " ".join(text.removeprefix("Note: ") for _, text in notes(setup)) == (note or "")


async def test_a_booking_that_lacks_only_its_note_is_whole() -> None:
    """People took it out, or an earlier release made the order: nothing is written, whatever state it is in."""
    setup = Setup()
    ref = await booked(setup, three())
    setup.company.ledger.documents[ref].status = "Open"
    outcome = (await send(setup, "order.book", booking(three(note="Ring")))).outcome
    assert isinstance(outcome, Done), outcome
    assert (outcome.refs["salesOrder"], outcome.repeated) == (ref, True)
    assert notes(setup) == []


@pytest.mark.parametrize("request_number", [1, 2])
async def test_an_answer_that_is_lost_leaves_the_amended_order(request_number: int) -> None:
    setup = Setup()
    ref = await booked(setup, three())
    setup.door.lose = request_number
    payload = amendment(fewer(), ref)
    with suppress(AnswerLost):
        await send(setup, "booking.amend", payload)
    outcome = (await send(setup, "booking.amend", payload)).outcome
    assert isinstance(outcome, Done), outcome
    assert Decimal(only(setup)["total"]) == fewer().totals.total.shop


async def test_a_change_between_reading_and_writing_undoes_the_whole() -> None:
    setup = Setup()
    ref = await booked(setup, three())

    def meddle(request: Any) -> None:
        if request.path.endswith("$batch"):
            setup.door.before = None
            setup.company.act("edit_line", {"order": ref, "sequence": 20000, "quantity": "5"})

    setup.door.before = meddle
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref))).outcome
    assert isinstance(outcome, RetryLater), outcome
    lines = [line for line in only(setup)["lines"] if line["kind"] == "Item"]
    assert [Decimal(line["quantity"]) for line in lines] == [5, 3, 1]


async def test_lines_that_people_added_are_not_taken_away() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    order = setup.company.ledger.documents[ref]
    row = {"sequence": 65000, "lineType": "Item", "lineObjectNumber": "SKU-0007", "quantity": 1}
    setup.company.entities.sales.new_line(order, row, setup.clock())
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref))).outcome
    assert isinstance(outcome, Conflict), outcome
    assert "65000" in (outcome.detail or "")
    assert len([line for line in only(setup)["lines"] if line["kind"] == "Item"]) == 4


async def test_what_has_left_is_not_amended() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    posted = PostShipment(three().key, ref, shipment("SH1", (1, "1")), SKUS)
    assert isinstance((await send(setup, "shipment.post", posted)).outcome, Done)
    before = only(setup)
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "already_under_way"
    assert only(setup) == before


async def test_what_was_posted_whole_is_a_conflict() -> None:
    setup = Setup()
    ref = await booked(setup, three())
    setup.company.act("post", {"order": ref})
    outcome = (await send(setup, "booking.amend", amendment(fewer(), ref))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "already_billed"


async def test_what_business_central_refuses_leaves_the_order_as_it_was() -> None:
    setup = Setup()
    ref = await booked(setup, fewer())
    setup.company.act("block_item", {"number": "SKU-0002"})
    before = only(setup)
    outcome = (await send(setup, "booking.amend", amendment(three(), ref), FIRST)).outcome
    assert isinstance(outcome, Rejected), outcome
    assert only(setup) == before


async def test_more_lines_than_one_transaction_holds() -> None:
    setup = Setup()
    lines = tuple(plain_line(n, "1.00", "2") for n in range(1, 131))
    ref = await booked(setup, make_order(lines))
    changed = make_order(tuple(plain_line(n, "1.00", "1") for n in range(1, 131)))
    outcome = (await send(setup, "booking.amend", amendment(changed, ref))).outcome
    assert isinstance(outcome, Done), outcome
    assert Decimal(only(setup)["total"]) == 130
    batches = [one for one in setup.door.sent if one.path.endswith("$batch") and b'"PATCH"' in one.body]
    assert all(len(json.loads(one.body)["requests"]) <= 100 for one in batches)
