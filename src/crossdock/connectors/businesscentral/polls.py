"""What changed in Business Central, by lastModifiedDateTime: masters, posted invoices and posted credit memos.

A round follows the vendor's links from page to page, and the next one starts five minutes back: a transaction may be
visible later than the instant it carries, and polls read a replica.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from crossdock.connectors.businesscentral.answers import UNREADABLE, Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.keys import marked_refund, restored_key
from crossdock.connectors.businesscentral.paging import rest_of
from crossdock.connectors.businesscentral.posting import instant
from crossdock.connectors.businesscentral.subscribing import subscriptions
from crossdock.connectors.businesscentral.webhook import TOPIC, signal
from crossdock.connectors.businesscentral.wire import Listed, PostedLine
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.events import CreditSeen, Event, InvoiceSeen
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.matching import mail
from crossdock.domain.money import plausible
from crossdock.domain.outcome import Rejected
from crossdock.domain.refund import Credit
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Found, Page, Poll, Unreachable, Untranslatable

OVERLAP = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(days=1)
PAGE_ROWS = 1000
CREDIT = "credit_memo"  # the topic of a polled credit memo
_MOST_PAGES = 20  # of one notification; what is beyond is found by the poll
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STANDS = frozenset({"Open", "Paid"})  # drafts are no invoices yet, cancelled ones none any more
CORRECTIVE = "Corrective"  # of a credit memo: people cancelled an invoice with it
_CREDITED = _STANDS | {CORRECTIVE}
_SKU_FIELDS = frozenset({"number", "gtin"})
_encode = msgspec.json.Encoder().encode


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a poll is. Inside a round ``next`` is the rest of the vendor's link; between rounds it is None.

    The next round starts no later than this one ``began``: its last page may have been read much later, and what a
    replica showed late when the first was read is older than that.
    """

    at: datetime  # the latest change seen
    next: str | None = None
    since: datetime | None = None  # from which change on the round lists, in case its link ends
    began: datetime | None = None  # by the vendor's clock


class Row(msgspec.Struct, frozen=True, rename="camel"):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    last_modified_date_time: datetime


class _Item(Row, frozen=True, rename="camel"):
    number: str
    display_name: str | None = None
    blocked: bool = False
    gtin: str = ""


class _Customer(Row, frozen=True, rename="camel"):
    email: str = ""
    blocked: str = ""
    currency_code: str = ""
    display_name: str = ""
    postal_code: str = ""
    tax_registration_number: str = ""


class _Invoice(Row, frozen=True, rename="camel"):
    number: str
    external_document_number: str
    status: str
    currency_code: str
    total_amount_including_tax: Decimal


class _CreditMemo(_Invoice, frozen=True, rename="camel"):
    sales_credit_memo_lines: list[PostedLine] = []


R = TypeVar("R", bound=Row)


async def items(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Products by SKU: the item's number, or its GTIN with setting ``sku_field``."""
    field = sku_field(client)
    rows, page = await round_of(client, cursor, options, _Item, "items", EPOCH)
    named = ((row.gtin if field == "gtin" else row.number, row) for row in rows)
    products = tuple(
        (sku, _encode(ProductMaster(sku, row.id, not row.blocked, row.display_name))) for sku, row in named if sku
    )
    return msgspec.structs.replace(page, products=products)


def sku_field(client: BusinessCentral) -> str:
    """The item's field that holds the SKU. Raises ``Unreachable``."""
    field = str(client.settings.get("sku_field", "number"))
    if field not in _SKU_FIELDS:
        raise Unreachable(f"the setting `sku_field` is {field!r}, not number or gtin")
    return field


async def customers(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """All customers, with what buyers are matched by: e-mail, tax registration number, name and postcode."""
    rows, page = await round_of(client, cursor, options, _Customer, "customers", EPOCH)
    return msgspec.structs.replace(page, customers=tuple(map(_master, rows)))


def _master(row: _Customer) -> CustomerMaster:
    active = row.blocked.strip() in ("", "_x0020_")
    return CustomerMaster(
        row.id, mail(row.email) or None, active, row.currency_code or None, row.display_name or None,
        row.postal_code or None, row.tax_registration_number or None,
    )  # fmt: skip


async def invoices_since(client: BusinessCentral, since: datetime) -> list[tuple[str, Invoice]]:
    """The orders' keys and invoices that changed since, for a notification; the whole list, page by page.

    Raises ``Unreachable``, ``NotSent`` as polls do.
    """
    found: list[tuple[str, Invoice]] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await invoices(client, cursor, {"since": since.isoformat(), "primary": True})
        for one in page.found:
            (event,) = translate("", one.topic, one.body)
            if isinstance(event, InvoiceSeen):
                found.append((one.stream_key, event.invoice))
        if not page.more:
            break
        cursor = page.cursor
    return found


async def invoices(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Posted invoices that carry an order's key."""
    start = client.line.now() - FIRST_LOOK_BACK
    rows, page = await round_of(client, cursor, options, _Invoice, "salesInvoices", start)
    found = []
    for row in rows:
        key = restored_key(row.external_document_number, client.settings)
        if key is not None and row.status in _STANDS:
            found.append(_found(row, key))
    return msgspec.structs.replace(page, found=tuple(found))


def _found(row: _Invoice, key: str) -> Found:
    body = {
        "id": row.id,
        "number": row.number,
        "total": str(row.total_amount_including_tax),
        "currency": row.currency_code,
        "invoiced_at": row.last_modified_date_time,
        "order": key,
    }
    changed = row.last_modified_date_time.isoformat()
    return Found(f"invoice:{row.id}:{changed}", "invoice", "order", key, _encode(body))


async def credit_memos(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Posted credit memos that carry an order's key, with the refund that each of ours was made for.

    *Cancel* and *Correct* on a posted invoice make one too, of the whole invoice. Source: codeunit 1303 and enum 5477,
    source code at github.com/microsoft/BCApps, read in November 2026.
    """
    start = client.line.now() - FIRST_LOOK_BACK
    rows, page = await round_of(client, cursor, options, _CreditMemo, "salesCreditMemos", start, "salesCreditMemoLines")
    found = []
    for row in rows:
        key = restored_key(row.external_document_number, client.settings)
        if key is not None and row.status in _CREDITED:
            body = {
                "id": row.id,
                "number": row.number,
                "total": str(row.total_amount_including_tax),
                "currency": row.currency_code,
                "credited_at": row.last_modified_date_time,
                "made_for": marked_refund(row.sales_credit_memo_lines),
                "voids": row.status == CORRECTIVE,
                "order": key,
            }
            found.append(Found(f"credit:{row.id}", CREDIT, "order", key, _encode(body)))
    return msgspec.structs.replace(page, found=tuple(found))


class _Told(msgspec.Struct, frozen=True):
    id: str
    number: str
    total: Decimal
    currency: str
    invoiced_at: datetime


class _Credited(msgspec.Struct, frozen=True):
    id: str
    number: str
    total: Decimal
    currency: str
    credited_at: datetime
    made_for: str | None = None
    voids: bool = False


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """A polled invoice or credit memo -> what happened to its order."""
    if topic == TOPIC:
        return [signal(connection, body)]
    if topic == CREDIT:
        return [_credit_seen(connection, body)]
    if topic != "invoice":
        raise Untranslatable("unknown_topic", f"Business Central has no topic {topic!r}", field="topic")
    try:
        row = msgspec.json.decode(body, type=_Told)
    except UNREADABLE as error:
        raise Untranslatable("unreadable_invoice", f"the polled invoice cannot be read: {error}", "body") from error
    if not plausible(row.total):
        raise Untranslatable("unreadable_invoice", f"invoice {row.id} has a total that is no amount", field="total")
    if row.invoiced_at.tzinfo is None:
        raise Untranslatable("bad_instant", f"invoice {row.id} has an instant without a zone", field="invoiced_at")
    return [InvoiceSeen(Invoice(row.id, row.number, row.total, row.currency, row.invoiced_at), source=connection)]


def _credit_seen(connection: str, body: bytes) -> CreditSeen:
    try:
        row = msgspec.json.decode(body, type=_Credited)
    except UNREADABLE as error:
        raise Untranslatable("unreadable_credit", f"the polled credit memo cannot be read: {error}", "body") from error
    if not plausible(row.total) or row.credited_at.tzinfo is None:
        raise Untranslatable("unreadable_credit", f"credit memo {row.id} has no amount or no instant", field="total")
    credit = Credit(
        row.id, row.number, row.total, row.currency, row.credited_at, made_for=row.made_for, voids=row.voids
    )
    return CreditSeen(credit, source=connection)


async def round_of(
    client: BusinessCentral,
    cursor: str | None,
    options: Mapping[str, Any],
    kind: type[R],
    entity: str,
    start: datetime,
    expand: str | None = None,
) -> tuple[list[R], Page]:
    """One page of a round: rows changed since the cursor, and the cursor to go on with."""
    saved = msgspec.json.decode(cursor, type=Cursor) if cursor is not None else None
    listed, since = await _asked(client, entity, _since(saved, options, start), saved, options, expand)
    rows = _typed(listed.value, kind)
    latest = max([row.last_modified_date_time for row in rows], default=None)
    at = max([since, *(each for each in (latest, saved.at if saved else None) if each is not None)])
    began = (saved and saved.began) or client.told_at or client.line.now()
    if listed.next is not None:
        return rows, Page((), _encode(Cursor(at, rest_of(listed.next, entity), since, began)).decode(), more=True)
    return rows, Page((), _encode(Cursor(max(since, min(at, began)))).decode())


def _since(saved: Cursor | None, options: Mapping[str, Any], start: datetime) -> datetime:
    if saved is not None:
        return saved.since or max(saved.at - OVERLAP, EPOCH)
    given = options.get("since")
    if not given:
        return start
    since = datetime.fromisoformat(given)
    return since if since.tzinfo else since.replace(tzinfo=UTC)


async def _asked(
    client: BusinessCentral,
    entity: str,
    since: datetime,
    saved: Cursor | None,
    options: Mapping[str, Any],
    expand: str | None,
) -> tuple[Listed, datetime]:
    replica = not options.get("primary")
    try:
        if saved is not None and saved.next is not None:
            try:
                return await client.listed(f"{entity}?{saved.next}", page=PAGE_ROWS, replica=replica), since
            except Stopped as stopped:
                if not isinstance(stopped.outcome, Rejected):
                    raise
                # The vendor no longer knows the link: the round begins anew.
        where = f"lastModifiedDateTime%20ge%20{_literal(since)}"
        if options.get("until"):
            until = datetime.fromisoformat(options["until"])
            where += f"%20and%20lastModifiedDateTime%20le%20{_literal(until)}"
        path = f"{entity}?$filter={where}&$orderby=lastModifiedDateTime" + (f"&$expand={expand}" if expand else "")
        return await client.listed(path, page=PAGE_ROWS, replica=replica), since
    except Stopped as stopped:
        raise Unreachable(f"Business Central did not answer a poll: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"Business Central cannot be reached: {error}") from error


def _literal(at: datetime) -> str:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _typed(rows: list[dict[str, Any]], kind: type[R]) -> list[R]:
    """Rows of another shape stop the poll, aloud: nothing of them may become the place to go on from."""
    try:
        typed = [msgspec.convert(row, type=kind, strict=False) for row in rows]
        for row in typed:
            instant(row.last_modified_date_time.isoformat())
    except (ValueError, Untranslatable) as error:
        raise Unreachable(f"Business Central's answer to a poll cannot be read: {error}") from error
    return typed


def _poll(name: str, run: Callable[..., Any], every_s: float, masters: str | None = None) -> Poll:
    return Poll(name, run, every_s, backfill=True, masters=masters)


POLLS: Mapping[str, Poll] = {
    poll.name: poll
    for poll in (
        _poll("items", items, 300.0, "product"),
        _poll("customers", customers, 300.0, "customer"),
        _poll("invoices", invoices, 60.0),
        _poll("credits", credit_memos, 60.0),
        Poll("subscriptions", subscriptions, 3600.0),
    )
}
