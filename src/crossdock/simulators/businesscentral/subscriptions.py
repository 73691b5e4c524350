"""Webhook subscriptions: three days long, keys only, told in batches a while after the change.

A new or renewed one is only valid where its address answers the validationToken. ``Surroundings.ask`` brings that
answer; a host without one takes it as given.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec

from crossdock.simulators.base import Deliver, Reply, Request
from crossdock.simulators.businesscentral.answers import Refusal, changed, dialog, found, gone, nothing
from crossdock.simulators.businesscentral.catalogue import guid
from crossdock.simulators.businesscentral.views import instant

if TYPE_CHECKING:
    from crossdock.simulators.businesscentral.company import BusinessCentralCompany

LIFE = timedelta(days=3)
LONGEST_STATE = 2048
SUBSCRIBABLE = {
    "salesInvoices": "salesInvoice", "salesOrders": "salesOrder", "salesShipments": "salesShipment",
    "salesCreditMemos": "salesCreditMemo",
}  # fmt: skip


class Subscription(msgspec.Struct):
    id: str
    url: str
    resource: str
    state: str
    ends: datetime
    told: int  # up to which row version changes are told
    version: int = 1


class Subscriptions:
    def __init__(self, company: "BusinessCentralCompany", delay_s: float) -> None:
        self._company, self._delay = company, timedelta(seconds=delay_s)
        self._made = 0
        self.standing: dict[str, Subscription] = {}

    async def serve(self, request: Request, ref: str | None, body: Any) -> Reply:
        """``subscriptions`` and ``subscriptions('<id>')``."""
        match request.method, ref:
            case "GET", None:
                return found({"value": [_shown(one) for one in self._alive()]})
            case "POST", None:
                return await self._subscribe(body)
            case "PATCH", str():
                return await self._renew(self._one(ref, request.headers), body)
            case "DELETE", str():
                del self.standing[self._one(ref, request.headers).id]
                return nothing()
        raise Refusal(405, "BadRequest_MethodNotAllowed", "The request is not allowed for this resource.")

    def notify(self) -> None:
        """Tell what has changed and is old enough, all of it in one message to each subscriber."""
        until = self._company.now - self._delay
        for one in self._alive():
            kind = SUBSCRIBABLE[one.resource.rpartition("/")[2]]
            due = [
                document
                for document in self._company.ledger.of(kind)
                if one.told < document.version and document.modified <= until
            ]
            if due:
                one.told = max(document.version for document in due)
                self._company.send(_delivery(one, [self._note(one, document) for document in due]))

    def _alive(self) -> list[Subscription]:
        """Those whose days are over are deleted."""
        self.standing = {one.id: one for one in self.standing.values() if one.ends > self._company.now}
        return list(self.standing.values())

    async def _subscribe(self, body: Mapping[str, Any]) -> Reply:
        url, resource, state = (str(body.get(name, "")) for name in ("notificationUrl", "resource", "clientState"))
        company, _, entity = resource.rpartition("/")
        if entity not in SUBSCRIBABLE or not company.endswith(f"companies({self._company.registration.company_id})"):
            raise dialog(f"The resource '{resource}' is not webhook supported.")
        if not urlsplit(url).scheme or len(state) > LONGEST_STATE:
            raise Refusal(400, "BadRequest", "The notification URL or the client state is not valid.")
        await self._validate(url)
        self._made += 1
        now = self._company.now
        made = Subscription(
            guid("subscription", self._made).replace("-", ""),
            url,
            resource,
            state,
            now + LIFE,
            self._company.ledger.newest,
        )
        self.standing[made.id] = made
        return found(_shown(made), 201)

    async def _renew(self, one: Subscription, body: Mapping[str, Any]) -> Reply:
        await self._validate(one.url)
        one.state = str(body.get("clientState", one.state))
        one.ends, one.version = self._company.now + LIFE, one.version + 1
        return found(_shown(one))

    async def _validate(self, url: str) -> None:
        self._made += 1
        token = guid("validation", self._made)
        asking = Deliver(f"{url}?validationToken={quote(token)}", {"content-type": "application/json"}, b"")
        answer = await self._company.ask(asking)
        if answer is not None and (answer[0] != 200 or answer[1].decode("utf-8", "replace") != token):
            raise dialog("The notification URL did not answer the validation token.")

    def _one(self, ref: str | None, headers: Mapping[str, str]) -> Subscription:
        one = self.standing.get(str(ref).strip("'"))
        if one is None:
            raise gone("subscription")
        if headers.get("if-match") not in ("*", _etag(one)):
            raise changed()
        return one

    def _note(self, one: Subscription, document: Any) -> dict[str, Any]:
        return {
            "subscriptionId": one.id,
            "clientState": one.state,
            "expirationDateTime": instant(one.ends),
            "resource": f"{one.resource}({document.id})",
            "changeType": "created" if document.created == document.modified else "updated",
            "lastModifiedDateTime": instant(document.modified),
        }


def _delivery(one: Subscription, notes: list[dict[str, Any]]) -> Deliver:
    body = json.dumps({"value": notes}).encode()
    return Deliver(one.url, {"content-type": "application/json; charset=utf-8"}, body, notes[-1]["resource"])


def _etag(one: Subscription) -> str:
    return f'W/"{one.id}-{one.version}"'


def _shown(one: Subscription) -> dict[str, Any]:
    return {
        "@odata.etag": _etag(one),
        "subscriptionId": one.id,
        "notificationUrl": one.url,
        "resource": one.resource,
        "clientState": "",
        "expirationDateTime": instant(one.ends),
    }
