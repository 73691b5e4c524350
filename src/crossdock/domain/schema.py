"""Schema versions of what is stored: an older form is brought up step by step, a newer one is refused by name."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class _Versioned(msgspec.Struct):
    v: int


class SchemaTooNew(Exception):
    """A stored form was written by a newer release: run that release, or one after it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"stored form has schema version {found}, this release reads up to {known}: upgrade Crossdock")
        self.found, self.known = found, known


def upcast(
    stored: bytes, version: int, steps: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]
) -> dict[str, Any]:
    """Bring a stored JSON object, step by step, to the newest schema version."""
    found = msgspec.json.decode(stored, type=_Versioned).v
    if found > version:
        raise SchemaTooNew(found, version)
    raw: dict[str, Any] = msgspec.json.decode(stored)
    for each in range(found, version):
        if each not in steps:
            raise msgspec.ValidationError(f"no release wrote a stored form of schema version {found}")
        raw = steps[each](raw)
    raw["v"] = version
    return raw
