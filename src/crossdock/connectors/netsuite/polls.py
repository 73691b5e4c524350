"""What changed in NetSuite, by SuiteQL: masters of items and customers, invoices and credit memos.

Paging is by key (last change, internal id), so rows with one timestamp are neither missed nor repeated. Timestamps are
the account's wall time in whole seconds; a new round starts five minutes back, and further when clocks went back.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.crediting import CREDIT_MARK
from crossdock.connectors.netsuite.documents import instant
from crossdock.connectors.netsuite.mapping import account_zone
from crossdock.connectors.netsuite.wire import QueryPage
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.events import CreditSeen, Event, InvoiceSeen
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.matching import mail
from crossdock.domain.money import plausible
from crossdock.domain.refund import Credit
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Found, Page, Poll, Unreachable, Untranslatable

OVERLAP = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(days=1)
WALL_FORMAT = "%Y-%m-%d %H:%M:%S"
SQL_FORMAT = "YYYY-MM-DD HH24:MI:SS"
_EPOCH = "1970-01-01 00:00:00"
CHANGED = f"TO_CHAR(i.lastmodifieddate, '{SQL_FORMAT}') AS changed"
INVOICES = (
    f"SELECT i.id, i.tranid, i.foreigntotal, c.symbol AS currency, "  # noqa: S608 - constants only
    f"TO_CHAR(i.createddate, '{SQL_FORMAT}') AS created, {CHANGED}, o.externalid AS orderkey FROM transaction i "
    "JOIN transactionline l ON l.transaction = i.id JOIN transaction o ON o.id = l.createdfrom "
    "JOIN currency c ON c.id = i.currency"
)
# One of ours carries its refund in its external id. One of other people's leads back to the sales order: made from an
# invoice, from a return authorisation, or from an authorisation that was made from an invoice.
CREDITS = (
    f"SELECT i.id, i.tranid, i.foreigntotal, c.symbol AS currency, "  # noqa: S608 - constants only
    f"TO_CHAR(i.createddate, '{SQL_FORMAT}') AS created, {CHANGED}, i.externalid AS creditkey, a.type AS kind1, "
    "a.externalid AS key1, b.type AS kind2, b.externalid AS key2, o.type AS kind3, o.externalid AS key3 "
    "FROM transaction i JOIN transactionline l ON l.transaction = i.id "
    "LEFT JOIN transaction a ON a.id = l.createdfrom "
    "LEFT JOIN transactionline k ON k.transaction = a.id AND k.mainline = 'T' "
    "LEFT JOIN transaction b ON b.id = k.createdfrom "
    "LEFT JOIN transactionline m ON m.transaction = b.id AND m.mainline = 'T' "
    "LEFT JOIN transaction o ON o.id = m.createdfrom JOIN currency c ON c.id = i.currency"
)
CREDIT = "credit_memo"
_encode = msgspec.json.Encoder().encode


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a poll is. Inside a round ``id`` continues after a row; between rounds it is None.

    The next round begins no later than where this one ``began``: its last page may have been read much later, and a
    change that was not committed when its first page was read has an earlier time.
    """

    at: str  # account wall time of the last row seen
    id: int | None = None
    began: str | None = None  # account wall time at the round's first page


async def items(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Products by SKU (the item's name, or the column in setting ``sku_field``)."""
    sku = column(client.settings.get("sku_field", "itemid"), "sku_field")
    columns = f"i.id, i.{sku} AS sku, i.displayname, i.isinactive, {CHANGED}"
    select = f"SELECT {columns} FROM item i"  # noqa: S608 - a checked column name
    rows, page = await _round(client, cursor, options, _Item, select, f"i.{sku} IS NOT NULL", start=_EPOCH)
    products = tuple(
        (row.sku, _encode(ProductMaster(row.sku, str(row.id), row.isinactive != "T", row.displayname))) for row in rows
    )
    return msgspec.structs.replace(page, products=products)


async def customers(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """All customers, with what buyers are matched by: e-mail, external id, and what the settings name."""
    select = _customers_select(client.settings)
    rows, page = await _round(client, cursor, options, _Customer, select, "i.id > 0", start=_EPOCH)
    return msgspec.structs.replace(page, customers=tuple(map(_master, rows)))


def _customers_select(settings: Mapping[str, Any]) -> str:
    """Tax number and address only where asked for: a column that an account does not show would end the poll."""
    columns, joins = "i.id, i.email, i.isinactive, i.externalid, c.symbol AS currency", ""
    if tax := settings.get("customer_tax_field"):
        columns += f", i.{column(tax, 'customer_tax_field')} AS taxnumber"
    if settings.get("customer_address"):
        columns += ", i.altname AS name, a.zip"
        joins = " LEFT JOIN entityaddress a ON a.nkey = i.defaultbillingaddress"
    joined = f"FROM customer i LEFT JOIN currency c ON c.id = i.currency{joins}"
    return f"SELECT {columns}, {CHANGED} {joined}"


def _master(row: "_Customer") -> CustomerMaster:
    return CustomerMaster(
        str(row.id), mail(row.email) or None, row.isinactive != "T", row.currency, row.name, row.zip, row.taxnumber,
        row.externalid,
    )  # fmt: skip


async def invoices(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Invoices made from sales orders that carry an external id; which is the order's stream."""
    where = "i.type = 'CustInvc' AND l.mainline = 'T' AND o.externalid IS NOT NULL"
    start = wall_text(client.line.now() - FIRST_LOOK_BACK, client.settings)
    rows, page = await _round(client, cursor, options, _Invoice, INVOICES, where, start=start)
    prefixes = tuple(f"{name}-" for name in client.settings.get("order_prefixes") or ())
    ours = (row for row in rows if not prefixes or row.orderkey.startswith(prefixes))
    return msgspec.structs.replace(page, found=tuple(_found(row, client.settings) for row in ours))


async def credit_memos(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Credit memos of orders that carry an external id: ours, and those that people make of an invoice or a return."""
    where = "i.type = 'CustCred' AND l.mainline = 'T'"
    start = wall_text(client.line.now() - FIRST_LOOK_BACK, client.settings)
    rows, page = await _round(client, cursor, options, _Credit, CREDITS, where, start=start)
    prefixes = tuple(f"{name}-" for name in client.settings.get("order_prefixes") or ())
    found = []
    for row in rows:
        key, refund = _credited_order(row)
        if key and (not prefixes or key.startswith(prefixes)):
            body = {
                "id": str(row.id),
                "number": row.tranid,
                # A credit's total is told as what it does to the books: negative.
                "total": str(abs(row.foreigntotal)),
                "currency": row.currency,
                "credited_at": _made_at(row.created, client.settings),
                "made_for": refund,
                "order": key,
            }
            found.append(Found(f"credit:{row.id}", CREDIT, "order", key, _encode(body)))
    return msgspec.structs.replace(page, found=tuple(found))


def _credited_order(row: "_Credit") -> tuple[str | None, str | None]:
    """The order's key, and the refund that the credit memo was made for where it is ours."""
    key, mark, refund = (row.creditkey or "").rpartition(CREDIT_MARK)
    if mark:
        return key, refund
    made_of = ((row.kind1, row.key1), (row.kind2, row.key2), (row.kind3, row.key3))
    return next((own for kind, own in made_of if kind == "SalesOrd"), None), None


def _found(row: "_Invoice", settings: Mapping[str, Any]) -> Found:
    body = {
        "id": str(row.id),
        "number": row.tranid,
        "total": str(row.foreigntotal),
        "currency": row.currency,
        "invoiced_at": _made_at(row.created, settings),
        "order": row.orderkey,
    }
    return Found(f"invoice:{row.id}:{row.changed}", "invoice", "order", row.orderkey, _encode(body))


def _made_at(text: str, settings: Mapping[str, Any]) -> datetime:
    try:
        return instant(text, settings)
    except (Untranslatable, OverflowError) as error:
        raise unreadable(error) from error


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """A polled invoice or credit memo -> what happened to its order."""
    if topic == CREDIT:
        return [_credit_seen(connection, body)]
    if topic != "invoice":
        raise Untranslatable("unknown_topic", f"NetSuite has no topic {topic!r}", field="topic")
    try:
        row = msgspec.json.decode(body, type=_InvoiceRow)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Untranslatable(
            "unreadable_invoice", f"the polled invoice cannot be read: {error}", field="body"
        ) from error
    if not plausible(row.total):
        raise Untranslatable("unreadable_invoice", f"invoice {row.id} has a total that is no amount", field="total")
    return [InvoiceSeen(Invoice(row.id, row.number, row.total, row.currency, row.invoiced_at), source=connection)]


def _credit_seen(connection: str, body: bytes) -> CreditSeen:
    try:
        row = msgspec.json.decode(body, type=_CreditRow)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"the polled credit memo cannot be read: {error}"
        raise Untranslatable("unreadable_credit", text, field="body") from error
    if not plausible(row.total) or row.credited_at.tzinfo is None:
        raise Untranslatable("unreadable_credit", f"credit memo {row.id} has no amount or no instant", field="total")
    credit = Credit(row.id, row.number, row.total, row.currency, row.credited_at, made_for=row.made_for)
    return CreditSeen(credit, source=connection)


class _CreditRow(msgspec.Struct, frozen=True):
    id: str
    number: str
    total: Decimal
    currency: str
    credited_at: datetime
    made_for: str | None = None


class _InvoiceRow(msgspec.Struct, frozen=True):
    id: str
    number: str
    total: Decimal
    currency: str
    invoiced_at: datetime


class _Row(msgspec.Struct, frozen=True):
    """What every row has: the key that paging goes by."""

    id: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    changed: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]


_Name = Annotated[str, msgspec.Meta(min_length=1)]
R = TypeVar("R", bound=_Row)
S = TypeVar("S", bound=msgspec.Struct)


class _Item(_Row, frozen=True):
    sku: _Name
    isinactive: str | None = None
    displayname: str | None = None


class _Customer(_Row, frozen=True):
    email: str | None = None
    isinactive: str | None = None
    currency: str | None = None
    externalid: str | None = None
    taxnumber: str | None = None
    name: str | None = None
    zip: str | None = None


class _Invoice(_Row, frozen=True):
    tranid: str
    foreigntotal: Decimal
    currency: str
    created: str
    orderkey: _Name


class _Credit(_Row, frozen=True):
    tranid: str
    foreigntotal: Decimal
    currency: str
    created: str
    creditkey: str | None = None
    kind1: str | None = None  # what it was made from, and what that was made from
    key1: str | None = None
    kind2: str | None = None
    key2: str | None = None
    kind3: str | None = None
    key3: str | None = None


def _typed(rows: list[dict[str, Any]], kind: type[R]) -> list[R]:
    """Rows of another shape stop the poll, aloud: nothing of them may become the place to go on from."""
    try:
        typed = [msgspec.convert(row, type=kind, strict=False) for row in rows]
        if typed:
            literal(typed[-1].changed)
    except (ValueError, msgspec.ValidationError) as error:
        raise unreadable(error) from error
    return typed


def unreadable(error: Exception) -> Unreachable:
    """An answer of another shape stops a poll or a listing, aloud."""
    return Unreachable(f"NetSuite's answer to a query cannot be read: {error}")


async def _round(
    client: NetSuite,
    cursor: str | None,
    options: Mapping[str, Any],
    kind: type[R],
    select: str,
    where: str,
    *,
    start: str,
) -> tuple[list[R], Page]:
    """One page of a round: rows after the cursor, and the cursor to go on with."""
    at = _begin(client, cursor, options, start)
    column = "i.lastmodifieddate"
    since = f"{column} >= {literal(at.at)}"
    if at.id is not None:
        since = f"({column} > {literal(at.at)} OR ({column} = {literal(at.at)} AND i.id > {at.id}))"
    until = ""
    if options.get("until"):
        until = f" AND {column} <= {literal(wall_text(datetime.fromisoformat(options['until']), client.settings))}"
    sql = f"{select} WHERE {where} AND {since}{until} ORDER BY {column}, i.id"
    page = await asked(client, sql)
    rows = _typed(page.items, kind)
    if not rows:
        # Keep what was saved, not where the overlap began: else every empty round would begin further back.
        kept = msgspec.json.decode(cursor, type=Cursor) if cursor is not None else at
        return [], Page((), _encode(Cursor(kept.at)).decode())
    began = at.began or wall_text(client.told_at or client.line.now(), client.settings)
    last = rows[-1]
    after = Cursor(last.changed, last.id, began) if page.has_more else Cursor(min(last.changed, began))
    return rows, Page((), _encode(after).decode(), page.has_more)


async def asked(client: NetSuite, sql: str) -> QueryPage:
    """The first page of a statement. Raises ``Unreachable``."""
    try:
        return await client.query(sql)
    except Stopped as stopped:
        raise Unreachable(f"NetSuite did not answer a query: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"NetSuite cannot be reached: {error}") from error


def _begin(client: NetSuite, cursor: str | None, options: Mapping[str, Any], start: str) -> Cursor:
    if cursor is not None:
        saved = msgspec.json.decode(cursor, type=Cursor)
        return saved if saved.id is not None else Cursor(_stepped_back(saved.at, client))
    since = options.get("since")
    return Cursor(wall_text(datetime.fromisoformat(since), client.settings) if since else start)


def _stepped_back(at: str, client: NetSuite) -> str:
    """Five minutes earlier, plus the hour that the account's clock was put back since (its wall time then repeats)."""
    zone = account_zone(client.settings)
    wall = datetime.strptime(at, WALL_FORMAT).replace(tzinfo=zone)
    now = client.line.now().astimezone(zone)
    put_back = max(_offset(wall) - _offset(now), timedelta(0))
    early = wall.replace(tzinfo=None) - OVERLAP - put_back
    return max(early, datetime(1970, 1, 1)).strftime(WALL_FORMAT)  # noqa: DTZ001 - wall time


def _offset(at: datetime) -> timedelta:
    return at.utcoffset() or timedelta(0)


def wall_text(at: datetime, settings: Mapping[str, Any]) -> str:
    """An instant as the account's wall time."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(account_zone(settings)).strftime(WALL_FORMAT)


def wall(client: NetSuite, offset: timedelta) -> str:
    """The account's wall time, by NetSuite's clock where it told it, so much later."""
    return wall_text((client.told_at or client.line.now()) + offset, client.settings)


def earlier(at: str, by: timedelta) -> str:
    """A wall time some while before another."""
    return (datetime.strptime(at, WALL_FORMAT) - by).strftime(WALL_FORMAT)  # noqa: DTZ007 - wall time


def rows_of(rows: list[dict[str, Any]], kind: type[S]) -> list[S]:
    """Typed rows; those of another shape stop the poll, aloud."""
    try:
        return [msgspec.convert(row, type=kind, strict=False) for row in rows]
    except (ValueError, msgspec.ValidationError) as error:
        raise unreadable(error) from error


def literal(wall: str) -> str:
    """A wall time as SuiteQL writes it."""
    datetime.strptime(wall, WALL_FORMAT)  # noqa: DTZ007 - only checks the shape: nothing else may enter the statement
    return f"TO_DATE('{wall}', '{SQL_FORMAT}')"


def column(name: str, setting: str) -> str:
    """A column named by a setting: only a bare name may enter the statement."""
    if not (name.isascii() and name.replace("_", "").isalnum()):
        raise Unreachable(f"the setting `{setting}` is not a column name: {name!r}")
    return name


def _poll(name: str, run: Callable[..., Any], every_s: float, masters: str | None = None) -> Poll:
    return Poll(name, run, every_s, backfill=True, masters=masters)


POLLS: Mapping[str, Poll] = {
    poll.name: poll
    for poll in (
        _poll("items", items, 300.0, "product"),
        _poll("customers", customers, 300.0, "customer"),
        _poll("invoices", invoices, 60.0),
        _poll("credits", credit_memos, 60.0),
    )
}
