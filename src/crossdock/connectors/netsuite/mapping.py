"""Order -> sales order, and the proof that NetSuite's own arithmetic on it gives the channel's total to the cent.

NetSuite computes a line as quantity x rate rounded to the currency, and a document as the sum of its lines, header
shipping and tax. So every line carries a custom price (level -1) and a rate that reproduces its amount, and tax is
always explicit, never left to the account's tax engine:

- Discounts become net rates, or, with the setting ``discount_item``, a negative line after the line they fell on.
- A tax-inclusive line is rendered as net (price - discount - its taxes) plus those taxes.
- Charges other than shipping, declared rounding and tax the channel itself remits are lines of configured items.
- What rounding the parts leaves over is one explicit line of ``rounding_item``, never hidden in another line.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from operator import attrgetter
from typing import Any

from crossdock.connectors.netsuite.proof import Unbookable, document_total, suspect
from crossdock.domain.commands import BookOrder
from crossdock.domain.measures import in_goods
from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import Address, Charge, ChargeKind, LineKind, OrderLine, TaxLine
from crossdock.domain.outcome import Rejected
from crossdock.domain.posting import zone
from crossdock.kit.texts import one_line, within

CUSTOM_PRICE = {"id": "-1"}
DEFAULT_CURRENCIES = {"USD": "1", "GBP": "2", "CAD": "3", "EUR": "4"}  # NetSuite's own ids in a new account
LONGEST_MEMO = 999  # NetSuite refuses a whole order whose memo is longer; counted in bytes, which is never too much

_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_HALF = Decimal("0.5")
_RATE_UNIT = Decimal("0.00000001")  # a rate keeps 8 decimals, so quantity x rate is exact up to a million units
_PENDING_FULFILMENT = {"id": "B"}
_CHARGE_ITEMS = {
    ChargeKind.SHIPPING: "shipping_item",
    ChargeKind.TIP: "tip_item",
    ChargeKind.DUTY: "duty_item",
    ChargeKind.FEE: "fee_item",
}


# The side of an amount that is booked. ``Amount.on`` says the same; these are called 20 times per order.
_shop: Callable[[Amount], Decimal] = attrgetter("shop")


def _presentment(amount: Amount) -> Decimal:
    return amount.on("presentment")


def render_order(command: BookOrder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sales order's JSON body; raises ``Unbookable`` naming the field before any byte leaves."""
    try:
        return _Sheet(command, settings).document()
    except InvalidOperation as error:
        detail = f"order {command.order.key}: an amount has more digits than can be booked"
        raise Unbookable(Rejected(code="amount_refused", detail=detail)) from error


class _Sheet:
    """One order being rendered: its lines, its tax rows and what rounding them has left over."""

    def __init__(self, command: BookOrder, settings: Mapping[str, Any]) -> None:
        order = self.order = command.order
        self.command, self.settings, self.basis = command, settings, command.basis
        self.side: Callable[[Amount], Decimal] = _presentment if command.basis == "presentment" else _shop
        self.currency = order.currency_on(command.basis)
        self.unit = minor_unit(self.currency)
        self.inclusive = order.tax_inclusive
        self.tax_mode = settings.get("tax_mode", "details")
        self.line_field = settings.get("line_field")
        self.discount_item = settings.get("discount_item")
        self.lines: list[dict[str, Any]] = []
        self.tax_rows: list[dict[str, Any]] = []
        self.tax = self.channel_tax = ZERO
        self.tax_refs: dict[str, dict[str, str]] = {}
        self.lost = ZERO  # what rounding the parts to whole minor units has taken away

    def document(self) -> dict[str, Any]:
        header = self._header()
        for index, line in enumerate(self.order.lines):
            self._put(self._item_of(line, index), line.quantity, line, line.id, in_goods(line, line.quantity))
        for charge in self.order.charges:
            self._charge(charge, header)
        self._extras()
        header["item"] = {"items": self.lines}
        if self.tax_mode == "details":
            header["taxDetailsOverride"] = True
            if self.tax_rows:
                header["taxDetails"] = {"items": self.tax_rows}
        self._prove(header)
        return header

    def _header(self) -> dict[str, Any]:
        order, settings = self.order, self.settings
        header: dict[str, Any] = {
            "externalId": order.key,
            "entity": {"id": self.command.customer_ref},
            "otherRefNum": order.po_number or order.number,
            "tranDate": local_date(order.placed_at, settings),
            "currency": {"id": self._currency_id()},
            "orderStatus": _PENDING_FULFILMENT,
            "memo": f"{order.channel} {order.number}",
        }
        if order.ship_to:
            header["shippingAddress"] = render_address(order.ship_to)
        if order.bill_to:
            header["billingAddress"] = render_address(order.bill_to)
        if self.command.ship_method:
            self._ship_method(header, self.command.ship_method)
        self._note(header)
        if settings.get("header"):
            header.update(settings["header"])
        return header

    def _currency_id(self) -> str:
        ids = self.settings.get("currencies") or DEFAULT_CURRENCIES
        if self.currency not in ids:
            raise self._missing("currencies", f"the setting `currencies` has no NetSuite id for {self.currency}")
        return str(ids[self.currency])

    def _ship_method(self, header: dict[str, Any], method: str) -> None:
        known = (self.settings.get("ship_methods") or {}).get(method, method)
        if str(known).isdigit():
            header["shipMethod"] = {"id": str(known)}
        else:
            header["memo"] += f" · ship by {method}"

    def _note(self, header: dict[str, Any]) -> None:
        if note := one_line(self.order.note or ""):
            header["memo"] = within(f"{header['memo']} · note: {note}", LONGEST_MEMO)

    def _item_of(self, line: OrderLine, index: int) -> str:
        ref = self.command.item_refs.get(line.sku) if line.sku else None
        if ref is not None:
            return ref
        if line.kind is LineKind.GIFT_CARD:
            return self._setting("gift_card_item")
        if line.kind is LineKind.TIP:
            return self._setting("tip_item")
        detail = f"order {self.order.key}: line {index + 1} ({line.title}) has no item in NetSuite for SKU {line.sku!r}"
        raise Unbookable(Rejected(code="item_unknown", detail=detail, field=f"lines[{index}].sku"))

    def _setting(self, name: str) -> str:
        value = self.settings.get(name)
        if not value:
            raise self._missing(name, f"the setting `{name}` names no NetSuite item, and this order needs one")
        return str(value)

    def _missing(self, name: str, text: str) -> Unbookable:
        detail = f"order {self.order.key}: {text}"
        return Unbookable(
            Rejected(code="setting_missing", detail=detail, field=name, hint="Set it on the connection, then retry.")
        )

    def _put(
        self,
        item: str,
        quantity: Decimal,
        priced: OrderLine | Charge,
        line_id: str | None = None,
        count: Decimal | None = None,
    ) -> None:
        """Add a line (or charge) with its discounts and taxes. ``count``: how many it is in NetSuite's unit."""
        if not quantity:
            self._nothing(priced)
            return
        side = self.side
        price = side(priced.unit_price if line_id is not None else priced.amount)  # type: ignore[union-attr]
        gross = exact = price * quantity
        off = self._sum(priced.discounts) if priced.discounts else ZERO
        if off:
            exact = gross - off
        if self.inclusive and priced.taxes:
            exact -= self._sum(priced.taxes)
        net = self._round(exact)
        counted = quantity if count is None else count
        row: dict[str, Any] = {"item": {"id": item}, "quantity": counted, "price": CUSTOM_PRICE}
        if priced.taxes:
            self._taxes(priced, net, f"L{len(self.lines) + 1}", row)
        if off and self.discount_item:
            # Net of tax, so that line and discount together are exactly the taxed amount.
            share = self._quantized(off * net / (gross - off) if self.inclusive and gross != off else off)
            self._finish(row, price if not self.inclusive else None, net + share, line_id, priced.title)
            self._discount(share, priced)
        elif exact is gross and net == gross and counted == quantity:
            row["rate"] = price
            row["amount"] = net
            self._close(row, line_id, priced.title)
        else:
            self._finish(row, None, net, line_id, priced.title)

    def _nothing(self, priced: OrderLine | Charge) -> None:
        """A line of no quantity is left out, unless it carries money."""
        if self._sum(priced.discounts) or self._sum(priced.taxes):
            detail = f"order {self.order.key}: line {priced.title!r} has discounts or tax but no quantity"
            raise Unbookable(Rejected(code="totals_differ", detail=detail, field="lines"))

    def _finish(
        self, row: dict[str, Any], price: Decimal | None, amount: Decimal, line_id: str | None, title: str
    ) -> None:
        quantity = row["quantity"]
        if price is None or price * quantity != amount:
            price = (amount / quantity).quantize(_RATE_UNIT, ROUND_HALF_UP)
        row["rate"] = price
        row["amount"] = amount
        self._close(row, line_id, title)

    def _close(self, row: dict[str, Any], line_id: str | None, title: str) -> None:
        row["description"] = title
        if self.line_field and line_id:
            row[self.line_field] = line_id
        self.lines.append(row)

    def _discount(self, amount: Decimal, priced: OrderLine | Charge) -> None:
        title = ", ".join(d.code or d.title or "Discount" for d in priced.discounts)
        self._plain(self.discount_item, -amount, title)

    def _plain(self, item: Any, amount: Decimal, title: str) -> None:
        """A line that carries an amount and no tax."""
        self.lines.append(
            {
                "item": {"id": str(item)},
                "quantity": _ONE,
                "price": CUSTOM_PRICE,
                "rate": amount,
                "amount": amount,
                "description": title,
            }
        )

    def _taxes(self, priced: OrderLine | Charge, net: Decimal, reference: str, row: dict[str, Any]) -> None:
        """Attach the line's own taxes; those the channel remits are kept apart."""
        ours = ZERO
        details = self.tax_mode == "details"
        for tax in priced.taxes:
            raw = self.side(tax.amount)
            if not raw:
                continue
            amount = self._round(raw)
            if tax.channel_liable:
                self.channel_tax += amount
                continue
            ours += amount
            if details:
                self.tax_rows.append(self._tax_row(reference, tax, net, amount))
                row["taxDetailsReference"] = reference
        self.tax += ours
        if self.tax_mode == "line":
            row["taxCode"] = {"id": self._tax_code(priced.taxes[0].title)}
            row["tax1Amt"] = ours

    def _tax_row(self, reference: str, tax: TaxLine, basis: Decimal, amount: Decimal) -> dict[str, Any]:
        code = self.tax_refs.get(tax.title)
        if code is None:
            code = self.tax_refs[tax.title] = {"id": self._tax_code(tax.title)}
            self.tax_type = {"id": self._setting("tax_type")}
        row = {
            "taxDetailsReference": reference,
            "taxCode": code,
            "taxType": self.tax_type,
            "taxBasis": basis,
            "taxAmount": amount,
        }
        if tax.rate is not None:
            row["taxRate"] = tax.rate * _HUNDRED
        return row

    def _tax_code(self, title: str) -> str:
        by_title = self.settings.get("tax_codes")
        return str(by_title[title]) if by_title and title in by_title else self._setting("tax_code")

    def _charge(self, charge: Charge, header: dict[str, Any]) -> None:
        if not self.side(charge.amount) and not charge.discounts and not charge.taxes:
            return
        if charge.kind is ChargeKind.SHIPPING and not self.settings.get("shipping_item"):
            self._header_shipping(charge, header)
        else:
            self._put(self._setting(_CHARGE_ITEMS[charge.kind]), _ONE, charge)

    def _header_shipping(self, charge: Charge, header: dict[str, Any]) -> None:
        """Without a shipping item the cost goes to the header; its tax then needs an item or tax details of its own."""
        row: dict[str, Any] = {}
        exact = self.side(charge.amount) - self._sum(charge.discounts)
        if self.inclusive:
            exact -= self._sum(charge.taxes)
        net = self._round(exact)
        if charge.taxes:
            self._taxes(charge, net, "SHIPPING", row)
        if row.get("tax1Amt"):
            text = "tax on shipping needs a shipping item: NetSuite computes the tax of header shipping itself"
            raise self._missing("shipping_item", text)
        if "taxDetailsReference" in row:
            header["shippingTaxDetailsReference"] = "SHIPPING"
        header["shippingCost"] = header.get("shippingCost", ZERO) + net

    def _extras(self) -> None:
        """Lines that belong to no line of the channel."""
        if self.tax_mode == "item" and self.tax:
            self._plain(self._setting("tax_item"), self.tax, "Tax")
        if self.channel_tax:
            self._plain(self._setting("channel_tax_item"), self.channel_tax, f"Tax remitted by {self.order.channel}")
        rounding = self.side(self.order.totals.rounding)
        if rounding:
            self._plain(self._setting("rounding_item"), self._round(rounding), "Cash rounding")

    def _prove(self, document: dict[str, Any]) -> None:
        """NetSuite's arithmetic on the document must give the channel's total; a rounding residue is made explicit."""
        total = self.side(self.order.totals.total)
        residue = total - document_total(document, self.unit)
        if not residue:
            return
        # The channel's total is the exact sum of its parts, rounded once: then the residue is rounding and no error.
        if abs(residue - self.lost) <= self.unit * _HALF and residue == self._quantized(residue):
            self._plain(self._setting("rounding_item"), residue, "Rounding of line amounts")
            residue = total - document_total(document, self.unit)
        if residue:
            raise Unbookable(suspect(self.order, self.basis, residue))

    def _sum(self, parts: Any) -> Decimal:
        return sum([self.side(part.amount) for part in parts], ZERO)

    def _quantized(self, amount: Decimal) -> Decimal:
        return amount.quantize(self.unit, ROUND_HALF_UP)

    def _round(self, amount: Decimal) -> Decimal:
        """In whole minor units; keeps what was lost, which is the only residue that may be left."""
        whole = amount.quantize(self.unit, ROUND_HALF_UP)
        if whole != amount:
            self.lost += amount - whole
        return whole


def render_total(command: BookOrder, settings: Mapping[str, Any]) -> Decimal:
    """What NetSuite will make of the rendered order. Equal to the channel's total, or ``Unbookable`` is raised."""
    document = render_order(command, settings)
    return document_total(document, minor_unit(command.order.currency_on(command.basis)))


def render_address(address: Address) -> dict[str, Any]:
    """NetSuite's address subrecord. The state is the ISO code where there is one: its list is validated there."""
    fields = {
        "addressee": address.company or address.name,
        "attention": address.name if address.company else None,
        "addr1": address.line1,
        "addr2": address.line2,
        "city": address.city,
        "state": address.region_code or address.region,
        "zip": address.postal_code,
        "addrPhone": address.phone,
    }
    rendered: dict[str, Any] = {name: value for name, value in fields.items() if value}
    if address.country_code:
        rendered["country"] = {"id": address.country_code}
    return rendered


def local_date(instant: datetime, settings: Mapping[str, Any]) -> str:
    """The account's calendar day of an instant: NetSuite's dates are in the account's time zone."""
    return str(instant.astimezone(account_zone(settings)).date())


def posting_date(at: datetime, moved: date | None, settings: Mapping[str, Any]) -> str:
    """Its own day, or the first of open books, where they are closed on its own."""
    own = local_date(at, settings)
    return own if moved is None else max(own, moved.isoformat())


def account_zone(settings: Mapping[str, Any]) -> tzinfo:
    return zone(str(settings.get("time_zone", "UTC")))
