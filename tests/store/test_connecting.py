"""Which host is connected to, and that one which is gone without a word holds up nobody for long."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random

import asyncpg
import pytest
from chaos.proxy import Proxy, Trouble

from crossdock.store import connecting, pool
from crossdock.store.connecting import connect, each_host
from crossdock.store.embedded import Embedded
from crossdock.store.pool import engine_pool, transaction
from crossdock.store.protocol import StoreUnavailable


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def line(stack: AsyncExitStack, server: Embedded) -> Proxy:
    """A TCP line to the embedded server."""
    made = Proxy("database", [server.socket], Random(1))
    await made.start()
    stack.push_async_callback(made.stop)
    return made


def url(*lines: Proxy) -> str:
    hosts = ",".join(f"127.0.0.1:{one.port}" for one in lines)
    return f"postgresql://crossdock@{hosts}/crossdock?sslmode=disable"


def test_one_url_per_host_keeps_everything_else() -> None:
    assert each_host("postgresql://me:p%40ss@a:1,[::1]:2/db?sslmode=require") == [
        "postgresql://me:p%40ss@a:1/db?sslmode=require",
        "postgresql://me:p%40ss@[::1]:2/db?sslmode=require",
    ]
    for options in ("?sslmode=require", "?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem", "/?a=/b", "/db?a=/b", ""):
        assert each_host(f"postgresql://me:pw@a:1,b:2{options}") == [
            f"postgresql://me:pw@a:1{options}",
            f"postgresql://me:pw@b:2{options}",
        ], "or the first host is spoken to in the clear"
    assert each_host("postgresql://a/db") == ["postgresql://a/db"]
    assert each_host("postgresql://crossdock@/db?host=%2Frun") == ["postgresql://crossdock@/db?host=%2Frun"]


async def test_a_silent_host_leaves_the_next_its_time(
    stack: AsyncExitStack, server: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "HOST_S", 0.5)
    silent, well = await line(stack, server), await line(stack, server)
    silent.turn(Trouble("hang"))
    opened = await engine_pool(url(silent, well), size=1)
    stack.push_async_callback(opened.close)
    assert await opened.fetchval("select 1") == 1
    assert silent.struck["hang"] == 1


async def test_the_host_that_takes_writes_is_used(stack: AsyncExitStack, server: Embedded) -> None:
    closed, well = await line(stack, server), await line(stack, server)
    await closed.stop()
    found = await connect(url(closed, well))
    stack.push_async_callback(found.close)
    assert await found.fetchval("show transaction_read_only") == "off"


async def test_without_any_host_every_one_says_why(stack: AsyncExitStack, server: Embedded) -> None:
    gone, also = await line(stack, server), await line(stack, server)
    await gone.stop()
    also.turn(Trouble("cut-before"))
    with pytest.raises(ConnectionError, match=r"none of 2 hosts takes writes; host 1: Conn.*; host 2: Conn"):
        await connect(url(gone, also))


async def test_a_server_that_is_gone_without_a_word_is_noticed(stack: AsyncExitStack, server: Embedded) -> None:
    found: asyncpg.Connection = await connect(url(await line(stack, server)))
    stack.push_async_callback(found.close)
    own = found._transport.get_extra_info("socket")
    assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    idle, every, times = (
        own.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert idle + every * times <= 15


async def test_an_answer_that_never_comes_is_given_up(
    stack: AsyncExitStack, server: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "COMMAND_S", 0.5)
    between = await line(stack, server)
    opened = await engine_pool(url(between), size=1)
    stack.callback(opened.terminate)
    between.turn(Trouble("eat"))
    with pytest.raises(StoreUnavailable):
        async with transaction(opened, "try"):
            raise AssertionError("nothing was answered")
    between.calm()
    async with transaction(opened, "try again") as connection:
        assert await connection.fetchval("select 1") == 1
