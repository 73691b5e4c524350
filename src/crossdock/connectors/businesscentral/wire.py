"""Business Central's own spelling of what we read. Only the fields we use; unknown ones stay in the stored bytes."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from crossdock.domain.money import plausible

NO_GUID = "00000000-0000-0000-0000-000000000000"


class ErrorDetail(msgspec.Struct, frozen=True, gc=False):
    code: str
    message: str = ""


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    """The error envelope of OData. ``error`` is an object with a code: HTML or a foreign JSON is not one."""

    error: ErrorDetail


class TokenBody(msgspec.Struct, frozen=True, gc=False):
    access_token: str
    expires_in: int | str = 3600


def _numbers(*numbers: Decimal | None) -> None:
    """Refuse what cannot be compared or added up: NaN, infinity, sizes beyond all trade."""
    if not all(number is None or plausible(number) for number in numbers):
        raise ValueError("an amount or a quantity is no number of trade")


class OrderLine(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One line of a sales order as it stands."""

    id: str
    sequence: int
    etag: str = msgspec.field(default="", name="@odata.etag")
    line_type: str = ""
    item_id: str = NO_GUID
    line_object_number: str = ""
    description: str = ""
    description2: str = ""
    tax_code: str = ""
    quantity: Decimal = Decimal(0)
    unit_price: Decimal = Decimal(0)
    discount_amount: Decimal = Decimal(0)
    ship_quantity: Decimal = Decimal(0)
    invoice_quantity: Decimal = Decimal(0)
    shipped_quantity: Decimal = Decimal(0)
    invoiced_quantity: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        _numbers(self.quantity, self.unit_price, self.discount_amount, self.ship_quantity, self.invoice_quantity)
        _numbers(self.shipped_quantity, self.invoiced_quantity)

    @property
    def open(self) -> Decimal:
        return self.quantity - self.shipped_quantity


class SalesOrder(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    called: ClassVar[str] = "sales order"
    id: str
    number: str
    external_document_number: str
    etag: str = msgspec.field(default="", name="@odata.etag")
    currency_code: str = ""
    total_amount_including_tax: Decimal = Decimal(0)
    posting_date: str = ""
    status: str = ""
    sales_order_lines: list[OrderLine] | None = None  # None: not asked for

    def __post_init__(self) -> None:
        _numbers(self.total_amount_including_tax)

    @property
    def lines(self) -> list[OrderLine]:
        return self.sales_order_lines or []


class CreditMemo(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A credit memo, draft or posted. Posting gives it another id and another number."""

    called: ClassVar[str] = "credit memo"
    id: str
    number: str
    external_document_number: str
    etag: str = msgspec.field(default="", name="@odata.etag")
    status: str = ""
    currency_code: str = ""
    total_amount_including_tax: Decimal = Decimal(0)
    sales_credit_memo_lines: list[OrderLine] | None = None

    def __post_init__(self) -> None:
        _numbers(self.total_amount_including_tax)

    @property
    def lines(self) -> list[OrderLine]:
        return self.sales_credit_memo_lines or []

    @property
    def is_draft(self) -> bool:
        return self.status == "Draft"


class PostedLine(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A line of a posted document: what our mark is recognised by, and how much."""

    line_type: str = ""
    description: str = ""
    quantity: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        _numbers(self.quantity)


class Invoice(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    id: str
    number: str
    external_document_number: str
    order_id: str = NO_GUID
    order_number: str = ""
    status: str = ""
    currency_code: str
    total_amount_including_tax: Decimal
    total_tax_amount: Decimal | None = None
    remaining_amount: Decimal | None = None
    last_modified_date_time: str
    sales_invoice_lines: list[PostedLine] | None = None

    def __post_init__(self) -> None:
        _numbers(self.total_amount_including_tax, self.total_tax_amount, self.remaining_amount)


class Shipment(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    id: str
    number: str
    external_document_number: str
    order_number: str = ""
    sales_shipment_lines: list[PostedLine] | None = None


class Orders(msgspec.Struct, frozen=True, gc=False):
    value: list[SalesOrder]


class Invoices(msgspec.Struct, frozen=True, gc=False):
    value: list[Invoice]


class CreditMemos(msgspec.Struct, frozen=True, gc=False):
    value: list[CreditMemo]


class Shipments(msgspec.Struct, frozen=True, gc=False):
    value: list[Shipment]


class LedgerEntry(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A general ledger entry."""

    id: str
    document_number: str
    debit_amount: Decimal
    credit_amount: Decimal

    def __post_init__(self) -> None:
        _numbers(self.debit_amount, self.credit_amount)

    @property
    def amount(self) -> Decimal:
        """Debits are positive."""
        return self.debit_amount - self.credit_amount


class LedgerEntries(msgspec.Struct, frozen=True, gc=False):
    value: list[LedgerEntry]


class JournalLine(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A line that waits in a journal."""

    document_number: str = ""


class Journal(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A general journal batch with what waits in it."""

    id: str
    code: str
    journal_lines: list[JournalLine]


class Journals(msgspec.Struct, frozen=True, gc=False):
    value: list[Journal]


class PaymentJournal(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A cash receipt journal batch with what waits in it."""

    id: str
    code: str
    customer_payments: list[JournalLine]


class PaymentJournals(msgspec.Struct, frozen=True, gc=False):
    value: list[PaymentJournal]


class CustomerBody(msgspec.Struct, frozen=True, gc=False):
    id: str
    number: str


class Subscription(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    subscription_id: str
    notification_url: str
    resource: str
    expiration_date_time: datetime
    etag: str = msgspec.field(default="*", name="@odata.etag")


class Subscriptions(msgspec.Struct, frozen=True, gc=False):
    value: list[Subscription]


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A page of any list."""

    value: list[dict[str, Any]]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Part(msgspec.Struct, frozen=True, gc=False):
    """The answer to one request of a batch."""

    id: str
    status: int
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"")


class BatchBody(msgspec.Struct, frozen=True, gc=False):
    responses: list[Part]
