"""A route may begin at an instant: what was placed before is left alone, until somebody wants it after all."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.domain.factories import CHANNEL, NOON, Play, line, money, order, policy, shipment, shipped

from crossdock.domain.beginning import begins, too_early
from crossdock.domain.decision import Context
from crossdock.domain.entries import OperatorRecorded, OrderIgnored, decode_entries, encode_entries
from crossdock.domain.events import OrderFound, OrderSeen, RefundSeen, SettlementNamed
from crossdock.domain.order_decider import ORDER
from crossdock.domain.refund import Adjustment, Refund, Tender
from crossdock.domain.state import decode_state, encode_state

BEFORE, AFTER = "2026-11-23T11:00:00Z", "2026-11-23T13:00:00+00:00"  # orders of these tests are placed at NOON
REFUND = RefundSeen(
    Refund(
        "r1", NOON, "EUR", adjustments=(Adjustment(money("4.00")),), tenders=(Tender("card", money("4.00"), "pay-1"),)
    ),
    CHANNEL,
)


def left_alone(**world: object) -> Play:
    play = Play(since=AFTER, **world)
    play.see()
    return play


def status(play: Play) -> tuple[str, str | None]:
    return play.summary.status, play.summary.reason


def refusal(play: Play) -> str | None:
    entry = play.journal[-1]
    assert isinstance(entry, OperatorRecorded)
    return entry.refused


@pytest.mark.parametrize(
    ("since", "time_zone", "at"),
    [
        ("2026-11-23", "UTC", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23", "Europe/Berlin", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("2026-07-01", "Europe/Berlin", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-11-23T06:00:00+01:00", "America/New_York", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23T06:00Z", "Europe/Berlin", datetime(2026, 11, 23, 6, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_its_midnight_and_an_instant_is_one(since: str, time_zone: str, at: datetime) -> None:
    assert begins(since, time_zone) == at
    route = policy(since=since, time_zone=time_zone)
    assert too_early(route, at - timedelta(microseconds=1)) is not None
    assert too_early(route, at) is None


@pytest.mark.parametrize("since", ["yesterday", "2026-11-31", "2026-11-23T06:00:00", "20261123", ""])
def test_what_is_no_instant_is_refused(since: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library's words, or ours
        begins(since, "UTC")


@pytest.mark.parametrize(
    ("since", "time_zone", "said"),
    [
        (AFTER, "Europe/Berlin", f"placed before the route begins ({AFTER})"),
        ("2026-11-24", "Europe/Berlin", "placed before the route begins (2026-11-24 in Europe/Berlin)"),
    ],
)
def test_an_order_from_before_is_left_alone_whatever_comes_of_it(since: str, time_zone: str, said: str) -> None:
    play = Play(since=since, time_zone=time_zone)
    play.see()
    assert status(play) == ("ignored", said)
    play.see(age_s=5, tags=("rush",))
    play.tell(shipped(shipment()), REFUND)
    play.see(age_s=9, cancelled_at=NOON)
    assert status(play) == ("ignored", said)
    assert (play.commands, play.timers, play.codes()) == ({}, {}, set())


def test_an_order_of_the_very_instant_is_the_routes() -> None:
    play = Play(since="2026-11-23T13:00:00+01:00")
    play.see()
    assert play.purposes() == ["order.book"]


def test_a_part_of_an_order_that_is_here_is_never_too_old() -> None:
    play = Play(since=AFTER)
    play.see(part="X1")
    assert play.summary.status != "ignored"


def test_what_came_before_its_order_is_kept_and_rings_no_alarm() -> None:
    play = Play(since=AFTER)
    play.tell(shipped(shipment()))
    play.see()
    assert (play.summary.status, play.timers, len(play.state.early)) == ("ignored", {}, 1)


def test_it_holds_no_stock_and_is_promised_nothing() -> None:
    play = left_alone()
    assert play.state.reservation is None
    assert play.state.promise is None


def test_reconciliation_tells_it_nothing() -> None:
    assert left_alone().state.problems == {}


# -- taken in after all -----------------------------------------------------------------------------------------


def test_a_later_view_is_taken_in_once_the_route_begins_earlier() -> None:
    play = left_alone()
    play.see(age_s=5, lines=[line(quantity=2)])
    play.world["since"] = BEFORE
    play.tell(OrderSeen(order()))  # a replay, oldest first
    assert play.purposes() == ["order.book"]
    (booked,) = play.commands.values()
    assert booked.payload.order.lines[0].quantity == 2, "as the channel last showed it"
    play.settle_all()
    assert play.state.ended is None


def test_a_route_that_begins_nowhere_any_more_takes_nothing_in_by_itself() -> None:
    play = left_alone()
    play.world["since"] = None
    play.see(age_s=5)
    assert play.summary.status == "ignored"
    play.act("retry")
    assert play.purposes() == ["order.book"]


def test_a_persons_retry_takes_it_in_and_says_why_not_while_it_is_too_early() -> None:
    play = left_alone()
    play.act("retry")
    assert refusal(play) == f"it is placed before the route begins ({AFTER}): move the route's since back first"
    assert play.summary.status == "ignored"
    play.world["since"] = BEFORE
    play.act("retry")
    assert play.purposes() == ["order.book"]
    play.act("retry")
    assert refusal(play) == "nothing of this order has failed"


def test_what_was_told_meanwhile_counts() -> None:
    play = left_alone()
    play.tell(shipped(shipment()), shipped(shipment()))
    play.world["since"] = BEFORE
    play.act("retry")
    play.settle("order.book")
    assert "shipment.post" in play.purposes()
    assert not play.state.early


def test_one_that_was_cancelled_meanwhile_is_cancelled() -> None:
    play = left_alone()
    play.see(age_s=5, cancelled_at=NOON)
    play.world["since"] = BEFORE
    play.tell(OrderSeen(order()))
    assert (play.summary.status, play.commands) == ("cancelled", {})


def test_the_masters_of_its_newest_view_are_loaded() -> None:
    play = left_alone()
    newer = order(age_s=5, lines=[line(sku="NEW")])
    play.tell(OrderSeen(newer))
    needed = ORDER.masters_needed(play.state, OrderSeen(order()))
    assert {"SKU-1", "NEW"} <= needed[CHANNEL][0]


def test_test_orders_are_never_taken_in() -> None:
    play = Play(since=BEFORE)
    play.see(test=True)
    play.act("retry")
    play.see(test=True, age_s=5)
    assert (status(play), play.commands) == (("ignored", "test order"), {})


# -- beside it --------------------------------------------------------------------------------------------------


def test_one_that_came_before_there_was_a_route_is_left_alone_when_there_is_one() -> None:
    play = Play(since=AFTER)
    play._take(ORDER.decide(play.state, OrderSeen(order()), Context(NOON, {}, {}, lambda _: [])))
    assert play.codes() == {"route.missing"}
    play.see()
    assert (play.summary.status, play.state.problems, play.commands) == ("ignored", {}, {})


def test_a_refund_of_an_order_that_is_left_alone_is_told_to_its_settlement() -> None:
    play = left_alone()
    play.tell(SettlementNamed("shop1-payout"))
    told = play.tell(REFUND).tells
    assert [tell.event for tell in told] == [OrderFound("1001", "#1042", ("pay-1", "r1"))]


def test_what_version_one_stored_of_ignored_orders_stays_for_good() -> None:
    stored = b'{"v":1,"entries":[{"type":"order_ignored","reason":"test order","at":"2026-11-23T12:00:00Z"}]}'
    (entry,) = decode_entries(stored)
    assert entry == OrderIgnored("test order", NOON)
    assert encode_entries([entry]) == stored
    play = Play()
    play.see(test=True)
    assert not decode_state(encode_state(play.state)).left_alone
