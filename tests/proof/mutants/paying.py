"""Bugs in what becomes of customers' money."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from crossdock.connectors.netsuite import deposits, payments, settling
from crossdock.domain import depositing, settlement_decider
from crossdock.proof.planted import Mutant

from .planting import instead

ZERO = Decimal(0)


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


@contextmanager
def _renamed_entry() -> Iterator[None]:
    names = count(1)
    with instead(settling, settlement_id=lambda command: f"{command.settlement_key}-{next(names)}"):
        yield


@contextmanager
def _net_of_fees() -> Iterator[None]:
    rows_of = settlement_decider.rows_of

    def net(matched: Any) -> Any:
        return rows_of(
            [(msgspec.structs.replace(one, amount=one.amount - one.fee, fee=ZERO), to) for one, to in matched]
        )

    with instead(settlement_decider, rows_of=net):
        yield


@contextmanager
def _posted_otherwise() -> Iterator[None]:
    async def unasked(*_: Any) -> None:
        return None

    with instead(payments, otherwise=unasked), instead(deposits, otherwise=unasked):
        yield


MUTANTS = (
    Mutant(
        name="capture posted both ways",
        what="After the database was put back, a capture that was a deposit is posted as a payment too.",
        plant=_posted_otherwise,
        profile="restored",
        within=100,
        caught_by=("I1b", "I2"),
    ),
    Mutant(
        name="a payout is entered under another name each time",
        what="The journal entry's external id is another with every call: a repeat makes a second one.",
        plant=_renamed_entry,
        profile="payouts",
        within=5,
        caught_by=("I2",),
    ),
    Mutant(
        name="a payout is entered net of its fees",
        what="What the payment provider kept is not told apart: sales seem to have been smaller.",
        plant=_net_of_fees,
        profile="payouts",
        within=5,
        caught_by=("I2",),
    ),
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
