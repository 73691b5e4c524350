"""One Business Central environment behind one door: sign-in, limits, routing, what the company's people do."""

import json
import re
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from crossdock.simulators.base import Deliver, Faults, Reply, Request, Surroundings
from crossdock.simulators.businesscentral import catalogue
from crossdock.simulators.businesscentral.answers import Refusal, dialog, found, missing
from crossdock.simulators.businesscentral.batch import Batch
from crossdock.simulators.businesscentral.entities import Entities
from crossdock.simulators.businesscentral.journals import JournalDesk
from crossdock.simulators.businesscentral.ledger import Document, Ledger
from crossdock.simulators.businesscentral.posting import ship_and_invoice
from crossdock.simulators.businesscentral.stock import count
from crossdock.simulators.businesscentral.subscriptions import Subscriptions
from crossdock.simulators.businesscentral.tokens import Registration, TokenDesk

_SUBSCRIPTIONS = re.compile(r"subscriptions(?:\((.*)\))?")
WINDOW = timedelta(minutes=5)


class BusinessCentralCompany:
    """Settings: ``registration`` (who may sign in, and where); ``concurrency`` calls at once and ``requests`` in five
    minutes; ``save_s`` seconds a write takes; ``notify_s`` seconds until a change is told; ``tells_of_shipments``:
    False is an older version, which posts a shipment and then fails for want of an invoice; ``items`` and
    ``customers`` to start with."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        registration: Registration | None = None,
        concurrency: int = 100,
        requests: int = 6000,
        save_s: float = 0.0,
        tells_of_shipments: bool = True,
        notify_s: float = 30.0,
        items: int = 200,
        customers: int = 500,
    ) -> None:
        self.name, self.faults = name, Faults()
        self.registration = registration or Registration()
        self.concurrency, self.requests, self.save_s = concurrency, requests, save_s
        self.tells_of_shipments = tells_of_shipments
        self._world = surroundings
        now = surroundings.now()
        self.items = catalogue.items(items, now)
        self.customers = catalogue.customers(customers, now)
        self.ledger = Ledger()
        self.journals = JournalDesk(self)
        self.ledger.settled = self.journals.settled
        self.tokens = TokenDesk(self.registration, surroundings.now, surroundings.random)
        self.entities = Entities(self, surroundings.now)
        self._root = f"/v2.0/{self.registration.tenant}/{self.registration.environment}/api/v2.0/"
        self.subscriptions = Subscriptions(self, notify_s)
        self._in_flight = 0
        self._recent: deque[Any] = deque()

    async def handle(self, request: Request) -> Reply:
        if request.path == self.tokens.path and request.method == "POST":
            return self.tokens.grant(request)
        if not self.tokens.valid(request):
            message = "The server has rejected the client credentials."
            return Refusal(401, "Authentication_InvalidCredentials", message).reply()
        if self._in_flight >= self.concurrency or self._too_many():
            return self.throttled(request)
        self._in_flight += 1
        try:
            return await self._serve(request)
        except Refusal as refusal:
            return refusal.reply()
        finally:
            self._in_flight -= 1

    def throttled(self, request: Request) -> Reply:
        """How this vendor says "too many": now and then without telling when to come back (vendor facts, limits)."""
        reply = Refusal(
            429, "Application_TooManyRequests", "Too many requests reached. Please try again later."
        ).reply()
        return Reply(reply.status, reply.body, {**reply.headers, "retry-after": "2"})

    def books(self) -> dict[str, Any]:
        return self.ledger.books() | self.journals.books()

    async def tick(self) -> None:
        """Changes are told to those who have subscribed."""
        self.subscriptions.notify()

    @property
    def now(self) -> datetime:
        return self._world.now()

    def send(self, delivery: Deliver) -> None:
        self._world.send(delivery)

    async def ask(self, delivery: Deliver) -> tuple[int, bytes] | None:
        return None if self._world.ask is None else await self._world.ask(delivery)

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """What the company's own people do: ``post``, ``edit_line``, ``delete`` an order; ``rename_item``,
        ``block_item``; ``count_stock`` of a ``sku``; ``add_customer``; ``revoke_tokens``; ``install_rebate``: new lines
        of items cost less; ``credit``: so much of an ``invoice`` is credited, and posted; ``cancel_invoice``: all of an
        ``invoice`` is, which voids it; ``allow_posting`` ``from`` and ``to`` a day; ``write_journal_line``: of the
        fields that are given; ``apply_to_oldest``: a customer's money is applied."""
        now = self._world.now()
        if verb == "revoke_tokens":
            self.tokens.revoke()
        elif verb == "install_rebate":
            self.entities.sales.rebate = Decimal(str(args["amount"]))
        elif verb in ("credit", "cancel_invoice"):
            invoice = next(one for one in self.ledger.of("salesInvoice") if args["invoice"] in (one.id, one.number))
            desk = self.entities.credits
            if verb == "credit":
                made = desk.by_people(invoice, Decimal(str(args["amount"])), now)
            else:
                made = desk.cancel(invoice, now)
            return {"id": made.id, "number": made.number}
        elif verb in ("allow_posting", "write_journal_line", "apply_to_oldest"):
            self._act_on_journals(verb, args)
        elif verb == "add_customer":
            known = catalogue.Customer(
                catalogue.guid("customer", len(self.customers)), f"C{len(self.customers):05}", args.get("name", "New"),
                now, args.get("email", ""), postcode=args.get("postcode", ""), tax_number=args.get("tax_number", ""),
            )  # fmt: skip
            self.customers[known.id] = known
            return {"id": known.id}
        elif verb == "count_stock":
            item = next(one for one in self.items.values() if one.number == args["sku"])
            count(self.ledger, item, Decimal(str(args["quantity"])), now)
        elif verb in ("rename_item", "block_item"):
            item = next(one for one in self.items.values() if one.number == args["number"])
            item.modified, item.blocked = now, verb == "block_item" or item.blocked
            item.displayname = args.get("name", item.displayname)
        else:
            return self._act_on_order(verb, args)
        return {}

    def _act_on_journals(self, verb: str, args: Mapping[str, Any]) -> None:
        if verb == "allow_posting":
            first, last = (date.fromisoformat(args[key]) if args.get(key) else None for key in ("from", "to"))
            self.ledger.allowed = (first, last)
        elif verb == "write_journal_line":
            self.journals.new_line(next(iter(self.journals.batches)), args, self._world.now())
        else:
            next(one for one in self.customers.values() if one.number == args["number"]).applies_to_oldest = True

    def _act_on_order(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        order, now = self._order(str(args["order"])), self._world.now()
        if verb == "post":  # whoever posts on the page dates it today
            order.header["postingDate"] = now.date().isoformat()
            ship_and_invoice(self.ledger, order, self.items, self.customers, now)
        elif verb == "delete":
            self.ledger.remove(order)
        elif verb == "edit_line":
            line = next(one for one in order.lines if one.sequence == int(args["sequence"]))
            quantity = Decimal(str(args["quantity"]))
            price = Decimal(str(args.get("price", line.unit_price)))
            self.entities.sales.change_line(order, line, {"quantity": quantity, "unitPrice": price}, now)
        else:
            raise ValueError(f"the company cannot {verb!r}")
        return {"id": order.id}

    def _order(self, ref: str) -> Document:
        order = self.ledger.find("salesOrder", ref)
        if order is None:
            raise dialog(f"There is no sales order {ref}.")
        return order

    def _too_many(self) -> bool:
        """A sliding window of five minutes."""
        now = self._world.now()
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) > self.requests

    async def _serve(self, request: Request) -> Reply:
        if not request.path.startswith(self._root):
            raise missing()
        if request.method != "GET" and self.save_s:
            await self._world.sleep(self.save_s)
        rest = request.path.removeprefix(self._root)
        if rest == "$batch" and request.method == "POST":
            return Batch(self).run(read_json(request.body), request.headers)
        if match := _SUBSCRIPTIONS.fullmatch(rest):
            return await self.subscriptions.serve(request, match[1], read_json(request.body))
        return self.one(request.method, rest, request.query, request.headers, read_json(request.body))

    def one(self, method: str, rest: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any) -> Reply:
        """One request, of its own or within a batch. Raises ``Refusal``."""
        if rest == "companies" and method == "GET":
            return found({"value": [{"id": self.registration.company_id, "name": "CRONUS", "displayName": "CRONUS"}]})
        company = f"companies({self.registration.company_id})/"
        if not rest.startswith(company):
            raise Refusal(404, "Internal_CompanyNotFound", "Cannot find the requested company.")
        where = f"https://{headers.get('host', 'api.businesscentral.dynamics.com')}{self._root}{rest}"
        return self.entities.serve(method, rest.removeprefix(company), query, headers, body, where)


def read_json(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body or b"{}", parse_float=Decimal)
    except ValueError as error:
        raise Refusal(400, "BadRequest", f"Invalid JSON. {error}") from error
    if not isinstance(read, dict):
        raise Refusal(400, "BadRequest", "The body is no object.")
    return read
