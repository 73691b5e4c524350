"""Credits, payments, deposits and refunds: what they may be set off against, and what is then left open."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.netsuite.answers import Refusal, bad_ref, user_error
from crossdock.simulators.netsuite.catalogue import ACCOUNTS
from crossdock.simulators.netsuite.ledger import ZERO, Document, Ledger
from crossdock.simulators.netsuite.sales import SalesDesk

Body = Mapping[str, Any]


class CreditDesk:
    """Makes them; an external id is unique per record type, and nothing is applied beyond what is open."""

    def __init__(self, ledger: Ledger, sales: SalesDesk) -> None:
        self._ledger, self._sales = ledger, sales

    def credit(self, body: Body, now: datetime) -> Document:
        document = self._new("creditMemo", body, now)
        self._sales.fill(document, {k: v for k, v in body.items() if k != "apply"}, frozenset(), now)
        document.applied = self._applied(document, body, "invoice", document.total)
        return self._enter(document, "CM")

    def by_people(self, invoice: Document, amount: Decimal, now: datetime, source: Document | None = None) -> Document:
        """What somebody makes on the page of an invoice, or of a return of it (``source``): it is created from that,
        and set off against the invoice."""
        row = {"item": {"id": "2010"}, "quantity": 1, "price": {"id": "-1"}, "rate": amount, "amount": amount}
        body = {
            "entity": {"id": invoice.entity},
            "currency": {"id": invoice.currency},
            "item": {"items": [row]},
            "apply": {"items": [{"doc": {"id": invoice.id}, "apply": True, "amount": amount}]},
        }
        made = self.credit(body, now)
        made.created_from = (source or invoice).id
        return made

    def refund(self, body: Body, now: datetime) -> Document:
        document = self._new("customerRefund", body, now)
        document.entity = str((body.get("customer") or {}).get("id", ""))
        document.currency = str((body.get("currency") or {}).get("id", document.currency))
        rows = [row for name in ("apply", "deposit") for row in (body.get(name) or {}).get("items", [])]
        paid = sum((Decimal(row["amount"]) for row in rows if row.get("apply")), ZERO)
        if paid <= ZERO:
            raise user_error("Please choose an item to refund.", "apply")
        drawn = {"apply": body.get("deposit")}
        document.applied = {
            **self._applied(document, body, "creditMemo", paid),
            **self._applied(document, drawn, "customerDeposit", paid),
        }
        return self._enter(document, "RF")

    def deposit(self, body: Body, now: datetime) -> Document:
        """Money in advance, linked with a sales order of the same customer and currency where one is named."""
        document = self._new("customerDeposit", body, now)
        self._money(document, body)
        ref = str((body.get("salesOrder") or {}).get("id", ""))
        order = self._ledger.find("salesOrder", ref) if ref else None
        if ref and (order is None or (order.entity, order.currency) != (document.entity, document.currency)):
            raise bad_ref("salesOrder", ref)
        document.created_from = None if order is None else order.id
        return self._enter(document, "CD")

    def apply_deposit(self, deposit: Document, body: Body, now: datetime) -> Document:
        """A deposit application: to invoices of the deposit's own sales order only, where it has one."""
        document = self._new("depositApplication", body, now)
        document.entity, document.currency, document.created_from = deposit.entity, deposit.currency, deposit.id
        left = self._ledger.open_amount(deposit)
        document.applied = self._applied(document, body, "invoice", left)
        if not document.applied:
            raise user_error("Please choose an invoice to apply.", "apply")
        sources = {self._ledger.documents[ref].created_from for ref in document.applied}
        if deposit.created_from is not None and sources != {deposit.created_from}:
            raise user_error("The deposit is linked with another sales order.", "apply")
        return self._enter(document, "DA")

    def settle_with_deposits(self, invoice: Document, now: datetime) -> None:
        """What the account does by itself when an order is billed: linked deposits settle the invoice."""
        for deposit in self._ledger.of("customerDeposit"):
            part = min(self._ledger.open_amount(deposit), self._ledger.open_amount(invoice))
            if deposit.created_from == invoice.created_from and part > ZERO:
                row = {"doc": {"id": invoice.id}, "apply": True, "amount": part}
                self.apply_deposit(deposit, {"apply": {"items": [row]}}, now)

    def payment(self, body: Body, now: datetime) -> Document:
        """Money from a customer; what is not applied stays on the customer's account."""
        document = self._new("customerPayment", body, now)
        paid = self._money(document, body)
        document.applied = self._applied(document, body, "invoice", paid)
        return self._enter(document, "PYMT")

    def _money(self, document: Document, body: Body) -> Decimal:
        """Whose, how much, and on which account."""
        document.entity = str((body.get("customer") or {}).get("id", ""))
        document.currency = str((body.get("currency") or {}).get("id", document.currency))
        paid = body.get("payment")
        if isinstance(paid, bool) or not isinstance(paid, int | Decimal) or paid <= ZERO:
            raise user_error("Please enter a positive payment amount.", "payment")
        account = str((body.get("account") or {}).get("id", ""))
        if account not in ACCOUNTS:
            raise bad_ref("account", account)
        document.header = {"payment": Decimal(paid), "account": account, "memo": body.get("memo")}
        return Decimal(paid)

    def _new(self, kind: str, body: Body, now: datetime) -> Document:
        external_id = body.get("externalId")
        if external_id and self._ledger.find(kind, f"eid:{external_id}") is not None:
            raise Refusal(400, "DUP_RCRD", "This record already exists", "externalId")
        return Document(
            id=self._ledger.new_id(), type=kind, number="", created=now, modified=now, external_id=external_id
        )

    def _enter(self, document: Document, prefix: str) -> Document:
        document.number, document.status = self._ledger.number(prefix), "A"
        self._ledger.add(document)
        return document

    def _applied(self, document: Document, body: Body, kind: str, most: Decimal) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for index, row in enumerate((body.get("apply") or {}).get("items", [])):
            path = f"apply.items[{index}]"
            if not row.get("apply"):
                continue
            ref = str((row.get("doc") or {}).get("id", ""))
            other = self._ledger.find(kind, ref)
            if other is None or other.entity != document.entity or other.currency != document.currency:
                raise bad_ref(f"{path}.doc", ref)
            amount = Decimal(row["amount"])
            if amount <= ZERO or amount > self._ledger.open_amount(other):
                raise user_error(f"The amount applied exceeds what is open of {other.number}.", f"{path}.amount")
            found[ref] = found.get(ref, ZERO) + amount
        if sum(found.values(), ZERO) > most:
            raise user_error("The amount applied exceeds the document's total.", "apply")
        return found
