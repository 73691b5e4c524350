"""Returns through the whole house: the shop allows, the warehouse receives, the ERP has it in stock once."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from crossdock.domain.state import OrderState
from tests.process.books import assert_nothing_twice, assert_whole
from tests.process.house import SHOP, WAREHOUSE, Engine, House, Vendors
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
ONWARD = {"announce_returns": True, "post_returns": True}
FAULTS = ("lost_response", "html_200", "error_503", "rate_limited", "late_commit", "down")
# Purpose -> how many requests a calm run makes for it. ``test_the_requests_are_these`` keeps this true.
REQUESTS = {"return.announce": 1, "return.post": 7}


async def _all_at(house: House, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def _shipped(running: Running, count: int = 1, **route: Any) -> tuple[House, list[str]]:
    """Orders of one line that are shipped, billed and done."""
    house, _ = await running(route={**ONWARD, **route})
    wish = {"count": count, "lines": 1, "skus": ["SKU-0001"], "paid": True}
    ids: list[str] = [str(each) for each in house.shop.act("place_order", wish)["ids"]]
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.quiet()
    return house, ids


def _line(house: House, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = house.shop.books_.orders[int(order_id)]["line_items"][0]
    return found


def _open_return(house: House, order_id: str, units: int = 1) -> str:
    rows = [{"id": _line(house, order_id)["id"], "quantity": units}]
    return str(house.shop.act("open_return", {"id": order_id, "lines": rows})["return"])


def _receive(house: House, order_id: str, units: int = 1, restock: int = 1, **more: Any) -> None:
    key = f"{SHOP}-{order_id}"
    args = {"order": key, "sku": _line(house, order_id)["sku"], "quantity": units, "restock": restock, **more}
    house.warehouse.act("receive_return", args)


def _announced(house: House, order_id: str) -> list[dict[str, Any]]:
    return [one for one in house.warehouse.books()["returns"] if one["order"] == f"{SHOP}-{order_id}"]


def _receipts(house: House, order_id: str) -> list[dict[str, Any]]:
    prefix = f"{SHOP}-{order_id}-IR-"
    return [one for one in house.erp.books()["item_receipts"] if str(one["external_id"]).startswith(prefix)]


def _put_back(house: House) -> Decimal:
    """Units in the ERP's stock again, whatever document put them there."""
    return sum((Decimal(units) for units in house.erp.books()["restocked"].values()), Decimal(0))


async def _until(house: House, order_id: str, reached: Callable[[OrderState], bool], what: str) -> None:
    async def there() -> bool:
        return reached(await house.state(order_id))

    await house.until(there, what)


def _told(state: OrderState) -> bool:
    """Whether the warehouse knows of a return."""
    return any(intent.step == "return.announce" and intent.status == "done" for intent in state.commands.values())


def _in_erp(count: int = 1) -> Callable[[OrderState], bool]:
    def posted(state: OrderState) -> bool:
        return [i.status for i in state.commands.values() if i.step == "return.post"] == ["done"] * count

    return posted


def _refund(house: House, order_id: str, return_id: str | None = None) -> None:
    rows = [{"id": _line(house, order_id)["id"], "quantity": 1, "restock": "return"}]
    more = {} if return_id is None else {"return": return_id}
    house.shop.act("refund", {"id": order_id, "lines": rows, **more})


async def _assert_well(house: House, ids: list[str], put_back: int) -> None:
    await house.quiet()
    assert await house.problems() == []
    assert await _all_at(house, ids, "done")
    assert_nothing_twice(house)
    assert house.warehouse.books()["returns_repeated"] == []
    assert _put_back(house) == put_back
    assert {one["status"] for one in house.erp.books()["return_authorisations"]} <= {"H"}


async def test_a_return_goes_all_the_way_and_every_message_comes_three_times(running: Running) -> None:
    house, (order_id,) = await _shipped(running)
    house.vendors.mail.copies = 3
    _open_return(house, order_id)
    await _until(house, order_id, _told, "the warehouse to be told")
    [made] = _announced(house, order_id)
    assert [(item["sku"], item["quantity"]) for item in made["items"]] == [("SKU-0001", 1)]
    _receive(house, order_id, restock=1, finish=True)
    await _until(house, order_id, _in_erp(), "the ERP to have it")
    await _assert_well(house, [order_id], 1)
    assert [one["lines"] for one in _receipts(house, order_id)] == [
        [{"item": "1001", "quantity": "1", "restock": True}]
    ]
    assert_whole(house, order_id)


async def test_the_requests_are_these(running: Running) -> None:
    house, (order_id,) = await _shipped(running)
    _open_return(house, order_id)
    await _until(house, order_id, _told, "the warehouse to be told")
    _receive(house, order_id)
    await _until(house, order_id, _in_erp(), "the ERP to have it")
    counted = [one.purpose for one in house.http.served if one.purpose in REQUESTS]
    assert {purpose: counted.count(purpose) for purpose in REQUESTS} == REQUESTS


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_may_fail_once(running: Running, fault: str) -> None:
    """One order for each request: its answer is lost, foreign, late, or refused."""
    struck = [(purpose, nth) for purpose, most in REQUESTS.items() for nth in range(1, most + 1)]
    house, ids = await _shipped(running, len(struck))
    house.http.strikes = [
        Strike(fault, f"{SHOP}-{each}/", purpose, nth) for each, (purpose, nth) in zip(ids, struck, strict=True)
    ]
    for each in ids:
        _open_return(house, each)
    for each in ids:
        await _until(house, each, _told, "the warehouse to be told")
        _receive(house, each, finish=True)
    for each in ids:
        await _until(house, each, _in_erp(), "the ERP to have it")
    assert len(house.http.struck) == len(struck)
    await _assert_well(house, ids, len(ids))
    for each in ids:
        assert (len(_announced(house, each)), len(_receipts(house, each))) == (1, 1)


@pytest.mark.parametrize("first", ["refund", "receipt"])
@pytest.mark.parametrize("good", [True, False])
async def test_with_a_refund_before_or_after_the_goods_go_into_stock_once(
    running: Running, first: str, good: bool
) -> None:
    house, (order_id,) = await _shipped(running)
    await house.next_second()
    return_id = _open_return(house, order_id)
    await _until(house, order_id, _told, "the warehouse to be told")
    steps: dict[str, Callable[[], None]] = {
        "refund": lambda: _refund(house, order_id, return_id),
        "receipt": lambda: _receive(house, order_id, restock=int(good), finish=True),
    }
    for name in (first, "receipt" if first == "refund" else "refund"):
        steps[name]()
        await house.quiet()
        await house.next_second()
    await _until(house, order_id, lambda state: _in_erp()(state) and bool(state.refunds), "all to be in the ERP")
    await _assert_well(house, [order_id], int(good))
    [credit] = [one for one in house.erp.books()["credit_memos"] if f"{order_id}-CM-" in str(one["external_id"])]
    assert all(line["item"] != "1001" for line in credit["lines"]), "the receipt moves the goods, the credit the money"
    assert [line["restock"] for one in _receipts(house, order_id) for line in one["lines"]] == [good]


async def test_what_webhooks_lose_the_poll_finds(running: Running) -> None:
    house, (order_id,) = await _shipped(running)
    _open_return(house, order_id)
    await _until(house, order_id, _told, "the warehouse to be told")
    _receive(house, order_id, silently=True)
    await house.quiet()
    assert _receipts(house, order_id) == []
    for _ in range(2):
        await house.poll(WAREHOUSE, "returns")
    await _until(house, order_id, _in_erp(), "the ERP to have it")
    await _assert_well(house, [order_id], 1)


async def test_goods_that_come_before_anybody_allowed_it_wait_in_sight(running: Running) -> None:
    house, (order_id,) = await _shipped(running)
    rows = [{"sku": "SKU-0001", "quantity": 1}]
    house.warehouse.act("open_return", {"order": f"{SHOP}-{order_id}", "lines": rows})
    _receive(house, order_id)
    await house.until(lambda: _at(house, order_id, "exception"), "an exception")
    assert [code for _, code, _ in await house.problems()] == ["return.unauthorised"]
    assert _receipts(house, order_id) == []
    _open_return(house, order_id)
    await _until(house, order_id, _in_erp(), "the ERP to have it")
    await _assert_well(house, [order_id], 1)


async def _at(house: House, order_id: str, status: str) -> bool:
    return await house.status(order_id) == status


class WithShelf(Vendors):
    """A shop whose restocked returns lie at a location."""

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        settings, secrets = super().shop_connection()
        return {**settings, "return_location": "101"}, secrets


@pytest.mark.parametrize("fault", [None, *FAULTS])
async def test_the_shop_is_told_what_came_back_once(running: Running, fault: str | None) -> None:
    """Each of the two requests of a call may fail: what the shop shows is read before it is told again."""
    house, _ = await running(route={**ONWARD, "push_returns": True}, accounts=WithShelf)
    wish = {"count": 2, "lines": 1, "skus": ["SKU-0001"], "paid": True}
    ids: list[str] = [str(each) for each in house.shop.act("place_order", wish)["ids"]]
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.quiet()
    if fault is not None:
        house.http.strikes = [Strike(fault, f"{SHOP}-{each}/", "return.push", nth) for nth, each in enumerate(ids, 1)]
    house.shop.act("set_stock", {"sku": "SKU-0001", "quantity": 3})
    refs = [_open_return(house, each) for each in ids]
    for each in ids:
        await _until(house, each, _told, "the warehouse to be told")
        _receive(house, each, finish=True)
    for each in ids:
        await _until(house, each, _pushed, "the shop to be told")
    await _assert_well(house, ids, len(ids))
    disposed = [[(how, units) for _, how, units in house.shop.books_.returns[int(ref)].disposed] for ref in refs]
    assert disposed == [[("RESTOCKED", 1)]] * 2
    assert house.shop.shelf.books()["SKU-0001"]["101"] == 5
    assert fault is None or len(house.http.struck) >= len(ids)


def _pushed(state: OrderState) -> bool:
    statuses = [intent.status for intent in state.commands.values() if intent.step == "return.push"]
    return bool(statuses) and set(statuses) == {"done"}


async def test_a_cancelled_return_is_called_off_in_the_warehouse(running: Running) -> None:
    house, (order_id,) = await _shipped(running)
    return_id = _open_return(house, order_id)
    await _until(house, order_id, _told, "the warehouse to be told")
    house.http.strikes = [Strike("lost_response", f"{SHOP}-{order_id}/", "return.recall", 2)]
    house.shop.act("cancel_return", {"return": return_id})
    await house.until(lambda: [one["status"] for one in _announced(house, order_id)] == ["cancelled"], "it to be off")
    await _until(
        house, order_id,
        lambda state: [i.status for i in state.commands.values() if i.step == "return.recall"] == ["done"],
        "the answer",
    )  # fmt: skip
    await _assert_well(house, [order_id], 0)
