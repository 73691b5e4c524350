"""The channel's order told apart: what is left of it, and its parts, each an order of its own. Pure.

Lines that a channel adds after goods have left, an exchange, become a part. From then on every view of the order, and
all else that the channel tells of its lines, is split by the lines' ids, which never change hands. Of money a part has
what its lines come to; everything else, shipping, goodwill, rounding, stays with the order. So both halves prove their
totals, and together they are the channel's.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from crossdock.domain.fulfilment import Allocation
from crossdock.domain.money import NOTHING, ZERO, Amount
from crossdock.domain.order import Apart, LineKind, Order, OrderLine, PaymentStatus, Totals, view_id
from crossdock.domain.part import Part
from crossdock.domain.refund import Refund, RefundedLine, Return, Tender, gross_of, paid_back, parts_of
from crossdock.domain.shares import Share, shares
from crossdock.domain.standing import PRESENTMENT, SHOP, less, summed, sums_of, worth
from crossdock.domain.state import OrderState, Refunded, ordered

_replace = msgspec.structs.replace
_REVERSED = frozenset({PaymentStatus.VOIDED, PaymentStatus.REFUNDED})
GONE = "nothing of it is wanted any more"
REST = ""  # what is left of a thing that is split: the order's own


def owners(parts: Mapping[str, Part]) -> dict[str, str]:
    """Line id -> the part that it belongs to."""
    return {line_id: name for name, part in parts.items() for line_id in part.lines}


def split(order: Order, parts: Mapping[str, Part]) -> tuple[Order, dict[str, Order]]:
    """What is left of a view, and its parts by name. What only counts when a part is opened is left out.

    A part of which the view shows no line is left out too: lines are never taken away again, so that view is of before.
    Each part has those that were opened after it apart: what of it came back may have been exchanged for them.
    """
    if order.handed_over:
        order = _replace(order, handed_over=())
    if not parts:
        return order, {}
    own = owners(parts)
    lines: dict[str, list[OrderLine]] = {REST: []}
    for line in order.lines:
        lines.setdefault(own.get(line.id, REST), []).append(line)
    found: dict[str, Order] = {}
    apart: tuple[Apart, ...] = ()
    totals = order.totals
    for name in reversed([name for name in parts if name in lines]):
        one = found[name] = _replace(_part(order, name, parts[name], tuple(lines[name])), apart=apart)
        apart = (_apart(one, parts[name]), *apart)
        totals = _without(totals, one.totals)
    return _replace(order, lines=tuple(lines[REST]), totals=totals, apart=apart), found


def _part(order: Order, name: str, part: Part, lines: tuple[OrderLine, ...]) -> Order:
    gone = not any(map(ordered, lines))
    bare = _replace(
        order,
        part=name,
        number=f"{order.number}-{name}",
        po_number=f"{order.po_number}-{name}" if order.po_number else None,  # ERPs take one of a number for a double
        placed_at=part.since,
        lines=lines,
        charges=(),
        payment_status=_payment(order),
        cancelled_at=part.since if gone and order.cancelled_at is None else order.cancelled_at,
        cancel_reason=GONE if gone and order.cancelled_at is None else order.cancel_reason,
        ship_by=None,
        deliver_by=None,
        outstanding=None,
    )
    return _replace(bare, totals=_totals(bare))


def _totals(part: Order) -> Totals:
    bare = _replace(part, totals=_replace(part.totals, charges=NOTHING, rounding=NOTHING))
    return _replace(sums_of(bare, part.lines), total=summed(part, (worth(part, line) for line in part.lines)))


def _without(whole: Totals, part: Totals) -> Totals:
    return _replace(
        whole,
        total=less(whole.total, part.total),
        lines=less(whole.lines, part.lines),
        discounts=less(whole.discounts, part.discounts),
        tax=less(whole.tax, part.tax),
    )


def _payment(order: Order) -> PaymentStatus:
    """Paid is a part when nothing is outstanding on the whole: its price is paid, or covered by what comes back."""
    if order.payment_status in _REVERSED:
        return order.payment_status
    due = order.outstanding
    settled = order.payment_status is PaymentStatus.PAID if due is None else due <= ZERO
    return PaymentStatus.PAID if settled else PaymentStatus.PENDING


def _apart(one: Order, part: Part) -> Apart:
    units = sum((ordered(line) for line in one.lines if line.kind is LineKind.ITEM), ZERO)
    assert one.part is not None
    return Apart(one.part, one.totals.total, units, view_id(_replace(one, updated_at=part.since)))


def split_return(returned: Return, parts: Mapping[str, Part]) -> dict[str, Return]:
    """A return by whose goods come back; ``REST``: the order's own."""
    own = owners(parts)
    names = dict.fromkeys(own.get(line.line_id, REST) for line in returned.lines)
    return {
        name: _replace(returned, lines=tuple(one for one in returned.lines if own.get(one.line_id, REST) == name))
        for name in names
    }


def split_allocations(told: Iterable[Allocation], parts: Mapping[str, Part]) -> dict[str, tuple[Allocation, ...]]:
    """Where lines are fulfilled from, by whose they are. One that has none left is the order's own."""
    own = owners(parts)
    found: dict[str, list[Allocation]] = {REST: []}
    for one in told:
        names = dict.fromkeys(own.get(line.line_id, REST) for line in one.lines) or {REST: None}
        for name in names:
            lines = tuple(line for line in one.lines if own.get(line.line_id, REST) == name)
            found.setdefault(name, []).append(_replace(one, lines=lines))
    return {name: tuple(some) for name, some in found.items()}


def split_refund(refund: Refund, state: OrderState) -> dict[str, Refund]:
    """A refund by whose lines it is for; ``REST``: the order's own.

    One of a single part's lines is whole that part's, with what was kept back of it. Where it is of several, or gives
    more than the lines come to, each part has its lines and so much of the tenders as they come to; charges,
    adjustments and what is left of the tenders are the order's own. What came of our own push of a part's credit names
    no line: the parts are asked one after the other, and it is whose the credit is.
    """
    own = owners(state.parts)
    if refund.made_for is not None and not refund.lines and refund.made_for not in state.credits and state.parts:
        return {next(iter(state.parts)): refund}
    lines: dict[str, list[RefundedLine]] = {}
    for line in refund.lines:
        lines.setdefault(own.get(line.line_id, REST), []).append(line)
    names = [name for name in lines if name != REST]
    if not names:
        return {REST: refund}
    if len(lines) == 1 and not refund.charges and gross_of(refund.adjustments, PRESENTMENT) <= ZERO:
        return {names[0]: refund}
    found, tenders = {}, refund.tenders
    for name in sorted(names):
        taken, tenders = _take(tenders, gross_of(lines[name], PRESENTMENT))
        found[name] = _replace(refund, lines=tuple(lines[name]), charges=(), adjustments=(), tenders=taken)
    return {**found, REST: _replace(refund, lines=tuple(lines.get(REST, ())), tenders=tenders)}


def _take(tenders: tuple[Tender, ...], amount: Decimal) -> tuple[tuple[Tender, ...], tuple[Tender, ...]]:
    """So much of the tenders, in what the customer pays in, and what is left of them: together they are the whole."""
    taken: list[Tender] = []
    left: list[Tender] = []
    for tender in tenders:
        whole = tender.amount.on(PRESENTMENT)
        part = min(whole, amount)
        amount -= part
        if not part or part == whole:
            (taken if part else left).append(tender)
            continue
        share = _of(tender.amount, part)
        taken.append(_replace(tender, amount=share))
        left.append(_replace(tender, amount=less(tender.amount, share)))
    return tuple(taken), tuple(left)


def _of(whole: Amount, part: Decimal) -> Amount:
    if whole.presentment is None:
        return Amount(part)
    return Amount((whole.shop * part / whole.presentment).quantize(whole.shop), part)


def exchanged(state: OrderState, basis: str) -> Decimal:
    """What the order's parts, or those after this part, come to: so much of what came back may be set off instead of
    paid out."""
    newest = state.newest
    return sum((one.total.on(basis) for one in newest.apart), ZERO) if newest is not None else ZERO


def kept_back(refund: Refund, basis: str = SHOP) -> Decimal:
    """How much less the customer got than the refund's parts come to; nothing where it was more."""
    return max(gross_of(parts_of(refund), basis) - paid_back(refund, basis), ZERO)


def held_back(state: OrderState, basis: str) -> dict[str, Decimal]:
    """Refund -> how much less the customer got than it comes to, the oldest first. Units that were taken off before
    they left or were billed, and for which nobody was paid, make the order less: they pay for nothing."""
    known = (one for one in state.refunds.values() if one.refused is None and not _takes_off(one))
    refunds = sorted((one.refund for one in known), key=lambda one: (one.refunded_at, one.id))
    return {refund.id: kept_back(refund, basis) for refund in refunds}


def _takes_off(known: Refunded) -> bool:
    return not known.refund.tenders and shares(known).keys() <= {Share.UNITS_OFF}


def set_off(state: OrderState, basis: str) -> dict[str, Decimal]:
    """Refund -> what of it pays for the order's parts, the oldest first. Never more than the parts come to."""
    left, found = exchanged(state, basis), {}
    if left <= ZERO:
        return {}
    for id_, kept in held_back(state, basis).items():
        amount = min(kept, left)
        if amount > ZERO:
            found[id_], left = amount, left - amount
    return found
