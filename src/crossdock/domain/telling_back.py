"""The channel is told what came back of each return: all that is known, one call at a time, none that is behind."""

from crossdock.domain.announcing import replaced, return_of
from crossdock.domain.commands import PushReturn
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.process import TELL_BACK
from crossdock.domain.receipt import Received, ReturnTold, is_there


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
    payload = PushReturn(d.order.external_id, known.receipt, return_id, number)
    d.note(ReturnTold(key, known.receipt, number, d.now, return_id))
    d.send(TELL_BACK, d.order.channel, payload, f"{known.receipt.id}/{number}")
