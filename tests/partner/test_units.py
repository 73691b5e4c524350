"""A portal orders in cartons: the whole way from the ERP's units, read by its poll, to the ERP's sales order."""

from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.netsuite import CONNECTOR as NETSUITE
from crossdock.domain.commands import BookOrder, Payload
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Call
from crossdock.store.squeeze import Squeeze
from tests.partner.house import ERP, House, body, sent
from tests.partner.test_pricing import _keep
from tests.simulators.netsuite.door import Setup, fresh_credentials

ORDERS = "/partner/v1/orders"


async def _read(house: House) -> Setup:
    """An account whose first item is counted in pieces, in cartons of 48 too; its polls have run."""
    setup = Setup(fresh_credentials(), {"read_prices": True, "read_units": True}, items=3, customers=3)
    setup.account.act("set_units", {"id": "1001", "type": "1", "stock": "11", "sale": "11"})
    for name in ("items", "customers", "prices"):
        cursor, more = None, True
        while more:
            page = await NETSUITE.polls[name].run(setup.client(), cursor, {})
            await _keep(house, page)
            cursor, more = page.cursor, page.more
    return setup


async def _placed(house: House, key: str, unit: str) -> dict[str, Any]:
    lines = [{"id": "10", "sku": "SKU-0001", "quantity": "2", "unit": unit, "unit_price": "10.00"}]
    order = body(currency="USD", total="20.00", lines=lines, customer={"email": "buyer-1@example.com"})
    async with house.at(key) as who:
        answer = await who.post(ORDERS, content=order, headers=sent(unit))
        assert answer.status_code == 202, answer.text
        await house.decide()
        told: dict[str, Any] = (await who.get(answer.headers["location"])).json()
    return told


async def test_cartons_are_booked_as_pieces_at_the_order_s_total(house: House, key: str) -> None:
    setup = await _read(house)
    assert (await _placed(house, key, "Carton"))["problems"] == []
    packed = await house.pool.fetchval("select payload from commands where purpose = 'order.book'")
    payload = msgspec.json.decode(Squeeze().unpack(packed), type=Payload)
    assert isinstance(payload, BookOrder)
    outcome = (await NETSUITE.operations["order.book"].send(setup.client(), payload, Call("key"))).outcome
    assert isinstance(outcome, Done), outcome
    [booked] = setup.account.books()["sales_orders"]
    assert (Decimal(booked["total"]), [line["quantity"] for line in booked["lines"]]) == (Decimal("20.00"), ["96"])


async def test_an_order_that_came_before_the_units_were_read_goes_on_by_itself(house: House, key: str) -> None:
    told = await _placed(house, key, "Carton")
    assert "product.unit" in [one["code"] for one in told["problems"]]
    await _read(house)
    assert await house.store.look_again(ERP, "price", ["SKU-0001"], 10) == 1
    await house.decide()
    async with house.at(key) as who:
        assert (await who.get(f"{ORDERS}/{told['external_id']}")).json()["problems"] == []
    assert await house.pool.fetchval("select count(*) from commands where purpose = 'order.book'") == 1


async def test_a_unit_that_the_erp_does_not_have_is_an_exception(house: House, key: str) -> None:
    await _read(house)
    told = await _placed(house, key, "Crate")
    assert [one["code"] for one in told["problems"]] == ["product.unit"]
    assert await house.pool.fetchval("select count(*) from commands") == 0
