"""Sales orders and their lines: what the company accepts, in the order in which a body names it.

A property is validated when its turn comes, as on the vendor's pages: a quantity or an item named after the price sets
the price again from the price list. (Vendor facts, pitfall 3.)
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.simulators.businesscentral.answers import Refusal, bad_value, dialog
from crossdock.simulators.businesscentral.catalogue import (
    ACCOUNTS,
    CURRENCIES,
    LOCAL_CURRENCY,
    TAX_RATES,
    Customer,
    Item,
)
from crossdock.simulators.businesscentral.ledger import ZERO, Document, Ledger, Line

Body = Mapping[str, Any]

_PRICE_UNIT = Decimal("0.00001")  # Unit-Amount Rounding Precision of a new company
# Lengths of the table's fields (vendor facts, pitfall 6).
LENGTHS = {
    "externalDocumentNumber": 35, "shipToName": 100, "shipToContact": 100, "phoneNumber": 30, "email": 80,
    **{f"{party}{field}": length for party in ("sellTo", "shipTo") for field, length in (
        ("AddressLine1", 100), ("AddressLine2", 50), ("City", 30), ("Country", 10), ("State", 30), ("PostCode", 20),
    )},
}  # fmt: skip
WRITABLE = frozenset(LENGTHS) | {
    "orderDate", "postingDate", "customerId", "customerNumber", "currencyCode", "pricesIncludeTax", "shipmentMethodId",
    "requestedDeliveryDate", "partialShipping", "salesperson", "paymentTermsId", "currencyId", "discountAmount",
    "shortcutDimension1Code", "shortcutDimension2Code",
}  # fmt: skip
READ_ONLY = frozenset({
    "id", "number", "customerName", "billToName", "discountAppliedBeforeTax", "totalAmountExcludingTax",
    "totalTaxAmount", "totalAmountIncludingTax", "fullyShipped", "status", "lastModifiedDateTime",
})  # fmt: skip
LINE_WRITABLE = frozenset({
    "sequence", "itemId", "accountId", "lineType", "lineObjectNumber", "description", "description2", "quantity",
    "unitPrice", "discountAmount", "taxCode", "shipQuantity", "invoiceQuantity", "documentId", "unitOfMeasureCode",
    "discountPercent", "shipmentDate", "itemVariantId", "locationId",
})  # fmt: skip


class SalesDesk:
    """Applies bodies to sales orders with the company's masters."""

    def __init__(self, ledger: Ledger, items: dict[str, Item], customers: dict[str, Customer]) -> None:
        self._ledger, self._items, self._customers = ledger, items, customers
        self.rebate = ZERO  # what an extension of the company's own takes off every new line of an item

    def new_order(self, body: Body, now: datetime) -> Document:
        order = Document(
            id=self._ledger.new_id("order"),
            kind="salesOrder",
            number=self._ledger.number("S"),
            created=now,
            modified=now,
        )
        nested = body.get("salesOrderLines", [])
        self.set_header(order, {name: value for name, value in body.items() if name != "salesOrderLines"})
        if not order.customer:
            raise dialog("You must choose a customer for the sales order.")
        for row in nested:
            self.new_line(order, row, now)
        self._ledger.touch(order, now)
        self._ledger.add(order)
        return order

    def change_order(self, order: Document, body: Body, now: datetime) -> None:
        if order.status != "Draft" and set(body) - {"postingDate"}:
            raise _released(order)
        before = order.day
        self.set_header(order, body)
        # In a foreign currency another posting date brings another rate, which every line takes.
        self._ledger.touch(order, now, order.lines if order.currency and order.day != before else ())

    def delete_order(self, order: Document) -> None:
        for line in order.lines:
            if line.shipped > line.invoiced:
                left = f"{line.shipped - line.invoiced:f}"
                raise dialog(
                    f"Qty. Shipped Not Invoiced must be equal to '0' in Sales Line: Document Type=Order, "
                    f"Document No.={order.number}, Line No.={line.sequence}. Current value is '{left}'."
                )
        self._ledger.remove(order)

    def new_line(self, order: Document, body: Body, now: datetime) -> Line:
        if order.status != "Draft":
            raise _released(order)
        highest = max((line.sequence for line in order.lines), default=0)
        sequence = int(_number(body.get("sequence", highest + 10000), "sequence"))
        if any(line.sequence == sequence for line in order.lines):
            message = (
                "The record in table Sales Line already exists. Identification fields and values: "
                f"Document Type='Order',Document No.='{order.number}',Line No.='{sequence}'"
            )
            raise Refusal(400, "Internal_EntityWithSameKeyExists", message)
        line = Line(id=self._ledger.new_id("line"), sequence=sequence, kind=str(body.get("lineType", "Item")))
        if line.kind not in ("Item", "Account", "Comment"):
            raise bad_value(f"The value '{line.kind}' of lineType is not supported here.")
        self._line(order, line, body)
        if line.kind != "Comment" and not line.number:
            raise dialog("The sales line needs an item or an account.")
        if line.kind == "Item":
            line.discount += self.rebate
        order.lines = sorted([*order.lines, line], key=lambda one: one.sequence)
        self._ledger.touch(order, now, [line])
        return line

    def change_line(self, order: Document, line: Line, body: Body, now: datetime) -> None:
        held = {"quantity", "unitPrice", "discountAmount", "itemId", "lineObjectNumber", "taxCode", "lineType"}
        if order.status != "Draft" and held & set(body):
            raise _released(order)
        self._line(order, line, body)
        self._ledger.touch(order, now, [line])

    def delete_line(self, order: Document, line: Line, now: datetime) -> None:
        if order.status != "Draft":
            raise _released(order)
        order.lines = [one for one in order.lines if one is not line]
        self._ledger.touch(order, now)

    def set_header(self, order: Document, body: Body) -> None:
        """Validate and set each property in turn; raises ``Refusal``."""
        for name, value in body.items():
            if name in READ_ONLY:
                raise Refusal(400, "BadRequest", f"The property '{name}' is read-only.")
            if name not in WRITABLE:
                raise Refusal(400, "BadRequest", f"The property '{name}' does not exist on type '{order.kind}'.")
            if name in LENGTHS and len(str(value)) > LENGTHS[name]:
                message = f"The length of the string is {len(str(value))}, but it must be less than or equal to "
                raise Refusal(400, "Application_StringExceededLength", f"{message}{LENGTHS[name]} characters. ({name})")
            self._set(order, name, value)

    def _set(self, order: Document, name: str, value: Any) -> None:
        match name:
            case "externalDocumentNumber":
                order.external = str(value).strip().upper()  # a Code field
            case "customerId" | "customerNumber":
                order.customer = self._customer(name, value).id
                order.currency = order.currency or self._customers[order.customer].currency
            case "currencyCode":
                order.currency = _currency(str(value))
            case "pricesIncludeTax":
                order.inclusive = bool(value)
            case "orderDate" | "postingDate" | "requestedDeliveryDate":
                try:
                    order.header[name] = date.fromisoformat(str(value)).isoformat()
                except ValueError as error:
                    raise Refusal(400, "BadRequest", f"Cannot convert the literal '{value}' to Edm.Date.") from error
            case _:
                order.header[name] = value

    def _customer(self, name: str, value: Any) -> Customer:
        if name == "customerId":
            customer = self._customers.get(str(value))
        else:
            customer = next((one for one in self._customers.values() if one.number == str(value).upper()), None)
        if customer is None:
            raise bad_value(f"The field {name} cannot find a record: the customer '{value}' does not exist.")
        if customer.blocked in ("All", "Invoice", "Ship"):
            raise dialog(f"You cannot create this type of document when Customer {customer.number} is blocked.")
        return customer

    def _line(self, order: Document, line: Line, body: Body) -> None:
        for name, value in body.items():
            if name not in LINE_WRITABLE:
                raise Refusal(400, "BadRequest", f"The property '{name}' does not exist or is read-only.")
            if name in ("description", "description2"):
                most = 100 if name == "description" else 50
                if len(str(value)) > most:
                    raise Refusal(400, "Application_StringExceededLength", f"{name} must be at most {most} characters.")
                setattr(line, name, str(value))
            elif name in ("itemId", "lineObjectNumber"):
                self._object(line, name, str(value))
            elif name == "taxCode":
                if value not in TAX_RATES:
                    raise bad_value(
                        f"The field VAT Prod. Posting Group contains a value ({value}) that cannot be found."
                    )
                line.tax_code = str(value)
            elif name in ("quantity", "unitPrice", "discountAmount", "shipQuantity", "invoiceQuantity"):
                self._quantity(order, line, name, _number(value, name))

    def _object(self, line: Line, name: str, value: str) -> None:
        if line.kind == "Account":
            if value not in ACCOUNTS:
                raise bad_value(f"The field No. contains a value ({value}) that cannot be found in G/L Account.")
            line.number, line.description = value, line.description or ACCOUNTS[value][1]
            line.tax_code = line.tax_code or "NOTAX"
            return
        if name == "itemId":
            item = self._items.get(value)
        else:
            item = next((one for one in self._items.values() if one.number == value), None)
        if item is None:
            raise bad_value(f"The item '{value}' does not exist.")
        if item.blocked:
            raise dialog(f"Blocked must be equal to 'No' in Item: No.={item.number}. Current value is 'Yes'.")
        line.object_id, line.number, line.tax_code = item.id, item.number, item.tax_code
        line.description, line.unit_price = item.displayname, item.unit_price

    def _quantity(self, order: Document, line: Line, name: str, value: Decimal) -> None:
        if line.kind == "Comment":
            raise dialog("Type must not be ' ' in Sales Line.")
        if name == "quantity":
            if value < line.shipped:
                raise dialog(f"Quantity must not be less than {line.shipped:f}.")
            line.quantity = value
            if line.kind == "Item":
                line.unit_price = self._items[line.object_id].unit_price  # the price list speaks again
            line.start_over()
        elif name == "unitPrice":
            line.unit_price = value.quantize(_PRICE_UNIT, ROUND_HALF_UP)
        elif name == "discountAmount":
            line.discount = order.round(value)
        elif name == "shipQuantity":
            if not 0 <= value <= line.outstanding:
                raise dialog(f"You cannot ship more than {line.outstanding:f} units.")
            line.to_ship = value
            line.to_invoice = line.may_invoice
        else:
            if not 0 <= value <= line.may_invoice:
                raise dialog(f"You cannot invoice more than {line.may_invoice:f} units.")
            line.to_invoice = value


def _released(order: Document) -> Refusal:
    return dialog(
        f"Status must be equal to 'Open' in Sales Header: Document Type=Order, No.={order.number}. "
        "Current value is 'Released'."
    )


def _currency(code: str) -> str:
    if code in ("", LOCAL_CURRENCY):
        return ""
    if code not in CURRENCIES:
        raise bad_value(f"The field Currency Code contains a value ({code}) that cannot be found in Currency.")
    return code


def _number(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refusal(400, "BadRequest", f"Cannot convert a value of '{name}' to Edm.Decimal.")
    return Decimal(value)
