"""Bugs in what channels are told of stock, and in calls and pages of several elements."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.netsuite import positions
from crossdock.connectors.netsuite.polls import rows_of
from crossdock.connectors.shopify import fulfilling, stocking
from crossdock.domain import publishing, reserving, stock_decider, stock_ledger
from crossdock.domain.state import OrderState
from crossdock.domain.stock_draft import StockDraft
from crossdock.domain.stock_events import LevelSeen, PositionSeen, StockReserved
from crossdock.proof.planted import Mutant

from .planting import instead


@contextmanager
def _older_position_wins() -> Iterator[None]:
    seen = stock_ledger.position_seen

    def forgetful(d: StockDraft, event: PositionSeen) -> None:
        place = f"{event.source}/{event.location}"
        known = d.state.positions.get(place)
        if known is not None and known.as_of >= event.as_of:
            before = event.as_of - timedelta(seconds=1)
            d.state.positions[place] = msgspec.structs.replace(known, as_of=before)
        seen(d, event)

    with instead(stock_decider, position_seen=forgetful):
        yield


@contextmanager
def _older_level_wins() -> Iterator[None]:
    seen = stock_decider._level_seen

    def forgetful(d: StockDraft, event: LevelSeen) -> None:
        seen(d, msgspec.structs.replace(event, as_of=d.now))

    with instead(stock_decider, _level_seen=forgetful):
        yield


@contextmanager
def _whatever_it_shows() -> Iterator[None]:
    asked = stocking._asked

    def careless(payload: Any, item: str, expected: int) -> dict[str, Any]:
        whole = asked(payload, item, expected)
        whole["quantities"][0]["changeFromQuantity"] = None
        return whole

    with instead(stocking, _asked=careless):
        yield


@contextmanager
def _kept_at_cancel() -> Iterator[None]:
    wanted = reserving._wanted

    def kept(state: OrderState, *more: Any) -> tuple[str, dict[str, Decimal]]:
        return (reserving.RESERVED, state.reserved) if state.ended == "cancelled" else wanted(state, *more)

    with instead(reserving, _wanted=kept):
        yield


@contextmanager
def _released_twice() -> Iterator[None]:
    """The second time when the ERP has the order: before its own numbers say so."""
    with instead(stock_ledger, _shown=lambda _d, _held: True), instead(stock_decider, reserve=_dropped):
        yield


def _dropped(d: StockDraft, event: StockReserved) -> None:
    if event.status == "committed":
        if event.order in d.state.reservations:
            stock_ledger._drop(d, event.order, "shown")
        return
    stock_ledger.reserve(d, event)


@contextmanager
def _unknown_is_none_at_all() -> Iterator[None]:
    free_of = publishing.free_of

    def zero(available: Any, reserved: Decimal, in_flight: Decimal) -> int | None:
        return free_of(available, reserved, in_flight) or 0

    with instead(publishing, free_of=zero):
        yield


@contextmanager
def _nothing_reserved() -> Iterator[None]:
    with instead(stock_decider, reserve=lambda _d, _event: None):
        yield


@contextmanager
def _all_rows_or_none() -> Iterator[None]:
    def strict(told: Mapping[str, Any]) -> positions._Row:
        (row,) = rows_of([dict(told)], positions._Row)
        return row

    with instead(positions, _row=strict):
        yield


@contextmanager
def _one_piece_a_call() -> Iterator[None]:
    take = fulfilling._take

    def first(*given: Any) -> Any:
        pieces, missing = take(*given)
        return pieces[:1], missing

    with instead(fulfilling, _take=first):
        yield


MUTANTS = (
    Mutant(
        name="M11 stale stock overwrites newer",
        what="A position counts when it arrives, however old it is.",
        plant=_older_position_wins,
        profile="stock",
        within=20,
        caught_by=("I5", "I7"),
    ),
    Mutant(
        name="an earlier level counts again",
        what="What a channel shows counts when it is told, however long ago it was read.",
        plant=_older_level_wins,
        profile="stock",
        within=20,
        caught_by=("I7", "I5"),
    ),
    Mutant(
        name="level set whatever the shop shows",
        what="A number is set without the condition that the shop still shows what we know of: sales are overwritten.",
        plant=_whatever_it_shows,
        profile="stock",
        within=60,
        caught_by=("I5",),
    ),
    Mutant(
        name="reservation kept at cancel",
        what="A cancelled order goes on holding its units.",
        plant=_kept_at_cancel,
        profile="stock",
        within=60,
        caught_by=("I5",),
    ),
    Mutant(
        name="reservation released twice",
        what="An order's units are free again when it is booked, before the ERP's own numbers show it.",
        plant=_released_twice,
        profile="stock",
        within=60,
        caught_by=("I5",),
    ),
    Mutant(
        name="orders reserve nothing",
        what="What an order holds is not taken off what is free.",
        plant=_nothing_reserved,
        profile="stock",
        within=20,
        caught_by=("I5",),
    ),
    Mutant(
        name="unknown stock is none",
        what="Where no position is known, the shop is told that there is nothing.",
        plant=_unknown_is_none_at_all,
        profile="stock",
        within=20,
        caught_by=("I5",),
    ),
    Mutant(
        name="one bad row stops the page",
        what="A row of the ERP's stock that cannot be read ends the poll, and with it all rows of its page.",
        plant=_all_rows_or_none,
        profile="stock",
        within=60,
        caught_by=("I24",),
    ),
    Mutant(
        name="one piece a call",
        what="Of a shipment of several pieces the shop is told the first one.",
        plant=_one_piece_a_call,
        profile="calm",
        within=20,
        caught_by=("I24",),
    ),
)
