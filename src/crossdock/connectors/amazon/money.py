"""What an order's proceeds say, taken apart: goods, charges, discounts and taxes, each where it belongs.

Amazon tells an item's money by category (``ITEM``, ``SHIPPING``, ``TAX``, ``DISCOUNT`` …) and divides tax and discount
by category once more. What is not said to belong to a charge belongs to the goods.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import msgspec

from crossdock.connectors.amazon import wire
from crossdock.domain.money import ZERO, plausible
from crossdock.kit.manifest import Untranslatable

GOODS, TAX, DISCOUNT = "ITEM", "TAX", "DISCOUNT"
CHARGES = ("SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER", "DELIVERY_TIP")
FACILITATOR = "MARKETPLACE_FACILITATOR"

Where = tuple[str | int, ...]


class Parts(msgspec.Struct):
    """One item's money by category: what is the goods' own stands under ``ITEM``. Discounts are positive."""

    amounts: dict[str, Decimal]
    taxes: dict[str, Decimal]
    discounts: dict[str, Decimal]
    channel_liable: bool = False  # Amazon pays this tax to the authority

    def told(self) -> bool:
        return bool(self.amounts or self.taxes or self.discounts)


def parts_of(item: wire.Item, currency: str, where: Where) -> Parts:
    """The item's proceeds by category; raises ``Untranslatable`` for a category or an amount that cannot be read."""
    found = Parts({}, {}, {})
    proceeds = item.proceeds.breakdowns if item.proceeds else ()
    for index, breakdown in enumerate(proceeds):
        at = (*where, "proceeds", "breakdowns", index)
        amount = decimal(breakdown.subtotal, currency, (*at, "subtotal"))
        if breakdown.type == TAX:
            _divide(found.taxes, amount, _details(breakdown, currency, at))
        elif breakdown.type == DISCOUNT:
            details = [(subtype, abs(value)) for subtype, value in _details(breakdown, currency, at)]
            _divide(found.discounts, abs(amount), details)
        elif breakdown.type == GOODS or breakdown.type in CHARGES:
            _add(found.amounts, breakdown.type, amount)
        else:
            raise off("amazon.category_unknown", f"is {breakdown.type!r}, which this version cannot place.", at)
    collections = item.tax.tax_collections if item.tax else ()
    found.channel_liable = any(one.model == FACILITATOR for one in collections)
    return found


def _details(breakdown: wire.Breakdown, currency: str, where: Where) -> list[tuple[str, Decimal]]:
    return [
        (part.subtype or GOODS, decimal(part.value, currency, (*where, "detailedBreakdowns", index)))
        for index, part in enumerate(breakdown.detailed_breakdowns)
        if part.value is not None
    ]


def _divide(into: dict[str, Decimal], whole: Decimal, details: Iterable[tuple[str, Decimal]]) -> None:
    """What a detail gives to a charge goes there, the rest is the goods'."""
    for subtype, value in details:
        if subtype in CHARGES:
            _add(into, subtype, value)
            whole -= value
    if whole:
        _add(into, GOODS, whole)


def _add(into: dict[str, Decimal], name: str, amount: Decimal) -> None:
    into[name] = into.get(name, ZERO) + amount


def stated(order: wire.Order, currency: str) -> dict[str, Decimal]:
    """The order's own sums by category, discounts positive; empty where Amazon tells none."""
    found: dict[str, Decimal] = {}
    breakdowns = order.proceeds.breakdowns if order.proceeds else ()
    for index, breakdown in enumerate(breakdowns):
        at = ("proceeds", "breakdowns", index)
        if breakdown.type not in (GOODS, TAX, DISCOUNT, *CHARGES):
            raise off("amazon.category_unknown", f"is {breakdown.type!r}, which this version cannot place.", at)
        amount = decimal(breakdown.subtotal, currency, (*at, "subtotal"))
        _add(found, breakdown.type, abs(amount) if breakdown.type == DISCOUNT else amount)
    return found


def currency_of(order: wire.Order) -> str | None:
    """The currency of the first amount that is told."""
    if order.proceeds and order.proceeds.grand_total:
        return order.proceeds.grand_total.currency_code
    for item in order.order_items:
        price = item.product.price.unit_price if item.product.price else None
        total = item.proceeds.proceeds_total if item.proceeds else None
        if price or total:
            return (price or total).currency_code  # type: ignore[union-attr]
    return None


def decimal(money: wire.Money, currency: str, where: Where) -> Decimal:
    """The exact amount; raises ``Untranslatable`` for another currency or for what is no amount."""
    if money.currency_code != currency:
        text = f"is in {money.currency_code}, the order in {currency}."
        raise off("amazon.currency_mismatch", text, where)
    try:
        amount = Decimal(money.amount)
    except InvalidOperation:
        raise off("amazon.amount_not_a_number", f"is {money.amount!r}, which is no amount.", where) from None
    if not plausible(amount):
        raise off("amazon.amount_not_a_number", f"is {money.amount!r}, which is no amount.", where)
    return amount


def off(code: str, text: str, where: Where) -> Untranslatable:
    """An error that names the field as a path."""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
    return Untranslatable(code, f"{field} {text}", field=field)
