"""Prices are told from what was read, for whom they hold, with their age; in every other case they are unknown."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from crossdock.connectors.netsuite import CONNECTOR as NETSUITE
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.matching import keys_of
from crossdock.domain.pricing import Price, PriceMaster, TermsMaster
from crossdock.kit.manifest import Page
from crossdock.partner import keys
from tests.console.seed import ERP
from tests.partner.house import PORTAL, House
from tests.simulators.netsuite.door import Setup, fresh_credentials

PRICES = "/partner/v1/price-check"
D = Decimal
UNITS = {"Each": D(1), "Dozen": D(12)}
RETAIL = (
    Price("1", "AUD", D("24.00"), "Retail"),
    Price("1", "AUD", D("21.60"), "Retail", D(10)),
    Price("2", "AUD", D("18.00"), "Wholesale"),
    Price("2", "NZD", D("19.50"), "Wholesale"),
)
ITEMS = (
    PriceMaster("SKU-0001", "i-1", RETAIL, "Dozen", "Each", UNITS, base_list="1"),
    PriceMaster("SKU-0002", "i-2", (Price("1", "AUD", D("9.99"), "Retail"),), base_list="1"),
    PriceMaster("SKU-OLD", "i-3", (Price("1", "AUD", D("1")),), base_list="1"),
    PriceMaster("BC-1", "i-4", (Price("", "AUD", D("5.00")),), "PCS", "PCS", {"PCS": D(1)}, includes_tax=True),
    PriceMaster("BARE", "i-5", base_list="1"),
)
BUYERS = (
    CustomerMaster("c-1", "whole@example.com", currency="AUD"),
    CustomerMaster("c-2", "own@example.com", currency="AUD"),
    CustomerMaster("c-3", "unread@example.com", currency="AUD"),
    CustomerMaster("c-4", "twice@example.com", currency="AUD"),
    CustomerMaster("c-5", "twice@example.com", currency="AUD"),
    CustomerMaster("c-6", "gone@example.com", active=False),
)
TERMS = (TermsMaster("c-1", "2"), TermsMaster("c-2", "1", ("i-1",)))


@pytest.fixture
async def priced(house: House) -> House:
    """A house whose ERP's prices were read."""
    encode = msgspec.json.encode
    await house.store.save_masters(ERP, "price", [(one.sku, encode(one)) for one in ITEMS])
    await house.store.save_masters(ERP, "terms", [(one.ref, encode(one)) for one in TERMS])
    await house.store.save_masters(ERP, "product", [("BC-1", encode(ProductMaster("BC-1", "i-4")))])
    rows = [(key, one.ref, encode(one)) for one in BUYERS for key in keys_of(one)]
    await house.store.save_customers(ERP, rows)
    return house


async def ask(house: House, key: str, *lines: dict[str, Any] | str, **question: Any) -> list[dict[str, Any]]:
    asked = [{"sku": line} if isinstance(line, str) else line for line in lines]
    async with house.at(key) as who:
        answer = await who.post(PRICES, json={"lines": asked, **question})
        assert answer.status_code == 200, answer.text
        told = answer.json()
    assert (told["source"]["system"], told["stale_after_s"]) == (ERP, 86_400.0)
    lines_: list[dict[str, Any]] = told["lines"]
    return lines_


async def test_what_anybody_pays_is_told_with_list_unit_and_age(priced: House, key: str) -> None:
    one, more, plain = await ask(priced, key, "SKU-0001", {"sku": "SKU-0001", "quantity": "10"}, "SKU-0002")
    assert (one["price"], one["unit_price"], one["currency"], one["unit"]) == ("known", "24.00", "AUD", "Dozen")
    assert (one["list"], one["holds_for"], one["includes_tax"]) == ("Retail", "anybody", False)
    assert one["as_of"]
    assert "why" not in one or one["why"] is None
    assert more["unit_price"] == "21.60"
    assert (plain["unit_price"], plain["unit"]) == ("9.99", "")


async def test_a_customer_pays_by_their_own_list_in_their_currency(priced: House, key: str) -> None:
    (told,) = await ask(priced, key, "SKU-0001", email="Whole@Example.com")
    assert (told["unit_price"], told["currency"], told["holds_for"], told["list"]) == (
        "18.00", "AUD", "customer", "Wholesale",
    )  # fmt: skip
    (by_ref,) = await ask(priced, key, "SKU-0001", customer_ref="c-1", currency="NZD")
    assert (by_ref["unit_price"], by_ref["currency"]) == ("19.50", "NZD")
    (told,) = await ask(priced, key, "SKU-0002", email="whole@example.com")
    assert told["price"] == "unknown", "the wholesale list has no price of it, and the retail one is not theirs"


@pytest.mark.parametrize(
    ("sku", "question", "why"),
    [
        ("SKU-NEW", {}, "No price of it was read"),
        ("SKU-OLD", {}, "inactive"),
        ("BARE", {}, "no price"),
        ("SKU-0001", {"currency": "EUR"}, "no price of it in EUR"),
        ("SKU-0001", {"email": "nobody@example.com"}, "no such active customer"),
        ("SKU-0001", {"email": "gone@example.com"}, "no such active customer"),
        ("SKU-0001", {"email": "twice@example.com"}, "2 customers"),
        ("SKU-0001", {"email": "unread@example.com"}, "not read yet"),
        ("SKU-0001", {"email": "own@example.com"}, "a price of their own"),
    ],
)
async def test_what_is_not_known_is_unknown_and_says_why(
    priced: House, key: str, sku: str, question: dict[str, Any], why: str
) -> None:
    (told,) = await ask(priced, key, sku, **question)
    assert (told["price"], told.get("unit_price")) == ("unknown", None)
    assert why in told["why"]


async def test_units_are_converted_exactly_or_the_answer_says_that_they_are_not(priced: House, key: str) -> None:
    each, eleven, pallet = await ask(
        priced,
        key,
        {"sku": "SKU-0001", "unit": "Each", "quantity": "120"},
        {"sku": "SKU-0001", "unit": "Each", "quantity": "119"},
        {"sku": "SKU-0001", "unit": "Pallet"},
    )
    assert (each["unit_price"], each["unit"]) == ("1.80", "Each") or Decimal(each["unit_price"]) == D("1.8")
    assert Decimal(eleven["unit_price"]) == D(2)
    assert (pallet["price"], "no unit 'Pallet'" in pallet["why"]) == ("unknown", True)
    thirds = PriceMaster("SKU-0001", "i-1", (Price("1", "AUD", D("25.00")),), "Dozen", "Each", UNITS, base_list="1")
    await priced.store.save_masters(ERP, "price", [("SKU-0001", msgspec.json.encode(thirds))])
    (told,) = await ask(priced, key, {"sku": "SKU-0001", "unit": "Each"})
    assert (told["unit_price"], told["unit"]) == ("25.00", "Dozen")
    assert "no exact price for one Each" in told["why"]


async def test_where_lists_are_not_read_the_item_s_own_price_says_whom_it_is_for(priced: House, key: str) -> None:
    (told,) = await ask(priced, key, "BC-1", email="whole@example.com")
    assert (told["price"], told["unit_price"], told["holds_for"], told["includes_tax"]) == (
        "known", "5.00", "anybody", True,
    )  # fmt: skip
    assert "agreed with the customer is not read" in told["why"]


async def test_an_old_price_is_stale_and_tells_its_age(priced: House, key: str) -> None:
    """Whatever is away behind it: what is kept is told as what it is."""
    await priced.store.trip(ERP, failures=9, breaker="open", for_s=600.0)
    older = "update masters set as_of = now() - $1::interval where kind = $2"
    await priced.pool.execute(older, timedelta(hours=30), "price")
    (told,) = await ask(priced, key, "SKU-0001")
    assert (told["price"], told["unit_price"], told["why"]) == ("stale", "24.00", "It was read 30 hours ago.")
    await priced.pool.execute(older, timedelta(0), "price")
    await priced.pool.execute(older, timedelta(hours=50), "terms")
    (told,) = await ask(priced, key, "SKU-0001", email="whole@example.com")
    assert told["price"] == "stale", "an old price list is as old as the answer"
    assert (await ask(priced, key, "SKU-0001"))[0]["price"] == "known"


async def test_questions_that_cannot_be_are_refused(priced: House, key: str) -> None:
    async with priced.at(key) as who:
        for question in (
            {"lines": []},
            {"lines": [{"sku": ""}]},
            {"lines": [{"sku": "A", "quantity": "0"}]},
            {"lines": [{"sku": "A", "quantity": "-1"}]},
            {"lines": [{"sku": "A", "quantity": "NaN"}]},
            {"lines": [{"sku": "A", "quantity": "1e999999"}]},
            {"lines": [{"sku": "A", "price": 1}]},
            {"lines": [{"sku": "A"}] * 201},
            {"lines": [{"sku": "A"}], "email": "a@b.c", "customer_ref": "1"},
            {"lines": [{"sku": "A"}], "email": " "},
        ):
            refused = await who.post(PRICES, json=question)
            assert (refused.status_code, refused.json()["code"]) == (400, "request_refused"), question
    reads = await keys.make(priced.pool, PORTAL, "screen", ["products:read"])
    async with priced.at(reads) as who:
        assert (await who.post(PRICES, json={"lines": [{"sku": "A"}]})).json()["code"] == "scope_missing"


async def test_an_answer_that_takes_too_long_is_none(priced: House, key: str) -> None:
    class Slow:
        async def fetchrow(self, query: str, *args: Any) -> Any:
            if "partner_keys" in query:
                return await priced.pool.fetchrow(query, *args)
            raise asyncpg.QueryCanceledError("took too long")

    async with priced.at(key, pool=Slow()) as who:
        answer = await who.post(PRICES, json={"lines": [{"sku": "SKU-0001"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_what_stands_in_the_erp_s_books_is_what_the_partner_hears(house: House, key: str) -> None:
    """The whole way: a simulated account's price book, its polls, the store, the answer."""
    setup = Setup(fresh_credentials(), {"read_prices": True, "read_units": True}, items=3, customers=3)
    act = setup.account.act
    act("set_units", {"id": "1001", "type": "1", "stock": "11", "sale": "12"})
    act("set_price", {"id": "1001", "level": "1", "currency": "USD", "price": "24.00"})
    act("set_price", {"id": "1001", "level": "2", "currency": "USD", "price": "18.00"})
    act("set_price", {"id": "1001", "level": "2", "currency": "USD", "from": "10", "price": "16.80"})
    act("set_level", {"customer": "9002", "level": "2"})
    for name in ("items", "customers", "prices"):
        cursor, more = None, True
        while more:
            page = await NETSUITE.polls[name].run(setup.client(), cursor, {})
            await _keep(house, page)
            cursor, more = page.cursor, page.more
    asked = {"sku": "SKU-0001", "unit": "Each", "quantity": "120"}
    (anybody,) = await ask(house, key, "SKU-0001")
    (buyer,) = await ask(house, key, asked, email="buyer-1@example.com")
    (other,) = await ask(house, key, asked, email="buyer-2@example.com")
    assert [(one["unit_price"], one["unit"], one["list"]) for one in (anybody, buyer, other)] == [
        ("24.00", "Dozen", "Base Price"),
        ("1.4", "Each", "Wholesale"),
        ("2", "Each", "Base Price"),
    ]


async def test_what_was_agreed_with_a_customer_is_their_price(house: House, key: str) -> None:
    settings = {"read_prices": True, "read_units": True, "read_own_prices": True}
    setup = Setup(fresh_credentials(), settings, items=3, customers=3)
    act = setup.account.act
    act("set_units", {"id": "1001", "type": "1", "stock": "11", "sale": "12"})
    act("set_price", {"id": "1002", "level": "2", "currency": "USD", "price": "7.00"})
    act("own_price", {"customer": "9002", "id": "1001", "price": "18.60"})
    act("own_price", {"customer": "9002", "id": "1001", "price": "17.00", "currency": "EUR"})
    act("own_price", {"customer": "9002", "id": "1002", "level": "2"})
    for name in ("items", "customers", "prices"):
        cursor, more = None, True
        while more:
            page = await NETSUITE.polls[name].run(setup.client(), cursor, {})
            await _keep(house, page)
            cursor, more = page.cursor, page.more
    buyer = {"email": "buyer-1@example.com"}
    (dozen,) = await ask(house, key, "SKU-0001", **buyer)
    assert (dozen["price"], dozen["unit_price"], dozen["unit"], dozen["list"], dozen["holds_for"]) == (
        "known", "18.60", "Dozen", "agreed", "customer",
    )  # fmt: skip
    (piece,) = await ask(house, key, {"sku": "SKU-0001", "unit": "Each"}, **buyer, currency="EUR")
    assert (piece["unit_price"], piece["unit"], "no exact price" in piece["why"]) == ("17.00", "Dozen", True)
    (level,) = await ask(house, key, "SKU-0002", **buyer)
    assert (level["unit_price"], level["list"]) == ("7.00", "Wholesale")


async def _keep(house: House, page: Page) -> None:
    """As ``intake.polling`` keeps a page."""
    await house.store.save_masters(ERP, "product", page.products)
    rows = [(key, one.ref, msgspec.json.encode(one)) for one in page.customers for key in keys_of(one)]
    await house.store.save_customers(ERP, rows)
    await house.store.save_masters(ERP, "price", page.prices)
    await house.store.save_masters(ERP, "terms", page.terms)
