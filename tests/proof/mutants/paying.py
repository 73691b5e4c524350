"""Bugs in what becomes of customers' money."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crossdock.connectors.netsuite import deposits
from crossdock.domain import depositing
from crossdock.proof.planted import Mutant

from .planting import instead


@contextmanager
def _nameless_deposit() -> Iterator[None]:
    render = deposits.render_deposit

    def nameless(*given: Any) -> dict[str, Any]:
        document = render(*given)
        del document["externalId"]
        return document

    with instead(deposits, render_deposit=nameless):
        yield


@contextmanager
def _never_drawn() -> Iterator[None]:
    with instead(depositing, draw=lambda *_: None):
        yield


MUTANTS = (
    Mutant(
        name="deposit without a name",
        what="The customer deposit carries no external id: a repeat makes a second one.",
        plant=_nameless_deposit,
        profile="deposits",
        within=100,
        caught_by=("I1b",),
    ),
    Mutant(
        name="money back is not drawn from the deposit",
        what="What the shop pays back of a deposited order stays with the ERP.",
        plant=_never_drawn,
        profile="deposits",
        within=20,
        caught_by=("I2",),
    ),
)
