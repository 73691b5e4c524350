"""How a SKU's stock decides: what is there and what is promised lead to what each channel is told.

One stream for each SKU, over all ERPs and channels: whoever sells a unit takes it from all others, so that one place in
the whole house must see every sale of it, one after the other. Pools keep the stock of different ERPs apart, and
connectors can name the stream without knowing routes. Start at ``publishing.py`` for what follows from the books.
"""

from collections.abc import Mapping
from datetime import timedelta

from crossdock.domain.commands import Command, PublishStock
from crossdock.domain.decision import Context, Decider, Decision, StreamRef, Summary, Tell, Timer
from crossdock.domain.events import CommandSettled, Event, OperatorActed, TimerFired
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown
from crossdock.domain.problems import failed
from crossdock.domain.publishing import Wanted, kits_with, pool_name, pools, wanted
from crossdock.domain.stock_draft import StockDraft
from crossdock.domain.stock_events import ComponentSeen, LevelSeen, PositionSeen, StockReserved
from crossdock.domain.stock_ledger import position_seen, reserve
from crossdock.domain.stock_state import (
    VERSION,
    Component,
    ComponentTaken,
    KitsTold,
    LevelDoubted,
    LevelTaken,
    PublishAgain,
    PublishOpened,
    PublishSettled,
    SkuNamed,
    StockEntry,
    StockState,
    decode_stock,
    encode_stock,
    encode_stock_entries,
    evolve_stock,
)

STALE, UNLISTED = "stock.stale", "stock.unlisted"  # by which a connector says so; neither is anybody's trouble
PURPOSE = PublishStock.purpose
_LOW = "low/"


class StockDecider:
    """The ``Decider`` of streams of kind ``stock``. Stateless."""

    kind = "stock"

    def blank(self) -> StockState:
        return StockState(VERSION)

    def load(self, stored: bytes) -> StockState:
        return decode_stock(stored)

    def store(self, state: StockState) -> bytes:
        return encode_stock(state)

    def store_entries(self, entries: list[StockEntry]) -> bytes:
        return encode_stock_entries(entries)

    def decide(self, state: StockState, event: Event, context: Context) -> Decision:
        """Take what happened into the books, then tell the channels what follows. Pure."""
        sku = state.sku or _sku_of(event)
        if not sku:
            return Decision()
        d = StockDraft(sku, state, context)
        _take(d, event)
        _tell_kits(d)
        _publish(d)
        if d.decision.entries and not state.sku:
            d.decision.entries.insert(0, SkuNamed(sku))
            d.state.sku = sku
        d.decision.after = d.state
        return d.decision

    def evolve(self, state: StockState, entries: list[StockEntry]) -> StockState:
        return evolve_stock(state, entries)

    def summary(self, state: StockState) -> Summary:
        listings = sorted(state.listings.items())
        for name, listing in listings:
            if listing.failed is not None:
                return Summary("exception", PURPOSE, f"{name}: {listing.failed}", label=state.sku)
        if flying := [name for name, listing in listings if listing.flying]:
            return Summary("open", PURPOSE, f"on its way to {', '.join(flying)}", label=state.sku)
        if low := [name for name, listing in listings if listing.low is not None]:
            return Summary("waiting", PURPOSE, f"{', '.join(low)} shows less: orders may come", label=state.sku)
        return Summary("done", label=state.sku)

    def masters_needed(self, state: StockState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        return {}


def _sku_of(event: Event) -> str:
    if isinstance(event, PositionSeen | LevelSeen | StockReserved):
        return event.sku
    return event.kit if isinstance(event, ComponentSeen) else ""


def _take(d: StockDraft, event: Event) -> None:
    if isinstance(event, PositionSeen):
        position_seen(d, event)
    elif isinstance(event, StockReserved):
        reserve(d, event)
    elif isinstance(event, LevelSeen):
        _level_seen(d, event)
    elif isinstance(event, ComponentSeen):
        _component_seen(d, event)
    elif isinstance(event, CommandSettled):
        _settled(d, event)
    elif isinstance(event, TimerFired):
        _believe(d, event.name.removeprefix(_LOW))
    elif isinstance(event, OperatorActed):
        _acted(d, event)


# -- levels ------------------------------------------------------------------------------------------------------


def _level_seen(d: StockDraft, event: LevelSeen) -> None:
    """What a channel shows. More than we know of is believed at once, less only after a while."""
    name = f"{event.channel}/{event.location}"
    known = d.listing(name)
    if all(place.name != name for place in d.places) or known.flying:
        return  # which came first cannot be told; the number on its way is compared there
    if known.confirmed_at is not None and event.as_of < known.confirmed_at and not known.stale:
        return
    if known.failed is not None:
        _send_again(d, name, "crossdock")
    if known.held is not None and event.quantity < known.held:
        if known.low is None:
            _wake(d, name, event.channel)
        if known.low != event.quantity or known.stale:
            d.note(LevelDoubted(name, event.quantity, d.now))
    elif known.held != event.quantity or known.low is not None or known.unlisted or known.stale or known.moved:
        # One that is as expected after sales is noted too: an earlier one that comes again is older than it.
        d.note(LevelTaken(name, event.quantity, "seen", event.as_of, ref=event.ref))


def _grace(d: StockDraft, channel: str) -> timedelta:
    policy = d.context.policy.get(channel)
    return timedelta(seconds=policy.stock.grace_s if policy is not None and policy.stock is not None else 0.0)


def _wake(d: StockDraft, name: str, channel: str) -> None:
    d.decision.timers.append(Timer(_LOW + name, d.now + _grace(d, channel)))


def _believe(d: StockDraft, name: str) -> None:
    """The orders that a lower level could have come of would be here by now: somebody changed it there."""
    known, channel = d.listing(name), name.partition("/")[0]
    if known.low is None or known.low_at is None:
        return
    if d.now < known.low_at + _grace(d, channel):
        d.decision.timers.append(Timer(_LOW + name, known.low_at + _grace(d, channel)))
    else:
        d.note(LevelTaken(name, known.low, "believed", d.now))


# -- kits --------------------------------------------------------------------------------------------------------


def _component_seen(d: StockDraft, event: ComponentSeen) -> None:
    known = d.state.components.get(event.sku)
    new = Component(event.free, event.at, event.holds)
    if known is None or (event.at >= known.at and (new.free, new.holds) != (known.free, known.holds)):
        d.note(ComponentTaken(event.sku, new))


def _tell_kits(d: StockDraft) -> None:
    """Whose component this is learns how much of it is free, and without which orders, when that changed."""
    kits = kits_with(d.sku, d.context.policy)
    if not kits or not d.decision.entries:
        return
    free = {pool_name(pool): told.free for pool, told in pools(d.state, d.places).items()}
    holds = tuple(sorted(order for order, held in d.state.reservations.items() if held.quantity > held.sold))
    if free != d.state.kits_told or not set(holds) <= set(d.state.kits_held):
        d.note(KitsTold(free, d.now, holds))
        told = [ComponentSeen(kit, d.sku, free, d.now, holds) for kit in kits]
        d.decision.tells += [Tell(StreamRef("stock", one.kit), one) for one in told]


# -- what channels are told --------------------------------------------------------------------------------------


def _publish(d: StockDraft) -> None:
    for number in wanted(d.state, d.places, d.now):
        _open(d, number)


def _open(d: StockDraft, number: Wanted) -> None:
    place, known = number.place, d.listing(number.place.name)
    version = known.version + 1
    key = _key(d.sku, place.name, version)
    d.note(PublishOpened(place.name, version, number.value, key, number.terms, d.now))
    payload = PublishStock(d.sku, place.location, number.value, version, known.held, known.ref)
    older = _key(d.sku, place.name, known.version) if known.version in known.flying else None
    d.decision.commands.append(Command(key, place.channel, payload, older))


def _key(sku: str, place: str, version: int) -> str:
    channel, _, location = place.partition("/")
    return f"stock:{sku}/{channel}/{PURPOSE}/{location}/{version}"


def _settled(d: StockDraft, event: CommandSettled) -> None:
    found = _listing_of(d, event.key)
    if found is None:
        return
    name, version = found
    outcome, problem = event.outcome, f"{PURPOSE}/{name}"
    if isinstance(outcome, Done):
        d.note(PublishSettled(name, version, "done", d.now, outcome.refs.get("inventoryItem")))
        d.decision.settled.append(problem)
    elif isinstance(outcome, Conflict) and outcome.code == STALE:
        d.note(PublishSettled(name, version, "stale", d.now))
    elif not isinstance(outcome, Done) and outcome.code == UNLISTED:
        d.note(PublishSettled(name, version, "unlisted", d.now, reason=outcome.detail))
    else:
        told = failed(problem, event.key, event.purpose, event.target, outcome, event.tries)
        status = "unknown" if isinstance(outcome, OutcomeUnknown) else "failed"
        d.note(PublishSettled(name, version, status, d.now, reason=told.title))
        d.decision.opened.append(told)


def _listing_of(d: StockDraft, key: str) -> tuple[str, int] | None:
    """The place and version of a number that is under way; None for one that was settled before."""
    for name, listing in d.state.listings.items():
        for version in listing.flying:
            if key == _key(d.sku, name, version):
                return name, version
    return None


def _acted(d: StockDraft, event: OperatorActed) -> None:
    """A person says: send it again, or leave it as it is until the number changes."""
    for name, listing in list(d.state.listings.items()):
        if listing.failed is not None and event.action in ("retry", "resolve", "skip"):
            _send_again(d, name, event.actor)


def _send_again(d: StockDraft, name: str, by: str) -> None:
    d.note(PublishAgain(name, by, d.now))
    d.decision.settled.append(f"{PURPOSE}/{name}")


STOCK: Decider = StockDecider()
