"""What is not mapped, before an order needs it: the settings against what the systems have to choose from. Pure.

A connector declares its lists (``Manifest.values``); its poll brings them; a setting of the connection says which of
our words is which of its codes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from crossdock.governance.config import Config
from crossdock.kit.manifest import Manifest, Value

Lists = Mapping[tuple[str, str], Sequence[Value]]  # (connection, kind) -> what it has; missing: not read yet


class Mapped(msgspec.Struct, frozen=True):
    """One list of one connection and the words that the configuration maps to it."""

    connection: str
    kind: str
    title: str
    setting: str
    words: dict[str, str]  # our word -> its code
    used: tuple[str, ...] = ()  # words, or codes, that routes send there
    given: bool = True  # False: the connector's usual words, of which an account may have few


class Gap(msgspec.Struct, frozen=True):
    """Something not mapped. ``side``: ours (an order that needs it would wait), theirs (nothing leads there)."""

    connection: str
    kind: str
    side: str
    code: str
    says: str


class Coverage(msgspec.Struct, frozen=True):
    """How far one list is mapped. ``known``: it was read from the system."""

    connection: str
    kind: str
    title: str
    known: bool
    have: int
    mapped: int
    gaps: list[Gap]


def mappings(config: Config, manifests: Mapping[str, Manifest]) -> list[Mapped]:
    """Every list that a configured connection declares, with the words that lead to it."""
    found = []
    for name, setup in config.connections.items():
        for one in manifests[setup.system].values:
            given = setup.settings.get(one.setting) or None
            usual = given is None or given == dict(one.default)
            used = _used(config, name) if one.kind == "ship_methods" else ()
            words = _texts(one.default if given is None else given)
            found.append(Mapped(name, one.kind, one.title, one.setting, words, used, not usual or not words))
    return found


def _texts(words: Any) -> dict[str, str]:
    return {str(word): str(code) for word, code in words.items()} if isinstance(words, Mapping) else {}


def _used(config: Config, erp: str) -> tuple[str, ...]:
    """The ship methods that routes send to this ERP."""
    methods: dict[str, None] = {}
    for policy in config.policies.values():
        if policy.erp == erp:
            methods.update(dict.fromkeys(policy.ship_methods.values()))
            methods.update(dict.fromkeys(filter(None, (policy.default_ship_method,))))
    return tuple(methods)


def coverage(wanted: Iterable[Mapped], lists: Lists) -> list[Coverage]:
    """How far each list is mapped, on either side."""
    return [_covered(one, lists.get((one.connection, one.kind))) for one in wanted]


def _covered(one: Mapped, there: Sequence[Value] | None) -> Coverage:
    codes = {value.code: value.title for value in there or ()}
    gaps: list[Gap] = []
    if there is not None:
        gaps += [
            Gap(one.connection, one.kind, "ours", word, f"{one.setting}: {word} is {code}, which is not there")
            for word, code in one.words.items()
            if one.given and code not in codes
        ]
        gaps += [
            Gap(one.connection, one.kind, "ours", used, f"a route sends {used}, which {one.setting} does not have")
            for used in one.used
            if used not in one.words and used not in codes
        ]
    leads = {*one.words.values(), *one.used}
    gaps += [
        Gap(one.connection, one.kind, "theirs", code, f"{title or code}: nothing in {one.setting} leads there")
        for code, title in codes.items()
        if code not in leads
    ]
    mapped = sum(code in leads for code in codes)
    return Coverage(one.connection, one.kind, one.title, there is not None, len(codes), mapped, gaps)
