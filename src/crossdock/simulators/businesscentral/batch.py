"""``$batch``: up to a hundred requests in one. ``Isolation: snapshot`` makes them one transaction.

Such a transaction is undone when one of its requests fails, but for what a posting in it has committed before.
Source: the vendor's page on transactional batches (17.1 and later), read in November 2026.
"""

import copy
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from crossdock.simulators.base import Reply
from crossdock.simulators.businesscentral.answers import PostedAnyway, Refusal, found
from crossdock.simulators.businesscentral.ledger import Document

if TYPE_CHECKING:
    from crossdock.simulators.businesscentral.company import BusinessCentralCompany

MOST = 100
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Batch:
    def __init__(self, company: "BusinessCentralCompany") -> None:
        self._company = company
        self._held: dict[str, Document] = {}  # orders as they were at the last commit
        self._known: set[str] = set()  # documents that were there then
        self._journals = company.journals.snapshot()

    def run(self, body: Any, headers: Mapping[str, str]) -> Reply:
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            raise Refusal(400, "BadRequest", "The batch has no requests.")
        if len(requests) > MOST:
            raise Refusal(400, "BadRequest", f"The maximum number of operations in a batch is {MOST}.")
        atomic = headers.get("isolation", "").lower() == "snapshot"
        goes_on = "odata.continue-on-error" in headers.get("prefer", "") and not atomic
        if atomic:
            self._commit(requests)
        responses = []
        for asked in requests:
            responses.append(self._one(asked, headers))
            failed = responses[-1]["status"] >= 400
            if failed and not goes_on:
                if atomic:
                    self._undo()
                break
            if atomic and "Microsoft.NAV." in asked["url"]:
                self._commit(requests)
        return found({"responses": responses})

    def _one(self, asked: Mapping[str, Any], outer: Mapping[str, str]) -> dict[str, Any]:
        try:
            parts = urlsplit(str(asked["url"]))
            inner = {name.lower(): str(value) for name, value in asked.get("headers", {}).items()}
            inner.setdefault("host", outer.get("host", "api.businesscentral.dynamics.com"))
            query = dict(parse_qsl(parts.query))
            reply = self._company.one(asked["method"], unquote(parts.path), query, inner, asked.get("body", {}))
        except Refusal as refusal:
            if isinstance(refusal, PostedAnyway):
                self._commit([asked])
            reply = refusal.reply()
        except KeyError as error:
            reply = Refusal(400, "BadRequest", f"The request in the batch has no {error}.").reply()
        response: dict[str, Any] = {"id": asked.get("id"), "status": reply.status, "headers": dict(reply.headers)}
        return response | {"body": json.loads(reply.body, parse_float=Decimal)} if reply.body else response

    def _commit(self, requests: list[Any]) -> None:
        ledger = self._company.ledger
        named = {ref for asked in requests for ref in _GUID.findall(json.dumps(asked, default=str))}
        self._held = {ref: copy.deepcopy(ledger.documents[ref]) for ref in named if ref in ledger.documents}
        self._held |= {
            order.id: copy.deepcopy(order)
            for order in ledger.of("salesOrder")
            if any(line.id in named for line in order.lines)
        }
        self._known = set(ledger.documents)
        self._journals = self._company.journals.snapshot()

    def _undo(self) -> None:
        documents = self._company.ledger.documents
        for ref in set(documents) - self._known:
            del documents[ref]
        documents.update(self._held)
        self._company.journals.restore(self._journals)
