"""Entities as the API shows them, with the names of its published pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.businesscentral.catalogue import LOCAL_CURRENCY, NO_GUID, TAX_RATES, Customer, Item, guid
from crossdock.simulators.businesscentral.ledger import ZERO, Document, Line, etag
from crossdock.simulators.businesscentral.stock import Move

Entity = dict[str, Any]

_ADDRESS = ("AddressLine1", "AddressLine2", "City", "Country", "State", "PostCode")
_HUNDRED = Decimal(100)


def instant(at: datetime) -> str:
    """Milliseconds, as the API tells them."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order(document: Document, customer: Customer) -> Entity:
    header = document.header
    return {
        **_shared(document, customer),
        "orderDate": header.get("orderDate", document.created.date().isoformat()),
        "postingDate": document.day.isoformat(),
        "pricesIncludeTax": document.inclusive,
        "shipmentMethodId": header.get("shipmentMethodId", NO_GUID),
        "partialShipping": True,
        "requestedDeliveryDate": header.get("requestedDeliveryDate", "0001-01-01"),
        **_sums(document),
        "fullyShipped": document.fully_shipped,
        "status": document.status,
    }


def invoice(document: Document, customer: Customer) -> Entity:
    return {
        **_shared(document, customer),
        "invoiceDate": document.day.isoformat(),
        "postingDate": document.day.isoformat(),
        "dueDate": document.day.isoformat(),
        "customerPurchaseOrderReference": "",
        "orderId": document.order_id,
        "orderNumber": document.order_number,
        "pricesIncludeTax": document.inclusive,
        "remainingAmount": document.total,
        **_sums(document),
        "status": document.status,
    }


def shipment(document: Document, customer: Customer) -> Entity:
    shown = _shared(document, customer)
    del shown["currencyId"]
    return {
        **shown,
        "invoiceDate": document.day.isoformat(),
        "postingDate": document.day.isoformat(),
        "orderNumber": document.order_number,
        "pricesIncludeTax": document.inclusive,
    }


def credit_memo(document: Document, customer: Customer) -> Entity:
    shown = _shared(document, customer)
    kept = {name: value for name, value in shown.items() if not name.startswith("shipTo")}
    day = document.created.date().isoformat()
    return {
        **kept,
        "creditMemoDate": document.header.get("creditMemoDate", day),
        "postingDate": document.header.get("postingDate", day),
        "dueDate": document.header.get("dueDate", day),
        "pricesIncludeTax": document.inclusive,
        "invoiceId": NO_GUID,
        "invoiceNumber": "",
        **_sums(document),
        "status": document.status,
    }


def _shared(document: Document, customer: Customer) -> Entity:
    header = document.header
    parties = {
        f"{party}{field}": header.get(f"{party}{field}", "") for party in ("sellTo", "shipTo") for field in _ADDRESS
    }
    return {
        "@odata.etag": etag(document),
        "id": document.id,
        "number": document.number,
        "externalDocumentNumber": document.external,
        "customerId": customer.id,
        "customerNumber": customer.number,
        "customerName": customer.name,
        "billToName": customer.name,
        "billToCustomerId": customer.id,
        "billToCustomerNumber": customer.number,
        "shipToName": header.get("shipToName", customer.name),
        "shipToContact": header.get("shipToContact", ""),
        **parties,
        "currencyId": NO_GUID,
        "currencyCode": document.currency or LOCAL_CURRENCY,
        "phoneNumber": header.get("phoneNumber", ""),
        "email": header.get("email", customer.email),
        "lastModifiedDateTime": instant(document.modified),
    }


def _sums(document: Document) -> Entity:
    return {
        "discountAmount": 0,
        "discountAppliedBeforeTax": True,
        "totalAmountExcludingTax": document.total - document.tax,
        "totalTaxAmount": document.tax,
        "totalAmountIncludingTax": document.total,
    }


def lines(document: Document) -> list[Entity]:
    taxes = document.taxes()
    shown = {"salesOrder": _order_line, "salesShipment": _shipped_line}.get(document.kind, _priced_line)
    return [shown(document, line, taxes[line.id]) for line in document.lines]


def order_line(document: Document, line: Line) -> Entity:
    return _order_line(document, line, document.taxes()[line.id])


def _order_line(document: Document, line: Line, tax: Decimal) -> Entity:
    return {
        **_priced_line(document, line, tax),
        "shippedQuantity": line.shipped,
        "invoicedQuantity": line.invoiced,
        "invoiceQuantity": line.to_invoice,
        "shipQuantity": line.to_ship,
    }


def _priced_line(document: Document, line: Line, tax: Decimal) -> Entity:
    amount = document.amount(line)
    excluding = amount - tax if document.inclusive else amount
    gross = document.round(line.quantity * line.unit_price)
    return {
        "@odata.etag": etag(line),
        "id": line.id,
        "documentId": document.id,
        "sequence": line.sequence,
        "itemId": line.object_id or NO_GUID,
        "accountId": NO_GUID,
        "lineType": line.kind,
        "lineObjectNumber": line.number,
        "description": line.description,
        "description2": line.description2,
        "unitOfMeasureCode": "PCS" if line.kind == "Item" else "",
        "quantity": line.quantity,
        "unitPrice": line.unit_price,
        "discountAmount": line.discount,
        "discountPercent": round(line.discount * _HUNDRED / gross, 5) if gross else ZERO,
        "discountAppliedBeforeTax": False,
        "amountExcludingTax": excluding,
        "taxCode": line.tax_code,
        "taxPercent": TAX_RATES.get(line.tax_code, ZERO),
        "totalTaxAmount": tax,
        "amountIncludingTax": excluding + tax,
        "invoiceDiscountAllocation": 0,
        "netAmount": excluding,
        "netTaxAmount": tax,
        "netAmountIncludingTax": excluding + tax,
    }


def _shipped_line(document: Document, line: Line, tax: Decimal) -> Entity:
    return {
        "@odata.etag": etag(line),
        "id": line.id,
        "documentId": document.id,
        "documentNo": document.number,
        "sequence": line.sequence,
        "lineType": line.kind,
        "lineObjectNumber": line.number,
        "description": line.description,
        "description2": line.description2,
        "unitOfMeasureCode": "PCS" if line.kind == "Item" else "",
        "unitPrice": line.unit_price,
        "quantity": line.quantity,
        "taxPercent": TAX_RATES.get(line.tax_code, ZERO),
    }


def item(known: Item) -> Entity:
    return {
        "id": known.id,
        "number": known.number,
        "displayName": known.displayname,
        "type": "Inventory",
        "blocked": known.blocked,
        "gtin": known.gtin,
        "inventory": known.inventory,
        "unitPrice": known.unit_price,
        "priceIncludesTax": False,
        "taxGroupCode": known.tax_code,
        "baseUnitOfMeasureCode": "PCS",
        "lastModifiedDateTime": instant(known.modified),
    }


def item_ledger_entry(move: Move) -> Entity:
    return {
        "id": move.id,
        "entryNumber": move.number,
        "itemNumber": move.item,
        "postingDate": move.at.date().isoformat(),
        "entryType": move.kind,
        "documentNumber": move.document,
        "quantity": move.quantity,
        "lastModifiedDateTime": instant(move.at),
    }


def customer(known: Customer) -> Entity:
    return {
        "id": known.id,
        "number": known.number,
        "displayName": known.name,
        "type": "Company",
        "email": known.email,
        "postalCode": known.postcode,
        "taxRegistrationNumber": known.tax_number,
        "currencyCode": known.currency or LOCAL_CURRENCY,
        "blocked": known.blocked,
        "lastModifiedDateTime": instant(known.modified),
    }


def named(kind: str, code: str, said: str) -> Entity:
    """An entry of a list to choose from."""
    return {"id": guid(kind, code), "code": code, "displayName": said}


def chosen(entity: Entity, query: Mapping[str, str]) -> Entity:
    """Only what ``$select`` names; annotations and expanded lines stay."""
    if not query.get("$select"):
        return entity
    names = query["$select"].split(",")
    return {name: value for name, value in entity.items() if name in names or name.startswith(("@", "sales"))}
