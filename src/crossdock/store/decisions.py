"""Writes what was decided about a batch of streams, one set-based statement per kind of row."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from crossdock.domain.decision import Problem
from crossdock.store.core import OURSELVES, Core
from crossdock.store.errors import UnknownConnection
from crossdock.store.named import Statements
from crossdock.store.pool import Connection
from crossdock.store.protocol import NewCommand, NewTimer, StreamWrite

_SQL = Statements("decisions")


def clean(text: str) -> str:
    """PostgreSQL's text cannot hold NUL; what people read can do without."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def write(core: Core, db: Connection, writes: Sequence[StreamWrite], before: Mapping[int, int]) -> None:
    """Everything but the messages to other streams, which come last (see ``tell``)."""
    decided = [write for write in writes if write.journal or write.version != before.get(write.id)]
    if decided:
        await _save(core, db, decided)
        await _journal(core, db, decided)
    if commands := [(write.id, command) for write in writes for command in write.commands]:
        await _open_commands(core, db, commands)
    if again := sorted({key for write in writes for key in write.again}):
        await db.execute(_SQL.send_again, again)
    if timers := {(write.id, timer.name): timer for write in writes for timer in write.timers}:
        await _set_timers(db, timers)
    if settled := [(write.id, key) for write in writes for key in write.settled]:
        await settle_problems(db, settled, "crossdock")
    if opened := [(write.id, problem) for write in writes for problem in write.opened]:
        await open_problems(db, opened)
    if any(write.references for write in writes):
        await _refer(core, db, writes)


async def _save(core: Core, db: Connection, writes: Sequence[StreamWrite]) -> None:
    pack = core.squeeze.pack
    summaries = [write.summary for write in writes]
    await db.execute(
        _SQL.save,
        [write.id for write in writes],
        [write.version for write in writes],
        [pack(write.state) for write in writes],
        [summary.status for summary in summaries],
        [summary.step for summary in summaries],
        [summary.reason for summary in summaries],
        [summary.label for summary in summaries],
        [summary.channel for summary in summaries],
        [summary.region for summary in summaries],
        [summary.amount for summary in summaries],
        [summary.currency for summary in summaries],
        [summary.placed_at for summary in summaries],
        len(writes),
    )


async def _journal(core: Core, db: Connection, writes: Sequence[StreamWrite]) -> None:
    pack = core.squeeze.pack
    rows = [(write.id, row) for write in writes for row in write.journal]
    await db.execute(
        _SQL.journal,
        [stream_id for stream_id, _ in rows],
        [row.version for _, row in rows],
        [row.cause for _, row in rows],
        [pack(row.entries) for _, row in rows],
        [row.actor for _, row in rows],
        [row.mapping for _, row in rows],
        [row.trace for _, row in rows],
    )


async def _open_commands(core: Core, db: Connection, commands: Sequence[tuple[int, NewCommand]]) -> None:
    pack = core.squeeze.pack
    ids = await _ids(core, db, [command.target for _, command in commands])
    # Sorted by key: two deciders that meet on a key wait in one direction only.
    commands = sorted(commands, key=lambda pair: pair[1].key)
    await db.execute(
        _SQL.open_commands,
        [stream_id for stream_id, _ in commands],
        [ids[command.target] for _, command in commands],
        [command.purpose for _, command in commands],
        [command.key for _, command in commands],
        [pack(command.payload) for _, command in commands],
        [command.priority for _, command in commands],
        [command.trace for _, command in commands],
    )


async def _ids(core: Core, db: Connection, names: Iterable[str]) -> Mapping[str, int]:
    wanted = set(names)
    ids = await core.know(list(wanted), db)
    for name in wanted - ids.keys():
        raise UnknownConnection(name)
    return ids


async def _set_timers(db: Connection, timers: Mapping[tuple[int, str], NewTimer]) -> None:
    due = sorted(
        (stream_id, name, timer.due_at) for (stream_id, name), timer in timers.items() if timer.due_at is not None
    )
    off = sorted((stream_id, name) for (stream_id, name), timer in timers.items() if timer.due_at is None)
    if due:
        await db.execute(
            _SQL.set_timers,
            [stream_id for stream_id, _, _ in due],
            [name for _, name, _ in due],
            [at for *_, at in due],
        )
    if off:
        await db.execute(_SQL.clear_timers, [stream_id for stream_id, _ in off], [name for _, name in off], len(off))


async def settle_problems(db: Connection, settled: Sequence[tuple[int, str]], by: str) -> None:
    await db.execute(
        _SQL.settle_problems, [stream_id for stream_id, _ in settled], [key for _, key in settled], by, len(settled)
    )


async def open_problems(db: Connection, opened: Sequence[tuple[int, Problem]]) -> None:
    """Open problems; of equal ones in a batch the last says how it is."""
    latest = {(stream_id, problem.key): problem for stream_id, problem in opened}
    problems = [(stream_id, problem) for (stream_id, _), problem in latest.items()]
    await db.execute(
        _SQL.open_problems,
        [stream_id for stream_id, _ in problems],
        [problem.key for _, problem in problems],
        [problem.klass for _, problem in problems],
        [problem.code for _, problem in problems],
        [clean(problem.title) for _, problem in problems],
        [clean(problem.hint) for _, problem in problems],
        [clean(problem.fingerprint) for _, problem in problems],
        [problem.owner for _, problem in problems],
        [_facts(problem) for _, problem in problems],
    )


def _facts(problem: Problem) -> str:
    return msgspec.json.encode(problem.facts).decode().replace("\\u0000", "\N{REPLACEMENT CHARACTER}")


async def _refer(core: Core, db: Connection, writes: Sequence[StreamWrite]) -> None:
    rows = [(write.id, reference) for write in writes for reference in write.references]
    ids = await _ids(core, db, [reference.connection for _, reference in rows])
    await db.execute(
        _SQL.refer,
        [ids[reference.connection] for _, reference in rows],
        [reference.type for _, reference in rows],
        [reference.external_id for _, reference in rows],
        [stream_id for stream_id, _ in rows],
    )


async def tell(core: Core, db: Connection, writes: Sequence[StreamWrite]) -> None:
    """Messages to other streams: creates the missing ones, therefore last before the commit."""
    if told := [(OURSELVES, message) for write in writes for message in write.tells]:
        await core.tell(db, told)
