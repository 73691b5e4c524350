"""Calls the portal's callback: signed, sent once, believed only when the answer repeats the id of the call.

The signature is Standard Webhooks 1.0: HMAC-SHA256 over ``id.timestamp.body``, base64, after ``v1,``. Source:
https://www.standardwebhooks.com, read 2026-11.
"""

import hmac
from base64 import b64encode

import msgspec

from crossdock.connectors.portal.wire import Received
from crossdock.domain.outcome import Done, Misconfigured, Outcome
from crossdock.kit.errors import by_status, excerpt, unknown
from crossdock.kit.http import AnswerLost, Line, NotSent, Response
from crossdock.kit.manifest import Unreachable

TIMEOUT_S = 15.0
LEAST_SECRET = 24
_read = msgspec.json.Decoder(Received).decode


class Portal:
    """One portal, opened per call."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.callback = str(line.settings.get("callback_url") or "")
        self._secret = line.secrets.get("callback_secret", "")

    async def tell(self, id_: str, told: dict[str, object]) -> Outcome:
        """Call the callback. Raises ``NotSent`` or ``AnswerLost``."""
        if len(self._secret) < LEAST_SECRET:
            return Misconfigured(f"callback_secret has less than {LEAST_SECRET} characters", "callback_secret")
        body, at = msgspec.json.encode(told), str(int(self.line.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": at,
            "webhook-signature": signature(self._secret, id_, at, body),
        }
        response = await self.line.http.request("POST", self.callback, headers=headers, body=body, timeout_s=TIMEOUT_S)
        return self._outcome(response, id_)

    def _outcome(self, response: Response, id_: str) -> Outcome:
        refused = by_status(response, writes=True, now=self.line.now)
        if refused is not None:
            return refused
        try:
            received = _read(response.body).received
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return unknown(f"the answer does not say what was received: {excerpt(response)}", "unreadable", writes=True)
        if received != id_:
            return unknown(f"the answer is about another call: {received[:60]}", "other_id", writes=True)
        return Done()


def signature(secret: str, id_: str, at: str, body: bytes) -> str:
    """The header ``webhook-signature`` of one call."""
    digest = hmac.digest(secret.encode(), b"%s.%s.%s" % (id_.encode(), at.encode(), body), "sha256")
    return f"v1,{b64encode(digest).decode()}"


async def check(client: Portal) -> str:
    """Call the callback with nothing to tell. Raises ``Unreachable``."""
    if not client.callback:
        return "gives orders by the partner API; has no callback_url, so it is told nothing and asks itself"
    try:
        outcome = await client.tell(client.line.unique(), {"type": "ping"})
    except (NotSent, AnswerLost) as error:
        raise Unreachable(f"The callback does not answer: {error}") from error
    if not isinstance(outcome, Done):
        raise Unreachable(f"The callback does not take calls: {outcome.detail}")
    return f"the callback at {client.callback} takes calls"
