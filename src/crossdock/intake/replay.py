"""`crossdock replay`: decide stored messages once more, in the lowest lane. What was done already is skipped by key."""

from collections.abc import Callable

import msgspec

from crossdock.store.pool import Pool
from crossdock.store.protocol import Store
from crossdock.store.replaying import Selection, again, count

AT_ONCE = 500


class Plan(msgspec.Struct, frozen=True):
    """What a replay would put on the agenda."""

    messages: int
    streams: int


class Progress(msgspec.Struct):
    looked: int = 0
    added: int = 0  # fewer than looked at, where messages were waiting already
    last_id: int = 0  # go on after this one


async def plan(pool: Pool, selection: Selection) -> Plan:
    """The dry run. ``pool``: a reading pool will do."""
    messages, streams = await count(pool, selection)
    return Plan(messages, streams)


async def replay(
    store: Store,
    pool: Pool,
    selection: Selection,
    *,
    after_id: int = 0,
    progress: Callable[[Progress], None] = lambda _progress: None,
    go_on: Callable[[], bool] = lambda: True,
) -> Progress:
    """Put the selected messages on the agenda again, in order, batch by batch; ``pool`` is the store's own.

    A broken replay goes on with ``after_id=progress.last_id``; repeating it from the start changes nothing either.
    """
    at = Progress(last_id=after_id)
    while go_on():
        batch = await again(pool, selection, at.last_id, AT_ONCE)
        if batch.last_id is None:
            break
        at.looked, at.added, at.last_id = at.looked + batch.looked, at.added + batch.added, batch.last_id
        await store.wake("decide")
        progress(at)
    return at
