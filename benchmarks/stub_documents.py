"""A NetSuite that keeps sales orders, item fulfilments and invoices, and proves each against the order it is made of.

Answers what the connector asks for a whole order: ``PUT salesOrder/eid:…``, the order with its lines, the transforms
into fulfilment and invoice, and the invoice. An external id that is there already is refused, as the vendor does.
"""

import time
from decimal import Decimal

import msgspec
from benchmarks.stub_erp import EMPTY_PAGE, TOKEN
from benchmarks.stubbing import response

_encode = msgspec.json.Encoder(decimal_format="number").encode
_MISSING = [{"detail": "The record instance does not exist.", "o:errorCode": "NONEXISTENT_ID"}]
NOT_FOUND = _encode({"title": "Not Found", "status": 404, "o:errorDetails": _MISSING})


class Row(msgspec.Struct):
    """One line of a sales order: as it was sent, and what happened to it."""

    item: dict[str, str]
    quantity: Decimal
    rate: Decimal
    fulfilled: Decimal = Decimal(0)


class SalesOrder(msgspec.Struct):
    """One sales order and what was made of it."""

    id: str
    key: str
    rows: list[Row]
    fulfilments: list[str] = []
    invoices: list[Decimal] = []

    @property
    def total(self) -> Decimal:
        return sum((row.quantity * row.rate for row in self.rows), Decimal(0))

    @property
    def whole(self) -> bool:
        """Booked, all of it shipped in two shipments, and billed once, to the cent."""
        shipped = all(row.fulfilled == row.quantity for row in self.rows)
        return shipped and len(self.fulfilments) == 2 and self.invoices == [self.total]


class _Lines(msgspec.Struct):
    items: list[Row]


class _Booking(msgspec.Struct):
    item: _Lines


class _Taken(msgspec.Struct, rename="camel"):
    order_line: int
    item_receive: bool
    quantity: Decimal = Decimal(0)


class _TakenLines(msgspec.Struct):
    items: list[_Taken]


class _Fulfilment(msgspec.Struct, rename="camel"):
    external_id: str
    item: _TakenLines


class _Invoice(msgspec.Struct, rename="camel"):
    external_id: str


_booking = msgspec.json.Decoder(_Booking, strict=False).decode
_fulfilment = msgspec.json.Decoder(_Fulfilment, strict=False).decode
_invoice = msgspec.json.Decoder(_Invoice).decode


class Documents:
    """The account's books."""

    def __init__(self) -> None:
        self.orders: dict[str, SalesOrder] = {}  # by internal id
        self.by_key: dict[str, SalesOrder] = {}
        self.invoices: dict[str, tuple[SalesOrder, Decimal]] = {}
        self.fulfilments: set[str] = set()
        self.refused = 0
        self._external: dict[str, str] = {}  # external id of a fulfilment or invoice -> its internal id
        self._last = 0

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        if path.endswith("/token"):
            return response(200, TOKEN)
        if "/suiteql" in path:
            return response(200, EMPTY_PAGE)
        record, _, ref = path.partition("/record/v1/")[2].partition("?")[0].partition("/")
        if method == "PUT" and ref.startswith("eid:"):
            return self._book(ref.removeprefix("eid:"), body)
        if method == "POST" and "/!transform/" in ref:
            order, _, target = ref.partition("/!transform/")
            return self._transform(self.orders.get(order), target, body)
        shown = self._read(record, ref) if method == "GET" else None
        return response(404, NOT_FOUND) if shown is None else response(200, shown)

    def _read(self, record: str, ref: str) -> bytes | None:
        """A document by its internal id or ``eid:<external id>``."""
        if record == "salesOrder":
            order = self.by_key.get(ref.removeprefix("eid:")) or self.orders.get(ref)
            return None if order is None else self._shown(order)
        known = self._external.get(ref.removeprefix("eid:"), ref)
        if record == "invoice" and known in self.invoices:
            return self._billed(known)
        if record == "itemFulfillment" and known in self.fulfilments:
            return _encode({"id": known, "tranId": f"IF{known}"})
        return None

    def _book(self, key: str, body: bytes) -> bytes:
        order = self.by_key.get(key) or SalesOrder(self._id(), key, [])
        order.rows = _booking(body).item.items
        self.orders[order.id] = self.by_key[key] = order
        return _made("salesOrder", order.id)

    def _transform(self, order: SalesOrder | None, target: str, body: bytes) -> bytes:
        if order is None:
            return response(404, NOT_FOUND)
        return self._fulfil(order, body) if target == "itemFulfillment" else self._bill(order, body)

    def _fulfil(self, order: SalesOrder, body: bytes) -> bytes:
        asked = _fulfilment(body)
        taken = [(order.rows[one.order_line - 1], one.quantity) for one in asked.item.items if one.item_receive]
        if asked.external_id in self._external:
            return self._refuse("DUP_RCRD")
        if not taken or any(row.fulfilled + quantity > row.quantity for row, quantity in taken):
            return self._refuse("USER_ERROR")
        for row, quantity in taken:
            row.fulfilled += quantity
        made = self._external[asked.external_id] = self._id()
        self.fulfilments.add(made)
        order.fulfilments.append(asked.external_id)
        return _made("itemFulfillment", made)

    def _bill(self, order: SalesOrder, body: bytes) -> bytes:
        """What is fulfilled and not yet billed."""
        key = _invoice(body).external_id
        amount = sum((row.fulfilled * row.rate for row in order.rows), Decimal(0)) - sum(order.invoices, Decimal(0))
        if key in self._external:
            return self._refuse("DUP_RCRD")
        if amount <= 0:
            return self._refuse("USER_ERROR")
        made = self._external[key] = self._id()
        order.invoices.append(amount)
        self.invoices[made] = (order, amount)
        return _made("invoice", made)

    def _refuse(self, code: str) -> bytes:
        self.refused += 1
        detail = {"detail": code, "o:errorCode": code}
        return response(400, _encode({"title": "Bad Request", "status": 400, "o:errorDetails": [detail]}))

    def _shown(self, order: SalesOrder) -> bytes:
        rows = [
            {
                "line": number,
                "item": row.item,
                "quantity": row.quantity,
                "quantityFulfilled": row.fulfilled,
                "isClosed": False,
                "itemType": {"id": "InvtPart"},
            }
            for number, row in enumerate(order.rows, 1)
        ]
        whole = {"id": order.id, "externalId": order.key, "tranId": f"SO{order.id}", "total": order.total}
        return _encode({**whole, "orderStatus": {"id": "B"}, "item": {"items": rows}})

    def _billed(self, ref: str) -> bytes:
        _, amount = self.invoices[ref]
        made = {"id": ref, "tranId": f"INV{ref}", "total": amount, "taxTotal": 0, "amountRemaining": amount}
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return _encode({**made, "currency": {"id": "1", "refName": "USD"}, "createdDate": at})

    def _id(self) -> str:
        self._last += 1
        return str(self._last)


def _made(record: str, ref: str) -> bytes:
    return response(204, b"", f"Location: http://stub/services/rest/record/v1/{record}/{ref}\r\n")
