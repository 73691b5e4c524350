"""`crossdock backfill`: fetch what a channel has, by date or ids, in the lowest lane. Resumable, harmless to repeat."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from crossdock.engine.world import World
from crossdock.intake.polling import Run, Tally, run_pages
from crossdock.store.protocol import BACKFILL


class NoBackfill(Exception):
    """The connection, or the poll, cannot be backfilled; the text says what can be."""


async def backfill(
    world: World,
    connection: str,
    options: Mapping[str, Any],
    *,
    poll: str | None = None,
    progress: Callable[[Tally], None] = lambda _tally: None,
    go_on: Callable[[], bool] = lambda: True,
    restart: bool = False,
) -> Tally:
    """Run a poll over ``options`` (``since``, ``until``: ISO; ``ids``) to its end or until ``go_on()`` is false.

    The place is kept under the options' digest: the same call goes on where a broken one stopped, unless ``restart``.
    ``progress`` is called after each page. Orders that are already known are counted, not taken again. Raises
    ``NoBackfill`` and whatever the poll raises.
    """
    link = world.links.get(connection)
    if link is None:
        raise NoBackfill(f"no connection {connection!r}; known: {', '.join(sorted(world.links)) or 'none'}")
    able = {name: one for name, one in link.connector.polls.items() if one.backfill}
    name = poll or next(iter(able), "")
    if name not in able:
        raise NoBackfill(f"{connection} has no poll {name!r} for backfill; it has: {', '.join(able) or 'none'}")
    digest = hashlib.sha256(msgspec.json.encode(dict(sorted(options.items())))).hexdigest()[:16]
    cursor = f"backfill/{name}/{digest}"
    if restart:
        await world.store.save_cursor(connection, cursor, "")
    total = Tally()
    while go_on() and not total.whole:
        run = Run(link, able[name], cursor, options, BACKFILL, asyncio.sleep)
        await run_pages(world, run, go_on, progress, total)
    if total.whole:
        await world.store.save_cursor(connection, cursor, "")
    return total
