"""A second PostgreSQL that follows the first one, synchronously: what is acknowledged is on both."""

import asyncio
import os

from chaos.house import House
from crossdock.store.account import EmbeddedFailed, run_as
from crossdock.store.embedded import USER, Embedded, wheel_binaries

REPLICATION = "local replication all peer map=crossdock\n"
FOLLOWS = "select count(*) = 1 from pg_stat_replication where sync_state = 'sync'"


async def follow(house: House, first: Embedded, second: Embedded) -> None:
    """Copy ``first`` while it runs, start the copy as its standby, and let no commit return before both have it."""
    with (first.cluster / "pg_hba.conf").open("a") as access:
        access.write(REPLICATION)
    await house.ask("select pg_reload_conf()")
    await asyncio.to_thread(_copy, first, second)
    await asyncio.to_thread(second.ensure)
    # Only now: the copy must not wait for a standby of its own when it is the primary one day.
    await house.ask("alter system set synchronous_standby_names = '*'")
    await house.ask("select pg_reload_conf()")
    await house.until(lambda: _follows(house), "the standby to follow", 30)


async def _follows(house: House) -> bool:
    return bool(await house.ask(FOLLOWS))


def _copy(first: Embedded, second: Embedded) -> None:
    account, binaries = first.account, wheel_binaries()
    second.data_dir.mkdir(mode=0o755)
    if account.switch:
        os.chown(second.data_dir, account.uid, account.gid)
    done = run_as(
        account,
        binaries / "pg_basebackup",
        ["-D", str(second.cluster), "-h", str(first.socket_dir), "-U", USER, "-R", "-X", "stream", "-c", "fast"],
        needs=[second.data_dir, first.socket_dir],
        environment={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(binaries.parent / "lib")},
    )
    if done.returncode != 0:
        raise EmbeddedFailed(f"pg_basebackup failed with {done.returncode}: {done.stderr.decode(errors='replace')}")
