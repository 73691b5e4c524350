"""A settlement's decision being made: entries are folded in as they are noted."""

from datetime import datetime

from crossdock.domain import settlement_entries as s
from crossdock.domain.beginning import too_early
from crossdock.domain.decision import Context, Decision, Policy, Problem
from crossdock.domain.settlement import Settlement, SettlementLine
from crossdock.domain.settling import Matched, matches


class SettlementDraft:
    """The working state of one call to ``decide``, and what follows from it so far."""

    __slots__ = ("context", "decision", "now", "state")

    def __init__(self, state: s.SettlementState, context: Context) -> None:
        self.state = s.fork(state)
        self.context = context
        self.now: datetime = context.now
        self.decision = Decision()

    @property
    def settlement(self) -> Settlement:
        """The view in force; only asked for once there is one."""
        assert self.state.settlement is not None
        return self.state.settlement

    @property
    def policy(self) -> Policy | None:
        return self.context.policy.get(self.settlement.source)

    @property
    def not_ours(self) -> str | None:
        """Why the route leaves it alone."""
        policy = self.policy
        return None if policy is None else too_early(policy, self.settlement.deposited_at, "deposited")

    def matched(self) -> list[tuple[SettlementLine, Matched]]:
        return matches(self.settlement, self.state.orders, self.state.let_go)

    def note(self, entry: s.SettlementEntry) -> None:
        self.decision.entries.append(entry)
        s.apply(self.state, entry)

    def open(self, problem: Problem) -> None:
        """Open a problem, unless the very same one is open."""
        known = self.state.problems.get(problem.key)
        if known is not None and (known.code, known.title) == (problem.code, problem.title):
            return
        self.note(s.ProblemTold(problem.key, problem.code, problem.klass, problem.title, self.now))
        self.decision.opened = [one for one in self.decision.opened if one.key != problem.key]
        self.decision.opened.append(problem)

    def end(self, key: str, by: str | None = None) -> None:
        """Close a problem, if it is open. One that this very decision opened is then not told at all."""
        if key in self.state.problems:
            self.note(s.ProblemEnded(key, self.now, by))
            self.decision.settled.append(key)
            self.decision.opened = [one for one in self.decision.opened if one.key != key]
