"""Brings the schema up to this version: plain SQL files, forward only, each recorded with its checksum.

``migrations/0002_add_lease.sql`` runs in one transaction that waits at most 4 s for a lock and runs at most 5 s per
statement; a file may begin with ``-- statement_timeout: 60s`` where building something honestly takes longer.

A line ``-- oldest: 9`` says that a program whose newest migration is 0009 may go on beside this one, and start again:
hosts are upgraded one after the other. Only what adds may say so; without the line no older program runs on it.
"""

import hashlib
import re
from importlib.resources import files

import msgspec

from crossdock.store.connecting import Connection, connect
from crossdock.store.named import Statements
from crossdock.store.partitions import make_partitions

_LOCK = 0x43726F7373  # "Cross": one migrator at a time
_TABLE = """
create table if not exists schema_version (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);
alter table schema_version add column if not exists oldest integer"""


class SchemaMismatch(Exception):
    """The database's schema is not the one this program needs. The message says what to do."""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statement_timeout(self) -> str:
        found = re.match(r"-- statement_timeout: (\d+(?:ms|s|min))\n", self.sql)
        return found.group(1) if found else "5s"

    @property
    def oldest(self) -> int:
        """The newest migration that a program must know at least, to run on this one."""
        found = re.search(r"^-- oldest: (\d+)$", self.sql, re.MULTILINE)
        return int(found.group(1)) if found else self.number


class _Applied(msgspec.Struct, frozen=True):
    checksum: str
    oldest: int


def shipped() -> list[Migration]:
    """The migrations of this version, in order."""
    folder = files("crossdock.store") / "migrations"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [Migration(int(e.name[:4]), e.name[5:].removesuffix(".sql"), e.read_text("utf-8")) for e in found]


async def migrate(url: str) -> list[int]:
    """Apply what is missing and make partitions; returns the numbers that were applied. Safe to run at once twice."""
    connection = await connect(url)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        done = await _recorded(connection)
        _compare(done)
        missing = [step for step in shipped() if step.number not in done]
        for step in missing:
            await _apply(connection, step)
        await make_partitions(connection)
        return [step.number for step in missing]
    finally:
        await connection.close()


async def sees_sessions(url: str) -> bool:
    """Whether the database's role is told how old other roles' snapshots are: else nobody is warned of an old one."""
    connection = await connect(url)
    try:
        sees: bool = await connection.fetchval(Statements("housekeeping").sees_sessions)
    finally:
        await connection.close()
    return sees


async def _apply(connection: Connection, step: Migration) -> None:
    async with connection.transaction():
        await connection.execute(
            f"set local lock_timeout = '4s'; set local statement_timeout = '{step.statement_timeout}'"
        )
        await connection.execute(step.sql)
        await connection.execute(
            "insert into schema_version (number, name, checksum, oldest) values ($1, $2, $3, $4)",
            step.number, step.name, step.checksum, step.oldest,
        )  # fmt: skip


async def _recorded(connection: Connection) -> dict[int, _Applied]:
    rows = await connection.fetch("select * from schema_version")  # which of an older program has no ``oldest``
    return {row["number"]: _Applied(row["checksum"], row.get("oldest") or row["number"]) for row in rows}


def _compare(done: dict[int, _Applied]) -> None:
    known = {step.number: step for step in shipped()}
    for number, applied in sorted(done.items()):
        if number not in known:
            if applied.oldest <= max(known):
                continue
            raise SchemaMismatch(f"the database has migration {number}, which this program does not know; upgrade it")
        if known[number].checksum != applied.checksum:
            name = f"{number:04}_{known[number].name}.sql"
            raise SchemaMismatch(f"{name} was changed after it was applied; put it back and add a new migration")


async def check_schema(url: str) -> None:
    """Raise ``SchemaMismatch`` unless everything this program needs was applied, and nothing it cannot run on."""
    connection = await connect(url)
    try:
        if await connection.fetchval("select to_regclass('schema_version')") is None:
            raise SchemaMismatch("the database is empty; run: crossdock migrate")
        done = await _recorded(connection)
    finally:
        await connection.close()
    _compare(done)
    missing = [step.number for step in shipped() if step.number not in done]
    if missing:
        raise SchemaMismatch(f"the database lacks migrations {missing}; run: crossdock migrate")
