"""Sales orders: what the account accepts, how lines are merged, and what it computes."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.netsuite.answers import bad_ref, user_error
from crossdock.simulators.netsuite.catalogue import CURRENCIES, TAX_CODES, Customer, Item
from crossdock.simulators.netsuite.ledger import ZERO, Document, Line

Body = Mapping[str, Any]
LONGEST_MEMO = 999  # in bytes


class SalesDesk:
    """Applies bodies to sales orders with the account's masters."""

    def __init__(self, items: dict[str, Item], customers: dict[str, Customer]) -> None:
        self._items, self._customers = items, customers

    def fill(self, order: Document, body: Body, replace: frozenset[str], now: datetime) -> None:
        """Create or update: header fields overwrite; lines are replaced only when asked, else merged or added."""
        draft = Document(**{name: getattr(order, name) for name in order.__struct_fields__})
        draft.lines = [Line(**{name: getattr(line, name) for name in line.__struct_fields__}) for line in order.lines]
        draft.header = {**order.header, **{k: v for k, v in body.items() if k not in ("item", "taxDetails")}}
        if len(str(draft.header.get("memo") or "").encode()) > LONGEST_MEMO:
            raise user_error(
                f"The field memo contained more than the maximum number ( {LONGEST_MEMO} ) of characters allowed.",
                "memo",
            )
        self._parties(draft, body)
        self._lines(draft, body, "item" in replace)
        self._tax(draft, body, "taxDetails" in replace)
        draft.shipping = draft.round(_number(body.get("shippingCost", order.shipping), "shippingCost"))
        draft.status = status_of(draft, _ref(body.get("orderStatus"), "orderStatus") or order.status)
        draft.modified = now
        if not draft.lines:
            raise user_error("You must have at least one valid line item for this transaction.", "item")
        for name in draft.__struct_fields__:
            setattr(order, name, getattr(draft, name))

    def _parties(self, draft: Document, body: Body) -> None:
        entity = _ref(body.get("entity"), "entity") or draft.entity
        customer = self._customers.get(entity)
        if not entity:
            raise user_error("Please enter value(s) for: Customer", "entity")
        if customer is None or customer.inactive:
            raise bad_ref("entity", entity)
        currency = _ref(body.get("currency"), "currency") or draft.currency
        if currency not in CURRENCIES:
            raise bad_ref("currency", currency)
        draft.entity, draft.currency = entity, currency
        for name in ("shippingAddress", "billingAddress"):
            country = (body.get(name) or {}).get("country")
            code = _ref(country, f"{name}.country")
            if country is not None and (len(code) != 2 or not code.isalpha() or not code.isupper()):
                raise bad_ref(f"{name}.country", code)

    def _lines(self, draft: Document, body: Body, replaced: bool) -> None:
        rows = (body.get("item") or {}).get("items", [])
        if replaced and rows:
            if any(line.fulfilled or line.billed for line in draft.lines):
                raise user_error("You cannot delete a line item that has been fulfilled or billed.", "item")
            draft.lines = []
        by_number = {line.line: line for line in draft.lines}
        for index, row in enumerate(rows):
            path = f"item.items[{index}]"
            if row.get("line") is not None and int(row["line"]) in by_number:
                self._change(draft, by_number[int(row["line"])], row, path)
            else:
                draft.lines.append(self._new_line(draft, row, path))

    def _new_line(self, draft: Document, row: Body, path: str) -> Line:
        ref = _ref(row.get("item"), f"{path}.item")
        item = self._items.get(ref)
        if item is None or item.inactive:
            raise bad_ref(f"{path}.item", ref)
        number = max((line.line for line in draft.lines), default=0) + 1
        line = Line(line=number, item=item.id, type=item.type, quantity=Decimal(1), rate=ZERO, amount=ZERO)
        self._change(draft, line, row, path)
        return line

    def _change(self, draft: Document, line: Line, row: Body, path: str) -> None:
        line.quantity = _number(row.get("quantity", line.quantity), f"{path}.quantity")
        if line.quantity < line.fulfilled:
            raise user_error("Quantity cannot be less than the quantity fulfilled.", f"{path}.quantity")
        if _ref(row.get("price"), f"{path}.price") == "-1":
            line.rate = _number(row.get("rate", line.rate), f"{path}.rate")
        elif "item" in row:
            line.rate = self._items[line.item].base_price  # the item's own price level overwrites the rate
        line.amount = draft.round(line.quantity * line.rate)
        if "tax1Amt" in row:
            _tax_code(row.get("taxCode"), f"{path}.taxCode")
            line.tax = draft.round(_number(row["tax1Amt"], f"{path}.tax1Amt"))
        line.closed = bool(row.get("isClosed", line.closed))
        line.reference = row.get("taxDetailsReference", line.reference)
        line.description = row.get("description", line.description)
        line.custom = {**line.custom, **{k: v for k, v in row.items() if k.startswith("custcol")}}

    def _tax(self, draft: Document, body: Body, replaced: bool) -> None:
        rows = (body.get("taxDetails") or {}).get("items", [])
        if rows and not draft.header.get("taxDetailsOverride"):
            raise user_error("To set tax details, select Tax Details Override.", "taxDetailsOverride")
        known = {line.reference for line in draft.lines} | {draft.header.get("shippingTaxDetailsReference")}
        details = [] if replaced else list(draft.tax_details)
        for index, row in enumerate(rows):
            path = f"taxDetails.items[{index}]"
            if row.get("taxDetailsReference") not in known:
                raise user_error("The tax details reference does not match a line.", f"{path}.taxDetailsReference")
            _tax_code(row.get("taxCode"), f"{path}.taxCode")
            details.append({**row, "taxAmount": draft.round(_number(row.get("taxAmount"), f"{path}.taxAmount"))})
        draft.tax_details = details


def status_of(order: Document, wanted: str) -> str:
    """The status that quantities imply."""
    if order.lines and all(line.closed for line in order.lines):
        return "H"
    stocked = [line for line in order.lines if line.stocked and not line.closed]
    billed = all(line.billed >= line.quantity for line in order.lines if not line.closed)
    if billed and order.lines and any(line.billed for line in order.lines):
        return "G"
    if not any(line.fulfilled for line in order.lines):
        return wanted if wanted in "AB" else "B"
    if all(line.fulfilled >= line.quantity for line in stocked):
        return "F"
    return "E" if any(line.fulfilled > line.billed for line in stocked) else "D"


def _tax_code(value: Any, path: str) -> None:
    ref = _ref(value, path)
    if ref not in TAX_CODES:
        raise bad_ref(path, ref)


def _ref(value: Any, path: str) -> str:
    """``{"id": "B"}`` -> ``B``; an absent reference is empty."""
    if value is None:
        return ""
    if not isinstance(value, dict) or "id" not in value:
        raise bad_ref(path, value)
    return str(value["id"])


def _number(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise user_error(f"Enter a number for {path.rsplit('.', 1)[-1]}.", path)
    return Decimal(value)
