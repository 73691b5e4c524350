"""Journals, their lines and general ledger entries as the API shows them. Sources: see ``journals.py``."""

from typing import TYPE_CHECKING, Any

from crossdock.simulators.businesscentral.catalogue import NO_GUID, guid
from crossdock.simulators.businesscentral.ledger import ZERO
from crossdock.simulators.businesscentral.views import instant

if TYPE_CHECKING:
    from crossdock.simulators.businesscentral.journals import JournalDesk, JournalLine

Entity = dict[str, Any]
_WIRE = {"G/L Account": "G_x002F_L_x0020_Account", "Bank Account": "Bank_x0020_Account"}


def journals(desk: "JournalDesk") -> list[Entity]:
    shown = {"templateDisplayName": "GENERAL", "balancingAccountId": NO_GUID, "balancingAccountNumber": ""}
    return [{"id": ref, "code": code, "displayName": code.title(), **shown} for ref, code in desk.batches.items()]


def payment_journals(desk: "JournalDesk") -> list[Entity]:
    shown = {"balancingAccountId": guid("account", desk.balancing), "balancingAccountNumber": desk.balancing}
    named = desk.payment_batches.items()
    return [{"id": ref, "code": code, "displayName": code.title(), **shown} for ref, code in named]


def payments_of(desk: "JournalDesk", journal: str) -> list[Entity]:
    return [payment(desk, one) for one in desk.lines if one.journal == journal]


def payment(desk: "JournalDesk", line: "JournalLine") -> Entity:
    customer = desk.customer_of(line.account)
    invoice = desk.ledger.documents.get(line.applies_to)
    return {
        "id": line.id,
        "journalId": line.journal,
        "journalDisplayName": desk.payment_batches[line.journal],
        "lineNumber": line.number,
        "customerId": customer.id if customer is not None else NO_GUID,
        "customerNumber": line.account,
        "postingDate": line.day.isoformat(),
        "documentNumber": line.document,
        "externalDocumentNumber": line.external,
        "amount": line.amount,
        "appliesToInvoiceId": line.applies_to or NO_GUID,
        "appliesToInvoiceNumber": invoice.number if invoice is not None else "",
        "description": line.text,
        "comment": "",
        "lastModifiedDateTime": instant(line.modified),
    }


def lines_of(desk: "JournalDesk", journal: str) -> list[Entity]:
    return [line(desk, one) for one in desk.lines if one.journal == journal]


def line(desk: "JournalDesk", known: "JournalLine") -> Entity:
    return {
        "id": known.id,
        "journalId": known.journal,
        "journalDisplayName": desk.batches[known.journal],
        "lineNumber": known.number,
        "accountType": _WIRE.get(known.kind, known.kind),
        "accountId": NO_GUID,
        "accountNumber": known.account,
        "postingDate": known.day.isoformat(),
        "documentNumber": known.document,
        "externalDocumentNumber": known.external,
        "amount": known.amount,
        "description": known.text,
        "comment": "",
        "lastModifiedDateTime": instant(known.modified),
    }


def ledger_entries(desk: "JournalDesk") -> list[Entity]:
    """As the API tells them: without the external document number."""
    return [
        {
            "id": guid("glEntry", entry.number),
            "entryNumber": entry.number,
            "postingDate": entry.day.isoformat(),
            "documentNumber": entry.document,
            "documentType": "_x0020_",
            "accountId": guid("account", entry.account),
            "accountNumber": entry.account,
            "description": entry.text,
            "debitAmount": max(entry.amount, ZERO),
            "creditAmount": max(-entry.amount, ZERO),
            "lastModifiedDateTime": instant(entry.modified),
        }
        for entry in desk.entries
    ]
