"""Reads older orders through a connection's polls, behind live orders."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import note
from crossdock.cli.reach import with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.engine.world import Linked
    from crossdock.kit.manifest import Page, Poll

PAGES = 100_000  # a poll that never ends is a fault: stop


def run(connection: str, options: Mapping[str, Any], config: Path, data: Path) -> dict[str, int]:
    """Fetch and accept; how many were found, and how many of them were new."""
    from crossdock.app import configuration

    found = configuration(config)
    if connection not in found.connections:
        raise typer.BadParameter(f"There is no connection '{connection}'. Connections: {', '.join(found.connections)}.")

    async def work(desk: "Desk") -> dict[str, int]:
        import os

        from crossdock.app import link
        from crossdock.kit.aiohttp_door import AiohttpDoor

        async with AiohttpDoor() as http:
            linked = link(found.connections[connection], found.folder, os.environ, http)
            return await _backfill(desk, linked, options)

    return with_desk(data, work)


async def _backfill(desk: "Desk", linked: "Linked", options: Mapping[str, Any]) -> dict[str, int]:
    from crossdock.cli.reach import myself
    from crossdock.governance import audit

    polls = [poll for poll in linked.connector.polls.values() if poll.backfill]
    if not polls:
        raise typer.BadParameter(f"{linked.name} ({linked.connector.manifest.title}) has nothing to fetch from.")
    await audit.append(desk.pool, myself().name, "connection.backfill", linked.name, "", dict(options))
    counts = {"found": 0, "new": 0}
    for poll in polls:
        await _pages(desk, linked, poll, options, counts)
    await desk.store.wake("decide")
    return counts


async def _pages(
    desk: "Desk", linked: "Linked", poll: "Poll", options: Mapping[str, Any], counts: dict[str, int]
) -> None:
    cursor: str | None = None
    for _ in range(PAGES):
        page = await poll.run(linked.connector.open(linked.line), cursor, options)
        counts["new"] += await _accept(desk, linked, page)
        counts["found"] += len(page.found)
        note(f"{linked.name}: {poll.name}: {counts['found']} found")
        if not page.more or page.cursor == cursor:
            return
        cursor = page.cursor


async def _accept(desk: "Desk", linked: "Linked", page: "Page") -> int:
    from crossdock.domain.decision import StreamRef
    from crossdock.store.protocol import BACKFILL, Arrival

    arrivals = [
        Arrival(
            linked.name, f.delivery_id, "poll", f.topic, StreamRef(f.stream_kind, f.stream_key), f.body,
            priority=BACKFILL,
        )  # fmt: skip
        for f in page.found
    ]
    await desk.store.save_masters(linked.name, "product", page.products)
    await desk.store.save_masters(linked.name, "customer", page.customers)
    return sum(not receipt.duplicate for receipt in await desk.store.accept(arrivals))
