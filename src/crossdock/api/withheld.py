"""What people of some roles are not shown: whatever holds customers' data."""

import msgspec

from crossdock.api.guard import Caller
from crossdock.api.orders import OrderView
from crossdock.api.policy import PERSONAL


def shown(caller: Caller, view: OrderView) -> OrderView:
    """The view as this person may see it: states, decisions and messages as stored hold names and addresses."""
    if caller.role in PERSONAL:
        return view
    whole = view.whole
    journal = [msgspec.structs.replace(one, entries=None) for one in whole.journal]
    messages = [msgspec.structs.replace(one, event=None) for one in whole.messages]
    told = msgspec.structs.replace(whole, state=None, journal=journal, messages=messages)
    return msgspec.structs.replace(view, whole=told)
