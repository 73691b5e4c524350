"""A partner asks for a return: authorised once and whole, or refused line by line, and never more than had left."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import CHANNEL, NOON, Play, shipment, shipped
from tests.domain.test_refunds import KEPT, part, refund, sold

from crossdock.domain.entries import decode_entries
from crossdock.domain.events import OrderSeen, RefundSeen, ReturnAsked, ReturnSeen
from crossdock.domain.order_decider import ORDER
from crossdock.domain.refund import Return, ReturnedLine
from crossdock.domain.returning import Returning, ReturnRequest
from crossdock.domain.state import decode_state

STORED = Path(__file__).parent / "stored"
Lines = Iterable[tuple[str, int | str]]


def sent(**route: Any) -> Play:
    """Three of line 1 and one of line 2 have left."""
    play = Play(**{"returns": Returning(), **route})
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    play.settle_all()
    return play


def asks(lines: Lines, id_: str = "rma-1", reason: str | None = None) -> ReturnAsked:
    return ReturnAsked(ReturnRequest(id_, tuple(ReturnedLine(at, Decimal(n), reason) for at, n in lines)), CHANNEL)


def answer(play: Play, id_: str = "rma-1") -> tuple[str | None, dict[str, str]]:
    """The number, and what was refused."""
    found = play.state.return_answers[id_]
    return found.number, {one.line_id: one.code for one in found.refusals}


def test_what_left_may_come_back_under_one_number() -> None:
    play = sent()
    key = sold(False).key
    play.tell(asks([("1", 2), ("2", 1)]))
    assert answer(play) == (f"{key}-R1", {})
    assert play.state.returns[f"{key}-R1"].status == "authorised"
    assert play.state.axes.returned == "requested"
    assert (CHANNEL, "return", f"{key}-R1") in play.references
    play.tell(asks([("1", 1)], "rma-2"))
    assert answer(play, "rma-2") == (f"{key}-R2", {})


def test_the_same_request_again_changes_nothing() -> None:
    play = sent()
    play.tell(asks([("1", 2)]))
    before = play.state
    assert play.tell(asks([("1", 2)])).entries == []
    assert play.state == before
    play.tell(asks([("1", 1)]))
    assert answer(play)[0] is not None
    assert play.state.return_answers["rma-1"].request.lines[0].quantity == 2, "a known id keeps its first request"
    assert len(play.state.returns) == 1


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([("1", 4)], {"1": "return.exceeds_shipped"}),
        ([("1", "3.5")], {"1": "return.exceeds_shipped"}),
        ([("9", 1)], {"9": "return.unknown_line"}),
        ([("1", 1), ("9", 1), ("2", 2)], {"9": "return.unknown_line", "2": "return.exceeds_shipped"}),
    ],
)
def test_one_line_that_does_not_fit_refuses_all_and_says_which(lines: Lines, codes: dict[str, str]) -> None:
    play = sent()
    play.tell(asks(lines))
    assert answer(play) == (None, codes)
    assert play.state.returns == {}
    assert play.state.axes.returned == "none"


def test_what_has_not_left_cannot_come_back() -> None:
    play = Play(returns=Returning())
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(asks([("1", 1)]))
    assert answer(play) == (None, {"1": "return.not_shipped"})
    play.tell(shipped(shipment(lines=[("1", 3)])), asks([("1", 1)], "rma-2"))
    assert answer(play, "rma-2")[0] is not None


def test_units_are_authorised_once_whoever_has_them_back() -> None:
    play = sent()
    back = Return("ret-9", "received", (ReturnedLine("1", Decimal(1)),), NOON)
    play.tell(ReturnSeen(back, CHANNEL), asks([("1", 3)]))
    assert answer(play) == (None, {"1": "return.exceeds_shipped"})
    play.tell(RefundSeen(refund(part(sold(False), "1", 1, KEPT)), CHANNEL), asks([("1", 2)], "rma-2"))
    assert answer(play, "rma-2") == (None, {"1": "return.exceeds_shipped"})
    play.tell(asks([("1", 1)], "rma-3"), asks([("1", 1)], "rma-4"))
    assert answer(play, "rma-3")[0] is not None
    assert answer(play, "rma-4") == (None, {"1": "return.exceeds_shipped"})


def test_goods_that_arrive_under_a_number_are_counted_once() -> None:
    play = sent()
    play.tell(asks([("1", 2)]))
    number = answer(play)[0] or ""
    play.tell(ReturnSeen(Return(number, "received", (ReturnedLine("1", Decimal(2)),), NOON), CHANNEL))
    play.tell(asks([("1", 1)], "rma-2"), asks([("1", 1)], "rma-3"))
    assert answer(play, "rma-2")[0] is not None
    assert answer(play, "rma-3")[1] == {"1": "return.exceeds_shipped"}


@pytest.mark.parametrize(("days", "number"), [(14, True), (15, False)])
def test_the_days_are_counted_from_the_last_shipment_of_the_line(days: int, number: bool) -> None:
    play = sent(returns=Returning(days=14))
    play.tell(asks([("1", 1)]), now=NOON + timedelta(days=days))
    assert (answer(play)[0] is not None) == number
    assert answer(play)[1] == ({} if number else {"1": "return.too_late"})


def test_the_reasons_are_the_route_s() -> None:
    play = sent(returns=Returning(reasons=("damaged", "wrong item")))
    play.tell(asks([("1", 1)]), asks([("1", 1)], "rma-2", "because"), asks([("1", 1)], "rma-3", "damaged"))
    assert [answer(play, id_)[0] is not None for id_ in ("rma-1", "rma-2", "rma-3")] == [False, False, True]
    assert "damaged, wrong item" in play.state.return_answers["rma-1"].refusals[0].reason


@pytest.mark.parametrize(
    ("route", "code"), [({"returns": None}, "return.not_offered"), ({"warehouse": None}, "return.not_told")]
)
def test_a_route_that_cannot_authorise_says_so(route: dict[str, Any], code: str) -> None:
    play = Play(**{"returns": Returning(), **route})
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(asks([("1", 1)]))
    assert answer(play) == (None, {"": code})


def test_an_order_that_nobody_knows_or_takes_has_nothing_to_return() -> None:
    play = Play(returns=Returning())
    play.tell(asks([("1", 1)]))
    assert answer(play) == (None, {"": "return.order_unknown"})
    play = Play(returns=Returning())
    play.see(test=True)
    play.tell(asks([("1", 1)]))
    assert answer(play) == (None, {"": "return.order_ignored"})


@given(st.lists(st.tuples(st.sampled_from(["1", "2"]), st.integers(1, 3)), min_size=1, max_size=12))
def test_whatever_is_asked_no_more_is_authorised_than_left(requests: list[tuple[str, int]]) -> None:
    play = sent()
    for n, line in enumerate(requests):
        play.tell(asks([line], f"rma-{n}"))
    given = {"1": Decimal(0), "2": Decimal(0)}
    for found in play.state.return_answers.values():
        for each in found.request.lines if found.authorised else ():
            given[each.line_id] += each.quantity
    assert given["1"] <= 3
    assert given["2"] <= 1
    numbers = [found.number for found in play.state.return_answers.values() if found.authorised]
    assert len(set(numbers)) == len(numbers)


def test_what_version_one_stored_of_return_requests_is_read_by_every_later_release() -> None:
    state = decode_state((STORED / "v1_return_requests_state.json").read_bytes())
    entries = decode_entries((STORED / "v1_return_requests_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert {id_: found.authorised for id_, found in state.return_answers.items()} == {"rma-1": True, "rma-2": False}
    assert state.return_answers["rma-2"].refusals[0].code == "return.exceeds_shipped"
