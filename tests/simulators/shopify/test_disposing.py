"""What the warehouse made of returned goods, told to the shop once: totals against what the shop shows."""

from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.shopify.test_returns import shipped

from crossdock.domain.commands import PushReturn
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.kit.http import AnswerLost


async def opened(shop: Any, location: str = "101") -> tuple[str, str, str, int]:
    """An order's id, its line, its open return, and how many units that has."""
    order_id, line = await shipped(shop)
    shop.settings["return_location"] = location
    rows = [{"id": line["id"], "quantity": line["quantity"]}]
    ref = shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]
    shop.sim.act("set_stock", {"sku": "SKU-0001", "quantity": 4})
    return order_id, str(line["id"]), str(ref), int(line["quantity"])


def told(at: tuple[str, str, str, int], received: int, restocked: int, *, finished: bool = False) -> PushReturn:
    rows = (ReceivedRow("1", Decimal(received), Decimal(restocked), at[1]),)
    return PushReturn(at[0], Receipt("R-1", rows, None, finished), at[2])


def shown(shop: Any, at: tuple[str, str, str, int]) -> list[tuple[str, int]]:
    return [(how, units) for _, how, units in shop.sim.books_.returns[int(at[2])].disposed]


def available(shop: Any) -> int:
    found: int = shop.sim.shelf.books()["SKU-0001"]["101"]
    return found


async def test_totals_are_told_once_and_only_what_is_new_of_them(shop: Any) -> None:
    at = await opened(shop)
    assert await shop.look_up(told(at, 1, 1)) is None
    for _ in range(2):
        assert isinstance((await shop.do(told(at, 1, 1))).outcome, Done)
    assert (shown(shop, at), available(shop)) == ([("RESTOCKED", 1)], 5)
    found = await shop.look_up(told(at, 1, 1))
    assert found.outcome.repeated


async def test_what_is_not_looked_at_is_left_open_and_what_is_written_off_is_not_restocked(shop: Any) -> None:
    at = await opened(shop)
    assert isinstance((await shop.do(told(at, 1, 0))).outcome, Done)
    assert shown(shop, at) == []
    assert isinstance((await shop.do(told(at, 1, 0, finished=True))).outcome, Done)
    assert (shown(shop, at), available(shop)) == ([("NOT_RESTOCKED", 1)], 4)


async def test_no_more_is_disposed_than_the_return_has(shop: Any) -> None:
    at = await opened(shop)
    assert isinstance((await shop.do(told(at, at[3] + 5, at[3] + 5))).outcome, Done)
    assert sum(units for _, units in shown(shop, at)) == at[3]


async def test_without_a_location_restocked_goods_are_not_told(shop: Any) -> None:
    at = await opened(shop, "")
    outcome = (await shop.do(told(at, 1, 1))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.field, shown(shop, at)) == ("return_location", [])


@pytest.mark.parametrize("verb", ["close_return", "cancel_return"])
async def test_a_return_that_the_shops_people_have_ended_is_left_to_them(shop: Any, verb: str) -> None:
    at = await opened(shop)
    shop.sim.act(verb, {"return": at[2]})
    outcome = (await shop.do(told(at, 1, 1))).outcome
    assert isinstance(outcome, Done)
    assert (outcome.refs, shown(shop, at)) == ({}, [])


async def test_a_return_that_is_not_there_or_nobodys(shop: Any) -> None:
    at = await opened(shop)
    assert isinstance((await shop.do(told((*at[:2], "1", 1), 1, 1))).outcome, Rejected)
    loose = PushReturn(at[0], told(at, 1, 1).receipt)
    assert isinstance((await shop.do(loose)).outcome, Done)
    assert shown(shop, at) == []


async def test_a_lost_answer_is_looked_for_and_not_disposed_again(shop: Any) -> None:
    at = await opened(shop)
    payload = told(at, 1, 1)
    inner = shop.request

    async def lose(*given: Any, **more: Any) -> Any:
        answer = await inner(*given, **more)
        if b"ReturnDispose" in more.get("body", b""):
            raise AnswerLost("cut")
        return answer

    shop.request = lose
    with pytest.raises(AnswerLost):
        await shop.do(payload)
    shop.request = inner
    assert (await shop.look_up(payload)).outcome.repeated
    assert isinstance((await shop.do(payload)).outcome, Done)
    assert shown(shop, at) == [("RESTOCKED", 1)]
