"""The company's entity sets: lists and single entities to read, sales orders and their lines to write."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from crossdock.simulators.base import Reply
from crossdock.simulators.businesscentral import catalogue, journal_views, odata, views
from crossdock.simulators.businesscentral.answers import (
    PostedAnyway,
    Refusal,
    changed,
    dialog,
    found,
    gone,
    missing,
    nothing,
)
from crossdock.simulators.businesscentral.credits import KIND as CREDIT
from crossdock.simulators.businesscentral.credits import CreditDesk
from crossdock.simulators.businesscentral.ledger import Document, Line, etag
from crossdock.simulators.businesscentral.posting import ship_and_invoice
from crossdock.simulators.businesscentral.sales import SalesDesk

if TYPE_CHECKING:
    from crossdock.simulators.businesscentral.company import BusinessCentralCompany

_PATH = re.compile(r"(?P<set>\w+)(?:\((?P<id>[^)]*)\))?(?:/(?P<part>[\w.]+)(?:\((?P<part_id>[^)]*)\))?)?")
_DOCUMENTS = {
    "salesOrders": ("salesOrder", views.order, "salesOrderLines"),
    "salesInvoices": ("salesInvoice", views.invoice, "salesInvoiceLines"),
    "salesShipments": ("salesShipment", views.shipment, "salesShipmentLines"),
    "salesCreditMemos": (CREDIT, views.credit_memo, "salesCreditMemoLines"),
}
_OF_EXTERNAL = re.compile(r"externalDocumentNumber eq '([^']*)'")
ACTION = "Microsoft.NAV.shipAndInvoice"
POST = "Microsoft.NAV.post"


class Entities:
    def __init__(self, company: "BusinessCentralCompany", now: Callable[[], datetime]) -> None:
        self._company, self._now = company, now
        self.sales = SalesDesk(company.ledger, company.items, company.customers)
        self.credits = CreditDesk(company.ledger, self.sales, company.items, company.customers)

    def serve(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any, where: str
    ) -> Reply:
        """``path`` is what follows the company; ``where`` the whole address, for the link to the next page."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise missing()
        asked = (method, match["set"], match["id"] is not None, match["part"], match["part_id"] is not None)
        match asked:
            case ("GET", name, False, None, False):
                return self._list(name, query, headers, where)
            case ("GET", name, True, None, False):
                return self._get(name, match["id"], query)
            case ("GET", "salesOrders", True, "salesOrderLines", False):
                return found({"value": views.lines(self._order(match["id"]))})
            case ("POST", "salesOrders", False, None, False):
                order = self.sales.new_order(body, self._now())
                return found(self._shown("salesOrders", order, query), 201)
            case ("POST", "salesOrders", True, "salesOrderLines", False):
                return self._new_line(match["id"], body)
            case ("POST", "salesOrderLines", False, None, False):
                return self._new_line(str(body.get("documentId")), body)
            case ("POST", "salesOrders", True, part, False) if part == ACTION:
                return self._post(match["id"])
            case (_, "salesCreditMemos", _, _, False) if method != "GET":
                return self._credit_memo(method, match["id"], match["part"], headers, body)
            case ("POST", "journals" | "customerPayments", _, _, False):
                return self._journal(match["set"], match["id"], match["part"], body)
            case ("PATCH" | "DELETE", "salesOrders", True, None, False):
                return self._write_order(method, match["id"], headers, body)
            case ("PATCH" | "DELETE", "salesOrders", True, "salesOrderLines", True):
                return self._write_line(method, match["part_id"], headers, body, [self._order(match["id"])])
            case ("PATCH" | "DELETE", "salesOrderLines", True, None, False):
                return self._write_line(method, match["id"], headers, body)
        if method == "GET":
            raise missing()
        raise Refusal(405, "BadRequest_MethodNotAllowed", f"'{method}' requests are not allowed for this resource.")

    def _list(self, name: str, query: Mapping[str, str], headers: Mapping[str, str], where: str) -> Reply:
        rows = self._rows(name, _OF_EXTERNAL.fullmatch(query.get("$filter", "")))
        if headers.get("data-access-intent", "").lower() == "readonly":
            horizon = views.instant(self._now() - timedelta(seconds=self._company.faults.search_lag_s))
            rows = [row for row in rows if row.get("lastModifiedDateTime", "") <= horizon]  # the replica is behind
        fields = {field for row in rows for field in row} or {"id"}
        if not rows and query.get("$filter"):
            return found({"value": []})
        page, token = odata.page(odata.selected(rows, query, fields), query, headers.get("prefer", ""))
        answer: dict[str, Any] = {"value": [views.chosen(self._expanded(name, row, query), query) for row in page]}
        if token is not None:
            rest = {key: value for key, value in query.items() if key != "$skiptoken"}
            answer["@odata.nextLink"] = f"{where}?{urlencode({**rest, '$skiptoken': token})}"
        return found(answer)

    def _rows(self, name: str, of: re.Match[str] | None = None) -> list[dict[str, Any]]:
        if name in _DOCUMENTS:
            documents = self._company.ledger.of(_DOCUMENTS[name][0])
            if of is not None:  # the commonest question is not answered by showing everything first
                documents = [one for one in documents if one.external == of[1].upper()]
            return [self._view(name, one) for one in documents]
        if name == "items":
            return [views.item(one) for one in self._company.items.values()]
        if name == "itemLedgerEntries":
            return [views.item_ledger_entry(one) for one in self._company.ledger.moves]
        if name == "customers":
            return [views.customer(one) for one in self._company.customers.values()]
        if name == "journals":
            return journal_views.journals(self._company.journals)
        if name == "customerPaymentJournals":
            return journal_views.payment_journals(self._company.journals)
        if name == "generalLedgerEntries":
            return journal_views.ledger_entries(self._company.journals)
        if name == "shipmentMethods":
            return [views.named("shipmentMethod", code, said) for code, said in catalogue.SHIPMENT_METHODS.items()]
        if name == "taxGroups":
            return [views.named("taxGroup", code, f"{rate:f} %") for code, rate in catalogue.TAX_RATES.items()]
        if name == "companyInformation":
            known = {"id": self._company.registration.company_id, "displayName": "CRONUS"}
            return [{**known, "currencyCode": catalogue.LOCAL_CURRENCY}]
        raise missing()

    def _expanded(self, name: str, row: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
        wanted = query.get("$expand")
        if not wanted:
            return row
        if (name, wanted) == ("journals", "journalLines"):
            return {**row, wanted: journal_views.lines_of(self._company.journals, row["id"])}
        if (name, wanted) == ("customerPaymentJournals", "customerPayments"):
            return {**row, wanted: journal_views.payments_of(self._company.journals, row["id"])}
        if name not in _DOCUMENTS or wanted != _DOCUMENTS[name][2]:
            raise odata.refused(f"could not find a property named '{wanted}'")
        return {**row, wanted: views.lines(self._company.ledger.documents[row["id"]])}

    def _get(self, name: str, ref: str, query: Mapping[str, str]) -> Reply:
        if name in _DOCUMENTS:
            document = self._company.ledger.find(_DOCUMENTS[name][0], ref)
            if document is None:
                raise gone(name)
            return found(views.chosen(self._shown(name, document, query), query))
        row = next((row for row in self._rows(name) if row["id"] == ref), None)
        if row is None:
            raise gone(name)
        return found(views.chosen(self._expanded(name, row, query), query))

    def _shown(self, name: str, document: Document, query: Mapping[str, str]) -> dict[str, Any]:
        return self._expanded(name, self._view(name, document), query)

    def _view(self, name: str, document: Document) -> dict[str, Any]:
        """The entity with what other documents make of it: what is open of an invoice, which one a credit is for."""
        shown = _DOCUMENTS[name][1](document, self._customer(document))
        ledger = self._company.ledger
        if name == "salesInvoices":
            shown["remainingAmount"] = ledger.open_amount(document)
        elif document.applies_to:
            shown["invoiceId"] = document.applies_to
            shown["invoiceNumber"] = ledger.documents[document.applies_to].number
        return shown

    def _new_line(self, order_id: str, body: Any) -> Reply:
        order = self._order(order_id)
        return found(views.order_line(order, self.sales.new_line(order, body, self._now())), 201)

    def _post(self, ref: str) -> Reply:
        company = self._company
        invoiced = ship_and_invoice(company.ledger, self._order(ref), company.items, company.customers, self._now())
        if not (invoiced or company.tells_of_shipments):
            message = "There is no Sales Invoice Header within the filter."
            raise PostedAnyway(400, "Application_RecordNotFound", message)
        return nothing()

    def _journal(self, name: str, ref: str | None, part: str | None, body: Any) -> Reply:
        journals, now = self._company.journals, self._now()
        if (name, ref, part) == ("customerPayments", None, None):
            return found(journal_views.payment(journals, journals.new_payment(body, now)), 201)
        if name == "journals" and ref is not None and part == "journalLines":
            return found(journal_views.line(journals, journals.new_line(ref, body, now)), 201)
        if name == "journals" and ref is not None and part == POST:
            journals.post(ref, now)
            return nothing()
        raise Refusal(405, "BadRequest_MethodNotAllowed", "'POST' requests are not allowed for this resource.")

    def _credit_memo(
        self, method: str, ref: str | None, part: str | None, headers: Mapping[str, str], body: Any
    ) -> Reply:
        if (method, ref, part) == ("POST", None, None):
            return found(self._shown("salesCreditMemos", self.credits.new(body, self._now()), {}), 201)
        credit = self._company.ledger.find(CREDIT, ref or "")
        if credit is None:
            raise gone("salesCreditMemo")
        if (method, part) == ("POST", POST):
            self.credits.post(credit, self._now())
            return nothing()
        if part is not None or method not in ("PATCH", "DELETE"):
            raise Refusal(405, "BadRequest_MethodNotAllowed", f"'{method}' requests are not allowed for this resource.")
        _unchanged(credit, headers)
        if method == "DELETE":
            self.credits.delete(credit)
            return nothing()
        self.credits.change(credit, body, self._now())
        return found(self._shown("salesCreditMemos", credit, {}))

    def _write_order(self, method: str, ref: str, headers: Mapping[str, str], body: Any) -> Reply:
        order = self._order(ref)
        _unchanged(order, headers)
        if method == "DELETE":
            self.sales.delete_order(order)
            return nothing()
        self.sales.change_order(order, body, self._now())
        return found(self._shown("salesOrders", order, {}))

    def _write_line(
        self, method: str, ref: str, headers: Mapping[str, str], body: Any, among: list[Document] | None = None
    ) -> Reply:
        for order in among or self._company.ledger.of("salesOrder"):
            line = order.line(ref)
            if line is not None:
                _unchanged(line, headers)
                return self._write_found(method, order, line, body)
        raise gone("salesOrderLine")

    def _write_found(self, method: str, order: Document, line: Line, body: Any) -> Reply:
        if method == "DELETE":
            self.sales.delete_line(order, line, self._now())
            return nothing()
        self.sales.change_line(order, line, body, self._now())
        return found(views.order_line(order, line))

    def _order(self, ref: str) -> Document:
        order = self._company.ledger.find("salesOrder", ref)
        if order is None:
            raise gone("salesOrder")
        return order

    def _customer(self, document: Document) -> catalogue.Customer:
        return self._company.customers[document.customer]


def _unchanged(one: Document | Line, headers: Mapping[str, str]) -> None:
    """A write needs the ETag that was read; ``*`` overwrites whatever is there."""
    given = headers.get("if-match")
    if given is None:
        raise dialog("The request header If-Match is required.")
    if given not in ("*", etag(one)):
        raise changed()
