"""What a request asks of a vendor: to change something there, or not. Told from its bytes, not from who sends it."""

import msgspec

from crossdock.connectors.netsuite.client import SUITEQL
from crossdock.simulators.base import Request

_GRAPHQL = "/graphql"
_SIGN_INS = ("/auth/", "/services/rest/auth/", "/admin/oauth/")
_SUBSCRIBING = ("webhookSubscription", "webhook_")  # where news is sent to: nothing of anybody's order


class _Document(msgspec.Struct):
    query: str = ""


_document = msgspec.json.Decoder(_Document).decode


def changes(asked: Request) -> bool:
    """Whether it would change an order, a document or stock: it is no read, no sign-in and no subscription."""
    path = asked.path
    if asked.method == "GET" or path.startswith((*_SIGN_INS, SUITEQL)):
        return False
    if not path.endswith((_GRAPHQL, f"{_GRAPHQL}.json")):
        return True
    document = _document(asked.body).query.lstrip()
    return document.startswith("mutation") and not any(word in document for word in _SUBSCRIBING)
