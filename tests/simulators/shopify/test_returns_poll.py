"""The poll of returns tells every change of a return that is under way, and that it ended, once."""

from typing import Any

import pytest
from tests.simulators.shopify.test_returns import shipped

from crossdock.connectors.shopify import CONNECTOR, returns_poll
from crossdock.domain.events import SignalSeen
from crossdock.kit.manifest import Found

POLL = CONNECTOR.polls["returns"]


async def run(shop: Any, cursor: str | None) -> tuple[list[Found], str]:
    """One whole run, a second later than the one before."""
    shop.later(1)
    found: list[Found] = []
    for _ in range(20):
        page = await POLL.run(shop.client, cursor, {})
        found += page.found
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("the poll does not end")


async def opened(shop: Any) -> tuple[str, int, str]:
    order_id, line = await shipped(shop)
    rows = [{"id": line["id"], "quantity": line["quantity"]}]
    return order_id, line["id"], shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]


async def test_opened_shortened_and_ended_are_told_once_each(shop: Any) -> None:
    found, cursor = await run(shop, None)
    assert found == []
    order_id, line_id, ref = await opened(shop)
    names = set()
    for change in (
        None,
        lambda: shop.sim.act("shorten_return", {"return": ref, "line": line_id, "quantity": 1}),
        lambda: shop.sim.act("close_return", {"return": ref}),
    ):
        if change:
            change()
        (one,), cursor = await run(shop, cursor)
        names.add(one.delivery_id)
        assert CONNECTOR.translate("shop1", one.topic, one.body) == [SignalSeen("shop1", "return", order_id)]
        assert one.stream_key == f"shop1:return:{order_id}"
        assert (await run(shop, cursor))[0] == []
    assert len(names) == 3


async def test_what_a_first_run_finds_is_older_than_we_are(shop: Any) -> None:
    _, _, ref = await opened(shop)
    found, cursor = await run(shop, None)
    assert found == []
    shop.sim.act("cancel_return", {"return": ref})
    assert len((await run(shop, cursor))[0]) == 1


async def test_over_several_pages_nothing_is_missed_and_nothing_ends(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cursor = await run(shop, None)
    monkeypatch.setattr(returns_poll, "PAGE", 2)
    orders = {(await opened(shop))[0] for _ in range(5)}
    found, cursor = await run(shop, cursor)
    assert {one.stream_key.rpartition(":")[2] for one in found} == orders
    assert (await run(shop, cursor))[0] == []


async def test_without_the_scope_nothing_is_asked(shop: Any) -> None:
    await opened(shop)
    granted, shop.sim.scopes = shop.sim.scopes, ("read_orders",)
    page = await POLL.run(shop.client, None, {})
    assert (page.found, page.cursor) == ((), "off: the app has no scope read_returns")
    shop.sim.scopes = granted
    assert (await run(shop, page.cursor))[0] == []
