"""The breaker opens on outages, not on orders that a system refuses, and lets one probe through."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.engine.breaker import LONGEST_OPEN_S, TRIP_AFTER, after_failure, after_success, allowance, healthy
from crossdock.store.protocol import ConnectionRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLOSED = ConnectionRow(1, "erp", "netsuite", False, None, "closed", None, 0)


def waited(row: ConnectionRow) -> ConnectionRow:
    """As the store reads it when the wait is over."""
    return msgspec.structs.replace(row, breaker="half_open") if row.breaker == "open" else row


def fail(row: ConnectionRow, times: int) -> ConnectionRow:
    """Failures that come after whatever the breaker waits for."""
    for _ in range(times):
        trip = after_failure(waited(row))
        assert trip is not None
        until = None if trip.for_s is None else NOW + timedelta(seconds=trip.for_s)
        row = msgspec.structs.replace(row, failures=trip.failures, breaker=trip.breaker, breaker_until=until)
    return row


def test_closed_lets_everything_through() -> None:
    assert allowance(CLOSED) is None


def test_a_refused_order_is_a_sign_of_health() -> None:
    assert healthy(Rejected("bad", "no"), "bad")
    assert healthy(Done(), "")
    assert not healthy(OutcomeUnknown("cut"), "no_answer")
    assert not healthy(RetryLater("503"), "unavailable")
    assert healthy(RetryLater("record changed", code="record_changed"), "record_changed")


@pytest.mark.parametrize("code", ["http_503", "http_500", "no_answer", "server_error", "token_unavailable"])
def test_an_outage_is_one_whatever_its_connector_calls_it(code: str) -> None:
    """Else orders would use up their tries, one by one, and each become an exception."""
    assert not healthy(RetryLater("away", code=code), code)


@pytest.mark.parametrize("code", ["http_412", "http_423", "token_refused", "half_made"])
def test_a_record_that_is_busy_is_no_outage(code: str) -> None:
    assert healthy(RetryLater("busy", code=code), code)


def test_opens_after_consecutive_failures_then_allows_one_probe() -> None:
    row = fail(CLOSED, TRIP_AFTER - 1)
    assert row.breaker == "closed"
    row = fail(row, 1)
    assert row.breaker == "open"
    assert allowance(row) == 0
    assert allowance(waited(row)) == 1


def test_a_clock_that_is_ahead_does_not_end_the_wait() -> None:
    """Only the store's does, whatever instant the row names."""
    long_ago = msgspec.structs.replace(fail(CLOSED, TRIP_AFTER), breaker_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert allowance(long_ago) == 0
    assert after_failure(long_ago) is None


def test_a_failed_probe_opens_for_longer_up_to_a_bound() -> None:
    row = fail(CLOSED, TRIP_AFTER)
    waits = []
    for _ in range(12):
        row = fail(row, 1)
        assert row.breaker_until is not None
        waits.append((row.breaker_until - NOW).total_seconds())
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_OPEN_S


def test_failures_of_calls_that_were_in_flight_when_it_opened_do_not_open_it_for_longer() -> None:
    assert after_failure(fail(CLOSED, TRIP_AFTER)) is None


def test_success_closes_and_forgets() -> None:
    row = fail(CLOSED, TRIP_AFTER)
    trip = after_success(row)
    assert trip is not None
    assert (trip.failures, trip.breaker) == (0, "closed")
    assert after_success(CLOSED) is None


def test_paused_lets_nothing_through() -> None:
    assert allowance(msgspec.structs.replace(CLOSED, paused=True, paused_reason="x")) == 0
