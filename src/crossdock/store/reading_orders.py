"""Orders: the list, the search by any id, and everything about one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.store.reading import Database, built, plain, statements

UNFINISHED = ("new", "open", "waiting", "held", "exception", "parked")
TROUBLE = ("held", "exception", "parked")  # what the column of that name tells; '' for all others
STATUSES = (*UNFINISHED, "done", "cancelled", "ignored")
WINDOW = 100_000  # ids that one page of a filtered list looks through before it answers with what it has
MOST = 500  # rows of one kind that the page of one order shows
LEAST = 3  # characters by whose being a part of an id something is found


class OrderRow(msgspec.Struct, frozen=True):
    """One line of the list. ``kind`` is ``order``, or ``signal`` for a message still to be read back."""

    id: int
    kind: str
    key: str
    label: str | None
    channel: str | None
    region: str | None
    status: str
    step: str | None
    reason: str | None
    amount: str | None
    currency: str | None
    placed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    matched: str | None = None  # what a search found it by: "invoice INV-17"


class OrderPage(msgspec.Struct, frozen=True):
    """``below`` is the cursor of the next page; ``searched_on``: the page is not full but older ones may match."""

    orders: list[OrderRow]
    below: int | None = None
    searched_on: bool = False


class Message(msgspec.Struct, frozen=True):
    id: int
    received_at: datetime
    connection: str | None
    source: str
    topic: str
    delivery_id: str | None
    trace: str
    handling: str  # decided, waiting, parked
    event: Any = None  # of messages that Crossdock itself made


class JournalDecision(msgspec.Struct, frozen=True):
    version: int
    at: datetime
    cause: int
    entries: Any
    actor: str
    mapping: str
    trace: str


class CommandRow(msgspec.Struct, frozen=True):
    id: int
    key: str
    target: str | None
    purpose: str
    opened_at: datetime
    trace: str
    state: str | None  # ready, leased; None: settled
    due_at: datetime | None
    tries: int | None
    check_first: bool | None
    paused: str | None = None  # why nothing is sent to its target at all
    away: bool | None = None  # its target does not answer
    throttled_at: datetime | None = None  # since when its target's limit has refused it, or what was tried instead


class Attempt(msgspec.Struct, frozen=True):
    id: int
    command_id: int
    fence: int
    started_at: datetime
    duration_ms: float
    outcome: str
    detail: str
    fenced_out: bool
    trace: str
    has_request: bool
    has_response: bool


class ReferenceRow(msgspec.Struct, frozen=True):
    connection: str | None
    system: str | None
    type: str
    external_id: str
    created_at: datetime


class ExceptionRow(msgspec.Struct, frozen=True):
    id: int
    stream_id: int
    key: str
    klass: str
    code: str
    title: str
    hint: str
    fingerprint: str
    owner: str
    facts: dict[str, Any]
    state: str
    seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    settled_at: datetime | None
    settled_by: str | None


class TimerRow(msgspec.Struct, frozen=True):
    name: str
    due_at: datetime


class OrderWhole(msgspec.Struct, frozen=True):
    """Everything about one order (or other stream) but the bytes of bodies and exchanges; lists are oldest first."""

    order: OrderRow
    version: int
    state: Any
    messages: list[Message]
    journal: list[JournalDecision]
    commands: list[CommandRow]
    attempts: list[Attempt]
    references: list[ReferenceRow]
    exceptions: list[ExceptionRow]
    timers: list[TimerRow]
    older: bool = False  # there may be more that is older than what the lists hold


class Body(msgspec.Struct, frozen=True):
    """A message's bytes as received, decoded where they are JSON."""

    id: int
    stream_id: int
    topic: str
    content: Any
    size: int


class Exchanged(msgspec.Struct, frozen=True):
    """What one attempt sent and got, redacted before it was stored."""

    id: int
    stream_id: int
    request: Any
    response: Any


def _row(record: Any, matched: str | None = None) -> OrderRow:
    return OrderRow(**{name: record[name] for name in OrderRow.__struct_fields__ if name != "matched"}, matched=matched)


def exception_row(record: Any) -> ExceptionRow:
    """An exception from any statement that selects its columns."""
    names = [n for n in ExceptionRow.__struct_fields__ if n not in ("klass", "facts")]
    facts = msgspec.json.decode(record["facts"], type=dict[str, Any])
    return ExceptionRow(**{name: record[name] for name in names}, klass=record["class"], facts=facts)


async def page(
    db: Database,
    *,
    status: str | None = None,
    channel: str | None = None,
    late: bool = False,
    below: int | None = None,
    limit: int = 50,
) -> OrderPage:
    """Newest first. Looks through at most ``WINDOW`` rows of what an index knows, and says where it stopped.

    ``late``: only those that are forecast to be later than promised.
    """
    sql = statements("reading_orders")
    top = below if below is not None else await db.fetchval(sql.newest)
    if late:
        rows, floor = await db.fetch(sql.page_late, status, top, channel, limit + 1), 0
    elif status in UNFINISHED:
        trouble = status if status in TROUBLE else ""
        rows = await db.fetch(sql.page_unfinished, status, top, channel, limit + 1, trouble, WINDOW)
        more = len(rows) > limit
        floor = 0 if more else await db.fetchval(sql.unfinished_floor, trouble, top, WINDOW - 1) or 0
    else:
        floor = max(0, top - WINDOW)
        rows = await db.fetch(sql.page, status, top, channel, limit + 1, floor)
    orders = [_row(row) for row in rows[:limit]]
    if len(rows) > limit:
        return OrderPage(orders, below=orders[-1].id)
    return OrderPage(orders, below=floor or None, searched_on=bool(floor))


def _spellings(text: str) -> tuple[list[str], list[str], list[str]]:
    """How an id that a person typed may be stored: references, stream keys, labels."""
    bare = text.lstrip("#")
    gid = bare.rsplit("/", 1)[-1] if bare.startswith("gid://") else bare
    spoken = [text, bare, f"#{bare}", gid]
    return sorted({s.lower() for s in spoken}), sorted({text, bare}), sorted(set(spoken))


async def search(db: Database, text: str, limit: int = 50, *, exactly: bool = False) -> list[OrderRow]:
    """Whatever knows this id or goes by it. ``exactly``: nothing that only has it in it."""
    text = text.strip()[:200]
    if not text:
        return []
    rows = await _named(db, text, limit, loosely=not exactly and len(text) >= LEAST)
    return [_row(row, matched=f"{row['type']} {row['matched']}") for row in rows]


async def _named(db: Database, text: str, limit: int, *, loosely: bool) -> list[Any]:
    """Exactly, else by its beginning, else by the label it goes by, else by a part of that or of its key."""
    sql = statements("reading_orders")
    ids, keys, labels = _spellings(text)
    rows = await db.fetch(sql.search, ids, keys, limit)
    if not rows and loosely:
        rows = await db.fetch(sql.search_prefix, _like_prefix(text.lower()), limit)
    if not rows:
        rows = await db.fetch(sql.search_label, labels, WINDOW)
    if not rows and loosely:
        rows = await db.fetch(sql.search_within, text.lower(), WINDOW, limit)
    return rows


def _like_prefix(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


async def stream_id(db: Database, kind: str, key: str) -> int | None:
    found = await db.fetchval(statements("reading_orders").by_key, kind, key)
    return None if found is None else int(found)


async def whole(db: Database, stream: int) -> OrderWhole | None:
    """Everything about one stream; of each list the newest ``MOST`` rows. ``None`` when there is no such stream."""
    sql = statements("reading_orders")
    row = await db.fetchrow(sql.one, stream)
    if row is None:
        return None
    commands = [_struct(CommandRow, r) for r in await _newest(db, sql.commands, stream)]
    attempts = await _newest(db, sql.attempts, [c.id for c in commands])
    messages, journal = await _newest(db, sql.messages, stream), await _newest(db, sql.journal, stream)
    return OrderWhole(
        order=_row(row),
        version=row["version"],
        state=built(row["state"]),
        messages=[_message(r) for r in messages],
        journal=[_decision(r) for r in journal],
        commands=commands,
        attempts=[_struct(Attempt, r) for r in attempts],
        references=[_struct(ReferenceRow, r) for r in await db.fetch(sql.references, stream)],
        exceptions=[exception_row(r) for r in await db.fetch(sql.exceptions, stream)],
        timers=[_struct(TimerRow, r) for r in await db.fetch(sql.timers, stream)],
        older=MOST in map(len, (messages, journal, commands, attempts)),
    )


async def _newest(db: Database, statement: str, of: int | list[int]) -> list[Any]:
    """The newest ``MOST`` rows, the oldest of them first."""
    return list(reversed(await db.fetch(statement, of, MOST)))


def _struct(kind: Any, record: Any) -> Any:
    return kind(**dict(record))


def _message(record: Any) -> Message:
    fields = dict(record)
    stored = fields.pop("body")
    return Message(**fields, event=built(stored))


def _decision(record: Any) -> JournalDecision:
    fields = dict(record)
    stored = fields.pop("entries")
    return JournalDecision(**fields, entries=built(stored))


async def body(db: Database, message: int) -> Body | None:
    row = await db.fetchrow(statements("reading_orders").message_body, message)
    if row is None:
        return None
    return Body(row["id"], row["stream_id"], row["topic"], built(row["body"]), len(plain(row["body"])))


async def delivered(db: Database, ids: Mapping[int, str]) -> dict[int, bytes]:
    """What streams were told under a delivery id each, as far as they were."""
    rows = await db.fetch(statements("reading_orders").delivered, list(ids), list(ids.values()))
    return {row["stream_id"]: plain(row["body"]) for row in rows}


async def exchange(db: Database, attempt: int) -> Exchanged | None:
    row = await db.fetchrow(statements("reading_orders").attempt_exchange, attempt)
    if row is None:
        return None
    return Exchanged(row["id"], row["stream_id"], built(row["request"]), built(row["response"]))


async def payload(db: Database, command: int) -> Body | None:
    """A command's canonical payload; ``None`` when there is no such command."""
    row = await db.fetchrow(statements("reading_orders").command_payload, command)
    if row is None:
        return None
    return Body(row["id"], row["stream_id"], "command", built(row["payload"]), len(plain(row["payload"])))
