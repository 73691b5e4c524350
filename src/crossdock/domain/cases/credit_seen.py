"""The ERP has a credit memo: ours is known already, its own people's is paid back in the channel."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import CreditSeen
from crossdock.domain.problems import problem
from crossdock.domain.process import CREDIT, PUSH
from crossdock.domain.refund import Credit
from crossdock.domain.refunding import pays_back
from crossdock.domain.state import OrderState


def credit_seen(d: Draft, event: CreditSeen) -> None:
    """Take a credit memo once. ``refunding.settle`` pays it back where the route says so; else a person does."""
    credit = event.credit
    if d.state.ended == "ignored":
        d.ignore("credit_seen", "the order is ignored")
        return
    if credit.id in d.state.credits:
        return
    ours = _is_ours(d.state, credit)
    d.note(e.CreditTaken(credit, event.source, d.now, ours))
    d.refer(event.source, "creditMemo", credit.id)
    policy = d.policy
    if not ours and (policy is None or not pays_back(d.state, policy, event.source, credit)):
        title = f"{event.source} credited {credit.total:f} {credit.currency}: {credit.number}"
        title += ", which takes a whole bill back" if credit.voids else ""
        facts = {"credit": credit.id, "number": credit.number, "total": f"{credit.total:f}"}
        d.open(problem("refund.made_in_erp", f"credit/{credit.id}", title, event.source, facts), PUSH)


def _is_ours(state: OrderState, credit: Credit) -> bool:
    """By its mark, whatever we remember of it; or by the answer to our command, or a person's word.

    A mark that no command of ours fits is older than what a backup brought back, or its refund's id is written there in
    other characters: paid back in the channel, the customer would have it twice.
    """
    if credit.made_for is not None:
        return True
    made = (intent for intent in state.commands.values() if intent.step == CREDIT)
    return any(intent.refs.get("creditMemo") == credit.id for intent in made)
