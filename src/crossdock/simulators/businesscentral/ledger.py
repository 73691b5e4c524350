"""The company's documents and its arithmetic: quantity x price rounded, less the line discount, VAT per tax code.

VAT is computed on the sum of each tax code and dealt out to the lines by running totals, so that the lines' VAT adds
up to the VAT of the sum, as in Business Central.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from crossdock.simulators.businesscentral.answers import dialog
from crossdock.simulators.businesscentral.catalogue import LOCAL_CURRENCY, TAX_RATES, decimals, guid

ZERO = Decimal(0)
DRAFT = "Draft"
CANCELED, CORRECTIVE = "Canceled", "Corrective"  # an invoice that a credit memo cancels, and that credit memo
_HUNDRED = Decimal(100)


class Line(msgspec.Struct, kw_only=True):
    id: str
    sequence: int
    kind: str  # Item, Account, Comment
    object_id: str = ""  # an item's id
    number: str = ""
    description: str = ""
    description2: str = ""
    quantity: Decimal = ZERO
    unit_price: Decimal = ZERO
    discount: Decimal = ZERO
    tax_code: str = ""
    to_ship: Decimal = ZERO
    to_invoice: Decimal = ZERO
    shipped: Decimal = ZERO
    invoiced: Decimal = ZERO
    version: int = 0

    @property
    def outstanding(self) -> Decimal:
        return self.quantity - self.shipped

    @property
    def may_invoice(self) -> Decimal:
        """The most that the next posting can invoice: what it ships, and what was shipped and not invoiced."""
        return self.to_ship + self.shipped - self.invoiced

    def start_over(self) -> None:
        """After a change of quantity or a posting: all that is left is to be shipped and invoiced."""
        self.to_ship = self.outstanding
        self.to_invoice = self.may_invoice


class Document(msgspec.Struct, kw_only=True):
    """A sales order, a posted shipment, a posted invoice, or a credit memo (a draft, or posted)."""

    id: str
    kind: str  # salesOrder, salesShipment, salesInvoice, salesCreditMemo
    number: str
    created: datetime
    modified: datetime
    external: str = ""
    customer: str = ""
    currency: str = ""  # empty: the local currency
    inclusive: bool = False
    status: str = DRAFT
    order_id: str = ""
    order_number: str = ""
    applies_to: str = ""  # of a credit memo: the invoice's id
    header: dict[str, Any] = {}
    lines: list[Line] = []
    version: int = 0

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(-decimals(self.currency))

    def round(self, amount: Decimal) -> Decimal:
        return amount.quantize(self.unit, ROUND_HALF_UP)

    def amount(self, line: Line) -> Decimal:
        """The line amount: with VAT in it when the document's prices include it."""
        return self.round(line.quantity * line.unit_price) - line.discount

    def taxes(self) -> dict[str, Decimal]:
        """VAT by line id."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        found = {}
        for line in self.lines:
            base, dealt = sums.get(line.tax_code, (ZERO, ZERO))
            base += self.amount(line)
            found[line.id] = self._tax_of(base, line.tax_code) - dealt
            sums[line.tax_code] = (base, dealt + found[line.id])
        return found

    def _tax_of(self, amount: Decimal, code: str) -> Decimal:
        rate = TAX_RATES[code] if code else ZERO
        if self.inclusive:
            return amount - self.round(amount * _HUNDRED / (_HUNDRED + rate))
        return self.round(amount * rate / _HUNDRED)

    @property
    def tax(self) -> Decimal:
        return sum(self.taxes().values(), ZERO)

    @property
    def total(self) -> Decimal:
        """Including VAT."""
        sum_ = sum((self.amount(line) for line in self.lines), ZERO)
        return self.round(sum_ if self.inclusive else sum_ + self.tax)

    def line(self, line_id: str) -> Line | None:
        return next((line for line in self.lines if line.id == line_id), None)

    @property
    def day(self) -> date:
        """The posting date: as it was set, or the day on which it was made."""
        return date.fromisoformat(self.header.get("postingDate", self.created.date().isoformat()))

    @property
    def fully_shipped(self) -> bool:
        return all(line.outstanding <= 0 for line in self.lines)


class Ledger:
    """All documents. No external document number is unique here: the vendor only warns people on the page."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.moves: list[Any] = []  # of goods: see ``stock.py``
        self._versions = 0
        self._numbers: Counter[str] = Counter()
        self._made = 0
        self.allowed: tuple[date | None, date | None] = (None, None)  # first and last day that may be posted on
        self.settled: Callable[[str], Decimal] = lambda _: ZERO  # by journals, of a document

    def may_post_on(self, day: date, where: str) -> None:
        """General Ledger Setup's *Allow Posting From* and *To*; raises ``Refusal``."""
        first, last = self.allowed
        if (first is not None and day < first) or (last is not None and day > last):
            raise dialog(f"Posting Date is not within your range of allowed posting dates in {where}.")

    def new_id(self, kind: str) -> str:
        self._made += 1
        return guid(kind, self._made)

    def number(self, prefix: str) -> str:
        self._numbers[prefix] += 1
        return f"{prefix}{100000 + self._numbers[prefix]}"

    def version(self) -> int:
        """The next row version."""
        self._versions += 1
        return self._versions

    @property
    def newest(self) -> int:
        """The latest row version."""
        return self._versions

    def touch(self, document: Document, now: datetime, lines: Iterable[Line] = ()) -> None:
        """A change: the document's ETag is another one, and that of each changed line."""
        document.modified, document.version = now, self.version()
        for line in lines:
            line.version = self.version()

    def add(self, document: Document) -> None:
        self.documents[document.id] = document

    def remove(self, document: Document) -> None:
        del self.documents[document.id]

    def find(self, kind: str, ref: str) -> Document | None:
        document = self.documents.get(ref)
        return document if document is not None and document.kind == kind else None

    def of(self, kind: str) -> list[Document]:
        return [document for document in self.documents.values() if document.kind == kind]

    def open_amount(self, invoice: Document) -> Decimal:
        """What is left of an invoice after the payments and posted credit memos that are applied to it."""
        left = invoice.total - self.settled(invoice.id)
        for credit in self.of("salesCreditMemo"):
            if credit.status != DRAFT and credit.applies_to == invoice.id:
                left -= min(credit.total, left)
        return left

    def books(self) -> dict[str, Any]:
        """JSON-ready: what reconciliation is made against. Amounts and quantities are text.

        ``doubled``: external numbers that more than one open order carries, or an open order beside a posted one.
        """
        orders, invoices = self.of("salesOrder"), self.of("salesInvoice")
        sources = {(one.external, one.id) for one in orders}
        sources |= {(one.external, one.order_id) for one in (*invoices, *self.of("salesShipment"))}
        counts = Counter(external for external, _ in sources if external)
        return {
            "orders": [_order(one) for one in orders],
            "shipments": [_shipment(one) for one in self.of("salesShipment")],
            "invoices": [_invoice(one) | {"open": str(self.open_amount(one))} for one in invoices],
            "credit_memos": [_credit_memo(one) for one in self.of("salesCreditMemo")],
            "doubled": sorted(external for external, count in counts.items() if count > 1),
        }


def etag(document_or_line: Document | Line) -> str:
    """Weak, as the API's: base64 of a length, a number and a suffix. Another one after every change."""
    made_of = f"{document_or_line.id[:8]}{document_or_line.version:08}"
    return f'W/"{base64.b64encode(f"20;{made_of};00;".encode()).decode()}"'


def _order(order: Document) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "external": order.external,
        "customer": order.customer,
        "currency": order.currency or LOCAL_CURRENCY,
        "total": str(order.total),
        "tax": str(order.tax),
        "status": order.status,
        "fully_shipped": order.fully_shipped,
        "lines": [_line(line) | {"amount": str(order.amount(line))} for line in order.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "sequence": line.sequence,
        "kind": line.kind,
        "number": line.number,
        "description": line.description,
        "description2": line.description2,
        "quantity": str(line.quantity),
        "unit_price": str(line.unit_price),
        "discount": str(line.discount),
        "tax_code": line.tax_code,
        "shipped": str(line.shipped),
        "invoiced": str(line.invoiced),
    }


def _shipment(shipment: Document) -> dict[str, Any]:
    return {
        "id": shipment.id,
        "number": shipment.number,
        "external": shipment.external,
        "order": shipment.order_number,
        "lines": [_line(line) for line in shipment.lines if line.quantity],
        "comments": [line.description for line in shipment.lines if line.kind == "Comment"],
    }


def _invoice(invoice: Document) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "number": invoice.number,
        "external": invoice.external,
        "order": invoice.order_number,
        "currency": invoice.currency or LOCAL_CURRENCY,
        "total": str(invoice.total),
        "tax": str(invoice.tax),
        "status": invoice.status,
        "comments": [line.description for line in invoice.lines if line.kind == "Comment"],
    }


def _credit_memo(credit: Document) -> dict[str, Any]:
    return {
        "id": credit.id,
        "number": credit.number,
        "external": credit.external,
        "customer": credit.customer,
        "currency": credit.currency or LOCAL_CURRENCY,
        "total": str(credit.total),
        "tax": str(credit.tax),
        "status": credit.status,
        "applied": credit.applies_to,
        "comments": [line.description for line in credit.lines if line.kind == "Comment"],
        "lines": [_line(line) | {"amount": str(credit.amount(line))} for line in credit.lines if line.quantity],
    }
