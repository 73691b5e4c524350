"""Answers of the Admin GraphQL API, typed, and an order's turn into the webhook's shape: one mapping serves both."""

from decimal import Decimal

import msgspec

from crossdock.connectors.shopify import wire
from crossdock.connectors.shopify.wire import Instant
from crossdock.domain.money import exponent


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """GraphQL spells in camel case."""


class PageInfo(Struct, frozen=True):
    has_next_page: bool
    end_cursor: str | None = None


class Money(Struct, frozen=True):
    amount: Decimal
    currency_code: str


class ShopBag(Struct, frozen=True):
    """An amount of which only the shop's side is asked."""

    shop_money: Money


class Bag(Struct, frozen=True):
    shop_money: Money
    presentment_money: Money


class TaxLine(Struct, frozen=True):
    title: str
    price_set: Bag
    rate: Decimal | None = None
    channel_liable: bool | None = None


class Application(Struct, frozen=True):
    title: str | None = None
    code: str | None = None


class Allocation(Struct, frozen=True):
    allocated_amount_set: Bag
    discount_application: Application


class Ref(Struct, frozen=True):
    id: str


class Duty(Struct, frozen=True):
    id: str
    price: Bag
    tax_lines: tuple[TaxLine, ...]


class Line(Struct, frozen=True):
    id: str
    name: str
    title: str
    quantity: int
    current_quantity: int
    original_unit_price_set: Bag
    is_gift_card: bool
    requires_shipping: bool
    unfulfilled_quantity: int | None = None
    sku: str | None = None
    product: Ref | None = None
    tax_lines: tuple[TaxLine, ...] = ()
    discount_allocations: tuple[Allocation, ...] = ()
    duties: tuple[Duty, ...] = ()


class Lines(Struct, frozen=True):
    nodes: tuple[Line, ...]
    page_info: PageInfo


class ShippingLine(Struct, frozen=True):
    title: str
    original_price_set: Bag
    id: str | None = None
    code: str | None = None
    is_removed: bool = False
    tax_lines: tuple[TaxLine, ...] = ()
    discount_allocations: tuple[Allocation, ...] = ()


class ShippingLines(Struct, frozen=True):
    nodes: tuple[ShippingLine, ...]


class Email(Struct, frozen=True):
    email_address: str


class Phone(Struct, frozen=True):
    phone_number: str


class Customer(Struct, frozen=True):
    id: str
    first_name: str | None = None
    last_name: str | None = None
    default_email_address: Email | None = None
    default_phone_number: Phone | None = None


class Address(Struct, frozen=True):
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    zip: str | None = None
    country_code_v2: str | None = msgspec.field(default=None, name="countryCodeV2")
    phone: str | None = None


class Rounding(Struct, frozen=True):
    payment_set: Bag


class Order(Struct, frozen=True):
    id: str
    name: str
    created_at: Instant
    processed_at: Instant
    updated_at: Instant
    currency_code: str
    presentment_currency_code: str
    taxes_included: bool
    duties_included: bool
    test: bool
    confirmed: bool
    total_price_set: Bag
    current_total_price_set: ShopBag
    total_outstanding_set: ShopBag
    total_tip_received_set: Bag
    total_cash_rounding_adjustment: Rounding
    line_items: Lines
    shipping_lines: ShippingLines
    payment_gateway_names: tuple[str, ...]
    tags: tuple[str, ...]
    total_discounts_set: Bag | None = None
    total_tax_set: Bag | None = None
    original_total_additional_fees_set: Bag | None = None
    display_financial_status: str | None = None
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    po_number: str | None = None
    source_name: str | None = None
    customer: Customer | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    refunds: tuple[Ref, ...] = ()


def number(gid: str) -> str:
    """The trailing number of a global id: canonical ids are these ("gid://shopify/Order/42?x=1" -> "42")."""
    return gid.rpartition("/")[2].partition("?")[0]


def gid(kind: str, external_id: str) -> str:
    return f"gid://shopify/{kind}/{external_id}"


def as_wire(order: Order, lines: tuple[Line, ...], refunds: tuple[wire.Refund, ...] = ()) -> wire.Order:
    """The same order in the shape of a webhook's body. ``lines`` are all of its lines, from however many pages."""
    return msgspec.structs.replace(_Rewriter().order(order, lines), refunds=refunds)


class _Rewriter:
    """Collects discount applications while lines are rewritten: the webhook lists them apart and points at them."""

    def __init__(self) -> None:
        self.applications: list[wire.Application] = []

    def order(self, order: Order, lines: tuple[Line, ...]) -> wire.Order:
        fees = order.original_total_additional_fees_set
        return wire.Order(
            id=int(number(order.id)),
            name=order.name,
            created_at=order.created_at,
            processed_at=order.processed_at,
            updated_at=order.updated_at,
            currency=order.currency_code,
            presentment_currency=order.presentment_currency_code,
            line_items=tuple(self._line(line) for line in lines),
            shipping_lines=tuple(self._shipping(line) for line in order.shipping_lines.nodes),
            discount_applications=tuple(self.applications),
            taxes_included=order.taxes_included,
            duties_included=order.duties_included,
            test=order.test,
            confirmed=order.confirmed,
            total_price_set=bag(order.total_price_set),
            current_total_price=_plain(order.current_total_price_set),
            total_outstanding=_plain(order.total_outstanding_set),
            total_discounts_set=bag(order.total_discounts_set) if order.total_discounts_set else None,
            total_tax_set=bag(order.total_tax_set) if order.total_tax_set else None,
            total_tip_received=_money(order.total_tip_received_set.shop_money).amount,
            total_tip_received_set=bag(order.total_tip_received_set),
            original_total_additional_fees_set=bag(fees) if fees else None,
            total_cash_rounding_payment_adjustment_set=bag(order.total_cash_rounding_adjustment.payment_set),
            financial_status=order.display_financial_status.lower() if order.display_financial_status else None,
            cancelled_at=order.cancelled_at,
            cancel_reason=order.cancel_reason,
            email=order.email,
            phone=order.phone,
            note=order.note,
            tags=", ".join(order.tags),
            po_number=order.po_number,
            source_name=order.source_name,
            payment_gateway_names=order.payment_gateway_names,
            customer=_customer(order.customer),
            billing_address=_address(order.billing_address),
            shipping_address=_address(order.shipping_address),
        )

    def _line(self, line: Line) -> wire.Line:
        return wire.Line(
            id=int(number(line.id)),
            quantity=line.quantity,
            title=line.title,
            name=line.name,
            sku=line.sku,
            price_set=bag(line.original_unit_price_set),
            current_quantity=line.current_quantity,
            fulfillable_quantity=line.unfulfilled_quantity,
            gift_card=line.is_gift_card,
            requires_shipping=line.requires_shipping,
            product_id=int(number(line.product.id)) if line.product else None,
            tax_lines=_taxes(line.tax_lines),
            discount_allocations=self._allocations(line.discount_allocations),
            duties=tuple(_duty(duty) for duty in line.duties),
        )

    def _shipping(self, line: ShippingLine) -> wire.ShippingLine:
        return wire.ShippingLine(
            title=line.title,
            id=int(number(line.id)) if line.id else None,
            code=line.code,
            price_set=bag(line.original_price_set),
            is_removed=line.is_removed,
            tax_lines=_taxes(line.tax_lines),
            discount_allocations=self._allocations(line.discount_allocations),
        )

    def _allocations(self, shares: tuple[Allocation, ...]) -> tuple[wire.Allocation, ...]:
        found = []
        for share in shares:
            told = share.discount_application
            self.applications.append(wire.Application(told.title, told.code))
            found.append(wire.Allocation(len(self.applications) - 1, amount_set=bag(share.allocated_amount_set)))
        return tuple(found)


def _money(money: Money, sign: int = 1) -> wire.Money:
    return wire.Money(_printed(money.amount * sign, money.currency_code), money.currency_code)


def _plain(told: ShopBag) -> Decimal:
    """As webhooks tell it: the shop's side alone, with its currency's decimals."""
    return Decimal(_printed(told.shop_money.amount, told.shop_money.currency_code))


def _printed(amount: Decimal, currency: str) -> str:
    """GraphQL drops trailing zeros ("10.0"), webhooks print minor units ("10.00"): print as webhooks do."""
    if amount.is_finite():
        padded = amount.quantize(Decimal(1).scaleb(-exponent(currency)))
        amount = padded if padded == amount else amount
    return f"{amount:f}"


def bag(told: Bag, sign: int = 1) -> wire.Bag:
    return wire.Bag(_money(told.shop_money, sign), _money(told.presentment_money, sign))


def _taxes(taxes: tuple[TaxLine, ...]) -> tuple[wire.TaxLine, ...]:
    return tuple(
        wire.TaxLine(tax.title, price_set=bag(tax.price_set), rate=tax.rate, channel_liable=tax.channel_liable)
        for tax in taxes
    )


def _duty(duty: Duty) -> wire.Duty:
    price = bag(duty.price)
    return wire.Duty(price.shop_money, price.presentment_money, number(duty.id), _taxes(duty.tax_lines))


def _customer(customer: Customer | None) -> wire.Customer | None:
    if customer is None:
        return None
    email, phone = customer.default_email_address, customer.default_phone_number
    return wire.Customer(
        id=int(number(customer.id)),
        first_name=customer.first_name,
        last_name=customer.last_name,
        email=email.email_address if email else None,
        phone=phone.phone_number if phone else None,
    )


def _address(address: Address | None) -> wire.Address | None:
    if address is None:
        return None
    return wire.Address(
        name=address.name,
        first_name=address.first_name,
        last_name=address.last_name,
        company=address.company,
        address1=address.address1,
        address2=address.address2,
        city=address.city,
        province=address.province,
        province_code=address.province_code,
        zip=address.zip,
        country_code=address.country_code_v2,
        phone=address.phone,
    )
