"""One look at some orders of a route: ask the sides, compare, keep what differs, and set right what safely can be.

Nothing is written to another system. What the channel shows newer is read back by a signal, as if its webhook had come;
what needs a person is told to the order, whose decider opens the exception and settles it when all sides agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from crossdock.domain.beginning import too_early
from crossdock.domain.decision import Policy, StreamRef
from crossdock.domain.events import Reconciled, SignalSeen, encode_event
from crossdock.domain.reconciling import PREFIX, READ_BACK, Difference
from crossdock.domain.state import OrderState
from crossdock.kit.listing import Listed
from crossdock.reconcile.asking import Asker, owner_of
from crossdock.reconcile.compare import OF_CHANNEL, Sides, compare
from crossdock.reconcile.views import view_of
from crossdock.store.differences import Differences, Seen, Standing
from crossdock.store.protocol import BACKFILL, Arrival, Store

MOST_REPAIRS = 3
REPAIR_AGAIN_S = 600.0  # a read-back that did not help is asked for again after so long


class Route(msgspec.Struct, frozen=True):
    """What is compared: a channel's orders with the ERP's. A side without a listing is not asked."""

    policy: Policy
    channel: Asker | None
    erp: Asker | None
    channels: tuple[str, ...]  # all channels there are: whose a key is, is told by the longest name that fits
    settle_s: float  # a difference younger than this may be a list that lags

    @property
    def name(self) -> str:
        return self.policy.channel

    def own(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that are orders of this route's channel."""
        return [key for key in keys if (owner_of(key, self.channels) or ("",))[0] == self.name]


class Three(msgspec.Struct, frozen=True):
    """Some orders on all sides, and what differs."""

    sides: dict[str, Sides]
    states: dict[str, OrderState]
    seen: list[Seen]


async def look(
    books: Differences,
    route: Route,
    keys: Sequence[str],
    now: datetime,
    listed: Mapping[str, Listed] | None = None,
    *,
    spare: bool = False,
) -> Three:
    """Ask all sides for these orders. ``listed``: views that the channel's list has just given. ``spare``: do not ask
    a channel that keeps its orders for those of which it would say what it said before."""
    states = await books.states(keys)
    known = dict(listed or {})
    spared: set[str] = set()
    if route.channel is not None:
        if spare and route.channel.listing.keeps:
            spared = states.keys() - known.keys() - await books.standing_among(keys, OF_CHANNEL)
        known |= await route.channel.named([key for key in keys if key not in known and key not in spared])
    there = await route.erp.named(keys) if route.erp is not None else {}
    sides = {
        key: _sides(route, key, states.get(key), known.get(key), there.get(key), now, key not in spared) for key in keys
    }
    seen = [Seen(key, difference) for key, each in sides.items() for difference in compare(each)]
    return Three(sides, states, seen)


def _sides(
    route: Route,
    key: str,
    state: OrderState | None,
    channel: Listed | None,
    erp: Listed | None,
    now: datetime,
    asked: bool,
) -> Sides:
    ours = None if state is None else view_of(state, route.policy.basis)
    if ours is None and channel is not None:
        channel = _left_alone(route.policy, channel)
    asked = asked and route.channel is not None and not (ours is not None and ours.part)
    if (
        asked
        and route.channel is not None
        and ours is not None
        and (reach := route.channel.listing.reach_days) is not None
    ):
        asked = now - ours.placed_at < timedelta(days=reach - 1)
    booked_elsewhere = state is not None and state.erp not in (None, route.policy.erp)
    return Sides(key, ours, channel, erp, asked, route.erp is not None and not booked_elsewhere)


def _left_alone(policy: Policy, shown: Listed) -> Listed:
    """What the channel shows, with why nobody is to have it where it was placed before the route begins."""
    why = None if shown.placed_at is None else too_early(policy, shown.placed_at)
    return shown if why is None else msgspec.structs.replace(shown, left_alone=why)


async def settle(store: Store, books: Differences, route: Route, looked: Three, trace: str = "") -> int:
    """Keep the differences of a look and act on them; how many stand open. ``trace``: of the round."""
    keys = list(looked.sides)
    now, gone = await books.note(route.name, route.policy.erp, keys, looked.seen, route.settle_s)
    by_key = {(one.order_key, one.difference.kind): one.difference for one in looked.seen}
    standing = [(one, by_key[one.order_key, one.kind]) for one in now if one.state == "open"]
    repairs = [one for one, difference in standing if _reads_back(route, one, difference)]
    told = [(one, difference) for one, difference in standing if _is_told(one, difference)]
    arrivals = [_read_back(route, one) for one in repairs]
    known = [pair for pair in told if pair[0].order_key in looked.states]
    arrivals += _tellings(route, known, _ended(looked, now, gone))
    if arrivals:
        await store.accept([msgspec.structs.replace(one, trace=trace) for one in arrivals])
        await books.repaired([one.id for one in repairs])
        await books.told([(one.id, _story(difference)) for one, difference in told])
        await store.wake("decide")
    return len(standing)


def _reads_back(route: Route, one: Standing, difference: Difference) -> bool:
    able = route.channel is not None and route.channel.listing.signal is not None
    rested = one.since_repair_s is None or one.since_repair_s >= REPAIR_AGAIN_S
    return able and difference.repair == READ_BACK and one.repairs < MOST_REPAIRS and rested


def _is_told(one: Standing, difference: Difference) -> bool:
    """A person is told once of one story, and of a read-back only when it did not help."""
    if difference.explained or one.told == _story(difference):
        return False
    return difference.repair != READ_BACK or one.repairs >= MOST_REPAIRS


def _story(difference: Difference) -> str:
    return f"{difference.expected} | {difference.found}"


def _read_back(route: Route, one: Standing) -> Arrival:
    assert route.channel is not None
    kind = route.channel.listing.signal or ""
    owner = owner_of(one.order_key, route.channels)
    assert owner is not None  # only a route's own orders are looked at
    content = f"reconcile/{one.id}/{one.repairs + 1}"
    return Arrival(
        connection=route.name,
        delivery_id=f"{content}/{owner[1]}",
        source="tell",
        topic="signal_seen",
        stream=StreamRef("signal", f"{route.name}:{kind}:{owner[1]}"),
        body=encode_event(SignalSeen(route.name, kind, owner[1], content)),
        priority=BACKFILL,
    )


def _ended(looked: Three, now: Sequence[Standing], gone: Sequence[Standing]) -> dict[tuple[str, str], str]:
    """What an order was told of and is no more: (order, kind) -> a mark of that ending.

    Told of by the order's own problems too: whoever died after a difference was let go and before the order heard of it
    has left nothing else.
    """
    standing = {(one.order_key, one.kind) for one in now}
    found = {}
    for key, state in looked.states.items():
        for name, problem in state.problems.items():
            kind = name.removeprefix(PREFIX)
            if kind != name and (key, kind) not in standing:
                found[key, kind] = f"{key}.{kind}.{problem.at.timestamp():.6f}"
    return found | {(one.order_key, one.kind): f"{one.id}.end" for one in gone if one.told is not None}


def _tellings(
    route: Route, told: Sequence[tuple[Standing, Difference]], over: Mapping[tuple[str, str], str]
) -> list[Arrival]:
    """One message for each order: what a person must look at, and what is no more."""
    found: dict[str, list[Difference]] = {}
    ended: dict[str, list[str]] = {}
    marks: dict[str, list[str]] = {}
    for one, difference in told:
        found.setdefault(one.order_key, []).append(difference)
        marks.setdefault(one.order_key, []).append(f"{one.id}.{one.looks}")
    for (key, kind), mark in over.items():
        ended.setdefault(key, []).append(kind)
        marks.setdefault(key, []).append(mark)
    return [
        Arrival(
            connection=route.name,
            delivery_id=f"reconcile/{'/'.join(many)}"[:500],
            source="tell",
            topic="reconciled",
            stream=StreamRef("order", key),
            body=encode_event(Reconciled(tuple(found.get(key, ())), tuple(ended.get(key, ())))),
            priority=BACKFILL,
        )
        for key, many in marks.items()
    ]
