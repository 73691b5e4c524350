"""Shopify's order to the canonical one. Pure: bytes or wire structs in, events out; raises ``Untranslatable``."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import msgspec

from crossdock.connectors.shopify import refunds, wire
from crossdock.domain.money import NOTHING, ZERO, Amount, plausible
from crossdock.domain.order import (
    Address,
    Charge,
    ChargeKind,
    Discount,
    LineKind,
    Order,
    OrderLine,
    Party,
    Payment,
    PaymentStatus,
    TaxLine,
    Totals,
)
from crossdock.domain.refund import Refund
from crossdock.kit import decoding
from crossdock.kit.manifest import Untranslatable

Where = tuple[str | int, ...]
_decode = msgspec.json.Decoder(wire.Order).decode
# Shopify's "expired": the authorisation ran out, no money will come on its own.
_STATUS = {**{status.value: status for status in PaymentStatus}, "expired": PaymentStatus.VOIDED}


def parse_order(body: bytes) -> wire.Order:
    """The typed wire order in a webhook's body; raises ``Untranslatable`` naming the field that is off."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise untranslatable(error) from error


def untranslatable(error: Exception) -> Untranslatable:
    """A decoding error in words for a person, with the path of the field where it is known."""
    field, what = decoding.told(error)
    return Untranslatable(
        "shopify.body_unreadable",
        f"The order's {field or 'body'} cannot be read: {what}",
        field=field,
        hint="Compare the stored message with Shopify's order format; a newer API version may have changed it.",
    )


def to_order(connection: str, source: wire.Order) -> Order:
    """The canonical order. The same order told by a webhook and by GraphQL comes out equal."""
    return _Reading(source).order(connection)


def to_refunds(source: wire.Order) -> tuple[Refund, ...]:
    """The order's refunds, as far as this view of it tells them whole."""
    return refunds.read(source, _Reading(source).amount) if source.refunds else ()


class _Reading:
    """One order being read: its currencies and discount titles are needed at every line."""

    __slots__ = ("currency", "dual", "kept", "presentment", "source", "titles")

    def __init__(self, source: wire.Order) -> None:
        self.source = source
        self.currency = source.currency
        self.presentment = source.presentment_currency or source.currency
        self.dual = self.presentment != self.currency
        self.titles = source.discount_applications or ()
        self.kept = refunds.kept_wanted(source, refunds.restocks(source)) if source.refunds else None

    def order(self, connection: str) -> Order:
        source = self.source
        tips = self._tip_lines()
        lines = tuple([self._line(index, line, line.id in tips) for index, line in enumerate(source.line_items)])
        charges = self._charges(lines)
        bill_to, ship_to = address(source.billing_address), address(source.shipping_address)
        place = ship_to or bill_to
        return Order(
            channel=connection,
            external_id=str(source.id),
            number=source.name,
            placed_at=_utc(source.processed_at or source.created_at, "processed_at"),
            updated_at=_utc(source.updated_at, "updated_at"),
            currency=self.currency,
            presentment_currency=self.presentment if self.dual else None,
            totals=self._totals(lines, charges),
            lines=lines,
            tax_inclusive=source.taxes_included,
            charges=charges,
            payments=tuple(
                [Payment(name, gift_card=name == "gift_card") for name in source.payment_gateway_names or ()]
            ),
            payment_status=self._payment_status(),
            customer=party(source, bill_to),
            bill_to=bill_to,
            ship_to=ship_to,
            test=source.test,
            confirmed=source.confirmed,
            cancelled_at=_utc(source.cancelled_at, "cancelled_at") if source.cancelled_at else None,
            cancel_reason=source.cancel_reason.lower() if source.cancel_reason else None,
            po_number=source.po_number or None,
            note=source.note or None,
            tags=tuple(sorted(tag for tag in (t.strip() for t in source.tags.split(",")) if tag))
            if source.tags
            else (),
            source=source.source_name or None,
            region=place.country_code if place else None,
            paid=self._paid(),
            handed_over=tuple([str(line.id) for line in source.line_items if _is_handed_over(line)]),
            outstanding=self._outstanding(),
        )

    def amount(self, bag: wire.Bag | None, plain: str | None, *where: str | int, one_side: bool = False) -> Amount:
        """An amount from its set of two, or from the plain figure where the order has one currency only.

        ``one_side``: the plain figure is all there is, and is given as ``shop`` whichever side it is.
        """
        if bag is None:
            return self._plain(plain, where, one_side)
        shop = bag.shop_money
        if shop.currency_code != self.currency:
            text = f"is in {shop.currency_code}, the order in {self.currency}."
            raise _off("shopify.currency_mismatch", text, where)
        if self.dual:
            return Amount(_decimal(shop.amount, where), _decimal(bag.presentment_money.amount, where))
        return Amount(_decimal(shop.amount, where))

    def _plain(self, plain: str | None, where: Where, one_side: bool = False) -> Amount:
        if plain is None:
            raise _off("shopify.amount_missing", "carries no amount.", where)
        amount = _decimal(plain, where)
        if self.dual and amount and not one_side:
            text = f"is told in {self.currency} only, though the customer pays in {self.presentment}."
            raise _off("shopify.presentment_missing", text, where)
        return Amount(amount)

    def _line(self, index: int, line: wire.Line, tip: bool) -> OrderLine:
        current = line.current_quantity
        if current is not None and self.kept:
            current = min(current + self.kept[line.id], line.quantity)  # what had left when it was refunded was wanted
        return OrderLine(
            id=str(line.id),
            title=line.name or line.title or "",
            quantity=Decimal(line.quantity),
            unit_price=self.amount(line.price_set, line.price, "line_items", index, "price"),
            sku=line.sku,
            kind=LineKind.TIP if tip else LineKind.GIFT_CARD if line.gift_card else LineKind.ITEM,
            current_quantity=None if current is None or current == line.quantity else Decimal(current),
            discounts=self._discounts(line.discount_allocations, "line_items", index),
            taxes=self._taxes(line.tax_lines, "line_items", index),
            requires_shipping=line.requires_shipping,
        )

    def _taxes(self, lines: Sequence[wire.TaxLine] | None, *where: str | int) -> tuple[TaxLine, ...]:
        if not lines:
            return ()
        return tuple(
            [
                TaxLine(
                    self.amount(tax.price_set, tax.price, *where, "tax_lines", index, "price"),
                    tax.title,
                    _rate(tax.rate, where),
                    bool(tax.channel_liable),
                )
                for index, tax in enumerate(lines)
            ]
        )

    def _discounts(self, shares: Sequence[wire.Allocation] | None, *where: str | int) -> tuple[Discount, ...]:
        if not shares:
            return ()
        found = []
        for index, share in enumerate(shares):
            at = (*where, "discount_allocations", index)
            which = share.discount_application_index
            if not 0 <= which < len(self.titles):
                text = f"points at discount {which}, the order has {len(self.titles)}."
                raise _off("shopify.discount_unknown", text, (*at, "discount_application_index"))
            application = self.titles[which]
            amount = self.amount(share.amount_set, share.amount, *at, "amount")
            found.append(Discount(amount, application.title, application.code))
        return tuple(found)

    def _charges(self, lines: Sequence[OrderLine]) -> tuple[Charge, ...]:
        source, charges = self.source, []
        for index, line in enumerate(source.shipping_lines or ()):
            if line.is_removed:
                continue
            charges.append(
                Charge(
                    kind=ChargeKind.SHIPPING,
                    title=line.title or "",
                    amount=self.amount(line.price_set, line.price, "shipping_lines", index, "price"),
                    id=None if line.id is None else str(line.id),
                    code=line.code,
                    discounts=self._discounts(line.discount_allocations, "shipping_lines", index),
                    taxes=self._taxes(line.tax_lines, "shipping_lines", index),
                )
            )
        if not source.duties_included:  # included duties are inside the prices already
            charges += self._duties()
        if source.original_total_additional_fees_set is not None:
            fees = self.amount(source.original_total_additional_fees_set, None, "original_total_additional_fees_set")
            if _is_money(fees):
                charges.append(Charge(ChargeKind.FEE, "Additional fees", fees))
        tip = self._tip_outside(lines)
        return (*charges, *tip)

    def _duties(self) -> list[Charge]:
        found = []
        for index, line in enumerate(self.source.line_items):
            for number, duty in enumerate(line.duties or ()):
                where = ("line_items", index, "duties", number)
                bag = wire.Bag(duty.shop_money, duty.presentment_money)
                found.append(
                    Charge(
                        kind=ChargeKind.DUTY,
                        title="Duty",
                        amount=self.amount(bag, None, *where),
                        id=None if duty.id is None else str(duty.id).rpartition("/")[2],
                        taxes=self._taxes(duty.tax_lines, *where),
                    )
                )
        return found

    def _tip(self) -> Amount:
        """All tips. A webhook tells them in the shop's currency only, whatever the customer pays in."""
        bag, told = self.source.total_tip_received_set, self.source.total_tip_received
        if bag is None:
            return Amount(_decimal(told, ("total_tip_received",))) if told is not None and told != "0.00" else NOTHING
        return self.amount(bag, told, "total_tip_received")

    def _tip_lines(self) -> frozenset[int]:
        """Ids of the lines that are tips.

        Shopify marks them by no field: they have no product, need no shipping and come with
        ``total_tip_received``. One that is called "Tip" is taken first, else the only one of that very amount.
        """
        tip = self._tip()
        if not _is_money(tip):
            return frozenset()
        bare = [
            line
            for line in self.source.line_items
            if line.product_id is None and not line.requires_shipping and not line.gift_card
        ]
        named = [line.id for line in bare if (line.name or line.title) == "Tip"]
        return frozenset(named or [line.id for line in bare if self._is_worth(line, tip)][:1])

    def _is_worth(self, line: wire.Line, tip: Amount) -> bool:
        price = self.amount(line.price_set, line.price, "line_items", line.id, "price")
        worth = self._sum([(price, Decimal(line.quantity))])
        return worth.shop == tip.shop and tip.presentment in (None, worth.presentment)

    def _tip_outside(self, lines: Sequence[OrderLine]) -> tuple[Charge, ...]:
        """A tip that no line carries (point of sale), as a charge."""
        tip = self._tip()
        if not _is_money(tip) or any(line.kind is LineKind.TIP for line in lines):
            return ()
        if self.dual and tip.presentment is None:
            raise _off("shopify.presentment_missing", "is not told in what the customer pays.", ("total_tip_received",))
        return (Charge(ChargeKind.TIP, "Tip", tip),)

    def _totals(self, lines: Sequence[OrderLine], charges: Sequence[Charge]) -> Totals:
        source = self.source
        total = self.amount(source.total_price_set, source.total_price, "total_price")
        rounding = self._optional(source.total_cash_rounding_payment_adjustment_set, None, "cash_rounding")
        discounts = self._optional(source.total_discounts_set, source.total_discounts, "total_discounts")
        tax = self._optional(source.total_tax_set, source.total_tax, "total_tax")
        goods = self._sum([(line.unit_price, line.quantity) for line in lines])
        extra = self._sum([(charge.amount, Decimal(1)) for charge in charges])
        # total_price is told before cash rounding (the adjustment "applies to totalReceived"); ours is what is owed.
        owed = self._sum([(total, Decimal(1)), (rounding, Decimal(1))]) if _is_money(rounding) else total
        return Totals(owed, goods, discounts, tax, extra, rounding)

    def _optional(self, bag: wire.Bag | None, plain: str | None, field: str) -> Amount:
        return NOTHING if bag is None and plain is None else self.amount(bag, plain, field)

    def _sum(self, parts: Sequence[tuple[Amount, Decimal]]) -> Amount:
        shop = sum([amount.shop * quantity for amount, quantity in parts], ZERO)
        if not self.dual:
            return Amount(shop)
        return Amount(shop, sum([amount.on("presentment") * quantity for amount, quantity in parts], ZERO))

    def _paid(self) -> Decimal | None:
        """What the shop has of what is owed: told by what is still outstanding, in its own currency only."""
        total, left = self.source.current_total_price, self._outstanding()
        if total is None or left is None:
            return None
        if not plausible(total):
            raise _off("shopify.amount_not_a_number", "is no amount.", ("current_total_price",))
        return total - left

    def _outstanding(self) -> Decimal | None:
        left = self.source.total_outstanding
        if left is not None and not plausible(left):
            raise _off("shopify.amount_not_a_number", "is no amount.", ("total_outstanding",))
        return left

    def _payment_status(self) -> PaymentStatus:
        told = self.source.financial_status
        if told is None:
            return PaymentStatus.PENDING
        status = _STATUS.get(told)
        if status is None:
            raise Untranslatable(
                "shopify.payment_status_unknown",
                f"Shopify tells the payment status {told!r}, which this version does not know.",
                field="financial_status",
            )
        return status


def _is_handed_over(line: wire.Line) -> bool:
    """Whether units that are wanted are not to be fulfilled any more: they were, by us or by whoever sold them."""
    open_, wanted = line.fulfillable_quantity, line.current_quantity
    return line.requires_shipping and open_ is not None and wanted is not None and open_ < wanted


def _utc(told: datetime, field: str) -> datetime:
    """The instant in UTC. At the ends of the calendar there is none, and nothing could be added to it."""
    if not 1970 <= told.year <= 9998:
        raise _off("shopify.instant_out_of_range", f"is {told.isoformat()}: no shop was open then.", (field,))
    return told.astimezone(UTC)


def _is_money(amount: Amount) -> bool:
    """Whether it is anything on either side: five won are nothing in euros, and still owed by who pays in won."""
    return bool(amount.shop or amount.presentment)


def _decimal(told: str, where: Where) -> Decimal:
    try:
        amount = Decimal(told)
    except InvalidOperation:
        raise _off("shopify.amount_not_a_number", f"is {told!r}, which is no amount.", where) from None
    if not plausible(amount):
        raise _off("shopify.amount_not_a_number", f"is {told!r}, which is no amount.", where)
    return amount


def _rate(told: Decimal | None, where: Where) -> Decimal | None:
    if told is not None and not plausible(told):
        raise _off("shopify.rate_not_a_number", "carries a tax rate that is no rate.", where)
    return told


def _off(code: str, text: str, where: Where) -> Untranslatable:
    """``where`` is put together only now: paths of amounts that are fine cost nothing."""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
    return Untranslatable(code, f"{field} {text}", field=field)


def address(source: wire.Address | None) -> Address | None:
    """The canonical address; ``None`` when nothing is told. Shopify sends "" and null for the same absence."""
    if source is None:
        return None
    name = source.name or " ".join(part for part in (source.first_name, source.last_name) if part)
    found = Address(
        name=name or None,
        company=source.company or None,
        line1=source.address1 or None,
        line2=source.address2 or None,
        city=source.city or None,
        region=source.province or None,
        region_code=source.province_code or None,
        postal_code=source.zip or None,
        country_code=source.country_code or None,
        phone=source.phone or None,
    )
    return None if found == _NOWHERE else found


_NOWHERE = Address()


def party(source: wire.Order, bill_to: Address | None) -> Party | None:
    """Who bought: the customer record and the contact data of the order. ``None`` for an anonymous sale (POS)."""
    customer = source.customer
    email = source.email or (customer.email if customer else None) or None
    phone = source.phone or (customer.phone if customer else None) or None
    if customer is None and not email and not phone:
        return None
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part) if customer else ""
    return Party(
        external_id=str(customer.id) if customer else None,
        name=name or None,
        email=email,
        phone=phone,
        company=bill_to.company if bill_to else None,
    )
