"""Orders as thin views: a window of them, one by one, and what Amazon shows of those that nobody is to have."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.connectors.amazon.answers import Failed
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import OrderSeen
from crossdock.kit.listing import CANCELLED, NONE, OPEN, PART, WHOLE, Listed, ListPage, Window
from crossdock.reconcile.asking import CannotAsk
from crossdock.reconcile.rounds import each_page
from crossdock.reconcile.views import _goods

LISTING = CONNECTOR.listing
assert LISTING is not None


def window(seller: Any, by: str = "changed") -> Window:
    return Window(seller.at - timedelta(hours=1), seller.at, by)


async def listed(seller: Any, by: str = "changed") -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    cursor = None
    for _ in range(20):
        page = await LISTING.pages(seller.client, window(seller, by), cursor)
        found |= {one.external_id: one for one in page.views}
        if page.cursor is None:
            return found
        cursor = page.cursor
    raise AssertionError("the list does not end")


async def named(seller: Any, order_id: str) -> Listed:
    (view,) = await LISTING.named(seller.client, [f"amazon-{order_id}"])
    return view


async def test_a_view_has_the_total_and_units_that_the_mapping_makes(seller: Any) -> None:
    for wish in ({"tax": "on_top"}, {"marketplace": "DE"}, {"tax": "withheld"}, {"tip": 250, "gift_wrap": True}):
        order_id = seller.place(lines=3, **wish)
        (follow,) = (await seller.do(ReadBack("order", order_id))).follows
        assert isinstance(follow.event, OrderSeen)
        order, view = follow.event.order, await named(seller, order_id)
        assert (view.key, view.number, view.status, view.fulfilment) == (order.key, order.number, OPEN, NONE)
        assert (view.total, view.currency) == (order.totals.total.shop, order.currency)
        assert Decimal(seller.entry(order_id)["total"]) == view.total, "Amazon's own books"
        assert (view.quantity, view.changed_at, view.left_alone) == (_goods(order), order.updated_at, None)


async def test_a_window_lists_every_order_over_its_pages(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.connectors.amazon.listing.PAGE", 2)
    ids = {seller.place() for _ in range(7)}
    assert set(await listed(seller)) == ids
    assert len({one.request.query.get("paginationToken") for one in seller.seen}) == 4


async def test_the_window_by_placing_is_not_that_of_changes(seller: Any) -> None:
    old = seller.place()
    seller.later(7200)
    seller.sim.act("edit_address", {"id": old})
    new = seller.place()
    assert set(await listed(seller)) == {old, new}
    assert set(await listed(seller, "placed")) == {new}


async def test_nothing_of_a_person_is_asked_for(seller: Any) -> None:
    seller.place()
    await listed(seller)
    assert not {"BUYER", "RECIPIENT"} & set(seller.seen[-1].request.query["includedData"].split(","))


async def test_what_nobody_is_to_have_says_why(seller: Any) -> None:
    pending, shipped = seller.place(pending=True), seller.place(quantity=2, lines=1)
    seller.sim.act("ship_by_hand", {"id": shipped})
    found = await listed(seller)
    assert (found[pending].total, found[pending].quantity) == (None, None), "it has no price yet"
    assert "not paid yet" in str(found[pending].left_alone)
    assert found[shipped].fulfilment == WHOLE
    assert found[shipped].total == Decimal(seller.entry(shipped)["total"])
    assert found[shipped].left_alone is not None, "if we never had it, somebody else shipped it"
    by_amazon = seller.place(afn=True)
    assert by_amazon not in await listed(seller), "a search is dear: no page of it for what is left alone"
    assert (await named(seller, by_amazon)).left_alone == "fulfilled by Amazon"
    seller.settings["amazon_fulfilled"] = "book"
    assert (await listed(seller))[by_amazon].left_alone == "fulfilled by Amazon, not shipped yet"
    seller.sim.act("ship_from_amazon", {"id": by_amazon})
    assert (await listed(seller))[by_amazon].left_alone is None, "it is for the books now"


async def test_how_far_it_is(seller: Any) -> None:
    part, gone = seller.place(quantity=2, lines=2), seller.place()
    seller.sim.act("ship_by_hand", {"id": part, "quantity": 1})
    seller.sim.act("cancel_order", {"id": gone})
    found = await listed(seller)
    assert (found[part].fulfilment, found[part].status, found[part].quantity) == (PART, OPEN, Decimal(4))
    assert (found[gone].status, found[gone].left_alone) == (CANCELLED, None)


async def test_what_is_not_there_and_what_cannot_be_of_this_seller(seller: Any) -> None:
    assert await LISTING.named(seller.client, ["amazon-111-0000000-0000000"]) == ()
    asked = len(seller.seen)
    assert await LISTING.named(seller.client, ["shop1-111-0000000-0000000", "amazon-1042"]) == ()
    assert len(seller.seen) == asked, "of a key that no order of Amazon's has nothing is asked"


async def test_a_refused_search_is_not_an_empty_one(make_seller: Any) -> None:
    seller = make_seller(behind_s=120.0)
    with pytest.raises(Failed, match="two minutes"):
        await LISTING.pages(seller.client, window(seller), None)
    assert LISTING.lag_s > 120


class Side:
    """What a round asks: a listing, without the limits."""

    def __init__(self, seller: Any) -> None:
        self.seller, self.link = seller, SimpleNamespace(name="amazon")

    async def page(self, window: Window, cursor: str | None) -> ListPage:
        return await LISTING.pages(self.seller.client, window, cursor)


async def test_pages_that_come_round_end_the_round_aloud(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.connectors.amazon.listing.PAGE", 2)
    for _ in range(5):
        seller.place()
    seller.sim.pages_come_round = True
    with pytest.raises(CannotAsk, match="same cursor twice"):
        await each_page(Side(seller), window(seller), _nothing, lambda: True)  # type: ignore[arg-type]
    assert len(seller.seen) < 5


async def _nothing(keys: Sequence[str], views: Mapping[str, Listed]) -> None:
    assert list(keys) == list(views)
