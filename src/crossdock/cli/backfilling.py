"""Reads older orders through a connection's polls, behind live orders."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.cli.printing import note
from crossdock.cli.reach import myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.intake.polling import Tally


class Wanted(msgspec.Struct, frozen=True):
    """What to fetch. ``poll=None``: the connection's first that can be backfilled."""

    connection: str
    options: Mapping[str, Any]
    poll: str | None
    restart: bool


def run(wanted: Wanted, config: Path, data: Path) -> "Tally":
    """Fetch and accept; what was found. Raises ``NoBackfill`` and what the connector raises."""
    from crossdock import app

    found = app.configuration(config, prove_rules=False)

    async def work(desk: "Desk") -> "Tally":
        from crossdock.governance import audit
        from crossdock.intake.backfill import backfill

        await audit.append(desk.pool, myself().name, "connection.backfill", wanted.connection, "", dict(wanted.options))
        worker = app.worker_id("backfill", os.getpid())
        async with app.using(found, desk.store, desk.signals, worker) as world:
            return await backfill(
                world,
                wanted.connection,
                wanted.options,
                poll=wanted.poll,
                restart=wanted.restart,
                progress=lambda tally: note(f"{tally.pages} pages, {tally.found} found, {tally.new} new"),
            )

    return with_desk(data, work)
