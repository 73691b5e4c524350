"""What ``crossdock close`` does: a day looked at, signed, kept."""

import asyncio
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crossdock.cli.reach import myself, with_desk
from crossdock.governance.faults import ConfigError, Fault
from crossdock.governance.secrets import resolve

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.governance.config import Config
    from crossdock.store.certificates import Kept


class Wanted(msgspec.Struct, frozen=True):
    business_date: date
    replace: bool
    reason: str


def run(wanted: Wanted, config: Path, data: Path) -> "Kept":
    """The certificate that stands for the date, made now if there is none or it is to be replaced."""
    from crossdock import app

    found = app.configuration(config, prove_rules=False)

    async def work(desk: "Desk") -> "Kept":
        from crossdock.governance import audit
        from crossdock.reconcile.closing import Signing, close
        from crossdock.store import certificates

        stands = await certificates.newest(desk.pool, wanted.business_date)
        if stands is not None and not wanted.replace:
            return stands
        actor = myself().name
        signing = Signing(signing_key(found), actor, wanted.reason, desk.unique)
        replaces = {"replaces": stands.serial} if stands is not None else {}
        await audit.append(desk.pool, actor, "day.close", wanted.business_date.isoformat(), wanted.reason, replaces)
        worker = app.worker_id("close", os.getpid())
        async with app.using(found, desk.store, desk.signals, worker) as world:
            pool = desk.store.pool  # type: ignore[attr-defined]  # commands open the PostgreSQL store
            day = (wanted.business_date, found.reconcile.time_zone)
            settings = app.rounds(found)
            return await close(world, pool, desk.pool, settings, day, signing, asyncio.sleep)

    return with_desk(data, work)


def signing_key(config: "Config") -> str:
    """The signing key's PEM. Raises ``ConfigError`` that says how to get one."""
    reference = config.reconcile.signing_key
    if reference is None:
        right = "Make one with: crossdock close-key KEYFILE; then name it: reconcile: {signing_key: file:KEYFILE}"
        raise ConfigError([Fault(str(config.folder / "crossdock.yaml"), 0, "There is no key to sign with.", right)])
    return resolve(reference, os.environ, config.folder)
