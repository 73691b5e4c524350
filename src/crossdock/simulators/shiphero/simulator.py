"""The account as its API and webhooks show it."""

import hmac
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec

from crossdock.simulators.base import Deliver, Faults, Reply, Request, Surroundings
from crossdock.simulators.shiphero import returns, views
from crossdock.simulators.shiphero.language import Field, GraphError, parse
from crossdock.simulators.shiphero.returns import Return, ReturnDesk
from crossdock.simulators.shiphero.schema import check, check_input, pick
from crossdock.simulators.shiphero.stock import Shelves
from crossdock.simulators.shiphero.warehouse import Order, Pace, Refusal, Shipment, Warehouse

TOKEN_LIFE_S = 28 * 86_400
_JSON = {"content-type": "application/json"}


class ShipHeroSimulator:
    """One account. ``webhook_url``: where webhooks go (none: nowhere); ``webhook_secret`` signs them.

    Further settings: the credentials, ``credits`` and ``restore_per_s`` of the bucket, ``skus`` that the account
    stocks (none: all), and the fields of ``warehouse.Pace``.
    """

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        *,
        webhook_url: str | None = None,
        webhook_secret: str = "shiphero-webhook-secret",  # noqa: S107 - a simulated vendor's
        username: str = "api@warehouse.example",
        password: str = "shiphero-password",  # noqa: S107
        refresh_token: str = "shiphero-refresh-token",  # noqa: S107
        credits: float = 4004.0,  # noqa: A002 - the vendor's word
        restore_per_s: float = 60.0,
        skus: list[str] | None = None,
        **pace: Any,
    ) -> None:
        self.name = name
        self.faults = Faults()
        self.webhook_url, self.webhook_secret = webhook_url, webhook_secret
        self._world = surroundings
        self._login = {"username": username, "password": password}
        self._refresh_token = refresh_token
        self._tokens: dict[str, datetime] = {}
        self._most, self._restore = credits, restore_per_s
        self._credits, self._credited_at = credits, surroundings.now()
        self._skus = None if skus is None else frozenset(skus)
        self._requests: dict[str, int] = {}
        paced = msgspec.convert(pace, Pace, strict=False)
        unknown = set(pace) - set(Pace.__struct_fields__)
        if unknown:
            raise TypeError(f"unknown settings {sorted(unknown)}")
        self.warehouse = Warehouse(surroundings.now, surroundings.random, paced, self._tell)
        self.returns = ReturnDesk(surroundings.now, self.warehouse.number, self._tell_return)
        self.shelves = Shelves(lambda: self.warehouse.orders.values(), self._tell_stock, self.returns.restocked)

    async def handle(self, request: Request) -> Reply:
        if request.method != "POST":
            return _reply(405, {"message": "Method Not Allowed"})
        try:
            asked = msgspec.json.decode(request.body)
        except msgspec.DecodeError:
            return _reply(400, {"errors": [{"message": "The request body is not JSON"}]})
        match request.path:
            case "/auth/token" | "/auth/refresh":
                return self._sign_in(request.path, asked)
            case "/graphql":
                return self._graphql(request.headers, asked)
            case _:
                return _reply(404, {"message": "Not Found"})

    async def tick(self) -> None:
        self.warehouse.work()

    def books(self) -> dict[str, Any]:
        """Orders with their shipments; ``repeated``: our keys that came in more than once."""
        keys = Counter(order.partner for order in self.warehouse.orders.values() if order.partner)
        return {
            "orders": [views.book(order) for order in self.warehouse.orders.values()],
            "returns": [returns.book(made) for made in self.returns.returns.values()],
            "returns_repeated": list(returns.repeated(self.returns)),
            "repeated": sorted(key for key, times in keys.items() if times > 1),
            "requests": dict(self._requests),
            "credits": round(self._credits, 1),
        }

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """``hold``, ``release_hold``, ``ship_now``, ``cancel``, ``void_label``, ``pick_up``, ``deliver`` (args:
        ``order``, an id, a number or a partner_order_id), ``ship_line``, ``take_off`` (and ``line``), ``subscribe``
        (``url``, ``secret``), ``count_stock`` (``sku``, ``quantity``, ``warehouse``), ``receive_return`` (``order``,
        ``sku``, ``quantity``, ``restock``; ``return``: which of several, ``finish``, ``silently``: no webhook),
        ``open_return`` (``order``, ``lines``). Raises ``KeyError`` and ``ValueError``."""
        if verb == "subscribe":
            self.webhook_url, self.webhook_secret = args["url"], args.get("secret", self.webhook_secret)
            return {"url": self.webhook_url}
        if verb == "count_stock":
            self.shelves.count(str(args["sku"]), int(args["quantity"]), str(args.get("warehouse", views.WAREHOUSE_ID)))
            return {"products": self.shelves.products(str(args["sku"]), None)}
        order = self.warehouse.find(str(args["order"]))
        if verb in ("receive_return", "open_return"):
            return returns.book(self._returned(verb, order, args))
        try:
            self._do(verb, order, args)
        except Refusal as refusal:
            raise ValueError(str(refusal)) from refusal
        return views.book(order)

    def _returned(self, verb: str, order: Order, args: Mapping[str, Any]) -> Return:
        if verb == "open_return":
            rows = [{"return_reason": "RTS", **dict(row)} for row in args["lines"]]
            return self.returns.create(order, {"line_items": rows, "warehouse_id": views.WAREHOUSE_ID})
        known = self.returns.of_order(order)
        made = next(one for one in reversed(known) if args.get("return") in (None, one.id, one.partner_id))
        tell, quantity = not args.get("silently"), int(args.get("quantity", 0))
        if quantity:
            restock = int(args.get("restock", quantity))
            self.returns.receive(made, str(args["sku"]), quantity, restock, args.get("condition"), tell=tell)
        if args.get("finish"):
            self.returns.finish(made, tell=tell)
        return made

    def _do(self, verb: str, order: Order, args: Mapping[str, Any]) -> None:
        match verb:
            case "hold":
                self.warehouse.hold(order, str(args.get("reason", "operator")))
            case "release_hold":
                self.warehouse.release_hold(order)
            case "ship_now":
                self.warehouse.ship_now(order)
            case "ship_line":
                self.warehouse.ship_line(order, str(args["line"]))
            case "take_off":
                self.warehouse.take_off(order, str(args["line"]))
            case "cancel":
                self.warehouse.cancel(order, args.get("reason"))
            case "void_label":
                self.warehouse.void_label(order)
            case "pick_up" | "deliver":
                self.warehouse.carry(order, delivered=verb == "deliver")
            case _:
                raise ValueError(f"unknown verb {verb!r}")

    def throttled(self, request: Request) -> Reply:
        """The vendor's own way to say "too many": a GraphQL error in a 200."""
        if request.path != "/graphql":
            return _reply(429, {"message": "Too Many Requests"})
        return _errors(_out_of_credits(5, 0, 1))

    def _sign_in(self, path: str, asked: Any) -> Reply:
        given = asked if isinstance(asked, dict) else {}
        if path == "/auth/token":
            right = {name: given.get(name) for name in self._login} == self._login
        else:
            right = given.get("refresh_token") == self._refresh_token
        if not right:
            return _reply(401, {"message": "Wrong credentials", "code": 401})
        token = f"shiphero-{self._world.random.getrandbits(128):032x}"
        self._tokens[token] = self._world.now() + timedelta(seconds=TOKEN_LIFE_S)
        answer = {"access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer"}
        if path == "/auth/token":
            answer["refresh_token"] = self._refresh_token
        return _reply(200, answer)

    def _graphql(self, headers: Mapping[str, str], asked: Any) -> Reply:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        ends = self._tokens.get(token)
        if ends is None or ends <= self._world.now():
            return _reply(401, {"message": "Unauthorized", "code": 401})
        try:
            if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
                raise GraphError("Must provide query string.")
            parsed = parse(asked["query"], asked.get("variables") or {})
            root = "Query" if parsed.kind == "query" else "Mutation"
            check(parsed.fields, root)
            self._spend(_cost(parsed.fields, parsed.kind))
            return _reply(200, {"data": {field.alias: self._root(root, field) for field in parsed.fields}})
        except GraphError as error:
            return _errors(error)

    def _spend(self, cost: int) -> None:
        now = self._world.now()
        restored = (now - self._credited_at).total_seconds() * self._restore
        self._credits, self._credited_at = min(self._most, self._credits + restored), now
        if cost > self._credits:
            raise _out_of_credits(cost, int(self._credits), (cost - self._credits) / self._restore)
        self._credits -= cost

    def _root(self, root: str, field: Field) -> Any:
        self._requests[field.name] = self._requests.get(field.name, 0) + 1
        answer, of = getattr(self, f"_{field.name}")(field.args)
        meta = {"request_id": f"{self._world.random.getrandbits(64):016x}", "complexity": _cost((field,), root.lower())}
        return pick({**meta, **answer}, of, field.fields)

    def _order_create(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        given = check_input(args.get("data"), "CreateOrderInput")
        check_input(given["shipping_address"], "OrderAddressInput")
        if given.get("shipping_lines"):
            check_input(given["shipping_lines"], "CreateShippingLinesInput")
        for line in given["line_items"]:
            check_input(line, "CreateLineItemInput")
            if not isinstance(line["quantity"], int) or line["quantity"] < 1:
                raise GraphError("Int cannot represent this quantity", field="quantity")
            if not isinstance(line["price"], str):
                raise GraphError("String cannot represent this price", field="price")
            if self._skus is not None and line["sku"] not in self._skus:
                raise GraphError(f"Product with sku {line['sku']} not found", 4, field="sku")
        return {"order": views.order(self.warehouse.create(given))}, "OrderMutation"

    def _order_cancel(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        given = check_input(args.get("data"), "CancelOrderInput")
        order = self.warehouse.orders.get(given["order_id"])
        if order is None:
            raise GraphError(f"Order {given['order_id']} not found", 4)
        try:
            self.warehouse.cancel(order, given.get("reason"))
        except Refusal as refusal:
            raise GraphError(str(refusal), 3) from refusal
        return {"order": views.order(order)}, "OrderMutation"

    def _return_create(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        given = check_input(args.get("data"), "CreateReturnInput")
        check_input(given["address"], "AddressInput")
        check_input(given["dimensions"], "DimensionsInput")
        if given["label_type"] not in ("FREE", "PAID", "FLAT_RATE", "SELF_RETURN"):
            raise GraphError(f'Value "{given["label_type"]}" does not exist in "ReturnLabelType" enum.')
        if given["warehouse_id"] != views.WAREHOUSE_ID:
            raise GraphError(f"Warehouse {given['warehouse_id']} not found", 4, field="warehouse_id")
        for line in given["line_items"]:
            check_input(line, "CreateReturnLineItemInput")
            if not isinstance(line["quantity"], int) or line["quantity"] < 1:
                raise GraphError("Int cannot represent this quantity", field="quantity")
        order = self.warehouse.orders.get(given["order_id"])
        if order is None:
            raise GraphError(f"Order {given['order_id']} not found", 4)
        try:
            return {"return": self._return_view(self.returns.create(order, given))}, "ReturnMutation"
        except Refusal as refusal:
            raise GraphError(str(refusal), 3) from refusal

    def _return_update_status(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        given = check_input(args.get("data"), "UpdateReturnStatusInput")
        made = self.returns.returns.get(given["return_id"])
        if made is None:
            raise GraphError(f"Return {given['return_id']} not found", 4)
        try:
            self.returns.set_status(made, given["status"])
        except Refusal as refusal:
            raise GraphError(str(refusal), 3) from refusal
        return {"return": self._return_view(made)}, "ReturnMutation"

    def _return_view(self, made: Return) -> dict[str, Any]:
        return returns.view(made, views.order)

    def _return(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        made = self.returns.returns.get(args.get("id") or "")
        return {"data": None if made is None else self._return_view(made)}, "ReturnAnswer"

    def _returns(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        since, until = views.instant(args.get("date_from")), views.instant(args.get("date_to"))
        found = [
            partial(self._return_view, made)
            for made in self.returns.returns.values()
            if args.get("order_id") in (None, made.order.id)
            and (since is None or made.at >= since)
            and (until is None or made.at <= until)
            and self._visible(made.at)
        ]
        return {"data": found}, "ReturnsAnswer"

    def _orders(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        since, until = views.instant(args.get("updated_from")), views.instant(args.get("updated_to"))
        found = [
            order
            for order in self.warehouse.orders.values()
            if all(
                order.given.get(name) == args[name] for name in ("partner_order_id", "order_number") if args.get(name)
            )
            and (since is None or order.changed >= since)
            and (until is None or order.changed <= until)
            and self._visible(order.at)
        ]
        return {"data": [partial(views.order, order) for order in found]}, "OrdersAnswer"

    def _order(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        order = self.warehouse.orders.get(args.get("id") or "")
        return {"data": None if order is None else views.order(order)}, "OrderAnswer"

    def _shipments(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        since, until = views.instant(args.get("date_from")), views.instant(args.get("date_to"))
        found = [
            partial(views.shipment, order, shipment)
            for order in self.warehouse.orders.values()
            for shipment in order.shipments
            if args.get("order_id") in (None, order.id)
            and (since is None or shipment.at >= since)
            and (until is None or shipment.at <= until)
            and self._visible(shipment.at)
        ]
        return {"data": found}, "ShipmentsAnswer"

    def _account(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        account = {"id": "QWNjb3VudDo2MzM0", "legacy_id": 6334, "email": self._login["username"], "username": self.name}
        return {"data": account}, "AccountAnswer"

    def _warehouse_products(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        found = self.shelves.products(args.get("sku"), args.get("warehouse_id"))
        return {"data": found}, "WarehouseProductsAnswer"

    def _visible(self, made_at: datetime) -> bool:
        return self._world.now() - made_at >= timedelta(seconds=self.faults.search_lag_s)

    def _tell(self, topic: str, order: Order, shipment: Shipment | None) -> None:
        self._send(views.webhook(topic, order, shipment, self._world.now()))
        for sku in sorted({line.sku for line in order.lines if self.shelves.knows(line.sku)}):
            self._tell_stock(sku)

    def _tell_return(self, made: Return) -> None:
        self._send(returns.webhook(made))
        for sku in sorted({item.sku for item in made.items if item.received and self.shelves.knows(item.sku)}):
            self._tell_stock(sku)

    def _tell_stock(self, sku: str) -> None:
        first = self.shelves.products(sku, None)[0]
        numbers = {"sku": sku, "inventory": str(first["available"]), "backorder_quantity": first["backorder"]}
        self._send({"webhook_type": "Inventory Update", **views.ACCOUNT, "inventory": [numbers]})

    def _send(self, told: dict[str, Any]) -> None:
        if self.webhook_url is None:
            return
        body = msgspec.json.encode(told)
        signature = b64encode(hmac.digest(self.webhook_secret.encode(), body, sha256)).decode()
        headers = {
            **_JSON,
            "x-shiphero-hmac-sha256": signature,
            "x-shiphero-message-id": f"{self._world.random.getrandbits(128):032x}",
        }
        self._world.send(Deliver(self.webhook_url, headers, body))


def _cost(fields: tuple[Field, ...], kind: str) -> int:
    """Like the vendor's: a mutation costs 5, a query 1 and a credit for every node that it may return."""
    return 5 if kind == "mutation" else 1 + sum(_nodes(field) for field in fields)


def _nodes(field: Field) -> int:
    first = field.args.get("first")
    inner = sum(_nodes(part) for part in field.fields if part.name != "line_items")
    return (first if isinstance(first, int) else 0) + inner


def _out_of_credits(cost: int, left: int, wait_s: float) -> GraphError:
    seconds = int(wait_s) + 1
    said = (
        f"There are not enough credits to perform the requested operation, which requires {cost} credits, but there "
        f"are only {left} left. In {seconds} seconds you will have enough credits to perform the operation"
    )
    return GraphError(
        said,
        30,
        required_credits=cost,
        remaining_credits=left,
        time_remaining=f"{seconds} seconds",
        operation="graphql",
    )


def _errors(error: GraphError) -> Reply:
    return _reply(200, {"errors": [error.facts], "data": None})


def _reply(status: int, body: Any) -> Reply:
    return Reply(status, msgspec.json.encode(body), _JSON)
