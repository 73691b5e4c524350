"""Items' prices and base units, read whole in every round."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.test_polls import drain, narrow

from crossdock.domain.pricing import Price, PriceMaster
from crossdock.kit.manifest import Page

D = Decimal


def company(**settings: Any) -> Setup:
    setup = Setup(items=7, customers=0)
    setup.settings = {**setup.settings, "read_prices": True, **settings}
    return setup


def prices(pages: list[Page]) -> Mapping[str, PriceMaster]:
    return {sku: msgspec.json.decode(body, type=PriceMaster) for page in pages for sku, body in page.prices}


@pytest.mark.parametrize("rows", [2, 1000])
async def test_every_round_tells_every_item(rows: int) -> None:
    setup = company()
    first, second, *_ = setup.company.items.values()
    first.unit_price, second.unit_price = D("12.345"), D(0)
    narrow(setup, rows)
    pages, cursor = await drain(setup, "prices")
    found = prices(pages)
    assert set(found) == {f"SKU-{n:04}" for n in range(1, 8)}
    told = found["SKU-0001"]
    assert told.prices == (Price("", "USD", D("12.345")),)
    assert (told.unit, told.base_unit, told.units, told.includes_tax) == ("PCS", "PCS", {"PCS": D(1)}, False)
    assert found["SKU-0002"].prices == (), "an item that nobody gave a price has none"
    assert set(prices((await drain(setup, "prices", cursor))[0])) == set(found), "also those that did not change"


async def test_items_are_named_as_the_setting_says() -> None:
    found = prices((await drain(company(sku_field="gtin"), "prices"))[0])
    assert all(sku.startswith("40") for sku in found)


async def test_nothing_is_asked_for_where_no_setting_says_so() -> None:
    (page,), _ = await drain(company(read_prices=False), "prices")
    assert (page.prices, page.more) == ((), False)
