"""Writes what decisions about stock add to those of others: rows for people, and commands that replace older ones."""

from collections.abc import Mapping, Sequence

from crossdock.domain.decision import ReservationRow, StockRow
from crossdock.store.core import Core
from crossdock.store.named import Statements
from crossdock.store.pool import Connection
from crossdock.store.protocol import NewCommand, StreamWrite

_SQL = Statements("stock")


async def keep(db: Connection, writes: Sequence[StreamWrite]) -> None:
    """Rows of ``stock`` and ``reservations``. Only streams of stock have any."""
    taken: Mapping[tuple[str, str], StockRow] = {(row.sku, row.place): row for w in writes for row in w.stock}
    if taken:
        rows = [taken[key] for key in sorted(taken)]
        await db.execute(
            _SQL.take,
            [row.sku for row in rows],
            [row.place for row in rows],
            [row.on_hand for row in rows],
            [row.committed for row in rows],
            [row.as_of for row in rows],
        )
    held: Mapping[tuple[str, str], ReservationRow] = {
        (row.sku, row.order): row for w in writes for row in w.reservations
    }
    if held:
        await _promise(db, [held[key] for key in sorted(held)])


async def _promise(db: Connection, rows: Sequence[ReservationRow]) -> None:
    kept = [row for row in rows if row.quantity is not None]
    gone = [row for row in rows if row.quantity is None]
    if kept:
        await db.execute(
            _SQL.reserve,
            [row.sku for row in kept],
            [row.order for row in kept],
            [row.channel for row in kept],
            [row.quantity for row in kept],
            [row.committed_at for row in kept],
        )
    if gone:
        await db.execute(_SQL.release, [row.sku for row in gone], [row.order for row in gone], len(gone))


async def replace(
    core: Core, db: Connection, commands: Sequence[tuple[int, NewCommand]], ids: Mapping[str, int]
) -> None:
    """Commands with ``instead_of``: each takes its predecessor's place in the queue, or is never sent."""
    pack = core.squeeze.pack
    await db.execute(
        _SQL.open,
        [stream_id for stream_id, _ in commands],
        [ids[command.target] for _, command in commands],
        [command.purpose for _, command in commands],
        [command.key for _, command in commands],
        [pack(command.payload) for _, command in commands],
        [command.priority for _, command in commands],
        [command.trace for _, command in commands],
    )
    # one after the other within a stream: a number may replace one that this very batch made
    for _, command in commands:
        await db.execute(_SQL.replace, [command.key], [command.instead_of], 1)
