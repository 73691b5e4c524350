"""The whole house of ``tests/process`` on the store in memory: no database, so that its inbox can be replayed often."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from crossdock import app
from crossdock.domain.signal_decider import AGAIN
from crossdock.domain.state import OrderState, decode_state
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.scheduling import ScheduleLoop
from crossdock.engine.verdict import FROM_OUTSIDE
from crossdock.engine.world import Loop
from crossdock.kit.http import Response
from crossdock.store.memory import MemoryStore
from crossdock.store.memory_rows import Entry
from crossdock.store.protocol import BACKFILL, Arrival, Receipt
from tests.process.books import all_books
from tests.process.house import House, Vendors, write_config
from tests.support.in_process_http import InProcessHttp


class Inbox(MemoryStore):
    """Remembers which stream each message that arrived belongs to."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self.streams: dict[int, int] = {}

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        receipts = await super().accept(arrivals)
        for arrival, receipt in zip(arrivals, receipts, strict=True):
            if receipt.message_id is not None:
                self.streams[receipt.message_id] = self.books.stream(arrival.stream).id
        return receipts

    @property
    def from_outside(self) -> list[int]:
        """Everything that ``crossdock replay`` may put back, in the order it came."""
        return [number for number in self.streams if self.books.messages[number].source in FROM_OUTSIDE]

    async def again(self, messages: Sequence[int]) -> None:
        """Put stored messages back on the agenda, in the lowest lane: what ``crossdock replay`` does."""
        for number in messages:
            self.books.agenda.append(Entry(self.streams[number], number, BACKFILL, self._now()))
        await self.wake("decide")


class CountingHttp(InProcessHttp):
    """Counts what would change something at a vendor, told by the wire alone."""

    def __init__(self, simulators: Mapping[str, Any]) -> None:
        super().__init__(simulators)
        self.changing: list[str] = []
        self.reading = 0

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        signs_in = "/auth/" in url or "oauth" in url
        graph = url.endswith(("/graphql", "/graphql.json"))
        query = graph and b'"query":"mutation' not in body.replace(b": ", b":")
        if method == "GET" or signs_in or query or "/suiteql" in url:
            self.reading += 1
        else:
            self.changing.append(f"{method} {url} {body[:120]!r}")
        return await super().request(method, url, headers=headers, body=body, timeout_s=timeout_s)


class MemoryHouse(House):
    """A house whose store is an ``Inbox``."""

    store: Inbox  # type: ignore[assignment]
    http: CountingHttp

    async def _is_quiet(self) -> bool:
        if self.vendors.mail.waiting or self.http.late or self.shop.books()["unpaid"]:
            return False
        books = self.store.books
        moving = any(row.status in ("open", "waiting", "new") for row in books.rows.values())
        return not books.agenda and not books.dispatch and not moving

    async def report(self) -> str:
        books = self.store.books
        lines = [f"{row.ref.key} {row.status} {row.step} {row.reason}" for row in books.rows.values()]
        return "\n".join([*lines, *(f"dispatch {row}" for row in books.dispatch.values())])

    async def order_is(self, order_id: str, status: str) -> None:
        """Wait until an order has a status."""
        await self.until(lambda: self._status(order_id) == status, f"order {order_id} to be {status}")

    def _status(self, order_id: str) -> str | None:
        rows = self.store.books.rows.values()
        return next((row.status for row in rows if row.ref.key == f"shop-{order_id}"), None)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[None]:
        """Decide, deliver and schedule, until left."""
        stop = asyncio.Event()
        async with self.world(self.store, "w1") as world:  # type: ignore[arg-type]
            loops: list[Loop] = [DecideLoop(world), DeliverLoop(world), ScheduleLoop(world)]
            running = [asyncio.create_task(loop.run(stop)) for loop in loops]
            try:
                yield
            finally:
                stop.set()
                await asyncio.gather(*running)

    def outside(self) -> Any:
        """All that the outside world holds."""
        return all_books(self)

    def inside(self) -> dict[str, Any]:
        """Everything of the orders that a replay must leave as it is: state, commands that write, exceptions.

        But for allocations: a signal told again is read again, and shows where the shop now wants the rest from. And
        but for when it is read once more: that is so long after it was told, and changes nothing.
        """
        books = self.store.books
        orders = [row for row in books.rows.values() if row.ref.kind == "order" and row.state is not None]
        return {
            "states": {row.ref.key: _without_allocations(row.state or b"") for row in orders},
            "statuses": {row.ref.key: row.status for row in books.rows.values()},
            "commands": {key for key, one in books.commands.items() if one.command.purpose != "read_back"},
            "exceptions": [(found.stream_id, found.problem.key) for found in books.exceptions if not found.settled_by],
            "timers": {key: alarm for key, alarm in books.timers.items() if key[1] != AGAIN},
            "references": set(books.references),
        }


def _without_allocations(stored: bytes) -> OrderState:
    return msgspec.structs.replace(decode_state(stored), allocations=())


@asynccontextmanager
async def memory_house(
    folder: Path,
    made: type[MemoryHouse] = MemoryHouse,
    accounts: type[Vendors] = Vendors,
    **settings: Mapping[str, Any],
) -> AsyncIterator[MemoryHouse]:
    """A house with its doors open and its engine running."""
    vendors = accounts(7, settings.get("shop", {}), settings.get("warehouse", {}))
    config = app.configuration(write_config(folder, vendors, settings.get("route", {}), []))
    house = made(folder, "", Inbox(), vendors, config, CountingHttp(vendors.by_host))  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.open())
        await stack.enter_async_context(house.engine())
        yield house
