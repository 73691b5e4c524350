"""The day close: one business date, whole, on all sides; its list, its sums, and the certificate's content.

A business date runs from midnight to midnight in the company's time zone: 23, 24 or 25 hours.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from crossdock.domain.posting import zone
from crossdock.engine.world import World
from crossdock.kit.listing import Listed, Window
from crossdock.reconcile.certificate import KIND, VERSION, digest, private_key, sign
from crossdock.reconcile.compare import nobody_has
from crossdock.reconcile.looking import Route, look, settle
from crossdock.reconcile.rounds import AT_ONCE, RoundSettings, Wait, each_page, routes_of
from crossdock.reconcile.summing import Row, as_list, list_digest, rows_of, summarise
from crossdock.store import certificates
from crossdock.store.differences import Differences
from crossdock.store.pool import Pool
from crossdock.store.reading import Database
from crossdock.store.reading_differences import KindRow, kinds

EARLY = timedelta(days=1)  # an order comes to us at most so long before it was placed, by clocks that differ


class NotOver(Exception):
    """The date has not ended yet, or the systems' lists may still lag behind its end; the text says until when."""


class Day(msgspec.Struct, frozen=True):
    """A business date: [since, until) in UTC."""

    date: date
    time_zone: str
    since: datetime
    until: datetime


class Closed(msgspec.Struct, frozen=True):
    """What a certificate is made of."""

    day: Day
    rows: list[Row]
    listed: bytes  # the list's file
    kinds: list[KindRow]
    not_listed: list[str]  # sides that no listing shows: their sums are ours only


def day_of(business_date: date, time_zone: str) -> Day:
    """Midnight to midnight. Raises ``ZoneInfoNotFoundError`` for a zone that is not known."""
    begins = [
        datetime(one.year, one.month, one.day, tzinfo=zone(time_zone)) for one in (business_date, _next(business_date))
    ]
    since, until = (at.astimezone(UTC) for at in begins)
    return Day(business_date, time_zone, since, until)


def _next(day: date) -> date:
    return day + timedelta(days=1)


class Closing:
    """Looks at one date on all routes. ``db`` is a reading pool: whole days are no work for the engine's planner."""

    def __init__(self, world: World, books: Differences, db: Database, routes: Sequence[Route]) -> None:
        self._world, self._books, self._db, self._routes = world, books, db, routes
        self._now = datetime.min.replace(tzinfo=UTC)
        self._rows: dict[str, list[Row]] = {}

    async def run(self, day: Day) -> Closed:
        """Raises ``NotOver``, and what the listings raise: a day that cannot be seen whole is not closed."""
        self._now = await self._books.clock()
        lag_s = max([0.0, *(side.listing.lag_s for route in self._routes for side in _sides(route))])
        ready = day.until + timedelta(seconds=lag_s)
        if self._now < ready:
            raise NotOver(f"{day.date} in {day.time_zone} can be closed from {ready:%Y-%m-%d %H:%M:%SZ} on.")
        for route in self._routes:
            await self._route(route, day)
        rows = [row for some in self._rows.values() for row in some]
        missing = [
            f"{name} lists no orders"
            for route in self._routes
            for name, side in ((route.name, route.channel), (route.policy.erp, route.erp))
            if side is None
        ]
        return Closed(day, rows, as_list(rows), await kinds(self._db), sorted(set(missing)))

    async def _route(self, route: Route, day: Day) -> None:
        window = Window(day.since, day.until, "placed")

        async def listed(keys: Sequence[str], views: Mapping[str, Listed]) -> None:
            await self._take(route, keys, views)

        if route.channel is not None:
            await each_page(route.channel, window, listed, _always)
        after = 0
        while ours := await certificates.placed(
            self._db, route.name, day.since - EARLY, day.since, day.until, after, AT_ONCE
        ):
            await self._take(route, [one.key for one in ours], {})
            after = ours[-1].id
        if route.erp is not None:
            await each_page(route.erp, window, lambda keys, _views: self._strangers(route, keys), _always)

    async def _strangers(self, route: Route, keys: Sequence[str]) -> None:
        """What the ERP booked on this date: orders that we know were placed on another one belong to that."""
        own = route.own(keys)
        known = await self._books.states(own)
        await self._take(route, [key for key in own if key not in known], {})

    async def _take(self, route: Route, keys: Sequence[str], listed: Mapping[str, Listed]) -> None:
        fresh = [key for key in route.own(keys) if key not in self._rows]
        for start in range(0, len(fresh), AT_ONCE):
            found = await look(self._books, route, fresh[start : start + AT_ONCE], self._now, listed)
            await settle(self._world.store, self._books, route, found)
            for key, sides in found.sides.items():
                if not nobody_has(sides) and (sides.ours is None or sides.ours.ended != "ignored"):
                    differs = [one.difference.kind for one in found.seen if one.order_key == key]
                    policy = route.policy
                    self._rows[key] = rows_of(sides, route.name, policy.erp, policy.basis, differs)


def _sides(route: Route) -> list[Any]:
    return [side for side in (route.channel, route.erp) if side is not None]


def _always() -> bool:
    return True


class Signing(msgspec.Struct, frozen=True):
    """Who signs, with what, and why it is made again."""

    key: str  # PEM
    by: str
    reason: str
    unique: Callable[[], str]


async def close(
    world: World,
    pool: Pool,
    db: Database,
    settings: RoundSettings,
    day: tuple[date, str],
    signing: Signing,
    wait: Wait,
) -> certificates.Kept:
    """Look at the day, sign, keep; in place of the certificate that stands, if one does.

    Raises ``NotOver``, ``BadKey``, ``AlreadyClosed`` and what the listings raise.
    """
    key = private_key(signing.key)
    books = Differences(pool)
    replaced = await certificates.newest(db, day[0])
    closed = await Closing(world, books, db, routes_of(world, settings, wait)).run(day_of(*day))
    serial = signing.unique()
    made_at = await books.clock()
    file = sign(content(closed, serial, made_at, signing.by, replaced, signing.reason), key)
    new = certificates.New(
        day[0], day[1], serial, digest(file), file, closed.listed, replaced.id if replaced else None, signing.by
    )
    kept = await certificates.keep(pool, new)
    return certificates.Kept(kept, serial, new.digest, file, closed.listed)


def content(
    closed: Closed, serial: str, made_at: datetime, made_by: str, replaces: certificates.Kept | None, reason: str
) -> dict[str, Any]:
    """The certificate, JSON-ready: text, whole numbers, lists and mappings only."""
    day = closed.day
    ages = ("hour", "day", "week", "older")
    return {
        "kind": KIND,
        "version": VERSION,
        "serial": serial,
        "date": day.date.isoformat(),
        "time_zone": day.time_zone,
        "from": day.since.isoformat(),
        "until": day.until.isoformat(),
        "made_at": made_at.isoformat(),
        "made_by": made_by,
        "replaces": None if replaces is None else {"serial": replaces.serial, "sha256": replaces.digest},
        "reason": reason,
        "routes": summarise(closed.rows),
        "not_listed": closed.not_listed,
        "differences": {
            "open": sum(kind.n for kind in closed.kinds),
            "by_age": {age: sum(getattr(kind, age) for kind in closed.kinds) for age in ages},
            "by_kind": {kind.kind: kind.n for kind in closed.kinds},
        },
        "list": {"rows": len(closed.rows), "sha256": list_digest(closed.listed)},
    }
