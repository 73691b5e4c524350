"""What vendors answer, changed: every operation and every poll is run against exchanges that once went well.

The exchanges are taken from the simulators, once per process, by letting a few orders go all the way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from zlib import crc32

import msgspec
from hypothesis import strategies as st

from crossdock.domain.commands import Payload
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.events import CommandSettled, decode_event, encode_event
from crossdock.domain.outcome import Done, Outcome, RateLimited, RetryLater
from crossdock.domain.pricing import PriceMaster, TermsMaster
from crossdock.kit.http import AnswerLost, NotSent, Response
from crossdock.kit.manifest import Call, Operation, Page, Poll, Result, Unreachable
from tests.conformance.cases import client, connector
from tests.fuzz.mutation import junk
from tests.fuzz.target import Target
from tests.process.amazon_house import AmazonVendors
from tests.properties.memory_house import MemoryHouse, memory_house

MOST_REQUESTS = 40  # of one call: a lease would have ended it by then
STATUSES = (None, None, None, 200, 200, 204, 301, 400, 401, 404, 409, 429, 500, 503)  # None: as it was


class Exchange(msgspec.Struct):
    """One run of an operation (or poll, whose ``payload`` is its cursor) and what was answered, sign-in left out."""

    payload: Any
    answers: list[Response]


_TAPE: ContextVar[list[Response] | None] = ContextVar("tape", default=None)
Tapes = dict[tuple[str, str], list[Exchange]]


class Taping:
    """An ``Http`` that keeps what is answered to whoever asks within an operation."""

    def __init__(self, http: Any) -> None:
        self._http = http

    async def request(self, method: str, url: str, **told: Any) -> Response:
        answer: Response = await self._http.request(method, url, **told)
        tape = _TAPE.get()
        if tape is not None and "/auth/" not in url and "oauth" not in url:
            tape.append(answer)
        return answer


def _taped(call: Callable[..., Awaitable[Any]], keep: Callable[[Any, list[Response]], None]) -> Callable[..., Any]:
    async def run(client: Any, payload: Any, *rest: Any) -> Any:
        token = _TAPE.set([])
        try:
            return await call(client, payload, *rest)
        finally:
            keep(payload, _TAPE.get() or [])
            _TAPE.reset(token)

    return run


class TapingHouse(MemoryHouse):
    """Everything that is called in it is kept in ``tapes``."""

    tapes: Tapes

    def _linked(self, link: Any) -> Any:
        made = super()._linked(link)
        system = made.connector.manifest.system

        def taped(operation: Operation) -> Operation:
            keep = partial(self._keep, (system, operation.purpose))
            return msgspec.structs.replace(operation, send=_taped(operation.send, keep))

        operations = {name: taped(operation) for name, operation in made.connector.operations.items()}
        polls = {
            name: msgspec.structs.replace(poll, run=_taped(poll.run, partial(self._keep, (system, f"poll {name}"))))
            for name, poll in made.connector.polls.items()
        }
        return msgspec.structs.replace(
            made,
            connector=msgspec.structs.replace(made.connector, operations=operations, polls=polls),
            line=msgspec.structs.replace(made.line, http=Taping(self.http)),
        )

    def _keep(self, name: tuple[str, str], payload: Any, answers: list[Response]) -> None:
        if answers:
            self.tapes.setdefault(name, []).append(Exchange(payload, answers))


async def _lived(folder: Path) -> Tapes:
    tapes: Tapes = {}
    TapingHouse.tapes = tapes
    shop = {"rates": {"late_paid": 0.4, "discount": 0.5}}
    async with memory_house(folder, made=TapingHouse, shop=shop, warehouse={"split": 0.6}) as house:
        house.shop.act("place_order", {"count": 3})
        await house.quiet()
        await _polled(house)
    async with memory_house(folder, made=TapingHouse, accounts=AmazonVendors) as house:
        await house.poll("shop", "orders")
        house.shop.act("place_order", {"count": 3, "discount": True, "gift_wrap": True})
        await house.poll("shop", "notifications")
        await house.quiet()
        await _polled(house)
    return tapes


async def _polled(house: MemoryHouse) -> None:
    for name, system in house.vendors.systems.items():
        for poll in connector(system).polls:
            await house.poll(name, poll)


@cache
def tapes() -> Tapes:
    """Exchanges by (system, operation's purpose or ``poll NAME``); at most three of each."""
    with TemporaryDirectory(prefix="crossdock-fuzz-") as folder:
        return {name: found[:3] for name, found in asyncio.run(_lived(Path(folder))).items()}


class Played:
    """An ``Http`` that answers as once was answered, but for one answer. Signs everybody in."""

    def __init__(self, answers: list[Response], at: int, other: Response) -> None:
        self._answers, self._at, self._other = answers, at, other
        self._asked = 0

    async def request(self, method: str, url: str, **_: Any) -> Response:
        if "/auth/" in url or "oauth" in url:
            return Response(200, {"content-type": "application/json"}, b'{"access_token":"t","expires_in":3600}')
        nth = self._asked
        self._asked += 1
        if nth > MOST_REQUESTS:
            raise NotSent("the lease is over")
        return self._other if nth == self._at else self._answers[min(nth, len(self._answers) - 1)]


def _other(like: Response, body: bytes) -> Response:
    status = STATUSES[crc32(body) % len(STATUSES)]
    return Response(like.status if status is None else status, like.headers, body)


def operation(system: str, purpose: str, body: bytes) -> None:
    """Whatever is answered, at whichever place: an outcome that can be stored, or that nothing was sent or answered."""
    for exchange in tapes()[system, purpose]:
        for at, like in enumerate(exchange.answers):
            http = Played(exchange.answers, at, _other(like, body))
            _attempt(connector(system).operations[purpose], client(system, http), exchange.payload)


def _attempt(found: Operation, opened: Any, payload: Payload) -> None:
    calls = [found.send(opened, payload, Call("shop-1/t/p", tries)) for tries in (0, 1)]
    if found.look_up is not None:
        calls.append(found.look_up(opened, payload, Call("shop-1/t/p", 1)))
    for call in calls:
        try:
            result = asyncio.run(call)  # type: ignore[arg-type]
        except (NotSent, AnswerLost):
            continue
        if result is not None:
            _storable(result, found.purpose)


def _storable(result: Result, purpose: str) -> None:
    outcome = result.outcome
    assert isinstance(outcome, get_args(Outcome))
    assert 0 <= result.throttle_s <= 86_400
    assert 0 <= (getattr(outcome, "after_s", None) or 0) <= 86_400
    if isinstance(outcome, Done):
        assert all(isinstance(part, str) and part for pair in outcome.refs.items() for part in pair), outcome.refs
    if not isinstance(outcome, RateLimited | RetryLater):
        told = CommandSettled("k", purpose, "t", outcome)
        assert decode_event(encode_event(told)) == msgspec.convert(msgspec.to_builtins(told), CommandSettled)
    for follow in result.follows:
        assert follow.stream_key
        decode_event(encode_event(follow.event))


def poll(system: str, name: str, body: bytes) -> None:
    """A page that can be stored and gone on from, or an error that says what is the matter."""
    for exchange in tapes()[system, f"poll {name}"]:
        for at, like in enumerate(exchange.answers):
            found = connector(system).polls[name]
            opened = client(system, Played(exchange.answers, at, _other(like, body)))
            page = _page(found, opened, exchange.payload)
            if page is not None:
                _page(found, client(system, Played(exchange.answers, -1, like)), page.cursor)


def _page(found: Poll, opened: Any, cursor: str | None) -> Page | None:
    try:
        page: Page = asyncio.run(found.run(opened, cursor, {}))  # type: ignore[arg-type]
    except Exception as error:
        said = isinstance(getattr(error, "outcome", None), get_args(Outcome))
        if said or isinstance(error, NotSent | AnswerLost | Unreachable):
            return None
        raise
    assert isinstance(page.cursor, str)
    for one in page.found:
        assert all(isinstance(text, str) and text for text in (one.delivery_id, one.topic, one.stream_key))
        assert isinstance(one.body, bytes)
    for key, body in page.products:
        assert isinstance(key, str)
        msgspec.json.decode(body, type=ProductMaster)
    for key, body in page.prices:
        assert msgspec.json.decode(body, type=PriceMaster).sku == key
    for key, body in page.terms:
        assert msgspec.json.decode(body, type=TermsMaster).ref == key
    for known in page.customers:
        assert msgspec.json.decode(msgspec.json.encode(known), type=CustomerMaster) == known
    return page


ANSWERED = (
    *(("netsuite", name) for name in ("order.book", "shipment.post", "invoice.make")),
    *(("netsuite", f"poll {name}") for name in ("items", "customers", "invoices")),
    *(("shiphero", name) for name in ("order.release", "poll shipments", "poll orders")),
    *(("shopify", name) for name in ("fulfilment.push", "read_back", "poll orders")),
    *(("amazon", name) for name in ("fulfilment.push", "read_back", "poll orders", "poll notifications")),
)
_REFUSED = b'{"title":"Bad Request","status":400,"o:errorDetails":[{"detail":"d","o:errorCode":"USER_ERROR"}]}'


def answering() -> dict[str, Target]:
    """Targets by name."""
    return {f"answers {system} {name}": _target(system, name) for system, name in ANSWERED}


def _target(system: str, name: str) -> Target:
    run = partial(poll, system, name[5:]) if name.startswith("poll ") else partial(operation, system, name)
    return Target(f"answers {system} {name}", st.deferred(lambda: junk(_told(system, name))), run, 0.5)


def _told(system: str, name: str) -> list[bytes]:
    bodies = [answer.body for exchange in tapes()[system, name] for answer in exchange.answers]
    return [*bodies, b"", b"<html>no</html>", _REFUSED]
