"""An order as thin view of all its documents, for reconciliation: by window, or by external number. Reading only.

Posting moves a document: what was posted whole is no sales order any more, and its invoices and shipments, which
inherit the external number, are what is left of it. So all three are asked, **sales orders first**: posted between two
questions, an order shows in one of them or in both, never in neither. (Vendor facts, pitfall 1.)
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec

from crossdock.connectors.businesscentral.addresses import local_date
from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral, quoted
from crossdock.connectors.businesscentral.keys import restored_key, stored_key
from crossdock.connectors.businesscentral.paging import rest_of
from crossdock.connectors.businesscentral.posting import instant
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.wire import OrderLine, PostedLine
from crossdock.domain.money import ZERO, plausible
from crossdock.kit.http import NotSent
from crossdock.kit.listing import BILLED, CLOSED, OPEN, Listed, Listing, ListPage, Window
from crossdock.kit.manifest import Unreachable, Untranslatable

PAGE = 1000
MOST = 20  # keys of one question: so many fit into an address
_MOST_PAGES = 50  # of the documents of so few orders
_STANDS = frozenset({"Open", "Paid", "Canceled"})  # drafts are no invoices yet; what cancels one is a credit memo
# Which documents of a window name an order, and by which field: the API tells no instant of making, only dates.
_BY = {
    "changed": (("salesOrders", ""), ("salesInvoices", ""), ("salesShipments", "")),
    "placed": (("salesOrders", "orderDate"), ("salesInvoices", "invoiceDate")),
}
_KEYS = "$select=id,externalDocumentNumber"


class _At(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a window's listing is: which documents, and the rest of the vendor's link to the next page."""

    nth: int = 0
    next: str | None = None


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    external_document_number: str = ""


class _Document(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    number: str
    external_document_number: str
    order_number: str = ""
    status: str = ""
    currency_code: str = ""
    total_amount_including_tax: Decimal = ZERO
    last_modified_date_time: str
    sales_order_lines: list[OrderLine] = []
    sales_invoice_lines: list[PostedLine] = []
    sales_shipment_lines: list[PostedLine] = []

    def __post_init__(self) -> None:
        if not plausible(self.total_amount_including_tax):
            raise ValueError("a total is no amount of trade")


class _Names(msgspec.Struct, frozen=True):
    value: list[_Named]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Documents(msgspec.Struct, frozen=True):
    value: list[_Document]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Held(msgspec.Struct):
    """What the company holds of one order."""

    orders: list[_Document] = []
    invoices: list[_Document] = []
    shipments: list[_Document] = []


P = TypeVar("P", _Names, _Documents)


async def pages(client: BusinessCentral, window: Window, cursor: str | None) -> ListPage:
    """Keys of the orders in the window, a thousand documents a page. Raises ``Unreachable``, ``AnswerLost``."""
    at = msgspec.json.decode(cursor, type=_At) if cursor else _At()
    sets = _BY[window.by]
    entity, field = sets[at.nth]
    path = (
        f"{entity}?{at.next}"
        if at.next
        else f"{entity}?$filter={_within(client, window, field)}&{_KEYS}&{_order(field)}"
    )
    page = await _asked(client, path, _Names)
    restored = (restored_key(row.external_document_number, client.settings) for row in page.value)
    keys = tuple(dict.fromkeys(key for key in restored if key is not None))
    if page.next is not None:
        return ListPage(keys=keys, cursor=_text(_At(at.nth, rest_of(page.next, entity))))
    return ListPage(keys=keys, cursor=_text(_At(at.nth + 1)) if at.nth + 1 < len(sets) else None)


async def named(client: BusinessCentral, keys: Sequence[str]) -> tuple[Listed, ...]:
    """What the company holds of these orders. One whose key it could not carry is in no company."""
    stored = {one: key for key in keys if (one := _stored(client, key)) is not None}
    if not stored:
        return ()
    held = {one: _Held() for one in stored}
    where = quote(" or ").join(f"externalDocumentNumber%20eq%20{quoted(one)}" for one in sorted(stored))
    for entity, lines, name in (
        ("salesOrders", "salesOrderLines", "orders"),
        ("salesInvoices", "salesInvoiceLines", "invoices"),
        ("salesShipments", "salesShipmentLines", "shipments"),
    ):
        for document in await _whole(client, entity, f"$filter={where}&$expand={lines}"):
            of = held.get(document.external_document_number.upper())
            if of is not None:
                getattr(of, name).append(document)
    try:
        views = [_view(client, key, held[one]) for one, key in stored.items()]
    except Untranslatable as error:
        raise Unreachable(f"Business Central's answer to a listing cannot be read: {error}") from error
    return tuple(view for view in views if view is not None)


def _stored(client: BusinessCentral, key: str) -> str | None:
    try:
        return stored_key(key, client.settings)
    except Unbookable:
        return None


def _view(client: BusinessCentral, key: str, held: _Held) -> Listed | None:
    """All documents of one order as one view; None where there are none.

    Two sales orders of one number are two: their amounts add up, and so differ from what is owed.
    """
    bills = [one for one in held.invoices if one.status in _STANDS]
    if not (held.orders or bills or held.shipments):
        return None
    open_numbers = {one.number for one in held.orders}
    posted = [one for one in bills if one.order_number not in open_numbers]  # the rest is still in its sales order
    whole = [*held.orders, *posted]
    first = (whole or held.shipments)[0]
    goods = _goods(line for one in held.orders for line in one.sales_order_lines)
    goods += _goods(line for one in posted for line in one.sales_invoice_lines)
    return Listed(
        key=key,
        external_id=first.id,
        number=first.number,
        status=OPEN if held.orders else BILLED if bills else CLOSED,
        total=_sum(whole) if whole else None,
        currency=first.currency_code or str(client.settings.get("local_currency") or ""),
        changed_at=max(_changed(one) for one in (*held.orders, *held.invoices, *held.shipments)),
        quantity=goods if whole else None,
        shipped=_goods(line for one in held.shipments for line in one.sales_shipment_lines),
        invoiced=_sum(bills),
    )


def _sum(documents: Iterable[_Document]) -> Decimal:
    return sum((one.total_amount_including_tax for one in documents), ZERO)


def _goods(lines: Iterable[OrderLine | PostedLine]) -> Decimal:
    return sum((line.quantity for line in lines if line.line_type == "Item"), ZERO)


def _changed(document: _Document) -> datetime:
    return instant(document.last_modified_date_time)


def _within(client: BusinessCentral, window: Window, field: str) -> str:
    """The window's instants, or the company's days that it touches."""
    if field:
        last = window.until - timedelta(microseconds=1)
        since, until = (local_date(at, client.settings) for at in (window.since, last))
        return quote(f"{field} ge {since} and {field} le {until}")
    since, until = (
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z" for at in (window.since, window.until)
    )
    return quote(f"lastModifiedDateTime ge {since} and lastModifiedDateTime lt {until}", safe=":")


def _order(field: str) -> str:
    return f"$orderby={field or 'lastModifiedDateTime'}"


async def _whole(client: BusinessCentral, entity: str, query: str) -> list[_Document]:
    """A list over all its pages. Raises ``Unreachable`` for one that does not end."""
    found: list[_Document] = []
    for _ in range(_MOST_PAGES):
        page = await _asked(client, f"{entity}?{query}", _Documents)
        found += page.value
        if page.next is None:
            return found
        query = rest_of(page.next, entity)
    raise Unreachable(f"Business Central's list of {entity} does not end after {_MOST_PAGES} pages")


async def _asked(client: BusinessCentral, path: str, kind: type[P]) -> P:
    try:
        return await client.listed_as(kind, path, page=PAGE)
    except Stopped as stopped:
        raise Unreachable(f"Business Central did not answer a listing: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"Business Central cannot be reached: {error}") from error


def _text(at: Any) -> str:
    return msgspec.json.encode(at).decode()


# The replica that is read may run behind; Microsoft states no bound, seconds are seen. An order that is being posted is
# under way for us too, and is not compared.
LISTING = Listing(pages, named, lag_s=60.0, most=MOST, cost=3)
