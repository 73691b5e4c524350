"""Whatever the calendar: no promise on a day off, and a later instant never makes an earlier forecast."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.domain.promise import BLOCKS, RELEASED, WEEKDAYS, Facts, Promising, forecast, promised, turns_at

# Zones whose clocks change at odd hours, by half an hour, at midnight, or that skipped a whole day.
ZONES = ("UTC", "Australia/Melbourne", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "America/St_Johns",
         "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "Europe/Berlin")  # fmt: skip
INSTANTS = st.integers(0, 24 * 365 * 24 * 60).map(lambda m: datetime(2006, 1, 1, tzinfo=UTC) + timedelta(minutes=m))
HOURS = st.tuples(st.integers(0, 22), st.sampled_from([0, 30])).map(lambda hour: f"{hour[0]:02}:{hour[1]:02}")


@st.composite
def policies(draw: st.DrawFn) -> Promising:
    cut_off = draw(HOURS)
    warn = draw(st.integers(0, 120))
    days = st.dates(date(2006, 1, 1), date(2030, 1, 1)).map(date.isoformat)
    return Promising(
        time_zone=draw(st.sampled_from(ZONES)),
        cut_off=cut_off,
        collection=draw(HOURS.filter(lambda hour: hour > cut_off) | st.just("23:30")),
        handling_days=draw(st.integers(0, 3)),
        working_days=tuple(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))),
        holidays=dict.fromkeys(draw(st.lists(days, max_size=20)), "off"),
        default_transit_days=draw(st.none() | st.integers(0, 5)),
        lead_minutes=warn + draw(st.integers(0, 60)),
        warn_minutes=warn,
        report_minutes=draw(st.integers(0, 120)),
        usual_hours=draw(st.dictionaries(st.sampled_from(BLOCKS), st.integers(0, 200))),
        tells_picking=draw(st.booleans()),
    )


@st.composite
def stands(draw: st.DrawFn) -> tuple[Promising, Facts, datetime]:
    since = draw(INSTANTS)
    now = since + timedelta(minutes=draw(st.integers(0, 20_000)))
    released = draw(st.none() | st.just(since))
    cause = draw(st.sampled_from([*BLOCKS, RELEASED]))
    waits = draw(st.none() | st.integers(0, 20_000).map(lambda minutes: since + timedelta(minutes=minutes)))
    return draw(policies()), Facts(cause, since, released, None, draw(st.booleans()), waits), now


def day_in(how: Promising, at: datetime) -> date:
    return at.astimezone(ZoneInfo(how.time_zone)).date()


def works(how: Promising, day: date) -> bool:
    return WEEKDAYS[day.weekday()] in how.working_days and day.isoformat() not in how.holidays


@given(policies(), INSTANTS)
def test_no_promise_falls_on_a_day_off_nor_before_it_is_given(how: Promising, at: datetime) -> None:
    dates = promised(how, None, at)
    assert dates.ship_by > at
    assert works(how, day_in(how, dates.ship_by))
    if dates.deliver_by is not None:
        assert dates.deliver_by >= dates.ship_by
        assert works(how, day_in(how, dates.deliver_by))


@given(policies(), INSTANTS)
def test_a_new_order_is_never_late_by_itself(how: Promising, at: datetime) -> None:
    assert not forecast(how, None, Facts("on_its_way", at), at).later_than(promised(how, None, at))


@settings(max_examples=300)
@given(stands(), st.integers(0, 50_000))
def test_a_later_instant_never_makes_an_earlier_forecast(
    stand: tuple[Promising, Facts, datetime], minutes: int
) -> None:
    how, facts, now = stand
    assert not forecast(how, None, facts, now).later_than(forecast(how, None, facts, now + timedelta(minutes=minutes)))


@settings(max_examples=300)
@given(policies(), INSTANTS, st.integers(0, 20_000), st.sampled_from([*BLOCKS, RELEASED]), st.booleans())
def test_the_same_event_later_never_makes_an_earlier_forecast(
    how: Promising, at: datetime, minutes: int, cause: str, released: bool
) -> None:
    def after(instant: datetime) -> tuple[Facts, datetime]:
        return Facts(cause, instant, instant if released else None), instant

    early, late = (forecast(how, None, *after(each)) for each in (at, at + timedelta(minutes=minutes)))
    assert not early.later_than(late)


@settings(max_examples=300)
@given(stands())
def test_the_alarm_goes_off_exactly_when_the_forecast_turns(stand: tuple[Promising, Facts, datetime]) -> None:
    how, facts, now = stand
    turns = turns_at(how, facts, now)
    assert turns is not None
    assert turns > now
    same, other = (forecast(how, None, facts, turns - timedelta(microseconds=each)) for each in (1, 0))
    assert same == forecast(how, None, facts, now)
    assert other.ship_by > same.ship_by
