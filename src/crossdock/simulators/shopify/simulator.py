"""A Shopify store: GraphQL Admin API with a cost bucket, signed webhooks, and acts that make traffic."""

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from crossdock.simulators.base import Deliver, Faults, Reply, Request, Surroundings
from crossdock.simulators.shopify import acts, api, carrying, language, paying, placing, scopes
from crossdock.simulators.shopify.books import FulfilmentEvent, ShopBooks, fulfilment_order_body
from crossdock.simulators.shopify.language import GraphError
from crossdock.simulators.shopify.payments import Payments
from crossdock.simulators.shopify.stock import Shelf, selling_place
from crossdock.simulators.shopify.traffic import Wish

API_VERSION = "2026-10"
RATES = {
    "presentment": 0.2,
    "late_paid": 0.1,
    "discount": 0.3,
    "shipping_discount": 0.1,
    "gift_card_tender": 0.05,
    "gift_card_line": 0.0,
    "tip": 0.05,
    "duties": 0.02,
    "split": 0.3,
    "skuless": 0.0,
    "test": 0.0,
}
_HEADERS = {"content-type": "application/json; charset=utf-8"}
_encode = msgspec.json.Encoder().encode


class _Asked(msgspec.Struct):
    query: str
    variables: dict[str, Any] | None = None


class ShopifySimulator:
    """One store. ``rates`` overrides shares of traits in ``RATES``; ``webhook_url``: all topics are subscribed there.

    ``restore_rate`` and ``maximum`` are the cost bucket (Standard plan: 100 points a second). ``late_paid_s``: how long
    after the order its payment arrives, when it is not paid at once. ``granted``: the app's access scopes; what
    they do not cover is refused.
    """

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        webhook_url: str = "",
        webhook_secret: str = "simulated-secret",  # noqa: S107 - the simulated shop's own
        access_token: str = "simulated-token",  # noqa: S107
        client_id: str = "simulated-client",
        shop_domain: str = "simulated.myshopify.com",
        currency: str = "EUR",
        rates: Mapping[str, float] | None = None,
        restore_rate: float = 100.0,
        maximum: float = 2000.0,
        late_paid_s: float = 2.0,
        granted: Sequence[str] = scopes.USUAL,
    ) -> None:
        unknown = set(rates or ()) - set(RATES)
        if unknown:
            raise ValueError(f"no such rates: {sorted(unknown)}; there are {sorted(RATES)}")
        self.name = name
        self.faults = Faults()
        self.books_ = ShopBooks(surroundings.now)
        self.payments = Payments(self.books_, currency)
        self.shelf = Shelf(surroundings.now)
        self.currency, self.shop_domain, self.secret = currency, shop_domain, webhook_secret
        self.rates = {**RATES, **(rates or {})}
        self._around = surroundings
        self.token, self._client_id = access_token, client_id
        self._restore, self._maximum = restore_rate, maximum
        self._available, self._measured_at = maximum, surroundings.now()
        self._late_paid_s = late_paid_s
        self.scopes = tuple(granted)
        self._to_pay: list[tuple[datetime, int]] = []
        self._numbers = 1000
        self.calls: Counter[str] = Counter()
        if webhook_url:
            for topic in api.TOPICS:
                self.books_.subscribe(topic, webhook_url)

    async def handle(self, request: Request) -> Reply:
        """Serve the GraphQL endpoint and the token endpoint; anything else is 404."""
        if request.path.endswith("/admin/oauth/access_token"):
            return self._grant(request)
        if not request.path.endswith(f"/admin/api/{API_VERSION}/graphql.json") or request.method != "POST":
            return _reply(404, {"errors": "Not Found"})
        if request.headers.get("x-shopify-access-token") != self.token:
            return _reply(
                401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
            )
        try:
            asked = msgspec.json.decode(request.body, type=_Asked)
        except msgspec.DecodeError:
            return _reply(400, {"errors": {"query": "Required parameter missing or invalid"}})
        return self._answer(asked)

    def _answer(self, asked: _Asked) -> Reply:
        variables = asked.variables or {}
        requested = 0
        try:
            document = language.parse(asked.query)
            requested = language.cost(document, variables)
            if requested > 1000:
                raise GraphError(
                    f"Query cost is {requested}, which exceeds the single query max cost limit 1000",
                    "MAX_COST_EXCEEDED",
                )
            if not self._pay(requested):
                raise GraphError("Throttled", "THROTTLED")
            if denied := scopes.refusals(document.selection, self.scopes):
                none = {field.alias: None for field in document.selection}
                cost = {"cost": self._meter(requested, None)}
                return _reply(200, {"errors": denied, "data": none, "extensions": cost})
            self.calls.update(field.name for field in document.selection)
            whole = language.execute(document, api.root(self, document.kind), variables)
        except GraphError as error:
            errors = [{"message": str(error), "extensions": {"code": error.code}}]
            return _reply(200, {"errors": errors, "extensions": {"cost": self._meter(requested, None)}})
        actual = min(requested, language.actual_cost(document, whole))
        self._available = min(self._maximum, self._available + requested - actual)  # the vendor gives the rest back
        return _reply(200, {"data": whole, "extensions": {"cost": self._meter(requested, actual)}})

    def throttled(self, request: Request) -> Reply:
        """Shopify's own way to say "too many": THROTTLED in a 200."""
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        meter = self._meter(50, None)
        meter["throttleStatus"]["currentlyAvailable"] = 0
        return _reply(200, {"errors": errors, "extensions": {"cost": meter}})

    def _pay(self, points: int) -> bool:
        self._refill()
        if points > self._available:
            return False
        self._available -= points
        return True

    def _refill(self) -> None:
        now = self._around.now()
        passed = max(0.0, (now - self._measured_at).total_seconds())
        self._available = min(self._maximum, self._available + passed * self._restore)
        self._measured_at = now

    def _meter(self, requested: int, actual: int | None) -> dict[str, Any]:
        bucket = {
            "maximumAvailable": self._maximum,
            "currentlyAvailable": int(self._available),
            "restoreRate": self._restore,
        }
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": bucket}

    def _grant(self, request: Request) -> Reply:
        try:
            asked = msgspec.json.decode(request.body, type=dict[str, str])
        except msgspec.DecodeError:
            return _reply(400, {"error": "invalid_request"})
        if asked.get("client_id") != self._client_id or asked.get("client_secret") != self.secret:
            return _reply(400, {"error": "application_cannot_be_found"})
        return _reply(200, {"access_token": self.token, "scope": ",".join(self.scopes), "expires_in": 86399})

    def notify(self, topic: str, body: Mapping[str, Any]) -> None:
        """Send a webhook to all who subscribed the topic (``orders/create``), signed over its exact bytes."""
        wanted = topic.replace("/", "_").upper()
        raw = _encode(body)
        event = str(UUID(int=self._around.random.getrandbits(128)))
        subject = str(body["id"]) if topic.startswith("orders/") else ""
        signature = base64.b64encode(hmac.digest(self.secret.encode(), raw, hashlib.sha256)).decode()
        for one in self.books_.subscriptions:
            if one.topic != wanted:
                continue
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Shopify-Captain-Hook",
                "X-Shopify-Topic": topic,
                "X-Shopify-Hmac-Sha256": signature,
                "X-Shopify-Shop-Domain": self.shop_domain,
                "X-Shopify-API-Version": API_VERSION,
                "X-Shopify-Webhook-Id": str(UUID(int=self._around.random.getrandbits(128))),
                "X-Shopify-Event-Id": event,
                "X-Shopify-Triggered-At": f"{self._around.now().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            }
            self._around.send(Deliver(one.uri, headers, raw, subject))

    def order_changed(self, order_id: int, *topics: str) -> None:
        """Tell the order as it now stands under each topic."""
        for topic in topics:
            self.notify(topic, told_order(self.books_.orders[order_id], self.books_))

    def refunded(self, order_id: int, refund: Mapping[str, Any]) -> None:
        """Tell a refund, and the order that it changed."""
        self.notify("refunds/create", told_refund(refund))
        self.order_changed(order_id, "orders/updated")

    def carried(self, asked: Mapping[str, Any]) -> FulfilmentEvent:
        """A fulfilment's event, told by webhook to all; raises ``UserError``."""
        owner, made = carrying.add(self.books_, asked)
        self.notify("fulfillment_events/create", carrying.body(owner, made))
        self.order_changed(owner.order_id, "orders/updated")
        return made

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Something a person does in the shop: see ``acts.py``; raises ``LookupError`` for an unknown verb or order."""
        return acts.perform(self, verb, args)

    def place(self, wish: Wish) -> int:
        """One new order, webhooks included; its id."""
        random, books = self._around.random, self.books_
        self._numbers += 1
        test = wish.test or random.random() < self.rates["test"]
        skuless = wish.skuless or random.random() < self.rates["skuless"]
        wish = wish._replace(test=test, skuless=skuless)
        order_id = 6_000_000_000_000 + self._numbers * 1009
        now = self._around.now()
        body = placing.place(random, order_id, self._numbers, self.currency, now, wish, self.rates)
        for line in body["line_items"]:
            self.shelf.sell(str(line["sku"]), selling_place(), int(line["quantity"]))
        books.take(body, split=random.random() < self.rates["split"])
        self.order_changed(order_id, "orders/create")
        if body["financial_status"] == "paid":
            self.order_changed(order_id, "orders/paid")
        elif wish.paid is None:
            self._to_pay.append((now + timedelta(seconds=self._late_paid_s), order_id))
        for each in books.fulfilment_orders_of(order_id):
            self.notify("fulfillment_orders/order_routing_complete", fulfilment_order_body(each.id, each.status))
        return order_id

    def pay(self, order_id: int) -> None:
        """The money arrived. What was refunded meanwhile stays partially refunded, also when the rest is paid."""
        order = self.books_.touch(order_id)
        unpaid = order["financial_status"] in ("pending", "partially_paid")
        if not unpaid and paying.outstanding(self.books_, order)["shop_money"] <= 0:
            return
        paying.receive(self.books_, order)
        if unpaid:
            order["financial_status"] = "paid"
        for each in self.books_.fulfilment_orders_of(order_id):
            if each.awaits_payment:
                each.awaits_payment, each.status = False, "OPEN"
                self.notify("fulfillment_orders/hold_released", fulfilment_order_body(each.id, each.status))
        self.order_changed(order_id, "orders/paid", "orders/updated")

    async def tick(self) -> None:
        """Let payments that are due arrive."""
        now = self._around.now()
        due = [order_id for at, order_id in self._to_pay if at <= now]
        self._to_pay = [(at, order_id) for at, order_id in self._to_pay if at > now]
        for order_id in due:
            if not self.books_.orders[order_id]["cancelled_at"]:
                self.pay(order_id)

    def books(self) -> dict[str, Any]:
        """Orders with their totals and fulfilments; ``repeated_tracking`` is what nobody wants to see here."""
        orders = [self._entry(order) for order in self.books_.orders.values()]
        seen = Counter(
            (one.order_id, one.location_id, number)
            for one in self.books_.fulfilments.values()
            for number in one.numbers
        )
        repeated = [
            {"order": str(order_id), "number": number, "times": times}
            for (order_id, _, number), times in seen.items()
            if times > 1
        ]
        return {
            "orders": orders,
            "fulfillments": len(self.books_.fulfilments),
            "repeated_tracking": repeated,
            "subscriptions": len(self.books_.subscriptions),
            "calls": dict(self.calls),
            "unpaid": len(self._to_pay),
            "payouts": self.payments.told(),
            "stock": self.shelf.books(),
        }

    def _entry(self, order: Mapping[str, Any]) -> dict[str, Any]:
        presentment = order["total_price_set"]["presentment_money"]
        return {
            "id": str(order["id"]),
            "name": order["name"],
            "total": order["total_price"],
            "currency": order["currency"],
            "presentment_total": presentment["amount"],
            "presentment_currency": presentment["currency_code"],
            "tax": order["total_tax"],
            "test": order["test"],
            "cancelled": order["cancelled_at"] is not None,
            "financial_status": order["financial_status"],
            "refunded": f"{sum((Decimal(t['sides']['shop_money']['amount']) for t in paid_back(order)), Decimal(0)):f}",
            "refunds": len(order["refunds"]),
            "received": f"{paying.received(self.books_, order['id'])['shop_money']:f}",
            "outstanding": paying.outstanding_set(self.books_, order)["shop_money"]["amount"],
            "fulfillment_status": order["fulfillment_status"],
            "updated_at": order["updated_at"],
            "lines": [
                {
                    "id": str(line["id"]),
                    "sku": line["sku"],
                    "quantity": line["quantity"],
                    "ships": line["requires_shipping"],
                }
                for line in order["line_items"]
            ],
            "fulfillments": [
                {
                    "id": str(one.id),
                    "tracking": one.numbers,
                    "company": one.company,
                    "location": str(one.location_id),
                    "notified": one.notices > 0,
                    "notices": one.notices,
                    "lines": [{"id": str(line_id), "quantity": quantity} for line_id, quantity in one.lines],
                }
                for one in self.books_.fulfilments_of(order["id"])
            ],
        }


def paid_back(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every payment that went back."""
    return [one for refund in order["refunds"] for one in refund["transactions"]]


def told_order(order: Mapping[str, Any], books: ShopBooks) -> Mapping[str, Any]:
    """The order as webhooks carry it."""
    told = {**order, "total_outstanding": paying.outstanding_set(books, order)["shop_money"]["amount"]}
    return {**told, "refunds": [told_refund(one) for one in order["refunds"]]} if order.get("refunds") else told


def told_refund(refund: Mapping[str, Any]) -> dict[str, Any]:
    """Webhooks tell a payment in one currency; what it is in the other the books keep to themselves."""
    payments = [{k: v for k, v in one.items() if k != "sides"} for one in refund["transactions"]]
    return {**refund, "transactions": payments}


def _reply(status: int, body: Any) -> Reply:
    return Reply(status, _encode(body), _HEADERS)
