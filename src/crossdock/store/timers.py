"""Turns due timers into messages."""

from crossdock.domain.events import TimerFired, encode_event
from crossdock.store.core import Core
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import transaction

_SQL = Statements("decisions")


async def move(core: Core, limit: int) -> int:
    """See ``Store.move_timers``. It is asked twice a second for ever, and mostly nothing is due."""
    with translated("move timers"):
        if not await core.pool.fetchval(_SQL.any_due_timer):
            return 0
    async with transaction(core.pool, "move timers") as connection:
        due = await connection.fetch(_SQL.due_timers, limit)
        if due:
            bodies = [core.squeeze.pack(encode_event(TimerFired(row["name"]))) for row in due]
            traces = [row["trace"] for row in due]
            await connection.execute(_SQL.fire, [row["stream_id"] for row in due], bodies, traces)
        return len(due)
