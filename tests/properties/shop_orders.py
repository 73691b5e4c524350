"""Orders as a shop would tell them, twice: as a webhook's body and as the Admin API's answer, with the sums it owes.

Everything is drawn in whole minor units of two currencies and added up here, apart from the product, so that a
mapping is held against arithmetic that is not its own. Discounts are given for the whole order and fall on lines
and shipping by largest remainder, as shops do: the shares come to the discount, to the minor unit.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

CURRENCIES = {"JPY": 0, "KRW": 0, "EUR": 2, "USD": 2, "AUD": 2, "KWD": 3, "TND": 3}
AT = "2026-11-23T12:00:00+00:00"


class Pair(msgspec.Struct, frozen=True):
    """One amount in minor units: the shop's and the customer's."""

    shop: int = 0
    customer: int = 0

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.shop + other.shop, self.customer + other.customer)

    def __sub__(self, other: "Pair") -> "Pair":
        return Pair(self.shop - other.shop, self.customer - other.customer)

    def times(self, factor: int) -> "Pair":
        return Pair(self.shop * factor, self.customer * factor)


class Tax(msgspec.Struct, frozen=True):
    title: str
    rate: str
    amount: Pair
    liable: bool = False  # the channel remits it


class Row(msgspec.Struct):
    """A line, or shipping. ``shares``: (which discount, how much of it)."""

    title: str
    price: Pair
    quantity: int = 1
    current: int | None = None
    sku: str | None = None
    ships: bool = True
    gift_card: bool = False
    product: bool = True
    taxes: Sequence[Tax] = ()
    duty: Pair | None = None
    shares: list[tuple[int, Pair]] = []

    @property
    def gross(self) -> Pair:
        return self.price.times(self.quantity)

    @property
    def net(self) -> Pair:
        return self.gross - total(share for _, share in self.shares)


class ShopOrder(msgspec.Struct):
    """What was drawn. ``webhook`` and ``graph`` tell it; ``owed`` is what the customer has to pay for it."""

    currency: str
    presentment: str
    inclusive: bool
    lines: list[Row]
    shipping: list[Row]
    discounts: list[tuple[str, Pair]]
    tip: Pair  # of the point of sale, carried by no line
    fees: Pair
    rounding: Pair

    @property
    def rows(self) -> list[Row]:
        return [*self.lines, *self.shipping]

    @property
    def tax(self) -> Pair:
        return total(tax.amount for row in self.rows for tax in row.taxes)

    @property
    def goods(self) -> Pair:
        return total(line.gross for line in self.lines)

    @property
    def charges(self) -> Pair:
        duties = total(line.duty for line in self.lines if line.duty)
        return total(row.gross for row in self.shipping) + duties + self.tip + self.fees

    @property
    def discounted(self) -> Pair:
        return total(amount for _, amount in self.discounts)

    @property
    def owed(self) -> Pair:
        return self.told + self.rounding

    @property
    def told(self) -> Pair:
        """``total_price``: before cash rounding."""
        return self.goods + self.charges - self.discounted + (Pair() if self.inclusive else self.tax)

    def money(self, amount: int, *, customer: bool = False) -> Decimal:
        """Minor units as the amount they are."""
        return Decimal(amount).scaleb(-CURRENCIES[self.presentment if customer else self.currency])

    @property
    def webhook(self) -> dict[str, Any]:
        """The body of ``orders/create``."""
        return {
            "id": 1001, "name": "#1001", "created_at": AT, "updated_at": AT, "processed_at": AT, "test": False,
            "currency": self.currency, "presentment_currency": self.presentment, "taxes_included": self.inclusive,
            "confirmed": True, "financial_status": "paid", "duties_included": False, "tags": "b, a",
            "discount_applications": [{"title": title} for title, _ in self.discounts],
            "line_items": [self._line(number, line) for number, line in enumerate(self.lines)],
            "shipping_lines": [self._shipping(number, row) for number, row in enumerate(self.shipping)],
            "current_total_price": self._text(self.told.shop, self.currency),
            "total_outstanding": self._text(self.tax.shop, self.currency),
            "total_price_set": self._bag(self.told), "total_tax_set": self._bag(self.tax),
            "total_discounts_set": self._bag(self.discounted),
            "total_tip_received": self._text(self.tip_told.shop, self.currency),
            "total_tip_received_set": self._bag(self.tip_told),
            "original_total_additional_fees_set": self._bag(self.fees) if self.fees != Pair() else None,
            "total_cash_rounding_payment_adjustment_set": self._bag(self.rounding),
        }  # fmt: skip

    @property
    def tip_told(self) -> Pair:
        """Every tip: those of lines that have no product too."""
        return self.tip + total(line.gross for line in self.lines if line.title == "Tip")

    def _line(self, number: int, line: Row) -> dict[str, Any]:
        return {
            "id": 500 + number, "title": line.title, "name": line.title, "quantity": line.quantity, "sku": line.sku,
            "current_quantity": line.quantity if line.current is None else line.current,
            "price_set": self._bag(line.price), "gift_card": line.gift_card, "requires_shipping": line.ships,
            "product_id": 800 + number if line.product else None, "tax_lines": self._taxes(line),
            "discount_allocations": self._shares(line),
            "duties": [self._bag(line.duty) | {"id": f"gid://shopify/Duty/{number}", "tax_lines": []}]
            if line.duty else [],
        }  # fmt: skip

    def _shipping(self, number: int, row: Row) -> dict[str, Any]:
        return {
            "id": 700 + number, "title": row.title, "code": "standard", "price_set": self._bag(row.price),
            "tax_lines": self._taxes(row), "discount_allocations": self._shares(row),
        }  # fmt: skip

    def _taxes(self, row: Row) -> list[dict[str, Any]]:
        return [
            {"title": tax.title, "rate": float(tax.rate), "price_set": self._bag(tax.amount),
             "channel_liable": tax.liable}
            for tax in row.taxes
        ]  # fmt: skip

    def _shares(self, row: Row) -> list[dict[str, Any]]:
        return [{"discount_application_index": which, "amount_set": self._bag(share)} for which, share in row.shares]

    def _bag(self, pair: Pair) -> dict[str, Any]:
        return {
            "shop_money": {"amount": self._text(pair.shop, self.currency), "currency_code": self.currency},
            "presentment_money": {
                "amount": self._text(pair.customer, self.presentment), "currency_code": self.presentment
            },
        }  # fmt: skip

    @staticmethod
    def _text(amount: int, currency: str) -> str:
        return f"{Decimal(amount).scaleb(-CURRENCIES[currency]):f}"

    @property
    def graph(self) -> dict[str, Any]:
        """The same, as the Admin API answers ``order``: camel case, no padding zeros, titles at each share."""
        told = self.webhook
        return {
            "id": "gid://shopify/Order/1001", "name": "#1001", "createdAt": AT, "processedAt": AT, "updatedAt": AT,
            "currencyCode": self.currency, "presentmentCurrencyCode": self.presentment,
            "taxesIncluded": self.inclusive, "dutiesIncluded": False, "test": False, "confirmed": True,
            "displayFinancialStatus": "PAID", "paymentGatewayNames": [], "tags": ["a", "b"],
            "currentTotalPriceSet": _camel(told["total_price_set"]),
            "totalOutstandingSet": _camel(told["total_tax_set"]),
            "totalPriceSet": _camel(told["total_price_set"]), "totalTaxSet": _camel(told["total_tax_set"]),
            "totalDiscountsSet": _camel(told["total_discounts_set"]),
            "totalTipReceivedSet": _camel(told["total_tip_received_set"]),
            "originalTotalAdditionalFeesSet": _camel(told["original_total_additional_fees_set"]),
            "totalCashRoundingAdjustment": {
                "paymentSet": _camel(told["total_cash_rounding_payment_adjustment_set"])
            },
            "lineItems": {"nodes": list(map(self._node, told["line_items"])), "pageInfo": {"hasNextPage": False}},
            "shippingLines": {"nodes": list(map(self._shipping_node, told["shipping_lines"]))},
        }  # fmt: skip

    def _node(self, line: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/LineItem/{line['id']}", "name": line["name"], "title": line["title"],
            "quantity": line["quantity"], "currentQuantity": line["current_quantity"], "sku": line["sku"],
            "originalUnitPriceSet": _camel(line["price_set"]), "isGiftCard": line["gift_card"],
            "requiresShipping": line["requires_shipping"],
            "product": {"id": f"gid://shopify/Product/{line['product_id']}"} if line["product_id"] else None,
            "duties": [
                {"id": duty["id"], "price": _camel({name: duty[name] for name in ("shop_money", "presentment_money")}),
                 "taxLines": []}
                for duty in line["duties"]
            ],
            **self._shared(line),
        }  # fmt: skip

    def _shipping_node(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/ShippingLine/{row['id']}", "title": row["title"], "code": row["code"],
            "originalPriceSet": _camel(row["price_set"]), **self._shared(row),
        }  # fmt: skip

    def _shared(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "taxLines": [_camel(tax) for tax in row["tax_lines"]],
            "discountAllocations": [
                {"allocatedAmountSet": _camel(share["amount_set"]),
                 "discountApplication": {"title": self.discounts[share["discount_application_index"]][0]}}
                for share in row["discount_allocations"]
            ],
        }  # fmt: skip


def total(pairs: Any) -> Pair:
    return sum(pairs, Pair())


def _camel(value: Any) -> Any:
    """Keys in camel case; amounts lose the zeros that webhooks pad with."""
    if isinstance(value, dict):
        return {_hump(key): _bare(part) if key == "amount" else _camel(part) for key, part in value.items()}
    return value


def _hump(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.title() for part in rest)


def _bare(amount: str) -> str:
    text = amount.rstrip("0") if "." in amount else f"{amount}.0"
    return f"{text}0" if text.endswith(".") else text


def fall(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount over weights by largest remainder: whole units, never more than a weight, and nothing is lost."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: -(amount * weights[at] % whole))
    for at in order[: amount - sum(shares)]:
        shares[at] += 1
    return shares


@st.composite
def shop_orders(draw: st.DrawFn, *, whole_lines: bool = False) -> ShopOrder:
    """Any order a shop may tell. ``whole_lines``: nothing was taken off after it was placed."""
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    presentment = draw(st.sampled_from(sorted(CURRENCIES))) if draw(st.booleans()) else currency
    same = presentment == currency
    lines = [_line(draw, number, same, whole_lines) for number in range(draw(st.integers(1, 5)))]
    shipping = [
        Row("Standard", _pair(draw, same, 5_000), taxes=_taxes(draw, same, 900)) for _ in range(draw(st.integers(0, 2)))
    ]
    if draw(st.integers(0, 9)) == 0:
        lines.append(Row("Tip", _pair(draw, same, 2_000, least=1), ships=False, product=False))
    bare = all(line.title != "Tip" for line in lines) and draw(st.integers(0, 9)) == 0
    made = ShopOrder(
        currency, presentment, draw(st.booleans()), lines, shipping, [],
        tip=_pair(draw, same, 1_500, least=1) if bare else Pair(),
        fees=_pair(draw, same, 900) if draw(st.integers(0, 7)) == 0 else Pair(),
        rounding=_pair(draw, same, 4, least=-4) if same and draw(st.integers(0, 4)) == 0 else Pair(),
    )  # fmt: skip
    for which in range(draw(st.integers(0, 2))):
        _discount(draw, made, which, same)
    return made


def _pair(draw: st.DrawFn, same: bool, most: int, least: int = 0) -> Pair:
    shop = draw(st.integers(least, most))
    return Pair(shop, shop if same else draw(st.integers(least, most * 3)))


def _taxes(draw: st.DrawFn, same: bool, most: int) -> list[Tax]:
    rates = draw(st.lists(st.sampled_from(["0.19", "0.07", "0.0825", "0.1"]), max_size=2))
    return [Tax(f"Tax {rate}", rate, _pair(draw, same, most), draw(st.integers(0, 9)) == 0) for rate in rates]


def _line(draw: st.DrawFn, number: int, same: bool, whole: bool) -> Row:
    quantity = draw(st.integers(1, 12))
    price = _pair(draw, same, draw(st.sampled_from([99, 9_999, 4_000_000])))
    return Row(
        f"Product {number}", price, quantity,
        current=quantity if whole else draw(st.integers(0, quantity)),
        sku=f"SKU-{number:04}", ships=draw(st.integers(0, 5)) > 0, taxes=_taxes(draw, same, price.shop * quantity // 5),
        duty=_pair(draw, same, 500) if draw(st.integers(0, 9)) == 0 else None,
    )  # fmt: skip


def _discount(draw: st.DrawFn, made: ShopOrder, which: int, same: bool) -> None:
    """A discount of the whole order falls on what it is for; both sides add up to it exactly."""
    chosen = [row for row in made.rows if row.title != "Tip"]
    most = total(row.net for row in chosen)
    given = Pair(draw(st.integers(0, max(most.shop // 3, 0))), draw(st.integers(0, max(most.customer // 3, 0))))
    given = Pair(given.shop, given.shop) if same else given
    ours = fall(given.shop, [row.net.shop for row in chosen])
    theirs = ours if same else fall(given.customer, [row.net.customer for row in chosen])
    made.discounts.append((f"Offer {which}", Pair(sum(ours), sum(theirs))))
    for row, shop, customer in zip(chosen, ours, theirs, strict=True):
        if shop or customer:
            row.shares = [*row.shares, (which, Pair(shop, customer))]
