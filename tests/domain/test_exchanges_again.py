"""Exchanges that are less simple: seen twice within a second, exchanged again, shortened, and after other refunds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    invoiced,
    line,
    money,
    shipment,
    shipped,
    stored_and_read,
    with_changes,
)
from tests.domain.test_exchanges import (
    KEY,
    ONE,
    PARTLY,
    THREE,
    TWO,
    X1,
    Kin,
    added,
    back,
    documents,
    done,
    exchanged,
    given_back,
    lived,
    repeated,
    sold,
)

from crossdock.domain.advance import EDITED
from crossdock.domain.commands import BookOrder, CreditRefund, MakeInvoice, PayRefund, ReleaseOrder
from crossdock.domain.decision import HoldHit
from crossdock.domain.events import AllocationsSeen, CreditSeen, Event, OrderSeen, ReturnSeen
from crossdock.domain.fulfilment import Allocation, ShippedLine
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order_decider import ORDER
from crossdock.domain.part import Part
from crossdock.domain.parts import split_refund
from crossdock.domain.refund import Adjustment, Credit, Refund, RefundedLine, Restock, Return, ReturnedLine, Tender
from crossdock.domain.state import OrderState

X2 = f"{KEY}-X2"
THIRD = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.RETURN, "SKU-3")
UNIT_ONE = RefundedLine("1", Decimal(1), money("9.50"), money("1.00"), Restock.RETURN, "SKU-1")


# -- views of one second ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["a", "z"])
@pytest.mark.parametrize("paid_first", [True, False])
def test_a_view_of_the_same_second_that_does_not_show_the_line_yet_takes_nothing_back(
    tag: str, paid_first: bool
) -> None:
    """A shop writes several views of an exchange within one second, and their webhooks overtake each other."""
    kin = done()
    with_line = added(outstanding=ZERO) if paid_first else added(outstanding=Decimal("1.00"), payment_status=PARTLY)
    kin.tell(OrderSeen(with_line))
    kin.tell(OrderSeen(sold(age_s=30, outstanding=Decimal("-7.70"), tags=(tag,))))
    kin.tell(OrderSeen(with_line, authoritative=True))
    kin.tell(OrderSeen(added(60)))
    kin.live()
    assert {key: play.summary.status for key, play in kin.plays.items()} == {KEY: "done", X1: "done"}
    assert [one.order.key for one in kin.payloads(BookOrder)] == [KEY, X1]


def test_of_two_views_of_one_second_the_one_that_shows_the_added_line_is_the_newer() -> None:
    """Though its payment is less far: a dearer exchange makes a paid order partly paid again."""
    kin = done()
    kin.tell(OrderSeen(sold(age_s=30)))
    kin.tell(OrderSeen(added(30, outstanding=Decimal("1.00"), payment_status=PARTLY)))
    assert kin.part.summary.status == "waiting"


def test_a_view_of_before_takes_nothing_from_what_is_set_off() -> None:
    kin = done(payments="paid")
    kin.tell(OrderSeen(added()), back(given_back("3.30")))
    kin.tell(OrderSeen(sold(age_s=30, tags=("z",))))
    kin.live()
    assert [one.amount for one in kin.payloads(PayRefund)] == [Decimal("7.70")]


# -- what was exchanged is exchanged ------------------------------------------------------------------------------


def twice(**world: Any) -> Kin:
    """SKU-2 (7.70) was exchanged for SKU-3 (4.40), with 3.30 paid back; it is there and billed."""
    kin = done(**world)
    kin.tell(back(given_back("3.30")), OrderSeen(added()))
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    return kin


@pytest.mark.parametrize("refund_first", [True, False])
@pytest.mark.parametrize(("price", "tax", "paid"), [("4.00", "0.40", "0"), ("2.00", "0.20", "2.20")])
def test_an_exchange_is_exchanged_again(price: str, tax: str, paid: str, refund_first: bool) -> None:
    """A size too small, then one too large: SKU-3 comes back for SKU-4, which costs as much or less."""
    kin = twice(payments="paid")
    four = line("4", sku="SKU-4", price=price, tax=tax)
    view = OrderSeen(added(60, lines=[ONE, TWO, THREE, four]))
    refund = back(given_back(paid, THIRD, id_="r2"))
    kin.tell(*((refund, view) if refund_first else (view, refund)))
    kin.live()
    assert kin.codes() == set()
    credited = {one.order_key: one.total for one in kin.payloads(CreditRefund)}
    assert credited == {KEY: Decimal("7.70"), X1: Decimal("4.40")}
    paid_out = {one.order_key: one.amount for one in kin.payloads(PayRefund)}
    assert paid_out == credited, "over all documents the books hold what the customer paid"
    assert [one.order_key for one in kin.payloads(MakeInvoice)] == [KEY, X1, X2]


def test_both_are_exchanged_at_once_for_something_dearer() -> None:
    """SKU-1 (10.50) and SKU-3 (4.40) come back, 12.90 go out: the 2.00 that are over are paid back."""
    kin = twice(payments="paid")
    view = OrderSeen(added(60, lines=[ONE, TWO, THREE, line("4", sku="SKU-4", price="12.90")]))
    kin.tell(back(given_back("2.00", UNIT_ONE, THIRD, id_="r2")), view)
    kin.live()
    assert kin.codes() == set()
    paid_out = sorted(each.amount for each in kin.payloads(PayRefund))
    assert paid_out == [Decimal("4.40"), Decimal("7.70"), Decimal("10.50")]


def test_units_taken_off_an_unpaid_order_pay_for_no_exchange() -> None:
    """One of SKU-1 was taken off before anything was paid: nobody got money for it, and nobody is owed any."""
    kin = Kin(payments="paid")
    off = RefundedLine("1", Decimal(1), money("9.50"), money("1.00"), Restock.CANCEL, "SKU-1")
    less = with_changes(ONE, current_quantity=Decimal(1))
    kin.tell(OrderSeen(sold(payment_status=PARTLY)), back(given_back("0", off, id_="r0")))
    kin.tell(OrderSeen(sold(age_s=5, lines=[less, TWO])))
    for play in kin.plays.values():
        play.settle_all()
    release = next(one for one in kin.payloads(ReleaseOrder))
    assert release.order.lines[0].current_quantity == 1
    kin.tell(shipped(shipment("sh-1", [("1", 1), ("2", 1)])))
    kin.live()
    kin.tell(invoiced("23.70"))
    kin.tell(back(given_back("3.30")), OrderSeen(added(lines=[less, TWO, THREE])))
    kin.live()
    assert kin.codes() == set()
    assert [(one.order_key, one.amount) for one in kin.payloads(PayRefund)] == [(KEY, Decimal("7.70"))]


# What the channel tells of the second exchange, and of the first one again, late and in any order.
FOUR = line("4", sku="SKU-4", price="2.00", tax="0.20")
AGAIN: list[Event] = [
    OrderSeen(added(30)),
    OrderSeen(added(60, outstanding=Decimal("-4.40"))),
    OrderSeen(added(60, tags=("z",))),
    OrderSeen(added(60, lines=[ONE, TWO, THREE, FOUR])),
    OrderSeen(added(70, lines=[ONE, TWO, THREE, FOUR], tags=("seen",))),
    back(given_back("3.30")),
    back(given_back("2.20", THIRD, id_="r2")),
    ReturnSeen(Return("ret2", "authorised", (ReturnedLine("3", Decimal(1)),), NOON), CHANNEL),
    ReturnSeen(Return("ret2", "received", (ReturnedLine("3", Decimal(1)),), NOON, ("r2",)), CHANNEL),
    AllocationsSeen((Allocation("fo-2", "closed"), Allocation("fo-3", "open", None, (ShippedLine("4", Decimal(1)),)))),
]


STRAIGHT = documents(lived(AGAIN, [True] * 20, twice(payments="paid")))


@settings(max_examples=60, deadline=None)
@given(repeated(AGAIN), st.lists(st.booleans(), min_size=20, max_size=20))
def test_any_order_of_what_is_told_of_both_exchanges_ends_in_the_same_documents(
    events: list[Event], pauses: list[bool]
) -> None:
    kin = lived(events, pauses, twice(payments="paid"))
    assert documents(kin) == STRAIGHT
    assert {key: play.summary.status for key, play in kin.plays.items()} == dict.fromkeys((KEY, X1, X2), "done")
    assert kin.codes() == set()
    for play in kin.plays.values():
        assert ORDER.evolve(ORDER.blank(), play.journal) == play.state == stored_and_read(play.state)


# -- returns and fulfilment orders --------------------------------------------------------------------------------


def told(status: str, *lines: str, at: int = 0) -> ReturnSeen:
    rows = tuple(ReturnedLine(each, Decimal(1)) for each in lines)
    return ReturnSeen(Return("ret", status, rows, NOON + timedelta(minutes=at)), CHANNEL)


def test_a_return_that_is_called_off_is_called_off_for_whoever_expects_it() -> None:
    kin = exchanged()
    kin.live()
    kin.tell(told("authorised", "2", "3"), told("cancelled"))
    assert kin.order.state.returns["ret"].status == "cancelled"
    assert kin.part.state.returns["ret"].status == "cancelled"


@pytest.mark.parametrize(("stays", "goes"), [("2", "3"), ("3", "2")])
def test_a_line_taken_off_a_return_is_expected_by_nobody(stays: str, goes: str) -> None:
    kin = exchanged()
    kin.live()
    kin.tell(told("authorised", "2", "3"), told("authorised", stays), told("received", stays, at=5))
    of = {"2": kin.order, "3": kin.part}
    assert [each.line_id for each in of[stays].state.returns["ret"].lines] == [stays]
    assert of[goes].state.returns["ret"].lines == ()
    assert of[goes].state.returns["ret"].status == "received"


def test_a_return_of_the_order_alone_is_nothing_to_its_parts() -> None:
    kin = exchanged()
    kin.live()
    kin.tell(told("authorised", "2"), told("cancelled", "2"))
    assert kin.part.state.returns == {}
    kin.tell(with_changes(told("cancelled"), returned=Return("other", "cancelled", (), NOON)))
    assert kin.part.state.returns == {}


def test_where_it_is_fulfilled_from_is_told_to_the_part_that_is_opened_afterwards() -> None:
    """Webhooks of fulfilment orders overtake the order's."""
    hit = HoldHit("routed", "operations", "not routed yet", release_on=("allocation",))
    kin = done(holds=lambda seen: [hit] if seen.part is not None else [])
    one, three = (Allocation(id_, "open", "101", (ShippedLine(id_, Decimal(1)),)) for id_ in ("1", "3"))
    kin.tell(AllocationsSeen((one, three)), OrderSeen(added()))
    assert (kin.order.state.allocations, kin.part.state.allocations) == ((one,), (three,))
    assert kin.part.status("order.book") == "running"


# -- refunds ------------------------------------------------------------------------------------------------------


def test_a_refund_of_both_gives_no_cent_more_in_the_shops_currency() -> None:
    def both(shop: str, customers: str) -> Amount:
        return Amount(Decimal(shop), Decimal(customers))

    lines = tuple(RefundedLine(id_, Decimal(1), both("0.015", "1.00"), both("0", "0")) for id_ in ("1", "2"))
    state = OrderState(1, parts={"X1": Part(("2",), NOON)})
    tender = Tender("card", both("0.03", "2.00"), "t")
    found = split_refund(Refund("r", NOON, "EUR", lines, tenders=(tender,)), state)
    tenders = [one.amount for each in found.values() for one in each.tenders]
    assert sum(one.shop for one in tenders) == Decimal("0.03")
    assert sum(one.on("presentment") for one in tenders) == Decimal("2.00")


def test_goodwill_beside_goods_of_the_part_is_the_orders_and_a_fee_is_the_parts() -> None:
    kin = twice()
    kin.tell(back(given_back("6.40", THIRD, id_="r2", adjustments=(Adjustment(money("2.00")),))))
    kin.live()
    assert kin.codes() == set()
    of = [(one.order_key, one.refund_id, one.total) for one in kin.payloads(CreditRefund)]
    assert of[1:] == [(KEY, "r2", Decimal("2.00")), (X1, "r2", Decimal("4.40"))]
    fee = twice()
    fee.tell(back(given_back("3.40", THIRD, id_="r2", adjustments=(Adjustment(money("-1.00")),))))
    fee.live()
    assert fee.codes() == set()
    assert [(one.order_key, one.total) for one in fee.payloads(CreditRefund)][1:] == [(X1, Decimal("3.40"))]


def test_a_refund_fits_when_a_person_has_made_the_edit_that_it_is_of() -> None:
    kin = done(payments="payment")
    kin.tell(OrderSeen(added(lines=[ONE, TWO, with_changes(THREE, current_quantity=ZERO)])))
    off = with_changes(THIRD, restock=Restock.CANCEL)
    kin.tell(back(given_back("4.40", off, id_="r2")))
    assert kin.codes() == {"order.edited_after_shipment", "refund.unknown_line"}
    kin.order.act("resolve", problem=EDITED)
    assert "refund.unknown_line" not in kin.codes()


def test_a_refund_that_a_person_entered_by_hand_is_not_credited_on_the_part_again() -> None:
    kin = done()
    seen = back(given_back("4.40", THIRD, id_="r2"))
    kin.tell(seen)
    kin.order.act("resolve", problem="refund/r2")
    kin.tell(OrderSeen(added()), seen)
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    assert kin.payloads(CreditRefund) == []


def test_a_refund_that_a_person_entered_by_hand_is_not_credited_when_it_fits_at_last() -> None:
    """A shop tells an order's refunds again with every view of it."""
    kin = Kin()
    seen = back(given_back("7.70"))
    kin.tell(OrderSeen(sold()), seen)
    assert kin.codes() == {"return.exceeds_shipped"}
    kin.order.act("resolve", problem="refund/r1")
    kin.live()
    kin.tell(invoiced("34.20"), seen)
    assert kin.payloads(CreditRefund) == []


def test_the_orders_share_of_a_refund_that_a_person_settled_is_the_same_when_it_is_told_again() -> None:
    kin = twice()
    whole = given_back("14.90", UNIT_ONE, THIRD, id_="r2")
    less = given_back("13.90", UNIT_ONE, THIRD, id_="r2", adjustments=(Adjustment(money("-1.00")),))
    kin.tell(back(whole), back(less))
    assert kin.codes() == {"refund.changed"}
    kin.order.act("resolve", problem="refund/r2")
    kin.tell(OrderSeen(added(60)), back(whole))
    assert kin.codes() == set()
    kin.tell(back(less))
    assert kin.codes() == set(), "it is told again with every view, and a person has looked at it"


@pytest.mark.parametrize("parted", [True, False])
def test_a_credit_that_was_to_be_paid_back_and_was_not_is_told(parted: bool) -> None:
    """A shop takes a refund at once, and the payment service refuses it later: it stands there without money."""
    kin = exchanged(push_refunds=True) if parted else done(push_refunds=True)
    kin.tell(CreditSeen(Credit("cm-9", "CM9", Decimal("1.00"), "EUR", NOON), ERP))
    kin.live()
    bare = Refund("r9", NOON, "EUR", adjustments=(Adjustment(money("1.00")),), made_for="cm-9")
    kin.tell(back(bare))
    assert "refund.unbalanced" in kin.codes()
    assert kin.payloads(CreditRefund) == []
    kin.order.act("resolve", problem="refund/r9")
    kin.tell(back(bare))
    assert kin.codes() == set()


# -- what pays for an exchange that comes later ---------------------------------------------------------------------


def test_what_pays_for_a_part_that_is_opened_after_the_refund_was_paid_out_is_paid_out_too() -> None:
    kin = done(payments="paid")
    kin.tell(back(given_back("0")), OrderSeen(added()))
    kin.live()
    assert [one.amount for one in kin.payloads(PayRefund)] == [Decimal("4.40")]
    four = line("4", sku="SKU-4", price="2.00", tax="0.20")
    kin.tell(OrderSeen(added(60, lines=[ONE, TWO, THREE, four])))
    kin.live()
    pays = kin.payloads(PayRefund)
    assert [(one.order_key, one.amount, one.nth) for one in pays] == [
        (KEY, Decimal("4.40"), 1),
        (KEY, Decimal("2.20"), 2),
    ]
    five = line("5", sku="SKU-5", price="9.00", tax="0.90")
    kin.tell(OrderSeen(added(90, lines=[ONE, TWO, THREE, four, five])))
    kin.live()
    assert sum(one.amount for one in kin.payloads(PayRefund)) == Decimal("7.70"), "no more than came back"
    assert stored_and_read(kin.order.state).paid_out == {"r1": Decimal("7.70")}


@pytest.mark.parametrize("older", [True, False])
def test_of_two_refunds_no_more_is_given_out_than_the_parts_come_to(older: bool) -> None:
    kin = done(payments="paid")
    kin.tell(OrderSeen(added()), back(given_back("0")))
    kin.live()
    at = NOON + timedelta(seconds=1 if older else 120)
    kin.tell(back(with_changes(given_back("0", UNIT_ONE, id_="r2"), refunded_at=at)))
    kin.live()
    assert [one.amount for one in kin.payloads(PayRefund)] == [Decimal("4.40")]


# -- what came of our own push of a credit ---------------------------------------------------------------------------

ECHO = Refund("r9", NOON, "EUR", adjustments=(Adjustment(money("1.00")),),
              tenders=(Tender("card", money("1.00"), "t9"),), made_for="cm-9")  # fmt: skip
CM9 = CreditSeen(Credit("cm-9", "CM9", Decimal("1.00"), "EUR", NOON), ERP)


def exchanged_twice(**world: Any) -> Kin:
    kin = exchanged(push_refunds=True, **world)
    kin.live()
    four = line("4", sku="SKU-4", price="2.00", tax="0.20")
    kin.tell(OrderSeen(added(60, lines=[ONE, TWO, THREE, four])))
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    kin.tell(invoiced("2.20", "inv-3"), to=X2)
    return kin


@pytest.mark.parametrize("owner", [KEY, X1, X2])
def test_an_echo_is_whose_the_credit_is(owner: str) -> None:
    kin = exchanged_twice()
    kin.tell(CM9, to=owner)
    kin.live()
    kin.tell(back(ECHO))
    assert {key: play.state.refunds["r9"].echo for key, play in kin.plays.items() if "r9" in play.state.refunds} == {
        owner: True
    }
    assert (kin.codes(), kin.payloads(CreditRefund)) == (set(), [])


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_an_echo_whose_credit_nobody_has_is_an_exception_until_the_credit_is_known(parts: int) -> None:
    kin = exchanged_twice() if parts == 2 else (done, exchanged)[parts](push_refunds=True)
    kin.tell(back(ECHO), back(ECHO))
    kin.live()
    last = kin.plays[[KEY, X1, X2][parts]]
    assert (last.codes(), kin.codes()) == ({"refund.unknown_credit"}, {"refund.unknown_credit"})
    assert kin.payloads(CreditRefund) == []
    kin.tell(CM9, to=[KEY, X1, X2][parts])
    assert (kin.codes(), last.state.refunds["r9"].echo) == (set(), True)
