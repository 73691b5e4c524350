"""A seller's account at Amazon: sign-in, orders, shipment confirmation, notifications by SQS."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec

from crossdock.simulators.amazon import acts, api, placing, views
from crossdock.simulators.amazon.books import Order, Refusal, SellerBooks
from crossdock.simulators.amazon.limits import Buckets
from crossdock.simulators.amazon.listings import ListingDesk
from crossdock.simulators.amazon.marketplaces import BY_ID, MARKETPLACES, printed
from crossdock.simulators.amazon.placing import Wish
from crossdock.simulators.amazon.queue import SimulatedQueue
from crossdock.simulators.amazon.settlements import SettlementDesk
from crossdock.simulators.base import Faults, Reply, Request, Surroundings

TOKEN_LIFE_S = 3600
_ORDER = re.compile(r"/orders/2026-01-01/orders/([^/]+)")
_CONFIRM = re.compile(r"/orders/v0/orders/([^/]+)/shipmentConfirmation")
_DOCUMENT = re.compile(r"/reports/2021-06-30/documents/([^/]+)")
_LISTING = re.compile(r"/listings/2021-08-01/items/([^/]+)(?:/(.+))?")
_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_FULFILLED = {"SHIPPED": "fulfilled", "PARTIALLY_SHIPPED": "partial"}
_encode = msgspec.json.Encoder().encode


class AmazonSimulator:
    """One account. ``queue_url``: where notifications go (none: nowhere), at this same host.

    ``roles``: the restricted data the app may see. ``pending_s``: how long an order is pending (unless it is wished to
    stay so). ``read_lag_s``: how far ``getOrder`` runs behind; searches by ``faults.search_lag_s``. ``behind_s``: the
    newest that a search shows. ``documents_url``: where reports are fetched from, at this same host. ``afn_ship_s``:
    how soon Amazon ships orders of its own stock. ``plan``: a factor on the default rates.
    """

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        queue_url: str = "",
        documents_url: str = "",
        refresh_token: str = "Atzr|simulated",  # noqa: S107 - the simulated account's own
        client_id: str = "amzn1.application-oa2-client.simulated",
        client_secret: str = "simulated-secret",  # noqa: S107
        aws_access_key_id: str = "AKIASIMULATED",
        aws_secret_access_key: str = "simulated-aws-secret",  # noqa: S107
        aws_region: str = "us-east-1",
        seller_id: str = "A3SIMULATED",
        roles: tuple[str, ...] = ("BUYER", "RECIPIENT"),
        pending_s: float = 0.0,
        read_lag_s: float = 0.0,
        behind_s: float = 120.0,
        afn_ship_s: float = 0.0,
        plan: float = 1.0,
    ) -> None:
        self.name, self.faults = name, Faults()
        self._around, self.now = surroundings, surroundings.now
        self._grant = {"refresh_token": refresh_token, "client_id": client_id, "client_secret": client_secret}
        self.roles = frozenset(roles)
        self.seller_id, self.read_lag_s, self.behind_s = seller_id, read_lag_s, behind_s
        self.pages_come_round = False
        self._pending_s, self._afn_ship_s = pending_s, afn_ship_s
        self._tokens: dict[str, datetime] = {}
        self._due: list[tuple[datetime, Callable[[str], None], str]] = []
        self._numbers = 1000
        self.calls: Counter[str] = Counter()
        self.buckets = Buckets(surroundings.now, plan)
        keys = (aws_access_key_id, aws_secret_access_key, aws_region)
        self.queue = SimulatedQueue(queue_url, *keys, surroundings.now, surroundings.random) if queue_url else None
        self.books_ = SellerBooks(surroundings.now, self.notify)
        self.settlements = SettlementDesk(self.books_, surroundings.now, documents_url)
        self.listings = ListingDesk(surroundings.now, frozenset(BY_ID))

    async def handle(self, request: Request) -> Reply:
        """Login with Amazon, the API, and the queue's endpoint; anything else is 404."""
        if request.path == "/auth/o2/token":
            return self._sign_in(request)
        if "x-amz-target" in request.headers and self.queue is not None:
            return self.queue.answer(request)
        if request.method == "GET" and (document := self.settlements.fetch(request.path)) is not None:
            return Reply(200, document, {"content-type": "application/octet-stream"})
        if self._tokens.get(request.headers.get("x-amz-access-token", ""), self.now()) <= self.now():
            text = "Access to requested resource is denied."
            return self._errors(403, "Unauthorized", text, details="The access token you provided has expired.")
        operation, work = self._routed(request)
        if work is None:
            return self._errors(404, "NotFound", "There is no such resource.")
        if not self.buckets.take(operation):
            return self.throttled(request)
        self.calls[operation] += 1
        try:
            body = work()
        except Refusal as refusal:
            return self._errors(refusal.status, refusal.code, str(refusal), rate=self.buckets.rate(operation))
        headers = self._headers(self.buckets.rate(operation))
        return Reply(204, b"", headers) if body is None else Reply(200, _encode(body), headers)

    def _routed(self, request: Request) -> tuple[str, Callable[[], Any] | None]:
        path, query = request.path, request.query
        if request.method == "GET" and path == "/orders/2026-01-01/orders":
            return "searchOrders", lambda: api.search_orders(self, query)
        if request.method == "GET" and (found := _ORDER.fullmatch(path)):
            return "getOrder", lambda: api.get_order(self, found[1], query)
        if request.method == "POST" and (found := _CONFIRM.fullmatch(path)):
            return "confirmShipment", lambda: self._confirm(found[1], request.body)
        if request.method == "GET" and path == "/sellers/v1/marketplaceParticipations":
            return "getMarketplaceParticipations", self._participations
        if found := _LISTING.fullmatch(path):
            return self._listing(request, *found.groups())
        if request.method == "GET" and path == "/reports/2021-06-30/reports":
            return "getReports", lambda: self.settlements.reports(query)
        if request.method == "GET" and (found := _DOCUMENT.fullmatch(path)):
            return "getReportDocument", lambda: self.settlements.document(found[1], self._around.random)
        return "", None

    def _listing(self, request: Request, seller: str, sku: str | None) -> tuple[str, Callable[[], Any] | None]:
        if seller != self.seller_id:
            return "", None
        if request.method == "GET" and sku is None:
            return "searchListingsItems", lambda: self.listings.search(request.query)
        if request.method == "GET":
            return "getListingsItem", lambda: self.listings.get(str(sku), request.query)
        if request.method == "PATCH" and sku is not None:
            number = self._around.random.getrandbits(32)
            return "patchListingsItem", lambda: self.listings.patch(sku, request.query, request.body, number)
        return "", None

    def throttled(self, request: Request) -> Reply:
        """Amazon's own way to say "too many"; it tells no rate then."""
        text = "You exceeded your quota for the requested resource."
        return self._errors(429, "QuotaExceeded", text)

    def _confirm(self, order_id: str, body: bytes) -> None:
        if not _ORDER_ID.fullmatch(order_id):
            raise Refusal("OrderId is not in 3-7-7 format.")
        try:
            wanted = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refusal("Request has missing or invalid parameters and cannot be parsed.") from None
        self.books_.confirm(order_id, wanted)

    def _participations(self) -> dict[str, Any]:
        return {
            "payload": [
                {
                    "marketplace": {
                        "id": one.id,
                        "name": one.name,
                        "countryCode": one.country,
                        "defaultCurrencyCode": one.currency,
                        "defaultLanguageCode": one.language,
                        "domainName": f"www.{one.name.lower()}",
                    },
                    "participation": {"isParticipating": True, "hasSuspendedListings": False},
                    "storeName": f"Simulated store {self.name}",
                }
                for one in MARKETPLACES.values()
            ]
        }

    def _sign_in(self, request: Request) -> Reply:
        told = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        headers = {"content-type": "application/json;charset=UTF-8"}

        def refused(status: int, error: str, text: str) -> Reply:
            return Reply(status, _encode({"error": error, "error_description": text}), headers)

        if told.get("grant_type") != "refresh_token":
            return refused(400, "unsupported_grant_type", "The grant type is not supported.")
        if (
            told.get("client_id") != self._grant["client_id"]
            or told.get("client_secret") != self._grant["client_secret"]
        ):
            return refused(401, "invalid_client", "Client authentication failed")
        if told.get("refresh_token") != self._grant["refresh_token"]:
            return refused(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        token = f"Atza|{self._around.random.getrandbits(96):024x}"
        self._tokens[token] = self.now() + timedelta(seconds=TOKEN_LIFE_S)
        granted = {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LIFE_S, **told}
        shown = {name: granted[name] for name in ("access_token", "token_type", "expires_in", "refresh_token")}
        return Reply(200, _encode(shown), headers)

    def expire_tokens(self) -> int:
        """End every access token now; how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count

    def _headers(self, rate: str | None) -> dict[str, str]:
        found = {
            "content-type": "application/json",
            "x-amzn-RequestId": str(UUID(int=self._around.random.getrandbits(128))),
            "Date": f"{self.now():%a, %d %b %Y %H:%M:%S GMT}",
        }
        return {**found, "x-amzn-RateLimit-Limit": rate} if rate else found

    def _errors(self, status: int, code: str, text: str, *, details: str = "", rate: str | None = None) -> Reply:
        body = {"errors": [{"code": code, "message": text, "details": details}]}
        return Reply(status, _encode(body), self._headers(rate))

    def notify(self, order: Order, reason: str) -> None:
        """Put an ORDER_CHANGE notification into the queue, as often as the faults say."""
        if self.queue is None or self._happens(self.faults.dropped_webhooks):
            return
        ids = (self.seller_id, f"subscription-{self.name}", str(UUID(int=self._around.random.getrandbits(128))))
        body = _encode(views.notification(order, reason, ids, self.now()))
        for _ in range(2 if self._happens(self.faults.duplicate_webhooks) else 1):
            self.queue.put(body)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._around.random.random() < share

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Something a buyer, the seller or Amazon does: see ``acts.py``; raises ``LookupError`` and ``ValueError``."""
        return acts.perform(self, verb, args)

    def place(self, wish: Wish) -> str:
        """One new order, its notification included; its id."""
        self._numbers += 1
        random = self._around.random
        order_id = f"{random.choice((111, 112, 113, 114))}-{self._numbers:07d}-{random.randrange(10**7):07d}"
        order = placing.place(random, order_id, self.now(), wish)
        if not self._pending_s and not wish.pending:
            order.status = "UNSHIPPED"
        self.books_.enter(order)
        if self._pending_s and not wish.pending:
            self._due.append((self.now() + timedelta(seconds=self._pending_s), self.books_.authorize, order_id))
        if wish.afn:
            at = self.now() + timedelta(seconds=self._pending_s + self._afn_ship_s)
            self._due.append((at, self.books_.ship_from_amazon, order_id))
        return order_id

    async def tick(self) -> None:
        """Let authorisations and Amazon's own shipments that are due happen."""
        now = self.now()
        due = [(do, order_id) for at, do, order_id in self._due if at <= now]
        self._due = [row for row in self._due if row[0] > now]
        for do, order_id in due:
            do(order_id)

    def books(self) -> dict[str, Any]:
        """Orders with their totals and packages; ``repeated_tracking`` is what nobody wants to see here."""
        repeated = []
        for order in self.books_.orders.values():
            seen = Counter(package.tracking for package in order.packages)
            repeated += [{"order": order.id, "number": n, "times": times} for n, times in seen.items() if times > 1]
        return {
            "orders": [_entry(order) for order in self.books_.orders.values()],
            "packages": sum(len(order.packages) for order in self.books_.orders.values()),
            "repeated_tracking": repeated,
            "edited_packages": sum(p.edited for order in self.books_.orders.values() for p in order.packages),
            "refused": dict(self.books_.refused),
            "unpaid": len(self._due),
            "waiting_notifications": len(self.queue.held) if self.queue else 0,
            "settlements": self.settlements.told(),
            "stock": self.listings.told(),
            "calls": dict(self.calls),
        }


def _entry(order: Order) -> dict[str, Any]:
    currency = order.marketplace.currency
    tax = sum(order.money(item)["TAX"] for item in order.items)
    return {
        "id": order.id,
        "name": order.id,
        "total": printed(order.total(), currency),
        "currency": currency,
        "tax": printed(tax, currency),
        "status": order.status,
        "fulfilled_by": "AMAZON" if order.afn else "MERCHANT",
        "cancelled": order.status == "CANCELLED",
        "fulfillment_status": _FULFILLED.get(order.status),
        "updated_at": views.instant(order.updated_at),
        "lines": [
            {"id": item.id, "sku": item.sku, "quantity": item.wanted, "ships": not order.afn} for item in order.items
        ],
        "fulfillments": [
            {
                "id": package.reference,
                "tracking": [package.tracking],
                "company": package.carrier,
                "edited": package.edited,
                "lines": [{"id": item_id, "quantity": pieces} for item_id, pieces in package.items.items()],
            }
            for package in order.packages
        ],
    }
