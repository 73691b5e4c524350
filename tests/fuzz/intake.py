"""Intake: the guard, the naming of webhooks, and the whole door."""

import asyncio
import json
from collections.abc import Mapping
from functools import cache, partial
from random import Random
from typing import Any

from crossdock.engine.world import Linked, World
from crossdock.intake.doorway import IntakeApp
from crossdock.intake.guard import DEPTH, BadBody, check_json
from crossdock.kit.http import Line
from crossdock.kit.manifest import Identity, Refused
from crossdock.observe.signals import Silence
from crossdock.store.memory import MemoryStore
from tests.conformance.cases import SECRET, SIGNS, connector, settings
from tests.domain.factories import NOON
from tests.engine.toy import NoHttp, NoTokens
from tests.fuzz.target import or_raised


def guard(body: bytes) -> None:
    """What it lets through, every strict reader reads alike: no key twice, not deep, no NUL, no NaN."""
    refused = or_raised(BadBody, partial(check_json, body))
    if refused is not None:
        assert refused.code.startswith("body_")
        return
    tree = json.loads(body.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse, parse_int=str)
    assert _depth(tree) <= DEPTH
    assert "\0" not in json.dumps(tree, ensure_ascii=False)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} was let through")


def _depth(tree: Any) -> int:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if parts is None else 1 + max(map(_depth, parts), default=0)


def identify(system: str, topic: str, body: bytes) -> None:
    """A webhook that is proven and sound JSON is named, or refused with 400."""
    webhook = connector(system).webhook
    assert webhook is not None
    signed = {"x-shopify-webhook-id": "d-1", "x-shopify-topic": topic, **SIGNS[system](body, SECRET)}
    webhook.verify(signed, body, [SECRET])
    for headers in ({}, dict.fromkeys(signed, "wrong"), SIGNS[system](body + b"x", SECRET)):
        refused = or_raised(Refused, partial(webhook.verify, headers, body, [SECRET]))
        assert refused is not None, "an unproven body was taken"
        assert refused.status == 401
    if or_raised(BadBody, partial(check_json, body)) is not None:
        return
    named = or_raised(Refused, partial(webhook.identify, "shop", signed, body))
    if isinstance(named, Refused):
        assert named.status == 400
        assert named.code
        return
    assert isinstance(named, Identity)
    assert named.stream_kind in ("order", "signal", "privacy")
    for text in (named.delivery_id, named.topic, named.stream_key, *named.also_ids):
        assert isinstance(text, str)
        text.encode()


class _Doors:
    """Intake's own doorway, with both systems' webhooks behind it, on a store in memory and a loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._store = MemoryStore(lambda: NOON)
        self._app = IntakeApp(self._loop.run_until_complete(self._world()))

    async def _world(self) -> World:
        links = {}
        for system in SIGNS:
            await self._store.register(system, system)
            given, secrets = settings(system)
            line = Line(system, given, secrets, NoHttp(), NoTokens(), lambda: NOON, str)
            links[system] = Linked(system, connector(system), line)
        return World(
            store=self._store, links=links, deciders={}, policies={}, holds=lambda _: [], signals=Silence(),
            random=Random(7), stopwatch=lambda: 0.0, worker="fuzz",
        )  # fmt: skip

    def post(self, system: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """(status, answer) of one request over ASGI."""
        return self._loop.run_until_complete(self._post(system, headers, body))

    async def _post(self, system: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        told: list[Any] = []
        sent = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": f"/in/{system}/{system}", "client": ("127.0.0.1", 1),
                 "headers": sent}  # fmt: skip
        half = len(body) // 2
        parts = [{"type": "http.request", "body": body[:half], "more_body": True},
                 {"type": "http.request", "body": body[half:]}]  # fmt: skip

        async def receive() -> Any:
            return parts.pop(0)

        async def send(event: Any) -> None:
            told.append(event)

        await self._app(scope, receive, send)
        return told[0]["status"], told[1]["body"]


@cache
def doors() -> _Doors:
    """One for the process."""
    return _Doors()


def door(system: str, topic: str, body: bytes) -> None:
    """Signed or not, with or without the headers: taken, or refused by name; never "Crossdock failed"."""
    named = {"x-shopify-webhook-id": body[:30].hex() or "0", "x-shopify-topic": topic}
    for headers in (named | SIGNS[system](body, SECRET), SIGNS[system](body, SECRET), named):
        status, answer = doors().post(system, headers, body)
        assert status in (200, 202, 400, 401), (status, answer)
        told = json.loads(answer)
        assert told["code" if status >= 400 else "status"]
        if status < 300:
            assert check_json(body) is None
