"""The callback as an honest partner would build it, by Standard Webhooks 1.0: signature, time, and one act per id.

Source: https://www.standardwebhooks.com. ``forgetful`` makes one that acts on every call, which a partner must not.
"""

import hmac
from base64 import b64encode
from typing import Any

import msgspec

from crossdock.simulators.base import Faults, Reply, Request, Surroundings

TOLERANCE_S = 300
_JSON = {"content-type": "application/json"}


class PortalSimulator:
    """One portal. Books: what its customers were told, by order, and how often each call came."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        callback_secret: str = "portal-callback-secret-of-48-bytes",  # noqa: S107 - a simulated partner's
        forgetful: bool = False,
    ) -> None:
        self.name, self.faults = name, Faults()
        self._world, self._secret, self._forgetful = surroundings, callback_secret.encode(), forgetful
        self._calls: dict[str, int] = {}
        self._mails: list[dict[str, Any]] = []
        self._invoices: list[dict[str, Any]] = []

    async def handle(self, request: Request) -> Reply:
        if request.method != "POST":
            return _reply(405, {"error": "method not allowed"})
        headers = request.headers
        id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id_ or not at.isdigit() or not self._signed(id_, at, request.body, headers.get("webhook-signature", "")):
            return _reply(401, {"error": "the signature does not fit"})
        if abs(self._world.now().timestamp() - int(at)) > TOLERANCE_S:
            return _reply(401, {"error": "the call is too old"})
        try:
            told = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return _reply(400, {"error": "not a JSON object"})
        self._take(id_, told)
        return _reply(200, {"received": id_})

    def _signed(self, id_: str, at: str, body: bytes, given: str) -> bool:
        digest = hmac.digest(self._secret, f"{id_}.{at}.".encode() + body, "sha256")
        return any(hmac.compare_digest(one, f"v1,{b64encode(digest).decode()}") for one in given.split(" "))

    def _take(self, id_: str, told: dict[str, Any]) -> None:
        self._calls[id_] = self._calls.get(id_, 0) + 1
        if not self._forgetful and self._calls[id_] > 1:
            return
        if told.get("type") == "order.invoiced":
            self._invoices.append({"order": told.get("external_id"), "number": told.get("invoice", {}).get("number")})
        if told.get("type") == "order.shipped":
            self._mails.append({"order": told.get("external_id"), "shipment": told.get("shipment", {}).get("id")})

    def books(self) -> dict[str, Any]:
        """``mails``: what customers were told, in order; ``invoices``: what the portal shows;
        ``repeated``: calls that came more than once."""
        return {
            "mails": list(self._mails),
            "invoices": list(self._invoices),
            "calls": len(self._calls),
            "repeated": sorted(id_ for id_, times in self._calls.items() if times > 1),
        }

    async def tick(self) -> None:
        """Nothing happens here by itself."""


def _reply(status: int, body: dict[str, Any]) -> Reply:
    return Reply(status, msgspec.json.encode(body), _JSON)
