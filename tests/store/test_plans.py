"""The plans of the engine's statements do not depend on how full the tables were when they were made."""

import re

import asyncpg
import pytest

from crossdock.store.named import Statements
from crossdock.store.pool import PLANNER

FILLED = (
    "insert into streams (kind, key) values ('order', 'k')",
    "insert into messages (connection_id, stream_id, source, topic, body) values (1, 1, 'poll', 't', 'b')",
    "insert into agenda values (1, 1, 0)",
    "insert into parked values (1, 1, 0)",
    "insert into commands (stream_id, connection_id, purpose, key, payload) values (1, 1, 'p', 'k', 'b')",
    "insert into dispatch (command_id, connection_id, priority) values (1, 1, 0)",
    "insert into timers values (1, 'a', now())",
    "insert into deliveries values (1, 'd')",
    "insert into stock values ('s', 'erp/1', 1, 0, now())",
    "insert into reservations values ('s', 'o', 'shop', 1)",
)
HOT = ("accept", "claims", "decisions", "deliveries", "stock")
# Index pages for thousands of rows, statistics that tell of hardly any: a queue emptied behind a forgotten reader.
PILED_UP = """
insert into agenda select n, n, 0 from generate_series(1, 20000) n;
insert into dispatch (command_id, connection_id, priority) select n, 1, 0 from generate_series(1, 20000) n;
update dispatch set state = 'leased', fence = command_id;
delete from agenda where message_id > {left};
delete from dispatch where command_id > {left};
update dispatch set state = 'ready';
"""
KEYS = r"\(?(id|command_id|stream_id|message_id|key|delivery_id) = "


async def flaws(connection: asyncpg.Connection, noun: str, name: str, statement: str) -> str | None:
    """The plan, if it reads a table without an index condition, or sorts, or compares row by row what is a key."""
    prepared = await connection.prepare(statement)
    nothing = ", ".join(["null"] * len(prepared.get_parameters()))
    await connection.execute(f"prepare flaw as {statement}")
    rows = await connection.fetch(f"explain (costs off) execute flaw{f'({nothing})' if nothing else ''}")
    await connection.execute("deallocate flaw")
    plan = "\n".join(row[0] for row in rows)
    aimless = re.search(r"Index (Only )?Scan[^\n]*\n(?!\s*Index Cond)", plan + "\n")
    by_hand = re.search(rf"Index (Only )?Scan[^\n]*\n\s*Index Cond[^\n]*\n\s*Filter: \(?{KEYS}", plan)
    if aimless or by_hand or re.search(r"Join Filter|Materialize|Seq Scan|Disabled|Hash", plan):
        return f"{noun}.{name}\n{plan}"
    return None


@pytest.mark.parametrize("known", ["nothing known", "known as empty", "known as tiny"])
async def test_every_hot_statement_goes_by_key(own_database_url: str, known: str) -> None:
    settings = {**PLANNER, "plan_cache_mode": "force_generic_plan"}
    connection = await asyncpg.connect(own_database_url, server_settings=settings)
    try:
        if known == "known as tiny":
            await connection.execute("; ".join(FILLED))
        if known != "nothing known":
            await connection.execute("vacuum analyze")
        statements = [(noun, name, text) for noun in HOT for name, text in Statements(noun)]
        found = [await flaws(connection, *statement) for statement in statements]
    finally:
        await connection.close()
    assert len(statements) > 20
    assert [flaw for flaw in found if flaw] == []


@pytest.mark.parametrize("left", [0, 3, 50])
async def test_no_hot_statement_changes_its_way_in_when_a_reader_keeps_dead_rows_alive(
    own_database_url: str, left: int
) -> None:
    """The statistics then tell of an empty table: every way in seems to cost nothing, and one of them reads it all."""
    reader = await asyncpg.connect(own_database_url)
    connection = await asyncpg.connect(own_database_url, server_settings=PLANNER)
    try:
        await reader.execute("begin isolation level repeatable read; select count(*) from connections")
        await connection.execute(PILED_UP.format(left=left))
        for table in ("agenda", "dispatch"):
            await connection.execute(f"vacuum analyze {table}")
        query = "select reltuples, relpages from pg_class where relname in ('agenda', 'dispatch')"
        known = await connection.fetch(query)
        found = [await flaws(connection, noun, name, text) for noun in HOT for name, text in Statements(noun)]
    finally:
        await connection.close()
        await reader.close()
    assert all(row["reltuples"] == left and row["relpages"] > 90 for row in known), known
    assert [flaw for flaw in found if flaw] == []
