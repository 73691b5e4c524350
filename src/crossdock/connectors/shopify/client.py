"""One method per call to Shopify's Admin GraphQL API. No retries, no mapping.

Raises ``Failed`` with the classified outcome, or ``NotSent`` / ``AnswerLost`` from the door. After every call
``throttle_s`` says how long Shopify's own meter wants us to wait.
"""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.connectors.shopify import answers, documents, graph
from crossdock.connectors.shopify.answers import Failed, UserError
from crossdock.connectors.shopify.graph import PageInfo, Struct, gid
from crossdock.connectors.shopify.wire import Instant
from crossdock.domain.outcome import Misconfigured, Rejected
from crossdock.kit.errors import told_at
from crossdock.kit.http import AnswerLost, Line, NotSent

API_VERSION = "2026-10"
_encode = msgspec.json.Encoder().encode


class OrderData(Struct, frozen=True):
    order: graph.Order | None


class _LinesOnly(Struct, frozen=True):
    line_items: graph.Lines


class _OrderLinesData(Struct, frozen=True):
    order: _LinesOnly | None


class _Price(Struct, frozen=True):
    amount: str


class _ShopPrice(Struct, frozen=True):
    shop_money: _Price


class _Place(Struct, frozen=True):
    """Where a listed order goes."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    country_code_v2: str | None = msgspec.field(default=None, name="countryCodeV2")


class Changed(Struct, frozen=True):
    """An order in the list of changed ones: enough to name this view of it."""

    id: str
    updated_at: Instant
    total_price_set: _ShopPrice
    display_financial_status: str | None = None
    cancelled_at: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    shipping_address: _Place | None = None


class ChangedPage(Struct, frozen=True):
    nodes: tuple[Changed, ...]
    page_info: PageInfo


class _ChangedData(Struct, frozen=True):
    orders: ChangedPage


class LineRef(Struct, frozen=True):
    id: str
    sku: str | None = None


class FulfilmentOrderLine(Struct, frozen=True):
    id: str
    remaining_quantity: int
    line_item: LineRef


class FulfilmentOrderLines(Struct, frozen=True):
    nodes: tuple[FulfilmentOrderLine, ...]
    page_info: PageInfo


class _Location(Struct, frozen=True):
    location: graph.Ref | None = None


class FulfilmentOrder(Struct, frozen=True):
    id: str
    status: str
    assigned_location: _Location
    line_items: FulfilmentOrderLines

    @property
    def location_id(self) -> str | None:
        place = self.assigned_location.location
        return graph.number(place.id) if place else None


class _FulfilmentOrders(Struct, frozen=True):
    nodes: tuple[FulfilmentOrder, ...]
    page_info: PageInfo


class Tracking(Struct, frozen=True):
    number: str | None = None


class Fulfilment(Struct, frozen=True):
    id: str
    status: str
    created_at: Instant
    tracking_info: tuple[Tracking, ...] = ()


class FulfilmentState(Struct, frozen=True):
    """An order's fulfilments and what remains to be fulfilled, read just now."""

    id: str
    fulfillments: tuple[Fulfilment, ...]
    fulfillment_orders: _FulfilmentOrders
    cancelled_at: Instant | None = None


class _StateData(Struct, frozen=True):
    order: FulfilmentState | None


class _MoreLines(Struct, frozen=True):
    line_items: FulfilmentOrderLines


class _MoreLinesData(Struct, frozen=True):
    fulfillment_order: _MoreLines | None


class FulfilledLine(Struct, frozen=True):
    line_item: graph.Ref
    quantity: int | None = None


class _FulfilledLines(Struct, frozen=True):
    nodes: tuple[FulfilledLine, ...]
    page_info: PageInfo


class _FulfilmentWithLines(Struct, frozen=True):
    fulfillment_line_items: _FulfilledLines


class _FulfilmentData(Struct, frozen=True):
    fulfillment: _FulfilmentWithLines | None


class _Owner(Struct, frozen=True):
    id: str
    order_id: str


class _OwnerData(Struct, frozen=True):
    fulfillment_order: _Owner | None


class _Created(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    fulfillment: graph.Ref | None = None


class _CreatedData(Struct, frozen=True):
    fulfillment_create: _Created


class Subscription(Struct, frozen=True):
    id: str
    topic: str
    uri: str


class _Subscriptions(Struct, frozen=True):
    nodes: tuple[Subscription, ...]
    page_info: PageInfo


class _SubscriptionsData(Struct, frozen=True):
    webhook_subscriptions: _Subscriptions


class _Subscribed(Struct, frozen=True):
    user_errors: tuple[UserError, ...]


class _SubscribedData(Struct, frozen=True):
    webhook_subscription_create: _Subscribed


class _Plan(Struct, frozen=True):
    public_display_name: str


class _Shop(Struct, frozen=True):
    name: str
    myshopify_domain: str
    currency_code: str
    plan: _Plan


class _Scope(Struct, frozen=True):
    handle: str


class _Installation(Struct, frozen=True):
    access_scopes: tuple[_Scope, ...]


class Whoami(Struct, frozen=True):
    shop: _Shop
    current_app_installation: _Installation


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 86_399.0  # client credentials live 24 h (shopify.dev, read 2026-09)


class Client:
    """One shop, spoken to through one line. Cheap to open; it outlives no call but for what that told of itself."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.throttle_s = 0.0
        self.told_at: datetime | None = None  # Shopify's clock, by its last answer
        settings = line.settings
        self._base = str(settings.get("api_base") or f"https://{settings['shop_domain']}").rstrip("/")
        self._timeout_s = float(settings.get("timeout_s") or 30.0)
        self._token_name = f"shopify:{line.connection}"  # a token store may serve several shops

    async def order(self, order_id: str) -> tuple[graph.Order, tuple[graph.Line, ...]] | None:
        """The order and all its lines; ``None`` when the shop does not show it (deleted, or older than 60 days)."""
        order_gid = gid("Order", order_id)
        found: OrderData = await self._ask(documents.ORDER, {"id": order_gid}, OrderData)
        if found.order is None:
            return None
        lines, page = list(found.order.line_items.nodes), found.order.line_items.page_info
        while page.has_next_page:
            more: _OrderLinesData = await self._ask(
                documents.ORDER_LINES, {"id": order_gid, "after": page.end_cursor}, _OrderLinesData
            )
            if more.order is None:
                return None
            lines += more.order.line_items.nodes
            page = more.order.line_items.page_info
        return found.order, tuple(lines)

    async def orders_changed(self, query: str, first: int, after: str | None) -> ChangedPage:
        """One page of orders that match Shopify's search ``query``, oldest change first."""
        variables = {"query": query, "first": first, "after": after}
        found: _ChangedData = await self._ask(documents.ORDERS_CHANGED, variables, _ChangedData)
        return found.orders

    async def fulfilment_state(self, order_id: str) -> tuple[FulfilmentState, tuple[FulfilmentOrder, ...]] | None:
        """The order's fulfilments and every fulfilment order with all its lines; ``None``: no such order."""
        orders: list[FulfilmentOrder] = []
        after: str | None = None
        while True:
            variables = {"id": gid("Order", order_id), "after": after}
            found: _StateData = await self._ask(documents.FULFILMENT_STATE, variables, _StateData)
            if found.order is None:
                return None
            page = found.order.fulfillment_orders
            orders += [await self._whole(one) for one in page.nodes]
            if not page.page_info.has_next_page:
                return found.order, tuple(orders)
            after = page.page_info.end_cursor

    async def _whole(self, order: FulfilmentOrder) -> FulfilmentOrder:
        lines, page = list(order.line_items.nodes), order.line_items.page_info
        while page.has_next_page:
            variables = {"id": order.id, "after": page.end_cursor}
            more: _MoreLinesData = await self._ask(documents.FULFILMENT_ORDER_LINES, variables, _MoreLinesData)
            if more.fulfillment_order is None:
                break
            lines += more.fulfillment_order.line_items.nodes
            page = more.fulfillment_order.line_items.page_info
        return msgspec.structs.replace(order, line_items=FulfilmentOrderLines(tuple(lines), page))

    async def fulfilled_lines(self, fulfilment_gid: str) -> dict[str, int]:
        """What one fulfilment holds: canonical line id -> quantity."""
        held: dict[str, int] = {}
        after: str | None = None
        while True:
            variables = {"id": fulfilment_gid, "after": after}
            found: _FulfilmentData = await self._ask(documents.FULFILMENT_LINES, variables, _FulfilmentData)
            if found.fulfillment is None:
                return held
            page = found.fulfillment.fulfillment_line_items
            for line in page.nodes:
                line_id = graph.number(line.line_item.id)
                held[line_id] = held.get(line_id, 0) + (line.quantity or 0)
            if not page.page_info.has_next_page:
                return held
            after = page.page_info.end_cursor

    async def order_of(self, fulfilment_order_id: str) -> str | None:
        """The order (canonical id) that a fulfilment order belongs to; ``None`` when it is gone."""
        variables = {"id": gid("FulfillmentOrder", fulfilment_order_id)}
        found: _OwnerData = await self._ask(documents.FULFILMENT_ORDER, variables, _OwnerData)
        return graph.number(found.fulfillment_order.order_id) if found.fulfillment_order else None

    async def create_fulfilment(self, fulfilment: dict[str, Any]) -> str:
        """Make one fulfilment (all its fulfilment orders at one location); its number."""
        variables = {"fulfillment": fulfilment}
        found: _CreatedData = await self._ask(documents.FULFILMENT_CREATE, variables, _CreatedData, write=True)
        if found.fulfillment_create.user_errors:
            raise Failed(answers.user_errors(found.fulfillment_create.user_errors))
        if found.fulfillment_create.fulfillment is None:
            raise Failed(answers.lost("answer_empty", "Shopify names neither a fulfilment nor an error.", write=True))
        return graph.number(found.fulfillment_create.fulfillment.id)

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """All webhook subscriptions this app has in the shop."""
        found: list[Subscription] = []
        after: str | None = None
        while True:
            page: _SubscriptionsData = await self._ask(documents.SUBSCRIPTIONS, {"after": after}, _SubscriptionsData)
            found += page.webhook_subscriptions.nodes
            if not page.webhook_subscriptions.page_info.has_next_page:
                return tuple(found)
            after = page.webhook_subscriptions.page_info.end_cursor

    async def subscribe(self, topic: str, uri: str) -> None:
        """Subscribe a topic (the enum's spelling) at ``uri``. Already subscribed counts as done."""
        variables = {"topic": topic, "subscription": {"uri": uri, "format": "JSON"}}
        found: _SubscribedData = await self._ask(documents.SUBSCRIPTION_CREATE, variables, _SubscribedData, write=True)
        errors = found.webhook_subscription_create.user_errors
        if errors and "already been taken" not in errors[0].message:
            detail = f"Shopify does not subscribe {topic} at {uri}: {errors[0].message}"
            raise Failed(Rejected("shopify.subscription_refused", detail, field="public_url"))

    async def whoami(self) -> Whoami:
        """The shop, its plan and what this app may do."""
        found: Whoami = await self._ask(documents.WHOAMI, {}, Whoami)
        return found

    async def _ask(self, document: str, variables: dict[str, Any], type_: Any, *, write: bool = False) -> Any:
        token, fresh = await self._token()
        response = await self.line.http.request(
            "POST",
            f"{self._base}/admin/api/{API_VERSION}/graphql.json",
            headers={"content-type": "application/json", "accept": "application/json", "x-shopify-access-token": token},
            body=_encode({"query": document, "variables": variables}),
            timeout_s=self._timeout_s,
        )
        if response.status == 401 and not fresh and not self.line.secrets.get("access_token"):
            self.line.tokens.forget(self._token_name)
            raise Failed(
                answers.lost("token_expired", "Shopify no longer takes our access token; a new one is fetched.", False)
            )
        self.told_at = told_at(response.headers)
        whole, self.throttle_s = answers.read(response, write=write)
        return answers.decode(whole, type_, write=write)

    async def _token(self) -> tuple[str, bool]:
        """The access token, and whether it was fetched just now."""
        fixed = self.line.secrets.get("access_token")
        if fixed:
            return fixed, True
        fetched = False

        async def refresh() -> tuple[str, float]:
            nonlocal fetched
            fetched = True
            return await self._client_credentials()

        return await self.line.tokens.get(self._token_name, refresh), fetched

    async def _client_credentials(self) -> tuple[str, float]:
        client_id, secret = self.line.settings.get("client_id"), self.line.secrets.get("client_secret")
        if not client_id or not secret:
            raise Failed(Misconfigured("Set the secret access_token, or client_id and the secret client_secret."))
        grant = {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials"}
        try:
            response = await self.line.http.request(
                "POST",
                f"{self._base}/admin/oauth/access_token",
                headers={"content-type": "application/json", "accept": "application/json"},
                body=_encode(grant),
                timeout_s=self._timeout_s,
            )
        except AnswerLost as error:
            raise NotSent(f"the token was not answered, the call itself was not sent: {error}") from error
        return _granted(response.status, response.body)


def _granted(status: int, body: bytes) -> tuple[str, float]:
    if status in (400, 401, 403, 404):
        detail = f"Shopify refuses client_id and client_secret ({status}): is the app installed in this shop?"
        raise Failed(Misconfigured(detail))
    if status != 200:
        raise Failed(answers.lost(f"http_{status}", f"Shopify's token endpoint answered {status}.", False))
    token: _Token = answers.decode(body, _Token, write=False)
    return token.access_token, token.expires_in
