"""Where a run may be killed: each boundary, with a fingerprint of the world outside all processes at that instant.

A kill leaves nothing of a process. Two boundaries that one process crosses one after the other, with the same world at
both, are one place to die at.
"""

import hashlib
from typing import Any

import msgspec

from crossdock.proof.tables import Tables
from crossdock.proof.vendors import Vendors

# Tables that only grow: their length says whether they are the same. What a process holds locked is rolled back when
# it dies.
_GROWING = ("messages", "deliveries", "streams_of_messages", "commands", "attempts")
_MEMORY = ("locked",)


class Mark(msgspec.Struct, frozen=True):
    """One boundary. ``orders``: placed so far."""

    number: int
    at: float
    process: str
    what: str
    world: str
    orders: int


def world(tables: Tables, vendors: Vendors, passed: tuple[int, ...]) -> str:
    """Equal when the tables, the vendors' books and what is on its way are equal.

    ``passed`` counts what the world has seen of the processes: commands' requests sent and served, wake-ups. What
    polls ask changes nothing outside.
    """
    rows = [(name, _rows(name, of)) for name, of in vars(tables.books).items() if name not in _MEMORY]
    under_way = (passed, vendors.post.sent, len(vendors.post.acknowledged))
    return hashlib.sha256(repr((rows, vendors.books(), under_way)).encode()).hexdigest()


def _rows(name: str, of: Any) -> Any:
    if name == "journal":
        return {stream: len(written) for stream, written in of.items()}
    if name == "slots":
        return {
            place: holder for place, (holder, _) in of.items()
        }  # who holds them; until when is renewed all the time
    return len(of) if name in _GROWING else of
