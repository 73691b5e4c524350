"""Orders as honest channels make them, drawn from a seed, and the same with one part off by a few minor units."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from random import Random

import msgspec

from crossdock.connectors.businesscentral.tests.orders import make_order
from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import Charge, ChargeKind, Discount, LineKind, Order, OrderLine, TaxLine

CURRENCIES = ("USD", "EUR", "AUD", "JPY", "KWD")  # two, two, two, none and three decimals
RATES = ((), ("0.05",), ("0.0825",), ("0.1",), ("0.19",), ("0.2",), ("0.05", "0.08"))
QUANTITIES = tuple(map(Decimal, (1, 1, 1, 2, 3, 5, 12, 40, "0.5", "1.25")))


class _Sheet:
    """One order while it is made."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.currency = random.choice(CURRENCIES)
        self.unit = minor_unit(self.currency)
        self.inclusive = random.random() < 0.5
        self.by_document = random.random() < 0.3  # tax rounded once for the document, or line by line
        self.rates = random.choice(RATES)
        self.owed: list[Decimal] = []  # fractions of a minor unit that rounding by document has to make good

    def line(self, n: int) -> OrderLine:
        random = self.random
        price, quantity = random.randrange(0, 500_000) * self.unit, random.choice(QUANTITIES)
        kind = random.choices([LineKind.ITEM, LineKind.GIFT_CARD, LineKind.TIP], [18, 1, 1])[0]
        discounts = self._stacked(price * quantity)
        net = price * quantity - sum((d.amount.shop for d in discounts), ZERO)
        sku = f"SKU-{n:04}" if kind is LineKind.ITEM else None
        return OrderLine(
            f"line-{n}", f"Thing {n}", quantity, Amount(price), sku, kind, None, discounts, self._taxes(net)
        )

    def charge(self, kind: ChargeKind) -> Charge:
        value = self.random.randrange(0, 20_000) * self.unit
        discounts = self._stacked(value)
        net = value - sum((d.amount.shop for d in discounts), ZERO)
        return Charge(kind, kind.value, Amount(value), discounts=discounts, taxes=self._taxes(net))

    def _stacked(self, gross: Decimal) -> tuple[Discount, ...]:
        """Up to three, each a share of what the ones before it have left."""
        found, left = [], gross.quantize(self.unit, ROUND_DOWN)
        for n in range(self.random.choice((0, 0, 1, 2, 3))):
            share = Decimal(self.random.choice((5, 10, 15, 33, 50))) / 100
            off = (left * share).quantize(self.unit, ROUND_HALF_UP)
            left -= off
            found.append(Discount(Amount(off), f"Discount {n}"))
        return tuple(found)

    def _taxes(self, net: Decimal) -> tuple[TaxLine, ...]:
        total = sum(map(Decimal, self.rates), ZERO)
        if self.random.random() < 0.05:
            liable = (net * Decimal("0.06")).quantize(self.unit, ROUND_HALF_UP)
            return (TaxLine(Amount(liable), "Marketplace tax", Decimal("0.06"), channel_liable=True),)
        self.owed = self.owed or [ZERO] * len(self.rates)
        return tuple(self._tax(net, n, Decimal(rate), total) for n, rate in enumerate(self.rates))

    def _tax(self, net: Decimal, n: int, rate: Decimal, total: Decimal) -> TaxLine:
        due = net * rate / (1 + total) if self.inclusive else net * rate
        if self.by_document:
            due += self.owed[n]
        amount = due.quantize(self.unit, ROUND_HALF_UP)
        self.owed[n] = due - amount if self.by_document else ZERO
        return TaxLine(Amount(amount), f"Tax {rate}", rate)


def honest(seed: int) -> Order:
    """An order whose parts come to its total."""
    random = Random(seed)
    sheet = _Sheet(random)
    lines = tuple(sheet.line(n) for n in range(1, random.randint(1, 6) + 1))
    charges = tuple(sheet.charge(kind) for kind in random.sample(list(ChargeKind), random.randint(0, 3)))
    rounding = random.choice((ZERO, ZERO, ZERO, sheet.unit * 2, -sheet.unit))
    return make_order(
        lines,
        charges,
        currency=sheet.currency,
        tax_inclusive=sheet.inclusive,
        rounding=rounding,
        external_id=str(6_000_000_000_000 + seed),
    )


def dishonest(seed: int) -> tuple[Order, str]:
    """The same with one sum off by a few minor units, and the sum's name. Where a part is no whole number of them, one
    unit more is the other way of rounding it, so there it is two at least."""
    order, random = honest(seed), Random(-seed - 1)
    names: Sequence[str] = ("total", "lines", "discounts", "tax", "charges")
    name = random.choice(names)
    least = 2 if any(line.quantity % 1 for line in order.lines) else 1
    off = random.choice((-1, 1)) * random.randint(least, 5) * minor_unit(order.currency)
    stated = Amount(getattr(order.totals, name).shop + off)
    return msgspec.structs.replace(order, totals=msgspec.structs.replace(order.totals, **{name: stated})), name
