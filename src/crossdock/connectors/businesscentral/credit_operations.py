"""The credit memo of a refund: a draft with its lines, read back to the cent, then posted. Looked for first, always.

Business Central does not mind a second one. So a draft is made in one transaction together with its mark, its first
line, and only where no draft and no posted credit memo of the order carries it; a draft that stands is ours, half made,
and is posted. Posting gives it another id: it is read back by the mark.
"""

from decimal import Decimal

from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import Ask, BusinessCentral
from crossdock.connectors.businesscentral.crediting import render_credit
from crossdock.connectors.businesscentral.keys import is_marked, refund_mark, stored_key
from crossdock.connectors.businesscentral.proof import Rendered, difference
from crossdock.connectors.businesscentral.sending import classified, of_order, refused
from crossdock.connectors.businesscentral.wire import CreditMemo, CreditMemos, Invoices
from crossdock.domain.commands import CreditRefund
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.manifest import Call, Result

ACTION = "Microsoft.NAV.post"


@classified
async def find_credit(client: BusinessCentral, payload: CreditRefund, call: Call) -> Result | None:
    """Our posted credit memo, if an earlier send made it; None where there is none, or only a draft."""
    (body,) = await client.read(_reading(payload, client))
    return _settled(payload, _ours(payload, decoded(body, CreditMemos, wrote=False)))


@classified
async def credit(client: BusinessCentral, payload: CreditRefund, call: Call) -> Result:
    """Make the credit memo, or post what an earlier send began."""
    memos, invoices = await client.read(
        _reading(payload, client), f"salesInvoices?$filter={of_order(payload.order_key, client)}"
    )
    there = _ours(payload, decoded(memos, CreditMemos, wrote=False))
    found = _settled(payload, there)
    if found is not None:
        return found
    rendered = render_credit(payload, client.settings, _open(payload, decoded(invoices, Invoices, wrote=False)))
    draft = there[0] if there else await _drafted(client, payload, rendered)
    wrong = difference(rendered, draft)
    if wrong is not None and not there:
        return await _taken_back(client, draft, wrong)
    if wrong is not None:
        detail = (
            f"draft {draft.number} is there and not as refunded: {wrong.detail}. Correct and post it, or delete it."
        )
        return Result(Conflict("credit_differs", detail, {"creditMemo": draft.id}))
    day = str(rendered.header["postingDate"]) if there else None  # its books may have closed since it was drafted
    return await _posted(client, payload, draft, day)


def _reading(payload: CreditRefund, client: BusinessCentral) -> str:
    return f"salesCreditMemos?$filter={of_order(payload.order_key, client)}&$expand=salesCreditMemoLines"


def _ours(payload: CreditRefund, memos: CreditMemos) -> list[CreditMemo]:
    mark = refund_mark(payload.refund_id)
    return [one for one in memos.value if is_marked(one.lines, mark)]


def _open(payload: CreditRefund, invoices: Invoices) -> str | None:
    """The invoice that most is left open of, among those that it is to be set off against."""
    left = {one.id: one.remaining_amount or ZERO for one in invoices.value if one.id in payload.apply_to}
    ref = max(left, key=lambda each: left[each], default=None)
    return ref if ref is not None and left[ref] > ZERO else None


def _settled(payload: CreditRefund, there: list[CreditMemo]) -> Result | None:
    if len(there) > 1:
        numbers = ", ".join(one.number for one in there)
        detail = f"credit memos {numbers} are of one refund: delete or cancel all but one, then retry"
        return Result(Conflict("doubled", detail, {f"creditMemo{n}": one.id for n, one in enumerate(there, 1)}))
    if not there or there[0].is_draft:
        return None
    return Result(_credited(payload, there[0], repeated=True))


def _credited(payload: CreditRefund, memo: CreditMemo, *, repeated: bool) -> Done | Conflict:
    refs = {"creditMemo": memo.id, "creditMemoNumber": memo.number}
    total: Decimal = memo.total_amount_including_tax
    if total != payload.total or memo.currency_code != payload.currency:
        what = f"{total} {memo.currency_code}, the refund to {payload.total} {payload.currency}"
        return Conflict("credit_differs", f"credit memo {memo.number} comes to {what}", refs)
    return Done(refs, {"total": str(total)}, repeated)


async def _drafted(client: BusinessCentral, payload: CreditRefund, rendered: Rendered) -> CreditMemo:
    """The draft with its lines, made in one transaction, as Business Central then shows it."""
    body = {**rendered.header, "salesCreditMemoLines": rendered.lines}
    parts = await client.together([Ask("POST", "salesCreditMemos", body), Ask("GET", _reading(payload, client))])
    made = [one for one in _ours(payload, decoded(parts[-1].body, CreditMemos, wrote=True)) if one.is_draft]
    if len(made) != 1:
        raise Stopped(OutcomeUnknown("the draft was made and is not shown", code="read_failed"))
    return made[0]


async def _taken_back(client: BusinessCentral, draft: CreditMemo, why: Rejected) -> Result:
    """Delete what we made just now and what is no credit of this refund; not when somebody has changed it since."""
    try:
        await client.delete_credit(draft)
    except Stopped as stopped:
        if isinstance(stopped.outcome, RetryLater) and stopped.outcome.code == "record_changed":
            detail = f"draft {draft.number} is there, changed by somebody, and not as refunded: {why.detail}"
            return Result(Conflict("credit_differs", detail, {"creditMemo": draft.id}))
        raise
    return Result(why)


async def _posted(client: BusinessCentral, payload: CreditRefund, draft: CreditMemo, day: str | None) -> Result:
    """Post the draft as it was read: its ETag, named in the same transaction, says that nobody has changed it."""
    path = f"salesCreditMemos({draft.id})"
    same = {"externalDocumentNumber": stored_key(payload.order_key, client.settings)}
    guard = Ask("PATCH", path, same if day is None else {**same, "postingDate": day}, draft.etag)
    asks = [guard, Ask("POST", f"{path}/{ACTION}", {}), Ask("GET", _reading(payload, client))]
    try:
        parts = await client.together(asks, posts=1)
    except Stopped as stopped:
        return await refused(stopped, lambda: find_credit(client, payload, Call("", tries=1)))
    made = [one for one in _ours(payload, decoded(parts[-1].body, CreditMemos, wrote=True)) if not one.is_draft]
    if len(made) != 1:
        return Result(OutcomeUnknown("posted; the credit memo is not shown yet", code="read_failed"))
    return Result(_credited(payload, made[0], repeated=False))
