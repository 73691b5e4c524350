"""The real door against real sockets: what counts as not sent, and what as an answer that was lost."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from crossdock.kit.door import Door
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
async def door() -> AsyncIterator[Door]:
    async with Door(max_body=1000) as door:
        yield door


async def test_the_whole_answer_comes_back(peer: Peer, door: Door) -> None:
    answer = await door.request("POST", peer.url + "x?q=1", headers={"X-Mine": "1"}, body=b"hello")
    assert (answer.status, answer.body, answer.headers["x-till"]) == (200, b"ok", "Seven")
    assert peer.heads[0].startswith(b"POST /x?q=1 HTTP/1.1\r\n")
    assert b"X-Mine: 1" in peer.heads[0]


@pytest.mark.parametrize("status", [204, 301, 302, 404, 429, 500])
async def test_any_status_is_an_answer_and_no_redirect_is_followed(peer: Peer, door: Door, status: int) -> None:
    peer.script = peer.answer(b"HTTP/1.1 %d X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status)
    answer = await door.request("GET", peer.url, headers={})
    assert answer.status == status
    assert answer.headers["location"] == "/elsewhere"
    assert len(peer.heads) == 1


async def test_no_cookie_is_kept(peer: Peer, door: Door) -> None:
    peer.script = peer.answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        await door.request("GET", peer.url, headers={})
    assert b"cookie" not in peer.heads[1].lower()


async def test_refused_was_not_sent(door: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        with pytest.raises(NotSent):
            await door.request("POST", f"http://127.0.0.1:{taken.getsockname()[1]}/", headers={}, body=b"x")


@pytest.mark.parametrize(
    "url",
    ["http://", "nonsense", "ftp://127.0.0.1/x", "http://no-such-host.invalid/", "http://a:b@127.0.0.1/", "http://[/x",
     "http://127.0.0.1:99999/"],
)  # fmt: skip
async def test_an_address_that_leads_nowhere_was_not_sent(door: Door, url: str) -> None:
    with pytest.raises(NotSent):
        await door.request("POST", url, headers={}, body=b"x")


async def test_failed_tls_was_not_sent(peer: Peer, door: Door) -> None:
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
    async with Door(connections=1) as narrow:
        first = asyncio.create_task(narrow.request("POST", peer.url, headers={}, body=b"1"))
        await reached.wait()
        with pytest.raises(NotSent):
            await narrow.request("POST", peer.url, headers={}, body=b"2", timeout_s=0.2)
        release.set()
        assert (await first).status == 200
    assert len(peer.heads) == 1


async def test_no_answer_in_time_is_lost(peer: Peer, door: Door) -> None:
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
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=[
        "closed",
        "truncated",
        "truncated chunks",
        "two lengths",
        "wrong chunks",
        "another protocol",
        "not http",
        "broken gzip",
    ],
)
async def test_a_broken_answer_is_lost(peer: Peer, door: Door, raw: bytes) -> None:
    peer.script = peer.answer(raw)
    with pytest.raises(AnswerLost):
        await door.request("POST", peer.url, headers={}, body=b"x")
    assert len(peer.heads) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
async def test_a_reused_connection_that_breaks_is_lost_and_never_repeated(peer: Peer, door: Door, method: str) -> None:
    async def once_then_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        writer.write(OK)
        await peer.head(reader)

    peer.script = once_then_cut
    await door.request("GET", peer.url, headers={})
    with pytest.raises(AnswerLost):
        await door.request(method, peer.url, headers={}, body=b"" if method == "GET" else b"x")
    assert (len(peer.heads), peer.connections) == (2, 1)


async def test_connections_are_reused(peer: Peer, door: Door) -> None:
    async def many(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await peer.head(reader)
            writer.write(OK)

    peer.script = many
    for _ in range(5):
        await door.request("POST", peer.url, headers={}, body=b"x")
    assert (len(peer.heads), peer.connections) == (5, 1)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_over_the_cap_is_lost(peer: Peer, door: Door, packed: bool) -> None:
    body = gzip.compress(bytes(100_000)) if packed else bytes(1001)
    assert packed is (len(body) < 1000)
    encoding = b"Content-Encoding: gzip\r\n" if packed else b""
    peer.script = peer.answer(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)
    with pytest.raises(AnswerLost, match="longer than 1000 bytes"):
        await door.request("GET", peer.url, headers={})


async def test_a_connection_kept_too_long_is_not_used_again(peer: Peer) -> None:
    async def many(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await peer.head(reader)
            writer.write(OK)

    peer.script = many
    async with Door(keepalive_s=0.0) as door:
        for _ in range(3):
            await door.request("GET", peer.url, headers={})
            await asyncio.sleep(0.01)
    assert (len(peer.heads), peer.connections) == (3, 3)


async def test_what_nobody_asked_for_is_never_taken_for_an_answer(peer: Peer, door: Door) -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        writer.write(OK + b"HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    peer.script = talkative
    for _ in range(2):
        assert (await door.request("GET", peer.url, headers={})).status == 200
    assert peer.connections == 2


async def test_an_answer_before_the_whole_request_has_left_ends_the_connection(peer: Peer, door: Door) -> None:
    """What is left of the request must not stand before the next one."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await reader.read()

    peer.script = hasty
    for _ in range(2):
        assert (await door.request("POST", peer.url, headers={}, body=bytes(30_000_000))).status == 200
    assert peer.connections == 2


async def test_unused_sockets_make_room_for_another_system(peer: Peer) -> None:
    other = Peer()
    await other.open()
    gone = asyncio.Event()

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        writer.write(OK)
        await reader.read()
        gone.set()

    peer.script = patient
    async with Door(connections=1) as narrow:
        await narrow.request("GET", peer.url, headers={})
        assert (await narrow.request("GET", other.url, headers={})).status == 200
        await asyncio.wait_for(gone.wait(), 5)
    await other.close()


@pytest.mark.parametrize("headers", [{"x": "a\r\ny: b"}, {"x\r\ny": "b"}, {"x": "a\nb"}, {"x": "a\0"}, {"x": "\u20ac"}])
async def test_a_header_that_would_be_two_is_not_sent(peer: Peer, door: Door, headers: dict[str, str]) -> None:
    with pytest.raises(NotSent):
        await door.request("GET", peer.url, headers=headers)
    assert peer.connections == 0


async def test_an_address_is_sent_as_visible_ascii(peer: Peer, door: Door) -> None:
    await door.request("GET", f"{peer.url}\u00fc b?q=a b%20c\r\nX: y#part", headers={})
    assert peer.heads[0].startswith(b"GET /%C3%BC%20b?q=a%20b%20c%0D%0AX:%20y HTTP/1.1\r\n")


async def test_our_headers_give_way_to_the_callers(peer: Peer, door: Door) -> None:
    await door.request("POST", peer.url, headers={"ACCEPT": "text/csv"})
    lines = peer.heads[0].decode().lower().splitlines()
    assert [line for line in lines if line.startswith("accept:")] == ["accept: text/csv"]
    assert {"user-agent: crossdock", "content-length: 0", f"host: 127.0.0.1:{peer.port}"} <= set(lines)


async def test_a_cancelled_call_leaves_no_connection_behind(peer: Peer, door: Door) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        reached.set()
        await reader.read()
        ended.set()

    peer.script = hang
    call = asyncio.create_task(door.request("GET", peer.url, headers={}))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(ended.wait(), 5)


async def test_closing_loses_what_is_in_flight(peer: Peer) -> None:
    reached = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.head(reader)
        reached.set()
        await reader.read()

    peer.script = hang
    door = Door()
    call = asyncio.create_task(door.request("GET", peer.url, headers={}))
    await reached.wait()
    await door.close()
    with pytest.raises(AnswerLost):
        await call
    with pytest.raises(NotSent):
        await door.request("GET", peer.url, headers={})


async def test_a_certificate_is_verified(tmp_path: Path) -> None:
    """A server of an unknown authority gets nothing, a known one under another name neither."""
    server, trusting = _authority(tmp_path, "localhost")
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    port = listening.sockets[0].getsockname()[1]
    async with Door() as wary, Door(tls=trusting) as knowing:
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await wary.request("GET", f"https://localhost:{port}/", headers={})
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await knowing.request("GET", f"https://127.0.0.1:{port}/", headers={})
        assert (await knowing.request("GET", f"https://localhost:{port}/", headers={})).body == b"ok"
    assert len(heads) == 1
    listening.close()
    await listening.wait_closed()


def _authority(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a fresh certificate for ``host``, and a client's that trusts just it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=str(public))
