"""The composition root: the only place that knows which connectors exist and how a process is put together.

Everything is imported when it is needed, so that a decide process carries no web framework.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from crossdock.domain.decision import Decider, HoldHit
from crossdock.domain.order import Order
from crossdock.engine.world import Linked, Loop, World
from crossdock.governance.config import CONFIG_FILE, Config, ConnectionSetup, line_of, load
from crossdock.governance.faults import ConfigError, Fault
from crossdock.governance.secrets import SecretError, resolve
from crossdock.kit.http import Http, Line, NotSent, Response
from crossdock.kit.manifest import Connector, Manifest
from crossdock.kit.tokens import InProcessTokens
from crossdock.observe.signals import Signals
from crossdock.store.protocol import Store

if TYPE_CHECKING:
    from crossdock.observe.telemetry import Telemetry
    from crossdock.reconcile.rounds import RoundSettings

SYSTEMS = ("amazon", "businesscentral", "netsuite", "portal", "shiphero", "shopify")
CALLING = ("deliver", "schedule")  # roles that speak to other systems
POOL = {
    "intake": 4,
    "decide": 4,
    "deliver": 6,
    "schedule": 4,
    "console": 3,
    "partner": 4,
}  # database connections of one process


def connector(system: str) -> Connector:
    """The connector of a system; raises ``KeyError`` for one that is not shipped."""
    if system not in SYSTEMS:
        raise KeyError(system)
    found: Connector = import_module(f"crossdock.connectors.{system}").CONNECTOR
    return found


class Manifests(Mapping[str, Manifest]):
    """The manifests of all systems that this version can talk to; each is imported when it is first asked for."""

    def __getitem__(self, system: str) -> Manifest:
        return connector(system).manifest

    def __contains__(self, system: object) -> bool:
        return system in SYSTEMS

    def __iter__(self) -> Iterator[str]:
        return iter(SYSTEMS)

    def __len__(self) -> int:
        return len(SYSTEMS)


def configuration(folder: Path, *, prove_rules: bool = True) -> Config:
    """The checked configuration of a folder; raises ``ConfigError``. ``prove_rules=False``: a parent did already."""
    return load(folder, Manifests(), prove_rules=prove_rules)


def portal_schema() -> dict[str, Any]:
    """The JSON Schema of an order as partners give it."""
    from crossdock.connectors.portal.wire import order_schema

    return order_schema()


def deciders() -> dict[str, Decider]:
    """How each kind of stream decides."""
    from crossdock.domain.order_decider import OrderDecider
    from crossdock.domain.privacy_decider import PrivacyDecider
    from crossdock.domain.settlement_decider import SettlementDecider
    from crossdock.domain.signal_decider import SignalDecider
    from crossdock.domain.stock_decider import StockDecider

    found: list[Decider] = [OrderDecider(), SignalDecider(), SettlementDecider(), StockDecider(), PrivacyDecider()]
    return {decider.kind: decider for decider in found}


def secrets_of(setup: ConnectionSetup, folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The values of a connection's secrets. Raises ``ConfigError`` naming every reference that fails."""
    values, faults = {}, []
    for name, reference in setup.secrets.items():
        try:
            values[name] = resolve(reference, env, folder)
        except SecretError as error:
            line = line_of(folder, ("connections", setup.name, "secrets", name))
            wrong = f"connections.{setup.name}.secrets.{name}: {error}"
            faults.append(Fault(str(folder / CONFIG_FILE), line, wrong))
    if faults:
        raise ConfigError(faults)
    return values


def all_secrets(config: Config, env: Mapping[str, str]) -> list[str]:
    """The values of every connection's secrets. Raises ``ConfigError`` naming every reference that fails."""
    values, faults = list[str](), list[Fault]()
    for setup in config.connections.values():
        try:
            values += secrets_of(setup, config.folder, env).values()
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return values


def link(
    setup: ConnectionSetup,
    folder: Path,
    env: Mapping[str, str],
    http: Http,
    *,
    hurry: bool = False,
    refreshed: Callable[[str], None] = lambda _result: None,
) -> Linked:
    """A configured connection, opened in this process. Raises ``ConfigError`` when a secret cannot be had.

    ``refreshed`` hears how each renewal of its access token ended.

    ``hurry`` is for simulated vendors, who commit at most 2 s late: leases, settle times and poll intervals of real
    ones would only make the demo wait.
    """
    line = Line(
        connection=setup.name,
        settings=setup.settings,
        secrets=secrets_of(setup, folder, env),
        http=http,
        tokens=InProcessTokens(time.monotonic, refreshed),
        now=lambda: datetime.now(UTC),
        unique=lambda: uuid4().hex,
        stopwatch=time.monotonic,
    )
    found = _with_quota(connector(setup.system), setup)
    return Linked(setup.name, _hurried(found) if hurry else found, line)


def _with_quota(found: Connector, setup: ConnectionSetup) -> Connector:
    """What the account grants, where the configuration says so, instead of the vendor's usual limits."""
    granted: dict[str, Any] = {**setup.quota}
    if isinstance(calls := setup.settings.get("concurrency"), int):
        granted.setdefault("concurrency", calls)
    quota = msgspec.structs.replace(found.manifest.quota, **granted)
    return msgspec.structs.replace(found, manifest=msgspec.structs.replace(found.manifest, quota=quota))


def _hurried(found: Connector) -> Connector:
    operations = {
        purpose: msgspec.structs.replace(o, lease_s=min(o.lease_s, 15.0), settle_s=min(o.settle_s, 4.0))
        for purpose, o in found.operations.items()
    }
    silent = found.manifest.role == "channel" and found.webhook is None  # its orders come by polls alone
    every_s = 3.0 if silent else 20.0
    polls = {n: msgspec.structs.replace(poll, every_s=min(poll.every_s, every_s)) for n, poll in found.polls.items()}
    listing = found.listing and msgspec.structs.replace(
        found.listing, lag_s=min(found.listing.lag_s, 5.0), every_s=min(found.listing.every_s, 20.0)
    )
    return msgspec.structs.replace(found, operations=operations, polls=polls, listing=listing)


def rounds(config: Config, *, hurry: bool = False) -> "RoundSettings":
    """How often reconciliation looks; ``hurry`` is for simulated vendors, as in ``link``."""
    from crossdock.reconcile.rounds import RoundSettings

    every_s, grace_s = config.reconcile.every_s, config.reconcile.grace_s
    return RoundSettings(min(every_s, 20.0), min(grace_s, 5.0)) if hurry else RoundSettings(every_s, grace_s)


def public_url(config: Config) -> str:
    """The console's address as people type it."""
    serve = config.serve
    return (serve.public_url or f"{'https' if serve.tls_certificate else 'http'}://{serve.console}").rstrip("/")


class Closed:
    """The door of a process that calls nobody: saves it the HTTP client's memory."""

    async def request(self, *_: object, **__: object) -> Response:
        """Raises ``NotSent``."""
        raise NotSent("this process calls no other system; deliver and schedule do")


def worker_id(role: str, number: int) -> str:
    return f"{socket.gethostname()}/{role}-{number}/{os.getpid()}"


def telemetry(role: str, number: int, metrics: str, config: Config) -> "Telemetry":
    """How a process speaks. No secret of the configuration can appear in a log line, whatever the field."""
    from crossdock import __version__
    from crossdock.observe.telemetry import TelemetrySettings, open_telemetry

    env = os.environ
    settings = TelemetrySettings(
        metrics_folder=metrics,
        otlp_endpoint=env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        otlp_headers=dict(pair.split("=", 1) for pair in env.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(",") if pair),
        log_level=env.get("CROSSDOCK_LOG_LEVEL", "info"),
        log_format=env.get("CROSSDOCK_LOG_FORMAT", "auto"),
        environment=env.get("CROSSDOCK_ENVIRONMENT", "production"),
    )
    secrets = all_secrets(config, env)
    worker = f"{role}-{number}"
    # Not SystemRandom: its system call lets go of the interpreter, twice per message; trace ids are no secrets.
    return open_telemetry(settings, worker=worker, role=role, version=__version__, random=Random(), secrets=secrets)  # noqa: S311


def _counting_refreshes(signals: Signals, connection: str) -> Callable[[str], None]:
    def told(result: str) -> None:
        signals.add("crossdock.auth.refresh", target=connection, result=result)

    return told


def _nobody(_order: Order) -> list[HoldHit]:
    """Only the decide role asks the rules; the others are spared the interpreter."""
    return []


@asynccontextmanager
async def opened(
    config: Config, url: str, role: str, worker: str, signals: Signals, *, hurry: bool = False
) -> AsyncIterator[World]:
    """A world for one role: store, connections, deciders, policies. Closed on leaving."""
    from crossdock.store.postgres import PostgresStore

    store = await PostgresStore.open(url, pool_size=POOL.get(role, 4))
    try:
        async with using(config, store, signals, worker, role=role, hurry=hurry) as world:
            yield world
    finally:
        await store.close()


@asynccontextmanager
async def using(
    config: Config, store: Store, signals: Signals, worker: str, *, role: str = "schedule", hurry: bool = False
) -> AsyncIterator[World]:
    """The same around a store that is open already."""
    async with AsyncExitStack() as stack:
        http: Http = Closed()
        if role in CALLING:
            from crossdock.kit.door import Door

            http = await stack.enter_async_context(Door())
        yield World(
            store=store,
            links={
                name: link(
                    setup, config.folder, os.environ, http, hurry=hurry, refreshed=_counting_refreshes(signals, name)
                )
                for name, setup in config.connections.items()
            },
            deciders=deciders(),
            policies=config.policies,
            holds=config.holds() if role == "decide" else _nobody,
            signals=signals,
            random=Random(),  # noqa: S311 - seeded by the system; jitter and trace ids only
            stopwatch=time.monotonic,
            worker=worker,
        )


async def register(config: Config, url: str) -> None:
    """Make the configured connections known in the database, or bring what is known of them up to date."""
    from crossdock.store.postgres import PostgresStore

    store = await PostgresStore.open(url, pool_size=1)
    try:
        for setup in config.connections.values():
            manifest = connector(setup.system).manifest
            await store.register(
                setup.name,
                setup.system,
                role=manifest.role,
                region=setup.region,
                api_version=manifest.api_version,
                mapping_version=manifest.mapping_version,
            )
    finally:
        await store.close()


async def run_together(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Run loops until all are done; when one fails, stop the others and raise what it raised."""
    running = [asyncio.ensure_future(loop.run(stop)) for loop in loops]
    await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    stop.set()
    await asyncio.wait(running)
    for finished in running:
        finished.result()
