"""What a sender gets for what it sends, over ASGI and over real sockets."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from crossdock.intake.doorway import IntakeApp, Limits
from crossdock.intake.problems import PROBLEMS
from crossdock.intake.server import IntakeServer, Listen
from crossdock.observe.trace import is_traceparent
from tests.intake.world import PATH, KeepingStore, sign, until, world
from tests.support.heard import Heard

BODY = b'{"id":7,"note":"hello"}'


def headers(body: bytes = BODY, **more: str) -> dict[str, str]:
    given = {"x-signature": sign(body), "x-delivery": "d1", "x-topic": "order/new", "content-type": "application/json"}
    return given | {name.replace("_", "-"): value for name, value in more.items()}


async def call(
    app: IntakeApp, body: bytes = BODY, given: dict[str, str] | None = None, path: str = PATH, method: str = "POST"
) -> tuple[int, dict[str, str], Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    fields = headers(body) if given is None else given
    scope = {"type": "http", "method": method, "path": path, "client": ("198.51.100.9", 1),
             "headers": [(k.encode(), v.encode()) for k, v in fields.items()]}  # fmt: skip
    await app(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, json.loads(sent[1]["body"])


async def test_a_webhook_is_stored_as_it_came_and_then_acknowledged() -> None:
    store, heard = KeepingStore(), Heard()
    app = IntakeApp(world(store, signals=heard))
    status, _, said = await call(app)
    assert (status, said) == (202, {"status": "accepted", "message": 1})
    (kept,) = store.kept
    assert (kept.body, kept.delivery_id, kept.stream.key, kept.source) == (BODY, "d1", "north-7", "webhook")
    assert is_traceparent(kept.trace)
    assert kept.trace == heard.spans[0].traceparent
    status, _, said = await call(app)
    assert (status, said) == (200, {"status": "duplicate"})
    assert heard.counted["crossdock.duplicates.prevented", (("where", "webhook"),)] == 1
    assert len(store.kept) == 1
    await app.drain()


async def test_no_answer_before_the_commit() -> None:
    store = KeepingStore()
    store.gate.clear()
    app = IntakeApp(world(store))
    asking = asyncio.create_task(call(app))
    await until(lambda: bool(store.groups))
    assert not asking.done()
    store.gate.set()
    assert (await asking)[0] == 202
    await app.drain()


async def test_the_senders_trace_is_continued() -> None:
    store = KeepingStore()
    app = IntakeApp(world(store))
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await call(app, given=headers(traceparent=given))
    await call(app, given=headers(traceparent="rubbish", x_delivery="d2"))
    assert store.kept[0].trace[3:35] == given[3:35]
    assert is_traceparent(store.kept[1].trace)
    await app.drain()


@pytest.mark.parametrize("secret", ["current", "former"])
async def test_both_active_secrets_sign(secret: str) -> None:
    app = IntakeApp(world(KeepingStore()))
    assert (await call(app, given=headers() | {"x-signature": sign(BODY, secret)}))[0] == 202
    await app.drain()


def refusals() -> Iterator[Any]:
    def case(name: str, status: int, code: str, **request: Any) -> Any:
        return pytest.param(request, status, code, id=name)

    yield case("forged", 401, "signature", given=headers() | {"x-signature": sign(BODY, "guess")})
    yield case("unsigned", 401, "signature", given={"x-delivery": "d1", "x-topic": "order/new"})
    yield case("altered", 401, "signature", body=BODY + b" ", given=headers())
    for name, body, code in (
        ("malformed", b'{"id":', "body_malformed"), ("nan", b'{"id":NaN}', "body_number"),
        ("twice", b'{"id":1,"id":2}', "body_duplicate_key"), ("deep", b"[" * 10_000, "body_depth"),
        ("nul", b'{"id":1,"n":"\\u0000"}', "body_nul"), ("latin", b'{"id":1,"n":"\xe9"}', "body_encoding"),
        ("unnamed", b'{"no":1}', "not_identified"),
    ):  # fmt: skip
        yield case(name, 400, code, body=body)
    yield case("long id", 400, "not_identified", given=headers(x_delivery="d" * 501))
    yield case("form", 415, "content_type", given=headers(content_type="application/x-www-form-urlencoded"))
    yield case("gzip", 415, "content_encoding", given=headers(content_encoding="gzip"))
    yield case("said too large", 413, "too_large", given=headers(content_length="50000000"))
    yield case("nonsense length", 413, "too_large", given=headers(content_length="many"))
    yield case("too large", 413, "too_large", body=b'{"id":1,"n":"' + b"x" * 1_000_001 + b'"}')
    both = headers() | {"content-length": str(len(BODY)), "transfer-encoding": "chunked"}
    yield case("chunked beside a length", 413, "too_large", body=b"x" * 1_000_001, given=both)
    yield case("get", 405, "method_not_allowed", method="GET")
    yield case("unknown", 404, "unknown_connection", path="/in/tradepost/south")
    yield case("other system", 404, "unknown_connection", path="/in/other/north")
    yield case("elsewhere", 404, "not_found", path="/admin")


@pytest.mark.parametrize(("request_", "status", "code"), list(refusals()))
async def test_each_refusal_has_a_code_and_leaves_no_row(request_: dict[str, Any], status: int, code: str) -> None:
    store = KeepingStore()
    app = IntakeApp(world(store))
    answered, fields, said = await call(app, **request_)
    assert (answered, said["code"], said["status"]) == (status, code, status)
    assert fields["content-type"] == "application/problem+json"
    assert said["title"]
    assert said["hint"] == PROBLEMS[code].hint
    assert not store.groups


async def test_store_away_means_503_and_retry_after() -> None:
    store = KeepingStore()
    store.away = True
    status, fields, said = await call(IntakeApp(world(store)))
    assert (status, said["code"]) == (503, "store_unavailable")
    assert int(fields["retry-after"]) > 0


async def test_a_stopping_process_refuses() -> None:
    app = IntakeApp(world(KeepingStore()))
    app.stop()
    assert (await call(app))[2]["code"] == "stopping"


async def test_a_source_that_sends_too_much_is_told_before_any_work() -> None:
    store = KeepingStore()
    app = IntakeApp(world(store, stopwatch=lambda: 0.0), Limits(source_rate_per_s=1, source_burst=2))
    codes = [(await call(app, given=headers(x_delivery=f"d{n}")))[0] for n in range(3)]
    assert codes == [202, 202, 429]
    await app.drain()


async def test_behind_a_trusted_proxy_the_forwarded_address_counts() -> None:
    app = IntakeApp(
        world(KeepingStore(), stopwatch=lambda: 0.0),
        Limits(source_rate_per_s=1, source_burst=1, trusted_proxies=("198.51.100.0/24",)),
    )
    sources = ["203.0.113.1", "203.0.113.2", "203.0.113.1"]
    codes = [
        (await call(app, given=headers(x_delivery=f"d{n}", x_forwarded_for=f"1.1.1.1, {source}, 198.51.100.7")))[0]
        for n, source in enumerate(sources)
    ]
    assert codes == [202, 202, 429]
    await app.drain()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(store: KeepingStore, limits: Limits | None = None) -> AsyncIterator[tuple[str, asyncio.Event, Any]]:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(
        IntakeServer(IntakeApp(world(store, random=random.Random(1)), limits), Listen(port=port)).run(stop)
    )

    async def up() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return

    await asyncio.wait_for(up(), 10)
    try:
        yield f"http://127.0.0.1:{port}", stop, serving
    finally:
        stop.set()
        await asyncio.wait_for(serving, 20)


async def test_over_sockets_a_huge_body_is_refused_while_it_streams() -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000_000

    store = KeepingStore()
    async with served(store) as (url, _, _), aiohttp.ClientSession() as client:
        try:
            async with client.post(url + PATH, data=stream(), headers=headers()) as answer:
                assert answer.status == 413
                assert (await answer.json(content_type=None))["code"] == "too_large"
        except (aiohttp.ClientConnectionError, ConnectionError):
            pass  # the server may close on a sender that goes on sending
        async with client.post(url + PATH, data=BODY, headers=headers()) as answer:
            assert answer.status == 202
    assert len(store.kept) == 1


async def test_over_sockets_a_sender_that_stalls_is_sent_away() -> None:
    store = KeepingStore()
    async with served(store, Limits(body_timeout_s=0.2)) as (url, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
        assert b" 408 " in head
        writer.close()
        await writer.wait_closed()


async def test_a_stop_finishes_what_was_taken() -> None:
    store = KeepingStore()
    store.gate.clear()
    async with served(store) as (url, stop, serving), aiohttp.ClientSession() as client:
        asking = asyncio.create_task(client.post(url + PATH, data=BODY, headers=headers()))
        await until(lambda: bool(store.groups))
        stop.set()
        await asyncio.sleep(0)
        assert not serving.done()
        store.gate.set()
        answer = await asking
        assert answer.status == 202
        answer.release()
        await asyncio.wait_for(asyncio.shield(serving), 20)
    assert len(store.kept) == 1


async def test_a_taken_address_is_said_plainly() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        app = IntakeApp(world(KeepingStore()))
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1:{port}"):
            await asyncio.wait_for(IntakeServer(app, Listen(port=port)).run(asyncio.Event()), 20)


async def test_two_processes_may_share_an_address() -> None:
    store = KeepingStore()
    async with served(store) as (url, _, _):
        stop = asyncio.Event()
        other = IntakeServer(IntakeApp(world(store)), Listen(port=int(url.rsplit(":", 1)[1])))
        second = asyncio.create_task(other.run(stop))
        for number in range(8):
            async with (
                aiohttp.ClientSession() as client,
                client.post(url + PATH, data=BODY, headers=headers(x_delivery=f"d{number}")) as answer,
            ):
                assert answer.status == 202
        assert not second.done()
        stop.set()
        await asyncio.wait_for(second, 20)
    assert len(store.kept) == 8


def greeting() -> IntakeApp:
    """A system that asks first whether somebody is here."""
    made = world(KeepingStore())
    (link,) = made.links.values()
    webhook = msgspec.structs.replace(link.connector.webhook, greeting="validationToken")
    connector = msgspec.structs.replace(link.connector, webhook=webhook)
    return IntakeApp(msgspec.structs.replace(made, links={"north": msgspec.structs.replace(link, connector=connector)}))


async def greeted(app: IntakeApp, query: bytes, path: str = PATH) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": query, "client": ("198.51.100.9", 1),
             "headers": []}  # fmt: skip
    await app(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, sent[1]["body"]


async def test_a_vendor_that_asks_first_hears_its_own_word_as_plain_text() -> None:
    status, fields, said = await greeted(greeting(), b"x=1&validationToken=opaque%20%3Cword%3E%2Band")
    assert (status, said) == (200, b"opaque <word>+and")
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert fields["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [b"", b"other=1", b"validationToken=", b"validationToken=a%0Ab", b"validationToken=" + b"x" * 501, b"a=1&" * 30],
)
async def test_anything_else_is_no_greeting(query: bytes) -> None:
    assert (await greeted(greeting(), query))[0] in (400, 401)


async def test_who_does_not_ask_first_is_not_greeted() -> None:
    assert (await greeted(IntakeApp(world(KeepingStore())), b"validationToken=word"))[0] in (400, 401)
    assert (await greeted(greeting(), b"validationToken=word", "/in/tradepost/south"))[0] == 404


async def test_over_sockets_a_greeting_is_answered_and_a_query_does_no_harm() -> None:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(IntakeServer(greeting(), Listen(port=port)).run(stop))
    url = f"http://127.0.0.1:{port}{PATH}"
    try:
        async with aiohttp.ClientSession() as client:
            await until_up(client, url)
            async with client.post(f"{url}?validationToken=word%2B1") as answer:
                assert (answer.status, await answer.text()) == (200, "word+1")
            async with client.post(f"{url}?other=1", data=BODY, headers=headers()) as answer:
                assert answer.status == 202
    finally:
        stop.set()
        await asyncio.wait_for(serving, 20)


async def until_up(client: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                async with client.get(url) as answer:
                    assert answer.status == 405
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.01)
