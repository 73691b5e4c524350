"""A capture of the channel -> customer payments in a payment journal, applied to the invoices. Class SEARCHABLE.

One line per invoice that it settles, all under one document number, posted in one transaction; found again by that
number among the general ledger entries. The journal's balancing account is where the money is. *customerPayments* are
positive for us and negative there: money from a customer is a credit on the customer's account.
Source: pages 30055 "APIV2 - Customer Payments" and 30016, whose ``post`` takes any journal batch by its id
(github.com/microsoft/ALAppExtensions), read 2026-11-26.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.connectors.businesscentral import journals
from crossdock.connectors.businesscentral.addresses import posting_date
from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import Ask, BusinessCentral, is_guid, quoted
from crossdock.connectors.businesscentral.journals import CUSTOMER, GL, Row, Voucher
from crossdock.connectors.businesscentral.keys import LONGEST, LONGEST_TEXT
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.sending import classified, of_order, refused
from crossdock.connectors.businesscentral.wire import Invoices, LedgerEntries, PaymentJournal, PaymentJournals
from crossdock.domain.commands import PostPayment
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict, OutcomeUnknown, Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_payment(client: BusinessCentral, payload: PostPayment, call: Call) -> Result | None:
    """Our posted payment, if an earlier send made it."""
    return await journals.find(client, voucher_of(payload, client.settings))


@classified
async def post_payment(client: BusinessCentral, payload: PostPayment, call: Call) -> Result:
    """Post the payment, unless it stands."""
    voucher, code = voucher_of(payload, client.settings), _journal_code(payload, client.settings)
    listed = f"customerPaymentJournals?$filter=code%20eq%20{quoted(code.upper())}&$expand=customerPayments"
    bills = f"salesInvoices?$filter={of_order(payload.order_key, client)}"
    entries, found, invoices = await client.read(journals.entries_of(voucher.number), listed, bills)
    there = journals.settled(voucher, decoded(entries, LedgerEntries, wrote=False).value, repeated=True)
    if there is not None:
        return there
    journal = _own(code, decoded(found, PaymentJournals, wrote=False).value)
    lines = _lines(payload, voucher, journal.id, decoded(invoices, Invoices, wrote=False))
    asks = [
        *(Ask("POST", "customerPayments", line) for line in lines),
        Ask("POST", f"journals({journal.id})/{journals.ACTION}", {}),
        Ask("GET", journals.entries_of(voucher.number)),
    ]
    try:
        parts = await client.together(asks, posts=len(asks) - 2)
    except Stopped as stopped:
        return await refused(stopped, lambda: journals.find(client, voucher))
    made = journals.settled(voucher, decoded(parts[-1].body, LedgerEntries, wrote=True).value, repeated=False)
    return made or Result(OutcomeUnknown("posted; its entries are not shown yet", code="read_failed"))


def voucher_of(command: PostPayment, settings: Mapping[str, Any]) -> Voucher:
    """What is to stand in the ledger, in how many lines ever; raises ``Unbookable``."""
    about = f"payment {command.payment_id} of {command.order_key}"
    day = posting_date(command.paid_at, command.posted_on, settings)
    rows = (Row(GL, "", command.amount, about), Row(CUSTOMER, command.customer_ref, -command.amount, about))
    nth = (str(command.nth),) if command.nth > 1 else ()
    number = journals.document_number("payment", command.order_key, command.payment_id, *nth)
    voucher = Voucher(number, command.order_key.upper(), day, command.currency, rows, about, split=True)
    return journals.proven(voucher, settings)


def _journal_code(command: PostPayment, settings: Mapping[str, Any]) -> str:
    """The gateway's own journal; a gift card's is never another's, for no payout brings its money."""
    named = settings.get("payment_journals") or {}
    code = named.get(f"{command.source}.{command.gateway}") or named.get(command.gateway)
    if not code and not command.gift_card:
        code = named.get("default")
    if code:
        return str(code)
    detail = f"payment {command.payment_id} of {command.order_key}: `payment_journals` names none for {command.gateway}"
    hint = "Set it on the connection, restart, then retry."
    raise Unbookable(Rejected("setting_missing", detail, f"payment_journals.{command.gateway}", hint))


def _own(code: str, found: list[PaymentJournal]) -> PaymentJournal:
    """The journal that the settings name, if nobody's lines are in it."""
    if len(found) != 1:
        hint = "Make a cash receipt journal batch of this name with a balancing account, then retry."
        raise Unbookable(Rejected("journal_unknown", f"there is no payment journal {code!r}", "payment_journals", hint))
    if lines := found[0].customer_payments:
        detail = f"journal {code} has {len(lines)} lines that are not posted: posting would post them too"
        raise Stopped(Conflict("journal_in_use", f"{detail}. Post or delete them there, then retry.", {}))
    return found[0]


def _lines(command: PostPayment, voucher: Voucher, journal: str, invoices: Invoices) -> list[dict[str, Any]]:
    """One for each invoice that still has something open, and one for what is left over."""
    open_ = {one.id: one.remaining_amount or ZERO for one in invoices.value}
    left, lines = command.amount, []
    for applied in command.apply:
        part = min(applied.amount, open_.get(applied.invoice, ZERO))
        if part > ZERO:
            lines.append(_line(command, voucher, journal, part, applied.invoice))
            left -= part
    return lines if not left else [*lines, _line(command, voucher, journal, left, None)]


def _line(command: PostPayment, voucher: Voucher, journal: str, amount: Decimal, invoice: str | None) -> dict[str, Any]:
    key = "customerId" if is_guid(command.customer_ref) else "customerNumber"
    applied = {"appliesToInvoiceId": invoice} if invoice is not None else {}
    return {
        "journalId": journal,
        key: command.customer_ref,
        "postingDate": voucher.posted_on.isoformat(),
        "documentNumber": voucher.number,
        "externalDocumentNumber": voucher.external[:LONGEST],
        "amount": -amount,
        **applied,
        "description": f"{command.gateway} {command.payment_id}"[:LONGEST_TEXT],
    }
