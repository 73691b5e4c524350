"""A line of ``check``, and the one about the database."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crossdock.cli.failures import CONFIGURATION as IN_CONFIGURATION
from crossdock.cli.failures import said
from crossdock.cli.reach import database_url

if TYPE_CHECKING:
    from crossdock.store.embedded import Embedded

CONFIGURATION, CALL = "configuration", "call"
DATABASE = "database"
SERVER = "Check DATABASE_URL and the server."


class Checked(msgspec.Struct, frozen=True):
    """One line of ``check``. ``kind``: what it was about, the configuration or a call."""

    what: str
    ok: bool
    said: str
    kind: str = CONFIGURATION
    warns: bool = False  # it works, and will not for long


async def database(data: Path, *, offline: bool) -> Checked:
    """Whether the database can be reached and has the schema of this version. Nothing is started or changed."""
    try:
        url = database_url()
        if url is None:
            return await _embedded(data)
    except Exception as error:  # noqa: BLE001 - it is told, and must not hide the other lines
        return _failed(error, "")
    if offline:
        return Checked(DATABASE, True, "DATABASE_URL has the address of a PostgreSQL (not called)")
    return await _asked(url, "PostgreSQL of DATABASE_URL", SERVER)


async def _embedded(data: Path) -> Checked:
    from crossdock.store.embedded import Embedded

    server = Embedded(data)
    if not server.cluster.exists():
        return Checked(DATABASE, True, f"embedded PostgreSQL, not there yet: crossdock serve makes it in {data}")
    server.check_version()
    if not server.running():
        started = "crossdock serve starts it and brings its schema up to this version"
        return Checked(DATABASE, True, f"embedded PostgreSQL in {data}, not started: {started}")
    return await _asked(server.url(), f"embedded PostgreSQL in {data}", _log_of(server))


def _log_of(server: "Embedded") -> str:
    return f"Its log is in {server.cluster / 'log'}."


async def _asked(url: str, which: str, cure: str) -> Checked:
    from crossdock.store.migrate import SchemaMismatch, check_schema

    try:
        await check_schema(url)
    except SchemaMismatch as error:
        return Checked(DATABASE, False, f"{which}: {error}", CALL)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and must not hide the other lines
        return _failed(error, cure)
    return Checked(DATABASE, True, f"{which}: reached, its schema is this version's", CALL)


def _failed(error: Exception, cure: str) -> Checked:
    told, code = said(error)
    text = told if not cure or cure in told else f"{told.rstrip('.')}. {cure}"
    return Checked(DATABASE, False, text, CONFIGURATION if code == IN_CONFIGURATION else CALL)
