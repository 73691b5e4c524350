"""Customers of an ERP as last read, under every key that a buyer may be found by, and people's links."""

from collections.abc import Sequence

from crossdock.store.core import Core
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import transaction

LINKED = "linked_customer"  # the type of the two references that a person's link is remembered by
LONGEST_KEY = 300
_SQL = Statements("connections")
_ALL = 2**40


async def load(core: Core, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
    """See ``Store.load_customers``."""
    with translated("load customers"):
        async with core.pool.acquire() as database:
            owner = await core.connection_id(connection, database)
            rows = await database.fetch(_SQL.load_customers, owner, [key for key in keys if "\0" not in key], _ALL)
    return [(row["key"], row["body"]) for row in rows]


async def save(core: Core, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """See ``Store.save_customers``."""
    kept = keepable(rows)
    refs, keys = [ref for _, ref, _ in kept], [key for key, _, _ in kept]
    async with transaction(core.pool, "save customers") as database:
        owner = await core.connection_id(connection, database)
        await database.execute(_SQL.leave_keys, owner, refs, keys)
        await database.execute(_SQL.save_customers, owner, refs, keys, [body for *_, body in kept])


def keepable(rows: Sequence[tuple[str, str, bytes]]) -> list[tuple[str, str, bytes]]:
    """In one order, each pair of key and ref once, without keys that no index can hold."""
    latest = {(key, ref): body for key, ref, body in rows if len(key) <= LONGEST_KEY and "\0" not in key + ref}
    return [(key, ref, body) for (key, ref), body in sorted(latest.items())]


async def links(core: Core, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
    """See ``Store.links``."""
    with translated("read links"):
        async with core.pool.acquire() as database:
            ours = await core.connection_id(channel, database)
            theirs = await core.connection_id(erp, database)
            rows = await database.fetch(_SQL.links, ours, theirs, [one for one in ids if "\0" not in one], LINKED)
    return {row["id"]: row["ref"] for row in rows}
