"""Refund -> credit memo, proven like a sales order: Business Central's arithmetic must give the refund's total.

Goods that come back are lines of their own items, which puts them back into stock. Goods that do not, goodwill and what
was kept back are lines of ``refund_account``. Prices are without tax: a credit memo's price mode cannot be set. Tax is
stated as it is on orders, by the setting ``tax_mode``.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from crossdock.connectors.businesscentral.addresses import posting_date
from crossdock.connectors.businesscentral.client import is_guid
from crossdock.connectors.businesscentral.keys import LONGEST_TEXT, refund_mark, stored_key
from crossdock.connectors.businesscentral.mapping import MARK, STEP, tax_rates
from crossdock.connectors.businesscentral.proof import Rendered, Unbookable, amounts, computed_tax, document_total
from crossdock.domain.commands import CreditLine, CreditRefund
from crossdock.domain.money import ZERO, minor_unit
from crossdock.domain.order import ChargeKind
from crossdock.domain.outcome import Rejected

_ONE, _HUNDRED, _HALF = Decimal(1), Decimal(100), Decimal("0.5")
_PRICE_UNIT = Decimal("0.00001")
_ACCOUNTS = {
    ChargeKind.SHIPPING.value: "shipping_account",
    ChargeKind.TIP.value: "tip_account",
    ChargeKind.DUTY.value: "duty_account",
    ChargeKind.FEE.value: "fee_account",
}


def render_credit(command: CreditRefund, settings: Mapping[str, Any], invoice: str | None) -> Rendered:
    """The credit memo's header and lines, set off against ``invoice``; raises ``Unbookable`` before a byte leaves."""
    sheet = _Sheet(command, settings)
    for index, line in enumerate(command.lines):
        sheet.put(line, f"lines[{index}]")
    sheet.finish()
    key = "customerId" if is_guid(command.customer_ref) else "customerNumber"
    header: dict[str, Any] = {
        "externalDocumentNumber": stored_key(command.order_key, settings),
        key: command.customer_ref,
    }
    if command.currency != settings.get("local_currency"):
        header["currencyCode"] = command.currency
    # Business Central's own choice is the day on which the draft is made.
    day = posting_date(command.refunded_at, command.posted_on, settings).isoformat()
    header |= {"creditMemoDate": day, "postingDate": day}
    if invoice is not None:
        header["invoiceId"] = invoice
    return Rendered(header, sheet.lines, sheet.places, command.total, command.currency)


class _Sheet:
    """One credit memo being rendered."""

    def __init__(self, command: CreditRefund, settings: Mapping[str, Any]) -> None:
        self.command, self.settings = command, settings
        self.unit = minor_unit(command.currency)
        self.computes = settings.get("tax_mode", "computed") == "computed"
        self.codes = tax_rates(settings)
        self.lines: list[dict[str, Any]] = []
        self.places: dict[int, str] = {}
        self.tax = self.own_tax = self.channel_tax = ZERO
        self._add({"lineType": "Comment", "description": refund_mark(command.refund_id)}, "refund_id")

    def put(self, line: CreditLine, place: str) -> None:
        if line.channel_tax:
            self.channel_tax += line.tax
        elif self.computes:
            self.tax += line.tax
        else:
            self.own_tax += line.tax
        taxed = self.computes and line.tax and not line.channel_tax
        code = self._code(self._rate(line, place) if taxed else ZERO, f"{place}.tax")
        price = line.net
        if line.quantity != _ONE:
            price = (line.net / line.quantity).quantize(_PRICE_UNIT, ROUND_UP)
        discount = (price * line.quantity).quantize(self.unit, ROUND_HALF_UP) - line.net
        row = {**self._object(line), "description": line.title[:LONGEST_TEXT], "quantity": line.quantity}
        self._add({**row, "taxCode": code, "unitPrice": price, "discountAmount": discount}, place)

    def finish(self) -> None:
        """Tax that no line carries, then the proof; cents that rounding explains are a line of their own."""
        if self.own_tax:
            self._plain("tax_account", self.own_tax, "Tax")
        if self.channel_tax:
            self._plain("channel_tax_account", self.channel_tax, "Tax remitted by the channel")
        sums = amounts(self.lines, self.unit)
        off = self.tax - computed_tax(sums, self._rates, self.unit, inclusive=False) if self.computes else ZERO
        if abs(off) > self.unit * _HALF * (len(self.command.lines) + len(sums)):
            raise self._refused("totals_differ", f"the tax is {off:+f} off what the tax codes give", "lines")
        residue = self.command.total - self._total()
        if residue != off:
            raise self._refused("totals_differ", f"Business Central would come to {self._total()}", "lines")
        if residue:
            self._plain("rounding_account", residue, "Rounding of tax")
        if self._total() != self.command.total:
            raise self._refused("totals_differ", f"Business Central would come to {self._total()}", "lines")

    def _object(self, line: CreditLine) -> dict[str, Any]:
        ref = self.command.item_refs.get(line.sku or "")
        if line.kind == "item" and line.restock and ref is not None:
            named = {"lineType": "Item", ("itemId" if is_guid(ref) else "lineObjectNumber"): ref}
            return named | ({"description2": line.line_id[:50]} if line.line_id else {})
        return self._account(_ACCOUNTS.get(line.kind, "refund_account"))

    def _rate(self, line: CreditLine, place: str) -> Decimal:
        """The rate that the order told, in percent; else the one whose tax is nearest to what is told."""
        if line.tax_rate is not None:
            return line.tax_rate * _HUNDRED
        near = min(self.codes, key=lambda rate: abs(line.net * rate / _HUNDRED - line.tax), default=ZERO)
        if abs(line.net * near / _HUNDRED - line.tax) > self.unit:
            text = f"{place} has a tax without a rate, and no tax code gives {line.tax:f} on {line.net:f}"
            raise self._refused("tax_rate_unknown", text, f"{place}.tax")
        return near

    def _plain(self, setting: str, amount: Decimal, title: str) -> None:
        row = {**self._account(setting), "description": title, "quantity": _ONE, "taxCode": self._code(ZERO, setting)}
        self._add({**row, "unitPrice": amount, "discountAmount": ZERO}, "lines")

    def _account(self, setting: str) -> dict[str, Any]:
        value = self.settings.get(setting)
        if not value:
            raise self._refused("setting_missing", f"the setting `{setting}` names no G/L account", setting)
        return {"lineType": "Account", "lineObjectNumber": str(value)}

    def _code(self, rate: Decimal, place: str) -> str:
        code = self.codes.get(rate)
        if code is None:
            text = f"{place}: the setting `tax_codes` has no tax code for {rate.normalize():f} %"
            raise self._refused("setting_missing", text, "tax_codes")
        return code

    def _add(self, row: dict[str, Any], place: str) -> None:
        sequence = MARK + STEP * len(self.lines)
        self.places[sequence] = place
        self.lines.append({"sequence": sequence, **row})

    def _total(self) -> Decimal:
        return document_total(self.lines, self._rates, self.unit, inclusive=False)

    @property
    def _rates(self) -> dict[str, Decimal]:
        return {code: rate for rate, code in self.codes.items()}

    def _refused(self, code: str, text: str, field: str) -> Unbookable:
        hint = "Set it on the connection, then retry." if code == "setting_missing" else None
        return Unbookable(Rejected(code, f"refund {self.command.refund_id}: {text}", field, hint))
