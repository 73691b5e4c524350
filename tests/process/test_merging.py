"""The channel and the ERP's people edit the same booked order, with either ERP: nothing is overwritten unseen."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.process.house import Engine, House, Vendors
from tests.process.test_businesscentral import CentralVendors
from tests.process.test_businesscentral_changes import BY_ITSELF

Running = Callable[..., Awaitable[tuple[House, Engine]]]
ERPS = pytest.mark.parametrize("accounts", [Vendors, CentralVendors], ids=["netsuite", "businesscentral"])


async def _booked(running: Running, accounts: type[Vendors]) -> tuple[House, str]:
    """An order of two lines of three units each, which the ERP is to ship by itself."""
    house, _ = await running(accounts=accounts, route=BY_ITSELF)
    (order_id,) = house.shop.act("place_order", {"lines": 2, "quantity": 3, "tip": False, "paid": True})["ids"]

    async def there() -> bool:
        return await house.status(order_id) == "waiting" and (await house.state(order_id)).erp_ref is not None

    await house.until(there, "the booking")
    await house.next_second()
    return house, str(order_id)


def _document(house: House) -> Any:
    (order,) = house.erp.ledger.of("salesOrder")
    return order


def _goods(house: House) -> list[Any]:
    """The order's lines that are items, in order."""
    return [line for line in _document(house).lines if getattr(line, "kind", "Item") == "Item"][:2]


def _edit(house: House, nth: int, quantity: int) -> None:
    """Somebody in the ERP wants another number of a line."""
    line = _goods(house)[nth]
    named = {"line": line.line} if hasattr(line, "line") else {"sequence": line.sequence}
    house.erp.act("edit_line", {"order": _document(house).id, "quantity": quantity, **named})


def _less(house: House, order_id: str, nth: int, units: int) -> None:
    """The customer takes units off a line, and has the money back."""
    line = house.shop.books_.orders[int(order_id)]["line_items"][nth]
    house.shop.act("refund", {"id": order_id, "lines": [{"id": line["id"], "quantity": units, "restock": "cancel"}]})


async def _settled(house: House, order_id: str) -> None:
    async def amended() -> bool:
        order = await house.state(order_id)
        return order.latest is None and order.status_of("booking.amend") == "done"

    await house.until(amended, "the amendment")


async def _facts(house: House) -> dict[str, Any]:
    found = await house.store.pool.fetchval("select facts::text from exceptions where state = 'open'")
    return msgspec.json.decode(found, type=dict[str, Any])


def _units(house: House) -> list[Decimal]:
    return [line.quantity for line in _goods(house)]


@ERPS
async def test_a_new_address_leaves_what_people_changed(running: Running, accounts: type[Vendors]) -> None:
    house, order_id = await _booked(running, accounts)
    _edit(house, 1, 5)
    house.shop.act("edit_address", {"id": order_id, "address1": "9 New Road"})
    await _settled(house, order_id)
    assert _units(house) == [3, 5]
    assert "9 New Road" in str(_document(house).header)
    assert await house.problems() == []


async def test_business_central_takes_each_sides_lines(running: Running) -> None:
    house, order_id = await _booked(running, CentralVendors)
    _edit(house, 1, 5)
    _less(house, order_id, 0, 1)
    await _settled(house, order_id)
    assert _units(house) == [2, 5]
    assert await house.problems() == []


@ERPS
@pytest.mark.parametrize(("prefer", "units"), [("channel", 2), ("erp", 5)])
async def test_what_both_changed_is_as_a_person_says(
    running: Running, accounts: type[Vendors], prefer: str, units: int
) -> None:
    house, order_id = await _booked(running, accounts)
    _edit(house, 0, 5)
    _less(house, order_id, 0, 1)

    async def told() -> bool:
        return [code for _, code, _ in await house.problems()] == ["booking.amend.conflict"]

    await house.until(told, "the conflict")
    assert _units(house) == [5, 3]
    facts = await _facts(house)
    quantities = [each for each in facts["differences"] if each["field"] == "quantity"]
    assert [(each["base"], each["channel"], each["erp"]) for each in quantities] == [("3", "2", "5")]
    await house.act(order_id, "merge", prefer=prefer, seen=facts["seen"])
    await _settled(house, order_id)
    assert _units(house) == [units, 3]
    assert await house.problems() == []
