"""Orders for tests: a plain one with everything named, and a strategy of orders whose totals hold by construction.

Taxes are as channels make them: each rounded by itself from the rate and what is left after discounts.
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

from crossdock.domain.commands import BookOrder
from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import (
    Address,
    Charge,
    ChargeKind,
    Discount,
    LineKind,
    Order,
    OrderLine,
    Party,
    TaxLine,
    Totals,
)

PLACED = datetime(2026, 11, 23, 13, 55, tzinfo=UTC)
RATES = ("0", "5", "7", "8", "8.25", "10", "13", "19", "20", "21")
SKUS = {f"SKU-{n:04}": f"SKU-{n:04}" for n in range(1, 201)}
SETTINGS: dict[str, Any] = {
    "local_currency": "USD",
    "order_prefixes": ["shop1"],
    "tax_codes": {rate: f"T{rate.replace('.', '')}" for rate in RATES},
    "tax_account": "5710",
    "channel_tax_account": "5720",
    "shipping_account": "6410",
    "tip_account": "6420",
    "duty_account": "6430",
    "fee_account": "6440",
    "gift_card_account": "5610",
    "rounding_account": "9140",
}


def amount(text: Any) -> Amount:
    return Amount(Decimal(str(text)))


def make_order(
    lines: tuple[OrderLine, ...], charges: tuple[Charge, ...] = (), *, external_id: str = "6674573197567", **fields: Any
) -> Order:
    """An order whose totals are the sums of its parts (shop side)."""
    rows: list[OrderLine | Charge] = [*lines, *charges]
    inclusive = fields.get("tax_inclusive", False)
    gross = sum((line.unit_price.shop * line.quantity for line in lines), ZERO)
    discounts = sum((d.amount.shop for row in rows for d in row.discounts), ZERO)
    tax = sum((t.amount.shop for row in rows for t in row.taxes), ZERO)
    extra = sum((charge.amount.shop for charge in charges), ZERO)
    rounding = fields.pop("rounding", ZERO)
    currency = fields.pop("currency", "USD")
    total = gross + extra - discounts + (ZERO if inclusive else tax) + rounding
    total = total.quantize(minor_unit(currency), ROUND_HALF_UP)
    totals = Totals(Amount(total), Amount(gross), Amount(discounts), Amount(tax), Amount(extra), Amount(rounding))
    defaults: dict[str, Any] = {"placed_at": PLACED, "updated_at": PLACED, "number": "#1042", "channel": "shop1"}
    return Order(
        external_id=external_id,
        currency=currency,
        totals=fields.pop("totals", totals),
        lines=lines,
        charges=charges,
        **{**defaults, **fields},
    )


def plain_line(n: int = 1, price: str = "19.99", quantity: str = "2", **fields: Any) -> OrderLine:
    sku = fields.pop("sku", f"SKU-{n:04}")
    return OrderLine(f"line-{n}", f"Thing {n}", Decimal(quantity), amount(price), sku, **fields)


def plain_order(**fields: Any) -> Order:
    """Two lines, one taxed and one discounted, and taxed shipping: 39.98 + 3.30 + 13.50 + 4.90 + 0.40 = 62.08."""
    tax = TaxLine(amount("3.30"), "Sales tax", Decimal("0.0825"))
    lines = (
        plain_line(1, taxes=(tax,)),
        plain_line(2, "5.00", "3", discounts=(Discount(amount("1.50"), "Autumn", "AUTUMN"),)),
    )
    shipping_tax = TaxLine(amount("0.40"), "Sales tax", Decimal("0.0825"))
    shipping = Charge(ChargeKind.SHIPPING, "Standard", amount("4.90"), taxes=(shipping_tax,))
    address = Address(
        "Ada Example", None, "1 Test Street", None, "Springfield", "Oregon", "OR", "97477", "US", "+1 541"
    )
    party = Party("7", "Ada Example", "ada@example.com")
    return make_order(lines, (shipping,), **{"ship_to": address, "bill_to": address, "customer": party, **fields})


def booking(order: Order, **fields: Any) -> BookOrder:
    return BookOrder(order, fields.pop("customer_ref", "C00000"), fields.pop("item_refs", SKUS), **fields)


@st.composite
def orders(draw: st.DrawFn, *, fractions: bool = True, whole: bool = False) -> Order:
    """Inclusive or not, 0 to 3 decimals, discounts, one or two taxes, channel-liable tax, tips, gift cards, rounding.

    ``whole``: no channel-liable tax, for what is proven only without it.
    """
    currency = draw(st.sampled_from(["USD", "EUR", "JPY", "KWD", "AUD"]))
    unit = minor_unit(currency)
    inclusive = draw(st.booleans())
    count = draw(st.integers(1, 6))
    lines = tuple(draw(_line(n, unit, inclusive, fractions, whole)) for n in range(1, count + 1))
    kinds = draw(st.lists(st.sampled_from(ChargeKind), max_size=3, unique=True))
    charges = tuple(_charge(draw, kind, unit, inclusive, whole) for kind in kinds)
    rounding = draw(st.sampled_from([ZERO, ZERO, unit * 2, -unit]))
    return make_order(lines, charges, currency=currency, tax_inclusive=inclusive, rounding=rounding)


def _parts(
    draw: st.DrawFn, unit: Decimal, gross: Decimal, inclusive: bool, whole: bool
) -> tuple[tuple[Discount, ...], tuple[TaxLine, ...]]:
    most = int((gross / 2) / unit)
    discounts = tuple(
        Discount(Amount(draw(st.integers(0, most // 2)) * unit), "Sale")
        for _ in range(most and draw(st.integers(0, 2)))
    )
    net = gross - sum((d.amount.shop for d in discounts), ZERO)
    rates = draw(st.sampled_from([(), ("0.1",), ("0.0825",), ("0.19",), ("0.05", "0.08"), ("0.2",)]))
    total = sum(map(Decimal, rates), ZERO)
    taxes = tuple(_tax(net, Decimal(rate), total, unit, inclusive) for rate in rates)
    if not whole and draw(st.integers(0, 9)) == 0:
        liable = (net * Decimal("0.06")).quantize(unit, ROUND_HALF_UP)
        taxes = (TaxLine(Amount(liable), "Marketplace tax", Decimal("0.06"), channel_liable=True),)
    return discounts, taxes


def _tax(net: Decimal, rate: Decimal, total: Decimal, unit: Decimal, inclusive: bool) -> TaxLine:
    due = net * rate / (1 + total) if inclusive else net * rate
    return TaxLine(Amount(due.quantize(unit, ROUND_HALF_UP)), f"Tax {rate}", rate)


@st.composite
def _line(draw: st.DrawFn, n: int, unit: Decimal, inclusive: bool, fractions: bool, whole: bool) -> OrderLine:
    price = draw(st.integers(0, 500_000)) * unit
    pieces = st.integers(1, 40).map(Decimal)
    parts = st.sampled_from([Decimal("0.5"), Decimal("1.25")])
    quantity = draw(st.one_of(pieces, parts) if fractions else pieces)
    discounts, taxes = _parts(draw, unit, price * quantity, inclusive, whole)
    kind = draw(st.sampled_from([LineKind.ITEM] * 6 + [LineKind.GIFT_CARD, LineKind.TIP]))
    sku = f"SKU-{n:04}" if kind is LineKind.ITEM else None
    return OrderLine(f"line-{n}", f"Thing {n}", quantity, Amount(price), sku, kind, None, discounts, taxes)


def _charge(draw: st.DrawFn, kind: ChargeKind, unit: Decimal, inclusive: bool, whole: bool) -> Charge:
    value = draw(st.integers(0, 20_000)) * unit
    discounts, taxes = _parts(draw, unit, value, inclusive, whole)
    return Charge(kind, kind.value, Amount(value), discounts=discounts, taxes=taxes)
