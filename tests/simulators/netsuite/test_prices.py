"""Prices, price levels, customers' own and units, read from the account's books page by page."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.door import Setup, fresh_credentials
from tests.simulators.netsuite.test_polls import drain, narrow

from crossdock.domain.pricing import OwnPrice, Price, PriceMaster, TermsMaster
from crossdock.kit.manifest import Page, Unreachable
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.netsuite import Credentials

D = Decimal


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


def account(credentials: Credentials, **settings: Any) -> Setup:
    setup = Setup(credentials, items=6, customers=4)
    setup.settings = {**setup.settings, "read_prices": True, **settings}
    return setup


def prices(pages: list[Page]) -> Mapping[str, PriceMaster]:
    found = [msgspec.json.decode(body, type=PriceMaster) for page in pages for _, body in page.prices]
    assert len({one.sku for one in found}) == len(found), "an item was told twice in one round"
    return {one.sku: one for one in found}


def terms(pages: list[Page]) -> Mapping[str, TermsMaster]:
    return {ref: msgspec.json.decode(body, type=TermsMaster) for page in pages for ref, body in page.terms}


@pytest.mark.parametrize("rows", [4, 7, 1000])
async def test_levels_breaks_and_currencies_are_read_whole(credentials: Credentials, rows: int) -> None:
    setup = account(credentials)
    for args in (
        {"id": "1001", "level": "1", "currency": "USD", "price": "12.50"},
        {"id": "1001", "level": "2", "currency": "USD", "price": "10.00"},
        {"id": "1001", "level": "2", "currency": "USD", "from": "24", "price": "9.25"},
        {"id": "1003", "level": "1", "currency": "EUR", "price": "8.1234"},
    ):
        setup.account.act("set_price", args)
    narrow(setup, rows)
    pages, cursor = await drain(setup, "prices")
    found = prices(pages)
    assert set(found) >= {f"SKU-{n:04}" for n in range(1, 7)}
    assert sorted(found["SKU-0001"].prices, key=lambda one: (one.list, one.least)) == [
        Price("1", "USD", D("12.50"), "Base Price"),
        Price("2", "USD", D("10.00"), "Wholesale"),
        Price("2", "USD", D("9.25"), "Wholesale", D(24)),
    ]
    assert Price("1", "EUR", D("8.1234"), "Base Price") in found["SKU-0003"].prices
    setup.account.act("set_price", {"id": "1001", "level": "1", "currency": "USD", "price": "13.00"})
    again = prices((await drain(setup, "prices", cursor))[0])  # the next round begins at the first item again
    assert set(again) == set(found)
    assert again["SKU-0001"].prices[0].amount == D("13.00")


@pytest.mark.parametrize("rows", [3, 1000])
async def test_customers_tell_their_level_and_what_is_priced_for_them_alone(
    credentials: Credentials, rows: int
) -> None:
    setup = account(credentials)
    setup.account.act("set_level", {"customer": "9002", "level": "2"})
    setup.account.act("own_price", {"customer": "9003", "id": "1001", "price": "5"})
    setup.account.act("own_price", {"customer": "9003", "id": "1002", "price": "6"})
    narrow(setup, rows)
    found = terms((await drain(setup, "prices"))[0])
    assert set(found) == set(setup.account.customers)
    assert found["9002"] == TermsMaster("9002", "2")
    assert found["9003"] == TermsMaster("9003", "1", ("1001", "1002"))
    assert found["9004"] == TermsMaster("9004", "1")


async def test_what_was_agreed_is_read_where_a_setting_says_so(credentials: Credentials) -> None:
    setup = account(credentials, read_own_prices=True)
    setup.account.act("own_price", {"customer": "9003", "id": "1001", "price": "5"})
    setup.account.act("own_price", {"customer": "9003", "id": "1001", "price": "4.40", "currency": "EUR"})
    setup.account.act("own_price", {"customer": "9003", "id": "1002", "level": "2"})
    found = terms((await drain(setup, "prices"))[0])
    agreed = (OwnPrice("1001", "USD", D(5)), OwnPrice("1001", "EUR", D("4.40")), OwnPrice("1002", list="2"))
    assert found["9003"] == TermsMaster("9003", "1", ("1001", "1002"), agreed)
    assert found["9004"] == TermsMaster("9004", "1")


async def test_an_item_with_more_prices_than_a_page_stops_the_poll_aloud(credentials: Credentials) -> None:
    setup = account(credentials)
    for least in range(1, 6):
        args = {"id": "1001", "level": "1", "currency": "USD", "from": least, "price": 10 - least}
        setup.account.act("set_price", args)
    narrow(setup, 5)
    with pytest.raises(Unreachable, match="item 1001 has more prices than a page holds"):
        await drain(setup, "prices")


async def test_units_are_read_with_their_rates_where_they_are_asked_for(credentials: Credentials) -> None:
    setup = account(credentials, read_units=True)
    setup.account.act("set_units", {"id": "1001", "type": "1", "stock": "11", "sale": "12"})
    setup.account.act("set_units", {"id": "1002", "type": "2", "stock": "21", "sale": "22"})
    found = prices((await drain(setup, "prices"))[0])
    one, other = found["SKU-0001"], found["SKU-0002"]
    assert (one.unit, one.base_unit) == ("Dozen", "Each")
    assert one.units == {"Each": D(1), "Dozen": D(12), "Carton": D(48)}
    assert (other.unit, other.units["Foot"]) == ("Foot", D("0.3048"))
    assert (found["SKU-0003"].unit, found["SKU-0003"].units) == ("", {})


async def test_nothing_is_asked_for_where_no_setting_says_so(credentials: Credentials) -> None:
    setup = account(credentials, read_prices=False)
    pages, _ = await drain(setup, "prices")
    assert (pages[0].prices, pages[0].terms, len(pages)) == ((), (), 1)
    assert setup.door.sent == []


ODD: dict[str, dict[str, Any]] = {
    "an id that is none": {"item": {"id": "x", "sku": "A"}},
    "an item without its SKU": {"item": {"id": 1}},
    "a price that is no number": {"pricing": {"item": 1001, "pricelevel": 1, "currency": "USD", "unitprice": "free"}},
    "a price beyond all trade": {"pricing": {"item": 1001, "pricelevel": 1, "currency": "USD", "unitprice": "1e99"}},
    "a price that is none at all": {"pricing": {"item": 1001, "pricelevel": 1, "currency": "USD", "unitprice": "NaN"}},
    "a rate of nothing": {
        "unitstypeuom": {"unitstype": 1, "internalid": 11, "unitname": "Each", "conversionrate": "0"}
    },
    "a level without an id": {"pricelevel": {"name": "Base"}},
    "a customer that is none": {"customer": {"id": -1}},
    "more prices and none on the page": {"pricing": {}},
}


@pytest.mark.parametrize("name", ODD)
async def test_rows_of_another_shape_stop_the_poll_aloud(credentials: Credentials, name: str) -> None:
    """Nothing of them becomes a price, or the place to go on from."""
    ((table, row),) = ODD[name].items()
    setup = account(credentials, read_units=True)
    setup.account.act("set_units", {"id": "1001", "type": "1", "stock": "11", "sale": "12"})
    full = setup.account.handle

    async def answer(request: Request) -> Reply:
        if f" FROM {table} ".encode() not in request.body:
            return await full(request)
        items = [row] if row else []
        told = {"items": items, "hasMore": not row, "count": len(items), "offset": 0, "totalResults": 1, "links": []}
        return Reply(200, msgspec.json.encode(told), {"content-type": "application/json"})

    setup.door._answer = answer
    with pytest.raises(Unreachable, match="cannot be read"):
        await drain(setup, "prices")
