"""One ``crossdock serve``: its database, its first visitor's link, its children."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from crossdock import app
from crossdock.governance.config import Config
from crossdock.governance.exposure import refuse_insecure
from crossdock.proof import REPORT
from crossdock.supervise import ChildSpec, Guardian, Supervisor, specs_for

Say = Callable[[str], None]


class Serving:
    """What the parent process does. ``url=None``: the data directory's own PostgreSQL.

    Raises on construction what must be put right first: ``Insecure``, ``ConfigError`` (a secret that cannot be had).
    """

    def __init__(
        self,
        config: Config,
        roles: list[str],
        workers: int,
        data: Path,
        url: str | None,
        drain_s: float = 30.0,
        extras: Mapping[str, Any] | None = None,
        log: Path | None = None,
    ) -> None:
        refuse_insecure(config.serve, os.environ)
        app.all_secrets(config, os.environ)
        self.config = config
        self._roles, self._workers, self._data, self._url = roles, workers, data, url
        self._drain_s, self._extras = drain_s, extras or {}
        self._held: tuple[int, ...] = ()
        self._log = log
        self.supervisor: Supervisor | None = None

    @property
    def public_url(self) -> str:
        return app.public_url(self.config)

    @asynccontextmanager
    async def database(self, say: Say) -> AsyncIterator[str]:
        """The database's URL, with the schema that this version needs and the configured connections in it."""
        from crossdock.store.migrate import check_schema, migrate

        if self._url is not None:
            await check_schema(self._url)
            await app.register(self.config, self._url)
            yield self._url
            return
        from crossdock.store.embedded import Embedded

        say(f"database  embedded PostgreSQL in {self._data}")
        async with Guardian(self._data, say) as guardian:
            self._held = guardian.held
            url = Embedded(self._data).url()
            await migrate(url)
            await app.register(self.config, url)
            yield url

    async def first_visit(self, url: str) -> str | None:
        """The one-time link for the first account, when nobody has one and a console runs here."""
        if "console" not in self._roles:
            return None
        from crossdock.governance import people
        from crossdock.store.pool import reading_pool

        pool = await reading_pool(url, size=1)
        try:
            if await people.accounts(pool):
                return None
            return f"{self.public_url}/setup?token={await people.create_setup_link(pool)}"
        finally:
            await pool.close()

    async def run(self, url: str, stop: asyncio.Event, say: Say) -> None:
        """Keep the children alive until ``stop``; returns when all are gone."""
        metrics = self._data / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True)
        with _opened(self._log) as log:
            self.supervisor = Supervisor(self.specs(url), say, self._held, log.fileno() if log else None)
            await self.supervisor.run(stop, self._drain_s)

    def specs(self, url: str) -> list[ChildSpec]:
        """What each child is told."""
        serve = self.config.serve
        extras = {
            "drain_s": self._drain_s,
            "intake": serve.intake,
            "console": serve.console,
            "metrics": str((self._data / "metrics").absolute()),
            "proof": str((self._data / REPORT).absolute()),
            **self._extras,
        }
        roles = [role for role in self._roles if role != "partner" or serve.partner]  # only where there is an address
        return specs_for(roles, self._workers, self.config.folder.absolute(), url, extras)


def _opened(log: Path | None) -> AbstractContextManager[BinaryIO | None]:
    return log.open("ab") if log else nullcontext()
