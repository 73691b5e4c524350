"""What an engine process is given by the composition root (or by a test, or by the simulation)."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import msgspec

from crossdock.domain.decision import Decider, HoldHit, Policy
from crossdock.domain.order import Order
from crossdock.kit.http import Line
from crossdock.kit.manifest import Connector
from crossdock.observe.signals import Signals
from crossdock.store.protocol import Store


class Linked(msgspec.Struct, frozen=True):
    """A configured connection, opened in this process."""

    name: str
    connector: Connector
    line: Line


class World(msgspec.Struct, frozen=True):
    """All that is outside the engine. No module of the engine reaches for anything else."""

    store: Store
    links: Mapping[str, Linked]  # by connection name
    deciders: Mapping[str, Decider]  # by stream kind
    policies: Mapping[str, Policy]  # by channel connection
    holds: Callable[[Order], list[HoldHit]]
    signals: Signals
    random: Random
    stopwatch: Callable[[], float]  # monotonic seconds: measures durations in this process, never leases elsewhere
    worker: str  # this process's id


class Loop(Protocol):
    """What every role is: something that runs until told to stop, and then finishes what it holds."""

    async def run(self, stop: asyncio.Event) -> None: ...
