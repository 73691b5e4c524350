"""Status codes, Retry-After and the backoff schedule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.errors import Asking, by_status, retry_after_s
from crossdock.kit.http import Line, Response

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def now() -> datetime:
    return datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=-2), timedelta(hours=2)])
def test_when_a_call_was_made_is_told_by_the_clock_that_answered_it(jump: timedelta) -> None:
    """Whatever ours does meanwhile: a slow answer must not be taken for newer than it is."""
    ahead, watch = [now() + timedelta(hours=2)], [7.0]
    line = Line("erp", {}, {}, None, None, lambda: ahead[0], lambda: "u", lambda: watch[0])  # type: ignore[arg-type]
    asking = Asking(line)
    ahead[0] += jump
    watch[0] += 3.0
    assert asking.at(now()) == now() - timedelta(seconds=3)
    assert asking.at(None) == now() + timedelta(hours=2), "nothing better is known"


@pytest.mark.parametrize(
    ("status", "write", "read"),
    [
        (302, Misconfigured, Misconfigured),
        (400, Rejected, Rejected),
        (401, Misconfigured, Misconfigured),
        (403, Misconfigured, Misconfigured),
        (404, Rejected, Rejected),
        (408, OutcomeUnknown, RetryLater),
        (409, Conflict, Conflict),
        (412, RetryLater, RetryLater),
        (422, Rejected, Rejected),
        (429, RateLimited, RateLimited),
        (500, OutcomeUnknown, RetryLater),
        (502, OutcomeUnknown, RetryLater),
        (503, RetryLater, RetryLater),
        (504, OutcomeUnknown, RetryLater),
        (520, OutcomeUnknown, RetryLater),
    ],
)
def test_a_status_names_what_must_happen_next(status: int, write: type, read: type) -> None:
    response = Response(status, {}, b"  why\n not ")
    for writes, expected in ((True, write), (False, read)):
        outcome = by_status(response, writes=writes, now=now)
        assert outcome is not None
        assert type(outcome) is expected
        assert not isinstance(outcome, Done)
        assert f"HTTP {status}: why not" in outcome.detail


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_left_to_the_body(status: int) -> None:
    assert by_status(Response(status, {}, b""), writes=True, now=now) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    assert retry_after_s({"retry-after": value}, now) == expected


@pytest.mark.parametrize("off", [timedelta(hours=-2), timedelta(hours=2)])
def test_a_date_to_retry_after_is_of_the_clock_that_answered(off: timedelta) -> None:
    told = {"retry-after": "Mon, 23 Nov 2026 12:30:00 GMT", "date": "Mon, 23 Nov 2026 12:00:00 GMT"}
    assert retry_after_s(told, lambda: now() + off) == 1800.0


@given(st.text(max_size=40))
@unhurried
def test_retry_after_reads_anything(value: str) -> None:
    waits = retry_after_s({"retry-after": value}, now)
    assert waits is None or 0 <= waits <= 86_400


def test_a_limit_and_an_outage_pass_the_vendors_wait_on() -> None:
    assert by_status(Response(429, {"retry-after": "9"}, b""), writes=True, now=now) == RateLimited(9.0, "HTTP 429: ")
    refused = by_status(Response(503, {"retry-after": "9"}, b""), writes=True, now=now)
    assert isinstance(refused, RetryLater)
    assert refused.after_s == 9.0
