"""Dates promised and forecast: calendars, cut-offs, changes of clocks; and an order that keeps or breaks them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.domain.factories import (
    NOON,
    Play,
    line,
    order,
    shipment,
    shipped,
    shipping,
    stored_and_read,
    with_changes,
)

from crossdock.domain.decision import HoldHit
from crossdock.domain.entries import ForecastMade, PromiseGiven
from crossdock.domain.events import CommandSettled, OperatorActed, OrderSeen, ReleaseSeen
from crossdock.domain.order import PaymentStatus
from crossdock.domain.outcome import Rejected
from crossdock.domain.promise import Dates, Facts, Promising, faults, forecast, promised, turns_at

MELBOURNE = Promising("Australia/Melbourne", transit_days={"UPS": 2}, holidays={"2026-11-26": "a day off"})
UTC_HOUSE = Promising("UTC", default_transit_days=3)  # NOON is a Monday: the cut-off is two hours later


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("accepted", "leaves"),
    [
        ("2026-11-23T12:59:59+11:00", "2026-11-23T17:00:00+11:00"),
        ("2026-11-23T13:00:00+11:00", "2026-11-24T17:00:00+11:00"),  # with lead_minutes it is the cut-off
        ("2026-11-25T13:00:00+11:00", "2026-11-27T17:00:00+11:00"),  # Thursday is a holiday
        ("2026-11-27T13:00:00+11:00", "2026-11-30T17:00:00+11:00"),  # and on the weekend nobody works
    ],
)
def test_what_makes_the_cut_off_leaves_the_same_working_day(accepted: str, leaves: str) -> None:
    assert promised(MELBOURNE, None, at(accepted)) == Dates(at(leaves))


def test_days_in_transit_are_working_days_by_method() -> None:
    accepted = at("2026-11-25T09:00:00+11:00")
    assert promised(MELBOURNE, "UPS", accepted).deliver_by == at("2026-11-30T23:59:00+11:00")  # holiday, weekend
    assert promised(MELBOURNE, "a bicycle", accepted).deliver_by is None


@pytest.mark.parametrize(
    ("accepted", "leaves"),
    [
        ("2026-10-03T12:59:00+10:00", "2026-10-03T17:00:00+10:00"),
        ("2026-10-03T13:00:00+10:00", "2026-10-04T17:00:00+11:00"),  # the night has an hour less
        ("2026-04-04T13:00:00+11:00", "2026-04-05T17:00:00+10:00"),  # and one more
    ],
)
def test_an_hour_more_or_less_changes_no_day(accepted: str, leaves: str) -> None:
    every_day = with_changes(MELBOURNE, working_days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    assert promised(every_day, None, at(accepted)).ship_by == at(leaves)


def test_a_cut_off_in_the_hour_that_is_left_out_still_is_an_instant() -> None:
    night = with_changes(MELBOURNE, cut_off="02:30", collection="02:45", lead_minutes=0, warn_minutes=0,
                         working_days=("sat", "sun"))  # fmt: skip
    before, after = at("2026-10-04T01:59:00+10:00"), at("2026-10-04T04:00:00+11:00")
    assert promised(night, None, before).ship_by == at("2026-10-04T02:45:00+10:00")
    assert promised(night, None, after).ship_by == at("2026-10-10T02:45:00+11:00")


def test_the_forecast_turns_exactly_when_it_says() -> None:
    facts = Facts("on_its_way", NOON)
    turns = turns_at(UTC_HOUSE, facts, NOON)
    assert turns == NOON + timedelta(hours=1, minutes=30)
    just_before = forecast(UTC_HOUSE, None, facts, turns - timedelta(microseconds=1))
    assert just_before == forecast(UTC_HOUSE, None, facts, NOON)
    assert forecast(UTC_HOUSE, None, facts, turns).ship_by == just_before.ship_by + timedelta(days=1)


def test_what_usually_takes_days_is_forecast_at_once() -> None:
    how = with_changes(UTC_HOUSE, usual_hours={"backordered": 48})
    facts = Facts("backordered", NOON, released_at=NOON)
    assert forecast(how, None, facts, NOON).ship_by == NOON + timedelta(days=2, hours=5)


def test_a_silent_warehouse_is_told_of_before_the_collection_where_it_should_speak() -> None:
    facts, almost = Facts("released", NOON, released_at=NOON), NOON + timedelta(hours=4, minutes=30)
    assert forecast(UTC_HOUSE, None, facts, almost).ship_by == NOON + timedelta(hours=5)
    speaks = with_changes(UTC_HOUSE, tells_picking=True)
    assert forecast(speaks, None, facts, almost).ship_by == NOON + timedelta(days=1, hours=5)
    picking = with_changes(facts, picking=True)
    assert forecast(speaks, None, picking, almost).ship_by == NOON + timedelta(hours=5)
    assert turns_at(speaks, facts, NOON) == almost


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"cut_off": "25:00"}, "cut_off"),
        ({"collection": "17:00+01:00"}, "collection"),
        ({"collection": "13:00"}, "collection"),
        ({"working_days": ()}, "working_days"),
        ({"working_days": ("monday",)}, "working_days"),
        ({"holidays": {"Christmas": "2026-12-25"}}, "holidays"),
        ({"transit_days": {"UPS": -1}}, "transit_days"),
        ({"handling_days": 10**9}, "handling_days"),
        ({"warn_minutes": 61}, "warn_minutes"),
        ({"usual_hours": {"rain": 3}}, "usual_hours"),
    ],
)
def test_a_policy_that_cannot_be_is_named(changed: dict[str, Any], field: str) -> None:
    assert {name for name, _, _ in faults(with_changes(UTC_HOUSE, **changed))} == {field}


def test_a_policy_that_can_be_is_not() -> None:
    assert not list(faults(UTC_HOUSE))
    assert not list(faults(MELBOURNE))


# an order -------------------------------------------------------------------------------------------------------------

SAME_DAY, NEXT_DAY = NOON + timedelta(hours=5), NOON + timedelta(days=1, hours=5)
HELD = [HoldHit("big", "finance", "it is big")]


def play(**world: Any) -> Play:
    return Play(promise=UTC_HOUSE, **world)


def forecasts(one: Play) -> list[ForecastMade]:
    return [entry for entry in one.journal if isinstance(entry, ForecastMade)]


def test_the_promise_is_given_once_and_stays() -> None:
    one = play()
    one.see()
    assert one.state.promise is not None
    assert one.state.promise.dates == Dates(SAME_DAY, NOON.replace(hour=23, minute=59) + timedelta(days=3))
    one.see(age_s=5, lines=[line(quantity=2)], now=NOON + timedelta(days=2))
    one.settle_all()
    assert sum(isinstance(entry, PromiseGiven) for entry in one.journal) == 1
    assert one.state.promise.dates.ship_by == SAME_DAY
    assert stored_and_read(one.state) == one.state


def test_nothing_is_promised_before_the_money_is_there_nor_of_what_does_not_ship() -> None:
    one = play()
    one.see(payment_status=PaymentStatus.PENDING)
    assert one.state.promise is None
    assert "promise" not in one.timers
    one.see(age_s=9)
    assert one.state.promise is not None
    digital = play()
    digital.see(lines=[line(requires_shipping=False)])
    assert digital.state.promise is None


def test_a_route_without_a_promise_decides_as_ever() -> None:
    with_, without = play(), Play()
    for one in (with_, without):
        one.tell(OrderSeen(order()), shipped(shipment()))
        one.settle_all()
    kept = [entry for entry in with_.journal if not isinstance(entry, PromiseGiven | ForecastMade)]
    assert [entry for entry in kept if getattr(entry, "name", "") != "promise"] == without.journal
    assert without.state.promise is None
    assert "promise" not in without.timers


def test_what_the_channel_promised_itself_counts() -> None:
    one = play()
    told = NOON + timedelta(hours=1)
    one.see(ship_by=told)
    assert one.state.promise is not None
    assert (one.state.promise.dates.ship_by, one.state.promise.told) == (told, ("ship",))
    assert one.state.promise.dates.deliver_by is not None  # which the channel did not tell: the route's
    assert one.codes() == {"promise.late"}  # it cannot be kept, and that is known at once


def test_an_order_that_sits_still_is_told_of_before_the_cut_off() -> None:
    one = play(holds=lambda _: HELD)
    one.see()
    assert one.timers["promise"] < NOON + timedelta(hours=2)
    assert one.codes() == {"order.held"}
    decision = one.fire("promise")
    assert [problem.code for problem in decision.opened] == ["promise.late"]
    found = decision.opened[0]
    assert (found.klass, found.facts["cause"], found.facts["cure"]) == ("promise", "it is held", "Release the hold.")
    assert found.facts["behind"] == ["Held by rule big: it is big"]
    assert one.summary.status == "held"  # late tells nothing about how far it is


def test_a_breach_is_raised_once_while_the_forecast_moves() -> None:
    one = play(holds=lambda _: HELD)
    one.see()
    raised = [problem for _ in range(5) for problem in one.fire("promise").opened]
    assert len(raised) == 1
    assert len({entry.dates.ship_by for entry in forecasts(one)}) == 6


def test_it_is_settled_by_itself_when_the_forecast_is_in_time_again() -> None:
    one = Play(promise=with_changes(UTC_HOUSE, usual_hours={"held": 24}), holds=lambda _: HELD)
    one.see()
    assert one.codes() == {"order.held", "promise.late"}
    decision = one.act("release_hold")
    assert "promise" in decision.settled
    assert one.codes() == set()


def test_what_a_person_resolved_is_not_raised_again() -> None:
    one = play(holds=lambda _: HELD)
    one.see()
    one.fire("promise")
    later = one.timers["promise"] - timedelta(hours=1)
    one.tell(OperatorActed("resolve", "olivia", "the customer knows", {"problem": "promise"}), now=later)
    assert one.codes() == {"order.held"}
    one.fire("promise")
    assert one.codes() == {"order.held"}


def test_a_refused_booking_is_what_delays() -> None:
    one = play()
    one.see()
    one.tell(settle_badly(one), now=NOON + timedelta(minutes=1))
    one.fire("promise")
    assert one.state.promise is not None
    assert (one.state.promise.cause, one.state.promise.late) == ("exception", True)
    assert one.codes() == {"order.book.rejected", "promise.late"}
    assert one.summary.step == "order.book"


def settle_badly(one: Play) -> CommandSettled:
    command = next(iter(one.commands.values()))
    return CommandSettled(command.key, command.payload.purpose, command.target, Rejected("NO", "no"))


def test_the_warehouse_s_back_order_is_what_delays_and_leaving_ends_it() -> None:
    one = Play(promise=with_changes(UTC_HOUSE, usual_hours={"backordered": 72}))
    one.see()
    one.settle_all()
    one.tell(ReleaseSeen("backordered", "wms1"))
    assert one.state.promise is not None
    assert (one.state.promise.cause, one.codes()) == ("backordered", {"promise.late"})
    late = with_changes(shipment(), shipped_at=NOON + timedelta(days=2))
    decision = one.tell(shipped(late), now=NOON + timedelta(days=2))
    assert "promise" in decision.settled
    assert (one.state.promise.cause, one.state.promise.late) == ("shipped", True)
    assert one.state.promise.forecast is not None
    assert one.state.promise.forecast.ship_by == NOON + timedelta(days=2)
    assert "promise" not in one.timers


def test_the_rest_of_a_partly_shipped_order_is_forecast() -> None:
    one = play()
    one.see(lines=[line(quantity=2)])
    one.settle_all()
    one.tell(shipped(shipment()))
    assert one.state.promise is not None
    assert one.state.promise.cause == "partly_shipped"
    one.fire("promise")
    assert (one.state.promise.forecast, one.codes()) == (
        Dates(NEXT_DAY, one.state.promise.dates.deliver_by and one.state.promise.dates.deliver_by + timedelta(days=1)),
        {"promise.late"},
    )


def test_a_cancelled_order_promises_nothing() -> None:
    one = play(holds=lambda _: HELD)
    one.see()
    one.fire("promise")
    one.act("cancel")
    assert one.codes() == set()
    assert "promise" not in one.timers


def test_a_promise_taken_off_the_route_leaves_nothing_behind() -> None:
    one = play(holds=lambda _: HELD)
    one.see()
    one.fire("promise")
    one.tell(OrderSeen(order(age_s=3)), promise=None)
    assert one.codes() == {"order.held"}
    assert "promise" not in one.timers


def test_the_customer_s_time_for_changes_is_reckoned_with() -> None:
    one = play(edit_window_s=4 * 3600)
    one.see()
    assert one.state.promise is not None
    assert one.state.promise.dates.ship_by == NEXT_DAY
    assert one.state.promise.forecast is not None
    assert (one.state.promise.forecast.ship_by, one.codes()) == (NEXT_DAY, set())
    assert one.timers["promise"] == NOON + timedelta(days=1, hours=1, minutes=30)


def test_the_method_s_days_count() -> None:
    one = Play(promise=with_changes(UTC_HOUSE, transit_days={"AIR": 1}), ship_methods={"express": "AIR"})
    one.see(charges=[shipping(code="express")])
    assert one.state.promise is not None
    assert one.state.promise.dates.deliver_by == NOON.replace(hour=23, minute=59) + timedelta(days=1)
