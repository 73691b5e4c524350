"""From a seller's account to the ERP's document: nothing is lost on the way, to the minor unit."""

from itertools import product
from typing import Any

import pytest

from crossdock.connectors.netsuite.mapping import render_total
from crossdock.domain.commands import BookOrder, ReadBack
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import Order
from crossdock.domain.totals import balances, prove
from crossdock.simulators.amazon.marketplaces import MARKETPLACES

BOOKS: dict[str, Any] = {
    "currencies": {place.currency: str(number) for number, place in enumerate(MARKETPLACES.values(), 1)},
    **{f"{name}_item": f"20{at}" for at, name in enumerate(("shipping", "tip", "rounding", "fee", "channel_tax"))},
    "tax_code": "301",
    "tax_type": "401",
}
SOLD = [
    (country, tax)
    for country, tax in product(sorted(MARKETPLACES), (None, "on_top", "included", "withheld"))
    if tax != ("included" if country == "US" else "withheld")  # the same figures mean the one here, the other there
]


async def read(seller: Any, order_id: str) -> Order:
    (follow,) = (await seller.do(ReadBack("order", order_id))).follows
    assert isinstance(follow.event, OrderSeen)
    order: Order = follow.event.order
    return order


@pytest.mark.parametrize(("country", "tax"), SOLD)
async def test_every_order_comes_to_its_total(seller: Any, country: str, tax: str | None) -> None:
    wish = {"marketplace": country, "tax": tax, "count": 25}
    ids = seller.sim.act("place_order", wish)["ids"]
    ids += seller.sim.act("place_order", {**wish, "tip": 150, "discount": True, "shipping": True})["ids"]
    for order_id in ids:
        order = await read(seller, order_id)
        entry = seller.entry(order_id)
        assert prove(order).balanced, prove(order).findings
        assert balances(order)
        assert format(order.totals.total.shop, "f") == entry["total"]
        assert order.currency == entry["currency"]
        if tax != "withheld":
            assert format(order.totals.tax.shop, "f") == entry["tax"]
        refs = {str(line.sku): "77" for line in order.lines}
        assert render_total(BookOrder(order, "42", refs), BOOKS) == order.totals.total.shop
        facilitator = MARKETPLACES[country].facilitator
        assert all(tax.channel_liable is facilitator for line in order.lines for tax in line.taxes)


@pytest.mark.parametrize("country", sorted(MARKETPLACES))
async def test_a_partly_cancelled_order_still_comes_to_its_total(seller: Any, country: str) -> None:
    wish = {"marketplace": country, "count": 20, "quantity": 3, "discount": True, "lines": 2}
    for order_id in seller.sim.act("place_order", wish)["ids"]:
        seller.sim.act("reduce_item", {"id": order_id, "quantity": 1})
        order = await read(seller, order_id)
        assert prove(order).balanced, prove(order).findings
        assert format(order.totals.total.shop, "f") == seller.entry(order_id)["total"]
        assert [line.quantity for line in order.lines] == [1, 3]
