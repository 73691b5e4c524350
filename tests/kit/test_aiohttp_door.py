"""The real door against real sockets: what counts as not sent, and what as an answer that was lost."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from crossdock.kit.aiohttp_door import AiohttpDoor
from crossdock.kit.http import AnswerLost, NotSent

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Till: Seven\r\n\r\nok"


class Peer:
    """A TCP peer that plays a script per connection and keeps the request heads it read."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.script: Script = self.answer(OK)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
        return head

    def answer(self, raw: bytes, *, then_close: bool = True) -> Script:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.head(reader)
            writer.write(raw)
            await writer.drain()
            if not then_close:
                await reader.read()

        return play

    async def open(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            try:
                await self.script(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.open()
    yield peer
    await peer.close()


@pytest.fixture
async def door() -> AsyncIterator[AiohttpDoor]:
    async with AiohttpDoor(max_body=1000) as door:
        yield door


async def test_the_whole_answer_comes_back(peer: Peer, door: AiohttpDoor) -> None:
    answer = await door.request("POST", peer.url + "x?q=1", headers={"X-Mine": "1"}, body=b"hello")
    assert (answer.status, answer.body, answer.headers["x-till"]) == (200, b"ok", "Seven")
    assert peer.heads[0].startswith(b"POST /x?q=1 HTTP/1.1\r\n")
    assert b"X-Mine: 1" in peer.heads[0]


@pytest.mark.parametrize("status", [204, 301, 302, 404, 429, 500])
async def test_any_status_is_an_answer_and_no_redirect_is_followed(peer: Peer, door: AiohttpDoor, status: int) -> None:
    peer.script = peer.answer(b"HTTP/1.1 %d X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status)
    answer = await door.request("GET", peer.url, headers={})
    assert answer.status == status
    assert answer.headers["location"] == "/elsewhere"
    assert len(peer.heads) == 1


async def test_no_cookie_is_kept(peer: Peer, door: AiohttpDoor) -> None:
    peer.script = peer.answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        await door.request("GET", peer.url, headers={})
    assert b"cookie" not in peer.heads[1].lower()


async def test_refused_was_not_sent(door: AiohttpDoor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        with pytest.raises(NotSent):
            await door.request("POST", f"http://127.0.0.1:{taken.getsockname()[1]}/", headers={}, body=b"x")


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://127.0.0.1/x", "http://no-such-host.invalid/"])
async def test_an_address_that_leads_nowhere_was_not_sent(door: AiohttpDoor, url: str) -> None:
    with pytest.raises(NotSent):
        await door.request("POST", url, headers={}, body=b"x")


async def test_failed_tls_was_not_sent(peer: Peer, door: AiohttpDoor) -> None:
    async def gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 no TLS here\r\n\r\n")
        await writer.drain()

    peer.script = gibberish
    with pytest.raises(NotSent):
        await door.request("POST", f"https://127.0.0.1:{peer.port}/", headers={}, body=b"x")


async def test_no_connection_in_time_was_not_sent(peer: Peer) -> None:
    """The only connection is busy: the second call waits for it in vain, and nothing of it leaves."""
    reached, release = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        reached.set()
        await release.wait()
        writer.write(OK)
        await writer.drain()

    peer.script = hang
    async with AiohttpDoor(connections=1) as narrow:
        first = asyncio.create_task(narrow.request("POST", peer.url, headers={}, body=b"1"))
        await reached.wait()
        with pytest.raises(NotSent):
            await narrow.request("POST", peer.url, headers={}, body=b"2", timeout_s=0.2)
        release.set()
        assert (await first).status == 200
    assert len(peer.heads) == 1


async def test_no_answer_in_time_is_lost(peer: Peer, door: AiohttpDoor) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        await reader.read()

    peer.script = silent
    with pytest.raises(AnswerLost):
        await door.request("POST", peer.url, headers={}, body=b"x", timeout_s=0.2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=["closed", "truncated", "truncated chunks", "not http", "broken gzip"],
)
async def test_a_broken_answer_is_lost(peer: Peer, door: AiohttpDoor, raw: bytes) -> None:
    peer.script = peer.answer(raw)
    with pytest.raises(AnswerLost):
        await door.request("POST", peer.url, headers={}, body=b"x")
    assert len(peer.heads) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
async def test_a_reused_connection_that_breaks_is_lost_and_never_repeated(
    peer: Peer, door: AiohttpDoor, method: str
) -> None:
    async def once_then_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        writer.write(OK)
        await peer.head(reader)

    peer.script = once_then_cut
    await door.request("GET", peer.url, headers={})
    with pytest.raises(AnswerLost):
        await door.request(method, peer.url, headers={}, body=b"" if method == "GET" else b"x")
    assert (len(peer.heads), peer.connections) == (2, 1)


async def test_connections_are_reused(peer: Peer, door: AiohttpDoor) -> None:
    async def many(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await peer.head(reader)
            writer.write(OK)

    peer.script = many
    for _ in range(5):
        await door.request("POST", peer.url, headers={}, body=b"x")
    assert (len(peer.heads), peer.connections) == (5, 1)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_over_the_cap_is_lost(peer: Peer, door: AiohttpDoor, packed: bool) -> None:
    body = gzip.compress(bytes(100_000)) if packed else bytes(1001)
    assert packed is (len(body) < 1000)
    encoding = b"Content-Encoding: gzip\r\n" if packed else b""
    peer.script = peer.answer(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)
    with pytest.raises(AnswerLost, match="longer than 1000 bytes"):
        await door.request("GET", peer.url, headers={})
