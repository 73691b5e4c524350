"""One method per call to Shopify's Admin GraphQL API. No retries, no mapping.

Raises ``Failed`` with the classified outcome, or ``NotSent`` / ``AnswerLost`` from the door. After every call
``throttle_s`` says how long Shopify's own meter wants us to wait.
"""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.connectors.shopify import answers, documents, graph, graph_refunds, payout_shapes, shapes, wire
from crossdock.connectors.shopify.answers import Failed
from crossdock.connectors.shopify.graph import gid
from crossdock.connectors.shopify.returns import ReturnsData, Told, UnderWayData, UnderWayPage, is_whole
from crossdock.domain.outcome import Misconfigured, RateLimited, Rejected
from crossdock.kit.errors import told_at
from crossdock.kit.http import AnswerLost, Line, NotSent

API_VERSION = "2026-10"
MOST_REFUNDS = 50  # as many as ``documents.ORDER`` lists
_encode = msgspec.json.Encoder().encode


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 86_399.0  # client credentials live 24 h (shopify.dev, read 2026-09)


class Pages:
    """Where a list is being read: pages that come round would be read for ever."""

    def __init__(self) -> None:
        self.after: str | None = None
        self._seen: set[str] = set()

    def more(self, page: graph.PageInfo) -> bool:
        """Go on after this page; ``False``: it is the last. Raises ``Failed`` where pages come round."""
        if not page.has_next_page:
            return False
        if page.end_cursor is None or page.end_cursor in self._seen:
            raise Failed(answers.lost("pages_repeat", "The pages of Shopify's list come round.", False))
        self._seen.add(page.end_cursor)
        self.after = page.end_cursor
        return True


class Client:
    """One shop, spoken to through one line. Cheap to open; it outlives no call but for what that told of itself."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.throttle_s = 0.0
        self.restored_s = 0.0  # how long Shopify takes to restore what the last call cost
        self.told_at: datetime | None = None  # Shopify's clock, by its last answer
        settings = line.settings
        self._base = str(settings.get("api_base") or f"https://{settings['shop_domain']}").rstrip("/")
        self._timeout_s = float(settings.get("timeout_s") or 30.0)
        self._token_name = f"shopify:{line.connection}"  # a token store may serve several shops

    async def order(self, order_id: str) -> tuple[graph.Order, tuple[graph.Line, ...]] | None:
        """The order and all its lines; ``None`` when the shop does not show it (deleted, or older than 60 days)."""
        order_gid = gid("Order", order_id)
        found: shapes.OrderData = await self.ask(documents.ORDER, {"id": order_gid}, shapes.OrderData)
        if found.order is None:
            return None
        lines, page, pages = list(found.order.line_items.nodes), found.order.line_items.page_info, Pages()
        while pages.more(page):
            more: shapes.OrderLinesData = await self.ask(
                documents.ORDER_LINES, {"id": order_gid, "after": pages.after}, shapes.OrderLinesData
            )
            if more.order is None:
                return None
            lines += more.order.line_items.nodes
            page = more.order.line_items.page_info
        return found.order, tuple(lines)

    async def refunds(self, order: graph.Order) -> tuple[wire.Refund, ...]:
        """Every refund of the order, whole. Raises ``Failed`` where more were made than are listed."""
        if len(order.refunds) >= MOST_REFUNDS:
            detail = (
                f"Order {graph.number(order.id)} has {MOST_REFUNDS} refunds or more: enter them in the ERP by hand."
            )
            raise Failed(Rejected("shopify.too_many_refunds", detail))
        return tuple([one for each in order.refunds if (one := await self._refund(each.id)) is not None])

    async def _refund(self, refund_gid: str) -> wire.Refund | None:
        lines: list[graph_refunds.RefundLine] = []
        pages = Pages()
        while True:
            found: shapes.RefundData = await self.ask(
                documents.REFUND, {"id": refund_gid, "after": pages.after}, shapes.RefundData
            )
            if found.refund is None:
                return None
            lines += found.refund.refund_line_items.nodes
            if not pages.more(found.refund.refund_line_items.page_info):
                return graph_refunds.refund_as_wire(found.refund, tuple(lines))

    async def fulfilments(self, order_id: str) -> tuple[wire.Fulfilment, ...]:
        """What left, when, as the shop knows it."""
        read = await self.fulfilment_state(order_id)
        found = []
        for one in read[0].fulfillments if read else ():
            held = await self.fulfilled_lines(one.id)
            lines = tuple(wire.FulfilledLine(int(line_id), quantity) for line_id, quantity in held.items())
            found.append(wire.Fulfilment(one.created_at, one.status.lower(), lines))
        return tuple(found)

    async def orders_changed(self, query: str, first: int, after: str | None) -> shapes.ChangedPage:
        """One page of orders that match Shopify's search ``query``, oldest change first."""
        variables = {"query": query, "first": first, "after": after}
        found: shapes.ChangedData = await self.ask(documents.ORDERS_CHANGED, variables, shapes.ChangedData)
        return found.orders

    async def payouts(self, query: str, first: int, after: str | None) -> payout_shapes.PayoutPage | None:
        """One page of payouts that match, oldest first; ``None``: the shop has no Shopify Payments account."""
        variables = {"query": query, "first": first, "after": after}
        found: payout_shapes.PayoutsData = await self.ask(documents.PAYOUTS, variables, payout_shapes.PayoutsData)
        account = found.shopify_payments_account
        return None if account is None else account.payouts

    async def payout_lines(self, payout_number: str) -> tuple[payout_shapes.BalanceTransaction, ...]:
        """Every balance transaction that a payout is made of, the payout's own transfer left out."""
        lines: list[payout_shapes.BalanceTransaction] = []
        pages = Pages()
        while True:
            variables = {"query": f"payments_transfer_id:{payout_number}", "after": pages.after}
            found: payout_shapes.LinesData = await self.ask(documents.PAYOUT_LINES, variables, payout_shapes.LinesData)
            if found.shopify_payments_account is None:
                return tuple(lines)
            page = found.shopify_payments_account.balance_transactions
            lines += page.nodes
            if not pages.more(page.page_info):
                return tuple(lines)

    async def orders_listed(self, query: str, first: int, after: str | None, sort: str) -> shapes.ListedPage:
        """One page of thin views of the orders that match ``query``. ``sort``: UPDATED_AT or PROCESSED_AT."""
        variables = {"query": query, "first": first, "after": after, "sort": sort}
        found: shapes.ListedData = await self.ask(documents.ORDERS_LISTED, variables, shapes.ListedData)
        return found.orders

    async def fulfilment_state(
        self, order_id: str
    ) -> tuple[shapes.FulfilmentState, tuple[shapes.FulfilmentOrder, ...]] | None:
        """The order's fulfilments and every fulfilment order with all its lines; ``None``: no such order."""
        orders: list[shapes.FulfilmentOrder] = []
        pages = Pages()
        while True:
            variables = {"id": gid("Order", order_id), "after": pages.after}
            found: shapes.StateData = await self.ask(documents.FULFILMENT_STATE, variables, shapes.StateData)
            if found.order is None:
                return None
            page = found.order.fulfillment_orders
            orders += [await self._whole(one) for one in page.nodes]
            if not pages.more(page.page_info):
                return found.order, tuple(orders)

    async def _whole(self, order: shapes.FulfilmentOrder) -> shapes.FulfilmentOrder:
        lines, page, pages = list(order.line_items.nodes), order.line_items.page_info, Pages()
        while pages.more(page):
            variables = {"id": order.id, "after": pages.after}
            more: shapes.MoreLinesData = await self.ask(
                documents.FULFILMENT_ORDER_LINES, variables, shapes.MoreLinesData
            )
            if more.fulfillment_order is None:
                detail = f"Fulfilment order {graph.number(order.id)} was merged or moved while it was read."
                raise Failed(answers.lost("fulfilment_order_changed", detail, False))
            lines += more.fulfillment_order.line_items.nodes
            page = more.fulfillment_order.line_items.page_info
        return msgspec.structs.replace(order, line_items=shapes.FulfilmentOrderLines(tuple(lines), page))

    async def fulfilled_lines(self, fulfilment_gid: str) -> dict[str, int]:
        """What one fulfilment holds: canonical line id -> quantity."""
        held: dict[str, int] = {}
        pages = Pages()
        while True:
            variables = {"id": fulfilment_gid, "after": pages.after}
            found: shapes.FulfilmentData = await self.ask(documents.FULFILMENT_LINES, variables, shapes.FulfilmentData)
            if found.fulfillment is None:
                return held
            page = found.fulfillment.fulfillment_line_items
            for line in page.nodes:
                line_id = graph.number(line.line_item.id)
                held[line_id] = held.get(line_id, 0) + (line.quantity or 0)
            if not pages.more(page.page_info):
                return held

    async def order_of(self, fulfilment_order_id: str) -> str | None:
        """The order (canonical id) that a fulfilment order belongs to; ``None`` when it is gone."""
        variables = {"id": gid("FulfillmentOrder", fulfilment_order_id)}
        found: shapes.OwnerData = await self.ask(documents.FULFILMENT_ORDER, variables, shapes.OwnerData)
        return graph.number(found.fulfillment_order.order_id) if found.fulfillment_order else None

    async def create_fulfilment(self, fulfilment: dict[str, Any]) -> str:
        """Make one fulfilment (all its fulfilment orders at one location); its number."""
        variables = {"fulfillment": fulfilment}
        found: shapes.CreatedData = await self.ask(
            documents.FULFILMENT_CREATE, variables, shapes.CreatedData, write=True
        )
        if found.fulfillment_create.user_errors:
            raise Failed(answers.user_errors(found.fulfillment_create.user_errors))
        if found.fulfillment_create.fulfillment is None:
            raise Failed(answers.lost("answer_empty", "Shopify names neither a fulfilment nor an error.", write=True))
        return graph.number(found.fulfillment_create.fulfillment.id)

    async def replace_tracking(self, fulfilment_gid: str, tracking: dict[str, Any], notify_customer: bool) -> None:
        """Set all tracking numbers of a fulfilment."""
        variables = {"id": fulfilment_gid, "tracking": tracking, "notify": notify_customer}
        found: shapes.RelabelledData = await self.ask(
            documents.FULFILMENT_TRACKING_UPDATE, variables, shapes.RelabelledData, write=True
        )
        if found.fulfillment_tracking_info_update.user_errors:
            raise Failed(answers.user_errors(found.fulfillment_tracking_info_update.user_errors))

    async def returns(self, order_id: str) -> tuple[Told, ...] | None:
        """Every return of the order; ``None``: no such order. Raises ``Failed`` where more are there than listed."""
        variables = {"id": gid("Order", order_id)}
        found: ReturnsData = await self.ask(documents.RETURNS, variables, ReturnsData)
        if found.order is None:
            return None
        if not is_whole(found.order.returns):
            detail = f"Order {order_id} has more returns, or returned lines, than are read: look at it in the shop."
            raise Failed(Rejected("shopify.too_many_returns", detail))
        return found.order.returns.nodes

    async def returns_under_way(self, query: str, first: int, after: str | None) -> UnderWayPage:
        """One page of the orders that match, each with its newest returns in brief."""
        variables = {"query": query, "first": first, "after": after}
        found: UnderWayData = await self.ask(documents.RETURNS_UNDER_WAY, variables, UnderWayData)
        return found.orders

    async def refundable(self, order_id: str) -> shapes.Refundable | None:
        """What was paid on an order and what went back of it; ``None``: no such order."""
        variables = {"id": gid("Order", order_id)}
        found: shapes.RefundableData = await self.ask(documents.REFUNDABLE, variables, shapes.RefundableData)
        return found.order

    async def paid(self, order_id: str) -> shapes.Paid | None:
        """What the shop took for an order, transaction by transaction; ``None``: no such order."""
        variables = {"id": gid("Order", order_id)}
        found: shapes.PaidData = await self.ask(documents.PAYMENTS, variables, shapes.PaidData)
        return found.order

    async def metafield(self, order_id: str, namespace: str, key: str) -> str | None:
        """What a metafield of an order holds; ``None`` where it has none. Raises ``Failed`` for an unknown order."""
        variables = {"id": gid("Order", order_id), "namespace": namespace, "key": key}
        found: shapes.NotedData = await self.ask(documents.METAFIELD, variables, shapes.NotedData)
        if found.order is None:
            raise Failed(Rejected("shopify.order_not_found", f"The shop does not show order {order_id}."))
        return None if found.order.metafield is None else found.order.metafield.value

    async def set_metafield(self, metafield: dict[str, Any]) -> tuple[answers.UserError, ...]:
        """Write one metafield; what the shop has against it. One error, and nothing is written."""
        found: shapes.SetMetafieldsData = await self.ask(
            documents.METAFIELDS_SET, {"metafields": [metafield]}, shapes.SetMetafieldsData, write=True
        )
        told = found.metafields_set
        if not told.user_errors and not told.metafields:
            raise Failed(answers.lost("answer_empty", "Shopify names neither a metafield nor an error.", write=True))
        return told.user_errors

    async def create_refund(self, refund: dict[str, Any], key: str) -> str:
        """Give money back; its number. The same key with the same input again is the same refund."""
        variables = {"input": refund, "key": key}
        found: shapes.MadeRefundData = await self.ask(
            documents.REFUND_CREATE, variables, shapes.MadeRefundData, write=True
        )
        errors = found.refund_create.user_errors
        if errors:
            text = "; ".join(error.message for error in errors[:3])
            raise Failed(Rejected("shopify.refund_refused", text, ".".join(errors[0].field or ()) or None))
        if found.refund_create.refund is None:
            raise Failed(answers.lost("answer_empty", "Shopify names neither a refund nor an error.", write=True))
        return graph.number(found.refund_create.refund.id)

    async def inventory_item(self, sku: str, location: str) -> shapes.InventoryItem | None:
        """The item of a SKU with its level at a location; ``None`` when the shop has none, or several, of that SKU."""
        quoted = sku.replace("\\", "\\\\").replace("'", "\\'")
        variables = {"query": f"sku:'{quoted}'", "location": gid("Location", location)}
        found: shapes.InventoryItemsData = await self.ask(
            documents.INVENTORY_ITEM, variables, shapes.InventoryItemsData
        )
        same = [one for one in found.inventory_items.nodes if one.sku == sku]
        return same[0] if len(same) == 1 else None

    async def levels(self, location: str, first: int, after: str | None) -> shapes.InventoryItems:
        """One page of items with their levels at a location."""
        variables = {"first": first, "after": after, "location": gid("Location", location)}
        found: shapes.InventoryItemsData = await self.ask(documents.LEVELS, variables, shapes.InventoryItemsData)
        return found.inventory_items

    async def set_available(self, asked: dict[str, Any], key: str) -> tuple[answers.UserError, ...]:
        """Set what is available, all or nothing; what the shop has against it. ``key``: a UUID, the same over repeats.

        A repeat with the same key and input is answered as the first time (mandatory key since API 2026-04).
        """
        variables = {"input": asked, "key": key}
        found: shapes.QuantitiesSetData = await self.ask(
            documents.INVENTORY_SET, variables, shapes.QuantitiesSetData, write=True
        )
        return found.inventory_set_quantities.user_errors

    async def subscriptions(self) -> tuple[shapes.Subscription, ...]:
        """All webhook subscriptions this app has in the shop."""
        found: list[shapes.Subscription] = []
        pages = Pages()
        while True:
            page: shapes.SubscriptionsData = await self.ask(
                documents.SUBSCRIPTIONS, {"after": pages.after}, shapes.SubscriptionsData
            )
            found += page.webhook_subscriptions.nodes
            if not pages.more(page.webhook_subscriptions.page_info):
                return tuple(found)

    async def subscribe(self, topic: str, uri: str) -> None:
        """Subscribe a topic (the enum's spelling) at ``uri``. Already subscribed counts as done."""
        variables = {"topic": topic, "subscription": {"uri": uri, "format": "JSON"}}
        found: shapes.SubscribedData = await self.ask(
            documents.SUBSCRIPTION_CREATE, variables, shapes.SubscribedData, write=True
        )
        errors = found.webhook_subscription_create.user_errors
        if errors and "already been taken" not in errors[0].message:
            detail = f"Shopify does not subscribe {topic} at {uri}: {errors[0].message}"
            raise Failed(Rejected("shopify.subscription_refused", detail, field="public_url"))

    async def whoami(self) -> shapes.Whoami:
        """The shop, its plan and what this app may do."""
        found: shapes.Whoami = await self.ask(documents.WHOAMI, {}, shapes.Whoami)
        return found

    async def scopes(self) -> set[str]:
        """What this app may do, by the handles of its access scopes."""
        found = await self.whoami()
        return {scope.handle for scope in found.current_app_installation.access_scopes}

    async def ask(self, document: str, variables: dict[str, Any], type_: Any, *, write: bool = False) -> Any:
        """One document's answer as its type. Raises ``Failed`` with an outcome, ``NotSent`` or ``AnswerLost``."""
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
        try:
            whole, cost = answers.read(response, write=write)
        except Failed as failed:
            if isinstance(failed.outcome, RateLimited):  # whatever the operation that it ends makes of it
                self.throttle_s = failed.outcome.after_s
            raise
        self.throttle_s, self.restored_s = (cost.wait_s(), cost.restored_s()) if cost else (0.0, 0.0)
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
