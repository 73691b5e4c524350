"""Writes what was decided about a batch of streams: set-based, and in one statement what most decisions have."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec

from crossdock.domain.decision import Problem, Reference, Want
from crossdock.store import stocking
from crossdock.store.core import OURSELVES, Core
from crossdock.store.errors import UnknownConnection
from crossdock.store.named import Statements
from crossdock.store.pool import Connection
from crossdock.store.protocol import NewCommand, NewTimer, StreamWrite
from crossdock.store.wanting import storable

_SQL = Statements("decisions")
_ALL = 2**40  # more rows than any stream has


def clean(text: str) -> str:
    """PostgreSQL's text cannot hold NUL; what people read can do without."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def write(
    core: Core, db: Connection, writes: Sequence[StreamWrite], before: Mapping[int, int], done: Sequence[Any]
) -> None:
    """Everything but the messages to other streams, which come last (see ``tell``). ``done``: where the agenda rows of
    the decided messages lie."""
    decided = [write for write in writes if write.journal or write.version != before.get(write.id)]
    # Sorted by key: two deciders that meet on a key wait in one direction only.
    commands = sorted(((w.id, c) for w in writes for c in w.commands), key=lambda pair: pair[1].key)
    replacing = [(stream_id, command) for stream_id, command in commands if command.instead_of is not None]
    fresh = [(stream_id, command) for stream_id, command in commands if command.instead_of is None]
    references = [(write.id, reference) for write in writes for reference in write.references]
    ids = await _ids(core, db, {c.target for _, c in commands} | {r.connection for _, r in references})
    await db.execute(
        _SQL.write,
        *_saved(core, decided),
        *_journaled(core, decided),
        *_opened(core, fresh, ids),
        *_referred(references, ids),
        done,
    )
    if replacing:
        await stocking.replace(core, db, replacing, ids)
    if any(write.stock or write.reservations for write in writes):
        await stocking.keep(db, writes)
    if again := {key: write.posting_from for write in writes for key in write.again}:
        await db.execute(_SQL.send_again, sorted(again), [again[key] for key in sorted(again)])
    if timers := {(write.id, timer.name): timer for write in writes for timer in write.timers}:
        await _set_timers(db, timers)
    if lacking := {write.id: write.wants for write in writes if write.wants is not None}:
        await _want(core, db, lacking)
    if settled := [(write.id, key) for write in writes for key in write.settled]:
        await settle_problems(db, settled, "crossdock")
    if opened := [(write.id, problem) for write in writes for problem in write.opened]:
        await open_problems(db, opened)


def _saved(core: Core, writes: Sequence[StreamWrite]) -> tuple[Any, ...]:
    pack = core.squeeze.pack
    summaries = [write.summary for write in writes]
    return (
        [write.id for write in writes],
        [write.version for write in writes],
        [pack(write.state) for write in writes],
        [summary.status for summary in summaries],
        [summary.step for summary in summaries],
        [summary.reason and clean(summary.reason) for summary in summaries],
        [summary.label and clean(summary.label) for summary in summaries],
        [summary.channel for summary in summaries],
        [summary.region for summary in summaries],
        [summary.amount for summary in summaries],
        [summary.currency for summary in summaries],
        [summary.placed_at for summary in summaries],
        len(writes),
    )


def _journaled(core: Core, writes: Sequence[StreamWrite]) -> tuple[Any, ...]:
    pack = core.squeeze.pack
    rows = [(write.id, row) for write in writes for row in write.journal]
    return (
        [stream_id for stream_id, _ in rows],
        [row.version for _, row in rows],
        [row.cause for _, row in rows],
        [pack(row.entries) for _, row in rows],
        [row.actor for _, row in rows],
        [row.mapping for _, row in rows],
        [row.trace for _, row in rows],
    )


def _opened(core: Core, commands: Sequence[tuple[int, NewCommand]], ids: Mapping[str, int]) -> tuple[Any, ...]:
    pack = core.squeeze.pack
    return (
        [stream_id for stream_id, _ in commands],
        [ids[command.target] for _, command in commands],
        [command.purpose for _, command in commands],
        [command.key for _, command in commands],
        [pack(command.payload) for _, command in commands],
        [command.priority for _, command in commands],
        [command.trace for _, command in commands],
    )


def _referred(references: Sequence[tuple[int, Reference]], ids: Mapping[str, int]) -> tuple[Any, ...]:
    return (
        [ids[reference.connection] for _, reference in references],
        [reference.type for _, reference in references],
        [reference.external_id for _, reference in references],
        [stream_id for stream_id, _ in references],
    )


async def _ids(core: Core, db: Connection, wanted: Set[str]) -> Mapping[str, int]:
    ids = await core.know(list(wanted), db)
    for name in wanted - ids.keys():
        raise UnknownConnection(name)
    return ids


async def _set_timers(db: Connection, timers: Mapping[tuple[int, str], NewTimer]) -> None:
    due = sorted(
        (stream_id, name, timer.due_at, timer.trace)
        for (stream_id, name), timer in timers.items()
        if timer.due_at is not None
    )
    off = sorted((stream_id, name) for (stream_id, name), timer in timers.items() if timer.due_at is None)
    if due:
        await db.execute(
            _SQL.set_timers,
            [stream_id for stream_id, *_ in due],
            [name for _, name, *_ in due],
            [at for *_, at, _ in due],
            [trace for *_, trace in due],
        )
    if off:
        await db.execute(_SQL.clear_timers, [stream_id for stream_id, _ in off], [name for _, name in off], len(off))


async def _want(core: Core, db: Connection, lacking: Mapping[int, Sequence[Want]]) -> None:
    wants = sorted(
        ((id, want) for id, each in lacking.items() for want in storable(each)),  # noqa: A001  (it is one)
        key=lambda pair: (pair[1].connection, pair[1].kind, pair[1].key, pair[0]),
    )
    ids = await _ids(core, db, {want.connection for _, want in wants})
    await db.execute(_SQL.forget_wants, list(lacking), _ALL)
    if wants:
        await db.execute(
            _SQL.want,
            [ids[want.connection] for _, want in wants],
            [want.kind for _, want in wants],
            [want.key for _, want in wants],
            [id for id, _ in wants],  # noqa: A001  (it is one)
            [want.unread for _, want in wants],
        )


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


async def tell(core: Core, db: Connection, writes: Sequence[StreamWrite]) -> None:
    """Messages to other streams: creates the missing ones, therefore last before the commit."""
    if told := [(OURSELVES, message) for write in writes for message in write.tells]:
        await core.tell(db, told)
