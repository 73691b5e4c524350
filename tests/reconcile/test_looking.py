"""What a look comes to: whatever was told and is no more is ended, also when we died in between."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from crossdock.domain.decision import Policy
from crossdock.domain.events import Reconciled, decode_event
from crossdock.domain.reconciling import Difference
from crossdock.kit.listing import Listed
from crossdock.reconcile.compare import Sides, nobody_has
from crossdock.reconcile.looking import Route, Three, look, settle
from crossdock.store.differences import Differences, Seen, Standing
from crossdock.store.protocol import Arrival, Store
from tests.domain.factories import CHANNEL, ERP, NOON, Play

KEY = f"{CHANNEL}-1001"
AMOUNT = Difference("erp_amount_differs", "changed in the ERP", "110.00 EUR", "99.00 EUR")


class Books:
    """What the table of differences says that stands, and what is gone from it."""

    def __init__(self, now: Sequence[Standing] = (), gone: Sequence[Standing] = ()) -> None:
        self.now, self.gone = list(now), list(gone)

    async def note(self, *_: Any) -> tuple[list[Standing], list[Standing]]:
        return self.now, self.gone

    async def repaired(self, ids: Sequence[int]) -> None: ...

    async def told(self, told: Sequence[tuple[int, str]]) -> None: ...


class Inbox:
    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    async def accept(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals += arrivals

    async def wake(self, channel: str) -> None: ...


def told() -> Play:
    """An order that was told of a difference."""
    play = Play()
    play.see()
    play.settle_all()
    play.tell(Reconciled((AMOUNT,)))
    return play


def standing(**fields: Any) -> Standing:
    known = {
        "id": 7, "order_key": KEY, "kind": AMOUNT.kind, "state": "open", "expected": "", "found": "", "looks": 3,
        "repairs": 0, "repaired_at": None, "told": "a story", "found_at": NOON, "age_s": 900.0, "since_repair_s": None,
    }  # fmt: skip
    return Standing(**{**known, **fields})


async def looked(play: Play, books: Books, *seen: Difference, trace: str = "") -> list[Reconciled]:
    """What the order is told of this look."""
    inbox = Inbox()
    route = Route(Policy(CHANNEL, ERP), None, None, (CHANNEL,), 0.0)
    three = Three({KEY: Sides(KEY)}, {KEY: play.state}, [Seen(KEY, one) for one in seen])
    await settle(cast("Store", inbox), cast("Differences", books), route, three, trace)
    assert {one.trace for one in inbox.arrivals} <= {trace}
    return [cast("Reconciled", decode_event(one.body)) for one in inbox.arrivals]


async def test_what_was_told_and_is_no_more_is_ended() -> None:
    play = told()
    assert await looked(play, Books(gone=[standing()]), trace="00-round") == [Reconciled(settled=(AMOUNT.kind,))]


async def test_what_ended_while_nobody_lived_to_tell_it_is_ended_by_the_next_look() -> None:
    """The difference is settled in its table already: the order's own problem is all that is left of it."""
    play = told()
    [event] = await looked(play, Books())
    assert event == Reconciled(settled=(AMOUNT.kind,))
    play.tell(event)
    assert play.codes() == set()
    assert await looked(play, Books()) == []


async def test_what_still_stands_is_not_ended() -> None:
    play = told()
    for state in ("suspected", "open"):
        books = Books(now=[standing(state=state, told="110.00 EUR | 99.00 EUR", found_at=NOON + timedelta(hours=1))])
        assert await looked(play, books, AMOUNT) == []


class Nobody:
    """Of none of these orders anything is known here."""

    async def states(self, keys: Sequence[str]) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("since", "found"),
    [("2026-11-23", ["missing_here"]), ("2026-11-24", []), (None, ["missing_here"])],
)
async def test_what_was_placed_before_the_route_begins_is_not_missed(since: str | None, found: list[str]) -> None:
    shown = Listed(KEY, "1001", "#1001", "open", Decimal("110.00"), "EUR", NOON, NOON)
    route = Route(Policy(CHANNEL, ERP, since=since), None, None, (CHANNEL,), 0.0)
    three = await look(cast("Differences", Nobody()), route, [KEY], NOON, {KEY: shown})
    assert [one.difference.kind for one in three.seen] == found
    assert nobody_has(three.sides[KEY]) is (found == [])
