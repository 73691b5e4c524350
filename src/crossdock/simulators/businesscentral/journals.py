"""General journals: lines in a batch, posted all at once into general ledger entries, and what refuses a posting.

A batch is posted whole, whoever wrote its lines. Nothing minds a document number that was posted before. A document's
lines must come to nothing by themselves; dates must lie within what the company allows. Only entries of journals are
kept: sales documents keep books of their own. Source: pages 30016 and 30049 of the vendor's API (source code at
github.com/microsoft/ALAppExtensions), resource generalLedgerEntry, read in November 2026.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.simulators.businesscentral.answers import Refusal, dialog, gone
from crossdock.simulators.businesscentral.catalogue import (
    ACCOUNTS,
    BANKS,
    CHART,
    GENERAL_JOURNAL,
    PAYMENT_JOURNAL,
    RECEIVABLES,
    Customer,
    guid,
)
from crossdock.simulators.businesscentral.ledger import ZERO, Document

if TYPE_CHECKING:
    from crossdock.simulators.businesscentral.company import BusinessCentralCompany

Body = Mapping[str, Any]
NOTHING = "There is nothing to post."
_KINDS = {"G_x002F_L_x0020_Account": "G/L Account", "Bank_x0020_Account": "Bank Account"}
_EDITABLE = frozenset(
    {
        "lineNumber", "accountType", "accountId", "accountNumber", "postingDate", "documentNumber",
        "externalDocumentNumber", "amount", "description", "comment",
    }
)  # fmt: skip
_PAYMENT_EDITABLE = frozenset(
    {
        "journalId", "lineNumber", "customerId", "customerNumber", "postingDate", "documentNumber",
        "externalDocumentNumber", "amount", "appliesToInvoiceId", "appliesToInvoiceNumber", "description", "comment",
    }
)  # fmt: skip
_STEP = 10_000
_LONGEST = {"documentNumber": 20, "externalDocumentNumber": 35, "description": 100}


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is not posted yet."""

    id: str
    journal: str  # the batch's id
    number: int
    kind: str  # G/L Account, Bank Account, Customer
    account: str
    day: date
    document: str
    external: str
    amount: Decimal
    text: str
    modified: datetime
    balancing: str = ""  # the batch's account, which takes the opposite of this very line
    applies_to: str = ""  # of a payment: the invoice's id


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A general ledger entry; ``source``: what kind of line it came of, and whose account."""

    number: int
    day: date
    document: str
    external: str
    account: str
    amount: Decimal  # debits are positive
    text: str
    source: tuple[str, str]
    modified: datetime


class CustomerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal put on a customer's account. ``applied``: document id -> how much of it that settles."""

    customer: str  # the id
    document: str
    external: str
    amount: Decimal  # debits are positive: the customer got money back
    applied: dict[str, Decimal] = {}


class JournalDesk:
    def __init__(self, company: "BusinessCentralCompany") -> None:
        self._company, self.ledger = company, company.ledger
        self.batches = {guid("journal", GENERAL_JOURNAL): GENERAL_JOURNAL}
        self.payment_batches = {guid("journal", PAYMENT_JOURNAL): PAYMENT_JOURNAL}
        self.balancing = next(number for number, (posting, _) in CHART.items() if posting == "clearing")
        self.lines: list[JournalLine] = []
        self.entries: list[Entry] = []
        self.customer_entries: list[CustomerEntry] = []
        self.no_direct_posting = {RECEIVABLES}

    # -- what a transaction puts back --

    def snapshot(self) -> tuple[list[Any], ...]:
        return list(self.lines), list(self.entries), list(self.customer_entries)

    def restore(self, held: tuple[list[Any], ...]) -> None:
        self.lines, self.entries, self.customer_entries = (list(each) for each in held)

    # -- writing --

    def new_line(self, journal: str, body: Body, now: datetime) -> JournalLine:
        """A line as the API takes it: G/L account unless it says otherwise; numbers follow one another."""
        if journal not in self.batches:
            raise gone("journal")
        _known(body, _EDITABLE)
        kind = str(body.get("accountType", "G/L Account"))
        kind = _KINDS.get(kind, kind)
        account = str(body.get("accountNumber", ""))
        self._account(kind, account)
        last = max((one.number for one in self.lines if one.journal == journal), default=0)
        made = JournalLine(
            id=self.ledger.new_id("journalLine"), journal=journal,
            number=int(body.get("lineNumber", last + _STEP)), kind=kind, account=account,
            day=_day(body.get("postingDate"), now), document=str(body.get("documentNumber", "")).upper(),
            external=str(body.get("externalDocumentNumber", "")), amount=_amount(body.get("amount", 0)),
            text=str(body.get("description", "")), modified=now,
        )  # fmt: skip
        self.lines.append(made)
        return made

    def new_payment(self, body: Body, now: datetime) -> JournalLine:
        """A customer's payment: always negative, and applied to an invoice or to none."""
        _known(body, _PAYMENT_EDITABLE)
        journal = str(body.get("journalId", ""))
        if journal not in self.payment_batches:
            raise dialog("You must specify a journal batch ID or a journal ID to get a journal line.")
        named = [str(body[key]) for key in ("customerId", "customerNumber") if key in body]
        customer = next((one for one in self._company.customers.values() if {one.id, one.number} & {*named}), None)
        if customer is None:
            raise dialog('The "customerId" does not match to a Customer.')
        invoice = str(body.get("appliesToInvoiceId", ""))
        if invoice and self.ledger.find("salesInvoice", invoice) is None:
            raise dialog('The "appliesToInvoiceId" should be the ID of an Open, Paid, Corrective, or Canceled Invoice.')
        last = max((one.number for one in self.lines if one.journal == journal), default=0)
        made = JournalLine(
            id=self.ledger.new_id("journalLine"), journal=journal, number=last + _STEP, kind="Customer",
            account=customer.number, day=_day(body.get("postingDate"), now),
            document=str(body.get("documentNumber", "")).upper(), external=str(body.get("externalDocumentNumber", "")),
            amount=_amount(body.get("amount", 0)), text=str(body.get("description", "")), modified=now,
            balancing=self.balancing, applies_to=invoice,
        )  # fmt: skip
        self.lines.append(made)
        return made

    def batch(self, ref: str) -> str:
        """The code of a batch of either kind, as ``post`` finds it; raises ``Refusal`` where there is none."""
        code = self.batches.get(ref) or self.payment_batches.get(ref)
        if code is None:
            raise gone("journal")
        return code

    def post(self, journal: str, now: datetime) -> None:
        """All of the batch's lines or none."""
        code = self.batch(journal)
        lines = sorted((one for one in self.lines if one.journal == journal), key=lambda one: one.number)
        if not lines:
            raise dialog(NOTHING)
        for line in lines:
            self._may_post(line, code)
        self._balanced(lines)
        for line in lines:
            self._enter(line, now)
        self.lines = [one for one in self.lines if one.journal != journal]

    def _account(self, kind: str, account: str) -> None:
        if kind == "G/L Account":
            there = account in ACCOUNTS or account in CHART or account in self.no_direct_posting
        elif kind == "Bank Account":
            there = account in BANKS
        elif kind == "Customer":
            there = self.customer_of(account) is not None
        else:
            raise Refusal(400, "BadRequest", f"Cannot convert the value '{kind}' to an account type.")
        if account and not there:
            raise dialog('The "accountNumber" does not match to an Account.')

    def customer_of(self, number: str) -> Customer | None:
        return next((one for one in self._company.customers.values() if one.number == number), None)

    def _may_post(self, line: JournalLine, code: str) -> None:
        where = f"Journal Template Name='GENERAL',Journal Batch Name='{code}',Line No.='{line.number}'"
        for name, value in (("Account No.", line.account), ("Document No.", line.document), ("Amount", line.amount)):
            if not value:
                raise dialog(f"{name} must have a value in Gen. Journal Line: {where}. It cannot be zero or empty.")
        if line.balancing and line.amount > ZERO:
            raise dialog(f"Amount must be negative in Gen. Journal Line {where}.")
        if line.applies_to and -line.amount > self.ledger.open_amount(self._invoice(line)):
            raise dialog(f"The amount applied exceeds the remaining amount in Gen. Journal Line {where}.")
        self.ledger.may_post_on(line.day, f"Gen. Journal Line {where}")
        if line.kind == "G/L Account" and line.account in self.no_direct_posting:
            raise dialog(f"Direct Posting must be equal to 'Yes' in G/L Account: No.={line.account}.")
        customer = self.customer_of(line.account) if line.kind == "Customer" else None
        if customer is not None and customer.blocked == "All":
            raise dialog(f"You cannot post this type of document when Customer {customer.number} is blocked.")

    def _balanced(self, lines: list[JournalLine]) -> None:
        sums: dict[tuple[str, date], Decimal] = {}
        for line in lines:
            if line.balancing:
                continue
            sums[line.document, line.day] = sums.get((line.document, line.day), ZERO) + line.amount
        for (document, _), off in sums.items():
            if off:
                raise dialog(f"Document No. {document} is out of balance by {off:f}.")

    def _enter(self, line: JournalLine, now: datetime) -> None:
        accounts = {"Bank Account": BANKS.get(line.account, ""), "Customer": RECEIVABLES}
        self._ledger_entry(line, accounts.get(line.kind, line.account), line.amount, now)
        if line.balancing:
            self._ledger_entry(line, line.balancing, -line.amount, now)
        customer = self.customer_of(line.account) if line.kind == "Customer" else None
        if customer is not None:
            self.customer_entries.append(
                CustomerEntry(
                    customer=customer.id,
                    document=line.document,
                    external=line.external,
                    amount=line.amount,
                    applied=self._applied(line, customer),
                )
            )
        if line.applies_to and not self.ledger.open_amount(invoice := self._invoice(line)):
            invoice.status = "Paid"
            self.ledger.touch(invoice, now)

    def _ledger_entry(self, line: JournalLine, account: str, amount: Decimal, now: datetime) -> None:
        self.entries.append(
            Entry(
                number=len(self.entries) + 1,
                day=line.day,
                document=line.document,
                external=line.external,
                account=account,
                amount=amount,
                text=line.text,
                source=(line.kind, line.account),
                modified=now,
            )
        )

    def _invoice(self, line: JournalLine) -> Document:
        return self.ledger.documents[line.applies_to]

    def _applied(self, line: JournalLine, customer: Customer) -> dict[str, Decimal]:
        if line.applies_to:
            return {line.applies_to: -line.amount}
        return self._oldest(customer, line.amount) if customer.applies_to_oldest else {}

    def settled(self, ref: str) -> Decimal:
        """What journals have settled of a document."""
        return sum((one.applied.get(ref, ZERO) for one in self.customer_entries), ZERO)

    def _oldest(self, customer: Customer, amount: Decimal) -> dict[str, Decimal]:
        """Application method *Apply to Oldest*: money paid back goes to the credit memos that are open longest."""
        found: dict[str, Decimal] = {}
        for credit in self.ledger.of("salesCreditMemo"):
            part = min(self.open_credit(credit.id), amount) if credit.customer == customer.id else ZERO
            if part > ZERO:
                found[credit.id] = part
                amount -= part
        return found

    def open_credit(self, ref: str) -> Decimal:
        """What of a posted credit memo is neither set off against an invoice nor paid out."""
        ledger = self.ledger
        credit = ledger.documents[ref]
        if credit.status == "Draft":
            return ZERO
        left = ZERO if credit.applies_to else credit.total
        return left - self.settled(ref)

    def books(self) -> dict[str, Any]:
        """For reconciliation; amounts are text, debits positive."""
        entries = [
            {
                "document": one.document, "external": one.external, "day": one.day.isoformat(),
                "account": one.account, "amount": str(one.amount), "source": one.source[0], "text": one.text,
            }
            for one in self.entries
        ]  # fmt: skip
        customers = [
            {
                "document": one.document, "external": one.external, "customer": one.customer,
                "amount": str(one.amount), "applied": {ref: str(part) for ref, part in one.applied.items()},
            }
            for one in self.customer_entries
        ]  # fmt: skip
        return {"ledger_entries": entries, "customer_entries": customers, "journal_lines": len(self.lines)}


def _known(body: Body, fields: frozenset[str]) -> None:
    if wrong := sorted(set(body) - fields):
        raise Refusal(400, "BadRequest", f"The property '{wrong[0]}' is read-only or not one of journal lines.")
    for name, most in _LONGEST.items():
        if len(str(body.get(name, ""))) > most:
            raise Refusal(400, "Application_StringExceededLength", f"The length of {name} exceeds {most}.")


def _day(told: Any, now: datetime) -> date:
    try:
        return now.date() if told is None else date.fromisoformat(str(told))
    except ValueError:
        raise Refusal(400, "BadRequest", f"Cannot convert the literal '{told}' to Edm.Date.") from None


def _amount(told: Any) -> Decimal:
    if isinstance(told, bool) or not isinstance(told, int | Decimal):
        raise Refusal(400, "BadRequest", "Cannot convert a value of 'amount' to Edm.Decimal.")
    return Decimal(told)
