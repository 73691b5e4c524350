"""The warehouse is told which goods to expect back, once for each return, and told again when that changes.

No warehouse that we know takes a change of an announced return: one that is shortened is called off and announced
anew, under a number of its own. What the warehouse has begun to receive is not touched any more.
"""

from collections.abc import Iterator
from decimal import Decimal

from crossdock.domain.commands import AnnounceReturn, RecallReturn
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.entries import CommandSkipped
from crossdock.domain.money import ZERO
from crossdock.domain.process import ANNOUNCE, RECALL
from crossdock.domain.receipt import Announced, AnnouncedLine, Receipt, ReturnAnnounced, is_there
from crossdock.domain.refund import Return
from crossdock.domain.state import Intent, OrderState, is_authorised

STANDING = ("open", "done")  # an announcement that the warehouse has, or is about to have


def announce(d: Draft, policy: Policy) -> None:
    """Bring what the warehouse expects to what is authorised."""
    if not policy.announce_returns or _nameless(d.state):
        return
    for returned in list(d.state.returns.values()):
        known = d.state.announced.get(returned.id)
        if known is None:
            if is_authorised(d.state, returned) and returned.status != "received":
                _announce(d, returned, wanted(d, returned), 1)
        elif returned.status != "received":
            lines = wanted(d, returned)
            if _gist(lines) != _gist(known.lines) or _is_called_off(d.state, returned.id, known):
                _change(d, returned, known, lines)


def _nameless(state: OrderState) -> bool:
    """Whether it is still to be told what the warehouse calls the order, though goods of it may have left: a return is
    announced under that."""
    return state.warehouse_ref is None and not state.finished("order.release")


def wanted(d: Draft, returned: Return) -> tuple[AnnouncedLine, ...]:
    """What the warehouse is to expect: of what it shipped itself."""
    if not is_authorised(d.state, returned):
        return ()
    left, by_id = _shipped_there(d.state), {line.id: line for line in d.order.lines}
    found = []
    for line in returned.lines:
        own, quantity = by_id.get(line.line_id), min(line.quantity, left.get(line.line_id, ZERO))
        if own is not None and quantity > ZERO:
            found.append(AnnouncedLine(line.line_id, quantity, own.sku, own.title, line.reason))
    return tuple(found)


def _gist(lines: tuple[AnnouncedLine, ...]) -> list[tuple[str, str | None, Decimal]]:
    """What a warehouse receives by. Words about it are no reason to call a return off."""
    return [(line.line_id, line.sku, line.quantity) for line in lines]


def _is_called_off(state: OrderState, return_id: str, known: Announced) -> bool:
    """Whether it was called off, or is being: wanted as it was, it is announced again."""
    return bool(known.lines) and state.command_of(RECALL, subject_of(return_id, known.number)) is not None


def subject_of(return_id: str, number: int) -> str:
    """Names one announcement of a return among its order's commands."""
    return return_id if number == 1 else f"{return_id}/{number}"


def reference_of(order_key: str, return_id: str, number: int) -> str:
    """Names one announcement at the warehouse. A portal's return is called after its order already."""
    name = return_id if return_id.startswith(f"{order_key}-") else f"{order_key}-{return_id}"
    return name if number == 1 else f"{name}-{number}"


def announced_units(state: OrderState) -> dict[str, Decimal]:
    """Line id -> units that the warehouse expects, or has received of what it expected."""
    sums: dict[str, Decimal] = {}
    for return_id, known in state.announced.items():
        sent = state.command_of(ANNOUNCE, subject_of(return_id, known.number))
        if sent is not None and sent[1].status in STANDING:
            for line in known.lines:
                sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity
    return sums


def return_of(state: OrderState, receipt: Receipt) -> str | None:
    """Which return a receipt is of: by the warehouse's id, or by what we called it."""
    for return_id, known in state.announced.items():
        for number in range(known.number, 0, -1):
            sent = state.command_of(ANNOUNCE, subject_of(return_id, number))
            if sent is not None and sent[1].refs.get("return") == receipt.id:
                return return_id
            order_key = state.order.key if state.order is not None else ""
            if receipt.reference and receipt.reference == reference_of(order_key, return_id, number):
                return return_id
    return receipt.reference if receipt.reference in state.returns else None


def replaced(d: Draft, step: str, subject: str) -> None:
    """Another command stands for this one now: its problem is over, and a retry of all that failed leaves it out."""
    sent = d.state.command_of(step, subject)
    if sent is not None and sent[1].status == "failed":
        d.note(CommandSkipped(sent[0], "crossdock", "another one replaces it", d.now))
    d.settle(f"{step}/{subject}")


def _shipped_there(state: OrderState) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for parcel in state.taken():
        if parcel.source == state.warehouse:
            for line in parcel.shipment.lines:
                sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity
    return sums


def _announce(d: Draft, returned: Return, lines: tuple[AnnouncedLine, ...], number: int) -> None:
    target = d.state.warehouse
    if target is None or not lines:
        return
    payload = AnnounceReturn(
        d.order.key,
        reference_of(d.order.key, returned.id, number),
        lines,
        d.state.warehouse_ref,
        next(_locations(d.state, {line.line_id for line in lines}), None),
        d.order.ship_to,
    )
    d.note(ReturnAnnounced(returned.id, lines, target, d.now, number))
    d.send(ANNOUNCE, target, payload, subject_of(returned.id, number))


def _locations(state: OrderState, lines: set[str]) -> Iterator[str]:
    """Where these lines left from, as the warehouse calls its places."""
    for parcel in state.taken():
        shipment = parcel.shipment
        if parcel.source == state.warehouse and shipment.location and lines & {line.line_id for line in shipment.lines}:
            yield shipment.location


def _change(d: Draft, returned: Return, known: Announced, lines: tuple[AnnouncedLine, ...]) -> None:
    """Call off what was announced, then announce what is wanted now. One thing at a time: each waits for its answer."""
    subject = subject_of(returned.id, known.number)
    sent = d.state.command_of(ANNOUNCE, subject)
    if known.lines and sent is not None and _may_stand(sent[1]):
        if sent[1].status != "done" or _arrived(d.state, returned.id):
            return  # its outcome is still to come or a person's, or the goods are there
        payload = RecallReturn(
            d.order.key,
            reference_of(d.order.key, returned.id, known.number),
            d.state.warehouse_ref,
            sent[1].refs.get("return"),
        )
        d.send(RECALL, known.target, payload, subject)
        recalled = d.state.command_of(RECALL, subject)
        if recalled is None or recalled[1].status not in ("done", "skipped"):
            return
    replaced(d, ANNOUNCE, subject)
    if lines:
        _announce(d, returned, lines, known.number + 1)
    elif known.lines:
        d.note(ReturnAnnounced(returned.id, (), known.target, d.now, known.number))


def _may_stand(sent: Intent) -> bool:
    """Whether the warehouse has it, or may have it: not after it said no, nor where a person let it be."""
    return sent.status != "skipped" and not (sent.status == "failed" and sent.klass == "rejected")


def _arrived(state: OrderState, return_id: str) -> bool:
    return any(
        is_there(known.receipt) and return_of(state, known.receipt) == return_id for known in state.receipts.values()
    )
