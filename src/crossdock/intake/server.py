"""Runs the intake application on Granian, in this process and event loop, until told to stop."""

import asyncio
from pathlib import Path

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from crossdock.intake.doorway import IntakeApp


class Listen(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to listen. Loopback unless told otherwise; then behind TLS, or behind a named proxy."""

    host: str = "127.0.0.1"
    port: int = 8480
    certificate: str | None = None  # PEM files
    key: str | None = None
    backlog: int = 1024
    runtime_threads: int = 1


class IntakeServer:
    """A ``Loop``: serves until ``stop`` is set, then takes no more, finishes its commits, and returns."""

    def __init__(self, app: IntakeApp, listen: Listen) -> None:
        self._app, self._listen = app, listen

    async def run(self, stop: asyncio.Event) -> None:
        """Raises ``OSError`` when the address is taken."""
        server = _server(self._app, self._listen)
        serving = asyncio.get_running_loop().create_task(server.serve())
        stopped = asyncio.get_running_loop().create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            self._app.stop()
            server.stop()  # type: ignore[no-untyped-call]
            await self._ended(serving)
            await self._app.drain()

    async def _ended(self, serving: "asyncio.Task[None]") -> None:
        try:
            await serving
        except RuntimeError as error:
            why = str(error).partition("\n")[0]
            where = f"{self._listen.host}:{self._listen.port}"
            raise OSError(f"intake cannot listen at {where}: {why}. Set serve.intake to a free address.") from None


def _server(app: IntakeApp, listen: Listen) -> Server:
    return Server(
        app,
        address=listen.host,
        port=listen.port,
        interface=Interfaces.RSGI,
        runtime_threads=listen.runtime_threads,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=256 * 1024),
        websockets=False,
        backlog=listen.backlog,
        backpressure=4096,
        log_enabled=False,
        log_level=LogLevels.error,
        ssl_cert=Path(listen.certificate) if listen.certificate else None,
        ssl_key=Path(listen.key) if listen.key else None,
    )
