"""The channel is told what came back of each return: all that is known, one call at a time, none that is behind."""

from decimal import Decimal

from crossdock.domain.announcing import replaced, return_of
from crossdock.domain.commands import PushReturn
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.money import ZERO
from crossdock.domain.process import TELL_BACK
from crossdock.domain.receipt import Receipt, Received, ReturnTold, by_line, is_there


def tell(d: Draft, policy: Policy) -> None:
    """Tell what the channel does not know yet, where the route says so."""
    if not policy.push_returns:
        return
    for key, known in list(d.state.receipts.items()):
        if is_there(known.receipt):
            _tell_one(d, key, known)


def _tell_one(d: Draft, key: str, known: Received) -> None:
    """What is there, and of which return: that may be known only later, when the warehouse has answered us."""
    return_id, told = return_of(d.state, known.receipt), d.state.told_back.get(key)
    number = 1
    if told is not None:
        if (told.content, told.return_id) == (known.receipt, return_id):
            return
        subject = f"{known.receipt.id}/{told.number}"
        sent = d.state.command_of(TELL_BACK, subject)
        if sent is not None and sent[1].status == "open":
            return  # two at once might be told in the wrong order
        replaced(d, TELL_BACK, subject)
        number = told.number + 1
    d.note(ReturnTold(key, known.receipt, number, d.now, return_id))
    payload = PushReturn(d.order.external_id, _as_returned(d, known.receipt, return_id), return_id, number)
    d.send(TELL_BACK, d.order.channel, payload, f"{known.receipt.id}/{number}")


def _as_returned(d: Draft, receipt: Receipt, return_id: str | None) -> Receipt:
    """By the lines that the channel's return names: of two lines of one product the warehouse may name the other."""
    returned = d.state.returns.get(return_id or "")
    if returned is None:
        return receipt
    named: dict[str, Decimal] = {}
    for line in returned.lines:
        named[line.line_id] = named.get(line.line_id, ZERO) + line.quantity
    return by_line(d.order, receipt, named)
