"""Orders for tests: a plain one with everything named, and a strategy of orders whose totals hold by construction."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
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
    TaxLine,
    Totals,
)

PLACED = datetime(2026, 11, 23, 13, 55, tzinfo=UTC)
SKUS = {f"SKU-{n:04}": str(1000 + n) for n in range(1, 201)}


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
    return OrderLine(f"line-{n}", f"Product {n}", Decimal(quantity), amount(price), sku, **fields)


def plain_order(**fields: Any) -> Order:
    tax = TaxLine(amount("3.30"), "Sales tax", Decimal("0.0825"))
    lines = (
        plain_line(1, taxes=(tax,)),
        plain_line(2, "5.00", "3", discounts=(Discount(amount("1.50"), "Autumn", "AUTUMN"),)),
    )
    shipping = Charge(ChargeKind.SHIPPING, "Standard", amount("4.90"), taxes=(TaxLine(amount("0.40"), "Sales tax"),))
    address = Address("Ada Example", None, "1 Test Street", None, "Springfield", "Oregon", "OR", "97477", "US")
    return make_order(lines, (shipping,), **{"ship_to": address, "bill_to": address, **fields})


def booking(order: Order, **fields: Any) -> BookOrder:
    return BookOrder(order, fields.pop("customer_ref", "9001"), fields.pop("item_refs", SKUS), **fields)


@st.composite
def orders(draw: st.DrawFn, *, fractions: bool = True) -> Order:
    """Inclusive or not, 0 to 3 decimals, discounts, several taxes, channel-liable tax, tips, gift cards, rounding."""
    currency = draw(st.sampled_from(["USD", "EUR", "JPY", "KWD", "AUD"]))
    unit = minor_unit(currency)
    inclusive = draw(st.booleans())
    lines = tuple(draw(_line(n, unit, fractions)) for n in range(1, draw(st.integers(1, 6)) + 1))
    kinds = draw(st.lists(st.sampled_from(ChargeKind), max_size=3, unique=True))
    charges = tuple(_charge(draw, kind, unit, inclusive) for kind in kinds)
    rounding = draw(st.sampled_from([ZERO, ZERO, unit * 2, -unit]))
    return make_order(lines, charges, currency=currency, tax_inclusive=inclusive, rounding=rounding)


def _money(draw: st.DrawFn, unit: Decimal, ceiling: Decimal) -> Decimal:
    return draw(st.integers(0, int(ceiling / unit))) * unit


def _parts(draw: st.DrawFn, unit: Decimal, gross: Decimal) -> tuple[tuple[Discount, ...], tuple[TaxLine, ...]]:
    whole = gross.quantize(unit, "ROUND_DOWN")
    discounts = tuple(Discount(Amount(_money(draw, unit, whole / 2)), "Sale") for _ in range(draw(st.integers(0, 2))))
    count = draw(st.integers(0, 3))
    taxes = tuple(
        TaxLine(
            Amount(_money(draw, unit, whole / 5)),
            f"Tax {n}",
            Decimal("0.07"),
            draw(st.integers(0, 9).map(lambda d: d == 0)),
        )
        for n in range(count)
    )
    return discounts, taxes


@st.composite
def _line(draw: st.DrawFn, n: int, unit: Decimal, fractions: bool) -> OrderLine:
    price = draw(st.integers(0, 500_000)) * unit
    whole = st.integers(1, 40).map(Decimal)
    quantity = draw(st.one_of(whole, st.sampled_from([Decimal("0.5"), Decimal("1.25")])) if fractions else whole)
    discounts, taxes = _parts(draw, unit, price * quantity)
    kind = draw(st.sampled_from([LineKind.ITEM] * 6 + [LineKind.GIFT_CARD, LineKind.TIP]))
    sku = f"SKU-{n:04}" if kind is LineKind.ITEM else None
    return OrderLine(f"line-{n}", f"Product {n}", quantity, Amount(price), sku, kind, None, discounts, taxes)


def _charge(draw: st.DrawFn, kind: ChargeKind, unit: Decimal, inclusive: bool) -> Charge:
    value = draw(st.integers(0, 20_000)) * unit
    discounts, taxes = _parts(draw, unit, value)
    return Charge(kind, kind.value, Amount(value), discounts=discounts, taxes=taxes)


def presentment(order: Order, rate: Decimal, currency: str) -> Order:
    """The same order with a presentment side at an exchange rate (rates that keep the sums exact: whole numbers)."""

    def walk(value: Any) -> Any:
        if isinstance(value, Amount):
            return Amount(value.shop, value.shop * rate)
        if isinstance(value, tuple):
            return tuple(walk(part) for part in value)
        if isinstance(value, msgspec.Struct):
            return msgspec.structs.replace(value, **{f: walk(getattr(value, f)) for f in value.__struct_fields__})
        return value

    walked: Order = msgspec.structs.replace(walk(order), presentment_currency=currency)
    return walked
