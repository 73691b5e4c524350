"""Payouts of the shop in Business Central: one document in the ledger, to the cent, fees apart, whatever is lost.

Business Central posts a second document of the same number gladly, so here too everything rests on looking first.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.process.house import ERP, SHOP, Engine, House
from tests.process.test_businesscentral import CentralVendors
from tests.process.test_crashes import Guillotine
from tests.process.test_settlements import FAULTS
from tests.support.in_process_http import Served, Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
REQUESTS = 2  # that a calm run makes to post a settlement; ``test_the_requests_are_these`` keeps this true
BANK, CLEARING, FEES, RESERVE = "1010", "1130", "6710", "1140"
DOLLARS = {"currency": "USD"}  # the company's own: the API's journal lines know no other


class CentralPaying(CentralVendors):
    """The shop's connection reads payouts."""

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        settings, secrets = super().shop_connection()
        return {**settings, "payouts": True}, secrets


class AtThePosting(Guillotine):
    """Strikes at the request that posts, and not at the one that looks first."""

    async def __call__(self, served: Served, done: bool) -> None:
        if served.nth == REQUESTS:
            await super().__call__(served, done)


def _entries(house: House, payout: str) -> list[dict[str, Any]]:
    wanted = f"{SHOP}-{payout}".upper()
    return [one for one in house.erp.books()["ledger_entries"] if one["external"] == wanted]


def _sum(entries: list[dict[str, Any]], account: str) -> Decimal:
    return sum((Decimal(one["amount"]) for one in entries if one["account"] == account), Decimal(0))


def assert_posted(house: House, payout: str) -> None:
    """One document whose bank is the payout; the fees and what is held back are apart."""
    [books] = [one for one in house.shop.books()["payouts"] if one["id"] == payout]
    entries = _entries(house, payout)
    assert len({one["document"] for one in entries}) == 1
    assert len({one["account"] for one in entries}) == len(entries)
    assert sum((Decimal(one["amount"]) for one in entries), Decimal(0)) == 0
    assert _sum(entries, BANK) == Decimal(books["net"])
    assert _sum(entries, FEES) == Decimal(books["fees"])
    assert house.erp.books()["journal_lines"] == 0


async def _done(house: House, count: int) -> list[str]:
    ids = list(house.shop.act("place_order", {"count": count, "lines": 2, "shipping": True})["ids"])

    async def there() -> bool:
        return {await house.status(each) for each in ids} == {"done"}

    await house.until(there, "the orders to be done")
    await house.quiet()
    await house.next_second()
    return ids


async def _settled(house: House, status: str = "done") -> None:
    async def there() -> bool:
        rows = await house.store.pool.fetch("select status from streams where kind = 'settlement'")
        return {row["status"] for row in rows} == {status}

    await house.until(there, f"the settlement to be {status}")
    await house.quiet()


async def _paid_out(house: House, status: str = "done", **extra: str) -> str:
    """A payout that Crossdock has read, and its settlement at a status."""
    payout = str(house.shop.act("payout", extra)["id"])
    await house.poll(SHOP, "payouts")
    await _settled(house, status)
    return payout


@pytest.fixture
async def paying(running: Running) -> Callable[..., Awaitable[House]]:
    async def start(**settings: Any) -> House:
        house, _ = await running(accounts=CentralPaying, shop=DOLLARS, **settings)
        await house.poll(SHOP, "payouts")
        return house

    return start


async def test_a_payout_of_sales_and_refunds_becomes_one_document_with_the_fees_apart(paying: Any) -> None:
    house = await paying()
    ids = await _done(house, 2)
    house.shop.act("refund", {"id": ids[0], "amount": "1.37"})
    payout = await _paid_out(house)
    assert_posted(house, payout)
    [books] = house.shop.books()["payouts"]
    assert -_sum(_entries(house, payout), CLEARING) == Decimal(books["gross"])
    assert await house.problems() == []
    before = len(house.erp.books()["ledger_entries"])
    for _ in range(2):  # the same payout is listed again
        await house.poll(SHOP, "payouts")
    await house.quiet()
    assert len(house.erp.books()["ledger_entries"]) == before


async def test_the_requests_are_these(paying: Any) -> None:
    house = await paying()
    await _paid_out(house, adjustment="3.00")
    assert [one.purpose for one in house.http.served].count("settlement.post") == REQUESTS


@pytest.mark.parametrize("nth", range(1, REQUESTS + 1))
@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_for_a_settlement_may_fail_once(paying: Any, fault: str, nth: int) -> None:
    house = await paying()
    payout = str(house.shop.act("payout", {"reserve": "2.00", "adjustment": "5.75"})["id"])
    house.http.strikes = [Strike(fault, f"{SHOP}-{payout}", "settlement.post", nth)]
    await house.poll(SHOP, "payouts")
    await _settled(house)
    assert len(house.http.struck) == 1
    assert_posted(house, payout)
    assert _sum(_entries(house, payout), RESERVE) == Decimal("2.00")
    assert await house.problems() == []


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
async def test_killed_while_posting_leaves_one_document(make_house: Any, after: bool) -> None:
    async with make_house(accounts=CentralPaying, shop=DOLLARS) as house:
        house.lease_s, house.slots = 1.5, False
        await house.poll(SHOP, "payouts")
        payout = str(house.shop.act("payout", {"adjustment": "3.00"})["id"])
        await house.poll(SHOP, "payouts")
        guillotine = house.http.attend = AtThePosting(after)
        engine = await Engine.start(house, "w1")
        await guillotine.falls.wait()
        await engine.kill()
        assert [one.purpose for one in guillotine.fallen] == ["settlement.post"]
        async with house.running("w2"):
            await _settled(house)
        assert_posted(house, payout)


async def test_a_closed_period_is_told_and_the_retry_posts_once_it_is_open(paying: Any) -> None:
    house = await paying()
    house.erp.act("allow_posting", {"from": "2100-01-01"})
    payout = await _paid_out(house, "exception", adjustment="3.00")
    assert [code for _, code, _ in await house.problems()] == ["settlement.post.rejected"]
    assert _entries(house, payout) == []
    house.erp.act("allow_posting", {})
    await house.act_on("settlement", payout, "retry")

    async def posted() -> bool:
        return bool(_entries(house, payout))

    await house.until(posted, "the document")
    await house.quiet()
    assert_posted(house, payout)
    assert await house.problems() == []


async def test_a_payout_in_another_currency_is_for_a_person(running: Running) -> None:
    house, _ = await running(accounts=CentralPaying)
    await house.poll(SHOP, "payouts")
    payout = await _paid_out(house, "exception", adjustment="3.00")
    [(_, code, title)] = await house.problems()
    assert code == "settlement.post.rejected", title
    assert _entries(house, payout) == []
    assert house.vendors.systems[ERP] == "businesscentral"
