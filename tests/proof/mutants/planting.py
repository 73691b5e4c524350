"""How a bug gets into the product and out again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from crossdock.kit.manifest import Connector, Operation
from crossdock.proof import house

Connectors = Callable[[str], Connector]


@contextmanager
def instead(owner: Any, **bugs: Any) -> Iterator[None]:
    """Replace attributes that ``owner`` itself defines; ``KeyError`` when the product has none of that name."""
    kept = {name: vars(owner)[name] for name in bugs}
    try:
        for name, bug in bugs.items():
            setattr(owner, name, bug)
        yield
    finally:
        for name, attribute in kept.items():
            setattr(owner, name, attribute)


@contextmanager
def connecting(change: Callable[[str, Connector], Connector]) -> Iterator[Connectors]:
    """Run with changed connectors: ``change`` is given the system's name and its connector."""
    yield lambda system: change(system, house.connector(system))


def operations(
    connector: Connector, purposes: tuple[str, ...], change: Callable[[Operation], Mapping[str, Any]]
) -> Connector:
    """The connector with some of its operations' attributes replaced."""
    changed = {
        name: msgspec.structs.replace(one, **change(one)) if name in purposes else one
        for name, one in connector.operations.items()
    }
    return msgspec.structs.replace(connector, operations=changed)
