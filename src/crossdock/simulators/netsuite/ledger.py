"""The account's documents and its arithmetic: quantity x rate rounded per line, explicit tax, header shipping."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from crossdock.simulators.netsuite.catalogue import CURRENCIES, DECIMALS

ZERO = Decimal(0)
STATUS = {
    "A": "Pending Approval", "B": "Pending Fulfillment", "C": "Cancelled", "D": "Partially Fulfilled",
    "E": "Pending Billing/Partially Fulfilled", "F": "Pending Billing", "G": "Billed", "H": "Closed",
}  # fmt: skip


MONEY = frozenset({"customerPayment", "customerDeposit"})  # no lines: what they are worth was paid
GOODS = ("salesOrder", "itemFulfillment", "invoice")  # nothing is set off by one of these


class Line(msgspec.Struct, kw_only=True):
    line: int
    item: str
    type: str
    quantity: Decimal
    rate: Decimal
    amount: Decimal
    tax: Decimal = ZERO
    fulfilled: Decimal = ZERO
    billed: Decimal = ZERO
    closed: bool = False
    reference: str | None = None  # ties it to tax details
    description: str | None = None
    custom: dict[str, Any] = {}

    @property
    def stocked(self) -> bool:
        return self.type == "InvtPart"

    @property
    def open(self) -> Decimal:
        return ZERO if self.closed else self.quantity - self.fulfilled


class Document(msgspec.Struct, kw_only=True):
    """A sales order and what is made of it; a credit memo, customer refund, payment or journal entry."""

    id: str
    type: str  # as the record is called: salesOrder, itemFulfillment, invoice, customerDeposit …
    number: str
    created: datetime
    modified: datetime
    external_id: str | None = None
    entity: str = ""
    currency: str = "1"
    created_from: str | None = None
    header: dict[str, Any] = {}
    lines: list[Line] = []
    tax_details: list[dict[str, Any]] = []
    shipping: Decimal = ZERO
    status: str = "B"
    applied: dict[str, Decimal] = {}  # a credit's: document -> what it takes off there

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(-DECIMALS.get(CURRENCIES[self.currency], 2))

    @property
    def tax(self) -> Decimal:
        """Explicit tax only: an account whose own tax engine is overridden adds none."""
        return sum((row["taxAmount"] for row in self.tax_details), ZERO) + sum((line.tax for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        return (sum((line.amount for line in self.lines), ZERO) + self.shipping + self.tax).quantize(self.unit)

    def round(self, amount: Decimal) -> Decimal:
        return amount.quantize(self.unit, ROUND_HALF_UP)


class Ledger:
    """All documents, with NetSuite's rule that an external id is unique per record type."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._by_external: dict[tuple[str, str], str] = {}
        self._kinds: defaultdict[str, dict[str, Document]] = defaultdict(dict)
        self._bills: defaultdict[str, list[Document]] = defaultdict(list)  # by the order's internal id
        self._next = 4711
        self._numbers: Counter[str] = Counter()

    def new_id(self) -> str:
        self._next += 1
        return str(self._next)

    def number(self, prefix: str) -> str:
        self._numbers[prefix] += 1
        return f"{prefix}{self._numbers[prefix]:06}"

    def add(self, document: Document) -> None:
        self.documents[document.id] = self._kinds[document.type][document.id] = document
        if document.type == "invoice" and document.created_from:
            self._bills[document.created_from].append(document)
        if document.external_id:
            self._by_external[(document.type, document.external_id)] = document.id

    def find(self, kind: str, ref: str) -> Document | None:
        """By internal id or ``eid:<external id>``."""
        internal = self._by_external.get((kind, ref[4:])) if ref.startswith("eid:") else ref
        document = self.documents.get(internal or "")
        return document if document is not None and document.type == kind else None

    def remove(self, document: Document) -> None:
        del self.documents[document.id], self._kinds[document.type][document.id]
        if document in (bills := self._bills[document.created_from or ""]):
            bills.remove(document)
        if document.external_id:
            self._by_external.pop((document.type, document.external_id), None)

    def of(self, kind: str) -> list[Document]:
        return list(self._kinds.get(kind, {}).values())

    def bills_of(self, order: Document) -> list[Document]:
        return list(self._bills[order.id])

    def open_amount(self, document: Document) -> Decimal:
        """What nothing has been set off against yet."""
        own = sum(document.applied.values(), ZERO)
        setting_off = (each for kind, some in self._kinds.items() if kind not in GOODS for each in some.values())
        others = (each.applied[document.id] for each in setting_off if document.id in each.applied)
        whole: Decimal = document.header["payment"] if document.type in MONEY else document.total
        if document.type == "customerDeposit":  # its applications name the invoices, and come from it
            applications = (one for one in self.of("depositApplication") if one.created_from == document.id)
            own += sum((amount for one in applications for amount in one.applied.values()), ZERO)
        return whole - own - sum(others, ZERO)

    def books(self) -> dict[str, Any]:
        """JSON-ready: what reconciliation is made against. Amounts and quantities are text."""
        orders = self.of("salesOrder")
        references = Counter((order.entity, order.header.get("otherRefNum")) for order in orders)
        externals = Counter(order.external_id for order in orders if order.external_id)
        return {
            "sales_orders": [_booked(order) for order in orders],
            "fulfilments": [_fulfilment(document, self.documents) for document in self.of("itemFulfillment")],
            "invoices": [_invoice(document, self.documents) for document in self.of("invoice")],
            "credit_memos": [_credit(self, document) for document in self.of("creditMemo")],
            "customer_refunds": [_paid(document) for document in self.of("customerRefund")],
            "customer_payments": [_received(document) for document in self.of("customerPayment")],
            "customer_deposits": [_deposited(self, document) for document in self.of("customerDeposit")],
            "deposit_applications": [_application(document) for document in self.of("depositApplication")],
            "journal_entries": [journal(document) for document in self.of("journalEntry")],
            "duplicates": {"external_id": _extra(externals), "other_ref": _extra(references)},
        }


def _extra(counts: Mapping[Any, int]) -> int:
    return sum(count - 1 for count in counts.values())


def _booked(order: Document) -> dict[str, Any]:
    return {
        "id": order.id,
        "external_id": order.external_id,
        "number": order.number,
        "other_ref": order.header.get("otherRefNum"),
        "memo": order.header.get("memo"),
        "entity": order.entity,
        "currency": CURRENCIES[order.currency],
        "total": str(order.total),
        "tax": str(order.tax),
        "status": STATUS[order.status],
        "lines": [_line(line) for line in order.lines],
        "created": order.created.isoformat(),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "line": line.line,
        "item": line.item,
        "quantity": str(line.quantity),
        "rate": str(line.rate),
        "amount": str(line.amount),
        "fulfilled": str(line.fulfilled),
        "billed": str(line.billed),
        "closed": line.closed,
    }


def _parent(document: Document, documents: Mapping[str, Document]) -> str | None:
    parent = documents.get(document.created_from or "")
    return parent.external_id if parent else None


def _fulfilment(document: Document, documents: Mapping[str, Document]) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "order": document.created_from,
        "order_external_id": _parent(document, documents),
        "tracking": document.header.get("tracking", []),
        "lines": [{"item": line.item, "line": line.line, "quantity": str(line.quantity)} for line in document.lines],
    }


def _invoice(document: Document, documents: Mapping[str, Document]) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "order": document.created_from,
        "order_external_id": _parent(document, documents),
        "currency": CURRENCIES[document.currency],
        "total": str(document.total),
        "tax": str(document.tax),
    }


def _credit(ledger: Ledger, document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "memo": document.header.get("memo"),
        "entity": document.entity,
        "currency": CURRENCIES[document.currency],
        "total": str(document.total),
        "tax": str(document.tax),
        "open": str(ledger.open_amount(document)),
        "applied": {ref: str(amount) for ref, amount in document.applied.items()},
        "lines": [_line(line) for line in document.lines],
    }


def journal(document: Document) -> dict[str, Any]:
    """A journal entry, each row a debit or a credit."""
    rows = document.header["rows"]
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "memo": document.header["memo"],
        "date": document.header["tranDate"],
        "currency": CURRENCIES[document.currency],
        "lines": [{**row, "debit": str(row["debit"]), "credit": str(row["credit"])} for row in rows],
    }


def _received(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "customer": document.entity,
        "currency": CURRENCIES[document.currency],
        "account": document.header["account"],
        "amount": str(document.header["payment"]),
        "applied": {ref: str(amount) for ref, amount in document.applied.items()},
    }


def _deposited(ledger: Ledger, document: Document) -> dict[str, Any]:
    known = _received(document)
    return {
        **known,
        "order_external_id": _parent(document, ledger.documents),
        "open": str(ledger.open_amount(document)),
    }


def _application(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "deposit": document.created_from,
        "applied": {ref: str(amount) for ref, amount in document.applied.items()},
    }


def _paid(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "external_id": document.external_id,
        "number": document.number,
        "currency": CURRENCIES[document.currency],
        "paid": {ref: str(amount) for ref, amount in document.applied.items()},
    }
