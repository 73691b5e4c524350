"""A line in cases of twelve: the ERP, the warehouse and the stock count pieces, the channel is told of cases."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.domain.factories import (
    ERP,
    NOON,
    FakeMasters,
    Play,
    invoiced,
    line,
    money,
    order,
    shipment,
    shipped,
    stored_and_read,
    with_changes,
)

from crossdock.domain.commands import BookOrder, CreditRefund, PostShipment, PushFulfilment, ReleaseOrder
from crossdock.domain.events import MastersCame, OrderSeen, RefundSeen, ReturnAsked
from crossdock.domain.measures import measure_key, measured_sku
from crossdock.domain.order import Order
from crossdock.domain.order_decider import ORDER
from crossdock.domain.pricing import PriceMaster
from crossdock.domain.refund import Refund, RefundedLine, Restock, ReturnedLine, Tender
from crossdock.domain.returning import Returning, ReturnRequest
from crossdock.domain.state import ordered
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.totals import prove

UNITS = {"Each": Decimal(1), "Carton": Decimal(12), "Pallet": Decimal("144")}
PIECES = PriceMaster("SKU-1", "item-SKU-1", unit="Each", base_unit="Each", units=UNITS)


def cartons(quantity: str = "2", **more: Any) -> Order:
    """Cartons of twelve at 10.00, and one piece of something else."""
    first = line("1", quantity=quantity, price="10.00", unit=more.pop("unit", "Carton"), **more.pop("line", {}))
    return order(lines=(first, line("2", sku="SKU-2", price="3.00")), **more)


def play(master: PriceMaster = PIECES, **world: Any) -> Play:
    return Play(masters=FakeMasters(priced=(master,)), **world)


def payload(made: Play, kind: type) -> Any:
    return next(one.payload for one in made.commands.values() if isinstance(one.payload, kind))


def test_the_units_of_its_items_are_asked_for_and_of_no_others() -> None:
    view = cartons()
    ((skus, _),) = ORDER.masters_needed(ORDER.blank(), OrderSeen(view)).values()
    assert skus == {"SKU-1", "SKU-2", measure_key("SKU-1")}
    assert (measured_sku(measure_key("SKU-1")), measured_sku("SKU-1")) == ("SKU-1", None)


def test_the_line_keeps_its_quantity_and_price_and_says_what_one_of_it_holds() -> None:
    made = play()
    made.tell(OrderSeen(cartons()))
    booked = payload(made, BookOrder).order
    first, second = booked.lines
    assert (first.quantity, first.unit_price.shop, first.per_unit) == (Decimal(2), Decimal("10.00"), Decimal(12))
    assert (ordered(first), ordered(second), second.per_unit) == (Decimal(24), Decimal(1), None)
    assert prove(booked).balanced
    assert stored_and_read(made.state) == made.state


def test_the_same_view_again_is_the_same_and_a_later_one_remembers() -> None:
    made = play()
    made.tell(OrderSeen(cartons()))
    before = len(made.journal)
    made.tell(OrderSeen(cartons()))
    assert len(made.journal) == before
    made.settle_all()
    less = cartons(line={"current_quantity": Decimal(1)}, age_s=60)
    made.tell(OrderSeen(less), masters=FakeMasters())  # the masters are not needed for it any more
    assert made.state.newest is not None
    assert ordered(made.state.newest.lines[0]) == Decimal(12)
    assert "quantity 24 → 12" in str([one.facts for each in made.decisions for one in each.opened])


def test_pieces_leave_and_cartons_are_told() -> None:
    made = play()
    made.tell(OrderSeen(cartons()))
    made.settle_all()
    assert ordered(payload(made, ReleaseOrder).order.lines[0]) == Decimal(24)
    made.tell(shipped(shipment("a", [("1", 12)])))
    made.tell(shipped(shipment("b", [("1", 12), ("2", 1)], tracking=["TRACK-2"])))
    posted = [one.payload.shipment for one in made.commands.values() if isinstance(one.payload, PostShipment)]
    told = [one.payload.shipment for one in made.commands.values() if isinstance(one.payload, PushFulfilment)]
    assert [[part.quantity for part in one.lines] for one in posted] == [[Decimal(12)], [Decimal(12), Decimal(1)]]
    assert [[part.quantity for part in one.lines] for one in told] == [[Decimal(1)], [Decimal(1), Decimal(1)]]
    made.settle_all()
    assert made.status("take.shipments") == "done"


def test_half_a_carton_is_told_as_half_a_carton() -> None:
    made = play()
    made.tell(OrderSeen(cartons()))
    made.settle_all()
    made.tell(shipped(shipment("a", [("1", 6)])))
    assert payload(made, PushFulfilment).shipment.lines[0].quantity == Decimal("0.5")


def test_a_part_that_no_decimal_states_is_posted_and_for_a_person_to_tell() -> None:
    made = play()
    made.tell(OrderSeen(cartons("1")))
    made.settle_all()
    made.tell(shipped(shipment("a", [("1", 5)])))
    assert "fulfilment.push" not in made.purposes()
    assert payload(made, PostShipment).shipment.lines[0].quantity == Decimal(5)
    problem = made.state.problems["unit/a"]
    assert problem.code == "shipment.splits_unit"
    for named in ("line 1", "Carton", "12", "5"):
        assert named in problem.title
    made.act("resolve", problem="unit/a")
    made.tell(shipped(shipment("b", [("1", 7), ("2", 1)], tracking=["TRACK-2"])))
    made.act("resolve", problem="unit/b")
    made.settle_all()
    assert (made.codes(), made.status("take.shipments"), made.status("fulfilment.push")) == (set(), "done", "done")
    assert made.summary.status == "done"


def test_more_than_the_cartons_hold_does_not_fit() -> None:
    made = play()
    made.tell(OrderSeen(cartons("1")))
    made.settle_all()
    made.tell(shipped(shipment("a", [("1", 13)])))
    assert made.codes() == {"shipment.exceeds_order"}


@pytest.mark.parametrize(
    ("master", "unit", "says"),
    [
        (PIECES, "Crate", "SKU-1 has no unit 'Crate'"),
        (with_changes(PIECES, sku="SKU-9"), "Carton", "the units of SKU-1 are not known in erp1: Carton"),
        (with_changes(PIECES, unit="Carton"), "Carton", "is sold in Carton and kept in Each"),
        (
            with_changes(PIECES, unit="Carton", base_unit="Carton"),
            "Each",
            "1 Each of SKU-1 is no exact number of Carton",
        ),
    ],
)
def test_a_unit_that_leads_nowhere_is_an_exception_that_nobody_skips(master: PriceMaster, unit: str, says: str) -> None:
    made = play(master)
    made.tell(OrderSeen(cartons(unit=unit)))
    problem = made.state.problems["validate.products/unit 1"]
    assert (problem.code, problem.title.startswith("Line 1: "), says in problem.title) == ("product.unit", True, True)
    made.act("skip", step="validate.products")
    assert ("order.book" in made.purposes(), made.status("validate.products")) == (False, "failed")
    made.world["masters"] = FakeMasters(priced=(with_changes(PIECES, units={**UNITS, "Crate": Decimal(6)}),))
    made.act("retry")
    assert "order.book" in made.purposes()
    assert made.codes() == set()


def test_an_order_is_woken_by_the_units_that_it_lacks() -> None:
    made = Play(masters=FakeMasters())
    made.tell(OrderSeen(cartons()))
    assert made.wants == {("price", "SKU-1", False)}
    made.tell(MastersCame(ERP, "price"), masters=FakeMasters(priced=(PIECES,)))
    assert (made.wants, made.state.problems) == (set(), {})
    assert payload(made, BookOrder).order.lines[0].per_unit == 12


def test_units_are_found_although_products_are_not_checked() -> None:
    made = Play(masters=FakeMasters(products={}), check_products=False)
    made.tell(OrderSeen(cartons()))
    assert "order.book" not in made.purposes()
    made.tell(MastersCame(ERP, "product"), masters=FakeMasters(products={}, priced=(PIECES,)))
    assert "order.book" in made.purposes()


def test_another_unit_after_the_booking_is_an_edit() -> None:
    made = play()
    made.tell(OrderSeen(cartons()))
    made.settle_all()
    made.tell(OrderSeen(cartons(unit="Pallet", age_s=60)))
    assert made.codes() == {"order.edited_after_booking"}


def test_stock_is_reserved_in_pieces() -> None:
    stock = StockPolicy(locations={"main": StockLocation(sources=(f"{ERP}/1",))})
    made = play(stock=stock)
    made.tell(OrderSeen(cartons()), masters=FakeMasters(priced=(PIECES,), customers=()))
    assert made.state.reserved == {"SKU-1": Decimal(24), "SKU-2": Decimal(1)}


def test_a_refund_of_a_carton_is_credited_in_pieces() -> None:
    made = play(payments="open", invoice="take")
    made.tell(OrderSeen(cartons("2")))
    made.settle_all()
    made.tell(shipped(shipment("a", [("1", 24), ("2", 1)])), invoiced("23.00"))
    back = RefundedLine("1", Decimal(1), money("10.00"), restock=Restock.RETURN, sku="SKU-1")
    tenders = (Tender("card", money("10.00"), "t1"),)
    made.tell(RefundSeen(Refund("r1", NOON, "EUR", (back,), tenders=tenders), "shop1"))
    [credited] = payload(made, CreditRefund).lines
    assert (credited.quantity, credited.net) == (Decimal(12), Decimal("10.00"))
    assert (made.codes(), made.state.axes.returned) == (set(), "partly_returned")


def test_a_return_is_asked_for_in_cartons_and_counted_in_pieces() -> None:
    made = play(returns=Returning())
    made.tell(OrderSeen(cartons("2")))
    made.settle_all()
    made.tell(shipped(shipment("a", [("1", 12)])))
    ask = ReturnAsked(ReturnRequest("q1", (ReturnedLine("1", Decimal(2)),)), "shop1")
    made.tell(ask, now=NOON + timedelta(hours=1))
    assert made.state.return_answers["q1"].number is None  # one carton has left
    made.tell(
        ReturnAsked(ReturnRequest("q2", (ReturnedLine("1", Decimal(1)),)), "shop1"), now=NOON + timedelta(hours=1)
    )
    number = made.state.return_answers["q2"].number
    assert number is not None
    assert [part.quantity for part in made.state.returns[number].lines] == [Decimal(12)]
