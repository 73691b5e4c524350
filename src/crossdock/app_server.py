"""An ASGI app on a server of its own: what the console and the partner API are served by."""

import asyncio
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from crossdock.governance.config import ServeSetup
from crossdock.governance.exposure import Address


class AppServer:
    """A ``Loop``: serves the app until told to stop."""

    def __init__(self, served: Any, where: Address, serve: ServeSetup) -> None:
        self._server = Server(
            served,
            address=where.host,
            port=where.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            log_level=LogLevels.error,
            ssl_cert=Path(serve.tls_certificate) if serve.tls_certificate else None,
            ssl_key=Path(serve.tls_key) if serve.tls_key else None,
        )

    async def run(self, stop: asyncio.Event) -> None:
        serving = asyncio.ensure_future(self._server.serve())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        self._server.stop()  # type: ignore[no-untyped-call]  # granian publishes no types for it
        await serving
