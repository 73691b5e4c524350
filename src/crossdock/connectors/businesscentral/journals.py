"""One balanced document posted through a general journal, and finding it again. Class SEARCHABLE.

Business Central posts a second one with the same number gladly. So each carries a document number made of what it is
for, is looked for among the general ledger entries first, always, and its lines and the posting go in one transaction:
a journal never keeps half of one. Lines that are there before are other people's; the posting would post them too, so
nothing is sent while there are any. Journal lines have no currency: the local one is the only one that can be posted.
Source: pages 30016 "APIV2 - Journals" and 30049 "APIV2 - JournalLines" (github.com/microsoft/ALAppExtensions), and
the resource generalLedgerEntry, which shows the document number and not the external one; read 2026-11-26.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2s
from typing import Any

import msgspec

from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import Ask, BusinessCentral, quoted
from crossdock.connectors.businesscentral.keys import LONGEST, LONGEST_TEXT
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.sending import refused
from crossdock.connectors.businesscentral.wire import Journal, Journals, LedgerEntries, LedgerEntry
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected
from crossdock.kit.manifest import Result

ACTION = "Microsoft.NAV.post"
# As OData spells them, a blank encoded; a line is of a G/L account unless it says otherwise.
GL, BANK, CUSTOMER = "", "Bank_x0020_Account", "Customer"


class Row(msgspec.Struct, frozen=True):
    """One line: what is debited, or with a minus credited."""

    kind: str
    account: str
    amount: Decimal
    text: str


class Voucher(msgspec.Struct, frozen=True):
    """A document as it is to stand in the general ledger. ``about``: what it is, for people.

    ``split``: a row may stand there as several entries, so that only the sums are compared.
    """

    number: str
    external: str
    posted_on: date
    currency: str
    rows: tuple[Row, ...]
    about: str
    split: bool = False

    def print_of(self, amounts: Iterable[Decimal]) -> list[Decimal]:
        """What tells this document from another of its number: the amounts, or what is debited in all."""
        if self.split:
            return [sum((amount for amount in amounts if amount > ZERO), ZERO)]
        return sorted(amounts)


def document_number(*parts: str) -> str:
    """20 capitals at most, the same over all repeats, and nobody else's: what the entries are found by."""
    digest = blake2s("\0".join(parts).encode(), digest_size=8).hexdigest().upper()
    return f"XD-{digest}"


def entries_of(number: str) -> str:
    """What reads the general ledger entries of a document."""
    return f"generalLedgerEntries?$filter=documentNumber%20eq%20{quoted(number)}"


def proven(voucher: Voucher, settings: Mapping[str, Any]) -> Voucher:
    """The document, if its sides are equal and its currency can be posted; raises ``Unbookable``."""
    if voucher.currency != settings.get("local_currency"):
        detail = f"{voucher.about} is in {voucher.currency}; the API's journal lines know the local currency only"
        hint = "Enter it in Business Central by hand, then resolve with its document number."
        raise Unbookable(Rejected("currency_by_hand", detail, "currency", hint))
    off = sum((row.amount for row in voucher.rows), ZERO)
    if off:
        raise Unbookable(Rejected("totals_differ", f"{voucher.about}: the rows are {off:+f} off", "rows"))
    return voucher


async def find(client: BusinessCentral, voucher: Voucher) -> Result | None:
    """The posted document, if an earlier send made it."""
    (body,) = await client.read(entries_of(voucher.number))
    return settled(voucher, decoded(body, LedgerEntries, wrote=False).value, repeated=True)


async def post(client: BusinessCentral, voucher: Voucher) -> Result:
    """Post the document, unless it stands."""
    code = str(client.settings.get("general_journal") or "")
    if not code:
        raise missing(voucher.about, "general_journal", "the code of a journal of Crossdock's own")
    journals = f"journals?$filter=code%20eq%20{quoted(code.upper())}&$expand=journalLines"
    entries, listed = await client.read(entries_of(voucher.number), journals)
    there = settled(voucher, decoded(entries, LedgerEntries, wrote=False).value, repeated=True)
    if there is not None:
        return there
    journal = _own(code, decoded(listed, Journals, wrote=False).value)
    asks = [
        *(Ask("POST", f"journals({journal.id})/journalLines", _line(voucher, row)) for row in voucher.rows),
        Ask("POST", f"journals({journal.id})/{ACTION}", {}),
        Ask("GET", entries_of(voucher.number)),
    ]
    try:
        parts = await client.together(asks, posts=len(asks) - 2)
    except Stopped as stopped:
        return await refused(stopped, lambda: find(client, voucher))
    made = settled(voucher, decoded(parts[-1].body, LedgerEntries, wrote=True).value, repeated=False)
    return made or Result(OutcomeUnknown("posted; its entries are not shown yet", code="read_failed"))


def _own(code: str, journals: Sequence[Journal]) -> Journal:
    """The journal that the settings name, if nobody's lines are in it."""
    if len(journals) != 1:
        hint = "Make a general journal batch of this name, without number series and balancing account, then retry."
        raise Unbookable(Rejected("journal_unknown", f"there is no general journal {code!r}", "general_journal", hint))
    lines = journals[0].journal_lines
    if lines:
        numbers = ", ".join(sorted({line.document_number or "without a number" for line in lines}))
        detail = f"journal {code} has lines that are not posted ({numbers}): posting would post them too"
        raise Stopped(Conflict("journal_in_use", f"{detail}. Post or delete them there, then retry.", {}))
    return journals[0]


def _line(voucher: Voucher, row: Row) -> dict[str, Any]:
    """The type comes before the account that it is for: fields are validated in the order in which they are sent."""
    kind = {"accountType": row.kind} if row.kind else {}
    return {
        **kind,
        "accountNumber": row.account,
        "postingDate": voucher.posted_on.isoformat(),
        "documentNumber": voucher.number,
        "externalDocumentNumber": voucher.external[:LONGEST],
        "amount": row.amount,
        "description": row.text[:LONGEST_TEXT],
    }


def settled(voucher: Voucher, entries: Sequence[LedgerEntry], *, repeated: bool) -> Result | None:
    """What stands under the number: ours, whole; something else; or nothing."""
    if not entries:
        return None
    refs = {"documentNumber": voucher.number}
    wanted = [row.amount for row in voucher.rows]
    found = voucher.print_of(entry.amount for entry in entries)
    if found == voucher.print_of(wanted):
        return Result(Done(refs, repeated=repeated))
    if found == voucher.print_of(wanted * 2):
        detail = f"document {voucher.number} ({voucher.about}) is posted twice: reverse one of them, then resolve"
        return Result(Conflict("doubled", detail, refs))
    sums = ", ".join(f"{amount:f}" for amount in found)
    detail = f"document {voucher.number} ({voucher.about}) stands there with other amounts: {sums}"
    return Result(Conflict("document_differs", detail, refs))


def missing(about: str, setting: str, key: str) -> Unbookable:
    """A setting that names nothing for what is to be posted."""
    detail = f"{about}: the setting `{setting}` names no account for {key}"
    hint = "Set it on the connection, restart, then retry."
    return Unbookable(Rejected("setting_missing", detail, f"{setting}.{key}", hint))
