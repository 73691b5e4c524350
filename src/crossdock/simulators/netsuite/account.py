"""One NetSuite account behind one door: routing, sign-in, the account-wide limit, saving."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.base import Faults, Reply, Request, Surroundings
from crossdock.simulators.netsuite import catalogue, returns, tokens, transforms
from crossdock.simulators.netsuite.answers import Refusal, bad_ref, created, found, missing, user_error
from crossdock.simulators.netsuite.credits import CreditDesk
from crossdock.simulators.netsuite.journals import JournalDesk
from crossdock.simulators.netsuite.ledger import Document, Ledger
from crossdock.simulators.netsuite.pricebook import PriceBook
from crossdock.simulators.netsuite.sales import SalesDesk
from crossdock.simulators.netsuite.search import Search
from crossdock.simulators.netsuite.stock import StockRoom
from crossdock.simulators.netsuite.views import shown

RECORD = "/services/rest/record/v1"
SUITEQL = "/services/rest/query/v1/suiteql"
_EXTERNAL = re.compile(r"[A-Za-z0-9_-]+\Z")
# Made by POST, out of no other document.
_FREE = frozenset({"creditMemo", "customerDeposit", "customerPayment", "customerRefund", "journalEntry"})
_TRANSFORMS = {
    ("salesOrder", "itemFulfillment"): transforms.fulfil,
    ("salesOrder", "invoice"): transforms.bill,
    ("salesOrder", "returnAuthorization"): returns.authorise,
    ("invoice", "returnAuthorization"): returns.authorise,
    ("returnAuthorization", "itemReceipt"): returns.receive,
}
_MADE = frozenset(target for _, target in _TRANSFORMS) | {"depositApplication"}
DOCUMENTS = frozenset({"salesOrder"}) | _MADE | _FREE


class NetSuiteAccount:
    """Settings: ``account_id``, ``client_id``, ``certificate_id``, ``certificate`` (PEM) as in ``Credentials``;
    ``concurrency`` calls in flight; ``save_s`` seconds a save takes; ``changed_rate`` share of saves that meet a
    concurrent edit; ``time_zone``; ``items`` and ``customers`` to start with; ``applies_deposits``: whether those that
    are linked with a sales order settle its invoice at once."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        client_id: str,
        certificate_id: str,
        certificate: str,
        account_id: str = "TSTDRV1",
        concurrency: int = 5,
        save_s: float = 0.0,
        changed_rate: float = 0.0,
        time_zone: str = "UTC",
        items: int = 200,
        customers: int = 500,
        applies_deposits: bool = False,
    ) -> None:
        self.name, self.faults = name, Faults()
        self.account_id, self.concurrency = account_id, concurrency
        self.save_s, self.changed_rate, self.applies_deposits = save_s, changed_rate, applies_deposits
        self._world = surroundings
        now = surroundings.now()
        self.items = catalogue.items(items, now)
        self.customers = catalogue.customers(customers, now)
        self.ledger = Ledger()
        self.prices = PriceBook(self.items, self.customers)
        self.stock = StockRoom(self.ledger)
        self.tokens = tokens.TokenDesk(certificate, certificate_id, client_id, surroundings.now, surroundings.random)
        self._sales = SalesDesk(self.items, self.customers)
        self._credits = CreditDesk(self.ledger, self._sales)
        self.journals = JournalDesk(self.ledger)
        self._search = Search(self, time_zone)
        self._in_flight = 0
        self._saving: set[str] = set()

    async def handle(self, request: Request) -> Reply:
        if request.path == tokens.PATH and request.method == "POST":
            return self.tokens.grant(request)
        if not self.tokens.valid(request):
            return Refusal(
                401, "INVALID_LOGIN", "Invalid login attempt. For more details, see the Login Audit Trail."
            ).reply()
        if self._in_flight >= self.concurrency:
            return self.throttled(request)
        self._in_flight += 1
        try:
            return await self._serve(request)
        except Refusal as refusal:
            return refusal.reply()
        finally:
            self._in_flight -= 1

    def throttled(self, request: Request) -> Reply:
        """How this vendor says "too many"."""
        detail = "Concurrent request limit exceeded. Request blocked."
        return Refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", detail).reply()

    def books(self) -> dict[str, Any]:
        """The ledger's, and ``items``: what its ids of goods are called. Charges are items too, and not among them."""
        goods = {ref: item.itemid for ref, item in self.items.items() if item.type == "InvtPart"}
        return self.ledger.books() | returns.books(self.ledger) | {"items": goods}

    async def tick(self) -> None:
        """Nothing happens in this account by itself."""

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """What the account's own people do: ``bill``, ``edit_line``, ``close``, ``delete`` an order; ``rename_item``,
        ``deactivate_item``; ``add_customer``; ``revoke_tokens``; ``count_stock`` of a ``sku``; ``blank_stock``: its
        quantity is told as null; ``credit``: so much of an ``invoice`` is credited, on its page or, ``returned``, on
        that of a return authorisation made from it; what ``PriceBook.act`` names."""
        now = self._world.now()
        if self.prices.act(verb, args):
            return {}
        if verb == "revoke_tokens":
            self.tokens.revoke()
        elif verb == "credit":
            invoice = self._document("invoice", str(args["invoice"]))
            source = returns.returned(self.ledger, invoice, now) if args.get("returned") else None
            made = self._credits.by_people(invoice, Decimal(str(args["amount"])), now, source)
            return {"id": made.id, "number": made.number}
        elif verb == "add_customer":
            ref = str(max(int(known) for known in self.customers) + 1)
            customer = catalogue.Customer(ref, args.get("name", "New"), now, args.get("email"))
            customer.external_id, customer.tax_number = args.get("external_id"), args.get("tax_number")
            customer.postcode = args.get("postcode")
            self.customers[ref] = customer
            return {"id": ref}
        elif verb in ("count_stock", "blank_stock"):
            counted = next(ref for ref, known in self.items.items() if known.itemid == args["sku"])
            if verb == "blank_stock":
                self.stock.blank.add(counted)
                return {}
            self.stock.count(
                counted, str(args.get("location", catalogue.SHIPS_FROM)), Decimal(str(args["quantity"])), now
            )
        elif verb in ("rename_item", "deactivate_item"):
            item = self.items[str(args["id"])]
            item.modified = now
            item.inactive = verb == "deactivate_item" or item.inactive
            item.displayname = args.get("name", item.displayname)
        else:
            return self._act_on_order(verb, args, now)
        return {}

    def _act_on_order(self, verb: str, args: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        order = self._document("salesOrder", str(args["order"]))
        if verb == "bill":
            return {"id": self._billed(transforms.bill(self.ledger, order, {}, now)).id}
        if verb == "delete":
            self.ledger.remove(order)
        elif verb == "close":
            rows = [{"line": line.line, "isClosed": True} for line in order.lines]
            self._sales.fill(order, {"item": {"items": rows}}, frozenset(), now)
        elif verb == "edit_line":
            row = {"line": int(args["line"]), "quantity": Decimal(str(args["quantity"]))}
            self._sales.fill(order, {"item": {"items": [row]}}, frozenset(), now)
        else:
            raise ValueError(f"the account cannot {verb!r}")
        return {"id": order.id}

    async def _serve(self, request: Request) -> Reply:
        if request.path == SUITEQL:
            return self._suiteql(request)
        if not request.path.startswith(RECORD + "/"):
            raise Refusal(404, "INVALID_URL", f"Invalid URL {request.path}")
        kind, *rest = request.path[len(RECORD) + 1 :].split("/")
        match (request.method, rest):
            case ("GET", []):
                return self._search.listed(kind, request.query)
            case ("GET", [ref]):
                return self._get(kind, ref, request.query)
            case ("POST", []) if kind == "salesOrder":
                return await self._create(_json(request), request)
            case ("POST", []) if kind in _FREE:
                return await self._free(kind, _json(request), request)
            case ("PUT", [ref]) if kind == "salesOrder":
                return await self._put(ref, request)
            case ("PATCH", [ref]) if kind == "salesOrder":
                return await self._patch(ref, request)
            case ("PATCH", [ref]) if kind == "returnAuthorization":
                return await self._close_return(ref, request)
            case ("POST", [ref, "!transform", target]) if (kind, target) in _TRANSFORMS:
                return await self._transform(kind, ref, target, request)
            case ("POST", [ref, "!transform", "depositApplication"]) if kind == "customerDeposit":
                return await self._apply(ref, request)
        raise Refusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not supported for {request.path}")

    def _suiteql(self, request: Request) -> Reply:
        if request.method != "POST" or request.headers.get("prefer") != "transient":
            raise Refusal(400, "INVALID_HEADER", "The required request header 'Prefer' must be 'transient'.")
        return self._search.queried(_json(request).get("q"), request.query)

    def _get(self, kind: str, ref: str, query: Mapping[str, str]) -> Reply:
        if kind in DOCUMENTS:
            document = self._document(kind, ref)
            return found(shown(document, query, self.items, self.ledger.open_amount(document)))
        if kind == "customer" and ref in self.customers:
            known = self.customers[ref]
            return found({"id": known.id, "email": known.email, "isInactive": known.inactive, "entityId": known.name})
        if kind == "inventoryItem" and ref in self.items and self.items[ref].type == "InvtPart":
            item = self.items[ref]
            return found(
                {"id": item.id, "itemId": item.itemid, "isInactive": item.inactive, "displayName": item.displayname}
            )
        raise missing(kind, ref)

    async def _create(self, body: dict[str, Any], request: Request) -> Reply:
        external_id = body.get("externalId")
        if external_id and self.ledger.find("salesOrder", f"eid:{external_id}"):
            raise Refusal(400, "DUP_RCRD", "This record already exists", "externalId")
        return await self._save_new(external_id, body, request)

    async def _put(self, ref: str, request: Request) -> Reply:
        """Upsert: creates, or updates what is there. Without ``replace=item`` the lines are added to those there."""
        external_id = ref[4:] if ref.startswith("eid:") else ""
        body = _json(request)
        if not _EXTERNAL.match(external_id):
            raise Refusal(400, "INVALID_CONTENT", f"Invalid external id {external_id!r}", "externalId")
        if body.get("externalId", external_id) != external_id:
            raise user_error("The external id in the body differs from the one in the path.", "externalId")
        if self.ledger.find("salesOrder", ref):
            return await self._patch(ref, request)
        return await self._save_new(external_id, body, request)

    async def _save_new(self, external_id: str | None, body: dict[str, Any], request: Request) -> Reply:
        now = self._world.now()
        order = Document(
            id=self.ledger.new_id(), type="salesOrder", number="", created=now, modified=now, external_id=external_id
        )
        self._sales.fill(order, body, frozenset(), now)
        await self._save(f"eid:{external_id}" if external_id else order.id)
        if external_id and self.ledger.find("salesOrder", f"eid:{external_id}"):
            raise Refusal(400, "DUP_RCRD", "This record already exists", "externalId")
        order.number = self.ledger.number("SO")
        order.created = order.modified = self._world.now()
        self.ledger.add(order)
        return created(self._location(request, order))

    async def _free(self, kind: str, body: dict[str, Any], request: Request) -> Reply:
        """A record of its own. Without an external id, a repeat makes a second one."""
        external_id = body.get("externalId")
        if external_id is not None and not _EXTERNAL.match(external_id):
            raise Refusal(400, "INVALID_CONTENT", f"Invalid external id {external_id!r}", "externalId")
        await self._save(f"{kind}:{external_id or self.ledger.new_id()}")
        desks = {
            "creditMemo": self._credits.credit, "customerRefund": self._credits.refund,
            "journalEntry": self.journals.enter, "customerPayment": self._credits.payment,
            "customerDeposit": self._credits.deposit,
        }  # fmt: skip
        return created(self._location(request, desks[kind](body, self._world.now())))

    async def _patch(self, ref: str, request: Request) -> Reply:
        order = self._document("salesOrder", ref)
        replace = frozenset(name for name in request.query.get("replace", "").split(",") if name)
        body = _json(request)
        await self._save(order.id)
        self._sales.fill(order, body, replace, self._world.now())
        return created(self._location(request, order))

    async def _transform(self, kind: str, ref: str, target: str, request: Request) -> Reply:
        order = self._document(kind, ref)
        body = _json(request)
        if kind == "salesOrder" and order.status in "AH":
            raise user_error("The order is not approved or is closed.", "createdFrom")
        await self._save(order.id)
        document = self._billed(_TRANSFORMS[kind, target](self.ledger, order, body, self._world.now()))
        return created(self._location(request, document))

    async def _close_return(self, ref: str, request: Request) -> Reply:
        authorised = self._document("returnAuthorization", ref)
        body = _json(request)
        await self._save(authorised.id)
        returns.close(authorised, body, self._world.now())
        return created(self._location(request, authorised))

    async def _apply(self, ref: str, request: Request) -> Reply:
        deposit = self._document("customerDeposit", ref)
        body = _json(request)
        await self._save(deposit.id)
        return created(self._location(request, self._credits.apply_deposit(deposit, body, self._world.now())))

    def _billed(self, document: Document) -> Document:
        """The account may settle an invoice with the order's deposits at once."""
        if document.type == "invoice" and self.applies_deposits:
            self._credits.settle_with_deposits(document, self._world.now())
        return document

    async def _save(self, key: str) -> None:
        """Scripts run on save; another save of the same record meanwhile means it has been changed."""
        changed = Refusal(400, "RCRD_HAS_BEEN_CHANGED", "Record has been changed")
        if key in self._saving or (self.changed_rate and self._world.random.random() < self.changed_rate):
            raise changed
        self._saving.add(key)
        try:
            if self.save_s:
                await self._world.sleep(self.save_s)
        finally:
            self._saving.discard(key)

    def _document(self, kind: str, ref: str) -> Document:
        document = self.ledger.find(kind, ref)
        if document is None:
            raise missing(kind, ref)
        return document

    def _location(self, request: Request, document: Document) -> str:
        host = request.headers.get("host", f"{self.account_id.lower()}.suitetalk.api.netsuite.com")
        return f"https://{host}{RECORD}/{document.type}/{document.id}"

    @property
    def now(self) -> datetime:
        return self._world.now()


def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}", parse_float=Decimal)
    except ValueError as error:
        raise Refusal(400, "INVALID_CONTENT", f"Invalid JSON: {error}") from error
    if not isinstance(body, dict):
        raise bad_ref("body", body)
    return body
