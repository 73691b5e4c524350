"""Leases commands to deliverers and records what came of them."""

from collections.abc import Sequence
from typing import Any

from crossdock.store.core import Core
from crossdock.store.errors import committing, translated
from crossdock.store.named import Statements
from crossdock.store.pool import Connection, transaction
from crossdock.store.protocol import BACKFILL, OUTCOME, LeasedCommand, NewMessage, Sent

_SQL = Statements("deliveries")


_EVER_S = 1e9  # older than anything waits


async def lease(
    core: Core, target: str, limit: int, lease_s: float, *, expired: bool, younger_s: float | None = None
) -> list[LeasedCommand]:
    """See ``Store.claim_commands``. One statement: its own commit is the intent."""
    with translated("claim commands"):
        async with core.pool.acquire() as connection:
            owner = await core.connection_id(target, connection)
            if expired:
                rows = await connection.fetch(_SQL.take_over, owner, limit, lease_s, target)
            else:
                oldest_s = _EVER_S if younger_s is None else younger_s
                rows = await connection.fetch(_SQL.lease, owner, limit, lease_s, oldest_s, target)
    rows.sort(key=lambda row: row["n"])
    return [_leased(core, target, row, expired) for row in rows]


def _leased(core: Core, target: str, row: Any, expired: bool) -> LeasedCommand:
    return LeasedCommand(
        id=row["id"],
        key=row["key"],
        target=target,
        purpose=row["purpose"],
        payload=core.squeeze.unpack(row["payload"]),
        fence=row["fence"],
        tries=row["tries"],
        check_first=row["check_first"],
        posting_from=row["posting_from"],
        trace=row["trace"],
        expired=expired,
        waited_s=row["waited_s"],
        restored_s=row["restored_s"],
    )


async def record(core: Core, sent: Sequence[Sent]) -> list[bool]:
    """See ``Store.record``. One statement, unless other streams are told something too."""
    if any(one.tells for one in sent):
        async with transaction(core.pool, "record outcomes") as connection:
            held = await _record(core, connection, sent)
            if told := [(one.command_id, message) for one in sent if _lease(one) in held for message in one.tells]:
                await _tell(core, connection, told)
    else:
        with translated("record outcomes"):
            async with core.pool.acquire() as connection:
                with committing("record outcomes"):
                    held = await _record(core, connection, sent)
    return [_lease(one) in held for one in sent]


async def _record(core: Core, connection: Connection, sent: Sequence[Sent]) -> set[tuple[int, int]]:
    """Returns the leases that held. After an outage a group may have a command twice, under an old and a new fence."""
    pack = core.squeeze.pack
    sent = sorted(sent, key=_lease)  # two writers that meet on commands wait in one direction only
    rows = await connection.fetch(
        _SQL.record,
        [one.command_id for one in sent],
        [one.fence for one in sent],
        [one.started_at for one in sent],
        [one.duration_ms for one in sent],
        [one.outcome for one in sent],
        [one.detail.replace("\0", "\N{REPLACEMENT CHARACTER}") for one in sent],
        [pack(one.request) if one.request else None for one in sent],
        [pack(one.response) if one.response else None for one in sent],
        [one.trace for one in sent],
        [pack(one.settled) if one.settled is not None else None for one in sent],
        [BACKFILL if one.late else OUTCOME for one in sent],
        [one.again_in_s or 0.0 for one in sent],
        [int(one.counts) for one in sent],
        [one.check_first for one in sent],
        len(sent),
    )
    return {(row[0], row[1]) for row in rows}


def _lease(sent: Sent) -> tuple[int, int]:
    return sent.command_id, sent.fence


async def _tell(core: Core, connection: Connection, told: Sequence[tuple[int, NewMessage]]) -> None:
    rows = await connection.fetch(_SQL.connection_of, [command_id for command_id, _ in told])
    senders = {row["id"]: row["connection_id"] for row in rows}
    await core.tell(connection, [(senders[command_id], message) for command_id, message in told])


async def unlease(core: Core, commands: Sequence[tuple[int, int]], in_s: float) -> None:
    """See ``Store.unlease``."""
    ids, fences = [command_id for command_id, _ in commands], [fence for _, fence in commands]
    with translated("give commands back"):
        async with core.pool.acquire() as connection:
            await connection.execute(_SQL.unlease, ids, fences, len(ids), in_s)
