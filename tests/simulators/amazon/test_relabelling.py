"""Labels made anew, told to Amazon: the same package under another tracking number."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.domain.commands import PushFulfilment, ReplaceTracking
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost


async def pushed(seller: Any) -> ReplaceTracking:
    """Two parcels, told as 1Z1 and 1Z2, that go under 1Z3 and 1Z4 now."""
    order_id = seller.place(lines=2, quantity=2)
    first, second = (ShippedLine(one["id"], Decimal(2), one["sku"]) for one in seller.entry(order_id)["lines"])
    old = (Package("1Z1", "UPS", lines=(first,)), Package("1Z2", "UPS", lines=(second,)))
    told = Shipment("S1", (first, second), seller.at, old)
    assert isinstance((await seller.do(PushFulfilment(order_id, told))).outcome, Done)
    new = (Package("1Z4", "UPS", lines=(second,)), Package("1Z3", "UPS", lines=(first,)))
    return ReplaceTracking(order_id, msgspec.structs.replace(told, packages=new), ("1Z1", "1Z2"))


def shown(seller: Any, payload: ReplaceTracking) -> dict[str, str]:
    """Tracking number -> the line that is in the package."""
    told = seller.entry(payload.order_external_id)["fulfillments"]
    return {one["tracking"][0]: one["lines"][0]["id"] for one in told}


async def test_each_package_is_confirmed_again_under_its_new_number(seller: Any) -> None:
    payload = await pushed(seller)
    before = shown(seller, payload)
    first, again = (await seller.do(payload)).outcome, (await seller.do(payload)).outcome
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.repeated, again.repeated) == (False, True)
    assert shown(seller, payload) == {"1Z3": before["1Z1"], "1Z4": before["1Z2"]}
    assert seller.sim.books()["edited_packages"] == 2
    assert seller.entry(payload.order_external_id)["status"] == "SHIPPED"


@pytest.mark.parametrize("lost", [{3}, {4}, {3, 4}])
async def test_lost_answers_leave_the_same_packages(seller: Any, lost: set[int]) -> None:
    payload = await pushed(seller)
    seller.lose = lost
    found = None
    for tries in range(5):
        found = await seller.look_up(payload) if tries else None
        if found is not None:
            break
        try:
            found = await seller.do(payload, tries)
            break
        except AnswerLost:
            continue
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert set(shown(seller, payload)) == {"1Z3", "1Z4"}
    assert seller.sim.books()["edited_packages"] == 2


async def test_other_contents_are_a_persons(seller: Any) -> None:
    payload = await pushed(seller)
    whole = (Package("1Z3", "UPS", lines=payload.shipment.lines),)
    other = msgspec.structs.replace(payload, shipment=msgspec.structs.replace(payload.shipment, packages=whole))
    outcome = (await seller.do(other)).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "amazon.package_not_found"
    assert set(shown(seller, payload)) == {"1Z1", "1Z2"}
    unknown = msgspec.structs.replace(payload, order_external_id="111-0000000-0000000")
    assert isinstance((await seller.do(unknown)).outcome, Rejected)
