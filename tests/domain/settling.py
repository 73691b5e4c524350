"""Settlements for tests, and a small house of streams that tell each other: messages wait, and any may be next."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.domain.factories import CHANNEL, ERP, NOON, context, settled

from crossdock.domain.commands import Command, PostSettlement
from crossdock.domain.decision import Decider, Decision, Problem, StreamRef
from crossdock.domain.events import Event
from crossdock.domain.order_decider import ORDER
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind, total_of
from crossdock.domain.settlement_decider import SETTLEMENT
from crossdock.domain.settlement_entries import SettlementState, decode_settlement, decode_settlement_entries

Kind = SettlementLineKind


def row(id_: str, kind: Kind, amount: str, *, order: str | None = None, fee: str = "0", **more: Any) -> SettlementLine:
    return SettlementLine(id_, kind, f"TOLD_{kind.upper()}", Decimal(amount), Decimal(fee), order_id=order, **more)


def settlement(*lines: SettlementLine, deposit: str | None = None, **more: Any) -> Settlement:
    """One that balances, unless a deposit is given."""
    told = total_of(lines) if deposit is None else Decimal(deposit)
    fields = {"source": CHANNEL, "id": "77", "currency": "EUR", "deposited_at": NOON, **more}
    return Settlement(deposit=told, lines=lines, **fields)


class Streams:
    """Order and settlement streams of one house. ``tell`` decides at once; what streams tell each other waits."""

    def __init__(self, **world: Any) -> None:
        self.world = world
        self.states: dict[StreamRef, Any] = {}
        self.journals: dict[StreamRef, list[Any]] = {}
        self.waiting: list[tuple[StreamRef, Event]] = []
        self.commands: dict[str, Command] = {}
        self.again: list[str] = []
        self.problems: dict[tuple[StreamRef, str], Problem] = {}
        self.timers: dict[tuple[StreamRef, str], datetime] = {}

    def tell(self, to: StreamRef, event: Event, **world: Any) -> Decision:
        decider: Decider = {"order": ORDER, "settlement": SETTLEMENT}[to.kind]
        before = self.states.get(to, decider.blank())
        stored = decider.store(before)
        decision = decider.decide(before, event, context(**{**self.world, **world}))
        assert decider.store(before) == stored, "deciding changed the state that it was given"
        after = decider.evolve(before, decision.entries)
        assert decider.load(decider.store(after)) == after == decision.after
        self.states[to] = after
        self.journals.setdefault(to, []).extend(decision.entries)
        self._take(to, decision)
        return decision

    def _take(self, to: StreamRef, decision: Decision) -> None:
        self.waiting += [(tell.to, tell.event) for tell in decision.tells]
        for command in decision.commands:
            assert command.key not in self.commands, f"opened twice: {command.key}"
            self.commands[command.key] = command
        self.again += decision.again
        for key in decision.settled:
            self.problems.pop((to, key), None)
        for problem in decision.opened:
            self.problems[to, problem.key] = problem
        for timer in decision.timers:
            if timer.due_at is None:
                self.timers.pop((to, timer.name), None)
            else:
                self.timers[to, timer.name] = timer.due_at

    def deliver(self, choose: Callable[[Sequence[Any]], int] = lambda _: 0) -> None:
        """Let what streams told each other arrive, until nothing waits; ``choose`` says what is next."""
        while self.waiting:
            self.tell(*self.waiting.pop(choose(self.waiting)))

    @property
    def settlement(self) -> SettlementState:
        found: SettlementState = self.states[StreamRef("settlement", f"{CHANNEL}-77")]
        ref = StreamRef("settlement", f"{CHANNEL}-77")
        stored = SETTLEMENT.store_entries(self.journals[ref])
        assert SETTLEMENT.evolve(SETTLEMENT.blank(), decode_settlement_entries(stored)) == found
        assert decode_settlement(SETTLEMENT.store(found)) == found
        return found

    @property
    def posting(self) -> PostSettlement:
        """The one document the ERP is asked for."""
        [payload] = [c.payload for c in self.commands.values() if isinstance(c.payload, PostSettlement)]
        return payload

    @property
    def postings(self) -> list[str]:
        return [key for key, command in self.commands.items() if isinstance(command.payload, PostSettlement)]

    def codes(self) -> set[str]:
        return {problem.code for (ref, _), problem in self.problems.items() if ref.kind == "settlement"}

    def settle(self, outcome: Any = None) -> None:
        """The ERP's answer to the newest document asked for."""
        self.tell(REF, settled(self.commands[self.postings[-1]], outcome))


REF = StreamRef("settlement", f"{CHANNEL}-77")
KEY = f"{CHANNEL}-77/{ERP}/settlement.post"
