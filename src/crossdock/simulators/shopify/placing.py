"""One order from a wish: the body that Shopify would put into a webhook. All amounts come from the till."""

from datetime import datetime
from random import Random
from typing import Any

from crossdock.simulators.shopify.traffic import (
    NIL,
    PRODUCTS,
    Side,
    Till,
    Wish,
    address,
    shipping_choice,
    sku_price,
)

_FLAT = ("subtotal_price", "total_discounts", "total_line_items_price", "total_price", "total_tax")


def place(
    random: Random, order_id: int, number: int, currency: str, now: datetime, wish: Wish, rates: dict[str, float]
) -> dict[str, Any]:
    """A new order's body. ``rates``: shares of orders with this or that trait, 0 to 1."""
    till = Till(random, currency, wish, rates)
    code = _discount(till)
    lines = _lines(till, order_id, code)
    shipping = _shipping(till, order_id)
    home, customer = address(random)
    total = till.total()
    at = f"{now:%Y-%m-%dT%H:%M:%S}+00:00"
    body: dict[str, Any] = {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "cancel_reason": None,
        "cancelled_at": None,
        "closed_at": None,
        "confirmation_number": f"X{order_id % 10**8:08d}",
        "confirmed": True,
        "created_at": at,
        "currency": currency,
        "customer_locale": "en",
        "duties_included": False,
        "email": customer["email"],
        "estimated_taxes": False,
        "financial_status": "paid" if _yes(till, wish.paid, 1 - rates["late_paid"]) else "pending",
        "fulfillment_status": None,
        "name": f"#{number}",
        "note": wish.note,
        "number": number - 1000,
        "order_number": number,
        "original_total_additional_fees_set": None,
        "original_total_duties_set": till.bag(till.duties) if till.duties != NIL else None,
        "payment_gateway_names": _gateways(till),
        "phone": None,
        "po_number": f"PO-{number}" if number % 7 == 0 else None,
        "presentment_currency": till.presentment,
        "processed_at": at,
        "source_name": "web",
        "tags": "wholesale" if number % 7 == 0 else "",
        "taxes_included": till.inclusive,
        "test": wish.test,
        "total_cash_rounding_payment_adjustment_set": till.bag(NIL),
        "total_shipping_price_set": till.bag(till.shipping),
        "total_tip_received": _plain(till, till.tips),
        "updated_at": at,
        "billing_address": home,
        "customer": customer,
        "discount_applications": till.applications,
        "discount_codes": [],
        "fulfillments": [],
        "line_items": lines,
        "refunds": [],
        "shipping_address": home if any(line["requires_shipping"] for line in lines) else None,
        "shipping_lines": shipping,
    }
    goods_net = till.goods.less(till.discounts)
    for name, amount in zip(_FLAT, (goods_net, till.discounts, till.goods, total, till.tax), strict=True):
        body |= till.priced(name, amount)
    body |= {f"current_{name}": body[name] for name in ("total_price", "total_discounts", "total_tax")}
    body["current_total_price_set"] = {side: dict(money) for side, money in body["total_price_set"].items()}
    return body


def _plain(till: Till, side: Side) -> str:
    return str(till.bag(side)["shop_money"]["amount"])


def _yes(till: Till, wished: bool | None, share: float) -> bool:
    return wished if wished is not None else till.random.random() < share


def _gateways(till: Till) -> list[str]:
    return (
        ["shopify_payments", "gift_card"]
        if till.random.random() < till.rates["gift_card_tender"]
        else ["shopify_payments"]
    )


def _discount(till: Till) -> int:
    """Per cent off every product, announced as a code or an automatic discount; 0: none."""
    if not _yes(till, till.wish.discount, till.rates["discount"]):
        return 0
    per_cent = till.random.choice((5, 10, 15))
    if till.random.random() < 0.6:
        head = {"type": "discount_code", "code": f"SAVE{per_cent}"}
    else:
        head = {"type": "automatic", "title": f"{per_cent} % on everything"}
    till.applications.append(
        {"target_type": "line_item", "value": f"{per_cent}.0", "value_type": "percentage", **head, **_ACROSS}
    )
    return per_cent


_ACROSS = {"allocation_method": "across", "target_selection": "all"}


def _lines(till: Till, order_id: int, per_cent: int) -> list[dict[str, Any]]:
    random, wish = till.random, till.wish
    count = wish.lines or min(12, max(1, round(random.gauss(5, 2))))
    wanted = wish.skus or tuple(f"SKU-{index:04d}" for index in random.sample(range(1, PRODUCTS + 1), count))
    lines = []
    for position, sku in enumerate(wanted):
        quantity = wish.quantity or random.choice((1, 1, 1, 2, 3))
        line = _product(till, order_id * 100 + position, sku, quantity, per_cent)
        lines.append(line)
    if wish.skuless:
        lines[0]["sku"] = random.choice(("", None))
    if _yes(till, wish.duties, till.rates["duties"]):
        lines[0]["duties"] = [_duty(till, order_id)]
    if _yes(till, wish.gift_card, till.rates["gift_card_line"]):
        lines.append(_untaxed(till, order_id * 100 + 80, "Gift Card 50", 5000, gift_card=True))
    if _yes(till, wish.tip, till.rates["tip"]):
        amount = random.choice((200, 350, 500))
        lines.append(_untaxed(till, order_id * 100 + 90, "Tip", amount, gift_card=False))
        till.tips = till.side(amount)
    return lines


def _product(till: Till, line_id: int, sku: str, quantity: int, per_cent: int) -> dict[str, Any]:
    index = int(sku.rpartition("-")[2]) if sku.startswith("SKU-") else 1
    price = till.side(sku_price(index))
    gross = price.times(quantity)
    off = gross.share(per_cent, 100) if per_cent else NIL
    till.goods = till.goods.plus(gross)
    return {
        **_line(till, line_id, f"Product {index}", sku, price, quantity),
        "product_id": 8_000_000_000 + index,
        "taxable": True,
        "discount_allocations": [till.allocate(0, off)] if per_cent else [],
        "tax_lines": till.tax_lines(gross.less(off)),
    }


def _untaxed(till: Till, line_id: int, title: str, minor: int, *, gift_card: bool) -> dict[str, Any]:
    price = till.side(minor)
    till.goods = till.goods.plus(price)
    return {
        **_line(till, line_id, title, "SKU-0200" if gift_card else None, price, 1),
        "gift_card": gift_card,
        "product_id": 8_000_009_999 if gift_card else None,
        "requires_shipping": False,
        "taxable": False,
    }


def _line(till: Till, line_id: int, title: str, sku: str | None, price: Side, quantity: int) -> dict[str, Any]:
    return {
        "id": line_id,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{line_id}",
        "current_quantity": quantity,
        "fulfillable_quantity": quantity,
        "gift_card": False,
        "name": title,
        **till.priced("price", price),
        "quantity": quantity,
        "requires_shipping": True,
        "sku": sku,
        "title": title,
        "duties": [],
        "discount_allocations": [],
        "tax_lines": [],
    }


def _duty(till: Till, order_id: int) -> dict[str, Any]:
    amount = till.side(till.random.choice((250, 875)))
    till.duties = till.duties.plus(amount)
    return {"id": order_id % 10**9, "harmonized_system_code": "420212", **till.bag(amount), "tax_lines": []}


def _shipping(till: Till, order_id: int) -> list[dict[str, Any]]:
    if not _yes(till, till.wish.shipping, 0.95):
        return []
    title, code, minor = shipping_choice(till.random)
    price = till.side(minor)
    till.shipping = price
    allocations, net = [], price
    if minor and till.random.random() < till.rates["shipping_discount"]:
        till.applications.append(
            {"type": "discount_code", "code": "FREESHIP", "target_type": "shipping_line", "value": "100.0", **_ACROSS}
        )
        allocations, net = [till.allocate(len(till.applications) - 1, price)], NIL
    return [
        {
            "id": 5_000_000_000 + order_id % 10**9,
            "code": code,
            "title": title,
            "source": "shopify",
            "is_removed": False,
            **till.priced("price", price),
            "discount_allocations": allocations,
            "tax_lines": till.tax_lines(net) if minor else [],
        }
    ]
