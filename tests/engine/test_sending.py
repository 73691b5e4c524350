"""What is told of a send: when there is none any more, and what of a vendor's words is kept."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import pytest

from crossdock.domain.commands import Payload
from crossdock.domain.outcome import Conflict, Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.disposal import MAX_TRIES
from crossdock.engine.sending import Sender
from crossdock.engine.verdict import problem_of
from crossdock.engine.world import World
from crossdock.kit.manifest import Call, Repeat, Result, Untranslatable
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LeasedCommand, StoredMessage
from tests.engine.test_loops import FINISHED, OPEN, running, toy, until, value
from tests.engine.toy import ToySystem, arrival, connector, world
from tests.support.heard import Heard

__all__ = ["running", "toy"]


@pytest.mark.parametrize(("lost", "calls", "reached"), [(MAX_TRIES - 1, 1, FINISHED), (MAX_TRIES, 0, OPEN)])
async def test_a_call_that_none_of_its_workers_survives_goes_to_a_person(
    store: PostgresStore,
    toy: ToySystem,
    running: Callable[[World], Awaitable[None]],
    lost: int,
    calls: int,
    reached: str,
) -> None:
    there = world(store, connector(toy, Repeat.UNIQUE))
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await store.accept([arrival("k")])
    assert await DecideLoop(there).round()
    for nth in range(lost):  # workers that took it and were gone with it
        assert len(await store.claim_commands("erp", 1, lease_s=0.0, expired=nth > 0)) == 1
    await running(there)
    await until(value(store, reached), 1)
    assert len(toy.calls) == calls


SAID = 'HTTP 400: {"message": "no account for canary@mail.example, call +49 30 1234567", "api_key": "canary-key'
CANARIES = ("canary", "1234567")


@pytest.mark.parametrize(
    "outcome",
    [
        Rejected("no", SAID, hint=SAID),
        Conflict("taken", SAID),
        RetryLater(SAID),
        RateLimited(1.0, SAID),
        Misconfigured(SAID),
        OutcomeUnknown(SAID),
        KeyError(SAID),  # a bug of the connector that quotes what it could not read
    ],
)
async def test_what_a_vendor_says_of_a_buyer_is_not_kept(
    store: PostgresStore, toy: ToySystem, outcome: Outcome | KeyError
) -> None:
    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        if isinstance(outcome, KeyError):
            raise outcome
        return Result(outcome)

    toy.answer = answer
    there = world(store, connector(toy, Repeat.UNIQUE))
    sender = Sender(there, there.links["erp"])
    payload = b'{"type":"read_back","kind":"toy","external_id":"k"}'
    command = LeasedCommand(1, "toy/k", "erp", "read_back", payload, 1, 0, False)
    attempt = await sender.send(command, sender.operation(command), 10.0)
    assert len(toy.calls) == 1
    told = repr(attempt.result)
    assert "HTTP 400" in told
    assert not [canary for canary in CANARIES if canary in told]


@pytest.mark.parametrize("error", [Untranslatable("odd", SAID), ValueError(SAID)])
def test_what_could_not_be_read_is_not_quoted_in_an_exception(error: Exception) -> None:
    message = StoredMessage(7, "shop", "webhook", "orders/create", datetime(2026, 11, 23, tzinfo=UTC), b"")
    facts = problem_of(error, "translate", message).facts
    assert "HTTP 400" in facts["detail"]
    assert not [canary for canary in CANARIES if canary in repr(facts)]


CAUSE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("key", "purpose", "order"),
    [("shop-1/erp/order.book", "order.book", "shop-1"), ("shop:order:1/erp/read_back/1", "read_back", None)],
)
async def test_a_call_is_linked_to_its_decision_and_names_its_order(
    store: PostgresStore, toy: ToySystem, key: str, purpose: str, order: str | None
) -> None:
    heard = Heard()
    there = msgspec.structs.replace(world(store, connector(toy, Repeat.UNIQUE)), signals=heard)
    sender = Sender(there, there.links["erp"])
    payload = b'{"type":"read_back","kind":"toy","external_id":"k"}'
    command = LeasedCommand(1, key, "erp", purpose, payload, 1, 0, False, CAUSE)
    attempt = await sender.send(command, sender.operation(command), 10.0)
    (span,) = heard.spans
    assert (span.name, span.kind, span.cause, span.traceparent) == (purpose, "client", CAUSE, attempt.trace)
    assert span.attributes.get("crossdock.order") == order
