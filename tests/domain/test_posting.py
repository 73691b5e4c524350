"""A posting date is a day in the company's time zone, in books that are open."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.domain.posting import PeriodClosed, PostingDay, company_day, posting_day

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-04-01T03:30:00Z", "America/New_York", "2026-03-31"),  # a quarter's last evening, in summer time
        ("2026-04-01T04:00:00Z", "America/New_York", "2026-04-01"),
        ("2027-01-01T04:59:59Z", "America/New_York", "2026-12-31"),  # a year's last second, in winter time
        ("2027-01-01T05:00:00Z", "America/New_York", "2027-01-01"),
        ("2026-03-29T00:59:59Z", "Europe/Berlin", "2026-03-29"),  # the second before clocks go forward
        ("2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-25"),  # half past two happens twice
        ("2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25"),
        ("2026-10-24T22:00:00Z", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "Europe/Berlin", "2026-10-25"),  # the day of 25 hours ends an hour later
        ("2026-10-25T23:00:00Z", "Europe/Berlin", "2026-10-26"),
        ("2026-02-28T18:30:00Z", "Asia/Kolkata", "2026-03-01"),  # half an hour off the hour
        ("2026-06-30T10:00:00Z", "Pacific/Kiritimati", "2026-07-01"),  # 14 hours ahead
    ],
)
def test_the_day_is_the_companys(instant: str, zone: str, day: str) -> None:
    at = datetime.fromisoformat(instant.replace("Z", "+00:00"))
    assert company_day(at, zone) == date.fromisoformat(day)


instants = st.integers(946_684_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(at=instants, zone=st.sampled_from(ZONES))
def test_a_day_is_where_the_clock_on_the_companys_wall_says(at: datetime, zone: str) -> None:
    wall = at.astimezone(ZoneInfo(zone))
    assert company_day(at, zone) == wall.date()
    assert abs(company_day(at, zone) - at.date()) <= timedelta(days=1)


@given(at=instants, later=st.timedeltas(timedelta(0), timedelta(days=400)), zone=st.sampled_from(ZONES))
def test_what_happens_later_is_never_posted_earlier(at: datetime, later: timedelta, zone: str) -> None:
    closed = date(2020, 6, 30)
    first, second = (posting_day(each, zone, closed, "next_day") for each in (at, at + later))
    assert isinstance(first, PostingDay)
    assert isinstance(second, PostingDay)
    assert first.day <= second.day


@given(at=instants, zone=st.sampled_from(ZONES), closed=st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_nothing_is_ever_posted_into_closed_books(at: datetime, zone: str, closed: date) -> None:
    moved, held = (posting_day(at, zone, closed, policy) for policy in ("next_day", "hold"))
    own = company_day(at, zone)
    assert isinstance(moved, PostingDay)
    assert moved.day > closed
    assert moved.own == own
    if own > closed:
        assert moved == held == PostingDay(own, own)
        assert not moved.moved
    else:
        assert moved.day == closed + timedelta(days=1)
        assert held == PeriodClosed(own, closed)


def test_without_a_closed_period_every_day_is_open() -> None:
    assert posting_day(datetime(2001, 1, 1, tzinfo=UTC), "UTC", None, "hold") == PostingDay(
        date(2001, 1, 1), date(2001, 1, 1)
    )
