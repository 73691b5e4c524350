"""Lines that a channel adds after goods have left become an order of their own: opened once, and told ever after."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from crossdock.domain.account import ADVANCE
from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.events import AllocationsSeen, Event, OrderSeen, RefundSeen, ReturnSeen, encode_event
from crossdock.domain.fulfilment import Allocation
from crossdock.domain.goods_entries import AllocationsTaken
from crossdock.domain.order import LineKind, Order, OrderLine, part_key
from crossdock.domain.part import Handed, HandedOver, PartOpened
from crossdock.domain.parts import REST, owners, split, split_allocations, split_refund, split_return
from crossdock.domain.refund import Refund, Return
from crossdock.domain.rulings import TABLE, Edit, Way, stage_of
from crossdock.domain.totals import prove


def set_apart(d: Draft, whole: Order, order: Order) -> tuple[Order, str | None]:
    """The view without lines that become a part now; else as it is, and, where it adds lines after goods have left, why
    they do not. ``whole``: as the channel told it."""
    added = _added(d, order)
    if not added or TABLE[Edit.LINE_ADDED][stage_of(d.state)].way is not Way.PART:
        return order, None
    opened = PartOpened(f"X{len(d.state.parts) + 1}", tuple(line.id for line in added), whole.updated_at, d.now)
    why = _why_not(d, whole, added) or _unbalanced(d, whole, opened)
    if why is not None:
        return order, why
    d.note(opened)
    if (rest := own_allocations(d, d.state.allocations)) != d.state.allocations:
        d.note(AllocationsTaken(rest, d.now))
    return split(whole, d.state.parts)[0], None


def _added(d: Draft, order: Order) -> list[OrderLine]:
    """Lines that no view showed before. What a person was asked about already stays that person's."""
    seen = set(owners(d.state.parts))
    for view in (d.state.order, d.state.latest, d.state.amending):
        if view is not None:
            seen.update(line.id for line in view.lines)
    return [line for line in order.lines if line.id not in seen]


def _why_not(d: Draft, order: Order, added: Sequence[OrderLine]) -> str | None:
    policy = d.policy
    if order.part is not None:
        return "it is an exchange order itself"
    if order.outstanding is None:
        return f"{order.channel} does not tell what is outstanding on the order"
    if policy is None or policy.payments in ("payment", ADVANCE):
        how = "" if policy is None else policy.payments
        return f"payments are posted one by one (payments: {how}), and this one is for two orders"
    if any(line.kind is not LineKind.ITEM for line in added):
        return "a tip or a gift card was added"
    if any(line.id in order.handed_over for line in added):
        return "it was handed over already, where it was exchanged"
    return None


def _unbalanced(d: Draft, whole: Order, opened: PartOpened) -> str | None:
    """Both halves must prove their totals before anything is sold twice, or not at all."""
    folded = Draft(d.state, d.context)
    folded.note(opened)
    rest, parts = split(whole, folded.state.parts)
    policy = d.policy
    ceiling = policy.rounding_ceiling if policy is not None else "0.00"
    if all(prove(each, ceiling).balanced for each in (rest, *parts.values())):
        return None
    return "told apart, the order and what was added do not come to the channel's total"


def tell_parts(d: Draft, whole: Order, before: Order | None) -> None:
    """Tell each part what the newest view shows of it, where that is something else than before. ``before``: the
    newest view until now. Its word counts: which of two views is newer was decided here."""
    newest = d.state.newest
    if not d.state.parts or newest is None or newest is before:
        return
    rest, parts = split(whole, d.state.parts)
    if newest != rest:
        return
    known = {one.part: one.view for one in before.apart} if before is not None else {}
    for one in rest.apart:
        if known.get(one.part) != one.view:
            _tell(d, one.part, OrderSeen(parts[one.part], authoritative=True))


def own_refund(d: Draft, refund: Refund, source: str) -> Refund | None:
    """What of a refund is this order's own; what is of its parts is told to them."""
    if d.order.part is not None and refund.made_for is not None and not refund.lines:
        if _is_here(d, refund):
            return refund
        _hand_on(d, refund, source)
        return None
    known = d.state.refunds.get(refund.id)
    if not d.state.parts or (known is not None and known.refused is not None and known.by_hand):
        return refund
    found = split_refund(refund, d.state)
    rest = found.pop(REST, None)
    names = (refund.id, *(tender.id for tender in refund.tenders if tender.id))
    told = {name: RefundSeen(one, source) for name, one in found.items()}
    _hand_over(d, f"refund/{refund.id}", told, names)
    return rest


def _is_here(d: Draft, refund: Refund) -> bool:
    """Whether a part has the credit that the refund was made for, or is asked last: then it is nobody else's."""
    newest = d.state.newest
    return refund.made_for in d.state.credits or newest is None or not newest.apart


def _hand_on(d: Draft, refund: Refund, source: str) -> None:
    """The next part is asked; each has those that were opened after it apart."""
    newest = d.state.newest
    assert newest is not None
    whole = msgspec.structs.replace(newest, part=None)
    to = StreamRef("order", part_key(whole.key, newest.apart[0].part))
    d.decision.tells.append(Tell(to, RefundSeen(refund, source)))


def own_return(d: Draft, returned: Return, source: str) -> Return:
    """The same of a return. Who knew of it hears that nothing of it is theirs any more; to others that says nothing."""
    if not d.state.parts:
        return returned
    found, subject = split_return(returned, d.state.parts), f"return/{returned.id}"
    nothing = msgspec.structs.replace(returned, lines=())
    rest = found.pop(REST, nothing)
    if found or subject in d.state.handed:
        _hand_over(d, subject, {name: ReturnSeen(found.get(name, nothing), source) for name in d.state.parts})
    return rest


def own_allocations(d: Draft, told: tuple[Allocation, ...]) -> tuple[Allocation, ...]:
    """The same of where lines are to be fulfilled from. One that is done names no line: it stays whose it was."""
    if not d.state.parts:
        return told
    found = split_allocations(told, d.state.parts)
    rest = found.pop(REST)
    known = d.state.handed.get("allocations", Handed(""))
    names = dict.fromkeys((*known.names, *(one.id for some in found.values() for one in some)))
    events = {name: AllocationsSeen(some) for name, some in found.items()}
    _hand_over(d, "allocations", events, tuple(names))
    return tuple(one for one in rest if one.lines or one.id not in names)


def _hand_over(d: Draft, subject: str, told: Mapping[str, Event], names: tuple[str, ...] = ()) -> None:
    """Tell parts, once for each content: channels tell the same again with every view."""
    if not told:
        return
    print_ = blake2b(digest_size=8)
    for name in sorted(told):
        print_.update(encode_event(told[name]))
    known = d.state.handed.get(subject)
    if known is not None and known.view == print_.hexdigest():
        return
    d.note(HandedOver(subject, print_.hexdigest(), tuple(sorted(told)), d.now, names))
    d.settle(subject, reason="it is of an exchange order")
    for name in sorted(told):
        _tell(d, name, told[name])


def give_parts(d: Draft, event: Event) -> None:
    """Tell every part something that names none of them: each knows whether it is meant."""
    for name in d.state.parts:
        _tell(d, name, event)


def _tell(d: Draft, part: str, event: Event) -> None:
    d.decision.tells.append(Tell(StreamRef("order", part_key(d.order.key, part)), event))
