"""Payouts of the simulated store's own books, read by the poll and mapped: to the cent, once, and only when final."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.answers import Failed
from crossdock.domain.events import SettlementSeen
from crossdock.domain.settlement import Settlement, SettlementLineKind, imbalance
from crossdock.kit.manifest import Found, Untranslatable

PAYOUTS = CONNECTOR.polls["payouts"]
Kind = SettlementLineKind


async def poll(shop: Any, cursor: str | None = None, **options: Any) -> tuple[list[Found], str]:
    """One whole run."""
    shop.settings["payouts"] = True
    found: list[Found] = []
    for _ in range(200):
        page = await PAYOUTS.run(shop.client, cursor, options)
        found += page.found
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("the poll does not end")


def read(found: Found) -> Settlement:
    (event,) = CONNECTOR.translate("shop1", found.topic, found.body)
    assert isinstance(event, SettlementSeen)
    return event.settlement


def sold(shop: Any, count: int = 3, **wish: Any) -> list[str]:
    shop.sim.rates |= dict.fromkeys(("gift_card_tender", "late_paid"), 0.0)
    return list(shop.sim.act("place_order", {"count": count, **wish})["ids"])


async def test_a_payout_is_the_books_own_and_its_lines_are_the_deposit(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    first, *_ = sold(shop)
    shop.sim.act("refund", {"id": first, "amount": "0.50"})
    payout = shop.sim.act("payout", {"reserve": "5.00", "adjustment": "-1.25"})["id"]
    [found], _ = await poll(shop, cursor)
    told = read(found)
    [books] = shop.sim.books()["payouts"]
    assert (found.stream_kind, found.stream_key, told.key) == ("settlement", f"shop1-{payout}", f"shop1-{payout}")
    assert (told.deposit, told.currency, told.status) == (Decimal(books["net"]), "EUR", "paid")
    assert imbalance(told) is None
    assert sum(line.fee for line in told.lines) == Decimal(books["fees"]) > 0
    assert sorted(line.kind for line in told.lines) == sorted(
        [Kind.SALE] * 3 + [Kind.REFUND, Kind.RESERVE, Kind.ADJUSTMENT]
    )
    [back] = [line for line in told.lines if line.kind is Kind.REFUND]
    refunds = shop.sim.books_.orders[int(first)]["refunds"]
    assert (back.order_id, back.refund_ref, back.amount) == (
        first,
        str(refunds[0]["transactions"][0]["id"]),
        Decimal("-0.50"),
    )
    assert {line.order_id for line in told.lines if line.kind is Kind.SALE} == set(map(str, shop.sim.books_.orders))


async def test_a_payout_is_told_once_and_a_run_over_the_same_days_reads_no_lines_again(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    sold(shop)
    shop.sim.act("payout", {})
    found, cursor = await poll(shop, cursor)
    assert len(found) == 1
    before = shop.sim.calls["shopifyPaymentsAccount"]
    shop.later(3600)
    found, cursor = await poll(shop, cursor)
    assert found == []
    assert shop.sim.calls["shopifyPaymentsAccount"] == before + 1


async def test_a_payout_on_its_way_is_told_when_the_bank_has_it_however_long_that_takes(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    sold(shop)
    slow = shop.sim.act("payout", {"status": "IN_TRANSIT"})["id"]
    for _ in range(5):
        shop.later(10 * 86_400)
        sold(shop, 1)
        shop.sim.act("payout", {})
        found, cursor = await poll(shop, cursor)
        assert len(found) == 1
        assert found[0].stream_key != f"shop1-{slow}"
    shop.sim.act("settle_payout", {"id": slow, "status": "PAID"})
    [late], cursor = await poll(shop, cursor)
    assert late.stream_key == f"shop1-{slow}"
    assert imbalance(read(late)) is None


async def test_a_payout_that_the_bank_sends_back_is_told_again_as_failed(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    sold(shop)
    payout = shop.sim.act("payout", {})["id"]
    [paid], cursor = await poll(shop, cursor)
    shop.sim.act("settle_payout", {"id": payout, "status": "FAILED"})
    shop.later(86_400)
    [failed], cursor = await poll(shop, cursor)
    assert (read(paid).status, read(failed).status) == ("paid", "failed")
    assert paid.delivery_id != failed.delivery_id
    assert (await poll(shop, cursor))[0] == []
    again = shop.sim.act("payout", {})["id"]
    [anew], _ = await poll(shop, cursor)
    assert (anew.stream_key, read(anew).deposit) == (f"shop1-{again}", read(paid).deposit)


async def test_test_orders_move_no_money(shop: Any) -> None:
    shop.sim.act("place_order", {"paid": True, "test": True})
    shop.sim.payments.enter()
    assert shop.sim.payments.transactions == []


async def test_a_payout_cancelled_before_it_left_is_nothing(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    sold(shop)
    shop.sim.act("payout", {"status": "CANCELED"})
    assert (await poll(shop, cursor))[0] == []


async def test_lines_that_are_not_all_shown_yet_are_read_again(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    sold(shop)
    payout = int(shop.sim.act("payout", {})["id"])
    hidden = next(one for one in shop.sim.payments.transactions if one.type == "CHARGE")
    hidden.payout = None
    [early], cursor = await poll(shop, cursor)
    assert imbalance(read(early)) is not None
    hidden.payout = payout
    [whole], cursor = await poll(shop, cursor)
    assert imbalance(read(whole)) is None
    assert early.delivery_id != whole.delivery_id
    assert (await poll(shop, cursor))[0] == []


async def test_many_payouts_come_on_many_pages_and_none_is_missed(shop: Any) -> None:
    _, cursor = await poll(shop)
    made = []
    for _ in range(120):
        shop.later(1)
        made.append(shop.sim.act("payout", {"adjustment": "1.00"})["id"])
    found, _ = await poll(shop, cursor)
    assert [one.stream_key for one in found] == [f"shop1-{one}" for one in made]


async def test_a_new_kind_of_transaction_is_kept_with_shopifys_word(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    shop.sim.act("payout", {"unknown": "3.00"})
    [found], _ = await poll(shop, cursor)
    [line] = read(found).lines
    assert (line.kind, line.told, line.amount) == (Kind.UNKNOWN, "MOON_TAX_REBATE", Decimal("3.00"))


async def test_a_payout_that_takes_money_is_negative(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    shop.sim.act("payout", {"adjustment": "-12.00"})
    [found], _ = await poll(shop, cursor)
    assert read(found).deposit == Decimal("-12.00")
    assert imbalance(read(found)) is None


async def test_a_payout_from_before_the_connection_is_left_alone(shop: Any) -> None:
    shop.sim.act("payout", {"adjustment": "1.00"})
    shop.later(3600)
    found, cursor = await poll(shop)
    assert found == []
    shop.later(60)
    payout = shop.sim.act("payout", {"adjustment": "2.00"})["id"]
    [found_one], cursor = await poll(shop, cursor)
    assert found_one.stream_key == f"shop1-{payout}"
    backfilled, _ = await poll(shop, since="2026-11-01T00:00:00Z")
    assert len(backfilled) == 2


async def test_a_payout_of_the_very_second_of_the_first_start_is_told(shop: Any) -> None:
    shop.at = shop.at.replace(microsecond=400_000)
    _, cursor = await poll(shop)
    shop.later(0.3)
    payout = shop.sim.act("payout", {"adjustment": "2.00"})["id"]
    [found], _ = await poll(shop, cursor)
    assert found.stream_key == f"shop1-{payout}"


async def test_without_the_setting_nothing_is_asked(shop: Any) -> None:
    page = await PAYOUTS.run(shop.client, None, {})
    assert (page.found, page.cursor, page.more) == ((), "off: payouts is not set", False)
    assert not shop.sim.calls


async def test_a_shop_without_shopify_payments_says_so(shop: Any) -> None:
    shop.sim.payments.activated = False
    with pytest.raises(Failed, match="no Shopify Payments account"):
        await poll(shop)


async def test_what_cannot_be_a_settlement_is_refused_by_name(shop: Any) -> None:
    _, cursor = await poll(shop)
    shop.later(60)
    shop.sim.act("payout", {"adjustment": "1.00"})
    [found], _ = await poll(shop, cursor)
    body = msgspec.json.decode(found.body)
    for field, wrong in (("status", "SCHEDULED"), ("net", {"amount": "1E+99999", "currencyCode": "EUR"})):
        odd = {**body, "payout": {**body["payout"], field: wrong}}
        with pytest.raises(Untranslatable) as refused:
            CONNECTOR.translate("shop1", found.topic, msgspec.json.encode(odd))
        assert refused.value.field == f"payout.{field}"
