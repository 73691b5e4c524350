"""The poll ends, misses nothing when pages shift, and calls each view as its webhook did."""

from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.events import SignalSeen
from crossdock.kit.manifest import Found

POLL = CONNECTOR.polls["orders"]


async def run(shop: Any, cursor: str | None, between: Any = None, **options: Any) -> tuple[list[Found], str]:
    """One whole run; ``between`` happens after each page."""
    found: list[Found] = []
    for _ in range(100):
        page = await POLL.run(shop.client, cursor, options)
        found += page.found
        cursor = page.cursor
        if not page.more:
            return found, cursor
        if between:
            between()
    raise AssertionError("the poll does not end")


async def test_a_poll_and_the_webhooks_call_each_view_the_same(shop: Any) -> None:
    shop.settings["page_size"] = 3
    shop.sim.act("place_order", {"count": 10})
    found, _ = await run(shop, None)
    by_webhook = {also for named, _ in shop.identities() for also in named.also_ids}
    assert {one.delivery_id for one in found} == by_webhook
    assert len(found) == 10


@pytest.mark.parametrize("currencies", [{}, {"presentment": "USD"}])
async def test_they_call_every_part_that_is_captured_or_paid_back_the_same(shop: Any, currencies: Any) -> None:
    """All within one second: the status says no more than that some is paid, or paid back."""
    (order_id,) = shop.sim.act("place_order", {"paid": False, "quantity": 3, "skus": ["SKU-0001"], **currencies})["ids"]
    found, _ = await run(shop, None)
    for verb, amount in (("capture", 1), ("capture", 1), ("pay_order", 0), ("refund", 1), ("refund", 1)):
        shop.sim.act(verb, {"id": order_id, "amount": amount})
        found += (await run(shop, None))[0]
    names = [one.delivery_id for one in found]
    assert len(set(names)) == len(names) == 6
    assert set(names) == {also for named, _ in shop.identities() for also in named.also_ids}


async def test_what_is_found_is_a_signal_to_read_the_order(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True})["ids"]
    (one,), _ = await run(shop, None)
    assert (one.stream_kind, one.stream_key) == ("signal", f"shop1:order:{order_id}")
    assert CONNECTOR.translate("shop1", one.topic, one.body) == [
        SignalSeen("shop1", "order", order_id, one.delivery_id)
    ], "what names the view tells a repeat from a change"


async def test_pages_shift_while_they_are_read_and_nothing_is_missed(shop: Any) -> None:
    shop.settings["page_size"] = 2
    ids = []
    for _ in range(9):
        ids += shop.sim.act("place_order", {"paid": True})["ids"]
        shop.later(30)
    changed = iter(ids[:6])

    def touch() -> None:
        shop.later(1)
        order_id = next(changed, None)
        if order_id:
            shop.sim.act("tag_order", {"id": order_id, "tags": "moved"})

    found, cursor = await run(shop, None, touch, since="2026-11-20T00:00:00Z")
    found += (await run(shop, cursor))[0]
    current = {f"order/{o['id']}@{o['updated_at'][:19]}Z/{o['financial_status']}" for o in shop.sim.books()["orders"]}
    assert current <= {one.delivery_id.rpartition("/")[0] for one in found}


async def test_orders_of_one_second_are_all_found(shop: Any) -> None:
    shop.settings["page_size"] = 4
    ids = set(shop.sim.act("place_order", {"count": 25})["ids"])
    found, cursor = await run(shop, None)
    assert {one.stream_key.rpartition(":")[2] for one in found} == ids
    late = set(shop.sim.act("place_order", {"count": 3})["ids"])  # in the very second that was just read
    found, _ = await run(shop, cursor)
    assert late <= {one.stream_key.rpartition(":")[2] for one in found}


async def test_paid_within_the_second_of_its_creation_is_a_new_view(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": False})["ids"]
    (before,), cursor = await run(shop, None)
    shop.sim.act("pay_order", {"id": order_id})
    (after,), _ = await run(shop, cursor)
    assert before.delivery_id != after.delivery_id


@pytest.mark.parametrize("act", ["edit_address", "tag_order"])
async def test_what_an_app_corrects_within_the_second_of_an_orders_creation_is_a_new_view(shop: Any, act: str) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True})["ids"]
    (before,), cursor = await run(shop, None)
    shop.sim.act(act, {"id": order_id})
    (after,), _ = await run(shop, cursor)
    assert before.delivery_id != after.delivery_id
    by_webhook = {also for named, _ in shop.identities() for also in named.also_ids}
    assert {before.delivery_id, after.delivery_id} <= by_webhook


async def test_the_overlap_finds_what_the_search_showed_late(shop: Any) -> None:
    shop.sim.act("place_order", {"paid": True})
    shop.sim.faults.search_lag_s = 60
    shop.later(30)
    newer = shop.sim.act("place_order", {"paid": True})["ids"]
    found, cursor = await run(shop, None)
    assert found == []
    shop.later(120)
    found, _ = await run(shop, cursor)
    assert newer[0] in {one.stream_key.rpartition(":")[2] for one in found}


async def test_the_next_run_reaches_back_by_the_overlap_only(shop: Any) -> None:
    old = shop.sim.act("place_order", {"paid": True})["ids"]
    shop.later(3600)
    new = shop.sim.act("place_order", {"paid": True})["ids"]
    _, cursor = await run(shop, None)
    found, _ = await run(shop, cursor)
    assert [one.stream_key.rpartition(":")[2] for one in found] == new
    found, _ = await run(shop, None, since="2026-11-20T12:00:00Z")
    assert [one.stream_key.rpartition(":")[2] for one in found] == old + new


async def test_backfill_by_span_and_by_ids(shop: Any) -> None:
    ids = []
    for _ in range(60):
        ids += shop.sim.act("place_order", {"paid": True})["ids"]
        shop.later(3600)
    found, _ = await run(shop, None, since="2026-11-20T14:00:00Z", until="2026-11-20T16:00:00Z")
    assert [one.stream_key.rpartition(":")[2] for one in found] == ids[2:5]
    shop.settings["page_size"] = 7
    found, _ = await run(shop, None, ids=ids[:55])
    assert {one.stream_key.rpartition(":")[2] for one in found} == set(ids[:55])


async def test_the_cursor_is_text_that_survives_a_restart(shop: Any) -> None:
    shop.settings["page_size"] = 1
    shop.sim.act("place_order", {"count": 2, "paid": True})
    page = await POLL.run(shop.client, None, {})
    assert page.more
    assert msgspec.json.decode(page.cursor)["after"]
    again = await POLL.run(shop.client, str(page.cursor), {})
    assert again.found != page.found
