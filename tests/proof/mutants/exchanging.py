"""Bugs in what becomes of exchanges."""

from collections.abc import Iterator
from contextlib import contextmanager

from crossdock.domain.cases import order_seen
from crossdock.proof.planted import Mutant

from .planting import instead


@contextmanager
def _told_to_nobody() -> Iterator[None]:
    with instead(order_seen, tell_parts=lambda *_: None):
        yield


MUTANTS = (
    Mutant(
        name="an exchange is set apart and told to nobody",
        what="Lines that an exchange added become an order of their own that never hears of itself.",
        plant=_told_to_nobody,
        profile="exchanges",
        within=10,
        caught_by=("I1a",),
    ),
)
