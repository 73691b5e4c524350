"""What systems have to choose from, as last read: ship methods, currencies, tax codes."""

from collections.abc import Sequence

from crossdock.store.core import Core
from crossdock.store.decisions import clean
from crossdock.store.named import Statements
from crossdock.store.pool import transaction
from crossdock.store.reading import Database, statements

MOST = 50_000
_SQL = Statements("value_lists")


async def save(core: Core, connection: str, kind: str, rows: Sequence[tuple[str, str]]) -> None:
    """See ``Store.save_values``."""
    kept = sorted({clean(code): clean(title) for code, title in rows if len(code) <= 300}.items())
    codes = [code for code, _ in kept]
    async with transaction(core.pool, "save value lists") as database:
        owner = await core.connection_id(connection, database)
        await database.execute(_SQL.leave, owner, kind, codes)
        await database.execute(_SQL.keep, owner, kind, codes, [title for _, title in kept])
        await database.execute(_SQL.read, owner, kind)


async def all_lists(db: Database) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(connection, kind) -> [(code, title)]; a list that was never read is missing."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in await db.fetch(statements("value_lists").all, MOST):
        values = found.setdefault((row["name"], row["kind"]), [])
        if row["code"] is not None:
            values.append((row["code"], row["title"]))
    return found
