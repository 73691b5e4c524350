"""A desk on a real database, and the console served to a real browser."""

import asyncio
import contextlib
import socket
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server

from crossdock.api.desk import Desk
from crossdock.console.app import create_app
from crossdock.governance import people
from crossdock.governance.mapped import Mapped
from crossdock.observe.signals import Silence
from crossdock.simulators.base import Faults, Reply, Request
from crossdock.simulators.server import SimulatorServer
from crossdock.store.pool import reading_pool
from crossdock.store.postgres import PostgresStore
from tests.console.seed import CONNECTORS, ERP

HOST = "http://console.test"
PASSWORD = "correct horse battery"
MAPPED = (
    Mapped(ERP, "ship_methods", "Ship methods", "ship_methods", {"Ground": "3001", "Old": "9"}, ("Ground",)),
    Mapped(ERP, "currencies", "Currencies", "currencies", {"AUD": "5"}),
)


class Bugs:
    """A log that keeps errors, so that a test can demand there were none."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...

    def error(self, event: str, **fields: Any) -> None:
        self.seen.append({"event": event, **fields})


@contextlib.asynccontextmanager
async def desk(store: PostgresStore, url: str, **settings: Any) -> AsyncIterator[Desk]:
    """A desk of its own pool; every bug logged fails the test on leaving."""
    pool = await reading_pool(url)
    signals = Silence()
    bugs = signals.log = Bugs()
    made = Desk(
        pool=pool,
        store=store,
        connectors=settings.pop("connectors", CONNECTORS),
        signals=signals,
        clock=lambda: datetime.now(UTC),
        stopwatch=time.monotonic,
        unique=lambda: uuid.uuid4().hex,
        version="0.1.0",
        mapped=MAPPED,
        readmes={"netsuite": "# NetSuite\n\nConcurrency is account-wide.\n<script>alert(1)</script>\n"},
        **{"public_url": HOST, **settings},
    )
    try:
        yield made
    finally:
        await pool.close()
    assert not bugs.seen


@contextlib.asynccontextmanager
async def no_audit(made: Desk) -> AsyncIterator[None]:
    """The audit takes no line."""
    await made.pool.execute("alter table audit add constraint nobody check (actor = '') not valid")
    try:
        yield
    finally:
        await made.pool.execute("alter table audit drop constraint nobody")


class Vendor:
    """A vendor that only has switches."""

    def __init__(self, name: str) -> None:
        self.name, self.faults = name, Faults()

    async def handle(self, request: Request) -> Reply:
        return Reply(200)

    def books(self) -> dict[str, object]:
        return {}

    async def tick(self) -> None: ...


class Visitor:
    """An HTTP client that keeps a session and knows its CSRF token."""

    def __init__(self, client: httpx.AsyncClient, csrf: str) -> None:
        self.client, self.csrf = client, csrf

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def page(self, path: str) -> httpx.Response:
        return await self.client.get(path, headers={"accept": "text/html"})

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"x-csrf-token": self.csrf, "content-type": "application/json", "origin": HOST, **headers}
        return await self.client.post(path, content=msgspec.json.encode(body or {}), headers=sent)

    async def submit(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data={"csrf": self.csrf, **fields}, headers={"accept": "text/html"})


@contextlib.asynccontextmanager
async def visitor(made: Desk, role: str = "admin") -> AsyncIterator[Visitor]:
    """Somebody of this role, signed in through the session table; ``role=""``: nobody."""
    app = create_app(made, watch=False)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=made.public_url) as client:
        csrf = ""
        if role:
            person = await people.redeem(made.pool, await people.create_setup_link(made.pool, role), f"a {role}", None)
            token, csrf = await people.open_session(made.pool, person.id)
            client.cookies.set(made.cookie, token)
        yield Visitor(client, csrf)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def served(made: Desk, port: int) -> AsyncIterator[None]:
    """The console over a real socket, in this event loop."""
    app = create_app(made)
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    try:
        await _listening(port)
        yield
    finally:
        server.stop()
        await serving


async def _listening(port: int) -> None:
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return


@contextlib.asynccontextmanager
async def simulated(*names: str) -> AsyncIterator[dict[str, str]]:
    """Vendors that only have switches, and where to turn them."""
    server = SimulatorServer()
    for name in names:
        server.add(Vendor(name))
    await server.start()
    try:
        yield dict.fromkeys(names, server.control_url)
    finally:
        await server.stop()
