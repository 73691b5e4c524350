"""Credit memos: drafts as people and programs write them, and their posting.

A posted one is another record with another id and number, as with invoices (vendor facts, pitfall 1). Nothing minds a
second one with the same external number. Prices are without tax: ``pricesIncludeTax`` cannot be set here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.simulators.businesscentral.answers import Refusal, bad_value, dialog
from crossdock.simulators.businesscentral.catalogue import Customer, Item
from crossdock.simulators.businesscentral.ledger import CANCELED, CORRECTIVE, DRAFT, ZERO, Document, Ledger
from crossdock.simulators.businesscentral.sales import SalesDesk
from crossdock.simulators.businesscentral.stock import SALE, move

Body = Mapping[str, Any]

KIND = "salesCreditMemo"
_OWN = frozenset({"invoiceId", "invoiceNumber", "creditMemoDate", "dueDate", "customerReturnReasonId"})
_NOT_OURS = frozenset({"pricesIncludeTax", "orderDate", "requestedDeliveryDate", "partialShipping"})
_NO_LINE = frozenset({"shipQuantity", "invoiceQuantity"})


class CreditDesk:
    """Applies bodies to credit memos with the company's masters."""

    def __init__(
        self, ledger: Ledger, sales: SalesDesk, items: dict[str, Item], customers: dict[str, Customer]
    ) -> None:
        self._ledger, self._sales, self._items, self._customers = ledger, sales, items, customers

    def new(self, body: Body, now: datetime) -> Document:
        """A draft with its nested lines."""
        credit = Document(
            id=self._ledger.new_id("creditMemo"), kind=KIND, number=self._ledger.number("CR"), created=now, modified=now
        )
        nested = body.get("salesCreditMemoLines", [])
        self._header(credit, {name: value for name, value in body.items() if name != "salesCreditMemoLines"})
        if not credit.customer:
            raise dialog("You must choose a customer for the credit memo.")
        for row in nested:
            self.new_line(credit, row, now)
        self._ledger.touch(credit, now)
        self._ledger.add(credit)
        return credit

    def change(self, credit: Document, body: Body, now: datetime) -> None:
        _is_draft(credit)
        self._header(credit, body)
        self._ledger.touch(credit, now)

    def delete(self, credit: Document) -> None:
        _is_draft(credit)
        self._ledger.remove(credit)

    def new_line(self, credit: Document, body: Body, now: datetime) -> None:
        _is_draft(credit)
        if wrong := sorted(_NO_LINE & set(body)):
            raise Refusal(400, "BadRequest", f"The property '{wrong[0]}' does not exist on type 'salesCreditMemoLine'.")
        self._sales.new_line(credit, body, now)

    def post(self, credit: Document, now: datetime) -> Document:
        """The posted credit memo; the draft is gone."""
        _is_draft(credit)
        self._may_post(credit)
        posted = msgspec.structs.replace(
            credit,
            id=self._ledger.new_id("postedCreditMemo"),
            number=self._ledger.number("PCR"),
            status="Open",
            created=now,
            modified=now,
            version=self._ledger.version(),
        )
        for line in posted.lines:
            if line.kind == "Item":
                move(self._ledger, self._items[line.object_id], line.quantity, SALE, posted.number, now)
        if posted.applies_to and posted.total <= self._ledger.open_amount(self._invoice(posted.applies_to)):
            posted.status = "Paid"
        self._ledger.remove(credit)
        self._ledger.add(posted)
        self._close(posted, now)
        return posted

    def by_people(self, invoice: Document, amount: Any, now: datetime) -> Document:
        """What somebody makes of a posted invoice on the page: its external number comes along."""
        draft = self._drafted(invoice, now)
        row = {"lineType": "Account", "lineObjectNumber": "6450", "quantity": 1, "unitPrice": amount}
        self.new_line(draft, row, now)
        return self.post(draft, now)

    def cancel(self, invoice: Document, now: datetime) -> Document:
        """*Cancel* on a posted invoice of which nothing is paid: a credit memo of all its lines, posted at once.

        *Correct* does the same, and then drafts another invoice. What its sales order still has of it counts as neither
        shipped nor invoiced any more. Source: codeunit 1303 "Correct Posted Sales Invoice", enum 5477 and what sets the
        two documents' status, source code at github.com/microsoft/BCApps, read in November 2026.
        """
        if invoice.status == CANCELED:
            raise dialog("You cannot cancel this posted sales invoice because it has already been canceled.")
        if self._ledger.open_amount(invoice) != invoice.total:
            raise dialog("You cannot perform this action for closed or partially paid entries.")
        draft = self._drafted(invoice, now)
        draft.inclusive = invoice.inclusive
        draft.lines = [msgspec.structs.replace(line, id=self._ledger.new_id("line")) for line in invoice.lines]
        posted = self.post(draft, now)
        posted.status, invoice.status = CORRECTIVE, CANCELED
        for each in (posted, invoice):
            self._ledger.touch(each, now)
        self._give_back(invoice, now)
        return posted

    def _drafted(self, invoice: Document, now: datetime) -> Document:
        """A draft without lines that is to be set off against the invoice."""
        draft = Document(
            id=self._ledger.new_id("creditMemo"),
            kind=KIND,
            number=self._ledger.number("CR"),
            created=now,
            modified=now,
            external=invoice.external,
            customer=invoice.customer,
            currency=invoice.currency,
            applies_to=invoice.id,
        )
        self._ledger.add(draft)
        return draft

    def _give_back(self, invoice: Document, now: datetime) -> None:
        order = self._ledger.find("salesOrder", invoice.order_id)
        if order is None:
            return
        billed = {line.sequence: line.quantity for line in invoice.lines if line.kind != "Comment"}
        lines = [line for line in order.lines if line.sequence in billed]
        for line in lines:
            line.shipped -= billed[line.sequence]
            line.invoiced -= billed[line.sequence]
            line.start_over()
        self._ledger.touch(order, now, lines)

    def _may_post(self, credit: Document) -> None:
        priced = [line for line in credit.lines if line.kind != "Comment"]
        if not priced or any(not line.quantity for line in priced):
            raise dialog("There is nothing to post.")
        self._ledger.may_post_on(credit.day, f"Sales Header Document Type='Credit Memo',No.='{credit.number}'")
        if self._customers[credit.customer].blocked == "All":
            raise dialog(
                f"You cannot post this document when Customer {self._customers[credit.customer].number} is blocked."
            )
        blocked = [line.number for line in priced if line.kind == "Item" and self._items[line.object_id].blocked]
        if blocked:
            raise dialog(f"Blocked must be equal to 'No' in Item: No.={blocked[0]}. Current value is 'Yes'.")
        if credit.total < ZERO:
            raise dialog("The total amount for the credit memo must be 0 or greater.")
        if credit.applies_to and self._ledger.open_amount(self._invoice(credit.applies_to)) <= ZERO:
            raise dialog("The invoice that the credit memo applies to is closed.")

    def _close(self, posted: Document, now: datetime) -> None:
        """An invoice of which nothing is open any more is closed."""
        if posted.applies_to and self._ledger.open_amount(invoice := self._invoice(posted.applies_to)) == ZERO:
            invoice.status = "Paid"
            self._ledger.touch(invoice, now)

    def _header(self, credit: Document, body: Body) -> None:
        for name, value in body.items():
            if name in _NOT_OURS:
                raise Refusal(400, "BadRequest", f"The property '{name}' is read-only or not one of credit memos.")
            if name in ("invoiceId", "invoiceNumber"):
                credit.applies_to = self._applied(credit, name, str(value))
            elif name in _OWN:
                credit.header[name] = value
            else:
                self._sales.set_header(credit, {name: value})

    def _applied(self, credit: Document, name: str, value: str) -> str:
        invoices = self._ledger.of("salesInvoice")
        invoice = next((one for one in invoices if value in (one.id, one.number)), None)
        if invoice is None:
            raise bad_value(f"The field {name} contains a value ({value}) that cannot be found.")
        if (invoice.customer, invoice.currency) != (credit.customer, credit.currency):
            raise dialog("The invoice is of another customer or in another currency.")
        return invoice.id

    def _invoice(self, ref: str) -> Document:
        return self._ledger.documents[ref]


def _is_draft(credit: Document) -> None:
    if credit.status != DRAFT:
        raise dialog(f"Credit memo {credit.number} is posted and cannot be changed.")
