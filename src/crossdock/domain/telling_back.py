"""The channel is told what came back of each return: all that is known, one call at a time, none that is behind."""

from crossdock.domain.announcing import return_of
from crossdock.domain.commands import PushReturn
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.process import TELL_BACK
from crossdock.domain.receipt import Received, ReturnTold, Told, is_there


def tell(d: Draft, policy: Policy) -> None:
    """Tell what the channel does not know yet, where the route says so."""
    if not policy.push_returns:
        return
    for key, known in list(d.state.receipts.items()):
        told = d.state.told_back.get(key)
        if is_there(known.receipt) and (told is None or told.content != known.receipt):
            _tell_one(d, key, known, told)


def _tell_one(d: Draft, key: str, known: Received, told: Told | None) -> None:
    number = 1 if told is None else told.number + 1
    if told is not None:
        sent = d.state.command_of(TELL_BACK, f"{known.receipt.id}/{told.number}")
        if sent is not None and sent[1].status == "open":
            return  # two at once might be told in the wrong order
    payload = PushReturn(d.order.external_id, known.receipt, return_of(d.state, known.receipt), number)
    d.note(ReturnTold(key, known.receipt, number, d.now))
    d.send(TELL_BACK, d.order.channel, payload, f"{known.receipt.id}/{number}")
