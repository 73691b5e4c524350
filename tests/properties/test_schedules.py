"""When something is tried again: bounded, spread by jitter, never earlier than the vendor asked for."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.connectors.netsuite import answers as netsuite
from crossdock.connectors.shiphero import answers as shiphero
from crossdock.connectors.shopify import answers as shopify
from crossdock.domain.outcome import (
    Conflict,
    Done,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.engine import breaker
from crossdock.engine.disposal import (
    FIRST_BACKOFF_S,
    LONGEST_BACKOFF_S,
    MAX_TRIES,
    SHORTEST_REST_S,
    Again,
    PauseConnection,
    Settle,
    backoff_s,
    dispose,
)
from crossdock.kit.errors import by_status
from crossdock.kit.http import Response
from crossdock.kit.manifest import Operation, Repeat
from crossdock.store.protocol import ConnectionRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
A_DAY_S = 86_400.0
JITTER = st.floats(0, 1, exclude_max=True)
WAITS = st.floats(0, A_DAY_S)
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Done),
    st.builds(Rejected, st.just("no"), st.just("no")),
    st.builds(Conflict, st.just("there"), st.just("there")),
    st.builds(Misconfigured, st.just("key")),
    st.builds(OutcomeUnknown, st.just("?")),
    st.builds(RateLimited, WAITS),
    st.builds(RetryLater, st.just("later"), st.none() | WAITS),
)


def operation(repeat: Repeat, settle_s: float = 0.0) -> Operation:
    async def send(*_: Any) -> Any:
        raise AssertionError("never called here")

    return Operation("order.book", "Book", repeat, send, settle_s=settle_s)


@given(st.integers(0, 500), JITTER)
def test_backoff_grows_to_its_ceiling_and_keeps_its_jitter(tries: int, jitter: float) -> None:
    wait = backoff_s(tries, jitter)
    ceiling = min(FIRST_BACKOFF_S * 2**tries, LONGEST_BACKOFF_S)
    assert ceiling / 2 <= wait <= ceiling
    assert backoff_s(tries, 0.0) <= wait <= backoff_s(tries + 1, jitter) + 1e-9


@given(OUTCOMES, st.sampled_from(Repeat), st.integers(1, MAX_TRIES + 3), st.booleans(), JITTER, WAITS)
def test_what_follows_from_an_outcome_is_what_its_name_says(
    outcome: Outcome, repeat: Repeat, tries: int, checking: bool, jitter: float, settle_s: float
) -> None:
    found = dispose(outcome, operation(repeat, settle_s), tries, checking, jitter)
    match outcome:
        case Done() | Rejected() | Conflict():
            assert found == Settle(outcome), "a vendor's word is final, never tried again by itself"
        case Misconfigured():
            assert isinstance(found, PauseConnection)
        case RateLimited():
            assert isinstance(found, Again)
            assert outcome.after_s <= found.in_s <= max(outcome.after_s, SHORTEST_REST_S) * 1.25
            assert not found.counts
        case RetryLater() | OutcomeUnknown():
            assert isinstance(found, Settle) == (
                tries >= MAX_TRIES or (repeat is Repeat.UNSAFE and isinstance(outcome, OutcomeUnknown))
            )
    if isinstance(found, Again):
        _never_early(found, outcome, repeat, settle_s, checking)
    if checking and isinstance(found, Settle) and isinstance(outcome, RetryLater):
        assert isinstance(found.outcome, OutcomeUnknown), "nothing happened now; what happened before is still open"


def _never_early(found: Again, outcome: Outcome, repeat: Repeat, settle_s: float, checking: bool) -> None:
    assert found.in_s >= SHORTEST_REST_S
    assert math.isfinite(found.in_s)
    assert not checking or found.check_first or repeat is Repeat.READ, "doubt outlives what settles nothing"
    asked = getattr(outcome, "after_s", None)
    assert asked is None or found.in_s >= asked
    if isinstance(outcome, OutcomeUnknown) and repeat is Repeat.SEARCHABLE:
        assert found.in_s >= settle_s
    if isinstance(outcome, OutcomeUnknown):
        assert repeat is not Repeat.UNSAFE
        assert found.check_first or repeat is Repeat.READ


@given(st.integers(1, MAX_TRIES - 1), JITTER, st.floats(1, 3_600))
def test_a_doubt_is_handled_as_the_vendors_power_to_tell_repeats_allows(
    tries: int, jitter: float, settle_s: float
) -> None:
    """Searchable: not before a late commit would show, and looked up first. Unique: looked up. Unsafe: never again."""
    doubt = OutcomeUnknown("cut")
    searchable = dispose(doubt, operation(Repeat.SEARCHABLE, settle_s), tries, False, jitter)
    assert isinstance(searchable, Again)
    assert searchable.in_s >= settle_s
    assert searchable.check_first
    unique = dispose(doubt, operation(Repeat.UNIQUE), tries, False, jitter)
    assert isinstance(unique, Again)
    assert unique.check_first
    assert dispose(doubt, operation(Repeat.UNSAFE), tries, False, jitter) == Settle(doubt)
    read = dispose(doubt, operation(Repeat.READ), tries, False, jitter)
    assert isinstance(read, Again)
    assert not read.check_first


@settings(max_examples=60)
@given(st.lists(OUTCOMES, min_size=60, max_size=60), st.sampled_from(Repeat), JITTER)
def test_every_command_comes_to_its_end(outcomes: list[Outcome], repeat: Repeat, jitter: float) -> None:
    """Whatever comes back, after at most ``MAX_TRIES`` tries that count the command is settled."""
    tries, checking = 0, False
    for outcome in outcomes:
        tries += 1
        found = dispose(outcome, operation(repeat), tries, checking, jitter)
        assert tries <= MAX_TRIES
        if isinstance(found, Settle):
            return
        counts = isinstance(found, Again) and found.counts
        tries -= not counts
        checking = found.check_first if isinstance(found, Again) else checking
    assert tries < MAX_TRIES


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 90)), max_size=60))
def test_a_breaker_opens_for_longer_each_time_and_never_for_ever(life: list[tuple[bool, float]]) -> None:
    row, now, longest = ConnectionRow(1, "erp", "netsuite", False, None, "closed", None, 0), NOW, 0.0
    for works, later_s in life:
        now += timedelta(seconds=later_s)
        row = _as_read(row, now)
        calls = breaker.allowance(row)
        assert calls in (None, 0, 1)
        trip = breaker.after_success(row) if works and calls != 0 else breaker.after_failure(row)
        if trip is None:
            continue
        if trip.for_s is not None:
            assert breaker.FIRST_OPEN_S <= trip.for_s <= breaker.LONGEST_OPEN_S
            assert trip.breaker == "open"
            assert trip.for_s >= longest, "an outage that goes on is asked about less and less"
        longest = 0.0 if trip.breaker == "closed" and trip.failures == 0 else max(longest, trip.for_s or 0.0)
        until = now + timedelta(seconds=trip.for_s) if trip.for_s is not None else None
        row = msgspec.structs.replace(row, failures=trip.failures, breaker=trip.breaker, breaker_until=until)
    assert breaker.allowance(_as_read(row, now + timedelta(seconds=breaker.LONGEST_OPEN_S))) in (None, 1)


def _as_read(row: ConnectionRow, now: datetime) -> ConnectionRow:
    """As the store reads it on its clock."""
    over = row.breaker == "open" and row.breaker_until is not None and row.breaker_until <= now
    return msgspec.structs.replace(row, breaker="half_open") if over else row


def _shopify(response: Response, writes: bool) -> Outcome | None:
    with pytest.raises(shopify.Failed) as failed:
        shopify.read(response, write=writes)
    return failed.value.outcome


def _shiphero(response: Response, writes: bool) -> Outcome | None:
    with pytest.raises(shiphero.Stopped) as stopped:
        shiphero.read(response, dict[str, int], writes=writes, now=lambda: NOW)
    return stopped.value.outcome


READERS: dict[str, Callable[[Response, bool], Outcome | None]] = {
    "kit": lambda response, writes: by_status(response, writes=writes, now=lambda: NOW),
    "netsuite": lambda response, writes: netsuite.classify(response, wrote=writes),
    "shopify": _shopify,
    "shiphero": _shiphero,
}
HEADERS = st.one_of(
    st.integers(0, 10**6).map(str),
    st.floats().map(str),
    st.sampled_from(["inf", "nan", "-1", "1e999", "9" * 400, "٣", "²", "0x10", "1_0", "", " 5 ", "+5", "soon"]),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: format_datetime(at, usegmt=True)),
    st.text(max_size=20),
)


@pytest.mark.parametrize("system", READERS)
@given(status=st.sampled_from([429, 503, 430, 423]), told=HEADERS, writes=st.booleans())
def test_whatever_retry_after_says_the_wait_is_a_wait(system: str, status: int, told: str, writes: bool) -> None:
    """A header is a number from outside: a wait that is infinite, or longer than a day, must not come of it."""
    outcome = READERS[system](Response(status, {"retry-after": told}, b""), writes)
    assert isinstance(outcome, get_args(Outcome))
    after_s = getattr(outcome, "after_s", None)
    assert after_s is None or 0 <= after_s <= A_DAY_S


@pytest.mark.parametrize("system", READERS)
@given(seconds=st.integers(1, int(A_DAY_S)))
def test_seconds_are_taken_at_their_word(system: str, seconds: int) -> None:
    outcome = READERS[system](Response(429, {"retry-after": str(seconds)}, b""), True)
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == seconds
