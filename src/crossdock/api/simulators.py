"""The demo's fault switches: this server asks the simulators' server, so that the browser never leaves its origin."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.problems import Refusal
from crossdock.governance import audit

_TIMEOUT = aiohttp.ClientTimeout(total=3)


DURATIONS = frozenset({"late_commit_s", "slow_s"})


class Switch(msgspec.Struct, frozen=True):
    """One fault switch as it stands."""

    name: str
    value: bool | float

    @property
    def on(self) -> bool:
        """Whether it does anything: a duration of another fault does not by itself."""
        return bool(self.value) and self.name not in DURATIONS


class Simulated(msgspec.Struct, frozen=True):
    """One simulated vendor. ``error`` when its server cannot be reached."""

    name: str
    switches: list[Switch]
    error: str = ""

    def value(self, name: str) -> bool | float:
        return next((switch.value for switch in self.switches if switch.name == name), False)


async def simulated(desk: Desk) -> list[Simulated]:
    """Every simulated vendor with its switches."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        return [await _one(session, name, base) for name, base in desk.simulators.items()]


async def _one(session: aiohttp.ClientSession, name: str, base: str) -> Simulated:
    try:
        async with session.get(f"{base}/_sim/{name}/faults") as answer:
            faults = msgspec.json.decode(await answer.read(), type=dict[str, bool | float])
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        return Simulated(name, [], f"Its server does not answer ({type(error).__name__}).")
    return Simulated(name, [Switch(key, value) for key, value in faults.items()])


async def turn(desk: Desk, caller: Caller, name: str, faults: Mapping[str, Any]) -> Simulated:
    """Set some switches. Raises ``Refusal``: not_found, bad_request, unavailable."""
    base = desk.simulators.get(name)
    if base is None:
        raise Refusal("not_found", f"There is no simulator '{name}' here.")
    wanted = _checked(faults)
    await audit.append(desk.pool, caller.name, "simulator.faults", name, "", wanted)
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        try:
            async with session.post(f"{base}/_sim/{name}/faults", data=msgspec.json.encode(wanted)) as answer:
                if answer.status >= 400:
                    raise Refusal("bad_request", f"The simulator refused: {(await answer.text())[:200]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refusal("unavailable", f"The simulator does not answer ({type(error).__name__}).") from error
        return await _one(session, name, base)


def _checked(faults: Mapping[str, Any]) -> dict[str, bool | float]:
    try:
        return msgspec.convert(dict(faults), dict[str, bool | float])
    except msgspec.ValidationError as error:
        raise Refusal("bad_request", f"A switch is true, false or a number: {error}") from error
