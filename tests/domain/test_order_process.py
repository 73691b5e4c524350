"""An order's way through its process, told as stories."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    WAREHOUSE,
    FakeMasters,
    Play,
    invoiced,
    line,
    order,
    settled,
    shipment,
    shipped,
    shipping,
    stored_and_read,
)

from crossdock.domain.commands import BookOrder, MakeInvoice, PostShipment, PushFulfilment, ReleaseOrder, order_in
from crossdock.domain.decision import HoldHit, ProductMaster
from crossdock.domain.events import AllocationsSeen, InvoiceSeen, MastersCame, OrderSeen, ReleaseSeen
from crossdock.domain.fulfilment import Allocation, ShippedLine
from crossdock.domain.order import LineKind, PaymentStatus
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Done
from crossdock.domain.process import PROCESS, progress

TWO_LINES = (line("1", sku="SKU-1", quantity=3), line("2", sku="SKU-2", quantity=2))


def booked(**more: Any) -> Play:
    """An order that the ERP and the warehouse have."""
    play = Play()
    play.see(**more)
    play.settle("order.book")
    if play.status("order.release") == "running":
        play.settle("order.release")
    return play


def test_an_order_goes_the_whole_way() -> None:
    play = Play(ship_methods={"standard": "UPS Ground"})
    play.see(lines=TWO_LINES, charges=[shipping()])
    book = play.commands[f"{CHANNEL}-1001/{ERP}/order.book"]
    assert isinstance(book.payload, BookOrder)
    assert book.payload.customer_ref == "cust-1"
    assert book.payload.item_refs == {"SKU-1": "item-SKU-1", "SKU-2": "item-SKU-2"}
    assert book.payload.ship_method == "UPS Ground"

    play.tell(settled(book, Done({"salesOrder": "4711"})))
    release = play.commands[f"{CHANNEL}-1001/{WAREHOUSE}/order.release"]
    assert isinstance(release.payload, ReleaseOrder)
    assert release.payload.erp_ref == "4711"
    play.settle("order.release")
    assert (play.summary.status, play.summary.step) == ("waiting", "take.shipments")
    assert play.summary.reason == "0 of 5 units shipped"

    play.tell(shipped(shipment("a", [("1", 3)], tracking=("T1", "T2"))))
    post = play.commands[f"{CHANNEL}-1001/{ERP}/shipment.post/a"].payload
    push = play.commands[f"{CHANNEL}-1001/{CHANNEL}/fulfilment.push/a"].payload
    assert isinstance(post, PostShipment)
    assert isinstance(push, PushFulfilment)
    assert post.erp_ref == "4711"
    assert push.order_external_id == "1001"
    assert [package.tracking_number for package in push.shipment.packages] == ["T1", "T2"]
    play.settle_all()
    assert "invoice.make" not in play.purposes()
    assert play.summary.reason == "3 of 5 units shipped"

    play.tell(shipped(shipment("b", [("2", 2)], tracking=("T3",))))
    play.settle("shipment.post", subject="b")
    invoice = play.commands[f"{CHANNEL}-1001/{ERP}/invoice.make"].payload
    assert invoice == MakeInvoice(f"{CHANNEL}-1001", "4711", ("a", "b"))
    play.settle_all()
    assert play.summary.status == "done"
    assert [step.status for step in progress(play.state)] == ["done"] * 5 + ["skipped"] + ["done"] * 7
    assert play.references >= {
        (CHANNEL, "order", "1001"),
        (CHANNEL, "number", "#1042"),
        (ERP, "salesOrder", "4711"),
        (WAREHOUSE, "tracking", "T1"),
        (WAREHOUSE, "tracking", "T3"),
        (WAREHOUSE, "shipment", "b"),
    }
    assert play.state.axes.fulfilment == "shipped"
    assert play.state.axes.booking == "booked"
    assert {order_in(one.key, one.target, one.payload.purpose) for one in play.commands.values()} == {f"{CHANNEL}-1001"}


def test_how_long_it_took_is_told_once_when_it_is_done() -> None:
    play = booked(lines=TWO_LINES)
    play.tell(shipped(shipment("a", [("1", 3), ("2", 2)])))
    play.settle("shipment.post")
    play.settle("fulfilment.push")
    assert {decision.cycle_s for decision in play.decisions} == {None}
    invoice = play.commands[f"{CHANNEL}-1001/{ERP}/invoice.make"]
    assert play.tell(settled(invoice), now=NOON + timedelta(hours=5)).cycle_s == 5 * 3600.0
    play.tell(shipped(shipment("a", [("1", 3), ("2", 2)])), now=NOON + timedelta(days=30))
    assert [decision.cycle_s for decision in play.decisions if decision.cycle_s is not None] == [5 * 3600.0]


def test_every_step_has_a_time_and_unfinished_ones_a_reason() -> None:
    play = Play()
    play.see(payment_status=PaymentStatus.PENDING)
    views = {view.name: view for view in progress(play.state)}
    assert views["confirm.payment"].status == "waiting"
    assert views["confirm.payment"].reason == "payment is pending, the route asks for paid"
    assert views["confirm.payment"].at == NOON
    assert views["order.book"].status == "pending"
    assert list(views) == [step.name for step in PROCESS]


def test_payment_is_waited_for_and_booked_when_paid() -> None:
    play = Play()
    play.see(payment_status=PaymentStatus.PENDING)
    assert play.commands == {}
    assert (play.summary.status, play.summary.step) == ("waiting", "confirm.payment")
    play.see(payment_status=PaymentStatus.PAID)  # the same updated_at: channels write both in one second
    assert play.purposes() == ["order.book"]
    assert play.state.axes.payment == "paid"


def test_an_older_payment_status_of_the_same_second_changes_nothing() -> None:
    play = Play()
    play.see(payment_status=PaymentStatus.PAID)
    play.see(payment_status=PaymentStatus.PENDING)
    assert play.state.order is not None
    assert play.state.order.payment_status is PaymentStatus.PAID


@pytest.mark.parametrize(
    ("asked", "status", "books"),
    [
        ("pending", PaymentStatus.PENDING, True),
        ("authorized", PaymentStatus.PENDING, False),
        ("authorized", PaymentStatus.AUTHORIZED, True),
        ("authorized", PaymentStatus.PARTIALLY_PAID, False),
        ("paid", PaymentStatus.AUTHORIZED, False),
        ("paid", PaymentStatus.PARTIALLY_REFUNDED, True),
        ("pending", PaymentStatus.VOIDED, False),
    ],
)
def test_the_route_says_how_far_the_money_must_be(asked: str, status: PaymentStatus, books: bool) -> None:
    play = Play(payment=asked)
    play.see(payment_status=status)
    assert ("order.book" in play.purposes()) is books


def test_reversed_payment_is_a_problem() -> None:
    play = Play()
    play.see(payment_status=PaymentStatus.REFUNDED)
    assert play.codes() == {"payment.reversed"}
    assert play.summary.status == "exception"


def test_test_orders_are_ignored_for_good() -> None:
    play = Play()
    play.see(test=True)
    assert (play.summary.status, play.summary.reason) == ("ignored", "test order")
    play.see(test=True, age_s=5)
    play.tell(shipped(shipment()))
    assert play.commands == {}


def test_an_unconfirmed_order_waits() -> None:
    play = Play()
    play.see(confirmed=False)
    assert play.summary.reason == "the channel has not confirmed the order yet"
    play.see(confirmed=True, age_s=1)
    assert play.purposes() == ["order.book"]


def test_an_order_of_which_nothing_is_left_is_a_persons_not_an_empty_booking() -> None:
    play = Play()
    nothing = (line("1", quantity=2, current_quantity=Decimal(0)),)
    decision = play.see(lines=nothing)
    assert [(one.code, one.owner) for one in decision.opened] == [("order.nothing_left", "customer_service")]
    play.act("skip", step="validate.products")
    assert play.purposes() == [], "nobody can say by hand what to book"
    given_up = Play()
    given_up.see(lines=nothing)
    given_up.act("cancel")
    assert (given_up.state.ended, given_up.codes(), given_up.purposes()) == ("cancelled", set(), [])
    play.see(lines=(line("1", quantity=2, current_quantity=Decimal(1)),), age_s=1)
    assert play.purposes() == ["order.book"]
    assert not play.state.problems


def test_what_is_paid_back_whole_is_told_as_that_alone() -> None:
    nothing = (line("1", quantity=2, current_quantity=Decimal(0)),)
    decision = Play().see(lines=nothing, payment_status=PaymentStatus.REFUNDED)
    assert [one.code for one in decision.opened] == ["payment.reversed"]


def test_missing_masters_are_named_one_by_one_and_looked_for_again() -> None:
    lines = (line("1", sku="NEW"), line("2", sku=""), line("3", sku="SKU-3"))
    play = Play(masters=FakeMasters(customers=()))
    decision = play.see(lines=lines)
    assert {(one.key, one.code) for one in decision.opened} == {
        ("validate.customer", "customer.unknown"),
        ("validate.products/NEW", "product.unknown"),
        ("validate.products/line 2", "product.no_sku"),
    }
    assert play.timers == {}
    assert play.wants == {
        ("product", "NEW", False),
        ("customer", "ada@example.com", False),
        ("customer", "ID:shop1-7", False),
    }
    assert ORDER.masters_needed(play.state, OrderSeen(order(lines=lines))) == {
        CHANNEL: ({"NEW", "SKU-3"}, {"ada@example.com", "ID:shop1-7", "LINK:shop1:7"})
    }

    still = play.tell(MastersCame(ERP, "product"))
    assert still.opened == []
    assert still.commands == []
    assert still.wants is not None, "the store has forgotten what was lacking: it is told again"

    play.world = {}
    play.see(lines=(line("1", sku="NEW"), line("2", sku="SKU-2")), age_s=1)
    masters = FakeMasters({sku: ProductMaster(sku, sku) for sku in ("NEW", "SKU-2")})
    play.tell(MastersCame(ERP, "product"), masters=masters)
    assert play.codes() == set()
    assert play.wants == set()
    assert play.purposes() == ["order.book"]


def test_equal_causes_have_equal_fingerprints_without_order_ids() -> None:
    prints = set()
    for external_id in ("1001", "2002"):
        play = Play()
        decision = play.see(lines=[line(sku="NEW")], external_id=external_id, number=f"#{external_id}")
        prints |= {one.fingerprint for one in decision.opened}
        assert not any(external_id in one.fingerprint + one.title for one in decision.opened)
    assert prints == {"product.unknown:erp1:NEW"}


def test_an_operator_retry_looks_at_the_masters_again() -> None:
    play = Play(masters=FakeMasters(customers=()))
    play.see()
    assert play.act("retry").commands == []
    play.world = {}
    assert [command.payload.purpose for command in play.act("retry").commands] == ["order.book"]


def test_unknown_buyers_are_booked_on_the_guest_customer() -> None:
    play = Play(guest_customer="guest-9")
    play.see(customer=None)
    payload = next(iter(play.commands.values())).payload
    assert isinstance(payload, BookOrder)
    assert payload.customer_ref == "guest-9"


def test_a_hold_explains_itself_and_is_released_by_a_person() -> None:
    hit = HoldHit("big", "finance", "over 5", {"total": Decimal("10.00")})
    play = Play(holds=lambda _: [hit])
    play.see()
    assert (play.summary.status, play.summary.step) == ("held", "screen.holds")
    assert play.state.problems["hold/big"].owner == "finance"
    assert stored_and_read(play.state) == play.state
    decision = play.act("release_hold", rule="big", reason="known customer")
    assert decision.settled == ["hold/big"]
    assert play.purposes() == ["order.book"]
    assert play.state.holds["big"].released_by == "olivia"
    assert play.state.holds["big"].release_reason == "known customer"


def test_a_hold_expires_by_its_alarm() -> None:
    play = Play(holds=lambda _: [HoldHit("cool-off", "operations", "new customer", expires_s=60)])
    play.see()
    assert play.timers == {"hold/cool-off": NOON + timedelta(seconds=60)}
    play.fire("hold/cool-off")
    assert play.purposes() == ["order.book"]


def test_the_edit_window_lets_the_customer_change_the_order() -> None:
    play = Play(edit_window_s=600)
    play.see()
    assert (play.summary.status, play.summary.step) == ("waiting", "edit.window")
    assert play.timers == {"edit.window": NOON + timedelta(minutes=10)}
    play.see(lines=TWO_LINES, age_s=60)
    assert play.commands == {}
    play.fire("edit.window")
    payload = play.commands[f"{CHANNEL}-1001/{ERP}/order.book"].payload
    assert isinstance(payload, BookOrder)
    assert payload.order.lines == TWO_LINES
    assert play.timers == {}


def test_an_alarm_that_was_taken_off_means_nothing() -> None:
    play = Play(edit_window_s=600)
    play.see()
    play.fire("edit.window")
    play.timers["edit.window"] = NOON + timedelta(minutes=11)
    assert play.fire("edit.window").entries == []


def test_no_route_is_a_problem_until_there_is_one() -> None:
    play = Play()
    play.see(channel="other")
    assert play.codes() == {"route.missing"}
    assert play.summary.status == "exception"


@pytest.mark.parametrize("kind", [LineKind.GIFT_CARD, LineKind.TIP])
def test_what_does_not_ship_is_invoiced_at_once(kind: LineKind) -> None:
    play = Play()
    play.see(lines=[line(sku=None, kind=kind)])
    play.settle("order.book")
    assert play.purposes() == ["order.book", "invoice.make"]
    assert play.status("order.release") == play.status("take.shipments") == "skipped"
    play.settle_all()
    assert play.summary.status == "done"


def test_the_erp_may_bill_by_itself() -> None:
    play = Play(invoice="take")
    play.see(lines=TWO_LINES)
    play.settle_all()
    play.tell(shipped(shipment("a", [("1", 3), ("2", 2)])))
    play.settle_all()
    assert (play.summary.status, play.summary.step) == ("waiting", "invoice")
    play.tell(invoiced("20.00", "inv-1"))
    assert play.summary.reason == "20.00 of 50.00 billed by the ERP"
    play.tell(invoiced("30.00", "inv-2"))
    assert play.summary.status == "done"
    assert (ERP, "invoice", "INV-2") in play.references
    assert "invoice.make" not in play.purposes()


def test_bills_over_the_order_are_finances_to_look_at() -> None:
    play = booked()
    play.tell(invoiced("11.00"))
    assert play.codes() == {"invoice.total_differs"}


def test_a_bill_in_another_currency_is_finances_to_look_at() -> None:
    play = booked()
    event = invoiced("10.00")
    play.tell(replace(event, invoice=replace(event.invoice, currency="USD")))
    assert play.codes() == {"invoice.total_differs"}


@pytest.mark.parametrize(("total", "codes"), [("10.00", set()), ("9.99", {"invoice.total_differs"})])
def test_our_own_invoice_comes_to_the_order_or_is_finances_to_look_at(total: str, codes: set[str]) -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.settle("shipment.post")
    play.settle("fulfilment.push")
    invoice = invoiced(total).invoice
    play.settle(
        "invoice.make", Done({"invoice": invoice.id}, {"invoice": to_builtins(replace(invoice, tax=Decimal(0)))})
    )
    assert play.codes() == codes
    assert play.tell(InvoiceSeen(invoice, ERP)).entries == []
    if codes:
        assert play.summary.status == "exception"
        play.act("resolve", problem="invoice.total", reason="credited by hand")
    assert play.summary.status == "done"


def test_the_warehouse_tells_how_far_it_is() -> None:
    play = booked()
    play.tell(ReleaseSeen("backordered", WAREHOUSE, "no stock", "w-77"))
    assert play.summary.reason == "0 of 1 units shipped; the warehouse says backordered (no stock)"
    assert (WAREHOUSE, "order", "w-77") in play.references
    play.tell(ReleaseSeen("accepted", WAREHOUSE))
    assert play.state.release_status == "backordered"
    play.tell(ReleaseSeen("cancelled", WAREHOUSE))
    assert play.codes() == {"release.cancelled_there"}


def test_allocations_are_kept_as_last_read() -> None:
    play = booked()
    allocations = (Allocation("fo-1", "open", lines=(ShippedLine("1", Decimal(1)),)),)
    play.tell(AllocationsSeen(allocations))
    assert play.state.allocations == allocations
    assert play.tell(AllocationsSeen(allocations)).entries == []
