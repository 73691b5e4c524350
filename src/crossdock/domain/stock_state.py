"""What is known of one SKU's stock: positions, reservations, what each channel was told. The fold of its journal."""

import copy
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.domain.schema import upcast
from crossdock.domain.stock import Term

VERSION = 1


class Position(msgspec.Struct, frozen=True, gc=False):
    on_hand: Decimal
    committed: Decimal
    as_of: datetime


class Reservation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an order holds. ``parts``: by the channel's location, as far as the route knows one."""

    channel: str
    quantity: Decimal
    sold: Decimal
    parts: dict[str, Decimal]
    at: datetime
    committed_at: datetime | None = None  # since when the ERP has it; its positions may not show it yet


class Component(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``holds``: the orders of kits that it is free without."""

    free: dict[str, int | None]
    at: datetime
    holds: tuple[str, ...] = ()


class Flight(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A number on its way to a channel, and what the place sold since it was opened."""

    value: int
    sold: int = 0


class Listing(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one place of a channel shows, as far as we know.

    ``held`` is the most that it can still sell without our knowing: what it confirmed last, less what was sold since.
    ``flying`` are numbers that were sent, or are to be sent, and whose outcome is not known yet, by version.
    ``low``: it showed less than ``held``; orders may be on their way to us, so that is believed only after a while.
    """

    held: int | None = None
    confirmed_at: datetime | None = None
    version: int = 0
    value: int | None = None  # the newest version's
    opened_at: datetime | None = None
    terms: tuple[Term, ...] = ()  # how that number was made
    flying: dict[int, Flight] = {}
    low: int | None = None
    low_at: datetime | None = None
    stale: bool = False  # it shows something else than we know of: nothing is sent before that was read
    ref: str | None = None
    failed: str | None = None  # why the newest version was refused
    unlisted: bool = False  # the channel does not have this SKU there
    moved: bool = False  # ``held`` is by what was sold since it was last confirmed

    @property
    def bound(self) -> int:
        """The most that it may be showing."""
        return max(self.held or 0, *(flight.value for flight in self.flying.values()), 0)


class SkuNamed(msgspec.Struct, frozen=True, tag="sku_named"):
    """Whose stock this stream is."""

    sku: str


class PositionTaken(msgspec.Struct, frozen=True, tag="position_taken"):
    place: str  # connection/location
    position: Position


class ReservationSet(msgspec.Struct, frozen=True, tag="reservation_set"):
    order: str
    reservation: Reservation


class ReservationDropped(msgspec.Struct, frozen=True, tag="reservation_dropped"):
    """``reason``: released, shown (the ERP's positions show it now), or uncounted (no position of it is known)."""

    order: str
    reason: str
    at: datetime


class LevelTaken(msgspec.Struct, frozen=True, tag="level_taken", omit_defaults=True):
    """What a place of a channel can still sell: ``held``. ``why``: sold, returned, seen, believed."""

    listing: str
    held: int | None
    why: str
    at: datetime
    sold: int = 0
    ref: str | None = None


class LevelDoubted(msgspec.Struct, frozen=True, tag="level_doubted"):
    """The channel shows less than we know of: orders may be on their way."""

    listing: str
    low: int
    at: datetime


class ComponentTaken(msgspec.Struct, frozen=True, tag="component_taken"):
    sku: str
    component: Component


class KitsTold(msgspec.Struct, frozen=True, tag="kits_told", omit_defaults=True):
    free: dict[str, int | None]
    at: datetime
    holds: tuple[str, ...] = ()


class PublishOpened(msgspec.Struct, frozen=True, tag="publish_opened"):
    """A channel is to be told a number; ``terms`` are how it was made."""

    listing: str
    version: int
    value: int
    key: str
    terms: tuple[Term, ...]
    at: datetime


class PublishSettled(msgspec.Struct, frozen=True, tag="publish_settled", omit_defaults=True):
    """``status``: done, stale (it had changed there), unlisted, failed, unknown (it may be showing)."""

    listing: str
    version: int
    status: str
    at: datetime
    ref: str | None = None
    reason: str | None = None


class PublishAgain(msgspec.Struct, frozen=True, tag="publish_again"):
    """A person says: tell the channel once more."""

    listing: str
    by: str
    at: datetime


StockEntry = (
    SkuNamed
    | PositionTaken
    | ReservationSet
    | ReservationDropped
    | LevelTaken
    | LevelDoubted
    | ComponentTaken
    | KitsTold
    | PublishOpened
    | PublishSettled
    | PublishAgain
)


class StockState(msgspec.Struct, omit_defaults=True):
    v: int
    sku: str = ""
    positions: dict[str, Position] = {}
    reservations: dict[str, Reservation] = {}
    listings: dict[str, Listing] = {}
    components: dict[str, Component] = {}
    kits_told: dict[str, int | None] = {}
    kits_held: tuple[str, ...] = ()  # the orders that kits were told with it


class _StoredEntries(msgspec.Struct):
    v: int
    entries: list[StockEntry]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StockState)
_entries_decoder = msgspec.json.Decoder(_StoredEntries)
_replace = msgspec.structs.replace


def encode_stock(state: StockState) -> bytes:
    return _encoder.encode(state)


def decode_stock(stored: bytes) -> StockState:
    """Read a snapshot of this or an earlier schema version; raises ``schema.SchemaTooNew`` for a later one."""
    if stored.startswith((b'{"v":1,', b'{"v":1}')):
        return _decoder.decode(stored)
    return msgspec.convert(upcast(stored, VERSION, {}), StockState)


def encode_stock_entries(entries: list[StockEntry]) -> bytes:
    return _encoder.encode(_StoredEntries(VERSION, entries))


def decode_stock_entries(stored: bytes) -> list[StockEntry]:
    """Read one stored decision about stock."""
    if stored.startswith(b'{"v":1,'):
        return _entries_decoder.decode(stored).entries
    return msgspec.convert(upcast(stored, VERSION, {}), _StoredEntries).entries


def fork_stock(state: StockState) -> StockState:
    """A copy whose containers may be changed."""
    new = copy.copy(state)
    new.positions, new.reservations = dict(state.positions), dict(state.reservations)
    new.listings, new.components = dict(state.listings), dict(state.components)
    return new


def evolve_stock(state: StockState, entries: Iterable[StockEntry]) -> StockState:
    """The state after the entries; the given one stays as it is."""
    new = fork_stock(state)
    for entry in entries:
        apply_stock(new, entry)
    return new


def apply_stock(state: StockState, entry: StockEntry) -> None:
    """Fold one entry into a state whose containers are its own."""
    match entry:
        case SkuNamed():
            state.sku = entry.sku
        case PositionTaken():
            state.positions[entry.place] = entry.position
        case ReservationSet():
            state.reservations[entry.order] = entry.reservation
        case ReservationDropped():
            state.reservations.pop(entry.order, None)
        case ComponentTaken():
            state.components[entry.sku] = entry.component
        case KitsTold():
            state.kits_told, state.kits_held = entry.free, entry.holds
        case _:
            before = state.listings.get(entry.listing, Listing())
            state.listings[entry.listing] = _listed(before, entry)


def _listed(
    before: Listing, entry: LevelTaken | LevelDoubted | PublishOpened | PublishSettled | PublishAgain
) -> Listing:
    match entry:
        case LevelTaken():
            low = before.low if before.low is not None and before.low < (entry.held or 0) else None
            seen = entry.why in ("seen", "believed")
            flying = {n: Flight(one.value, one.sold + entry.sold) for n, one in before.flying.items()}
            return _replace(
                before, held=entry.held, flying=flying, ref=entry.ref or before.ref, low=None if seen else low,
                confirmed_at=entry.at if seen else before.confirmed_at, unlisted=before.unlisted and not seen,
                stale=before.stale and not seen, moved=not seen,
            )  # fmt: skip
        case LevelDoubted():
            return _replace(before, low=entry.low, low_at=entry.at, stale=False)
        case PublishOpened():
            flying = {**before.flying, entry.version: Flight(entry.value)}
            return _replace(
                before, version=entry.version, value=entry.value, opened_at=entry.at, terms=entry.terms,
                flying=flying, failed=None,
            )  # fmt: skip
        case PublishSettled():
            return _settled(before, entry)
        case PublishAgain():
            return _replace(before, failed=None, unlisted=False)


def _settled(before: Listing, entry: PublishSettled) -> Listing:
    """One number at a time is under way to a place: older ones were replaced before they were sent, and newer ones are
    not sent, because this one was."""
    flight = before.flying.get(entry.version)
    after = _replace(before, flying={}, ref=entry.ref or before.ref)
    if entry.status == "done" and flight is not None:
        held = max(0, flight.value - flight.sold)
        return _replace(after, held=held, confirmed_at=entry.at, low=None, moved=bool(flight.sold))
    if entry.status == "unlisted":
        return _replace(after, unlisted=True)
    if entry.status == "stale":
        return _replace(after, stale=True)
    if entry.status == "unknown" and flight is not None:  # it may be for sale: nobody else gets these units
        after = _replace(after, held=max(before.held or 0, flight.value - flight.sold))
    return _replace(after, failed=entry.reason or entry.status)
