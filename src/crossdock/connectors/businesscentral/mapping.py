"""Order -> sales order, and the proof that Business Central's own arithmetic gives the channel's total to the cent.

- A line keeps its price, and its discounts as the line's discount amount; where that does not reproduce its amount, a
  price with 5 decimals and a discount do.
- Tax, in mode ``computed``: each line gets the tax code of its rate and Business Central computes. In mode ``account``:
  no line is taxed, and the channel's tax is a line of the setting ``tax_account``.
- Charges, declared rounding and tax that the channel remits are lines of G/L accounts.
- What rounding leaves over is one explicit line of ``rounding_account``, and is proven to be rounding.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation
from textwrap import wrap
from typing import Any

from crossdock.connectors.businesscentral.addresses import header_of
from crossdock.connectors.businesscentral.client import is_guid
from crossdock.connectors.businesscentral.keys import LONGEST_TEXT, stored_key
from crossdock.connectors.businesscentral.proof import (
    NOTE,
    Rendered,
    Unbookable,
    amounts,
    computed_tax,
    document_total,
    gross,
    suspect,
)
from crossdock.domain.commands import BookOrder
from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import Charge, ChargeKind, Discount, LineKind, OrderLine, TaxLine
from crossdock.domain.outcome import Rejected
from crossdock.kit.texts import MORE, one_line

MARK = 10000  # the line that says which order, then which shipment or invoice it is
NOT_SHIPPED = " (not shipped)"  # after the channel's line id: billed without a shipment
MOST_NOTE_LINES = 20
_WRITTEN = "Note: "  # begins each line of what the customer wrote

STEP = 10000  # between the numbers of two lines
_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_HALF = Decimal("0.5")
_PRICE_UNIT = Decimal("0.00001")  # Unit-Amount Rounding Precision of a new company
_CHARGES = {
    ChargeKind.SHIPPING: "shipping_account",
    ChargeKind.TIP: "tip_account",
    ChargeKind.DUTY: "duty_account",
    ChargeKind.FEE: "fee_account",
}


def render_order(command: BookOrder, settings: Mapping[str, Any]) -> Rendered:
    """The sales order's header and lines; raises ``Unbookable`` naming the field before any byte leaves."""
    try:
        return _Sheet(command, settings).rendered()
    except InvalidOperation as error:
        detail = f"order {command.order.key}: an amount has more digits than can be booked"
        raise Unbookable(Rejected(code="amount_refused", detail=detail)) from error


def note_lines(note: str | None) -> list[dict[str, Any]]:
    """What the customer wrote, as lines of type Comment. Their numbers lie between the mark's and the first line's, so
    that a note moves no other line; each begins with a word of ours, so that none can be taken for a mark."""
    words = one_line(note or "")
    parts = wrap(words, LONGEST_TEXT - len(_WRITTEN)) if words else []
    if len(parts) > MOST_NOTE_LINES:
        parts = [*parts[: MOST_NOTE_LINES - 1], f"{parts[MOST_NOTE_LINES - 1][:-1]}{MORE}"]
    return [
        {"sequence": MARK + nth, "lineType": "Comment", "description": f"{_WRITTEN}{part}"}
        for nth, part in enumerate(parts, 1)
    ]


def is_note(sequence: int, text: str) -> bool:
    """Whether a line of type Comment is one of those."""
    return MARK < sequence <= MARK + MOST_NOTE_LINES and text.startswith(_WRITTEN)


def tax_rates(settings: Mapping[str, Any]) -> dict[Decimal, str]:
    """Tax code by rate in percent, from the setting ``tax_codes``. Raises ``InvalidOperation`` for what is no rate."""
    return {Decimal(str(rate)): str(code) for rate, code in (settings.get("tax_codes") or {}).items()}


class _Sheet:
    """One order being rendered: its lines, and what rounding them has left over."""

    def __init__(self, command: BookOrder, settings: Mapping[str, Any]) -> None:
        order = self.order = command.order
        self.command, self.settings, self.basis = command, settings, command.basis
        self.currency = order.currency_on(command.basis)
        self.unit = minor_unit(self.currency)
        self.side: Callable[[Amount], Decimal] = lambda amount: amount.on(self.basis)
        self.computes = settings.get("tax_mode", "computed") == "computed"
        self.inclusive = order.tax_inclusive and self.computes
        self.codes = tax_rates(settings)
        self.lines: list[dict[str, Any]] = []
        self.places: dict[int, str] = {}
        self.tax = self.channel_tax = ZERO
        self.tax_lines = 0  # taxes of lines that the channel rounded each for itself
        self.lost = ZERO  # what rounding the parts to whole minor units has taken away

    def rendered(self) -> Rendered:
        key = stored_key(self.order.key, self.settings)
        header = header_of(self.command, self.settings, key, self.currency, inclusive=self.inclusive)
        self._add({"lineType": "Comment", "description": self._mark()}, "number")
        for index, line in enumerate(self.order.lines):
            self._sold(line, f"lines[{index}]")
        for index, charge in enumerate(self.order.charges):
            self._charge(charge, f"charges[{index}]")
        self._extras()
        self._prove()
        noted = note_lines(self.order.note)
        self.places |= dict.fromkeys((line["sequence"] for line in noted), NOTE)
        lines = [self.lines[0], *noted, *self.lines[1:]]
        return Rendered(header, lines, self.places, self.side(self.order.totals.total), self.currency)

    def _mark(self) -> str:
        text = f"{self.order.channel} {self.order.number}"
        if self.order.po_number:
            text += f", PO {self.order.po_number}"
        method = self.command.ship_method
        if method and method not in (self.settings.get("ship_methods") or {}):
            text += f", ship by {method}"
        return text[:LONGEST_TEXT].rstrip()

    def _sold(self, line: OrderLine, place: str) -> None:
        object_: dict[str, Any]
        if line.per_unit not in (None, _ONE):  # its units are not read: nobody can have said how many a case holds
            detail = f"order {self.order.key}: {place} is in {line.unit}; lines in another unit are not built here"
            raise Unbookable(Rejected(code="unit_unsupported", detail=detail, field=f"{place}.unit"))
        ref = self.command.item_refs.get(line.sku) if line.sku else None
        if ref is not None:
            object_ = {"lineType": "Item", ("itemId" if is_guid(ref) else "lineObjectNumber"): ref}
        elif line.kind is LineKind.GIFT_CARD:
            object_ = self._account("gift_card_account")
        elif line.kind is LineKind.TIP:
            object_ = self._account("tip_account")
        else:
            what = f"{place} ({line.title}) has no item in Business Central for SKU {line.sku!r}"
            detail = f"order {self.order.key}: {what}"
            raise Unbookable(Rejected(code="item_unknown", detail=detail, field=f"{place}.sku"))
        shipped = "" if line.requires_shipping else NOT_SHIPPED
        object_["description2"] = f"{line.id[: 50 - len(shipped)]}{shipped}"
        self._put(object_, line, line.quantity, place)

    def _charge(self, charge: Charge, place: str) -> None:
        if self.side(charge.amount) or charge.discounts or charge.taxes:
            self._put(self._account(_CHARGES[charge.kind]), charge, _ONE, place)

    def _put(self, object_: dict[str, Any], priced: OrderLine | Charge, quantity: Decimal, place: str) -> None:
        """Add a line (or charge) with its discounts and taxes."""
        off, ours, liable = self._sum(priced.discounts), ZERO, ZERO
        for tax in priced.taxes:
            amount = self.side(tax.amount)
            ours, liable = (ours, liable + amount) if tax.channel_liable else (ours + amount, liable)
        if not quantity:
            if off or ours or liable:
                raise self._refused("totals_differ", f"{place} has discounts or tax but no quantity", place)
            return
        exact = gross(priced, self.basis) - off
        if self.order.tax_inclusive:
            exact -= liable if self.computes else liable + ours
        amount = self._round(exact)
        self.channel_tax += self._round(liable)
        self.tax += ours if self.computes else self._round(ours)
        row = {**object_, "description": priced.title[:LONGEST_TEXT], "quantity": quantity}
        row["taxCode"] = self._code_of(priced.taxes, place) if self.computes else self._code(ZERO, place)
        self._price(row, priced, amount, place)

    def _price(self, row: dict[str, Any], priced: OrderLine | Charge, amount: Decimal, place: str) -> None:
        """A price and a discount that come to the amount: the channel's own where they do, else others that do."""
        quantity = row["quantity"]
        price = self.side(priced.unit_price if isinstance(priced, OrderLine) else priced.amount)
        if amount < 0:
            raise self._refused("totals_differ", f"{place} is worth less than nothing", place)
        reduced = self.order.tax_inclusive and not self.inclusive  # the price holds tax, the line must not
        discount = self._quantized(price * quantity) - amount
        if reduced or discount < 0 or price != price.quantize(_PRICE_UNIT):
            price = (amount / quantity).quantize(_PRICE_UNIT, ROUND_UP)
            discount = self._quantized(price * quantity) - amount
        self._add({**row, "unitPrice": price, "discountAmount": discount}, place)

    def _add(self, row: dict[str, Any], place: str) -> None:
        sequence = MARK + STEP * len(self.lines)
        self.places[sequence] = place
        self.lines.append({"sequence": sequence, **row})

    def _plain(self, setting: str, amount: Decimal, title: str) -> None:
        """A line of a G/L account that carries an amount and no tax."""
        row = {**self._account(setting), "description": title[:LONGEST_TEXT], "quantity": _ONE}
        row |= {"taxCode": self._code(ZERO, setting), "unitPrice": amount, "discountAmount": ZERO}
        self._add(row, "totals")

    def _account(self, setting: str) -> dict[str, Any]:
        value = self.settings.get(setting)
        if not value:
            text = f"the setting `{setting}` names no G/L account, and this order needs one"
            raise self._refused("setting_missing", text, setting)
        return {"lineType": "Account", "lineObjectNumber": str(value)}

    def _code_of(self, taxes: tuple[TaxLine, ...], place: str) -> str:
        """The tax code of a line's rate. A tax of nothing counts as none: the channel exempted it."""
        rate = ZERO
        for tax in taxes:
            if tax.channel_liable or not self.side(tax.amount):
                continue
            if tax.rate is None:
                text = f"{place} has a tax without a rate, which Business Central cannot compute: use tax_mode account"
                raise self._refused("tax_rate_unknown", text, f"{place}.taxes")
            rate += tax.rate * _HUNDRED
            self.tax_lines += 1
        return self._code(rate, f"{place}.taxes")

    def _code(self, rate: Decimal, place: str) -> str:
        code = self.codes.get(rate)
        if code is None:
            text = f"{place}: the setting `tax_codes` has no tax code for {rate.normalize():f} %"
            raise self._refused("setting_missing", text, "tax_codes")
        return code

    def _extras(self) -> None:
        """Lines that belong to no line of the channel."""
        if not self.computes and self.tax:
            self._plain("tax_account", self.tax, "Tax")
        if self.channel_tax:
            self._plain("channel_tax_account", self.channel_tax, f"Tax remitted by {self.order.channel}")
        rounding = self.side(self.order.totals.rounding)
        if rounding:
            self._plain("rounding_account", self._round(rounding), "Cash rounding")

    def _prove(self) -> None:
        """Business Central's arithmetic must give the channel's total; a rounding residue is made explicit."""
        total = self.side(self.order.totals.total)
        tax_off = self._tax_off()
        explained = self.lost if self.inclusive else self.lost + tax_off
        residue = total - self._total()
        # The channel's total is the exact sum of its parts, rounded once: then the residue is rounding and no error.
        if abs(residue - explained) > self.unit * _HALF or residue != self._quantized(residue):
            raise Unbookable(suspect(self.order, self.basis, self._quantized(residue - explained), self.unit))
        if residue:
            self._plain("rounding_account", residue, "Rounding of line amounts")
            residue = total - self._total()
        if residue:
            raise Unbookable(suspect(self.order, self.basis, residue, self.unit))

    def _tax_off(self) -> Decimal:
        """What the channel's tax is more than the computed one. Raises ``Unbookable`` where rounding cannot explain it.

        The channel rounds each tax of each line, Business Central once per code: each by at most half a unit.
        """
        if not self.computes:
            return ZERO
        sums = amounts(self.lines, self.unit)
        off = self.tax - computed_tax(sums, self._rates, self.unit, inclusive=self.inclusive)
        if abs(off) > self.unit * _HALF * (self.tax_lines + len(sums)):
            raise Unbookable(suspect(self.order, self.basis, off, self.unit))
        return off

    def _total(self) -> Decimal:
        return document_total(self.lines, self._rates, self.unit, inclusive=self.inclusive)

    @property
    def _rates(self) -> dict[str, Decimal]:
        return {code: rate for rate, code in self.codes.items()}

    def _refused(self, code: str, text: str, field: str) -> Unbookable:
        hint = "Set it on the connection, then retry." if code == "setting_missing" else None
        return Unbookable(Rejected(code=code, detail=f"order {self.order.key}: {text}", field=field, hint=hint))

    def _sum(self, parts: tuple[Discount, ...]) -> Decimal:
        return sum((self.side(part.amount) for part in parts), ZERO)

    def _quantized(self, amount: Decimal) -> Decimal:
        return amount.quantize(self.unit, ROUND_HALF_UP)

    def _round(self, amount: Decimal) -> Decimal:
        """In whole minor units; keeps what was lost."""
        whole = amount.quantize(self.unit, ROUND_HALF_UP)
        self.lost += amount - whole
        return whole


def render_total(command: BookOrder, settings: Mapping[str, Any]) -> Decimal:
    """What Business Central will make of the rendered order: the channel's total, or ``Unbookable`` is raised."""
    rendered = render_order(command, settings)
    rates = {code: rate for rate, code in tax_rates(settings).items()}
    inclusive = bool(rendered.header["pricesIncludeTax"])
    return document_total(rendered.lines, rates, minor_unit(rendered.currency), inclusive=inclusive)
