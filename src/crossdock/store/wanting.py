"""Masters that orders wait for: noted with the decision, and a wake-up for exactly those orders when they come."""

from collections.abc import Sequence

from crossdock.domain.decision import Want
from crossdock.domain.events import MastersCame, encode_event
from crossdock.store.core import Core
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import transaction

LONGEST_KEY = 300  # what is longer names nothing that an ERP has
_SQL = Statements("wanting")


def nameable(key: str) -> bool:
    """Whether a master can be called so."""
    return len(key) <= LONGEST_KEY and "\0" not in key


def storable(wants: Sequence[Want]) -> list[Want]:
    """Each once, without what no master can be called."""
    return [want for want in dict.fromkeys(wants) if nameable(want.key)]


async def listed(core: Core, connection: str, kind: str) -> bool:
    """See ``Store.masters_listed``."""
    with translated("ask whether masters were listed"):
        async with core.pool.acquire() as database:
            owner = await core.connection_id(connection, database)
            found: bool = await database.fetchval(_SQL.listed, owner, kind)
    return found


async def note_listed(core: Core, connection: str, kind: str) -> None:
    """See ``Store.note_listed``."""
    with translated("note that masters were listed"):
        async with core.pool.acquire() as database:
            await database.execute(_SQL.note_listed, await core.connection_id(connection, database), kind)


async def look_again(core: Core, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str) -> int:
    """See ``Store.look_again``. One short transaction: nothing is taken away without its order being told."""
    async with transaction(core.pool, "wake orders that wait for masters") as database:
        owner = await core.connection_id(connection, database)
        if keys is None:
            rows = await database.fetch(_SQL.missed, owner, kind, limit)
        else:
            rows = await database.fetch(_SQL.awaited, owner, kind, list(dict.fromkeys(keys)), limit)
        if rows:
            body = core.squeeze.pack(encode_event(MastersCame(connection, kind)))
            await database.execute(_SQL.look_again, sorted({row["stream_id"] for row in rows}), body, trace)
    return len(rows)
