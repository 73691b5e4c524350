"""When an order is promised to leave and to arrive, and what is to be expected now. Pure: calendar, clock and facts in.

The promise is given once and never moved. The forecast is made anew at every event: what happens if everything from
here on goes as well as it can. A later instant never makes an earlier forecast. Days are working days of the
warehouse, in its own time zone; between days it is instants that are compared, so a change of clocks changes nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_DAY_ENDS = time(23, 59)
_MOST = 10_000  # days, hours or minutes: beyond is a slip of the pen

# What stands between an order and its leaving. The first four may have a usual length (``Promising.usual_hours``).
HELD, EXCEPTION, BACKORDERED, ON_HOLD = "held", "exception", "backordered", "on_hold"
ON_ITS_WAY, RELEASED, PARTLY_SHIPPED, SHIPPED = "on_its_way", "released", "partly_shipped", "shipped"
ARRIVED = "arrived"
BLOCKS = (HELD, EXCEPTION, BACKORDERED, ON_HOLD)
SPOKEN: Mapping[str, str] = {
    HELD: "it is held",
    EXCEPTION: "an exception is open",
    BACKORDERED: "the warehouse has it on back order",
    ON_HOLD: "the warehouse holds it",
    ON_ITS_WAY: "it is on its way to the warehouse",
    RELEASED: "the warehouse has it",
    PARTLY_SHIPPED: "a part of it has left",
    SHIPPED: "it has left",
    ARRIVED: "it has arrived",
}
CURES: Mapping[str, str] = {
    HELD: "Release the hold.",
    EXCEPTION: "Settle the other exception of this order.",
    BACKORDERED: "Ship what is there, or from another warehouse.",
    ON_HOLD: "Ask the warehouse to let it go.",
    ON_ITS_WAY: "See what it waits for: payment, edit window, or a connection that is down.",
    RELEASED: "Ask the warehouse to ship it with the next collection.",
    PARTLY_SHIPPED: "Ask the warehouse for the rest.",
}


class Promising(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one route promises. Times of day are the warehouse's, ``HH:MM``."""

    time_zone: str  # IANA: Australia/Melbourne
    cut_off: str = "14:00"  # what the warehouse has before then leaves the same working day
    collection: str = "17:00"  # when the carrier takes the day's parcels: the promised hour
    handling_days: int = 0  # working days from the day it is taken in to the day it leaves
    working_days: tuple[str, ...] = WEEKDAYS[:5]
    holidays: dict[str, str] = {}  # day -> name; a table does well
    transit_days: dict[str, int] = {}  # the target's shipping method -> working days on the road
    default_transit_days: int | None = None  # None: no arrival is promised for other methods
    lead_minutes: int = 60  # from acceptance until the warehouse has it: what the promise reckons with
    warn_minutes: int = 30  # so long before the cut-off an order that has not reached the warehouse is told of
    report_minutes: int = 60  # so long after the collection the warehouse may still tell what left with it
    usual_hours: dict[str, int] = {}  # held, exception, backordered, on_hold -> how long that usually takes
    tells_picking: bool = False  # the warehouse tells when it picks: silence before the collection is then told of


class Dates(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """When it leaves and when it arrives at the latest."""

    ship_by: datetime
    deliver_by: datetime | None = None

    def later_than(self, promised: "Dates") -> bool:
        """Whether either is later than promised."""
        late = self.deliver_by is not None and promised.deliver_by is not None and self.deliver_by > promised.deliver_by
        return late or self.ship_by > promised.ship_by


class Promise(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was promised of one order, and what is forecast now. ``told``: which of the two dates are the channel's own.

    ``late``: the forecast is later than the promise. ``since``: when ``cause`` began.
    """

    dates: Dates
    at: datetime
    told: tuple[str, ...] = ()  # ship, deliver
    forecast: Dates | None = None
    cause: str = ON_ITS_WAY
    since: datetime | None = None
    made_at: datetime | None = None
    late: bool = False


class PromiseGiven(msgspec.Struct, frozen=True, gc=False, tag="promise_given", omit_defaults=True):
    """The order is accepted: these dates are promised, and stay. ``told``: which of them are the channel's own."""

    dates: Dates
    at: datetime
    told: tuple[str, ...] = ()


class ForecastMade(msgspec.Struct, frozen=True, gc=False, tag="forecast_made", omit_defaults=True):
    """What is to be expected now, and what it hangs on since when. ``late``: later than promised."""

    dates: Dates
    cause: str
    since: datetime
    at: datetime
    late: bool = False


class Facts(msgspec.Struct, frozen=True, gc=False):
    """How far an order is, as far as dates depend on it. ``since``: when ``cause`` began.

    ``not_before``: until then it waits by itself, as in the edit window.
    """

    cause: str
    since: datetime
    released_at: datetime | None = None
    shipped_at: datetime | None = None  # everything has left
    delivered_at: datetime | None = None  # everything has arrived
    picking: bool = False
    not_before: datetime | None = None


class _Calendar:
    """Working days of one warehouse, and the instants at which they turn."""

    def __init__(self, how: Promising) -> None:
        self.zone = ZoneInfo(how.time_zone)
        self._working = {WEEKDAYS.index(name) for name in how.working_days}
        self._holidays = {date.fromisoformat(text) for text in how.holidays}
        self._cut_off, self._collection = time.fromisoformat(how.cut_off), time.fromisoformat(how.collection)

    def works(self, day: date) -> bool:
        return day.weekday() in self._working and day not in self._holidays

    def day_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def after(self, day: date, days: int) -> date:
        """The working day so many working days after ``day``; 0: the day itself, or the next one that works."""
        while not self.works(day):
            day += _DAY
        for _ in range(days):
            day += _DAY
            while not self.works(day):
                day += _DAY
        return day

    def cut_off(self, day: date) -> datetime:
        return self._at(day, self._cut_off)

    def collection(self, day: date) -> datetime:
        return self._at(day, self._collection)

    def end(self, day: date) -> datetime:
        return self._at(day, _DAY_ENDS)

    def _at(self, day: date, when: time) -> datetime:
        """The first instant of that name; an hour that the clocks leave out is counted from before they did."""
        return datetime.combine(day, when, self.zone).astimezone(UTC)

    def order_day(self, at: datetime) -> date:
        """The working day whose cut-off something that the warehouse has at ``at`` still makes."""
        day = self.day_of(at)
        if self.works(day) and at < self.cut_off(day):
            return day
        return self.after(day + _DAY, 0)

    def collected(self, at: datetime) -> datetime:
        """The first collection after ``at``."""
        day = self.after(self.day_of(at), 0)
        found = self.collection(day)
        return found if at < found else self.collection(self.after(day + _DAY, 0))


@lru_cache(maxsize=64)
def _calendar_of(stored: bytes) -> _Calendar:
    return _Calendar(msgspec.json.decode(stored, type=Promising))


def _calendar(how: Promising) -> _Calendar:
    return _calendar_of(msgspec.json.encode(how))


def promised(how: Promising, method: str | None, at: datetime) -> Dates:
    """What is promised of an order that is accepted at ``at``."""
    calendar = _calendar(how)
    day = calendar.order_day(at + timedelta(minutes=how.lead_minutes))
    return _dates(how, calendar, method, calendar.collection(calendar.after(day, how.handling_days)))


def forecast(how: Promising, method: str | None, facts: Facts, now: datetime) -> Dates:
    """What is to be expected at ``now``. Never earlier for a later ``now`` with the same facts."""
    calendar = _calendar(how)
    if facts.shipped_at is not None and facts.delivered_at is not None:
        return Dates(facts.shipped_at, facts.delivered_at)
    if facts.shipped_at is not None:
        return _dates(how, calendar, method, facts.shipped_at)
    if facts.released_at is None:
        start = _start(how, facts, now)
        leaves = calendar.collection(calendar.after(calendar.order_day(start), how.handling_days))
    else:
        day = calendar.after(calendar.order_day(facts.released_at), how.handling_days)
        still = calendar.collected(now - _patience(how, facts))
        leaves = max(calendar.collection(day), still)
        if facts.cause in BLOCKS:
            leaves = max(leaves, calendar.collection(calendar.order_day(_usual_end(how, facts))))
    return _dates(how, calendar, method, leaves)


def turns_at(how: Promising, facts: Facts, now: datetime) -> datetime | None:
    """When the forecast gets later if nothing at all happens until then; None once everything has left."""
    calendar = _calendar(how)
    if facts.shipped_at is not None:
        return None
    if facts.released_at is None:
        return calendar.cut_off(calendar.order_day(_start(how, facts, now))) - timedelta(minutes=how.warn_minutes)
    leaves = forecast(how, None, facts, now).ship_by
    return leaves + _patience(how, facts)


def _start(how: Promising, facts: Facts, now: datetime) -> datetime:
    """When the warehouse has it at the earliest."""
    soon = max(now + timedelta(minutes=how.warn_minutes), _usual_end(how, facts))
    return soon if facts.not_before is None else max(soon, facts.not_before)


def _patience(how: Promising, facts: Facts) -> timedelta:
    """How long after a collection it still counts, or (negative) how long before it is given up."""
    if how.tells_picking and not facts.picking:
        return -timedelta(minutes=how.warn_minutes)
    return timedelta(minutes=how.report_minutes)


def _usual_end(how: Promising, facts: Facts) -> datetime:
    return facts.since + timedelta(hours=how.usual_hours.get(facts.cause, 0))


def _dates(how: Promising, calendar: _Calendar, method: str | None, leaves: datetime) -> Dates:
    days = how.default_transit_days if method is None else how.transit_days.get(method, how.default_transit_days)
    if days is None:
        return Dates(leaves)
    return Dates(leaves, calendar.end(calendar.after(calendar.day_of(leaves), days)))


def faults(how: Promising) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a policy: field, what is wrong, what would be right."""
    try:
        ZoneInfo(how.time_zone)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        yield "time_zone", f"There is no time zone '{how.time_zone}'.", "Write one such as Europe/Berlin."
    hours = [_hour(text) for text in (how.cut_off, how.collection)]
    for field, hour in zip(("cut_off", "collection"), hours, strict=True):
        if hour is None:
            yield field, f"'{getattr(how, field)}' is not a time of day.", 'Write "14:00".'
    if None not in hours and hours[0] >= hours[1]:  # type: ignore[operator]  # neither is None
        yield "collection", "The collection is not after the cut-off.", "Give a later time of day."
    if not how.working_days or set(how.working_days) - set(WEEKDAYS):
        yield "working_days", "These are not working days.", f"Name at least one of {', '.join(WEEKDAYS)}."
    for text in how.holidays:
        if _day(text) is None:
            yield "holidays", f"'{text}' is not a day.", "Write 2026-12-25."
    yield from _faulty_counts(how)


def _faulty_counts(how: Promising) -> Iterator[tuple[str, str, str]]:
    counts = {name: getattr(how, name) for name in ("handling_days", "lead_minutes", "warn_minutes", "report_minutes")}
    counts |= {"default_transit_days": how.default_transit_days or 0}
    counts |= {"transit_days": min(how.transit_days.values(), default=0)}
    counts |= {"usual_hours": min(how.usual_hours.values(), default=0)}
    counts |= {f"{name} ": max(getattr(how, name).values(), default=0) for name in ("transit_days", "usual_hours")}
    for field, count in counts.items():
        if not 0 <= count <= _MOST:
            yield field.strip(), f"'{field.strip()}' cannot be {count}.", f"Give a whole number from 0 to {_MOST}."
    if how.warn_minutes > how.lead_minutes:
        yield "warn_minutes", "A new order would be late at once.", "Warn no longer before than lead_minutes."
    for name in how.usual_hours:
        if name not in BLOCKS:
            yield "usual_hours", f"'{name}' is not one of what delays an order.", f"Name {', '.join(BLOCKS)}."


def _hour(text: str) -> time | None:
    try:
        hour = time.fromisoformat(text)
    except ValueError:
        return None
    return hour if hour.tzinfo is None else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
