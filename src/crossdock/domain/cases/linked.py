"""A person says which customer of the ERP the buyer is. Nothing is merged; the link is kept for later orders."""

from crossdock.domain import entries as e
from crossdock.domain.cases.order_seen import check
from crossdock.domain.draft import Draft
from crossdock.domain.events import OperatorActed
from crossdock.domain.matching import link_key
from crossdock.domain.rulings import locked

STEP = "validate.customer"
LINKED = "linked_customer"  # the reference's type: on the channel the buyer's id, on the ERP its customer


def link(d: Draft, event: OperatorActed) -> str | None:
    """Book this order, and later ones of the same channel customer, on the customer that is named."""
    ref, policy = str(event.args.get("customer_ref") or "").strip(), d.policy
    if not ref:
        return "say which ERP customer the buyer is: customer_ref"
    if policy is None:
        return "no route says which ERP"
    if locked(d.state) or d.state.cancel is not None or d.state.ended is not None:
        return "it is too late: the order is booked, being booked, or has ended"
    if d.state.status_of(STEP) not in ("failed", "waiting"):
        return "the customer is known already"
    d.note(e.CustomerLinked(ref, event.actor, d.now))
    buyer = d.order.customer
    if link_key(d.order) is not None and buyer is not None:
        d.refer(d.order.channel, LINKED, buyer.external_id)
        d.refer(policy.erp, LINKED, ref)
    check(d)
    return None
