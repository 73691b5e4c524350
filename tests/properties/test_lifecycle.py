"""One order's life as a machine: anything may happen at any moment, and the rules hold after each of them.

The machine tells the decider what it likes: views of the order, shipments, bills, the warehouse's words, outcomes of
every kind (also late, twice and contradicting), alarms, and people's acts. It keeps books of its own from nothing but
the decisions, as the engine does, and compares.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crossdock.domain.commands import Command
from crossdock.domain.decision import Context, CustomerMaster, Decision, HoldHit, ProductMaster
from crossdock.domain.entries import Entry, OrderRecorded, decode_entries
from crossdock.domain.events import (
    AllocationsSeen,
    CommandSettled,
    CreditSeen,
    Event,
    InvoiceSeen,
    OperatorActed,
    OrderSeen,
    ParcelSeen,
    RefundSeen,
    ReleaseSeen,
    ReturnReceived,
    ReturnSeen,
    ShipmentSeen,
    TimerFired,
    decode_event,
    encode_event,
)
from crossdock.domain.fulfilment import Allocation, Invoice
from crossdock.domain.lattice import AXES, PARCEL, RELEASE, RETURN, rank
from crossdock.domain.measures import measure_key
from crossdock.domain.money import ZERO
from crossdock.domain.order import Address, LineKind, Order, OrderLine, PaymentStatus
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.pricing import PriceMaster
from crossdock.domain.process import AFTERWARDS, STEPS, progress
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.domain.refund import (
    Adjustment,
    Credit,
    Refund,
    RefundedLine,
    Restock,
    Return,
    ReturnedLine,
    Tender,
    paid_back,
)
from crossdock.domain.restocking import by_credits, by_receipts, by_refunds
from crossdock.domain.state import OrderState, allowed_back, goods, ordered
from crossdock.domain.state import shipped as shipped_by_line
from crossdock.domain.totals import prove
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    WAREHOUSE,
    line,
    money,
    order,
    policy,
    settled,
    shipment,
    shipping,
)

TAKES_BACK, TELLS = ("release.cancel", "booking.close"), ("shipment.post", "fulfilment.push")


def a_line(id_: str, sku: str | None, quantity: int, left: int | None, kind: LineKind) -> OrderLine:
    """``left`` of it after edits, at most."""
    current = None if left is None else Decimal(min(left, quantity))
    return line(id_, sku=sku, quantity=quantity, current_quantity=current, kind=kind)


statuses = st.sampled_from([PaymentStatus.PAID] * 9 + [*PaymentStatus])
lines_strategy = st.lists(
    st.builds(
        a_line,
        st.sampled_from("123"),
        st.sampled_from(["SKU-1", "SKU-2", "SKU-1", "SKU-2", "SKU-3", "NEW", None]),
        st.integers(1, 3),
        st.none() | st.integers(0, 3),
        st.sampled_from([LineKind.ITEM] * 4 + [LineKind.GIFT_CARD]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.id,
)
# What an outcome may be: done, refused, something else there, unknown, not sent, out of tries, wrong key.
outcomes = st.sampled_from(
    [
        None,
        None,
        Done({}),
        Rejected("no", "no", field="x"),
        Conflict("there", "there", {"salesOrder": "9"}),
        OutcomeUnknown("?"),
        RetryLater("not sent", code="not_sent"),
        RetryLater("busy"),
        Misconfigured("key"),
    ]
)


class OnlyNeeded:
    """The ERP's masters as the engine loads them: only what the decider said it would look up."""

    def __init__(self, needed: Mapping[str, tuple[set[str], set[str]]], new_is_known: bool, ada_is_known: bool) -> None:
        self._skus, self._mails = needed.get(CHANNEL, (set(), set()))
        self._new, self._ada = new_is_known, ada_is_known

    def product(self, sku: str) -> ProductMaster | None:
        assert sku in self._skus, f"{sku} was not announced: the engine would not have loaded it"
        return ProductMaster(sku, f"item-{sku}") if sku.startswith("SKU") or self._new else None

    def listed(self, kind: str) -> bool:
        return True

    def prices(self, sku: str) -> PriceMaster | None:
        assert measure_key(sku) in self._skus, f"the units of {sku} were not announced"
        return None

    def customers(self, key: str) -> tuple[CustomerMaster, ...]:
        assert key in self._mails, f"{key} was not announced"
        return (CustomerMaster("cust-1", key),) if self._ada and "@" in key else ()


class OrderLife(RuleBasedStateMachine):
    """Rules are what may happen; invariants are what must hold then."""

    def __init__(self) -> None:
        super().__init__()
        self.state: OrderState = ORDER.blank()
        self.before = self.state
        self.stored = ORDER.store(self.state)
        self.journal: list[Entry] = []
        self.commands: dict[str, Command] = {}
        self.flying: set[str] = set()  # in ``dispatch``, as the engine would have it
        self.problems: set[str] = set()
        self.timers: dict[str, Any] = {}
        self.told: list[Event] = []
        self.clock_s = 0
        self.views: list[Order] = []
        self.ended_with: int | None = None  # how many commands there were when it ended

    @initialize(
        edit_window_s=st.sampled_from([0.0, 30.0]),
        guest=st.sampled_from([None, "guest-1"]),
        invoice=st.sampled_from(["make", "take"]),
        warehouse=st.sampled_from([WAREHOUSE, WAREHOUSE, None]),
        payment=st.sampled_from(["paid", "paid", "pending"]),
        held=st.integers(0, 3).map(lambda n: n == 3),
        known=st.tuples(st.booleans(), st.integers(0, 4).map(lambda n: n < 4)),
        route=st.integers(0, 9).map(bool),
        payments=st.sampled_from(["open", "paid", "deposit"]),
        push_refunds=st.booleans(),
        push_tracking=st.booleans(),
        announce_returns=st.booleans(),
        post_returns=st.booleans(),
        push_returns=st.booleans(),
    )
    def open(self, **world: Any) -> None:
        self.hits = [HoldHit("big", "finance", "many", {"total": 10}, 60)] if world["held"] else []
        self.known = world["known"]
        self.route = world["route"]
        returns = ("announce_returns", "post_returns", "push_returns")
        names = (
            "edit_window_s",
            "invoice",
            "warehouse",
            "payment",
            "payments",
            "push_refunds",
            "push_tracking",
            *returns,
        )
        self.policy = policy(guest_customer=world["guest"], **{name: world[name] for name in names})

    # -- what may happen ---------------------------------------------------------------------------------------

    @rule(
        age_s=st.integers(0, 6), lines=lines_strategy, status=statuses,
        cancelled=st.integers(0, 11).map(lambda n: n == 0), note=st.sampled_from([None, "gift"]),
        authoritative=st.integers(0, 5).map(lambda n: n == 0), charged=st.booleans(), confirmed=st.integers(0, 9),
        test=st.integers(0, 30).map(lambda n: n == 0),
    )  # fmt: skip
    def channel_shows(
        self, age_s: int, lines: list[Any], status: PaymentStatus, cancelled: bool, note: str | None,
        authoritative: bool, charged: bool, confirmed: int, test: bool,
    ) -> None:  # fmt: skip
        view = order(
            lines=lines, age_s=age_s, payment_status=status, note=note, charges=[shipping()] if charged else [],
            cancelled_at=NOON + timedelta(seconds=age_s) if cancelled else None, confirmed=bool(confirmed),
            test=test and not self.views,
        )  # fmt: skip
        self.views.append(view)
        self.tell(OrderSeen(view, authoritative))

    @precondition(lambda self: self.views)
    @rule(data=st.data(), paid=st.booleans(), authoritative=st.booleans())
    def channel_shows_it_again(self, data: st.DataObject, paid: bool, authoritative: bool) -> None:
        view = data.draw(st.sampled_from(self.views))
        if paid and view.payment_status is not PaymentStatus.PAID:
            age_s = (view.updated_at - NOON).total_seconds() + 1
            view = msgspec.structs.replace(
                view, payment_status=PaymentStatus.PAID, updated_at=NOON + timedelta(seconds=age_s)
            )
            self.views.append(view)
        self.tell(OrderSeen(view, authoritative))

    @rule(
        id_=st.sampled_from(["a", "b", "c"]), number=st.sampled_from(["T1", "T2", None]),
        rows=st.lists(st.tuples(st.sampled_from(["1", "2", "3", "box"]), st.integers(-1, 3)), min_size=1, max_size=2,
                      unique_by=lambda row: row[0]),
    )  # fmt: skip
    def goods_leave(self, id_: str, number: str | None, rows: list[tuple[str, int]]) -> None:
        parcels = () if number is None else (number,)
        self.tell(ShipmentSeen(shipment(id_, rows, tracking=parcels, sku="SKU-1"), WAREHOUSE))

    @precondition(lambda self: self.state.order is not None)
    @rule(id_=st.sampled_from(["a", "b", "c"]))
    def the_rest_leaves(self, id_: str) -> None:
        assert self.state.order is not None
        gone = shipped_by_line(self.state)
        rows = [(one.id, str(ordered(one) - gone.get(one.id, ZERO))) for one in self.state.order.lines]
        rows = [row for row in rows if Decimal(row[1]) > ZERO]
        if rows:
            self.tell(ShipmentSeen(shipment(id_, rows, tracking=(f"T-{id_}",)), WAREHOUSE))

    @rule(status=st.sampled_from([*RELEASE, "on fire"]), external_id=st.sampled_from([None, "w-1"]))
    def warehouse_says(self, status: str, external_id: str | None) -> None:
        self.tell(ReleaseSeen(status, WAREHOUSE, "because", external_id))

    @rule(id_=st.sampled_from(["i-1", "i-2"]), total=st.sampled_from(["10.00", "25.00", "999.00"]), whole=st.booleans())
    def erp_bills(self, id_: str, total: str, whole: bool) -> None:
        if whole and self.state.order is not None:
            total = str(self.state.order.totals.total.shop)
        self.tell(InvoiceSeen(Invoice(id_, id_.upper(), Decimal(total), "EUR", NOON), ERP))

    @precondition(lambda self: self.state.newest is not None)
    @rule(units=st.integers(1, 2), moved=st.booleans())
    def less_is_wanted(self, units: int, moved: bool) -> None:
        """What may be amended as long as the warehouse knows nothing."""
        newest = self.state.newest
        assert newest is not None
        first = newest.lines[0]
        left = max(ordered(first) - units, ZERO)
        view = msgspec.structs.replace(
            newest,
            updated_at=newest.updated_at + timedelta(seconds=1),
            lines=(msgspec.structs.replace(first, current_quantity=left), *newest.lines[1:]),
            ship_to=Address(line1="2 Low Street") if moved else newest.ship_to,
        )
        self.views.append(view)
        self.tell(OrderSeen(view))

    @precondition(lambda self: self.views)
    @rule(
        data=st.data(), id_=st.sampled_from(["r-1", "r-2"]), units=st.integers(1, 2),
        net=st.sampled_from(["3.00", "7.5"]), restock=st.sampled_from([*Restock]),
        money_back=st.sampled_from([None, True, True, False]), mark=st.sampled_from([None, None, "c-1"]),
    )  # fmt: skip
    def channel_refunds(
        self, data: st.DataObject, id_: str, units: int, net: str, restock: Restock, money_back: bool | None,
        mark: str | None,
    ) -> None:  # fmt: skip
        """``money_back``: as much as its parts come to, nothing, or something else."""
        of = data.draw(st.sampled_from([*(one.id for one in self.views[-1].lines), None]))
        parts = () if of is None else (RefundedLine(of, Decimal(units), money(net), restock=restock),)
        amount = (Adjustment(money(net)),) if of is None else ()
        paid = () if money_back is None else (Tender("card", money(net if money_back else "0.50")),)
        self.tell(RefundSeen(Refund(id_, NOON, "EUR", parts, adjustments=amount, tenders=paid, made_for=mark), CHANNEL))

    @rule(id_=st.sampled_from(["c-1", "c-2"]), made_for=st.sampled_from([None, "r-1"]))
    def erp_credits(self, id_: str, made_for: str | None) -> None:
        self.tell(CreditSeen(Credit(id_, id_, Decimal("3.00"), "EUR", NOON, made_for=made_for), ERP))

    @rule(status=st.sampled_from(RETURN), units=st.integers(1, 3), age_s=st.integers(0, 3))
    def goods_come_back(self, status: str, units: int, age_s: int) -> None:
        lines = (ReturnedLine("1", Decimal(units)),)
        self.tell(ReturnSeen(Return("ret-1", status, lines, NOON + timedelta(seconds=age_s)), WAREHOUSE))

    @rule(
        id_=st.sampled_from(["R-1", "R-2"]), line=st.sampled_from(["1", "2", None]), received=st.integers(0, 3),
        restocked=st.integers(0, 3), finished=st.booleans(),
    )  # fmt: skip
    def the_warehouse_counts_goods_in(
        self, id_: str, line: str | None, received: int, restocked: int, finished: bool
    ) -> None:
        row = ReceivedRow(f"row-{line}", Decimal(received), Decimal(restocked), line, "SKU-1" if line else "OTHER")
        self.tell(ReturnReceived(Receipt(id_, (row,), None, finished), WAREHOUSE))

    @rule(
        status=st.sampled_from(PARCEL), age_s=st.integers(0, 3),
        named=st.sampled_from([("a", None), ("a", "T1"), ("b", None), ("a", "no such parcel")]),
    )  # fmt: skip
    def a_carrier_tells(self, status: str, age_s: int, named: tuple[str, str | None]) -> None:
        shipment, number = named
        self.tell(ParcelSeen(status, NOON + timedelta(seconds=age_s), WAREHOUSE, shipment, number))

    @rule(status=st.sampled_from(["open", "closed"]))
    def channel_allocates(self, status: str) -> None:
        self.tell(AllocationsSeen((Allocation("fo-1", status),)))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), outcome=outcomes)
    def a_command_comes_to_its_end(self, data: st.DataObject, outcome: Any) -> None:
        key = data.draw(st.sampled_from(sorted(self.flying)))
        self.flying.discard(key)
        self.tell(settled(self.commands[key], outcome))

    @precondition(lambda self: self.flying)
    @rule()
    def everything_succeeds(self) -> None:
        while self.flying:
            key = min(self.flying)
            self.flying.discard(key)
            self.tell(settled(self.commands[key]))

    @precondition(lambda self: self.commands)
    @rule(data=st.data(), outcome=outcomes)
    def an_outcome_is_told_twice_or_late(self, data: st.DataObject, outcome: Any) -> None:
        """Of a command that is not flying. One that was refused is not told as done later: the fence sees to that."""
        key = data.draw(st.sampled_from(sorted(self.commands)))
        refused = self.state.commands[key].status == "failed" and (outcome is None or isinstance(outcome, Done))
        if key not in self.flying and not refused:
            self.tell(settled(self.commands[key], outcome))

    @rule(seconds=st.sampled_from([1, 10, 60, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock_s += seconds

    @precondition(lambda self: self.views)
    @rule(data=st.data(), by_mistake=st.sampled_from([None, "edit.window", "revalidate", "hold/big", "nothing"]))
    def an_alarm_goes_off(self, data: st.DataObject, by_mistake: str | None) -> None:
        if by_mistake is not None or not self.timers:
            self.tell(TimerFired(by_mistake or "nothing"))
            return
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.clock_s = max(self.clock_s, int((self.timers[name] - NOON).total_seconds()) + 1)
        self.timers.pop(name)  # the store takes it off as it goes off
        self.tell(TimerFired(name))

    @rule(
        action=st.sampled_from(["retry", "retry", "release_hold", "cancel", "resolve", "skip", "merge", "dance"]),
        data=st.data(), step=st.none() | st.sampled_from(sorted(STEPS)), refs=st.booleans(),
    )  # fmt: skip
    def a_person_acts(self, action: str, data: st.DataObject, step: str | None, refs: bool) -> None:
        args: dict[str, Any] = {}
        if self.state.problems and data.draw(st.booleans()):
            args["problem"] = data.draw(st.sampled_from(sorted(self.state.problems)))
        if step is not None:
            args["step"] = step
        if refs:
            args |= {"refs": {"salesOrder": "SO-9"}, "customer_ref": "c-9"}
        if action == "merge":
            args |= {"prefer": data.draw(st.sampled_from(["channel", "erp", "both"])), "seen": "p1"}
        self.tell(OperatorActed(action, "olivia", "because", args))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def something_is_told_again(self, data: st.DataObject) -> None:
        self.tell(data.draw(st.sampled_from(self.told)))

    # -- telling -----------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        event = decode_event(encode_event(event))  # as the inbox keeps it
        if not isinstance(event, OperatorActed | CommandSettled):  # what is replayed comes from outside
            self.told.append(event)
        self.before = self.state
        needed = ORDER.masters_needed(self.state, event)
        policies = {CHANNEL: self.policy} if self.route else {}
        now = NOON + timedelta(seconds=self.clock_s)
        context = Context(now, policies, {ERP: OnlyNeeded(needed, *self.known)}, lambda _order: self.hits)
        decision = ORDER.decide(self.state, event, context)
        assert ORDER.store(self.before) == self.stored, "deciding changed the state it was given"
        assert ORDER.decide(self.state, event, context) == decision, "deciding is a function of its arguments"
        self._write(decision)
        self._effects(decision)

    def _write(self, decision: Decision) -> None:
        """As the engine writes: entries stored and read, state folded and stored."""
        entries = decode_entries(ORDER.store_entries(decision.entries))
        assert entries == decision.entries
        self.state = ORDER.evolve(self.before, entries)
        assert decision.after is None or decision.after == self.state
        self.stored = ORDER.store(self.state)
        assert ORDER.load(self.stored) == self.state
        self.journal += entries

    def _effects(self, decision: Decision) -> None:
        for command in decision.commands:
            assert command.key not in self.commands, f"opened twice: {command.key}"
            refunding = command.payload.purpose in AFTERWARDS
            assert self.before.ended is None or refunding, f"{command.key} was opened after the order had ended"
            self.commands[command.key] = command
            self.flying.add(command.key)
            self._is_wanted(command.key)
        for key in decision.again:
            assert key in self.commands, f"{key} was never opened"
            assert key not in self.flying, f"{key} is under way already"
            self.flying.add(key)
            self._is_wanted(key)
        for timer in decision.timers:
            if timer.due_at is None:
                self.timers.pop(timer.name, None)
            else:
                self.timers[timer.name] = timer.due_at
        self.problems.difference_update(decision.settled)
        self.problems.update(problem.key for problem in decision.opened)
        assert {one.key for one in decision.opened} <= self.state.problems.keys() | set(decision.settled)

    def _is_wanted(self, key: str) -> None:
        """What is sent after a cancellation takes back what stands, or tells of what left."""
        step, cancel = self.state.commands[key].step, self.before.cancel
        if step in AFTERWARDS:
            return
        if cancel is not None:
            assert step != "order.release", "released after it was cancelled"
            assert cancel.way == "person" or step in (*TAKES_BACK, *TELLS, "order.book"), step
        if self.before.ended == "cancelled":
            assert step in (*TAKES_BACK, *TELLS), f"{step} after the order had ended"

    # -- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def the_journal_is_the_state(self) -> None:
        if len(self.journal) % 7 == 0:  # the whole fold each time would be quadratic
            assert ORDER.evolve(ORDER.blank(), self.journal) == self.state

    @invariant()
    def what_the_engine_keeps_is_what_the_state_says(self) -> None:
        assert self.timers == self.state.timers
        assert self.problems == self.state.problems.keys()
        assert self.commands.keys() == self.state.commands.keys()
        assert self.flying == {key for key, intent in self.state.commands.items() if intent.status == "open"}

    @invariant()
    def statuses_only_climb(self) -> None:
        for axis in AXES:
            field = "returned" if axis == "return" else axis
            assert rank(axis, getattr(self.state.axes, field)) >= rank(axis, getattr(self.before.axes, field)), axis
        assert self.before.ended in (None, self.state.ended), "an end is an end"

    @invariant()
    def one_open_command_for_each_purpose(self) -> None:
        open_ = [
            (intent.target, intent.step, intent.subject)
            for intent in self.state.commands.values()
            if intent.status == "open"
        ]
        assert len(open_) == len(set(open_))
        for key, intent in self.before.commands.items():
            if intent.status == "done":
                assert self.state.commands[key].status == "done", "nothing unseats what is done"

    @invariant()
    def quantities_add_up(self) -> None:
        state = self.state
        if state.order is None:
            return
        wanted = {one.id: ordered(one) for one in state.order.lines}
        sums = shipped_by_line(state)
        assert all(quantity > ZERO for quantity in sums.values())
        fits = all(quantity <= wanted.get(id_, ZERO) for id_, quantity in sums.items())
        by_hand = any(getattr(entry, "action", None) in ("resolve", "skip") for entry in self.journal)
        told = "shipment.balance" in state.problems or "cancel" in state.problems
        assert fits or by_hand or told, "more left than wanted, and nobody is told"

    @invariant()
    def goods_that_do_not_fit_are_somebodys(self) -> None:
        """A refused shipment has its exception until a person settles it."""
        by_hand = any(getattr(entry, "action", None) in ("resolve", "skip") for entry in self.journal)
        for name, parcel in self.state.shipments.items():
            assert parcel.refused is None or by_hand or f"shipment/{name}" in self.state.problems

    @invariant()
    def nothing_is_booked_that_was_not_proven(self) -> None:
        booked = [command for command in self.commands.values() if command.payload.purpose == "order.book"]
        skipped = any(getattr(entry, "action", None) == "skip" for entry in self.journal)
        for command in booked:
            payload: Any = command.payload
            assert skipped or prove(payload.order).balanced
            assert payload.customer_ref
            assert payload.order.key == command.key.split("/")[0]
        live = [intent for intent in self.state.commands.values() if intent.step == "order.book"]
        standing = [one for one in live if one.status in ("open", "done")]
        assert len(standing) <= 1, "two bookings of one order"

    @invariant()
    def what_is_sent_has_its_ground(self) -> None:
        """Released only what is booked; posted, pushed and billed only what left."""
        commands = self.state.commands.values()
        booked = any(one.step == "order.book" and one.status == "done" for one in commands)
        for intent in commands:
            if intent.step in ("order.release", "booking.close", "shipment.post", "invoice"):
                assert booked, intent
            if intent.step in ("shipment.post", "fulfilment.push"):
                assert intent.subject in self.state.shipments

    @invariant()
    def what_is_credited_was_refunded_and_billed(self) -> None:
        state = self.state
        for intent in state.commands.values():
            if intent.step == "refund.credit":
                assert intent.subject is not None
                known = state.refunds[intent.subject]
                assert known.refused is None
                assert not known.echo
                assert state.invoices
            elif intent.step == "refund.pay":
                assert intent.subject is not None
                assert state.refunds[intent.subject.partition("/")[0]].refund.tenders
            elif intent.step == "refund.push":
                assert intent.subject is not None
                assert not state.credits[intent.subject].ours
        for name, known in state.refunds.items():
            assert known.refused is None or known.by_hand or f"refund/{name}" in state.problems

    @invariant()
    def no_unit_goes_into_stock_twice(self) -> None:
        """Receipts put back or write off no more than came, credit memos no more than refunds say."""
        state = self.state
        back, off = by_receipts(state, restock=True), by_receipts(state, restock=False)
        came = goods(state).lines
        for line_id in back.keys() | off.keys():
            units = back.get(line_id, ZERO) + off.get(line_id, ZERO)
            assert units > ZERO
            edited = self.state.order is not None and len(self.views) > 1
            assert edited or units <= came[line_id].received
        put, refunds = by_credits(state), by_refunds(state)
        assert all(ZERO <= quantity <= refunds.get(line_id, ZERO) for line_id, quantity in put.items())
        for line_id, tally in came.items():
            over = tally.received > allowed_back(state).get(line_id, ZERO)
            by_hand = any(getattr(entry, "action", None) == "resolve" for entry in self.journal)
            assert not over or by_hand or "return.unauthorised" in state.problems

    @invariant()
    def no_more_is_refunded_than_was_sold(self) -> None:
        state = self.state
        if state.order is None:
            return
        paid = sum((paid_back(each, "shop") for each in state.refunded()), ZERO)
        edited = any(isinstance(entry, OrderRecorded) for entry in self.journal[1:])
        assert edited or paid <= state.order.totals.total.shop

    @invariant()
    def nobody_waits_in_silence(self) -> None:
        """An order that is not finished has a step or a reason; one that is "open" has something under way."""
        summary = ORDER.summary(self.state)
        assert summary.status in ("open", "waiting", "held", "exception", "done", "cancelled", "ignored")
        if summary.status not in ("done", "cancelled", "ignored"):
            assert summary.step or summary.reason
        if summary.status == "open":
            assert self.flying, f"stuck without anybody knowing: {summary}"
        assert len(progress(self.state)) >= 13


OrderLife.TestCase.settings = settings(max_examples=120, stateful_step_count=40)
TestOrderLife = OrderLife.TestCase
