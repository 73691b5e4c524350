"""What vendors answer, changed: every operation and every poll is run against exchanges that once went well."""

import asyncio
from collections.abc import Mapping
from functools import partial
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
from tests.conformance.cases import SYSTEMS, client, connector
from tests.fuzz.mutation import junk
from tests.fuzz.tapes import Name, names, signs_in, tapes
from tests.fuzz.target import Target

MOST_REQUESTS = 40  # of one call: a lease would have ended it by then
MOST_SIGN_INS = 5
LEAST = 5  # examples of each in the tests
STATUSES = (None, None, None, 200, 200, 204, 301, 400, 401, 404, 409, 429, 500, 503)  # None: as it was
TOKEN = Response(200, {"content-type": "application/json"}, b'{"access_token":"t","expires_in":3600}')


class Played:
    """An ``Http`` that answers as once was answered, but for one answer. ``token``: what whoever signs in is told."""

    def __init__(self, answers: list[Response], at: int, other: Response, token: Response = TOKEN) -> None:
        self._answers, self._at, self._other, self._token = answers, at, other, token
        self._asked = self.signed_in = 0

    async def request(self, method: str, url: str, **_: Any) -> Response:
        if signs_in(url):
            self.signed_in += 1
            if self.signed_in > MOST_SIGN_INS:
                raise NotSent("the lease is over")
            return self._token
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


_REFUSED = b'{"title":"Bad Request","status":400,"o:errorDetails":[{"detail":"d","o:errorCode":"USER_ERROR"}]}'
_TOKENS = [
    TOKEN.body,
    b'{"access_token":"Atza|x","refresh_token":"r","token_type":"bearer","expires_in":"3600","scope":["a"]}',
    b'{"error":"invalid_grant","error_description":"The assertion has expired.","error_codes":[70000]}',
    b"",
    b"<html>no</html>",
]

# What no targets are made of, and why.
LEFT_OUT: Mapping[Name, str] = {}
ANSWERED = tuple(name for system in SYSTEMS for name in names(system) if name not in LEFT_OUT)
SIGNING_IN = ("amazon", "businesscentral", "netsuite", "shiphero")
SHARE = 8.0  # of the examples, over all answers: as many as there are, so many are their parts


def answering() -> dict[str, Target]:
    """Targets by name."""
    share = SHARE / (len(ANSWERED) + len(SIGNING_IN))
    found = [_target(system, name, share) for system, name in ANSWERED]
    found += [
        Target(f"sign-in {system}", junk(_TOKENS), partial(sign_in, system), share, least=LEAST)
        for system in SIGNING_IN
    ]
    return {target.name: target for target in found}


def _target(system: str, name: str, share: float) -> Target:
    run = partial(poll, system, name[5:]) if name.startswith("poll ") else partial(operation, system, name)
    bodies = st.deferred(lambda: junk(_told(system, name)))
    return Target(f"answers {system} {name}", bodies, run, share, least=LEAST)


def _told(system: str, name: str) -> list[bytes]:
    bodies = [answer.body for exchange in tapes()[system, name] for answer in exchange.answers]
    return [*bodies, b"", b"<html>no</html>", _REFUSED]


def sign_in(system: str, body: bytes) -> None:
    """Whatever the vendor says to who signs in: an outcome that can be stored, and a poll that says what the matter
    is."""
    token = _other(TOKEN, body)
    for of, name in (_first(system, polls=False), _first(system, polls=True)):
        exchange = tapes()[of, name][0]
        opened = client(system, Played(exchange.answers, -1, TOKEN, token))
        if name.startswith("poll "):
            _page(connector(system).polls[name[5:]], opened, exchange.payload)
        else:
            _attempt(connector(system).operations[name], opened, exchange.payload)


def _first(system: str, *, polls: bool) -> Name:
    return next(name for name in ANSWERED if name[0] == system and name[1].startswith("poll ") == polls)
