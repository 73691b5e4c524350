"""Captures become payments of the ERP: each once, applied to what was billed, whatever order things become known in."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import ERP, NOON, Play, line, money, order, shipment, shipped

from crossdock.domain.commands import Applied, CloseBooking, Command, CreditRefund, PostPayment, PublishInvoice
from crossdock.domain.decision import Decision
from crossdock.domain.events import InvoiceSeen, OrderSeen, PaymentsSeen, RefundSeen, SignalSeen
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.order import Capture, Order, PaymentStatus
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.process import progress
from crossdock.domain.refund import Refund, RefundedLine, Restock, Tender
from crossdock.engine.sending import dated

CHANNEL = "shop1"


def capture(id_: str, amount: str, **more: Any) -> Capture:
    return Capture(id_, more.pop("gateway", "card"), money(amount), NOON, **more)


def captured(*captures: Capture) -> PaymentsSeen:
    return PaymentsSeen(captures, CHANNEL)


def payments(play: Play) -> list[PostPayment]:
    return [command.payload for command in play.commands.values() if isinstance(command.payload, PostPayment)]


def asked(decisions: list[Decision]) -> list[SignalSeen]:
    return [tell.event for each in decisions for tell in each.tells if isinstance(tell.event, SignalSeen)]


def billed(**policy: Any) -> tuple[Play, Order]:
    """An order of 30.00 that has left and is billed by us."""
    play = Play(**{"payments": "payment", **policy})
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PAID)
    goes(play, placed, 3)
    return play, placed


def goes(play: Play, placed: Order, units: int, total: int | None = None) -> None:
    """It is booked, leaves, and is billed for what left, or for less."""
    if play.state.order is None:
        play.tell(OrderSeen(placed))
    play.settle_all()
    play.tell(shipped(shipment("a", [("1", units)])))
    while "invoice.make" not in {known.payload.purpose for known in play.commands.values() if is_open(play, known)}:
        play.settle(next(known.payload.purpose for known in play.commands.values() if is_open(play, known)))
    bill = Invoice("inv-1", "INV1", Decimal(10 * units if total is None else total), placed.currency, NOON)
    play.settle("invoice.make", Done({"invoice": "inv-1"}, {"invoice": msgspec.to_builtins(bill)}))
    play.settle_all()


def is_open(play: Play, command: Command) -> bool:
    return play.state.commands[command.key].status == "open"


def test_the_channel_is_asked_once_when_the_order_is_billed() -> None:
    play, placed = billed()
    (signal,) = asked(play.decisions)
    assert (signal.kind, signal.external_id, signal.content) == ("payments", placed.external_id, "payments/paid")
    play.tell(OrderSeen(placed), OrderSeen(placed))
    assert len(asked(play.decisions)) == 1
    assert payments(play) == []


@pytest.mark.parametrize("policy", ["open", "paid", "deposit"])
def test_other_routes_ask_and_post_nothing(policy: str) -> None:
    play, _ = billed(payments=policy)
    play.tell(captured(capture("t1", "30.00")))
    assert asked(play.decisions) == []
    assert payments(play) == []


def test_each_capture_is_one_payment_applied_to_the_invoice() -> None:
    play, placed = billed()
    play.tell(captured(capture("t1", "10.00", gateway="gift_card", gift_card=True), capture("t2", "20.00")))
    play.tell(captured(capture("t1", "10.00", gateway="gift_card", gift_card=True), capture("t2", "20.00")))
    first, second = payments(play)
    (invoice,) = play.state.invoices
    assert (first.amount, first.apply) == (Decimal("10.00"), (Applied(invoice, Decimal("10.00")),))
    assert (second.amount, second.apply) == (Decimal("20.00"), (Applied(invoice, Decimal("20.00")),))
    assert (first.gift_card, second.gift_card, second.customer_ref, second.source) == (True, False, "cust-1", CHANNEL)
    keys = [key for key, intent in play.state.commands.items() if intent.step == "payment.post"]
    assert keys == [f"{placed.key}/{ERP}/payment.post/{id_}" for id_ in ("t1", "t2")]


def test_the_order_is_open_while_a_payment_is_under_way_and_done_again_after_it() -> None:
    play, _ = billed()
    assert ORDER.summary(play.state).status == "done"
    play.tell(captured(capture("t1", "30.00")))
    assert ORDER.summary(play.state).status == "open"
    play.settle_all()
    assert ORDER.summary(play.state).status == "done"
    view = next(step for step in progress(play.state) if step.name == "payment.post")
    assert (view.status, view.reason) == ("done", "1 of 1")


def test_a_refused_payment_is_a_problem_of_its_own_and_can_be_sent_again() -> None:
    play, placed = billed()
    play.tell(captured(capture("t1", "30.00")))
    play.settle("payment.post", Rejected("setting_missing", "no account", "payment_accounts"))
    assert {known.code for known in play.state.problems.values()} == {"payment.post.rejected"}
    assert play.act("retry").again == [f"{placed.key}/{ERP}/payment.post/t1"]
    play.settle("payment.post", Done({"customerPayment": "9"}))
    assert play.state.problems == {}
    assert len(payments(play)) == 1


def test_money_that_comes_after_the_bill_is_asked_for_again() -> None:
    play = Play(payments="payment", payment="pending")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.AUTHORIZED)
    goes(play, placed, 3)
    assert asked(play.decisions) == []
    paid = msgspec.structs.replace(
        placed, payment_status=PaymentStatus.PAID, updated_at=placed.updated_at.replace(minute=9)
    )
    play.tell(OrderSeen(paid))
    assert [one.content for one in asked(play.decisions)] == ["payments/paid"]
    play.tell(captured(capture("t1", "30.00")))
    assert [one.amount for one in payments(play)] == [Decimal("30.00")]


def billed_less_a_unit() -> tuple[Play, Any]:
    """Three were paid, one was taken off and paid back before it was billed."""
    play = Play(payments="payment")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PAID)
    play.tell(OrderSeen(placed))
    off = RefundedLine("1", Decimal(1), money("10.00"), restock=Restock.CANCEL, sku="SKU-1")
    refund = Refund("r1", NOON, placed.currency, (off,), tenders=(Tender("card", money("10.00"), "t9"),))
    less = msgspec.structs.replace(placed.lines[0], current_quantity=Decimal(2))
    edited = msgspec.structs.replace(placed, lines=(less,), updated_at=placed.updated_at.replace(minute=9))
    play.tell(RefundSeen(refund, CHANNEL), OrderSeen(edited))
    goes(play, placed, 2)
    play.tell(captured(capture("t1", "30.00")))
    return play, placed


def test_no_more_is_posted_than_was_billed_and_what_went_back_explains_the_rest() -> None:
    play, _ = billed_less_a_unit()
    assert [one.amount for one in payments(play)] == [Decimal("20.00")]
    assert "payment/exceeds" not in play.state.problems


def test_money_that_nothing_explains_is_for_a_person() -> None:
    play, _ = billed()
    play.tell(captured(capture("t1", "30.00"), capture("t2", "30.00")))
    assert [one.amount for one in payments(play)] == [Decimal("30.00")]
    problem = play.state.problems["payment/exceeds"]
    assert (problem.code, "30.00" in problem.title) == ("payment.exceeds_bill", True)
    play.act("resolve", problem="payment/exceeds")
    assert "payment/exceeds" not in play.state.problems


def test_a_refund_of_what_was_never_taken_is_set_off_against_the_invoice() -> None:
    play, placed = billed()
    back = RefundedLine("1", Decimal(1), money("10.00"), restock=Restock.RETURN, sku="SKU-1")
    play.tell(RefundSeen(Refund("r1", NOON, placed.currency, (back,)), CHANNEL))
    play.settle_all()
    assert "refund.pay" not in play.purposes()
    [credit] = [known.payload for known in play.commands.values() if isinstance(known.payload, CreditRefund)]
    assert credit.apply_to == ("inv-1",)


def test_every_invoice_is_shown_in_the_channel_once() -> None:
    play, placed = billed(payments="open", publish_invoices=True)
    shown = [known for known in play.commands.values() if isinstance(known.payload, PublishInvoice)]
    assert [(known.key, known.target) for known in shown] == [(f"{placed.key}/shop1/invoice.publish/inv-1", CHANNEL)]
    play.tell(InvoiceSeen(Invoice("inv-1", "INV1", Decimal(30), placed.currency, NOON, Decimal(0)), ERP))
    play.tell(InvoiceSeen(Invoice("inv-2", "INV2", Decimal(1), placed.currency, NOON), ERP))
    shown = [known for known in play.commands.values() if isinstance(known.payload, PublishInvoice)]
    assert [known.payload.invoice.number for known in shown if isinstance(known.payload, PublishInvoice)] == [
        "INV1",
        "INV2",
    ]
    assert [step.status for step in progress(play.state) if step.name == "invoice.publish"] == ["running"]


def test_without_the_switch_no_invoice_is_shown() -> None:
    play, _ = billed(payments="open")
    assert "invoice.publish" not in play.purposes()


def test_a_refund_of_a_paid_order_is_credited_and_paid_out() -> None:
    play, placed = billed()
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    back = RefundedLine("1", Decimal(1), money("10.00"), restock=Restock.RETURN, sku="SKU-1")
    refund = Refund("r1", NOON, placed.currency, (back,), tenders=(Tender("card", money("10.00"), "t9"),))
    play.tell(RefundSeen(refund, CHANNEL))
    play.settle_all()
    assert play.purposes()[-2:] == ["refund.credit", "refund.pay"]


def posted(play: Play) -> dict[tuple[str, str], Decimal]:
    """(capture, invoice) -> what of it settles that, over all payments."""
    found: dict[tuple[str, str], Decimal] = {}
    for one in payments(play):
        for each in one.apply:
            found[one.payment_id, each.invoice] = found.get((one.payment_id, each.invoice), Decimal(0)) + each.amount
    return found


@pytest.mark.parametrize("id_", ["t1", "gid://shop/Transaction/1"])
def test_an_invoice_that_comes_after_the_capture_gets_the_rest_of_it(id_: str) -> None:
    play = Play(payments="payment")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PAID)
    goes(play, placed, 3, total=20)  # our own invoice leaves a unit out
    play.tell(captured(capture(id_, "30.00")))
    assert [one.amount for one in payments(play)] == [Decimal("20.00")]
    play.settle_all()
    rest = InvoiceSeen(Invoice("inv-2", "INV2", Decimal(10), placed.currency, NOON), ERP)
    play.tell(rest, rest)
    _, second = payments(play)
    assert (second.amount, second.apply, second.nth) == (Decimal("10.00"), (Applied("inv-2", Decimal("10.00")),), 2)
    assert [key for key, one in play.state.commands.items() if one.step == "payment.post"] == [
        f"{placed.key}/{ERP}/payment.post/{id_}",
        f"{placed.key}/{ERP}/payment.post/{id_}/2",
    ]
    play.tell(InvoiceSeen(Invoice("inv-3", "INV3", Decimal(10), placed.currency, NOON), ERP))
    assert len(payments(play)) == 2  # nothing is left of what was captured


def test_what_went_back_for_units_that_were_never_billed_pays_no_later_invoice() -> None:
    play, placed = billed_less_a_unit()
    play.tell(InvoiceSeen(Invoice("inv-2", "INV2", Decimal(10), placed.currency, NOON), ERP))
    assert [one.amount for one in payments(play)] == [Decimal("20.00")]


def test_payments_sent_before_their_use_was_noted_are_not_sent_again() -> None:
    play = Play(payments="payment")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PAID)
    goes(play, placed, 3, total=20)
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    play.state.funds.clear()
    play.tell(InvoiceSeen(Invoice("inv-2", "INV2", Decimal(10), placed.currency, NOON), ERP))
    assert len(payments(play)) == 1


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(1, 3000), min_size=3, max_size=3))
def test_in_any_order_of_captures_and_invoices_the_sums_are_the_same(places: list[int], cents: list[int]) -> None:
    play, placed = billed()
    captures = [capture(f"t{nth}", f"{Decimal(amount) / 100:.2f}") for nth, amount in enumerate(cents)]
    later = [Invoice(f"inv-{n}", f"INV{n}", Decimal(n) * Decimal("7.33"), placed.currency, NOON) for n in (2, 3)]
    events = [*map(captured, captures), *(InvoiceSeen(one, ERP) for one in later)]
    for place in places:
        play.tell(events[place])
    given_, taken, bills = posted(play), sum(cents), Decimal("30.00") + 5 * Decimal("7.33")
    assert sum(given_.values(), Decimal(0)) == min(Decimal(taken) / 100, bills)
    assert all(sum(sum_ for (id_, _), sum_ in given_.items() if id_ == one.id) <= one.amount.shop for one in captures)
    for id_, known in play.state.invoices.items():
        assert sum(sum_ for (_, invoice), sum_ in given_.items() if invoice == id_) <= known.invoice.total
    assert all(one.amount == sum(each.amount for each in one.apply) for one in payments(play))
    assert len(play.commands) == len(play.state.commands)


@pytest.mark.parametrize(
    ("policy", "day"),
    [
        ({}, None),
        ({"closed_through": "2026-11-30"}, date(2026, 12, 1)),
        ({"closed_through": "2026-11-30", "closed_period": "hold"}, None),
    ],
)
def test_what_is_sent_again_after_the_books_closed_is_posted_by_the_policy_of_that_time(
    policy: dict[str, Any], day: date | None
) -> None:
    play, _ = billed()
    play.tell(captured(capture("t1", "30.00")))
    play.settle("payment.post", Rejected("posting_date", "the period is closed"))
    play.world |= policy
    decision = play.act("retry")
    assert (len(decision.again), decision.posting_from) == (1, day)
    [sent] = payments(play)
    assert sent.posted_on is None, "a command never changes"
    again = dated(sent, decision.posting_from)
    assert isinstance(again, PostPayment)
    assert again == msgspec.structs.replace(sent, posted_on=day)


def test_a_day_that_is_later_than_the_first_of_open_books_stays() -> None:
    play, _ = billed(closed_through="2026-12-31")
    play.tell(captured(capture("t1", "30.00")))
    [sent] = payments(play)
    assert dated(sent, date(2026, 12, 1)) == sent
    assert not hasattr(dated(CloseBooking("shop1-1", "9"), date(2026, 12, 1)), "posted_on")


def test_what_was_recorded_whole_in_advance_pays_no_invoice_again() -> None:
    play, placed = billed(payments="open")
    play.world |= {"payments": "advance"}
    play.tell(captured(capture("t1", "30.00")))
    play.settle_all()
    before = posted(play)
    play.world |= {"payments": "payment"}
    play.tell(InvoiceSeen(Invoice("inv-2", "INV2", Decimal(10), placed.currency, NOON), ERP))
    assert posted(play) == before
    play.tell(captured(capture("t1", "30.00"), capture("t2", "25.00")))
    assert posted(play) == {**before, ("t2", "inv-2"): Decimal(10)}
