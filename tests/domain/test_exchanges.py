"""Lines added after goods have left: one order in the channel, two here, and no cent or unit in both or in none."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    Play,
    invoiced,
    line,
    money,
    order,
    shipment,
    shipped,
    shipping,
    stored_and_read,
    with_changes,
)

from crossdock.domain.advance import EDITED
from crossdock.domain.commands import (
    BookOrder,
    Command,
    CreditRefund,
    MakeInvoice,
    PayRefund,
    PushFulfilment,
    PushRefund,
    ReleaseOrder,
)
from crossdock.domain.events import (
    AllocationsSeen,
    CreditSeen,
    Event,
    OrderSeen,
    ParcelSeen,
    RefundSeen,
    ReturnSeen,
    SettlementNamed,
)
from crossdock.domain.fulfilment import Allocation, ShippedLine
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import Address, LineKind, Order, PaymentStatus, Totals
from crossdock.domain.order_decider import ORDER
from crossdock.domain.part import HandedOver, Part
from crossdock.domain.parts import split, split_refund
from crossdock.domain.refund import Adjustment, Credit, Refund, RefundedLine, Restock, Return, ReturnedLine, Tender
from crossdock.domain.state import OrderState
from crossdock.domain.totals import prove
from crossdock.reconcile.views import view_of

KEY, X1 = f"{CHANNEL}-1001", f"{CHANNEL}-1001-X1"
ONE, TWO = line("1", quantity=2, tax="2.00", discount="1.00"), line("2", sku="SKU-2", price="7.00", tax="0.70")
THREE = line("3", sku="SKU-3", price="4.00", tax="0.40")
PAID, PARTLY, GAVE = PaymentStatus.PAID, PaymentStatus.PARTIALLY_PAID, PaymentStatus.PARTIALLY_REFUNDED
UNIT = RefundedLine("2", Decimal(1), money("7.00"), money("0.70"), Restock.RETURN, "SKU-2")


def sold(**more: Any) -> Order:
    return order(**{"lines": [ONE, TWO], "charges": [shipping(tax="0.50")], "outstanding": ZERO, **more})


def added(age_s: float = 30, **more: Any) -> Order:
    return sold(**{"age_s": age_s, "lines": [ONE, TWO, THREE], **more})


def given_back(paid: str, *lines: RefundedLine, id_: str = "r1", **more: Any) -> Refund:
    tenders = (Tender("card", money(paid), f"t-{id_}"),) if Decimal(paid) else ()
    return Refund(id_, NOON + timedelta(minutes=1), "EUR", lines or (UNIT,), tenders=tenders, **more)


def back(refund: Refund) -> RefundSeen:
    return RefundSeen(refund, CHANNEL)


class Kin:
    """An order and its parts, each a stream of its own: what one tells another comes when it is carried."""

    def __init__(self, **world: Any) -> None:
        self.world = world
        self.plays: dict[str, Play] = {KEY: Play(**world)}
        self._carried: dict[str, int] = {}

    @property
    def order(self) -> Play:
        return self.plays[KEY]

    @property
    def part(self) -> Play:
        return self.plays[X1]

    def tell(self, *events: Event, to: str = KEY) -> None:
        for event in events:
            self.plays[to].tell(event)
            self.carry()

    def carry(self) -> None:
        for key in list(self.plays):
            play = self.plays[key]
            for decision in play.decisions[self._carried.get(key, 0) :]:
                for tell in decision.tells:
                    if tell.to.kind == "order":
                        self.plays.setdefault(tell.to.key, Play(**self.world)).tell(tell.event)
            self._carried[key] = len(play.decisions)
        if any(self._carried.get(key, 0) != len(play.decisions) for key, play in self.plays.items()):
            self.carry()

    def live(self) -> None:
        """Every command succeeds, and the warehouse ships what it was released."""
        for key in list(self.plays):
            play = self.plays[key]
            play.settle_all()
            for release in [one.payload for one in play.commands.values() if isinstance(one.payload, ReleaseOrder)]:
                if not any(play.state.taken()):
                    lines = [(each.id, str(each.quantity)) for each in release.order.lines]
                    play.tell(shipped(shipment(f"sh-{key}", lines, tracking=(f"T-{key}",))))
            play.settle_all()
        self.carry()

    def payloads(self, kind: type) -> list[Any]:
        return [
            one.payload for play in self.plays.values() for one in play.commands.values() if type(one.payload) is kind
        ]

    def codes(self) -> set[str]:
        return {code for play in self.plays.values() for code in play.codes()}


def done(**world: Any) -> Kin:
    kin = Kin(**world)
    kin.tell(OrderSeen(sold()))
    kin.live()
    kin.tell(invoiced("34.20"))
    assert kin.order.summary.status == "done"
    return kin


def exchanged(**world: Any) -> Kin:
    kin = done(**world)
    kin.tell(OrderSeen(added()))
    return kin


def test_the_added_line_is_booked_released_shipped_told_and_billed_by_itself() -> None:
    kin = exchanged()
    kin.live()
    assert {key: play.summary.status for key, play in kin.plays.items()} == {KEY: "done", X1: "done"}
    books = kin.payloads(BookOrder)
    assert [(one.order.key, [each.id for each in one.order.lines]) for one in books] == [(KEY, ["1", "2"]), (X1, ["3"])]
    assert books[1].order.totals.total == money("4.40")
    assert books[1].order.number == "#1042-X1"
    pushed = kin.payloads(PushFulfilment)
    assert {one.order_external_id for one in pushed} == {"1001"}, "the channel knows one order"
    assert [one.order_key for one in kin.payloads(MakeInvoice)] == [KEY, X1]
    assert kin.codes() == set()


def test_both_halves_prove_and_are_the_whole() -> None:
    kin = exchanged()
    rest, part = kin.order.state.newest, kin.part.state.order
    assert rest is not None
    assert part is not None
    assert prove(rest).balanced
    assert prove(part).balanced
    assert rest.totals.total.shop + part.totals.total.shop == added().totals.total.shop
    assert with_changes(rest, apart=(), updated_at=NOON) == sold()


def test_what_the_channel_does_not_tell_makes_no_order() -> None:
    kin = done()
    kin.tell(OrderSeen(added(outstanding=None)))
    assert (set(kin.plays), kin.codes()) == ({KEY}, {"order.edited_after_shipment"})
    [problem] = kin.order.decisions[-1].opened
    assert "outstanding" in problem.facts["no_order_of_its_own"]


@pytest.mark.parametrize(
    ("view", "world"),
    [
        (added(totals=sold().totals), {}),
        (sold(age_s=30, lines=[ONE, TWO, line("3", sku=None, kind=LineKind.TIP)]), {}),
        (added(handed_over=("1", "2", "3")), {}),
        (added(), {"payments": "payment"}),
        (added(), {"payments": "advance"}),
    ],
    ids=["money that does not come out", "a tip", "taken along in a store", "payments posted", "captures in advance"],
)
def test_what_cannot_be_told_apart_stays_a_persons(view: Order, world: dict[str, Any]) -> None:
    kin = done(**world)
    kin.tell(OrderSeen(view))
    assert (set(kin.plays), kin.codes()) == ({KEY}, {"order.edited_after_shipment"})
    kin.tell(OrderSeen(added(60)))
    assert set(kin.plays) == {KEY}, "a line that a person was asked about is that person's"


def test_a_line_that_a_person_was_asked_about_before_it_left_is_never_another_order() -> None:
    kin = Kin()
    kin.tell(OrderSeen(sold()))
    kin.plays[KEY].settle_all()
    kin.tell(OrderSeen(added()))
    assert kin.codes() == {"order.edited_after_booking"}
    kin.live()
    kin.tell(OrderSeen(added(60, tags=("vip",))))
    assert set(kin.plays) == {KEY}


def test_with_an_edit_of_the_order_itself_the_edit_is_the_exception_and_the_line_its_own_order() -> None:
    kin = done()
    kin.tell(OrderSeen(added(ship_to=Address(line1="2 Low Street", city="Perth", country_code="AU"))))
    assert kin.order.codes() == {"order.edited_after_shipment"}
    assert kin.part.status("order.book") == "running"
    kin.order.act("resolve", problem=EDITED)
    kin.live()
    assert kin.order.state.order is not None
    assert [each.id for each in kin.order.state.order.lines] == ["1", "2"]
    assert kin.codes() == set()


def test_a_dearer_exchange_waits_for_its_payment() -> None:
    kin = done()
    kin.tell(OrderSeen(added(outstanding=Decimal("1.00"), payment_status=PARTLY)))
    assert (kin.part.summary.status, kin.part.purposes()) == ("waiting", [])
    kin.tell(OrderSeen(added(40, tags=("seen",), outstanding=Decimal("1.00"), payment_status=GAVE)))
    assert kin.part.purposes() == [], "a payment status alone says nothing of what is outstanding"
    kin.tell(OrderSeen(added(60)))
    assert kin.part.purposes() == ["order.book"]


def test_a_later_view_is_told_to_the_part_only_when_the_part_changed() -> None:
    kin = exchanged()
    before = len(kin.part.decisions)
    kin.tell(OrderSeen(added(60)), OrderSeen(added(60)), OrderSeen(added(10)))
    assert len(kin.part.decisions) == before
    kin.tell(OrderSeen(added(70, ship_to=Address(line1="2 Low Street", city="Perth", country_code="AU"))))
    assert len(kin.part.decisions) == before + 1


def test_the_part_is_edited_by_its_own_stage() -> None:
    kin = exchanged(warehouse=None, invoice="take")
    assert kin.order.status("order.book") == "done"
    kin.part.settle("order.book")
    kin.tell(OrderSeen(added(60, ship_to=Address(line1="2 Low Street", city="Perth", country_code="AU"))))
    assert kin.part.purposes() == ["order.book", "booking.amend"]


def test_nothing_is_wanted_of_it_any_more() -> None:
    kin = exchanged()
    off = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.CANCEL, "SKU-3")
    kin.tell(back(given_back("4.40", off, id_="r2")))
    kin.tell(OrderSeen(added(60, lines=[ONE, TWO, with_changes(THREE, current_quantity=ZERO)])))
    kin.live()
    assert kin.part.summary.status == "cancelled"
    assert kin.part.purposes() == ["order.book", "booking.close"]
    assert kin.payloads(CreditRefund) == []
    assert kin.codes() == set()


def test_a_cancelled_order_cancels_its_parts() -> None:
    kin = exchanged()
    kin.part.settle_all()
    kin.tell(OrderSeen(added(60, cancelled_at=NOON, cancel_reason="customer")))
    kin.part.settle_all()
    assert (kin.part.summary.status, kin.order.codes()) == ("cancelled", {"order.cancelled_after_shipment"})


@pytest.mark.parametrize("refund_first", [True, False])
@pytest.mark.parametrize(("paid", "outstanding"), [("3.30", "0"), ("0", "0"), ("0", "2.20")])
def test_what_came_back_is_credited_whole_whatever_pays_for_what(
    refund_first: bool, paid: str, outstanding: str
) -> None:
    """7.70 came back; 4.40 went out (so 3.30 is paid back), or 7.70, or 9.90 (so 2.20 is outstanding)."""
    price = {"3.30": "4.00", "0": "7.00"}[paid] if outstanding == "0" else "9.00"
    three = line("3", sku="SKU-3", price=price, tax=str(Decimal(price) / 10))
    kin = done()
    refund = back(given_back(paid))
    view = OrderSeen(added(lines=[ONE, TWO, three], outstanding=Decimal(outstanding), payment_status=PARTLY))
    kin.tell(*((refund, view) if refund_first else (view, refund)))
    kin.tell(OrderSeen(added(60, lines=[ONE, TWO, three])))
    kin.live()
    assert kin.codes() == set()
    [credit] = kin.payloads(CreditRefund)
    assert (credit.order_key, credit.total, credit.lines[0].quantity) == (KEY, Decimal("7.70"), 1)
    assert credit.apply_to == ("inv-1",)
    bills = sum(one.order.totals.total.shop for one in kin.payloads(BookOrder))
    taxes = sum(one.order.totals.tax.shop for one in kin.payloads(BookOrder))
    received = sold().totals.total.shop + Decimal(outstanding)
    assert bills - credit.total == received - Decimal(paid), "the books come to what the customer paid in the end"
    assert taxes - credit.lines[0].tax == Decimal("3.20") - Decimal("0.70") + Decimal(price) / 10


def test_less_is_paid_back_than_an_exchange_explains() -> None:
    kin = exchanged()
    kin.tell(back(given_back("3.00")))
    assert kin.codes() == {"refund.unbalanced"}, "7.70 came back and 4.40 went out: 3.30 is to be paid back"


@pytest.mark.parametrize("refund_first", [True, False])
def test_what_is_set_off_counts_as_paid_out_where_bills_count_as_paid(refund_first: bool) -> None:
    kin = done(payments="paid")
    events: list[Event] = [back(given_back("3.30")), OrderSeen(added())]
    kin.tell(*(events if refund_first else reversed(events)))
    kin.live()
    [pay] = kin.payloads(PayRefund)
    assert (pay.order_key, pay.amount) == (KEY, Decimal("7.70"))


def test_out_of_a_deposit_only_what_the_customer_got_is_paid() -> None:
    kin = done(payments="deposit")
    kin.tell(OrderSeen(added()), back(given_back("3.30")))
    kin.live()
    [pay], [credit] = kin.payloads(PayRefund), kin.payloads(CreditRefund)
    assert (pay.amount, credit.total) == (Decimal("3.30"), Decimal("7.70")), "4.40 stay open for the other bill"


def test_a_refund_without_an_exchange_is_paid_out_as_before() -> None:
    kin = done(payments="paid")
    kin.tell(back(given_back("0")))
    kin.live()
    assert kin.payloads(PayRefund) == []


def test_a_refund_of_the_part_is_credited_on_the_part() -> None:
    kin = exchanged()
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    kept = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.NONE, "SKU-3")
    kin.tell(back(given_back("4.40", kept)), back(given_back("4.40", kept)))
    [credit] = kin.payloads(CreditRefund)
    assert (credit.order_key, credit.total, credit.apply_to) == (X1, Decimal("4.40"), ("inv-2",))
    assert sum(isinstance(entry, HandedOver) for entry in kin.order.journal) == 1
    assert kin.order.state.refunds == {}


def test_a_refund_of_both_is_told_apart_to_the_cent() -> None:
    kin = exchanged()
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    three = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.RETURN, "SKU-3")
    two = Refund("r1", NOON, "EUR", (UNIT, three), adjustments=(Adjustment(money("-1.00")),),
                 tenders=(Tender("card", money("2.00"), "t1"), Tender("gift_card", money("9.10"), "t2")))  # fmt: skip
    kin.tell(back(two))
    assert {one.order_key: one.total for one in kin.payloads(CreditRefund)} == {
        KEY: Decimal("6.70"),
        X1: Decimal("4.40"),
    }
    assert kin.codes() == set()


def test_a_refund_of_a_line_that_comes_before_its_view_finds_the_part() -> None:
    kin = done()
    off = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.CANCEL, "SKU-3")
    kin.tell(back(given_back("4.40", off)))
    assert kin.codes() == {"refund.unknown_line"}
    kin.tell(OrderSeen(added(lines=[ONE, TWO, with_changes(THREE, current_quantity=ZERO)])))
    assert (kin.codes(), kin.order.state.refunds) == (set(), {})
    assert kin.part.summary.status == "cancelled"
    assert kin.part.commands == {}


def test_returns_and_fulfilment_orders_find_whose_lines_they_are() -> None:
    kin = exchanged()
    kin.live()
    kin.tell(
        ReturnSeen(Return("ret", "received", (ReturnedLine("2", Decimal(1)), ReturnedLine("3", Decimal(1))), NOON), "c")
    )
    assert [each.line_id for each in kin.order.state.returns["ret"].lines] == ["2"]
    assert [each.line_id for each in kin.part.state.returns["ret"].lines] == ["3"]
    one, three = (Allocation(id_, "open", "101", (ShippedLine(id_, Decimal(1)),)) for id_ in ("1", "3"))
    kin.tell(AllocationsSeen((one, three)), AllocationsSeen((one, three)))
    assert (kin.order.state.allocations, kin.part.state.allocations) == ((one,), (three,))
    kin.tell(AllocationsSeen((one, with_changes(three, status="closed", lines=()))))
    assert kin.order.state.allocations == (one,), "one that is done names no line, and is still the part's"


@pytest.mark.parametrize("line_ids", [("2", "3"), ("2",), ("3",)])
def test_a_return_that_is_called_off_without_naming_its_lines_is_called_off_for_all_of_them(line_ids: Any) -> None:
    kin = exchanged()
    lines = tuple(ReturnedLine(line_id, Decimal(1)) for line_id in line_ids)
    kin.tell(ReturnSeen(Return("ret", "authorised", lines, NOON), "c"))
    kin.tell(ReturnSeen(Return("ret", "cancelled", (), NOON), "c"))
    for play, own in ((kin.order, "2" in line_ids), (kin.part, "3" in line_ids)):
        assert [one.status for one in play.state.returns.values()] == ["cancelled"] * own


def test_a_return_that_is_shortened_by_all_of_one_order_is_none_of_it_any_more() -> None:
    kin = exchanged()
    for line_ids in (("2", "3"), ("3",)):
        lines = tuple(ReturnedLine(line_id, Decimal(1)) for line_id in line_ids)
        kin.tell(ReturnSeen(Return("ret", "authorised", lines, NOON), "c"))
    assert [one.lines for one in kin.order.state.returns.values()] == [()]
    assert [len(one.lines) for one in kin.part.state.returns.values()] == [1]


def test_a_carriers_word_about_the_parts_parcel_is_the_parts() -> None:
    kin = exchanged()
    kin.live()
    own = next(each.refs["fulfillment"] for each in kin.order.state.commands.values() if "fulfillment" in each.refs)
    kin.tell(ParcelSeen("exception", NOON, CHANNEL, fulfilment="another"))
    assert (kin.order.codes(), kin.part.codes()) == (set(), {"parcel.exception"})
    kin.tell(ParcelSeen("in_transit", NOON, CHANNEL, fulfilment=own))
    assert f"@{own}" in kin.order.state.tracks
    assert f"@{own}" not in kin.part.state.tracks


def test_a_credit_of_the_part_that_was_paid_back_is_credited_nowhere_again() -> None:
    kin = exchanged(push_refunds=True)
    kin.live()
    kin.tell(invoiced("4.40", "inv-2"), to=X1)
    kin.tell(CreditSeen(Credit("cm-9", "CM9", Decimal("1.00"), "EUR", NOON), ERP), to=X1)
    [push] = kin.payloads(PushRefund)
    assert push.order_external_id == "1001"
    echo = Refund("r9", NOON, "EUR", adjustments=(Adjustment(money("1.00")),),
                  tenders=(Tender("card", money("1.00"), "t9"),), made_for="cm-9")  # fmt: skip
    kin.tell(back(echo))
    assert kin.payloads(CreditRefund) == []
    assert kin.part.state.refunds["r9"].echo
    assert kin.order.state.refunds == {}


def test_a_settlement_is_told_of_a_refund_of_the_part_too() -> None:
    kin = exchanged()
    kin.live()
    kept = RefundedLine("3", Decimal(1), money("4.00"), money("0.40"), Restock.NONE, "SKU-3")
    kin.tell(SettlementNamed("shop1-77"), back(given_back("4.40", kept)))
    tell = next(one for one in reversed(kin.order.decisions[-1].tells) if one.to.kind == "settlement")
    assert tell.event.refunds == ("r1", "t-r1")  # type: ignore[union-attr]


def test_another_exchange_is_another_part() -> None:
    kin = exchanged()
    kin.live()
    four = line("4", sku="SKU-4", price="6.00")
    kin.tell(OrderSeen(added(60, lines=[ONE, TWO, THREE, four])))
    kin.live()
    assert {key: play.summary.status for key, play in kin.plays.items()} == dict.fromkeys(
        (KEY, X1, f"{KEY}-X2"), "done"
    )
    rest = kin.order.state.newest
    assert rest is not None
    assert {one.part: one.total for one in rest.apart} == {"X1": money("4.40"), "X2": money("6.00")}


def test_reconciliation_compares_the_whole_with_the_channel_and_each_with_the_erp() -> None:
    kin = exchanged()
    kin.live()
    ours, part = view_of(kin.order.state), view_of(kin.part.state)
    assert ours is not None
    assert part is not None
    assert (ours.total, ours.stated, ours.owed, ours.wanted) == (
        added().totals.total.shop, added().totals.total.shop, sold().totals.total.shop, Decimal(4),
    )  # fmt: skip
    assert (part.total, part.stated, part.owed, part.wanted, part.part) == (ZERO, ZERO, Decimal("4.40"), None, True)
    assert (part.goods, part.left) == (1, 1)


def test_of_two_views_of_one_second_the_channels_word_counts_for_the_part_too() -> None:
    kin = done()
    one, two = added(), added(lines=[ONE, TWO, with_changes(THREE, quantity=Decimal(2))])
    kin.tell(*map(OrderSeen, (one, two, one, two)))
    kin.tell(OrderSeen(one, authoritative=True))
    final = kin.part.state.newest
    assert final is not None
    assert [each.quantity for each in final.lines] == [1]
    kin.live()
    assert (kin.part.summary.status, kin.codes()) == ("done", set())


# What the channel tells of one exchange, and tells again, late and in any order.
LIFE: list[Event] = [
    OrderSeen(sold(age_s=10, tags=("fulfilled",))),
    OrderSeen(sold(age_s=30, outstanding=Decimal("-7.70"))),
    OrderSeen(sold(age_s=30, payment_status=PARTLY, tags=("z",))),
    OrderSeen(added(30, outstanding=Decimal("1.10"), payment_status=PARTLY)),
    OrderSeen(added(40, tags=("paid",))),
    OrderSeen(added(50, tags=("paid", "seen"))),
    back(given_back("0")),
    ReturnSeen(Return("ret", "received", (ReturnedLine("2", Decimal(1)),), NOON, ("r1",)), CHANNEL),
    AllocationsSeen((Allocation("fo-1", "closed"), Allocation("fo-2", "open", None, (ShippedLine("3", Decimal(1)),)))),
]


def repeated(events: list[Event]) -> st.SearchStrategy[list[Event]]:
    twice = st.lists(st.sampled_from(events), max_size=4)
    return twice.flatmap(lambda extra: st.permutations([*events, *extra]))


def documents(kin: Kin) -> dict[str, bytes]:
    """What other systems were asked for. Of two views that show the same, either may have been the one."""

    def plain(one: Command) -> bytes:
        payload = one.payload
        if isinstance(payload, BookOrder | ReleaseOrder):
            shown = with_changes(payload.order, placed_at=NOON, updated_at=NOON, tags=())
            payload = with_changes(payload, order=shown)
        return msgspec.json.encode(payload)

    return {key: plain(one) for play in kin.plays.values() for key, one in play.commands.items()}


def lived(events: Iterable[Event], pauses: Iterable[bool], kin: Kin | None = None) -> Kin:
    kin = done() if kin is None else kin
    for event, pause in zip(events, pauses, strict=False):
        kin.tell(event)
        if pause:
            kin.live()
    kin.live()
    return kin


STRAIGHT = documents(lived(LIFE, [True] * 20))


@settings(max_examples=80, deadline=None)
@given(repeated(LIFE), st.lists(st.booleans(), min_size=20, max_size=20))
def test_any_order_of_what_is_told_ends_in_the_same_documents(events: list[Event], pauses: list[bool]) -> None:
    kin = lived(events, pauses)
    assert documents(kin) == STRAIGHT
    assert {key: play.summary.status for key, play in kin.plays.items()} == {KEY: "done", X1: "done"}
    assert kin.codes() == set()
    for play in kin.plays.values():
        assert ORDER.evolve(ORDER.blank(), play.journal) == play.state == stored_and_read(play.state)


@settings(max_examples=40, deadline=None)
@given(st.permutations([OrderSeen(added(30)), OrderSeen(added(40, lines=[ONE, TWO, THREE, line("4", sku="SKU-4")]))]))
def test_of_two_exchanges_every_line_is_in_exactly_one_order(events: list[Event]) -> None:
    kin = lived(events, [True, True])
    booked = [each.id for one in kin.payloads(BookOrder) for each in one.order.lines]
    assert sorted(booked) == ["1", "2", "3", "4"]


@st.composite
def orders(draw: st.DrawFn) -> tuple[Order, tuple[str, ...]]:
    """Any order that balances, on one side or two, and which of its lines are a part."""
    cents = st.integers(0, 99_999).map(lambda n: Decimal(n) / 100)
    dual, inclusive = draw(st.booleans()), draw(st.booleans())

    def both(shop: Decimal) -> Amount:
        return Amount(shop, shop * 2 if dual else None)

    lines, shop = [], [ZERO] * 3
    for number in range(draw(st.integers(1, 5))):
        quantity, price, tax = Decimal(draw(st.integers(1, 4))), draw(cents), draw(cents)
        off = min(draw(cents), price * quantity)
        bare = line(str(number), quantity=quantity, discount=off, tax=tax)
        lines.append(
            with_changes(
                bare,
                unit_price=both(price),
                discounts=tuple(with_changes(one, amount=both(one.amount.shop)) for one in bare.discounts),
                taxes=tuple(with_changes(one, amount=both(one.amount.shop)) for one in bare.taxes),
            )
        )
        shop = [shop[0] + quantity * price, shop[1] + off, shop[2] + tax]
    total = shop[0] - shop[1] + (ZERO if inclusive else shop[2])
    totals = Totals(both(total), both(shop[0]), both(shop[1]), both(shop[2]))
    whole = order(
        lines=lines, inclusive=inclusive, totals=totals, presentment_currency="USD" if dual else None, outstanding=ZERO
    )
    return whole, tuple(draw(st.lists(st.sampled_from([each.id for each in lines]), min_size=1, unique=True)))


@given(orders())
def test_however_an_order_is_told_apart_both_halves_balance_and_are_the_whole(
    told: tuple[Order, tuple[str, ...]],
) -> None:
    whole, ids = told
    assert prove(whole).balanced
    rest, parts = split(whole, {"X1": Part(ids, NOON)})
    assert prove(rest).balanced
    assert prove(parts["X1"]).balanced
    for basis in ("shop", "presentment"):
        for name in ("total", "lines", "discounts", "tax"):
            halves = [getattr(each.totals, name).on(basis) for each in (rest, parts["X1"])]
            assert sum(halves, ZERO) == getattr(whole.totals, name).on(basis)
    assert {each.id for each in parts["X1"].lines} == set(ids)
    assert {each.id for each in rest.lines} == {each.id for each in whole.lines} - set(ids)


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=4), st.integers(0, 15), st.booleans())
def test_a_refund_told_apart_gives_back_what_it_gave(cents: list[int], which: int, dual: bool) -> None:
    def both(amount: Decimal) -> Amount:
        return Amount(amount, amount * 2 if dual else None)

    lines = tuple(
        RefundedLine(str(n), Decimal(1), both(Decimal(each) / 100), both(ZERO)) for n, each in enumerate(cents)
    )
    whole = sum((each.net.shop for each in lines), ZERO)
    first = (whole / 3).quantize(Decimal("0.01"))
    tenders = (Tender("card", both(first), "t1"), Tender("gift_card", both(whole - first), "t2"))
    state = OrderState(1, parts={"X1": Part(tuple(str(n) for n in range(4) if which >> n & 1), NOON)})
    found = split_refund(Refund("r", NOON, "EUR", lines, tenders=tenders), state)
    paid = dict.fromkeys(("shop", "presentment"), ZERO)
    for one in found.values():
        for basis in paid:
            gave = sum((each.amount.on(basis) for each in one.tenders), ZERO)
            assert gave == sum((each.net.on(basis) for each in one.lines), ZERO)
            paid[basis] += gave
    assert paid["shop"] == whole
    assert sorted(each.line_id for one in found.values() for each in one.lines) == sorted(
        each.line_id for each in lines
    )
