"""Amazon's order to the canonical one. Pure: bytes or wire structs in, an order out; raises ``Untranslatable``.

How tax stands to the total is read from the arithmetic, order by order: Amazon documents the categories, not whether
``ITEM`` carries the tax in a given marketplace. Whatever does not come to ``grandTotal`` fails the totals proof.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from crossdock.connectors.amazon import wire
from crossdock.connectors.amazon.marketplaces import BY_ID, TAX_ON_TOP
from crossdock.connectors.amazon.money import CHARGES, DISCOUNT, GOODS, TAX, Parts, currency_of, decimal, off, parts_of
from crossdock.connectors.amazon.money import stated as stated_sums
from crossdock.connectors.amazon.standing import AMAZON
from crossdock.domain.events import Event, OrderSeen, ShipmentSeen
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import (
    Address,
    Charge,
    ChargeKind,
    Discount,
    Order,
    OrderLine,
    Party,
    Payment,
    PaymentStatus,
    TaxLine,
    Totals,
)
from crossdock.domain.state import ordered
from crossdock.kit import decoding
from crossdock.kit.manifest import Untranslatable

_decode = msgspec.json.Decoder(wire.Order).decode
_UNIT = Decimal("0.00000001")  # a unit price keeps 8 decimals, so that a line's sum is off by less than half a cent
_MOST = 10**9
_CODE = re.compile(r"[A-Z]{2,3}")
_TAKEN = ("UNSHIPPED", "SHIPPED", "CANCELLED")
_ON_TOP, _INCLUDED, _WITHHELD = "on top", "included", "withheld"
_KINDS = {
    "SHIPPING": (ChargeKind.SHIPPING, "Shipping"),
    "GIFT_WRAP": (ChargeKind.FEE, "Gift wrap"),
    "COD_FEE": (ChargeKind.FEE, "Cash on delivery"),
    "OTHER": (ChargeKind.FEE, "Other"),
    "DELIVERY_TIP": (ChargeKind.TIP, "Delivery tip"),
}
_PAID_ON_DELIVERY = frozenset({"CashOnDelivery", "COD"})


def parse_order(body: bytes | msgspec.Raw) -> wire.Order:
    """The typed wire order; raises ``Untranslatable`` naming the field that is off."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise untranslatable(error) from error


def untranslatable(error: Exception) -> Untranslatable:
    """A decoding error in words for a person, with the path of the field where it is known."""
    field, what = decoding.told(error)
    return Untranslatable(
        "amazon.body_unreadable",
        f"The {field or 'body'} cannot be read: {what}",
        field=field,
        hint="Compare the stored message with Amazon's Orders API 2026-01-01; a newer version may have changed it.",
    )


def to_order(connection: str, source: wire.Order) -> Order:
    """The canonical order. The same order told by a search and by a read-back comes out equal."""
    return _Reading(source).order(connection)


def events_of(connection: str, source: wire.Order, authoritative: bool = False) -> list[Event]:
    """The order, and where its goods left without us, by Amazon or by somebody else, that they did.

    The channel itself is the source of that shipment, so that the ERP is told of it and Amazon is not.
    """
    order = to_order(connection, source)
    seen = OrderSeen(order, authoritative)
    if order.cancelled_at is not None or any(line.requires_shipping for line in order.lines):
        return [seen]
    lines = tuple(ShippedLine(line.id, ordered(line), line.sku) for line in order.lines if ordered(line))
    by = source.fulfillment.fulfilled_by if source.fulfillment else None
    shipment = Shipment(f"{order.external_id}-left", lines, order.updated_at, location=by)
    return [seen, ShipmentSeen(shipment, connection)] if lines else [seen]


def later_view(connection: str, source: wire.Order) -> list[Event]:
    """An order of which goods have left, for the one that is here: told as before, with what is still wanted of it."""
    return [OrderSeen(to_order(connection, unshipped(source)), authoritative=True, later=True)]


def unshipped(source: wire.Order) -> wire.Order:
    """The order as if nothing of it had left: its items and their money are told alike, however far it is."""
    state = source.fulfillment
    if state is None or state.fulfillment_status == "CANCELLED":
        return source
    return msgspec.structs.replace(source, fulfillment=msgspec.structs.replace(state, fulfillment_status="UNSHIPPED"))


class _Reading:
    """One order being read: its money by item, and how its tax stands to its total."""

    def __init__(self, source: wire.Order) -> None:
        if source.fulfillment is None:
            raise off("amazon.field_missing", "is not told.", ("fulfillment",))
        self.source, self.fulfillment = source, source.fulfillment
        for name, told, known in (
            ("fulfillmentStatus", self.fulfillment.fulfillment_status, _TAKEN),
            ("fulfilledBy", self.fulfillment.fulfilled_by, (AMAZON, "MERCHANT")),
        ):
            if told not in known:  # not to be guessed: goods would be picked for it
                raise off(
                    "amazon.status_unknown", f"is {told!r}; known here: {', '.join(known)}.", ("fulfillment", name)
                )
        self.place = BY_ID.get(source.sales_channel.marketplace_id or "")
        self.cancelled = self.fulfillment.fulfillment_status == "CANCELLED"
        self.currency = self._currency()
        self.parts = [
            parts_of(item, self.currency, ("orderItems", index)) for index, item in enumerate(source.order_items)
        ]
        self.stated = stated_sums(source, self.currency)
        self.sums = self._sums()
        self.total = self._total()
        self.tax = self._how_taxed()

    def order(self, connection: str) -> Order:
        source, buyer = self.source, self.source.buyer
        ship_to = address(source.recipient)
        updated_at = _utc(source.last_updated_time, "lastUpdatedTime")
        return Order(
            channel=connection,
            external_id=source.order_id,
            number=source.order_id,
            placed_at=_utc(source.created_time, "createdTime"),
            updated_at=updated_at,
            currency=self.currency,
            totals=self._totals(),
            lines=tuple(self._line(index, item) for index, item in enumerate(source.order_items)),
            tax_inclusive=self.tax == _INCLUDED,
            charges=self._charges(),
            payments=self._payments(),
            payment_status=self._payment_status(),
            customer=party(buyer),
            ship_to=ship_to,
            cancelled_at=updated_at if self.cancelled else None,
            cancel_reason=self._cancel_reason() if self.cancelled else None,
            po_number=(buyer and buyer.buyer_purchase_order_number) or None,
            note=self._note(),
            tags=self._tags(),
            source=source.sales_channel.marketplace_name or source.sales_channel.channel_name,
            region=(ship_to and ship_to.country_code) or (self.place.country if self.place else None),
            ship_by=_latest(self.fulfillment.ship_by_window, "shipByWindow"),
            deliver_by=_latest(self.fulfillment.deliver_by_window, "deliverByWindow"),
        )

    def _currency(self) -> str:
        told = currency_of(self.source) or (self.place.currency if self.place else None)
        if told is None:
            raise off("amazon.amount_missing", "is not told.", ("proceeds", "grandTotal"))
        return told

    def _sums(self) -> dict[str, Decimal]:
        """The items' money by category, and what the order alone tells (a tip belongs to no item)."""
        sums = {GOODS: ZERO, TAX: ZERO, DISCOUNT: ZERO, **dict.fromkeys(CHARGES, ZERO)}
        for item, parts in zip(self.source.order_items, self.parts, strict=True):
            for name, amount in parts.amounts.items():
                sums[name] += amount
            if not parts.told():
                sums[GOODS] += self._price(item) * item.quantity_ordered
            sums[TAX] += sum(parts.taxes.values(), ZERO)
            sums[DISCOUNT] += sum(parts.discounts.values(), ZERO)
        sums["DELIVERY_TIP"] = sums["DELIVERY_TIP"] or self.stated.get("DELIVERY_TIP", ZERO)
        return sums

    def _total(self) -> Decimal:
        told = self.source.proceeds.grand_total if self.source.proceeds else None
        if told is not None:
            return decimal(told, self.currency, ("proceeds", "grandTotal"))
        replaces = any((one.association_type or "").startswith("REPLACEMENT") for one in self.source.associated_orders)
        if self.cancelled or replaces:  # no money moves: Amazon may tell none
            return self._before_tax() + self.sums[TAX]
        raise off("amazon.amount_missing", "is not told: is the dataset PROCEEDS granted?", ("proceeds", "grandTotal"))

    def _before_tax(self) -> Decimal:
        return self.sums[GOODS] - self.sums[DISCOUNT] + sum((self.sums[name] for name in CHARGES), ZERO)

    def _how_taxed(self) -> str:
        """On top of the prices, inside them, or kept back by Amazon and no part of the total at all."""
        before = self._before_tax()
        if not self.sums[TAX] or self.total == before + self.sums[TAX] or self.total != before:
            return _ON_TOP
        kept = self.place is not None and self.place.country in TAX_ON_TOP
        return _WITHHELD if kept and all(p.channel_liable for p in self.parts if p.taxes) else _INCLUDED

    def _totals(self) -> Totals:
        """Amazon's own sums where it tells them: the proof holds the lines against these."""
        told = self.stated or self.sums
        tax = told.get(TAX, ZERO) if self.tax != _WITHHELD else ZERO
        return Totals(
            total=Amount(self.total),
            lines=Amount(told.get(GOODS, ZERO)),
            discounts=Amount(told.get(DISCOUNT, ZERO)),
            tax=Amount(tax),
            charges=Amount(sum((told.get(name, ZERO) for name in CHARGES), ZERO)),
        )

    def _line(self, index: int, item: wire.Item) -> OrderLine:
        if not 0 <= item.quantity_ordered <= _MOST:
            text = f"is {item.quantity_ordered}, which nobody orders."
            raise off("amazon.quantity_wrong", text, ("orderItems", index, "quantityOrdered"))
        parts = self.parts[index]
        quantity, current = self._quantities(item, parts)
        off_goods = parts.discounts.get(GOODS, ZERO)
        promotions = item.promotion.breakdowns if item.promotion else ()
        code = ", ".join(one.promotion_id for one in promotions if one.promotion_id) or None
        # What Amazon ships itself, and what somebody else shipped before it came here, is for the books only.
        left = self.fulfillment.fulfilled_by == AMAZON or self.fulfillment.fulfillment_status == "SHIPPED"
        return OrderLine(
            id=item.order_item_id,
            title=item.product.title or item.product.seller_sku or "",
            quantity=quantity,
            unit_price=Amount(self._unit_price(item, parts, quantity)),
            sku=item.product.seller_sku,
            current_quantity=None if current == quantity else current,
            discounts=(Discount(Amount(off_goods), "Promotion", code),) if off_goods else (),
            taxes=self._taxes([(parts.taxes.get(GOODS, ZERO), parts.channel_liable)]),
            requires_shipping=not left,
        )

    def _quantities(self, item: wire.Item, parts: Parts) -> tuple[Decimal, Decimal]:
        """As sold, and as it stands. After a partial cancellation Amazon's amounts are for the one or the other."""
        ordered, fulfilment = Decimal(item.quantity_ordered), item.fulfillment
        if self.cancelled or fulfilment is None or fulfilment.quantity_unfulfilled is None:
            return ordered, ordered
        current = Decimal(fulfilment.quantity_unfulfilled + (fulfilment.quantity_fulfilled or 0))
        if not 0 <= current < ordered:
            return ordered, ordered
        sold_current = parts.amounts.get(GOODS, ZERO) == self._price(item) * current
        return (current, current) if sold_current else (ordered, current)

    def _unit_price(self, item: wire.Item, parts: Parts, quantity: Decimal) -> Decimal:
        """The told price where it multiplies out to what was sold for, else what was sold for by piece."""
        price, goods = self._price(item), parts.amounts.get(GOODS)
        if not parts.told() or not quantity or goods == price * quantity:
            return price
        return ((goods or ZERO) / quantity).quantize(_UNIT).normalize() + ZERO

    def _price(self, item: wire.Item) -> Decimal:
        told = item.product.price.unit_price if item.product.price else None
        return ZERO if told is None else decimal(told, self.currency, ("orderItems", item.order_item_id, "unitPrice"))

    def _taxes(self, amounts: Sequence[tuple[Decimal, bool]]) -> tuple[TaxLine, ...]:
        """At most two tax lines: what is ours to pay, and what Amazon pays."""
        if self.tax == _WITHHELD:
            return ()
        title = f"{self.place.country} tax" if self.place else "Tax"
        sums = {liable: sum((tax for tax, by in amounts if by is liable), ZERO) for liable in (False, True)}
        return tuple(TaxLine(Amount(tax), title, channel_liable=by) for by, tax in sums.items() if tax)

    def _charges(self) -> tuple[Charge, ...]:
        found = []
        for name in CHARGES:
            taxes = self._taxes([(parts.taxes.get(name, ZERO), parts.channel_liable) for parts in self.parts])
            less = sum((parts.discounts.get(name, ZERO) for parts in self.parts), ZERO)
            level = self.fulfillment.fulfillment_service_level if name == "SHIPPING" else None
            if not (self.sums[name] or taxes or less or level):
                continue
            kind, title = _KINDS[name]
            discounts = (Discount(Amount(less), "Promotion"),) if less else ()
            found.append(Charge(kind, title, Amount(self.sums[name]), name.lower(), level, discounts, taxes))
        return tuple(found)

    def _payments(self) -> tuple[Payment, ...]:
        told = self.source.payment.payment_executions if self.source.payment else ()
        return tuple(
            Payment(
                gateway=one.payment_method or "Amazon",
                amount=Amount(decimal(one.payment_amount, self.currency, ("payment", index)))
                if one.payment_amount
                else None,
            )
            for index, one in enumerate(told)
        )

    def _payment_status(self) -> PaymentStatus:
        """An order that left PENDING is paid: Amazon collects. Only cash on delivery is not there yet."""
        if self.cancelled:
            return PaymentStatus.VOIDED
        told = self.source.payment.payment_executions if self.source.payment else ()
        on_delivery = any(one.payment_method in _PAID_ON_DELIVERY for one in told)
        return PaymentStatus.PENDING if on_delivery else PaymentStatus.PAID

    def _cancel_reason(self) -> str | None:
        for item in self.source.order_items:
            execution = item.cancellation.cancellation_execution if item.cancellation else None
            if execution and execution.cancel_reason:
                return execution.cancel_reason
        return None

    def _note(self) -> str | None:
        found = []
        for item in self.source.order_items:
            packing = item.fulfillment.packing if item.fulfillment else None
            message = packing.gift_option.gift_message if packing and packing.gift_option else None
            if message:
                found.append(f"Gift message: {message}")
        return "\n".join(dict.fromkeys(found)) or None

    def _tags(self) -> tuple[str, ...]:
        linked = (one.association_type for one in self.source.associated_orders)
        return tuple(sorted({*self.source.programs, *(name for name in linked if name)}))


def _latest(window: wire.Window | None, field: str) -> datetime | None:
    told = window.latest_date_time if window else None
    return None if told is None else _utc(told, field)


def _utc(told: datetime, field: str) -> datetime:
    if not 1970 <= told.year <= 9998:
        raise off("amazon.instant_out_of_range", f"is {told.isoformat()}: nothing was sold then.", (field,))
    return told.astimezone(UTC)


def address(recipient: wire.Recipient | None) -> Address | None:
    """The canonical address; ``None`` when the role for it is not granted. Amazon sends "" and nothing alike."""
    source = recipient.delivery_address if recipient else None
    if source is None:
        return None
    state = source.state_or_region or None
    found = Address(
        name=source.name or None,
        company=source.company_name or None,
        line1=source.address_line1 or None,
        line2=", ".join(line for line in (source.address_line2, source.address_line3) if line) or None,
        city=source.city or None,
        region=state,
        region_code=state if state and _CODE.fullmatch(state) else None,
        postal_code=source.postal_code or None,
        country_code=source.country_code or None,
        phone=source.phone or None,
    )
    return None if found == Address() else found


def party(buyer: wire.Buyer | None) -> Party | None:
    """Who bought, as far as Amazon tells: the e-mail is an alias of Amazon's. ``None`` without the role for it."""
    if buyer is None:
        return None
    found = Party(
        name=buyer.buyer_name or None,
        email=buyer.buyer_email or None,
        company=buyer.buyer_company_name or None,
    )
    return None if found == Party() else found
