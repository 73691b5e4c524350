"""A decision being made: entries are folded in as they are noted, so that every rule sees what the last one did."""

from datetime import datetime

from crossdock.domain import entries as e
from crossdock.domain.commands import Command, Payload
from crossdock.domain.decision import Context, Decision, Policy, Problem, Reference, Timer
from crossdock.domain.evolve import apply
from crossdock.domain.order import Order
from crossdock.domain.state import OrderState, fork


class Draft:
    """The working state of one call to ``decide``, and what follows from it so far."""

    __slots__ = ("context", "decision", "now", "state")

    def __init__(self, state: OrderState, context: Context) -> None:
        self.state = fork(state)
        self.context = context
        self.now: datetime = context.now
        self.decision = Decision()

    @property
    def order(self) -> Order:
        """The order in force; only asked for once it is known."""
        assert self.state.order is not None
        return self.state.order

    @property
    def policy(self) -> Policy | None:
        return self.context.policy.get(self.order.channel)

    def note(self, entry: e.Entry) -> None:
        self.decision.entries.append(entry)
        apply(self.state, entry)

    def move(self, step: str, status: str, reason: str | None = None) -> None:
        """Move a step, unless it is there already."""
        before = self.state.steps.get(step)
        if before is None or before.status != status or before.reason != reason:
            self.note(e.StepMoved(step, status, self.now, reason))

    def send(
        self,
        step: str,
        target: str,
        payload: Payload,
        subject: str | None = None,
        again: str = "",
    ) -> None:
        """Open the step's command, once for ever: a business key that is known opens nothing."""
        key = f"{self.order.key}/{target}/{payload.purpose}"
        key = f"{key}/{subject}" if subject is not None else f"{key}{again}"
        if key in self.state.commands:
            return
        self.note(e.CommandOpened(key, step, target, self.now, subject))
        self.decision.commands.append(Command(key, target, payload))

    def open(self, problem: Problem, step: str, *, again: bool = False) -> None:
        """Open a problem, unless the very same one is open; ``again``: its facts are others now."""
        known = self.state.problems.get(problem.key)
        if not again and known is not None and known.code == problem.code and known.title == problem.title:
            return
        self.note(
            e.ProblemOpened(problem.key, problem.code, problem.klass, step, problem.title, self.now, problem.owner)
        )
        self.decision.opened.append(problem)

    def settle(self, key: str, by: str | None = None, reason: str | None = None) -> None:
        """Close a problem, if it is open. One that this very decision opened is then not told at all."""
        if key in self.state.problems:
            self.note(e.ProblemSettled(key, self.now, by, reason))
            decision = self.decision
            decision.settled.append(key)
            if decision.opened:
                decision.opened = [problem for problem in decision.opened if problem.key != key]

    def timer(self, name: str, due_at: datetime | None) -> None:
        """Set an alarm, move it, or take it off."""
        if self.state.timers.get(name) != due_at:
            self.note(e.TimerSet(name, due_at))
            self.decision.timers.append(Timer(name, due_at))

    def refer(self, connection: str, kind: str, external_id: str | None) -> None:
        if external_id:
            self.decision.references.append(Reference(connection, kind, external_id))

    def ignore(self, event: str, reason: str) -> None:
        self.note(e.EventIgnored(event, reason, self.now))
