"""On which day something is posted: the company's own calendar, and books that are closed up to a day. Pure.

An instant is one moment everywhere; a posting date is a day in the company's time zone. 23:30 on 31 March in New York
is 1 April in UTC, and must not land in April's books.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from crossdock.domain.decision import Policy

NEXT_DAY, HOLD = "next_day", "hold"


class PostingDay(msgspec.Struct, frozen=True):
    """``day`` is when it is posted; ``own`` the day it happened. They differ where the books of ``own`` are closed."""

    day: date
    own: date

    @property
    def moved(self) -> bool:
        return self.day != self.own


class PeriodClosed(msgspec.Struct, frozen=True):
    """The books of the day are closed, and the policy is to ask a person."""

    own: date
    closed_through: date


def zone(name: str) -> tzinfo:
    """UTC needs no time zone database, which small systems lack. Raises ``ZoneInfoNotFoundError`` or ``ValueError``."""
    return UTC if name == "UTC" else ZoneInfo(name)


def company_day(at: datetime, time_zone: str) -> date:
    """The company's calendar day of an instant, daylight saving included."""
    return at.astimezone(zone(time_zone)).date()


def posting_day(
    at: datetime, time_zone: str, closed_through: date | None, closed_period: str
) -> PostingDay | PeriodClosed:
    """When something that happened at ``at`` is posted: its own day, or the first that is open, or nobody knows yet."""
    own = company_day(at, time_zone)
    if closed_through is None or own > closed_through:
        return PostingDay(own, own)
    if closed_period == HOLD:
        return PeriodClosed(own, closed_through)
    return PostingDay(closed_through + timedelta(days=1), own)


def moved_day(policy: Policy, at: datetime) -> date | None:
    """The first open day, where the books of its own are closed and the route says so; else None."""
    if policy.closed_through is None or policy.closed_period != NEXT_DAY:
        return None
    closed = date.fromisoformat(policy.closed_through)
    day = posting_day(at, policy.time_zone, closed, policy.closed_period)
    return day.day if isinstance(day, PostingDay) and day.moved else None


def first_open(policy: Policy) -> date | None:
    """The first day of open books, where what falls into closed ones is to be posted then; else None."""
    if policy.closed_through is None or policy.closed_period != NEXT_DAY:
        return None
    return date.fromisoformat(policy.closed_through) + timedelta(days=1)
