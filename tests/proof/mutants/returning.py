"""Bugs in what becomes of goods that come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from crossdock.connectors.shiphero import returns
from crossdock.connectors.shopify import returns_poll
from crossdock.domain import restocking, telling_back
from crossdock.proof.planted import Mutant

from .planting import instead


@contextmanager
def _not_looked_for() -> Iterator[None]:
    async def nothing(*_: Any) -> list[Any]:
        return []

    with instead(returns, _ours=nothing):
        yield


@contextmanager
def _ended_ones_only() -> Iterator[None]:
    with instead(returns_poll, QUERY="return_status:returned"):
        yield


@contextmanager
def _never_written_off() -> Iterator[None]:
    with instead(restocking, _to_write_off=lambda *_: Decimal(0)):
        yield


@contextmanager
def _shop_not_told() -> Iterator[None]:
    with instead(telling_back, tell=lambda *_: None):
        yield


MUTANTS = (
    Mutant(
        name="a return is announced again without a look",
        what="After a lost answer the warehouse is told of a return once more, whether it has it or not.",
        plant=_not_looked_for,
        profile="returns",
        within=60,
        caught_by=("I1b",),
    ),
    Mutant(
        name="the poll of returns lists ended ones",
        what="A return whose webhook is lost is heard of by nobody.",
        plant=_ended_ones_only,
        profile="returns",
        within=60,
        caught_by=("I9",),
    ),
    Mutant(
        name="damaged goods are not written off",
        what="What came back and is not put on the shelves again is told to the ERP by no document.",
        plant=_never_written_off,
        profile="returns",
        within=15,
        caught_by=("I4",),
    ),
    Mutant(
        name="the shop is not told what came back",
        what="What the warehouse counted of a return stays between the warehouse and the ERP.",
        plant=_shop_not_told,
        profile="returns",
        within=10,
        caught_by=("I4",),
    ),
)
