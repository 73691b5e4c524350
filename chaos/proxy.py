"""A TCP line that can be broken while it runs: between Crossdock and the vendors, and between Crossdock and PostgreSQL.

Faults strike at the beginning of a turn: the first bytes that one side sends after the other has spoken, which is where
a request, or an answer, begins. Bytes in the middle of a message are never changed: without TLS nobody could notice
that, and with TLS it cannot happen. Each fault that struck is counted.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TypeAlias

import msgspec

FAULTS = {
    "delay": "the answer comes late",
    "cut-before": "the connection is reset before the request has passed",
    "cut-after": "the request passes; the connection is reset in the middle of the answer",
    "eat": "the request passes, its answer never arrives, the line stays open and silent",
    "half-close": "the request passes; instead of the answer, the other side's end of the stream",
    "garble": "the first bytes of the answer are noise",
    "hang": "connections are accepted and nothing is ever said on them",
    "drip": "the answer comes a few bytes at a time",
}
_CHUNK = 65_536
_NOISE, _DRIP_BYTES, _DRIP_PAUSE_S = 16, 64, 0.05
_CONNECT_S = 3.0
_RESET = struct.pack("ii", 1, 0)  # linger 0: closing resets

Address: TypeAlias = tuple[str, int] | Path  # host and port, or a Unix socket
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


class Trouble(msgspec.Struct, frozen=True):
    """What strikes: a fault, on which share of turns, how long a delay is."""

    fault: str
    share: float = 1.0
    delay_s: float = 1.0


class Proxy:
    """Listens on a loopback port of its own and passes on to the first upstream that answers, each first in turn."""

    def __init__(self, name: str, upstreams: Sequence[Address], random: Random) -> None:
        self.name = name
        self.struck: Counter[str] = Counter()
        self.port = 0
        self._upstreams, self._random = list(upstreams), random
        self._turn = 0
        self._trouble: Trouble | None = None
        self._calm = asyncio.Event()
        self._lines: set[_Line] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; ``port`` says where."""
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the door and reset every line."""
        if self._server is not None:
            self._server.close()
        self.calm()
        self.reset()
        while self._serving:
            await asyncio.wait(self._serving)

    def turn(self, trouble: Trouble) -> None:
        """From now on this strikes, instead of what did before. ``hang`` resets what is there: only who comes hangs."""
        if trouble.fault not in FAULTS:
            raise ValueError(f"no fault {trouble.fault!r}; there are {sorted(FAULTS)}")
        self._calm.clear()
        self._trouble = trouble
        if trouble.fault == "hang":
            self.reset()

    def calm(self) -> None:
        """From now on nothing strikes; what hangs is reset. A line whose answer was eaten stays as it is."""
        self._trouble = None
        self._calm.set()

    def reset(self) -> None:
        """Reset every connection there is."""
        for line in list(self._lines):
            line.reset()

    def struck_by(self, *faults: str) -> Trouble | None:
        """The trouble of now, if it is one of these and strikes this time; it is counted by who lets it happen."""
        trouble = self._trouble
        return trouble if trouble and trouble.fault in faults and self._random.random() < trouble.share else None

    def noise(self) -> bytes:
        """Bytes that begin neither an HTTP message nor one of PostgreSQL's."""
        return bytes(self._random.randrange(0x80, 0x100) for _ in range(_NOISE))

    async def _taken(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if self.struck_by("hang"):
                await self._hang(writer)
            elif (up := await self._reach()) is None:
                _reset(writer)
            else:
                await self._carry(_Line(self, (reader, writer), up))
        finally:
            self._serving.discard(task)

    async def _hang(self, writer: Writer) -> None:
        self.struck["hang"] += 1
        await self._calm.wait()
        _reset(writer)

    async def _carry(self, line: "_Line") -> None:
        self._lines.add(line)
        try:
            await line.run()
        finally:
            self._lines.discard(line)

    async def _reach(self) -> tuple[Reader, Writer] | None:
        """A connection to an upstream; None when nobody answers."""
        self._turn += 1
        for n in range(len(self._upstreams)):
            where = self._upstreams[(self._turn + n) % len(self._upstreams)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    if isinstance(where, Path):
                        return await asyncio.open_unix_connection(str(where))
                    return await asyncio.open_connection(*where)
        return None


class _Line:
    """One connection and its other half."""

    def __init__(self, proxy: Proxy, client: tuple[Reader, Writer], server: tuple[Reader, Writer]) -> None:
        self._proxy = proxy
        self._asking, self._client = client
        self._answering, self._server = server
        self._asked = False  # the client has spoken, the server has not answered yet
        self._silenced = False

    async def run(self) -> None:
        """Until both sides have ended, or one was reset."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask())
                both.create_task(self._answer())
        except* OSError:
            self.reset()  # what one side suffered, the other is told
        finally:
            for writer in (self._client, self._server):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    def reset(self) -> None:
        _reset(self._client)
        _reset(self._server)

    async def _ask(self) -> None:
        while chunk := await self._asking.read(_CHUNK):
            if not self._asked:
                self._asked = True
                if self._strike("cut-before"):
                    self.reset()
                    return
            await _pass(self._server, chunk)
        _end(self._server)

    async def _answer(self) -> None:
        while chunk := await self._answering.read(_CHUNK):
            if self._asked:
                self._asked = False
                trouble = self._strike("delay", "cut-after", "eat", "half-close", "garble", "drip")
                if trouble:
                    chunk = await self._troubled(trouble, chunk)
            if chunk and not self._silenced:
                await _pass(self._client, chunk)
        if not self._silenced:
            _end(self._client)

    def _strike(self, *faults: str) -> Trouble | None:
        trouble = self._proxy.struck_by(*faults)
        if trouble:
            self._proxy.struck[trouble.fault] += 1
        return trouble

    async def _troubled(self, trouble: Trouble, chunk: bytes) -> bytes:
        """Let it happen; returns what is still to be passed on."""
        match trouble.fault:
            case "delay":
                await asyncio.sleep(trouble.delay_s)
            case "cut-after":
                await _pass(self._client, chunk[: len(chunk) // 2])
                self.reset()
                return b""
            case "eat":
                self._silenced = True
            case "half-close":
                _end(self._client)
                self._silenced = True
            case "garble":
                return self._proxy.noise() + chunk[_NOISE:]
            case "drip":
                await self._drip(chunk)
                return b""
        return chunk

    async def _drip(self, chunk: bytes) -> None:
        for start in range(0, len(chunk), _DRIP_BYTES):
            await _pass(self._client, chunk[start : start + _DRIP_BYTES])
            await asyncio.sleep(_DRIP_PAUSE_S)


async def _pass(writer: Writer, chunk: bytes) -> None:
    if writer.is_closing():
        raise ConnectionResetError("the other side of the line is gone")
    writer.write(chunk)
    await writer.drain()


def _end(writer: Writer) -> None:
    with suppress(OSError, RuntimeError):  # the other side may be gone by now
        writer.write_eof()


def _reset(writer: Writer) -> None:
    held = writer.get_extra_info("socket")
    if not writer.is_closing() and held is not None and held.family != socket.AF_UNIX:
        with suppress(OSError, ValueError):  # it may have closed in this very moment
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
