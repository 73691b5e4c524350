"""The channel gave money back, or took units off: taken once, if it balances and fits what was sold and what left."""

from decimal import Decimal

from crossdock.domain import entries as e
from crossdock.domain.account import all_billed
from crossdock.domain.cases.parting import own_refund
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.events import RefundSeen
from crossdock.domain.measures import in_goods
from crossdock.domain.money import ZERO, minor_unit
from crossdock.domain.order import Order
from crossdock.domain.parts import exchanged, held_back, kept_back
from crossdock.domain.problems import problem
from crossdock.domain.process import CREDIT, PUSH
from crossdock.domain.refund import Refund, Restock, gross_of, paid_back, parts_of
from crossdock.domain.state import OrderState, shipped, ships, tells_parcels

Misfit = tuple[str, str] | None  # the problem's code and what is wrong


def refund_seen(d: Draft, event: RefundSeen) -> None:
    """Take a refund that fits; refuse, visibly, one that does not; the same one twice changes nothing."""
    if d.state.ended == "ignored":
        d.ignore("refund_seen", "the order is ignored")
        return
    refund = own_refund(d, event.refund, event.source)
    if refund is not None:
        _own(d, refund, event.source)


def _own(d: Draft, refund: Refund, source: str) -> None:
    known = d.state.refunds.get(refund.id)
    if known is not None and known.by_hand:
        return  # a person has settled it: neither asked again, nor credited again when it fits at last
    if known is not None and known.refused is None:
        if not _alike(known.refund, refund):
            _open(d, refund, "refund.changed", "The channel changed a refund that is already taken")
        return
    misfit = _misfit(d.order, d.state, refund)
    if misfit is not None:
        if known is None or known.refused != misfit[1] or known.refund != refund:
            d.note(e.RefundRefused(refund, source, misfit[1], d.now))
            d.refer(source, "refund", refund.id)
            _open(d, refund, *misfit)
        return
    d.note(e.RefundTaken(refund, source, d.now, _is_billed(d.state, refund), _is_echo(d.state, refund)))
    d.settle(_key(refund))
    d.refer(source, "refund", refund.id)


def fit_again(d: Draft) -> None:
    """More has left, or another view of the order is in force: refunds that did not fit may do so now."""
    for known in list(d.state.refunds.values()):
        if known.refused is not None and _key(known.refund) in d.state.problems:
            refund_seen(d, RefundSeen(known.refund, known.source))


def _key(refund: Refund) -> str:
    return f"refund/{refund.id}"


def _open(d: Draft, refund: Refund, code: str, title: str) -> None:
    facts = {"refund": refund.id, "why": title}
    d.open(problem(code, _key(refund), title, d.order.channel, facts), CREDIT)


def _is_billed(state: OrderState, refund: Refund) -> bool:
    """Whether the ERP has billed, or may be billing, units that are taken off the order: then they must be credited."""
    takes_off = any(line.restock is Restock.CANCEL for line in refund.lines)
    return takes_off and (all_billed(state) or state.command_of("invoice") is not None)


def _is_echo(state: OrderState, refund: Refund) -> bool:
    """A refund that our own push of an ERP's credit made: by its mark, or by the answer to the push."""
    if refund.made_for is not None and refund.made_for in state.credits:
        return True
    pushed = (intent for intent in state.commands.values() if intent.step == PUSH)
    return any(intent.refs.get("refund") == refund.id for intent in pushed)


def _alike(one: Refund, other: Refund) -> bool:
    """Webhook and read-back may word a refund differently; what came back and what was paid is the same."""
    return _gist(one) == _gist(other)


def _gist(refund: Refund) -> tuple[object, ...]:
    """Money that went back as the customer sees it: what it is in the shop's currency hangs on the day's rate."""
    lines = sorted((line.line_id, line.quantity, line.net.shop, line.tax.shop) for line in refund.lines)
    rest = gross_of((*refund.charges, *refund.adjustments), "shop")
    return lines, rest, paid_back(refund, "presentment")


def _misfit(order: Order, state: OrderState, refund: Refund) -> Misfit:
    if refund.currency != order.currency:
        return "refund.unbalanced", f"The refund is in {refund.currency}, the order in {order.currency}"
    return (
        _of_no_credit(state, refund)
        or _unbalanced(order, state, refund)
        or _too_many(order, state, refund)
        or _too_much(order, state, refund)
    )


def _of_no_credit(state: OrderState, refund: Refund) -> Misfit:
    """It came of our own push, and the credit that was pushed is not known: credited again, it would be there twice."""
    if refund.made_for is None or refund.lines or _is_echo(state, refund):
        return None
    return "refund.unknown_credit", f"The refund was made for the ERP's credit {refund.made_for}, which nobody has"


def _unbalanced(order: Order, state: OrderState, refund: Refund) -> Misfit:
    """The parts must come to what the customer got. Where nothing was paid, the customer owes so much less, but what we
    paid back ourselves was to be money. What is missing otherwise may have paid for what the order was exchanged for,
    as far as that goes.

    In the customer's currency only: what a payment is in the shop's hangs on the rate of the day it went back.
    """
    currency = order.currency_on("presentment")
    parts, paid = gross_of(parts_of(refund), "presentment"), paid_back(refund, "presentment")
    gives = refund.tenders or refund.made_for is not None
    if gives and abs(parts - paid) * 2 >= minor_unit(currency) and not _is_set_off(state, refund):
        return "refund.unbalanced", f"The refund's parts come to {parts:f} {currency}, paid back were {paid:f}"
    return None


def _is_set_off(state: OrderState, refund: Refund) -> bool:
    others = sum((kept for id_, kept in held_back(state, "presentment").items() if id_ != refund.id), ZERO)
    short = kept_back(refund, "presentment") if refund.made_for is None else ZERO
    return ZERO < short <= exchanged(state, "presentment") - others


def _too_many(order: Order, state: OrderState, refund: Refund) -> Misfit:
    placed = {line.id: line for line in order.lines}
    for line_id, (off, gone) in _sums(state, refund).items():
        line = placed.get(line_id)
        if line is None:
            return "refund.unknown_line", f"The refund names line {line_id} that the order does not have"
        if off + gone > line.quantity:
            return (
                "refund.exceeds_order",
                f"{units(off + gone)} of line {line_id} are refunded, {units(line.quantity)} sold",
            )
        told = tells_parcels(state) and ships(line)
        left = shipped(state).get(line_id, ZERO) if told else in_goods(line, line.quantity - off)
        came = in_goods(line, gone)
        if came > left and any(part.line_id == line_id for part in refund.lines):
            return "return.exceeds_shipped", f"{units(came)} of line {line_id} came back, {units(left)} had left"
    return None


def _sums(state: OrderState, refund: Refund) -> dict[str, tuple[Decimal, Decimal]]:
    """Line id -> units taken off before they left, and units that had left, over all refunds and this one."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for each in (*(known for known in state.refunded() if known.id != refund.id), refund):
        for part in each.lines:
            off, gone = sums.get(part.line_id, (ZERO, ZERO))
            if part.restock is Restock.CANCEL:
                sums[part.line_id] = off + part.quantity, gone
            else:
                sums[part.line_id] = off, gone + part.quantity
    return sums


def _too_much(order: Order, state: OrderState, refund: Refund) -> Misfit:
    others = (paid_back(each, "presentment") for each in state.refunded() if each.id != refund.id)
    whole = sum(others, paid_back(refund, "presentment"))
    if whole > (sold := order.totals.total.on("presentment")):
        text = f"{whole:f} {order.currency_on('presentment')} are paid back, {sold:f} sold"
        return "refund.exceeds_order", text
    return None
