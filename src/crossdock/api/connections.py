"""Connections as people read them: health from the store, facts from the connector's manifest."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.api.desk import Desk
from crossdock.api.problems import Refusal
from crossdock.kit.manifest import ENDS_SOON_DAYS, Connector
from crossdock.kit.sunset import ending
from crossdock.store import reading_connections
from crossdock.store.reading_connections import ConnectionHealth


class OperationFacts(msgspec.Struct, frozen=True):
    purpose: str
    title: str
    repeat: str  # unique, searchable, unsafe, read
    settle_s: float
    timeout_s: float


class SystemFacts(msgspec.Struct, frozen=True):
    """What the connector declares about its system."""

    title: str
    api_version: str
    sunset: str | None
    docs: str | None
    concurrency: int | None
    rate_per_s: float | None
    burst: float | None
    operations: list[OperationFacts]
    topics: dict[str, str]
    polls: dict[str, float]
    quirks: str  # the README, markdown as written


class Ending(msgspec.Struct, frozen=True):
    """A credential that ends. ``soon``: within 30 days, or already."""

    credential: str
    at: datetime
    days: int
    soon: bool


class ConnectionView(msgspec.Struct, frozen=True):
    health: ConnectionHealth
    state: str  # paused, down, trying, failing, throttled, fine, idle
    quota_used: float | None  # of the calls at once that are allowed, or of the burst: what is taken now, 0 to 1
    facts: SystemFacts | None
    ending: list[Ending] = []
    version_ends: str | None = None  # the vendor ends the API version soon, or has: what to do


async def connections(desk: Desk) -> list[ConnectionView]:
    return [_view(desk, health) for health in await reading_connections.connections(desk.pool)]


async def connection(desk: Desk, name: str) -> ConnectionView:
    """Raises ``Refusal(not_found)``."""
    found = next((view for view in await connections(desk) if view.health.name == name), None)
    if found is None:
        raise Refusal("not_found", f"There is no connection '{name}'.")
    return found


def _view(desk: Desk, health: ConnectionHealth) -> ConnectionView:
    connector = desk.connectors.get(health.name)
    facts = _facts(connector, desk.readmes.get(health.system, "")) if connector else None
    now = desk.clock()
    version_ends = ending(connector.manifest, now) if connector else None
    return ConnectionView(health, health.health, _used(health, facts), facts, _ending(health, now), version_ends)


def _ending(health: ConnectionHealth, now: datetime) -> list[Ending]:
    days = {name: (at - now).days for name, at in health.ends.items()}
    return [Ending(name, health.ends[name], left, left < ENDS_SOON_DAYS) for name, left in sorted(days.items())]


def _used(health: ConnectionHealth, facts: SystemFacts | None) -> float | None:
    if facts is None:
        return None
    if facts.concurrency:  # not of the slots: workers share all of them, whether they call or not
        return min(1.0, health.in_flight / facts.concurrency)
    if facts.rate_per_s and health.booked_s is not None:
        return max(0.0, min(1.0, health.booked_s * facts.rate_per_s / (facts.burst or facts.rate_per_s)))
    return None


def _facts(connector: Connector, quirks: str) -> SystemFacts:
    manifest = connector.manifest
    return SystemFacts(
        title=manifest.title,
        api_version=manifest.api_version,
        sunset=manifest.sunset,
        docs=manifest.docs,
        concurrency=manifest.quota.concurrency,
        rate_per_s=manifest.quota.rate_per_s,
        burst=manifest.quota.burst,
        operations=[
            OperationFacts(o.purpose, o.title, str(o.repeat), o.settle_s, o.timeout_s)
            for o in connector.operations.values()
        ],
        topics=dict(manifest.topics),
        polls={name: poll.every_s for name, poll in connector.polls.items()},
        quirks=quirks,
    )


def as_json(view: ConnectionView) -> dict[str, Any]:
    """The view as JSON-ready data."""
    built: dict[str, Any] = msgspec.to_builtins(view)
    return built
