"""Documents as GET shows them: header fields, and sublists only when expanded."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.simulators.netsuite.catalogue import CURRENCIES, Item
from crossdock.simulators.netsuite.ledger import STATUS, Document, Line


def shown(document: Document, query: Mapping[str, str], items: Mapping[str, Item], left: Decimal) -> dict[str, Any]:
    """``left``: what is still open of an invoice or credit."""
    body: dict[str, Any] = {
        "id": document.id,
        "tranId": document.number,
        "externalId": document.external_id,
        "entity": {"id": document.entity},
        "currency": {"id": document.currency, "refName": CURRENCIES[document.currency]},
        "createdDate": f"{document.created:%Y-%m-%dT%H:%M:%SZ}",
        "lastModifiedDate": f"{document.modified:%Y-%m-%dT%H:%M:%SZ}",
        "createdFrom": {"id": document.created_from} if document.created_from else None,
        "otherRefNum": document.header.get("otherRefNum"),
        "memo": document.header.get("memo"),
    }
    if document.type not in ("itemFulfillment", "itemReceipt", "returnAuthorization"):
        body |= {"total": document.total, "taxTotal": document.tax, "shippingCost": document.shipping}
    if document.type == "invoice":
        body["amountRemaining"] = left
    if document.type == "customerDeposit":
        paid = document.header["payment"]
        body |= {"payment": paid, "total": paid, "salesOrder": body.pop("createdFrom")}
    if document.type == "salesOrder":
        body["orderStatus"] = {"id": document.status, "refName": STATUS[document.status]}
    body = {name: value for name, value in body.items() if value is not None}
    wanted = query.get("fields")
    if wanted:
        return {name: value for name, value in body.items() if name in wanted.split(",")} | {"links": []}
    body["links"] = []
    expanded = query.get("expandSubResources") == "true"
    body["item"] = {"items": [_line(line, items) for line in document.lines]} if expanded else {"links": []}
    return body


def _line(line: Line, items: Mapping[str, Item]) -> dict[str, Any]:
    return {
        "line": line.line,
        "item": {"id": line.item, "refName": items[line.item].itemid},
        "itemType": {"id": line.type, "refName": line.type},
        "quantity": line.quantity,
        "rate": line.rate,
        "amount": line.amount,
        "quantityFulfilled": line.fulfilled,
        "quantityBilled": line.billed,
        "isClosed": line.closed,
        **line.custom,
    }
