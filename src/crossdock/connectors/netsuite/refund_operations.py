"""What NetSuite is asked to do of refunds: the credit memo, and the customer refund that pays it out. Class UNIQUE."""

from collections import defaultdict
from decimal import Decimal

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.crediting import (
    credit_id,
    payment_id,
    put_back,
    render_credit,
    render_payment,
    still_open,
)
from crossdock.connectors.netsuite.deposits import deposit_of
from crossdock.connectors.netsuite.sending import classified, made_once, ours
from crossdock.connectors.netsuite.wire import CreditBody
from crossdock.domain.commands import CreditRefund, PayRefund
from crossdock.domain.outcome import Conflict, Done, Outcome, Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_credit(client: NetSuite, payload: CreditRefund, call: Call) -> Result | None:
    """Our credit memo, if an earlier send made it."""
    there = await client.credit_memo(f"eid:{credit_id(payload)}", lines=True)
    return None if there is None else Result(_found(payload, there))


def _found(payload: CreditRefund, there: CreditBody) -> Outcome:
    refs = {"creditMemo": there.id}
    if there.total != payload.total:
        detail = (
            f"credit memo {there.tran_id} comes to {there.total}, the refund to {payload.total}: somebody changed it"
        )
        return Conflict("credit_differs", detail, refs)
    if (goods := _other_goods(payload, there)) is not None:
        detail = f"credit memo {there.tran_id} puts other goods back into stock than it is to"
        hint = "Compare its lines with what the warehouse has back; correct the stock in NetSuite, then resolve."
        return Conflict("credit_differs", detail, refs, hint, {"differences": goods})
    return Done(refs=refs, facts={"total": str(there.total)}, repeated=True)


def _other_goods(payload: CreditRefund, there: CreditBody) -> dict[str, dict[str, str]] | None:
    """By item: units that are to go back into stock, and those that do. A database that lost time may not know any more
    what the warehouse was told then."""
    wanted, found = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for line in payload.lines:
        if (item := put_back(payload, line)) is not None:
            wanted[item] += line.quantity
    own = {*payload.item_refs.values()}
    for row in there.lines():
        if row.item.id in own:
            found[row.item.id] += row.quantity
    apart = {item for item in {*wanted, *found} if wanted[item] != found[item]}
    return {item: {"wanted": str(wanted[item]), "netsuite": str(found[item])} for item in sorted(apart)} or None


@made_once(find_credit)
async def credit(client: NetSuite, payload: CreditRefund, call: Call) -> Result:
    """Make the credit memo under our external id, set off against what is still open of the invoices."""
    open_invoices: dict[str, Decimal] = {}
    for ref in payload.apply_to:
        invoice = await client.invoice(ref)
        if invoice is not None:
            open_invoices[ref] = still_open(invoice)
    made = await client.create("creditMemo", render_credit(payload, open_invoices, client.settings))
    return Result(Done(refs={"creditMemo": made}, facts={"total": str(payload.total)}))


@classified
async def find_payment(client: NetSuite, payload: PayRefund, call: Call) -> Result | None:
    """Our customer refund, if an earlier send made it."""
    return await ours(client, "customerRefund", payment_id(payload))


@made_once(find_payment)
async def pay(client: NetSuite, payload: PayRefund, call: Call) -> Result:
    """Record that the customer has the money back."""
    ref = payload.credit_ref
    if ref == "":  # a person said that the credit memo is there, and not which one
        there = await client.credit_memo(f"eid:{credit_id(payload)}")
        if there is None:
            detail = f"refund {payload.refund_id} has no credit memo of ours to pay out"
            return Result(Rejected("credit_memo_unknown", detail, hint="Pay it out in NetSuite by hand, then resolve."))
        ref = there.id
    deposits = {one.payment_id: one.deposit or await deposit_of(client, payload.order_key, one.payment_id)
                for one in payload.drawn}  # fmt: skip
    made = await client.create("customerRefund", render_payment(payload, ref, client.settings, deposits))
    return Result(Done(refs={"customerRefund": made}))
