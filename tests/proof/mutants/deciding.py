"""Bugs in what is decided, and in how decisions are written."""

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec

from crossdock.connectors.netsuite import mapping as netsuite
from crossdock.connectors.shiphero import mapping as shiphero
from crossdock.connectors.shiphero import webhook
from crossdock.domain import advance, checks, evolve, order_decider, relabelling, state
from crossdock.domain import entries as e
from crossdock.domain.cases import command_settled, early, order_seen, shipment_seen
from crossdock.domain.commands import AmendBooking, Command
from crossdock.domain.draft import Draft
from crossdock.domain.process import AMEND
from crossdock.domain.standing import standing
from crossdock.engine import deciding, verdict
from crossdock.proof.planted import Mutant
from crossdock.store import memory_rows
from crossdock.store.memory import MemoryStore

from .planting import instead


@contextmanager
def _taken_before_commit() -> Iterator[None]:
    claim = MemoryStore.claim_streams

    def eager(self: MemoryStore, *given: Any, **named: Any) -> Any:
        @asynccontextmanager
        async def claimed() -> Any:
            async with claim(self, *given, **named) as batch:
                taken = {message.id for stream in batch.streams for message in stream.messages}
                self.books.agenda = [entry for entry in self.books.agenda if entry.message_id not in taken]
                yield batch

        return claimed()

    with instead(MemoryStore, claim_streams=eager):
        yield


@contextmanager
def _not_locked() -> Iterator[None]:
    class Unlocked(set):  # type: ignore[type-arg]
        def update(self, *others: Any) -> None: ...

    begin = memory_rows.Books.__init__

    def unlocked(self: Any) -> None:
        begin(self)
        self.locked = Unlocked()

    with instead(memory_rows.Books, __init__=unlocked):
        yield


@contextmanager
def _timers_dropped() -> Iterator[None]:
    async def moved(self: MemoryStore, limit: int) -> int:
        due = [key for key, alarm in self.books.timers.items() if alarm.due_at <= self._now()][:limit]
        for key in due:
            del self.books.timers[key]
        return len(due)

    with instead(MemoryStore, move_timers=moved):
        yield


@contextmanager
def _unreadable_stops_all() -> Iterator[None]:
    def fragile(world: Any, stream: Any) -> Any:
        decider = world.deciders[stream.ref.kind]
        work = verdict.Work(stream, decider, None, [], {})
        work.state = decider.blank() if stream.state is None else decider.load(stream.state)
        work.translated = [verdict._translate(world, message) for message in stream.messages]
        work.masters_needed = verdict._masters_needed(decider, work)
        return work

    with instead(deciding, translate_stream=fragile):
        yield


@contextmanager
def _moves_unwritten() -> Iterator[None]:
    def move(self: Draft, step: str, status: str, reason: str | None = None) -> None:
        evolve.apply(self.state, e.StepMoved(step, status, self.now, reason))

    with instead(Draft, move=move):
        yield


@contextmanager
def _last_writer_wins() -> Iterator[None]:
    def last(axis: str, current: str, offered: str) -> str:
        return offered

    with instead(evolve, up=last), instead(state, up=last):
        yield


@contextmanager
def _any_view_counts() -> Iterator[None]:
    with instead(order_seen, newer=lambda order, known: True):
        yield


@contextmanager
def _born_cancelled_is_live() -> Iterator[None]:
    def first(d: Draft, order: Any) -> None:
        kept = d.state.early
        d.note(e.OrderRecorded(order, d.now))
        if order.test:
            d.note(e.OrderIgnored("test order", d.now))
        else:
            order_seen.check(d)
            early.apply_early(d, kept)
        advance.advance(d)

    with instead(order_seen, _first=first):
        yield


@contextmanager
def _tests_are_orders() -> Iterator[None]:
    first = order_seen._first

    def real(d: Draft, order: Any) -> None:
        first(d, msgspec.structs.replace(order, test=False))

    with instead(order_seen, _first=real):
        yield


@contextmanager
def _failures_untold() -> Iterator[None]:
    settled = command_settled.command_settled

    def quiet(d: Draft, event: Any) -> None:
        with instead(Draft, open=lambda self, problem, step: None):
            settled(d, event)

    with instead(order_decider, command_settled=quiet):
        yield


@contextmanager
def _settled_silently() -> Iterator[None]:
    settle = Draft.settle

    def silent(self: Draft, key: str, by: str | None = None, reason: str | None = None) -> None:
        before = list(self.decision.settled)
        settle(self, key, by, reason)
        self.decision.settled[:] = before

    with instead(Draft, settle=silent):
        yield


@contextmanager
def _told_under_two_keys() -> Iterator[None]:
    told = Draft.open

    def twice(self: Draft, problem: Any, step: str, *, again: bool = False) -> None:
        told(self, problem, step, again=again)
        told(self, msgspec.structs.replace(problem, key=f"{problem.key} once more"), step, again=again)

    with instead(Draft, open=twice):
        yield


@contextmanager
def _pushes_share_a_key() -> Iterator[None]:
    send = Draft.send

    def sent(self: Draft, step: str, target: str, payload: Any, subject: str | None = None, again: str = "") -> None:
        if step != "fulfilment.push" or subject is None:
            send(self, step, target, payload, subject, again)
            return
        key = f"{self.order.key}/{target}/{payload.purpose}"
        if key not in self.state.commands:
            self.note(e.CommandOpened(key, step, target, self.now, subject))
            self.decision.commands.append(Command(key, target, payload))

    with instead(Draft, send=sent):
        yield


@contextmanager
def _shipments_doubled() -> Iterator[None]:
    def by_hook(shipment_id: Any, labels: Any) -> str:
        return f"hook:{shipment_id}"

    with (
        instead(shipment_seen, _fit=lambda d, shipment: shipment),
        instead(webhook, content_id=by_hook),
        _polled_are_others(),
    ):
        yield


@contextmanager
def _polled_are_others() -> Iterator[None]:
    polled = shiphero._polled

    def renamed(node: Any) -> Any:
        shipment = polled(node)
        return msgspec.structs.replace(shipment, id=f"polled-{shipment.id}")

    with instead(shiphero, _polled=renamed):
        yield


@contextmanager
def _booking_left_open() -> Iterator[None]:
    """A cancelled order ends when the warehouse was stopped; its sales order stays."""

    def forgetful(d: Draft) -> None:
        state = d.state
        cancel = state.cancel
        assert cancel is not None
        if state.status_of("order.release") == "running" or state.status_of("order.book") == "running":
            return
        if advance._may_stand(d, "order.release") and state.warehouse is not None:
            payload = advance.CancelRelease(d.order.key, state.warehouse_ref, cancel.reason)
            d.send("release.cancel", state.warehouse, payload)
            if not state.finished("release.cancel"):
                return
            d.move("order.release", "undone")
        advance.end_cancelled(d)

    with instead(advance, _undo=forgetful):
        yield


@contextmanager
def _default_item() -> Iterator[None]:
    """A product that the ERP does not know is booked on the first one that it does."""
    found = checks._products

    def assumed(order: Any, policy: Any, masters: Any) -> Any:
        refs, _ = found(order, policy, masters)
        return refs, (e.Verdict("validate.products", "done"), [])

    def item(self: Any, line: Any, index: int) -> str:
        return self.command.item_refs.get(line.sku or "") or "1001"

    with instead(checks, _products=assumed), instead(netsuite._Sheet, _item_of=item):
        yield


@contextmanager
def _old_labels_stay() -> Iterator[None]:
    with instead(relabelling, tell=lambda d, policy: None):
        yield


@contextmanager
def _amended_again() -> Iterator[None]:
    """To the letter, so that nothing in the ERP's books shows it."""
    again = order_seen._again

    def eager(d: Draft) -> None:
        again(d)
        state, policy = d.state, d.policy
        if state.ended is not None or state.erp is None or state.erp_ref is None or policy is None:
            return
        assert state.customer_ref is not None
        order = standing(d.order, state.refunded())
        written = advance._written(state)
        method = advance.ship_method(order, policy)
        sent = [intent.step for intent in state.commands.values()].count(AMEND)
        payload = AmendBooking(order, state.erp_ref, state.customer_ref, state.item_refs, policy.basis, method, written)
        d.send(AMEND, state.erp, payload, again=f"/{sent + 1}")

    with instead(order_seen, _again=eager):
        yield


@contextmanager
def _labels_believed() -> Iterator[None]:
    repeated = shipment_seen._repeated

    def believing(d: Draft, known: Any, event: Any) -> None:
        repeated(d, known, msgspec.structs.replace(event, read=""))

    with instead(shipment_seen, _repeated=believing):
        yield


@contextmanager
def _given_up_with_the_warehouse() -> Iterator[None]:
    told = Draft.open

    def ended(self: Draft, problem: Any, step: str) -> None:
        if problem.code == "release.cancelled_there":
            advance.end_cancelled(self)
        else:
            told(self, problem, step)

    with instead(Draft, open=ended):
        yield


MUTANTS = (
    Mutant(
        name="M7 the last writer's status wins",
        what="A status is taken as told, not as the furthest that was told.",
        plant=_last_writer_wins,
        profile="webhooks",
        within=20,
        caught_by=("I3",),
    ),
    Mutant(
        name="any view counts",
        what="A late, older view of an order replaces a newer one.",
        plant=_any_view_counts,
        profile="window",
        within=20,
        caught_by=("I11",),
    ),
    Mutant(
        name="taken before the commit",
        what="Messages leave the agenda when they are claimed, not when what was decided stands.",
        plant=_taken_before_commit,
        profile="database",
        within=10,
        caught_by=("I1a", "I9", "I10"),
    ),
    Mutant(
        name="streams not locked",
        what="Two deciders work on one order at the same time.",
        plant=_not_locked,
        profile="crashes",
        within=20,
        caught_by=("I23",),
    ),
    Mutant(
        name="timers dropped",
        what="A timer that is due is taken off, and nobody is told.",
        plant=_timers_dropped,
        profile="window",
        within=10,
        caught_by=("I10", "I1c"),
    ),
    Mutant(
        name="an unreadable message stops everybody",
        what="A message that cannot be read ends the batch that it is in, and the next one, and the next.",
        plant=_unreadable_stops_all,
        profile="drift",
        within=10,
        caught_by=("I10", "I1a"),
    ),
    Mutant(
        name="moves not journaled",
        what="Steps move in the state, but the journal does not say so.",
        plant=_moves_unwritten,
        profile="calm",
        within=5,
        caught_by=("I3",),
    ),
    Mutant(
        name="cancelled before it was seen",
        what="An order whose first view is a cancelled one is booked like any other.",
        plant=_born_cancelled_is_live,
        profile="silence",
        within=60,
        caught_by=("I17", "I1c"),
    ),
    Mutant(
        name="test orders exported",
        what="The shop's test orders are booked.",
        plant=_tests_are_orders,
        profile="calm",
        within=60,
        caught_by=("I2",),
    ),
    Mutant(
        name="failures not told",
        what="A command that failed for good opens no exception.",
        plant=_failures_untold,
        profile="refusals",
        within=10,
        caught_by=("I1a", "I23", "I10"),
    ),
    Mutant(
        name="settled in the order alone",
        what="A problem is over for its order, and stays open for the people who are to settle it.",
        plant=_settled_silently,
        profile="refusals",
        within=60,
        caught_by=("I23",),
    ),
    Mutant(
        name="told under two keys",
        what="One problem is two exceptions, each for somebody to settle.",
        plant=_told_under_two_keys,
        profile="refusals",
        within=10,
        caught_by=("I23",),
    ),
    Mutant(
        name="pushes share a key",
        what="The second shipment's push has the first one's business key, so it is never sent.",
        plant=_pushes_share_a_key,
        profile="calm",
        within=10,
        caught_by=("I4", "I10"),
    ),
    Mutant(
        name="a shipment counted twice",
        what="A shipment that comes by webhook and by poll is two, and nothing balances lines.",
        plant=_shipments_doubled,
        profile="calm",
        within=10,
        caught_by=("I4",),
    ),
    Mutant(
        name="the sales order stays open",
        what="A cancelled order is over here and in the warehouse, but not in the ERP.",
        plant=_booking_left_open,
        profile="calm",
        within=30,
        caught_by=("I17",),
    ),
    Mutant(
        name="default item",
        what="A product that the ERP does not know is booked on some other item.",
        plant=_default_item,
        profile="calm",
        within=80,
        caught_by=("I19",),
    ),
    Mutant(
        name="old labels stay",
        what="A label that the warehouse makes anew is told nobody: the customer follows a number that no parcel has.",
        plant=_old_labels_stay,
        profile="webhooks",
        within=20,
        caught_by=("I24",),
    ),
    Mutant(
        name="amended once more",
        what="An order that is not over is written into the ERP again whenever a view of it that is known comes again.",
        plant=_amended_again,
        profile="calm",
        within=80,
        caught_by=("I7",),
    ),
    Mutant(
        name="the last label heard is believed",
        what="A message that comes late brings a voided label back: the warehouse is not asked which one counts.",
        plant=_labels_believed,
        profile="webhooks",
        within=40,
        caught_by=("I24",),
    ),
    Mutant(
        name="given up with the warehouse",
        what="An order that the warehouse cancels by itself is over: paid, never shipped, and nobody is told.",
        plant=_given_up_with_the_warehouse,
        within=10,
        caught_by=("I17",),
    ),
)
