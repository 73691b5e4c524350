"""Payouts on the whole way: the channel pays out, the ERP has one journal entry of it, to the cent, fees apart."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.process.amazon_house import HOST, AmazonHouse, AmazonVendors
from tests.process.house import SHOP, Engine, House, Vendors
from tests.process.test_crashes import Guillotine
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
FAULTS = ("lost_response", "html_200", "error_503", "rate_limited", "late_commit", "down")
REQUESTS = 1  # that a calm run makes to post a settlement; ``test_the_requests_are_these`` keeps this true
BANK, CLEARING, FEES = "201", "121", "612"


class Paying(Vendors):
    """The shop's connection reads payouts."""

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        settings, secrets = super().shop_connection()
        return {**settings, "payouts": True}, secrets


def _entries(house: House, settlement: str) -> list[dict[str, Any]]:
    wanted = f"{SHOP}-SETTLEMENT-{settlement}"
    return [one for one in house.erp.books()["journal_entries"] if one["external_id"] == wanted]


def _sum(entry: dict[str, Any], account: str) -> Decimal:
    rows = [row for row in entry["lines"] if row["account"] == account]
    return sum((Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows), Decimal(0))


def assert_posted(house: House, payout: str) -> None:
    """One entry: the bank has the payout, the fees are apart, what is left are sales less refunds."""
    [books] = [one for one in house.shop.books()["payouts"] if one["id"] == payout]
    [entry] = _entries(house, payout)
    assert _sum(entry, BANK) == Decimal(books["net"])
    assert _sum(entry, FEES) == Decimal(books["fees"])
    assert -_sum(entry, CLEARING) == Decimal(books["gross"])


async def _done(house: House, count: int) -> list[str]:
    ids: list[str] = list(house.shop.act("place_order", {"count": count, "lines": 2, "shipping": True})["ids"])

    async def there() -> bool:
        return {await house.status(each) for each in ids} == {"done"}

    await house.until(there, "the orders to be done")
    await house.quiet()
    await house.next_second()
    return ids


def _payout(house: House, **extra: str) -> str:
    return str(house.shop.act("payout", extra)["id"])


async def _settled(house: House, payouts: list[str]) -> None:
    async def there() -> bool:
        rows = await house.store.pool.fetch("select status from streams where kind = 'settlement'")
        return len(rows) >= len(payouts) and {row["status"] for row in rows} == {"done"}

    await house.until(there, "the settlements to be posted")
    await house.quiet()


@pytest.fixture
async def paying(running: Running) -> Callable[..., Awaitable[House]]:
    async def start(**settings: Any) -> House:
        house, _ = await running(accounts=Paying, **settings)
        await house.poll(SHOP, "payouts")
        return house

    return start


async def test_a_payout_of_sales_and_refunds_becomes_one_entry_with_the_fees_apart(paying: Any) -> None:
    house = await paying()
    ids = await _done(house, 3)
    house.shop.act("refund", {"id": ids[0], "amount": "1.37"})
    payout = _payout(house)
    for _ in range(3):  # the same payout is listed again and again
        await house.poll(SHOP, "payouts")
    await _settled(house, [payout])
    assert_posted(house, payout)
    assert await house.problems() == []
    await house.poll(SHOP, "payouts")
    await house.quiet()
    assert len(_entries(house, payout)) == 1


async def test_a_payout_that_is_read_before_its_orders_waits_for_them(paying: Any) -> None:
    house = await paying()
    house.vendors.mail.held = True
    ids = list(house.shop.act("place_order", {"count": 2, "lines": 1})["ids"])
    payout = _payout(house)
    await house.poll(SHOP, "payouts")

    async def waits() -> bool:
        row = await house.store.pool.fetchrow("select status, reason from streams where kind = 'settlement'")
        return row is not None and row["status"] == "waiting"

    await house.until(waits, "the settlement to wait")
    assert _entries(house, payout) == []
    house.vendors.mail.let_go(list(reversed(house.vendors.mail.kept)))
    await _settled(house, [payout])
    assert_posted(house, payout)
    assert {await house.status(each) for each in ids} <= {"done", "open", "waiting"}


async def test_the_requests_are_these(paying: Any) -> None:
    house = await paying()
    payout = _payout(house, adjustment="3.00")
    await house.poll(SHOP, "payouts")
    await _settled(house, [payout])
    assert [one.purpose for one in house.http.served].count("settlement.post") == REQUESTS


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_request_for_an_entry_may_fail_once(paying: Any, fault: str) -> None:
    house = await paying()
    await _done(house, 2)
    payout = _payout(house, reserve="2.00", adjustment="0.75")
    house.http.strikes = [Strike(fault, f"{SHOP}-{payout}", "settlement.post", 1)]
    await house.poll(SHOP, "payouts")
    await _settled(house, [payout])
    assert len(house.http.struck) == 1
    [entry] = _entries(house, payout)
    [books] = house.shop.books()["payouts"]
    assert _sum(entry, BANK) == Decimal(books["net"])
    assert _sum(entry, FEES) == Decimal(books["fees"])
    assert sum((_sum(entry, account) for account in {row["account"] for row in entry["lines"]}), Decimal(0)) == 0
    assert await house.problems() == []


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
async def test_killed_while_posting_leaves_one_entry(make_house: Any, after: bool) -> None:
    async with make_house(accounts=Paying) as house:
        house.lease_s, house.slots = 1.5, False
        guillotine = house.http.attend = Guillotine(after)
        await house.poll(SHOP, "payouts")
        payout = _payout(house, adjustment="3.00")
        await house.poll(SHOP, "payouts")
        engine = await Engine.start(house, "w1")
        await guillotine.falls.wait()
        await engine.kill()
        assert [one.purpose for one in guillotine.fallen] == ["settlement.post"]
        async with house.running("w2"):
            await _settled(house, [payout])
        assert_posted_adjustment(house, payout)


def assert_posted_adjustment(house: House, payout: str) -> None:
    [entry] = _entries(house, payout)
    assert (_sum(entry, BANK), _sum(entry, "613")) == (Decimal("3.00"), Decimal("-3.00"))


# -- Amazon ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def selling(running: Running) -> Callable[..., Awaitable[House]]:
    async def start(**settings: Any) -> House:
        shop = {"documents_url": HOST, "connection": {"settlements": True}}
        house, _ = await running(accounts=AmazonVendors, made=AmazonHouse, shop=shop, **settings)
        await house.poll(SHOP, "settlements")
        return house

    return start


async def test_a_settlement_report_becomes_one_entry_once_its_orders_are_known(selling: Any) -> None:
    house = await selling()
    ids = list(house.shop.act("place_order", {"count": 3, "lines": 1})["ids"])
    await house.poll(SHOP, "orders")

    async def shipped() -> bool:
        return all(one["status"] == "SHIPPED" for one in house.shop.books()["orders"])

    await house.until(shipped, "the orders to be shipped")
    house.shop.act("refund", {"id": ids[1], "principal": 150})
    settlement = house.shop.act("settle", {"packed": True})["id"]
    await house.poll(SHOP, "settlements")
    await _settled(house, [settlement])
    [entry], [books] = _entries(house, settlement), house.shop.books()["settlements"]
    assert _sum(entry, BANK) == Decimal(books["total"])
    assert _sum(entry, FEES) == -Decimal(books["fees"])
    assert await house.problems() == []


async def test_a_settlement_of_an_order_that_nobody_took_is_told_and_a_person_lets_it_go(selling: Any) -> None:
    house = await selling(route={"settlement_wait_s": 0})
    [order_id] = house.shop.act("place_order", {"count": 1})["ids"]
    house.shop.act("ship_by_hand", {"id": order_id})
    settlement = house.shop.act("settle", {"unknown": 250})["id"]
    await house.poll(SHOP, "settlements")

    async def told() -> bool:
        return {code for _, code, _ in await house.problems()} == {"settlement.unmatched", "settlement.unknown_kind"}

    await house.until(told, "the two exceptions")
    assert _entries(house, settlement) == []
    for step in ("settlement.match", "settlement.kinds"):
        await house.act_on("settlement", settlement, "skip", step=step)
    await _settled(house, [settlement])
    [entry] = _entries(house, settlement)
    assert _sum(entry, BANK) == Decimal(house.shop.books()["settlements"][0]["total"])
    assert -_sum(entry, "129") > Decimal("2.50")
