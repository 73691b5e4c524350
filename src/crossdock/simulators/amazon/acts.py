"""What buyers, the seller and Amazon do, by verb: the traffic of tests, the demo and its visitors."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from crossdock.simulators.amazon.books import Refusal
from crossdock.simulators.amazon.placing import Wish

if TYPE_CHECKING:
    from crossdock.simulators.amazon.simulator import AmazonSimulator

Args = Mapping[str, Any]


def perform(seller: "AmazonSimulator", verb: str, args: Args) -> dict[str, Any]:
    """Do it; raises ``LookupError`` for an unknown verb or order, ``ValueError`` for what Amazon refuses."""
    if verb not in VERBS:
        raise LookupError(f"no verb {verb!r}; there are {sorted(VERBS)}")
    try:
        return VERBS[verb](seller, args)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from refusal


def _place_order(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """``count`` orders; the rest of the arguments are a ``Wish``."""
    wished = {name: value for name, value in args.items() if name in Wish._fields}
    if "skus" in wished:
        wished["skus"] = tuple(wished["skus"])
    return {"ids": [seller.place(Wish(**wished)) for _ in range(int(args.get("count", 1)))]}


def _list_item(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """A listing of ``sku`` with ``quantity``; ``product_type``, ``lead_time``, ``afn``. Again: changed by people."""
    made = seller.listings.enter(str(args["sku"]), int(args["quantity"]), args)
    return {"sku": made.sku, "quantity": made.quantity}


def _buy(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """A buyer takes ``quantity`` of a ``sku``, if so many may be bought."""
    sku, quantity = str(args["sku"]), int(args.get("quantity", 1))
    if not seller.listings.sell(sku, quantity):
        return {"sold_out": True}
    return {"sold_out": False, "id": seller.place(Wish(skus=(sku,), quantity=quantity))}


def _order_id(seller: "AmazonSimulator", args: Args) -> str:
    order_id = str(args["id"])
    if order_id not in seller.books_.orders:
        raise LookupError(f"no order {order_id}")
    return order_id


def _authorize(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(seller, args)
    seller.books_.authorize(order_id)
    return {"id": order_id}


def _cancel(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(seller, args)
    seller.books_.cancel(order_id, str(args.get("by", "BUYER")))
    return {"id": order_id}


def _request_cancel(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(seller, args)
    seller.books_.request_cancel(order_id)
    return {"id": order_id}


def _reduce(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Cancel a part of an item: ``item`` (default: the first) down to ``quantity``."""
    order_id = _order_id(seller, args)
    item_id = str(args.get("item") or seller.books_.orders[order_id].items[0].id)
    seller.books_.reduce(order_id, item_id, int(args["quantity"]))
    return {"id": order_id, "item": item_id}


def _cancel_item(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Cancel what has not left of an item, or ``quantity`` of it: ``item`` (default: the last), ``by``."""
    order_id = _order_id(seller, args)
    order = seller.books_.orders[order_id]
    item = order.item(str(args["item"])) if "item" in args else order.items[-1]
    if item is None:
        raise LookupError(f"no item {args['item']}")
    quantity = int(args.get("quantity", item.wanted - item.shipped))
    seller.books_.cancel_units(order_id, item.id, quantity, str(args.get("by", "MERCHANT")))
    return {"id": order_id, "item": item.id}


def _edit_address(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(seller, args)
    changes = {name: str(value) for name, value in args.items() if name != "id"}
    seller.books_.move(order_id, changes or {"addressLine1": "1 Other Street"})
    return {"id": order_id}


def _ship_by_hand(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Somebody confirms all that is left in Seller Central, or ``quantity`` pieces of the first item."""
    order_id = _order_id(seller, args)
    order = seller.books_.orders[order_id]
    left = [{"orderItemId": i.id, "quantity": i.wanted - i.shipped} for i in order.items if i.wanted > i.shipped]
    if "quantity" in args:
        left = [{**left[0], "quantity": int(args["quantity"])}]
    detail = {
        "packageReferenceId": str(args.get("reference", 1)),
        "carrierCode": "UPS",
        "trackingNumber": str(args.get("tracking", f"HAND{order_id[-7:]}")),
        "shipDate": f"{seller.now():%Y-%m-%dT%H:%M:%SZ}",
        "orderItems": left,
    }
    seller.books_.confirm(order_id, {"marketplaceId": order.marketplace.id, "packageDetail": detail})
    return {"id": order_id}


def _ship_from_amazon(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(seller, args)
    seller.books_.ship_from_amazon(order_id)
    return {"id": order_id}


def _notify(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Tell an order again, as Amazon does at times."""
    order_id = _order_id(seller, args)
    seller.notify(seller.books_.orders[order_id], "Order Changed")
    return {"id": order_id}


def _grant(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Which restricted roles the app holds: ``roles``, of BUYER and RECIPIENT."""
    seller.roles = frozenset(str(role) for role in args.get("roles", ()))
    return {"roles": sorted(seller.roles)}


def _expire_tokens(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """End every access token before its time."""
    return {"expired": seller.expire_tokens()}


def _settle(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """Amazon pays out: see ``SettlementDesk.settle``."""
    made = seller.settlements.settle(args)
    return {"id": made.id, "report": made.report_id}


def _refund(seller: "AmazonSimulator", args: Args) -> dict[str, Any]:
    """A buyer gets ``principal`` (minor units; all of it) of the first item back."""
    order_id = _order_id(seller, args)
    principal = args.get("principal")
    seller.settlements.refund(order_id, None if principal is None else int(principal))
    return {"id": order_id}


VERBS: dict[str, Callable[["AmazonSimulator", Args], dict[str, Any]]] = {
    "place_order": _place_order,
    "list_item": _list_item,
    "buy": _buy,
    "authorize": _authorize,
    "cancel_order": _cancel,
    "request_cancel": _request_cancel,
    "reduce_item": _reduce,
    "cancel_item": _cancel_item,
    "edit_address": _edit_address,
    "ship_by_hand": _ship_by_hand,
    "ship_from_amazon": _ship_from_amazon,
    "notify": _notify,
    "settle": _settle,
    "refund": _refund,
    "grant": _grant,
    "expire_tokens": _expire_tokens,
}
