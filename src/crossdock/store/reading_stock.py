"""Stock: the list of SKUs, and all about one: what is there, who holds it, what each channel was told and why."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.domain.stock_state import Listing, StockState, decode_stock
from crossdock.store.reading import Database, plain, statements

MOST = 500  # reservations that the page of one SKU shows


class Shown(msgspec.Struct, frozen=True):
    """A place of a channel: what it can still sell as far as we know, and the number it was told last."""

    place: str  # channel/location
    status: str  # shown, on its way, doubted, refused, not listed, unknown
    held: int | None
    confirmed_at: datetime | None
    told: int | None
    version: int
    told_at: datetime | None
    terms: list[dict[str, Any]]  # how the number was made: name, quantity, source, as_of
    reason: str | None = None


class StockLine(msgspec.Struct, frozen=True):
    """One line of the list. Quantities are decimals as text; None: not known."""

    sku: str
    status: str
    reason: str | None
    on_hand: str | None
    committed: str | None
    as_of: datetime | None  # of the oldest position
    reserved: str
    orders: int
    shown: list[Shown]
    updated_at: datetime


class StockPage(msgspec.Struct, frozen=True):
    """``after`` is the cursor of the next page."""

    lines: list[StockLine]
    after: str | None = None


class Held(msgspec.Struct, frozen=True):
    order_key: str
    channel: str
    quantity: str
    reserved_at: datetime
    committed_at: datetime | None


class There(msgspec.Struct, frozen=True):
    place: str  # connection/location
    on_hand: str
    committed: str
    as_of: datetime


class StockWhole(msgspec.Struct, frozen=True):
    sku: str
    stream: int
    status: str
    reason: str | None
    updated_at: datetime
    version: int
    positions: list[There]
    held: list[Held]  # at most ``MOST``, the oldest first
    held_more: bool  # more orders hold it than these
    components: dict[str, dict[str, int | None]]  # of a kit: SKU -> pool -> free
    shown: list[Shown]


async def page(db: Database, *, search: str = "", after: str = "", limit: int = 50) -> StockPage:
    """SKUs in order; ``search``: a part of the SKU."""
    rows = await db.fetch(statements("reading_stock").page, after, search.strip().lower()[:200], limit + 1)
    lines = [_line(row) for row in rows[:limit]]
    return StockPage(lines, lines[-1].sku if len(rows) > limit else None)


def _line(row: Any) -> StockLine:
    names = ("sku", "status", "reason", "on_hand", "committed", "as_of", "reserved", "orders", "updated_at")
    return StockLine(**{name: row[name] for name in names}, shown=_shown(_state(row)))


def _state(row: Any) -> StockState:
    return decode_stock(plain(row["state"]))


async def one(db: Database, sku: str) -> StockWhole | None:
    """Everything about a SKU; None when nothing is known of it."""
    sql = statements("reading_stock")
    row = await db.fetchrow(sql.one, sku)
    if row is None or not row["version"]:
        return None
    state = _state(row)
    held = [Held(**dict(found)) for found in await db.fetch(sql.reservations, sku, MOST + 1)]
    there = [There(at, f"{p.on_hand:f}", f"{p.committed:f}", p.as_of) for at, p in sorted(state.positions.items())]
    parts = {part: known.free for part, known in sorted(state.components.items())}
    return StockWhole(
        sku, row["id"], row["status"], row["reason"], row["updated_at"], row["version"], there, held[:MOST],
        len(held) > MOST, parts, _shown(state),
    )  # fmt: skip


def _shown(state: StockState) -> list[Shown]:
    return [_place(name, listing) for name, listing in sorted(state.listings.items())]


def _place(name: str, listing: Listing) -> Shown:
    terms = [msgspec.to_builtins(term, builtin_types=(datetime,)) for term in listing.terms]
    told = [{"source": "", "as_of": None, **term} for term in terms]
    status, reason = _standing(listing)
    return Shown(
        name, status, listing.held, listing.confirmed_at, listing.value, listing.version, listing.opened_at, told,
        reason,
    )  # fmt: skip


def _standing(listing: Listing) -> tuple[str, str | None]:
    if listing.failed is not None:
        return "refused", listing.failed
    if listing.unlisted:
        return "not listed", "the channel does not have the SKU there"
    if listing.flying:
        return "on its way", None
    if listing.low is not None:
        return "doubted", f"it shows {listing.low}: orders that are on their way may be why"
    return ("unknown", None) if listing.held is None else ("shown", None)
