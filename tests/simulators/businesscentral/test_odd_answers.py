"""Whatever stands in an answer, an operation ends in a known way: any value of it replaced, any part of it cut off."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any, get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulators.businesscentral.door import Door, Setup

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment, ReadBack
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.outcome import Done, Outcome
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Call, Page, Result, Unreachable
from crossdock.simulators.base import Reply, Request

VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        10**30,
        0.5,
        "",
        "x",
        "NaN",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+14:00",
        "\x00",
        [],
        {},
    ]
)
few = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
Step = Callable[[Setup], Awaitable[Any]]


def _sent(payload: Any, tries: int = 0) -> Step:
    return lambda setup: CONNECTOR.operations[payload.purpose].send(setup.client(), payload, Call("k", tries))


def _found(payload: Any) -> Step:
    look_up = CONNECTOR.operations[payload.purpose].look_up
    assert look_up is not None
    return lambda setup: look_up(setup.client(), payload, Call("k", 1))


@cache
def tapes() -> list[tuple[Step, list[Reply]]]:
    """Each step of an order's way, and what was answered to it."""
    return asyncio.run(_lived())


async def _lived() -> list[tuple[Step, list[Reply]]]:
    setup, order, other = Setup(items=3, customers=2), plain_order(), plain_order(external_id="2")
    first = (await _sent(booking(other))(setup)).outcome
    ref = (await _sent(booking(order))(setup)).outcome.refs["salesOrder"]
    setup = Setup(items=3, customers=2)  # the same ids again
    lines = (ShippedLine("line-1", plain_order().lines[0].quantity, "SKU-0001"),)
    shipped = PostShipment(order.key, ref, Shipment("S", lines, PLACED), SKUS)
    billed, closed = MakeInvoice(order.key, ref, ("S",)), CloseBooking(other.key, first.refs["salesOrder"])
    steps: list[Step] = [
        _sent(booking(other)), _sent(booking(order)), _found(booking(order)), _sent(booking(order), 1),
        _sent(shipped), _found(shipped), _sent(billed), _found(billed),
        _sent(closed), _sent(closed),
        _sent(ReadBack("salesInvoices", "2026-11-23T00:00:00+00:00")),
        *(lambda setup, poll=poll: poll.run(setup.client(), None, {}) for poll in CONNECTOR.polls.values()),
    ]  # fmt: skip
    found = []
    for step in steps:
        setup.door.replies.clear()
        done = await step(setup)
        assert done is None or isinstance(done, Page) or isinstance(done.outcome, Done), done
        if setup.door.replies:
            found.append((step, list(setup.door.replies)))
    return found


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inner:
        yield from _places(value, (*path, name))


def _replaced(body: bytes, at: int, value: Any) -> bytes:
    tree = msgspec.json.decode(body) if body else {"was": "empty"}
    places = list(_places(tree))
    *way, last = places[at % len(places)]
    inner = tree
    for name in way:
        inner = inner[name]
    inner[last] = value
    return msgspec.json.encode(tree)


@few
@given(pick=st.integers(0, 10**6), at=st.integers(0, 10**6), value=VALUES, cut=st.integers(0, 9))
def test_an_operation_ends_in_a_known_way(pick: int, at: int, value: Any, cut: int) -> None:
    cases = [(step, replies, nth) for step, replies in tapes() for nth in range(len(replies))]
    step, replies, nth = cases[pick % len(cases)]
    body = replies[nth].body
    other = body[: at % max(len(body), 1)] if cut == 0 else _replaced(body, at, value)
    played = [*replies[:nth], msgspec.structs.replace(replies[nth], body=other), *replies[nth + 1 :]]
    setup = Setup(items=3, customers=2)
    serve = setup.company.handle

    async def answer(request: Request) -> Reply:
        if "/oauth2/" in request.path:
            return await serve(request)
        if not played:
            raise NotSent("the tape is over")
        return played.pop(0)

    setup.door = Door(answer)
    try:
        ended = asyncio.run(_run(step, setup))
    except (NotSent, AnswerLost, Unreachable):
        return
    if isinstance(ended, Result):
        assert isinstance(ended.outcome, get_args(Outcome))
    else:
        assert ended is None or isinstance(ended, Page)


async def _run(step: Step, setup: Setup) -> Any:
    return await step(setup)
