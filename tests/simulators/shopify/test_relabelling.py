"""Labels made anew, told to the shop: its fulfilments show them once, whatever happens to the answer."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.domain.commands import PushFulfilment, ReplaceTracking
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost


async def pushed(shop: Any, **wish: Any) -> ReplaceTracking:
    """A shipment that was told under T1, and what tells that it goes under T2 now."""
    [order_id] = shop.sim.act("place_order", {"paid": True, **wish})["ids"]
    lines = [one for one in shop.sim.books_.orders[int(order_id)]["line_items"] if one["requires_shipping"]]
    held = tuple(ShippedLine(str(one["id"]), Decimal(one["quantity"])) for one in lines)
    told = Shipment("S1", held, shop.at, (Package("T1", "DHL"),))
    made = await shop.do(PushFulfilment(order_id, told))
    assert isinstance(made.outcome, Done)
    new = msgspec.structs.replace(told, packages=(Package("T2", "UPS", tracking_url="https://ups.example/T2"),))
    return ReplaceTracking(order_id, new, ("T1",), tuple(made.outcome.refs.values()))


def shown(shop: Any, payload: ReplaceTracking) -> list[tuple[list[str], str | None, int]]:
    told = shop.sim.books_.fulfilments_of(int(payload.order_external_id))
    return [(one.numbers, one.company, one.notices) for one in told]


async def test_every_fulfilment_of_the_shipment_shows_the_new_number_once(shop: Any) -> None:
    shop.sim.rates["split"] = 1.0
    payload = await pushed(shop, skus=("SKU-0001", "SKU-0002"))
    first, second = await shop.do(payload), await shop.do(payload)
    assert shown(shop, payload) == [(["T2"], "UPS", 2)] * 2, "the customer is written to once more"
    assert isinstance(first.outcome, Done)
    assert second.outcome == Done(first.outcome.refs, repeated=True)
    body = shop.sim.books_.orders[int(payload.order_external_id)]["fulfillments"]
    assert [one["tracking_numbers"] for one in body] == [["T2"]] * 2


async def test_a_lost_answer_is_looked_for(shop: Any) -> None:
    payload = await pushed(shop)
    assert await shop.look_up(payload) is None
    shop.lose = {shop.mutations + 1}
    with pytest.raises(AnswerLost):
        await shop.do(payload)
    found = await shop.look_up(payload)
    assert isinstance(found.outcome, Done)
    assert found.outcome.repeated
    assert shown(shop, payload) == [(["T2"], "UPS", 2)]


async def test_a_fulfilment_that_a_person_named_is_found_by_its_number(shop: Any) -> None:
    payload = msgspec.structs.replace(await pushed(shop), fulfilments=())
    assert isinstance((await shop.do(payload)).outcome, Done)
    assert shown(shop, payload) == [(["T2"], "UPS", 2)]


async def test_a_cancelled_fulfilment_is_a_persons(shop: Any) -> None:
    payload = await pushed(shop)
    (told,) = shop.sim.books_.fulfilments_of(int(payload.order_external_id))
    told.status = "CANCELLED"
    outcome = (await shop.do(payload)).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "shopify.fulfilment_not_found"
    missing = msgspec.structs.replace(payload, order_external_id="1")
    assert isinstance((await shop.do(missing)).outcome, Rejected)


async def test_a_customer_who_is_not_to_be_written_to_is_not(shop: Any) -> None:
    payload = msgspec.structs.replace(await pushed(shop), notify_customer=False)
    await shop.do(payload)
    assert shown(shop, payload) == [(["T2"], "UPS", 1)]
