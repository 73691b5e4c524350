"""The line that breaks: each fault does what it says, is counted, and is gone when it is turned off."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest
from chaos.proxy import FAULTS, Proxy, Trouble

QUESTION, ANSWER = b"how many\n", b"answer: " + b"7" * 600 + b"\n"


class Teller:
    """A server that says the same to every line it reads, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.port = 0
        self._lines: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._lines.add(task)
        try:
            while line := await reader.readline():
                self.asked.append(line)
                writer.write(ANSWER)
                await writer.drain()
        except ConnectionError:
            self.asked.append(b"(reset)")
        finally:
            writer.close()
            self._lines.discard(task)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Teller"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()
        while self._lines:
            await asyncio.wait(self._lines)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


@pytest.fixture
async def teller(stack: AsyncExitStack) -> Teller:
    return await stack.enter_async_context(Teller().open())


@pytest.fixture
async def proxy(stack: AsyncExitStack, teller: Teller) -> Proxy:
    made = Proxy("line", [("127.0.0.1", teller.port)], Random(1))
    await made.start()
    stack.push_async_callback(made.stop)
    return made


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
def connect(stack: AsyncExitStack, proxy: Proxy) -> Connect:
    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        stack.callback(writer.close)
        return reader, writer

    return connected


async def told(connect: Connect) -> bytes:
    """Ask on a line of one's own; what came until the end of the answer, or of the stream."""
    reader, writer = await connect()
    writer.write(QUESTION)
    async with asyncio.timeout(10):
        return await reader.readline()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def silent(reader: asyncio.StreamReader) -> bool:
    """Nothing is said, nor the line ended, while the server has long answered."""
    try:
        await asyncio.wait_for(reader.read(1), 0.2)
    except TimeoutError:
        return True
    return False


async def test_without_trouble_all_passes(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    reader, writer = await connect()
    for _ in range(3):
        writer.write(QUESTION)
        assert await reader.readline() == ANSWER
    writer.write_eof()
    assert await reader.read() == b""
    assert teller.asked == [QUESTION] * 3
    assert not proxy.struck


async def test_delay_is_late_and_whole(proxy: Proxy, connect: Connect) -> None:
    proxy.turn(Trouble("delay", delay_s=1.0))
    reader, writer = await connect()
    writer.write(QUESTION)
    await until(lambda: proxy.struck["delay"] == 1)
    assert await silent(reader)
    assert await reader.readline() == ANSWER
    assert proxy.struck == {"delay": 1}


async def test_cut_before_leaves_the_server_unasked(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    proxy.turn(Trouble("cut-before"))
    with pytest.raises(ConnectionResetError):
        await told(connect)
    assert QUESTION not in teller.asked
    assert proxy.struck == {"cut-before": 1}


async def test_cut_after_has_its_effect(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    proxy.turn(Trouble("cut-after"))
    with pytest.raises(ConnectionResetError):
        await told(connect)
    assert teller.asked[0] == QUESTION
    assert proxy.struck == {"cut-after": 1}


async def test_an_eaten_answer_leaves_the_line_silent_for_good(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    proxy.turn(Trouble("eat"))
    reader, writer = await connect()
    writer.write(QUESTION)
    await until(lambda: proxy.struck["eat"] == 1)
    assert await silent(reader)
    proxy.calm()
    writer.write(QUESTION)
    await until(lambda: len(teller.asked) == 2)
    assert await silent(reader)
    assert await told(connect) == ANSWER  # another line is well


async def test_half_close_ends_the_answer_and_not_the_question(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    proxy.turn(Trouble("half-close"))
    reader, writer = await connect()
    writer.write(QUESTION)
    assert await reader.read() == b""
    writer.write(QUESTION)
    await until(lambda: len(teller.asked) == 2)
    assert proxy.struck["half-close"] >= 1


async def test_garble_is_noise_that_cannot_begin_a_message(proxy: Proxy, connect: Connect) -> None:
    proxy.turn(Trouble("garble"))
    said = await told(connect)
    assert said[16:] == ANSWER[16:]
    assert all(byte >= 0x80 for byte in said[:16])
    assert proxy.struck == {"garble": 1}


async def test_hang_accepts_and_says_nothing_until_calm(proxy: Proxy, teller: Teller, connect: Connect) -> None:
    early, _ = await connect()
    assert await told(connect) == ANSWER
    proxy.turn(Trouble("hang"))
    with pytest.raises(ConnectionResetError):
        await early.read()  # those there are reset: they must come anew
    reader, writer = await connect()
    writer.write(QUESTION)
    await until(lambda: proxy.struck["hang"] == 1)
    assert await silent(reader)
    assert teller.asked.count(QUESTION) == 1
    proxy.calm()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    assert await told(connect) == ANSWER


async def test_drip_is_whole_in_the_end(proxy: Proxy, connect: Connect) -> None:
    proxy.turn(Trouble("drip"))
    reader, writer = await connect()
    writer.write(QUESTION)
    first = await reader.read(1000)
    assert 0 < len(first) < len(ANSWER)
    assert first + await reader.readline() == ANSWER
    assert proxy.struck == {"drip": 1}


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_calm_ends_every_fault(proxy: Proxy, connect: Connect, fault: str) -> None:
    proxy.turn(Trouble(fault))
    proxy.calm()
    assert await told(connect) == ANSWER
    assert not proxy.struck


async def test_a_share_strikes_some(proxy: Proxy, connect: Connect) -> None:
    proxy.turn(Trouble("garble", share=0.5))
    said = [await told(connect) for _ in range(40)]
    assert 0 < said.count(ANSWER) < 40
    assert proxy.struck["garble"] == 40 - said.count(ANSWER)


async def test_the_next_upstream_serves_when_one_is_gone(stack: AsyncExitStack, teller: Teller) -> None:
    folder = Path(mkdtemp(prefix="cd-"))
    stack.callback(folder.rmdir)
    socket = folder / "teller"
    server = await asyncio.start_unix_server(teller.serve, str(socket))
    stack.callback(lambda: socket.unlink(missing_ok=True))
    stack.callback(server.close)
    gone = ("127.0.0.1", 1)
    made = Proxy("line", [gone, socket], Random(1))
    await made.start()
    stack.push_async_callback(made.stop)
    for _ in range(4):
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(QUESTION)
        assert await reader.readline() == ANSWER
        writer.close()


async def test_nobody_there_is_a_reset(stack: AsyncExitStack) -> None:
    made = Proxy("line", [("127.0.0.1", 1), Path(os.devnull)], Random(1))
    await made.start()
    stack.push_async_callback(made.stop)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    stack.callback(writer.close)
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_a_fault_that_is_not_known_is_refused(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="gremlins"):
        proxy.turn(Trouble("gremlins"))
