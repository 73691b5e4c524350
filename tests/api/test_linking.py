"""A doubtful buyer is linked by a person, and the link is remembered for the same channel customer."""

from typing import Any

import msgspec

from crossdock.api.desk import Desk
from crossdock.domain.decision import CustomerMaster
from crossdock.domain.matching import keys_of
from crossdock.domain.order import Address, Order, Party
from tests.console.desks import visitor
from tests.console.seed import ERP, Day, key, order


def bought(number: int, **buyer: Any) -> Order:
    who = Party(**{"external_id": "77", "name": "Ada Ltd", "email": f"new-{number}@example.com", **buyer})
    return msgspec.structs.replace(order(number), customer=who, bill_to=Address(name="Ada Ltd", postal_code="3000"))


async def test_a_link_is_asked_for_once(day: Day, desk: Desk) -> None:
    ada = CustomerMaster("c-77", name="ADA LTD.", postal_code="30 00")
    body = msgspec.json.encode(ada)
    await day.store.save_customers(ERP, [(each, ada.ref, body) for each in keys_of(ada)])
    await day.arrive(bought(501))
    await day.decide()
    path = f"/api/v1/orders/{key(501)}"
    wanted = {"action": "link", "reason": "same address", "args": {"customer_ref": "c-77"}}
    async with visitor(desk, "viewer") as who:
        assert (await who.post(f"{path}/acts", wanted)).status_code == 403
    async with visitor(desk, "customer_service") as who:
        told = (await who.get(path)).json()
        (asked,) = [one for one in told["whole"]["exceptions"] if one["state"] == "open"]
        assert (asked["code"], asked["klass"], asked["owner"]) == ("customer.doubtful", "match", "customer_service")
        assert asked["facts"]["candidates"] == [{"ref": "c-77", "score": 60, "reasons": ["name and postcode"]}]
        assert "link" in told["acts"]
        assert 'value="c-77"' in (await who.page(f"/orders/{key(501)}")).text
        assert (await who.post(f"{path}/acts", {**wanted, "reason": ""})).status_code == 400
        assert (await who.post(f"{path}/acts", wanted)).status_code == 202
        await day.decide()
        assert "link" not in (await who.get(path)).json()["acts"]
    booked = await _booked(desk)
    assert booked[key(501)] == "c-77"
    await day.arrive(bought(502))
    await day.arrive(bought(503, external_id="78"))
    await day.decide()
    booked = await _booked(desk)
    assert booked.get(key(502)) == "c-77", "the same channel customer"
    assert key(503) not in booked, "another one"


async def _booked(desk: Desk) -> dict[str, str]:
    from crossdock.store.reading import built

    rows = await desk.pool.fetch("select key, payload from commands where purpose = 'order.book'")
    return {row["key"].split("/")[0]: built(row["payload"])["customer_ref"] for row in rows}
