"""Speaks to the simulated vendors: places orders, turns faults, reads books."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from crossdock.demo.vendors import VARIABLE, VendorsSaid, VendorsSpec

ANSWER_S = 60.0  # of the vendors, who share one process and a busy machine


class Vendors:
    """The running vendors."""

    def __init__(self, said: VendorsSaid, session: aiohttp.ClientSession) -> None:
        self.control, self.urls = said.control, said.urls
        self._session = session

    async def act(self, name: str, verb: str, **args: Any) -> Any:
        """What the vendor's own people do. Raises ``RuntimeError`` when the vendor cannot."""
        return await self._ask("POST", f"{name}/act", {"verb": verb, "args": args})

    async def faults(self, name: str, **switches: bool | float) -> None:
        await self._ask("POST", f"{name}/faults", switches)

    async def books(self, name: str) -> Any:
        return await self._ask("GET", f"{name}/books")

    async def acknowledged(self, name: str) -> set[str]:
        """What the vendor has told of and was answered 2xx for, by its own ids."""
        return set(await self._ask("GET", f"{name}/acknowledged"))

    async def pending(self) -> int:
        """Webhooks still to be delivered and effects still to come."""
        summaries = await self._ask("GET", "")
        return sum(one["webhooks"]["pending"] + one["late_effects"] for one in summaries)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.control}/_sim/{path}".rstrip("/")
        sent = msgspec.json.encode(body) if body is not None else None
        async with self._session.request(method, url, data=sent) as answer:
            told = msgspec.json.decode(await answer.read())
            if answer.status >= 400:
                raise RuntimeError(f"the simulated vendor refused {path}: {told.get('error', told)}")
            return told


@asynccontextmanager
async def vendors(spec: VendorsSpec) -> AsyncIterator[Vendors]:
    """The vendors' process, for as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crossdock.demo.vendors", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, VARIABLE: msgspec.json.encode(spec).decode()}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated vendors did not start; the lines above say why")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session:
            yield Vendors(msgspec.json.decode(line, type=VendorsSaid), session)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
