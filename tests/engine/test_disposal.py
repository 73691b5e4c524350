"""What follows from each outcome, for each idempotency class."""

import pytest

from crossdock.domain.outcome import (
    Conflict,
    Done,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.engine.disposal import (
    LONGEST_BACKOFF_S,
    MAX_TRIES,
    SHORTEST_REST_S,
    Again,
    PauseConnection,
    Settle,
    backoff_s,
    dispose,
)
from crossdock.kit.manifest import Call, Operation, Repeat, Result


async def never(client: object, payload: object, call: Call) -> Result:
    raise AssertionError("disposal is pure: it calls nothing")


def operation(repeat: Repeat, settle_s: float = 20.0) -> Operation:
    return Operation("order.book", "book", repeat, never, settle_s=settle_s)


@pytest.mark.parametrize("outcome", [Done(), Rejected("x", "no"), Conflict("x", "there")])
@pytest.mark.parametrize("repeat", Repeat)
def test_an_answer_that_says_yes_or_no_settles(outcome: Done | Rejected | Conflict, repeat: Repeat) -> None:
    assert dispose(outcome, operation(repeat), 1, False, 0.5) == Settle(outcome)


def test_a_rate_limit_waits_as_told_and_costs_no_try() -> None:
    again = dispose(RateLimited(3.0), operation(Repeat.UNIQUE), 99, False, 0.0)
    assert again == Again(3.0, counts=False)


def test_a_rate_limit_that_asks_for_no_wait_is_not_asked_again_at_once() -> None:
    assert dispose(RateLimited(0.0), operation(Repeat.UNIQUE), 1, False, 0.0) == Again(SHORTEST_REST_S, counts=False)


@pytest.mark.parametrize("asked", [0.0, 1.0])
def test_a_vendor_that_asks_for_no_wait_does_not_use_up_the_tries(asked: float) -> None:
    waits = []
    for tries in range(1, MAX_TRIES):
        again = dispose(RetryLater("412", asked, "http_412"), operation(Repeat.UNIQUE), tries, False, 0.0)
        assert isinstance(again, Again)
        waits.append(again.in_s)
    assert min(waits) >= asked
    assert sum(waits) > 20 * 60
    longer = dispose(RetryLater("503", 900.0), operation(Repeat.UNIQUE), 1, False, 0.5)
    assert longer == Again(900.0)


def test_wrong_credentials_pause_the_connection_not_the_order() -> None:
    disposal = dispose(Misconfigured("token revoked"), operation(Repeat.UNIQUE), 1, False, 0.5)
    assert isinstance(disposal, PauseConnection)
    assert "token revoked" in disposal.reason


def test_retries_are_bounded() -> None:
    outcome = RetryLater("503")
    assert isinstance(dispose(outcome, operation(Repeat.UNIQUE), MAX_TRIES - 1, False, 0.5), Again)
    assert dispose(outcome, operation(Repeat.UNIQUE), MAX_TRIES, False, 0.5) == Settle(outcome)


def test_an_unknown_outcome_of_a_unique_write_repeats_and_checks() -> None:
    again = dispose(OutcomeUnknown("cut"), operation(Repeat.UNIQUE, settle_s=0.0), 1, False, 0.5)
    assert isinstance(again, Again)
    assert again.check_first
    assert again.in_s < 5


def test_an_unknown_outcome_of_a_searchable_write_waits_until_a_search_would_show_it() -> None:
    again = dispose(OutcomeUnknown("cut"), operation(Repeat.SEARCHABLE), 1, False, 0.5)
    assert again == Again(20.0, check_first=True)


def test_an_unknown_outcome_of_an_upsert_waits_until_a_late_one_can_undo_nothing() -> None:
    again = dispose(OutcomeUnknown("cut"), operation(Repeat.UNIQUE, settle_s=20.0), 1, False, 0.5)
    assert again == Again(20.0, check_first=True)


def test_an_unknown_outcome_of_an_unsafe_write_is_never_repeated() -> None:
    outcome = OutcomeUnknown("cut")
    assert dispose(outcome, operation(Repeat.UNSAFE), 1, False, 0.5) == Settle(outcome)


def test_a_doubt_outlives_answers_that_settle_nothing() -> None:
    again = dispose(RetryLater("503"), operation(Repeat.SEARCHABLE), 2, True, 0.5)
    assert isinstance(again, Again)
    assert again.check_first
    again = dispose(RateLimited(1.0), operation(Repeat.SEARCHABLE), 2, True, 0.5)
    assert isinstance(again, Again)
    assert again.check_first
    settled = dispose(RetryLater("503"), operation(Repeat.SEARCHABLE), MAX_TRIES, True, 0.5)
    assert isinstance(settled, Settle)
    assert isinstance(settled.outcome, OutcomeUnknown)


def test_backoff_grows_and_is_bounded() -> None:
    waits = [backoff_s(n, 0.5) for n in range(1, 40)]
    assert waits == sorted(waits)
    assert max(waits) <= LONGEST_BACKOFF_S
    assert backoff_s(3, 0.0) < backoff_s(3, 1.0)
