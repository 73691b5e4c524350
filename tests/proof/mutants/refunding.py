"""Bugs in what becomes of refunds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from crossdock.connectors.netsuite import refund_operations
from crossdock.domain import shares
from crossdock.domain.cases import early
from crossdock.domain.draft import Draft
from crossdock.domain.events import RefundSeen
from crossdock.proof.planted import Mutant

from .planting import instead


@contextmanager
def _told_twice_is_two() -> Iterator[None]:
    seen = early.refund_seen

    def forgetful(d: Draft, event: RefundSeen) -> None:
        again = sum(id_.startswith(event.refund.id) for id_ in d.state.refunds)
        name = f"{event.refund.id}-{again}" if again else event.refund.id
        seen(d, msgspec.structs.replace(event, refund=msgspec.structs.replace(event.refund, id=name)))

    with instead(early, refund_seen=forgetful):
        yield


@contextmanager
def _nameless_credit() -> Iterator[None]:
    render = refund_operations.render_credit

    def nameless(*given: Any) -> dict[str, Any]:
        document = render(*given)
        del document["externalId"]
        return document

    with instead(refund_operations, render_credit=nameless):
        yield


@contextmanager
def _all_is_credited() -> Iterator[None]:
    with instead(shares, _share=lambda _part, _billed: shares.Share.UNITS):
        yield


MUTANTS = (
    Mutant(
        name="M10 refund counted twice",
        what="A refund that is told again is taken for another one.",
        plant=_told_twice_is_two,
        profile="refunds",
        within=10,
        caught_by=("I1b", "I7"),
    ),
    Mutant(
        name="credit memo without a name",
        what="The credit memo carries no external id: a repeat makes a second one.",
        plant=_nameless_credit,
        profile="refunds",
        within=250,
        caught_by=("I1b",),
    ),
    Mutant(
        name="units that were never billed are credited",
        what="What was taken off the order before it left is credited as if it had been billed.",
        plant=_all_is_credited,
        profile="refunds",
        within=30,
        caught_by=("I2",),
    ),
)
