"""What people do in the shop, by verb: the traffic of tests, the demo and its visitors."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossdock.simulators.shopify import editing, exchanging, paying, refunding, returning
from crossdock.simulators.shopify.books import fulfilment_order_body
from crossdock.simulators.shopify.exchanging import New
from crossdock.simulators.shopify.refunding import Asked
from crossdock.simulators.shopify.stock import selling_place
from crossdock.simulators.shopify.traffic import Wish

if TYPE_CHECKING:
    from crossdock.simulators.shopify.simulator import ShopifySimulator

Args = Mapping[str, Any]


def perform(shop: "ShopifySimulator", verb: str, args: Args) -> dict[str, Any]:
    """Do it; raises ``LookupError`` for an unknown verb, order or fulfilment order."""
    if verb not in VERBS:
        raise LookupError(f"no verb {verb!r}; there are {sorted(VERBS)}")
    return VERBS[verb](shop, args)


def _place_order(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``count`` orders; the rest of the arguments are a ``Wish``."""
    wished = {name: value for name, value in args.items() if name in Wish._fields}
    if "skus" in wished:
        wished["skus"] = tuple(wished["skus"])
    wish = Wish(**wished)
    return {"ids": [str(shop.place(wish)) for _ in range(int(args.get("count", 1)))]}


def _buy(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """A customer wants ``quantity`` of ``sku``, paid at once; ``sold_out`` when so many are not available."""
    sku, units = str(args["sku"]), int(args.get("quantity", 1))
    if not shop.shelf.has({sku: units}, selling_place()):
        return {"sold_out": True}
    wish = Wish(skus=(sku,), quantity=units, paid=True, tip=False, gift_card=False)
    return {"sold_out": False, "id": str(shop.place(wish))}


def _set_stock(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Somebody of the shop enters what is available of ``sku`` at ``location`` (the one that orders are routed to)."""
    shop.shelf.enter(str(args["sku"]), int(args.get("location", selling_place())), int(args["quantity"]))
    return {"stock": shop.shelf.books()[str(args["sku"])]}


def _sell_at_till(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``quantity`` of ``sku`` leave over the counter, as no order; ``sold_out`` when so many are not available."""
    sku, units = str(args["sku"]), int(args.get("quantity", 1))
    if not shop.shelf.has({sku: units}, selling_place()):
        return {"sold_out": True}
    shop.shelf.sell(sku, selling_place(), units)
    return {"sold_out": False}


def _import_order(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Take ``body``, an order as Shopify sent it in a webhook, into the books as it is, and tell it."""
    body = dict(args["body"])
    order_id = int(body["id"])
    shop.books_.take(body, split=False)
    if body.get("cancelled_at"):
        for each in shop.books_.fulfilment_orders_of(order_id):
            shop.books_.close(each, "CANCELLED")
    shop.order_changed(order_id, str(args.get("topic", "orders/create")))
    return {"id": str(order_id)}


def _order_id(shop: "ShopifySimulator", args: Args) -> int:
    order_id = int(args["id"])
    if order_id not in shop.books_.orders:
        raise LookupError(f"no order {order_id}")
    return order_id


def _cancel_order(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``restock``: what was not shipped is for sale again, as the person who cancels chooses (``orderCancel``)."""
    order_id = _order_id(shop, args)
    left = shop.books_.unshipped(order_id) if args.get("restock") else {}
    shop.books_.cancel(order_id, str(args.get("reason", "customer")))
    for sku, units in left.items():
        shop.shelf.sell(sku, selling_place(), -units)
    shop.order_changed(order_id, "orders/cancelled", "orders/updated")
    return {"id": str(order_id)}


def _pay_order(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(shop, args)
    shop.pay(order_id)
    return {"id": str(order_id)}


def _capture(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """A part of what is owed is taken: ``amount`` in the shop's currency."""
    order_id = _order_id(shop, args)
    made = paying.capture(shop.books_, order_id, Decimal(str(args["amount"])))
    status = shop.books_.orders[order_id]["financial_status"]
    shop.order_changed(order_id, *(("orders/paid",) if status == "paid" else ()), "orders/updated")
    return {"id": str(order_id), "transaction": str(made.id)}


def _edit_address(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(shop, args)
    order = shop.books_.touch(order_id)
    if order["shipping_address"] is not None:
        changes = {name: value for name, value in args.items() if name in order["shipping_address"]}
        order["shipping_address"] = {**order["shipping_address"], **(changes or {"address1": "1 Other Street"})}
    shop.order_changed(order_id, "orders/updated")
    return {"id": str(order_id)}


def _tag_order(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    order_id = _order_id(shop, args)
    shop.books_.touch(order_id)["tags"] = str(args.get("tags", "vip"))
    shop.order_changed(order_id, "orders/updated")
    return {"id": str(order_id)}


def _fulfilment_order(shop: "ShopifySimulator", args: Args) -> int:
    fulfilment_order_id = int(args["fulfillment_order"])
    if fulfilment_order_id not in shop.books_.fulfilment_orders:
        raise LookupError(f"no fulfillment order {fulfilment_order_id}")
    return fulfilment_order_id


def _set_status(shop: "ShopifySimulator", args: Args, status: str, topic: str) -> dict[str, Any]:
    one = shop.books_.fulfilment_orders[_fulfilment_order(shop, args)]
    one.status = status
    shop.notify(topic, fulfilment_order_body(one.id, status))
    return {"fulfillment_order": str(one.id), "status": status}


def _hold(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    return _set_status(shop, args, "ON_HOLD", "fulfillment_orders/placed_on_hold")


def _release(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    return _set_status(shop, args, "OPEN", "fulfillment_orders/hold_released")


def _move(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Move what remains of a fulfilment order to ``location``: its id changes."""
    old = _fulfilment_order(shop, args)
    new = shop.books_.move(old, int(args["location"]))
    gid = "gid://shopify/FulfillmentOrder/"
    body = {
        "original_fulfillment_order": {"id": f"{gid}{old}", "status": "closed"},
        "moved_fulfillment_order": {"id": f"{gid}{new.id}", "status": "open"},
    }
    shop.notify("fulfillment_orders/moved", body)
    return {"fulfillment_order": str(new.id)}


def _unsubscribe(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Drop subscriptions (all, or of ``topic``), as Shopify does after eight failed deliveries."""
    topic = args.get("topic")
    before = len(shop.books_.subscriptions)
    shop.books_.subscriptions = [one for one in shop.books_.subscriptions if topic and one.topic != topic]
    return {"dropped": before - len(shop.books_.subscriptions)}


def _refund(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Give money back: ``lines`` (``[{"id", "quantity", "restock"}]``; ``"all"``: what is left of every line),
    ``shipping`` (true), ``amount`` (goodwill, or negative: kept back), ``shares`` (over gateways), ``note``, ``return``
    (the id of the return that it is for)."""
    order_id = _order_id(shop, args)
    rows = args.get("lines") or []
    if rows == "all":
        held = shop.books_.orders[order_id]["line_items"]
        rows = [{"id": one["id"], "quantity": one["current_quantity"]} for one in held if one["current_quantity"]]
    asked = Asked(
        [(int(row["id"]), int(row.get("quantity", 1)), row.get("restock")) for row in rows],
        bool(args.get("shipping")),
        Decimal(str(args.get("amount", 0))),
        [Decimal(str(share)) for share in args.get("shares") or (1,)],
        args.get("note"),
    )
    made = refunding.refund(shop.books_, order_id, asked)
    if "return" in args:
        shop.books_.returns[int(args["return"])].refunds.append(made)
    shop.refunded(order_id, made)
    return {"id": str(order_id), "refund": str(made["id"])}


def _payout(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Pay out what orders and refunds brought since the last payout. ``reserve``: so much is held back (negative: given
    free); ``adjustment``, ``unknown``: a line of that amount; ``status`` (PAID)."""
    extra = {name: Decimal(str(args[name])) for name in ("reserve", "adjustment", "unknown") if name in args}
    return {"id": str(shop.payments.pay_out(extra, str(args.get("status", "PAID"))).id)}


def _settle_payout(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """The bank took a payout, or sent it back: ``id``, ``status``."""
    shop.payments.settle(int(args["id"]), str(args["status"]))
    return {"id": str(args["id"])}


def _open_return(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Goods are to come back: ``lines`` (``[{"id", "quantity"}]``)."""
    order_id = _order_id(shop, args)
    made = returning.open_return(shop.books_, order_id, [(int(r["id"]), int(r["quantity"])) for r in args["lines"]])
    shop.notify("returns/approve", returning.body(made))
    return {"id": str(order_id), "return": str(made.id)}


def _close_return(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """The goods of ``return`` are there."""
    known = returning.close(shop.books_, int(args["return"]))
    shop.notify("returns/close", returning.body(known))
    return {"return": str(known.id)}


def _cancel_return(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Nothing of ``return`` will come."""
    known = returning.cancel(shop.books_, int(args["return"]))
    shop.notify("returns/cancel", returning.body(known))
    return {"return": str(known.id)}


def _shorten_return(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``quantity`` units of ``line`` less come back under ``return``."""
    known = returning.remove(shop.books_, int(args["return"]), int(args["line"]), int(args["quantity"]))
    shop.notify("returns/update", returning.body(known))
    return {"return": str(known.id)}


def _add_line(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Edit the order: one unit of ``sku`` at ``price`` more, which the customer owes from then on."""
    order_id = _order_id(shop, args)
    made = editing.add_line(shop.books_, order_id, str(args["sku"]), Decimal(str(args["price"])))
    shop.order_changed(order_id, "orders/updated")
    return {"id": str(order_id), "line": str(made["id"])}


def _exchange(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``lines`` (``[{"id", "quantity"}]``; ``"one"``: a unit of the first line) come back, ``new``
    (``[{"sku", "price", "quantity"}]``) go out instead. ``over_counter``: in a store, they are taken along at once.
    """
    order_id = _order_id(shop, args)
    rows = args["lines"]
    if rows == "one":
        rows = [{"id": row["id"]} for row in shop.books_.orders[order_id]["line_items"][:1]]
    back = [(int(row["id"]), int(row.get("quantity", 1))) for row in rows]
    new = [New(str(one["sku"]), Decimal(str(one["price"])), int(one.get("quantity", 1))) for one in args["new"]]
    made = exchanging.exchange(shop.books_, order_id, back, new, over_counter=bool(args.get("over_counter")))
    for one in new:
        shop.shelf.sell(one.sku, selling_place(), one.quantity)
    shop.notify("returns/approve", returning.body(made.returned))
    shop.notify("returns/close", returning.body(made.returned))
    shop.refunded(order_id, made.refund)
    held = made.fulfilment.awaits_payment
    topic = "fulfillment_orders/placed_on_hold" if held else "fulfillment_orders/order_routing_complete"
    shop.notify(topic, fulfilment_order_body(made.fulfilment.id, made.fulfilment.status))
    return {
        "id": str(order_id),
        "return": str(made.returned.id),
        "refund": str(made.refund["id"]),
        "lines": [str(line["id"]) for line in made.lines],
    }


def _unexchange(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """``line`` of an exchange is not wanted after all: taken off before it left, and paid back."""
    order_id = _order_id(shop, args)
    made = exchanging.remove(shop.books_, order_id, int(args["line"]))
    shop.refunded(order_id, made)
    return {"id": str(order_id), "refund": str(made["id"])}


def _carry(shop: "ShopifySimulator", args: Args) -> dict[str, Any]:
    """Shopify follows a parcel itself: ``fulfillment``, ``status`` (``OUT_FOR_DELIVERY``), ``message``."""
    asked = {"fulfillmentId": str(args["fulfillment"]), "status": str(args["status"]), "message": args.get("message")}
    return {"event": str(shop.carried(asked).id)}


VERBS: dict[str, Callable[["ShopifySimulator", Args], dict[str, Any]]] = {
    "place_order": _place_order,
    "import_order": _import_order,
    "buy": _buy,
    "set_stock": _set_stock,
    "sell_at_till": _sell_at_till,
    "cancel_order": _cancel_order,
    "pay_order": _pay_order,
    "capture": _capture,
    "refund": _refund,
    "payout": _payout,
    "settle_payout": _settle_payout,
    "open_return": _open_return,
    "close_return": _close_return,
    "cancel_return": _cancel_return,
    "shorten_return": _shorten_return,
    "add_line": _add_line,
    "exchange": _exchange,
    "unexchange": _unexchange,
    "edit_address": _edit_address,
    "tag_order": _tag_order,
    "hold_fulfilment": _hold,
    "release_fulfilment": _release,
    "move_fulfilment": _move,
    "carry": _carry,
    "unsubscribe": _unsubscribe,
}
