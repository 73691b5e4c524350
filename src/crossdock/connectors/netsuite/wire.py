"""NetSuite's own spelling of what we read. Only the fields we use; unknown ones stay in the stored bytes."""

from decimal import Decimal
from typing import Any

import msgspec


class Ref(msgspec.Struct, frozen=True, gc=False):
    """A reference to another record, or a list value: ``{"id": "B", "refName": "Pending Fulfillment"}``."""

    id: str
    refName: str | None = None  # noqa: N815 - the vendor's spelling


class ErrorDetail(msgspec.Struct, frozen=True, gc=False):
    detail: str = ""
    code: str = msgspec.field(default="", name="o:errorCode")
    path: str | None = msgspec.field(default=None, name="o:errorPath")


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    """The error envelope of every REST service. ``status`` is required: HTML or a foreign JSON is not one."""

    status: int
    title: str = ""
    details: tuple[ErrorDetail, ...] = msgspec.field(default=(), name="o:errorDetails")

    @property
    def code(self) -> str:
        return self.details[0].code if self.details else ""

    @property
    def text(self) -> str:
        return self.details[0].detail if self.details else self.title

    @property
    def path(self) -> str | None:
        return self.details[0].path if self.details else None


class TokenBody(msgspec.Struct, frozen=True, gc=False):
    access_token: str
    expires_in: int | str = 3600


class OrderLine(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One line of a sales order as it stands in NetSuite."""

    line: int
    item: Ref
    quantity: Decimal = Decimal(0)
    quantity_fulfilled: Decimal = Decimal(0)
    amount: Decimal | None = None
    is_closed: bool = False
    item_type: Ref | None = None


class OrderLines(msgspec.Struct, frozen=True, gc=False):
    items: list[msgspec.Raw] = []


class SalesOrder(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    id: str
    external_id: str | None = None
    tran_id: str | None = None
    total: Decimal | None = None
    shipping_cost: Decimal | None = None
    last_modified_date: str | None = None
    order_status: Ref | None = None
    item: OrderLines | None = None

    def lines(self) -> list[OrderLine]:
        return [_line.decode(raw) for raw in (self.item.items if self.item else ())]

    def column(self, name: str) -> list[str | None]:
        """One custom column over all lines, in their order."""
        rows = [msgspec.json.decode(raw, type=dict[str, Any]) for raw in (self.item.items if self.item else ())]
        return [None if row.get(name) is None else str(row[name]) for row in rows]


class Authorisation(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """A return authorisation, with its lines."""

    id: str
    item: OrderLines

    def lines(self) -> list[OrderLine]:
        return [_line.decode(raw) for raw in self.item.items]


class GoodsLine(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One line of goods that came back; ``restock``: of an item receipt, where it is told."""

    item: Ref
    quantity: Decimal = Decimal(0)
    restock: bool | None = None


class ItemReceipt(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """Goods that were taken in, with its lines."""

    id: str
    item: OrderLines

    def lines(self) -> list[GoodsLine]:
        return [_goods.decode(raw) for raw in self.item.items]


_line = msgspec.json.Decoder(OrderLine, strict=False)
_goods = msgspec.json.Decoder(GoodsLine, strict=False)


class Document(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """What we read of a document that is only looked for."""

    id: str
    tran_id: str | None = None


class InvoiceBody(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    id: str
    tran_id: str
    total: Decimal
    currency: Ref
    created_date: str
    tax_total: Decimal | None = None
    amount_remaining: Decimal | None = None


class CreditBody(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """What we read of a credit memo; ``item``: its lines, where they were asked for."""

    id: str
    tran_id: str
    total: Decimal
    item: OrderLines | None = None

    def lines(self) -> list[GoodsLine]:
        return [_goods.decode(raw) for raw in (self.item.items if self.item else ())]


class QueryPage(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One page of SuiteQL. Values are text or null, column names lower case."""

    items: list[dict[str, Any]]
    has_more: bool
