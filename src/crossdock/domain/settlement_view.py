"""The few facts about a settlement that people list and filter by."""

from crossdock.domain.decision import Summary
from crossdock.domain.settlement_entries import SettlementState
from crossdock.domain.settling import matches


def summarise(state: SettlementState) -> Summary:
    settlement = state.settlement
    if settlement is None:
        return Summary("waiting", reason="the settlement has not come yet")
    status, step, reason = _where(state)
    return Summary(
        status,
        step,
        reason,
        settlement.id,
        settlement.source,
        None,
        f"{settlement.deposit:f}",
        settlement.currency,
        settlement.deposited_at,
    )


def _where(state: SettlementState) -> tuple[str, str | None, str | None]:
    settlement = state.settlement
    assert settlement is not None
    if state.left_alone is not None:
        return "ignored", None, state.left_alone
    for key, known in state.problems.items():
        return "held" if known.klass == "hold" else "exception", key, known.title
    if state.by_hand:
        return "done", None, "entered in the ERP by hand"
    if settlement.status == "failed":
        return "ignored", None, "the bank sent the money back"
    if state.posted is not None:
        return ("done", None, None) if state.posted.status == "done" else ("open", "settlement.post", None)
    missing = state.named - len(state.orders)
    if missing > 0 and "match" not in state.let_go:
        return "waiting", "settlement.match", f"{missing} of {state.named} orders that it names are not known yet"
    waiting = sum(1 for _, found in matches(settlement, state.orders, state.let_go) if not found.settled)
    if waiting:
        return "waiting", "settlement.match", f"{waiting} of {len(settlement.lines)} lines wait for their refunds"
    return "done", None, "nothing to post"
