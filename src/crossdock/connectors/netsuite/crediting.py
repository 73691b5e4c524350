"""Refund -> credit memo and customer refund, proven like a sales order: NetSuite's sums must give the refund's total.

Goods that come back are lines of their own items, which puts them back into stock. Goods that do not, goodwill and what
was kept back are lines of ``refund_item``: an item line would move stock (vendor facts, pitfall 7).
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.connectors.netsuite.documents import external_id
from crossdock.connectors.netsuite.mapping import CUSTOM_PRICE, DEFAULT_CURRENCIES, posting_date
from crossdock.connectors.netsuite.proof import Unbookable, document_total
from crossdock.connectors.netsuite.wire import InvoiceBody
from crossdock.domain.commands import CreditLine, CreditRefund, PayRefund
from crossdock.domain.money import ZERO, minor_unit
from crossdock.domain.order import ChargeKind
from crossdock.domain.outcome import Rejected

_RATE_UNIT = Decimal("0.00000001")
_ITEMS = {
    ChargeKind.SHIPPING.value: "shipping_item",
    ChargeKind.TIP.value: "tip_item",
    ChargeKind.DUTY.value: "duty_item",
    ChargeKind.FEE.value: "fee_item",
}


CREDIT_MARK = "-CM-"  # between the order's key and the refund's id in a credit memo's external id


def credit_id(command: CreditRefund | PayRefund) -> str:
    return external_id(command.order_key, f"CM-{command.refund_id}")


def payment_id(command: PayRefund) -> str:
    """A refund may be paid out of its credit memo and out of deposits, more than once: each is its own document."""
    nth = f"-{command.nth}" if command.nth > 1 else ""
    kind = "RD" if command.credit_ref is None else "RF"
    return external_id(command.order_key, f"{kind}-{command.refund_id}{nth}")


def put_back(command: CreditRefund, line: CreditLine) -> str | None:
    """The item whose stock the line is to raise; None: it moves none."""
    return command.item_refs.get(line.sku or "") if line.kind == "item" and line.restock else None


def render_credit(
    command: CreditRefund, open_invoices: Mapping[str, Decimal], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The credit memo's JSON body, set off against what is still open of the invoices; raises ``Unbookable``."""
    sheet = _Sheet(command, settings)
    for line in command.lines:
        sheet.put(line)
    document = sheet.document()
    total = document_total(document, minor_unit(command.currency))
    if total != command.total:
        detail = f"refund {command.refund_id}: NetSuite would come to {total}, the channel says {command.total}"
        raise Unbookable(Rejected("totals_differ", detail, "lines"))
    if applied := _applied(open_invoices, total):
        document["apply"] = {"items": applied}
    return document


def _applied(open_invoices: Mapping[str, Decimal], total: Decimal) -> list[dict[str, Any]]:
    rows = []
    for ref, left in open_invoices.items():
        part = min(left, total)
        if part > ZERO:
            rows.append({"doc": {"id": ref}, "apply": True, "amount": part})
            total -= part
    return rows


class _Sheet:
    """One credit memo being rendered."""

    def __init__(self, command: CreditRefund, settings: Mapping[str, Any]) -> None:
        self.command, self.settings = command, settings
        self.tax_mode = settings.get("tax_mode", "details")
        self.lines: list[dict[str, Any]] = []
        self.tax_rows: list[dict[str, Any]] = []
        self.tax = ZERO

    def document(self) -> dict[str, Any]:
        command = self.command
        if self.tax_mode == "item" and self.tax:
            self._row(self._setting("tax_item"), Decimal(1), self.tax, "Tax")
        document: dict[str, Any] = {
            "externalId": credit_id(command),
            "entity": {"id": command.customer_ref},
            "tranDate": posting_date(command.refunded_at, command.posted_on, self.settings),
            "currency": {"id": currency_id(command.currency, self.settings)},
            "memo": f"{command.order_key} refund {command.refund_id}",
            "item": {"items": self.lines},
        }
        if self.tax_mode == "details":
            document["taxDetailsOverride"] = True
            if self.tax_rows:
                document["taxDetails"] = {"items": self.tax_rows}
        return document

    def put(self, line: CreditLine) -> None:
        row = self._row(self._item_of(line), line.quantity, line.net, line.title)
        if not line.tax:
            return
        if line.channel_tax:
            self._row(self._setting("channel_tax_item"), Decimal(1), line.tax, "Tax remitted by the channel")
            return
        self.tax += line.tax
        if self.tax_mode == "line":
            row |= {"taxCode": {"id": self._tax_code(line)}, "tax1Amt": line.tax}
        elif self.tax_mode == "details":
            reference = row["taxDetailsReference"] = f"L{len(self.lines)}"
            self.tax_rows.append(
                {
                    "taxDetailsReference": reference,
                    "taxCode": {"id": self._tax_code(line)},
                    "taxType": {"id": self._setting("tax_type")},
                    "taxBasis": line.net,
                    "taxAmount": line.tax,
                }
            )

    def _row(self, item: str, quantity: Decimal, net: Decimal, title: str) -> dict[str, Any]:
        row = {
            "item": {"id": item},
            "quantity": quantity,
            "price": CUSTOM_PRICE,
            "rate": (net / quantity).quantize(_RATE_UNIT, ROUND_HALF_UP),
            "amount": net,
            "description": title,
        }
        self.lines.append(row)
        return row

    def _item_of(self, line: CreditLine) -> str:
        own = put_back(self.command, line)
        if own is not None:
            return own
        named = self.settings.get(_ITEMS.get(line.kind, "")) or None
        return str(named) if named else self._setting("refund_item")

    def _tax_code(self, line: CreditLine) -> str:
        by_title = self.settings.get("tax_codes") or {}
        return str(by_title[line.tax_title]) if line.tax_title in by_title else self._setting("tax_code")

    def _setting(self, name: str) -> str:
        value = self.settings.get(name)
        if not value:
            detail = f"refund {self.command.refund_id}: the setting `{name}` names nothing, and this refund needs it"
            hint = "Set it on the connection, then retry."
            raise Unbookable(Rejected("setting_missing", detail, name, hint))
        return str(value)


def render_payment(
    command: PayRefund, credit_ref: str | None, settings: Mapping[str, Any], deposits: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The customer refund's JSON body: what the credit memo owes is paid, or what was deposited. Raises ``Unbookable``.

    ``deposits``: NetSuite's ids of those that are drawn on, by the channel's transaction. Source: Oracle's help,
    "Customer Refund" (article 0830082954): its sublist ``deposit`` is keyed by ``doc``; that a line has ``apply`` and
    ``amount`` is how SOAP's CustomerRefundDeposit has it; read 2026-11-26.
    """
    if credit_ref is None and not command.drawn:
        detail = f"refund {command.refund_id}: it is not known which deposit it went back from: others made it"
        hint = "Refund the customer's deposit in NetSuite by hand, then resolve."
        raise Unbookable(Rejected("deposit_by_hand", detail, hint=hint))
    if credit_ref is None:
        found = deposits or {}
        rows = [{"doc": {"id": found[one.payment_id]}, "apply": True, "amount": one.amount} for one in command.drawn]
        sublist = {"deposit": {"items": rows}}
    else:
        sublist = {"apply": {"items": [{"doc": {"id": credit_ref}, "apply": True, "amount": command.amount}]}}
    document: dict[str, Any] = {
        "externalId": payment_id(command),
        "customer": {"id": command.customer_ref},
        "tranDate": posting_date(command.refunded_at, command.posted_on, settings),
        "currency": {"id": currency_id(command.currency, settings)},
        "memo": f"{command.order_key} refund {command.refund_id}",
        **sublist,
    }
    if settings.get("refund_account"):
        document["account"] = {"id": str(settings["refund_account"])}
    return document


def still_open(body: InvoiceBody) -> Decimal:
    """What is left to pay of an invoice; all of it where the role may not see the figure."""
    return body.total if body.amount_remaining is None else body.amount_remaining


def currency_id(currency: str, settings: Mapping[str, Any]) -> str:
    ids = settings.get("currencies") or DEFAULT_CURRENCIES
    if currency not in ids:
        detail = f"the setting `currencies` has no NetSuite id for {currency}"
        raise Unbookable(Rejected("setting_missing", detail, "currencies", "Set it on the connection, then retry."))
    return str(ids[currency])
