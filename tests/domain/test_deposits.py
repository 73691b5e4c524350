"""``payments: advance``: each capture is a deposit on the sales order, applied when it is billed, to the cent."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import ERP, NOON, Play, invoiced, line, money, order, shipment, shipped, with_changes
from tests.domain.test_paying import asked, capture, captured, is_open

from crossdock.domain.commands import ApplyDeposit, CreditRefund, Drawn, PayRefund, PostDeposit, PostPayment
from crossdock.domain.events import OrderSeen, RefundSeen
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.order import ChargeKind, Order, PaymentStatus
from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected
from crossdock.domain.refund import Adjustment, Refund, RefundedCharge, RefundedLine, Restock, Tender

CHANNEL = "shop1"
ZERO = Decimal(0)


def sent(play: Play, kind: type) -> list[Any]:
    return [command.payload for command in play.commands.values() if isinstance(command.payload, kind)]


def placed(**more: Any) -> Order:
    return order(lines=(line("1", quantity=3),), paid=Decimal("30.00"), **more)


def booked(view: Order | None = None, **policy: Any) -> Play:
    """An order of 30.00, paid and booked; nothing has left."""
    play = Play(**{"payments": "advance", **policy})
    play.tell(OrderSeen(placed() if view is None else view))
    play.settle("order.book")
    return play


def bill(play: Play, total: str, units: int = 3, id_: str = "inv-1") -> None:
    """All of it leaves, and our invoice is made."""
    play.settle_all()
    play.tell(shipped(shipment("a", [("1", units)])))
    while not any(is_open(play, one) for one in play.commands.values() if one.payload.purpose == "invoice.make"):
        play.settle(next(one.payload.purpose for one in play.commands.values() if is_open(play, one)))
    made = Invoice(id_, id_.upper(), Decimal(total), "EUR", NOON + timedelta(hours=1))
    play.settle("invoice.make", Done({"invoice": id_}, {"invoice": msgspec.to_builtins(made)}))


def units_off(quantity: int, id_: str = "r1") -> Refund:
    off = RefundedLine("1", Decimal(quantity), money(10 * quantity), restock=Restock.CANCEL, sku="SKU-1")
    return Refund(id_, NOON, "EUR", (off,), tenders=(Tender("card", money(10 * quantity), f"t-{id_}"),))


def edited(view: Order, units: int, second: int = 60) -> OrderSeen:
    less = msgspec.structs.replace(view.lines[0], current_quantity=Decimal(units))
    return OrderSeen(with_changes(view, lines=(less,), updated_at=view.updated_at + timedelta(seconds=second)))


def test_the_channel_is_asked_when_the_order_is_booked_and_our_bill_waits_for_its_answer() -> None:
    play = Play(payments="advance")
    play.tell(OrderSeen(placed()))
    assert asked(play.decisions) == []
    play.settle("order.book")
    assert [one.content for one in asked(play.decisions)] == ["payments/paid/30.00/0/1"]
    play.settle_all()
    play.tell(shipped(shipment("a", [("1", 3)])))
    play.settle_all()
    assert (play.status("invoice"), "invoice.make" in play.purposes()) == ("waiting", False)
    assert play.summary.reason == "the channel is asked what it took in advance"
    play.tell(captured())  # nothing was: a free order, or one paid elsewhere
    assert "invoice.make" in play.purposes()


def test_each_capture_is_one_deposit_on_the_sales_order() -> None:
    play = booked()
    both = (capture("t1", "10.00", gateway="gift_card", gift_card=True), capture("t2", "20.00"))
    play.tell(captured(*both), captured(*both))
    first, second = sent(play, PostDeposit)
    assert (first.amount, first.gift_card, second.amount) == (Decimal("10.00"), True, Decimal("20.00"))
    assert (first.erp_ref, first.customer_ref, first.source) == (play.state.erp_ref, "cust-1", CHANNEL)
    keys = [key for key, intent in play.state.commands.items() if intent.step == "deposit.post"]
    assert keys == [f"shop1-1001/{ERP}/deposit.post/{id_}" for id_ in ("t1", "t2")]


def test_deposits_settle_the_invoice_when_it_is_made() -> None:
    play = booked()
    play.tell(captured(capture("t1", "10.00"), capture("t2", "20.00")))
    play.settle_all()
    bill(play, "30.00")
    first, second = sent(play, ApplyDeposit)
    assert [(one.payment_id, one.deposit_ref, one.invoice, one.amount) for one in (first, second)] == [
        ("t1", "customerDeposit-t1", "inv-1", Decimal("10.00")),
        ("t2", "customerDeposit-t2", "inv-1", Decimal("20.00")),
    ]
    assert first.applied_at == NOON + timedelta(hours=1)
    play.settle_all()
    assert (play.summary.status, play.codes(), sent(play, PostPayment)) == ("done", set(), [])


def test_invoices_in_parts_take_what_is_left_of_the_deposits() -> None:
    play = booked(invoice="take")
    play.tell(captured(capture("t1", "15.00"), capture("t2", "15.00")))
    play.settle_all()
    play.tell(invoiced("20.00", "inv-1"), invoiced("10.00", "inv-2"))
    assert [(one.payment_id, one.invoice, one.amount) for one in sent(play, ApplyDeposit)] == [
        ("t1", "inv-1", Decimal("15.00")),
        ("t2", "inv-1", Decimal("5.00")),
        ("t2", "inv-2", Decimal("10.00")),
    ]


def test_an_invoice_that_the_erps_people_raise_takes_the_rest_of_the_deposit() -> None:
    play = booked(invoice="take")
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    play.tell(invoiced("25.00"))
    play.settle_all()
    play.tell(invoiced("30.00"))
    assert [(one.amount, one.nth) for one in sent(play, ApplyDeposit)] == [(Decimal("25.00"), 1), (Decimal("5.00"), 2)]
    assert play.state.funds["t1"].rest == ZERO


def test_a_deposit_that_stands_late_is_applied_late() -> None:
    play = booked(invoice="take")
    play.tell(captured(capture("t1", "30.00")), invoiced("30.00"))
    assert sent(play, ApplyDeposit) == []
    play.settle("deposit.post")
    assert [one.amount for one in sent(play, ApplyDeposit)] == [Decimal("30.00")]


def test_what_is_captured_after_the_bill_is_a_payment() -> None:
    play = booked(placed(payment_status=PaymentStatus.AUTHORIZED), payment="authorized")
    bill(play, "30.00")
    paid = with_changes(placed(), updated_at=NOON + timedelta(hours=2))
    play.tell(OrderSeen(paid), captured(capture("t1", "30.00")))
    [payment] = sent(play, PostPayment)
    assert (payment.amount, [(one.invoice, one.amount) for one in payment.apply]) == (
        Decimal("30.00"),
        [("inv-1", Decimal("30.00"))],
    )
    assert sent(play, PostDeposit) == []


def test_more_than_the_bill_is_recorded_whole_and_told_once() -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00"), capture("t2", "5.00")))
    play.settle_all()
    bill(play, "30.00")
    play.settle_all()
    assert "5.00" in play.state.problems["payment/exceeds"].title
    play.act("resolve", problem="payment/exceeds")
    play.tell(OrderSeen(placed()), captured(capture("t1", "30.00"), capture("t2", "5.00")))
    assert play.codes() == set()
    assert sum((one.amount for one in sent(play, PostDeposit)), ZERO) == Decimal("35.00")


def test_units_taken_off_before_the_bill_go_back_out_of_the_deposits() -> None:
    play = booked()
    play.tell(captured(capture("t1", "5.00"), capture("t2", "25.00")))
    play.tell(RefundSeen(units_off(1), CHANNEL))
    assert sent(play, PayRefund) == []  # nothing stands yet to draw on
    play.settle_all()
    [paid] = sent(play, PayRefund)
    assert (paid.amount, paid.credit_ref, paid.nth) == (Decimal("10.00"), None, 1)
    assert paid.drawn == (
        Drawn("t1", "customerDeposit-t1", Decimal("5.00")),
        Drawn("t2", "customerDeposit-t2", Decimal("5.00")),
    )
    play.tell(edited(placed(), 2))
    play.act("resolve", problem="order.edited")  # the warehouse has it already
    play.settle_all()
    bill(play, "20.00", units=2)
    play.settle_all()
    assert [(one.payment_id, one.amount) for one in sent(play, ApplyDeposit)] == [("t2", Decimal("20.00"))]
    assert (play.codes(), [fund.rest for fund in play.state.funds.values()]) == (set(), [ZERO, ZERO])


def test_a_refund_that_the_deposits_do_not_have_is_for_a_person() -> None:
    play = booked()
    play.tell(captured(capture("t1", "5.00")))
    play.settle_all()
    play.tell(RefundSeen(units_off(1), CHANNEL))
    assert play.codes() == {"refund.exceeds_deposit"}
    assert sent(play, PayRefund) == []
    play.tell(captured(capture("t1", "5.00"), capture("t2", "25.00")))  # it was there after all
    play.settle_all()
    assert play.codes() == set()
    assert [one.amount for one in sent(play, PayRefund)] == [Decimal("10.00")]


def test_a_refund_that_is_known_before_what_was_captured_waits_and_nobody_is_asked() -> None:
    play = booked()
    play.tell(RefundSeen(units_off(1), CHANNEL))
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    assert [one.amount for one in sent(play, PayRefund)] == [Decimal("10.00")]
    assert [one.code for decision in play.decisions for one in decision.opened] == []


def test_what_went_back_out_of_the_deposits_is_not_paid_out_of_a_credit_memo_too() -> None:
    """The sale was taken back, its money went back, and the ERP's people had billed it all the same."""
    play = booked(invoice="take")
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    units = RefundedLine("1", Decimal(3), money("25.00"), restock=Restock.CANCEL, sku="SKU-1")
    parts = (RefundedCharge(ChargeKind.SHIPPING, money("5.00")),)
    whole = Refund("r1", NOON, "EUR", (units,), parts, tenders=(Tender("card", money("30.00"), "t9"),))
    gone = with_changes(placed(), cancelled_at=NOON, updated_at=NOON + timedelta(minutes=5))
    play.tell(OrderSeen(gone), RefundSeen(whole, CHANNEL))
    play.tell(invoiced("30.00"))
    play.settle_all()
    assert sum((one.amount for one in sent(play, PayRefund)), ZERO) == Decimal("30.00")


def test_a_person_who_settled_it_by_hand_is_not_followed_by_a_document() -> None:
    play = booked()
    play.tell(captured(capture("t1", "5.00")))
    play.settle_all()
    play.tell(RefundSeen(units_off(1), CHANNEL))
    play.act("resolve", problem="refund/r1")
    play.tell(captured(capture("t1", "5.00"), capture("t2", "25.00")))
    play.settle_all()
    assert sent(play, PayRefund) == []


@pytest.mark.parametrize("refund_first", [True, False])
def test_a_sale_that_is_taken_back_gives_all_of_it_back(refund_first: bool) -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    units = RefundedLine("1", Decimal(3), money("25.00"), restock=Restock.CANCEL, sku="SKU-1")
    parts = (RefundedCharge("shipping", money("5.00")),)  # type: ignore[arg-type]
    tenders = (Tender("card", money("30.00"), "t9"),)
    refund = RefundSeen(Refund("r1", NOON, "EUR", (units,), parts, tenders=tenders), CHANNEL)
    gone = with_changes(placed(), cancelled_at=NOON, updated_at=NOON + timedelta(minutes=5))
    play.tell(*((refund, OrderSeen(gone)) if refund_first else (OrderSeen(gone), refund)))
    play.settle_all()
    assert play.summary.status == "cancelled"
    assert sum((one.amount for one in sent(play, PayRefund)), ZERO) == Decimal("30.00")
    assert [one.nth for one in sent(play, PayRefund)] == ([1, 2] if refund_first else [1])
    assert (play.codes(), play.state.funds["t1"].rest) == (set(), ZERO)


def test_a_sale_that_is_taken_back_before_anything_was_known_leaves_no_money_in_the_erp() -> None:
    play = booked()
    gone = with_changes(placed(), cancelled_at=NOON, updated_at=NOON + timedelta(minutes=5))
    play.tell(OrderSeen(gone), RefundSeen(units_off(3), CHANNEL), captured(capture("t1", "30.00")))
    play.settle_all()
    assert (sent(play, PostDeposit), sent(play, PayRefund), play.codes()) == ([], [], set())


def test_money_of_a_cancelled_order_that_did_not_go_back_is_told() -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    play.tell(OrderSeen(with_changes(placed(), cancelled_at=NOON, updated_at=NOON + timedelta(minutes=5))))
    play.settle_all()
    assert "30.00" in play.state.problems["payment/exceeds"].title
    play.tell(RefundSeen(units_off(3), CHANNEL))
    play.settle_all()
    assert play.codes() == set()


def test_a_refund_after_the_bill_is_credited_and_paid_out_of_the_credit() -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    bill(play, "30.00")
    back = RefundedLine("1", Decimal(1), money("10.00"), restock=Restock.RETURN, sku="SKU-1")
    refund = Refund("r1", NOON, "EUR", (back,), tenders=(Tender("card", money("10.00"), "t9"),))
    play.tell(RefundSeen(refund, CHANNEL))
    play.settle_all()
    assert [one.apply_to for one in sent(play, CreditRefund)] == [()]
    assert [(one.amount, one.drawn) for one in sent(play, PayRefund)] == [(Decimal("10.00"), ())]


def test_a_deposit_in_doubt_keeps_refunds_waiting_until_a_person_knows() -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00")))
    play.settle("deposit.post", OutcomeUnknown("no answer"))
    play.tell(RefundSeen(units_off(1), CHANNEL))
    assert sent(play, PayRefund) == []
    play.act("resolve", problem="deposit.post/t1", refs={"customerDeposit": "77"})
    assert [one.drawn for one in sent(play, PayRefund)] == [(Drawn("t1", "77", Decimal("10.00")),)]


def test_a_refused_deposit_outlives_the_order() -> None:
    play = booked()
    play.tell(captured(capture("t1", "30.00")))
    play.settle("deposit.post", Rejected("setting_missing", "no account", "payment_accounts"))
    play.tell(OrderSeen(with_changes(placed(), cancelled_at=NOON, updated_at=NOON + timedelta(minutes=5))))
    play.settle_all()
    assert "deposit.post.rejected" in play.codes()


def test_another_way_of_the_route_never_records_a_capture_twice() -> None:
    paid = Play(payments="payment", invoice="take")
    paid.tell(OrderSeen(placed()))
    paid.settle("order.book")
    paid.tell(invoiced("30.00"), captured(capture("t1", "30.00")))
    paid.world["payments"] = "advance"
    paid.tell(captured(capture("t1", "30.00")), invoiced("30.00", "inv-1"))
    assert (len(sent(paid, PostPayment)), sent(paid, PostDeposit)) == (1, [])
    deposited = booked(invoice="take")
    deposited.tell(captured(capture("t1", "30.00")))
    deposited.world["payments"] = "payment"
    deposited.tell(invoiced("30.00"), captured(capture("t1", "30.00"), capture("t2", "30.00")))
    assert [one.payment_id for one in sent(deposited, PostPayment)] == ["t2"]


def test_others_deposits_stay_theirs() -> None:
    play = booked(payments="deposit")
    play.tell(captured(capture("t1", "30.00")), RefundSeen(units_off(1), CHANNEL))
    assert (sent(play, PostDeposit), asked(play.decisions)) == ([], [])
    assert [(one.drawn, one.credit_ref) for one in sent(play, PayRefund)] == [((), None)]


class World:
    """Everything that may happen to a paid order, in any order; outcomes come when they like."""

    def __init__(self, play: Play) -> None:
        self.play, self.captures, self.off, self.refunds, self.seconds = play, [], 0, 0, 0
        self.billed = False

    def capture(self, amount: int) -> None:
        self.captures.append(capture(f"t{len(self.captures) + 1}", f"{amount}.00"))
        self.play.tell(captured(*self.captures))

    def cancel_unit(self, _: int) -> None:
        if self.off < 2 and not self.billed:
            self.off += 1
            self.seconds += 60
            self.play.tell(RefundSeen(units_off(1, f"off{self.off}"), CHANNEL))
            self.play.tell(edited(placed(), 3 - self.off, self.seconds))
            if "order.edited" in self.play.state.problems:
                self.play.act("resolve", problem="order.edited")

    def goodwill(self, amount: int) -> None:
        self.refunds += 1
        part = Adjustment(money(amount))
        tender = Tender("card", money(amount), f"g{self.refunds}")
        refund = Refund(f"good{self.refunds}", NOON, "EUR", adjustments=(part,), tenders=(tender,))
        self.play.tell(RefundSeen(refund, CHANNEL))

    def settle(self, _: int) -> None:
        open_ = [one for one in self.play.commands.values() if is_open(self.play, one)]
        if open_:
            self.play.settle(open_[0].payload.purpose)

    def bill(self, _: int) -> None:
        if not self.billed:
            self.billed = True
            self.play.tell(invoiced(f"{10 * (3 - self.off)}.00"))


ACTS = ("capture", "cancel_unit", "goodwill", "settle", "bill")


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 20)), max_size=14))
@settings(deadline=None)
def test_deposits_and_payments_are_the_captures_and_nothing_is_given_out_twice(acts: list[tuple[str, int]]) -> None:
    world = World(booked(invoice="take"))
    play = world.play
    for act, amount in acts:
        getattr(world, act)(amount)
    world.settle(0)
    play.settle_all()
    world.bill(0)
    play.settle_all()
    made = [*sent(play, PostDeposit), *sent(play, PostPayment)]
    assert {one.payment_id: one.amount for one in made} == {one.id: one.amount.shop for one in world.captures}
    assert len(made) == len(world.captures)
    for id_, fund in play.state.funds.items():
        given_out = [one.amount for one in sent(play, ApplyDeposit) if one.payment_id == id_]
        given_out += [each.amount for one in sent(play, PayRefund) for each in one.drawn if each.payment_id == id_]
        given_out += [each.amount for one in sent(play, PostPayment) if one.payment_id == id_ for each in one.apply]
        assert fund.rest == fund.amount - sum(given_out, ZERO) >= ZERO
    bill_ = sum((each.invoice.total for each in play.state.invoices.values()), ZERO)
    settled = [one.amount for one in sent(play, ApplyDeposit)]
    settled += [each.amount for one in sent(play, PostPayment) for each in one.apply]
    assert sum(settled, ZERO) <= bill_
    taken = sum((fund.amount for fund in play.state.funds.values()), ZERO)
    if not sent(play, PayRefund) or all(not one.drawn for one in sent(play, PayRefund)):
        assert sum(settled, ZERO) == min(taken, bill_)
