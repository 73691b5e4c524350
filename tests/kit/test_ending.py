"""How an operation ends early."""

from typing import Any

import pytest

from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected
from crossdock.kit.ending import classified
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Call, Result, Untranslatable

CALL = Call("k", 0)
REFUSED = Rejected("no", "the vendor says no")


class Stopped(Exception):
    outcome = REFUSED


class Unproven(Exception):
    outcome = REFUSED


@classified(Stopped, Unproven)
async def send(client: Any, payload: Any, call: Call) -> Result | None:
    """Sends."""
    if isinstance(payload, Exception):
        raise payload
    found: Result | None = payload
    return found


async def ask(payload: Any) -> Result | None:
    found: Result | None = await send(None, payload, CALL)
    return found


@pytest.mark.parametrize("error", [Stopped(), Unproven()])
async def test_what_carries_an_outcome_becomes_it(error: Exception) -> None:
    assert await ask(error) == Result(REFUSED)


async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome_and_no_success() -> None:
    found = await ask(Untranslatable("field_missing", "the total is missing"))
    assert found is not None
    assert found.outcome == OutcomeUnknown(detail="the total is missing", code="read_failed")


@pytest.mark.parametrize("error", [NotSent("refused"), AnswerLost("timed out"), KeyError("a bug")])
async def test_what_the_engine_knows_or_must_know_passes_through(error: Exception) -> None:
    with pytest.raises(type(error)):
        await ask(error)


async def test_what_was_found_or_not_found_is_left_alone() -> None:
    assert await ask(None) is None
    done = Result(Done({"order": "1"}))
    assert await ask(done) is done
    assert send.__doc__ == "Sends."
