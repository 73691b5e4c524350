"""Questions are answered from what was read, with its age; what is not known is never a yes, and never a no."""

from datetime import timedelta
from typing import Any

import msgspec

from crossdock.app import connector
from crossdock.engine.world import Linked
from crossdock.partner_role import reads_of
from tests.partner.house import PORTAL, House

CUSTOMERS, PRODUCTS = "/partner/v1/customers/check", "/partner/v1/products/check"


async def ask(house: House, key: str, path: str, question: dict[str, Any], **changes: Any) -> dict[str, Any]:
    async with house.at(key, **changes) as who:
        answer = await who.post(path, json=question)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def test_a_known_customer_is_told_with_age_and_source(house: House, key: str) -> None:
    told = await ask(house, key, CUSTOMERS, {"email": " Buyer@Example.com "})
    assert (told["customer"], told["currency"], told["source"]["system"]) == ("active", "AUD", "netsuite")
    assert told["source"]["reachable"] is True
    assert 0 <= told["source"]["age_s"] < 60


async def test_an_unknown_customer_is_unknown_and_not_refused(house: House, key: str) -> None:
    told = await ask(house, key, CUSTOMERS, {"email": "nobody@example.com"})
    assert told["customer"] == "unknown"
    assert "had no such customer" in told["why"]


async def test_products_are_told_one_by_one_and_no_price_is_invented(house: House, key: str) -> None:
    told = await ask(house, key, PRODUCTS, {"skus": ["SKU-0001", "SKU-OLD", "SKU-NEW"]})
    found = {each["sku"]: each["product"] for each in told["products"]}
    assert found == {"SKU-0001": "active", "SKU-OLD": "inactive", "SKU-NEW": "unknown"}
    assert {(each["price"], each["availability"]) for each in told["products"]} == {("unknown", "unknown")}


async def test_what_was_read_too_long_ago_is_no_answer(house: House, key: str) -> None:
    await house.pool.execute("update cursors set saved_at = now() - $1::interval", timedelta(hours=30))
    told = await ask(house, key, CUSTOMERS, {"email": "buyer@example.com"})
    assert (told["customer"], told["why"]) == ("unknown", "netsuite was last read 30 hours ago.")


async def test_customers_that_were_read_too_long_ago_are_no_answer_whatever_else_was_read(
    house: House, key: str
) -> None:
    """The customers' poll fails for days while the items' goes on: its yes would be as old as its last reading."""
    reads = {"netsuite": {"product": "items", "customer": "customers"}}
    told = await ask(house, key, CUSTOMERS, {"email": "buyer@example.com"}, reads=reads)
    assert (told["customer"], told["why"]) == ("unknown", "Nothing was read from netsuite yet.")
    await house.store.save_cursor("netsuite", "customers", "1")
    await house.pool.execute("update cursors set saved_at = now() - interval '30 hours' where name = 'customers'")
    told = await ask(house, key, CUSTOMERS, {"email": "buyer@example.com"}, reads=reads)
    assert (told["customer"], told["why"]) == ("unknown", "netsuite was last read 30 hours ago.")
    told = await ask(house, key, PRODUCTS, {"skus": ["SKU-0001"]}, reads=reads)
    assert told["products"][0]["product"] == "active"


def test_the_erps_say_which_of_their_polls_reads_what() -> None:
    for system in ("netsuite", "businesscentral"):
        polls = [Linked("erp", connector(system), None)]  # type: ignore[arg-type]
        assert {"product": "items", "customer": "customers"}.items() <= reads_of(polls)["erp"].items()


async def test_a_system_that_is_away_is_told_and_makes_no_wrong_yes(house: House, key: str) -> None:
    await house.store.trip("netsuite", failures=9, breaker="open", for_s=600.0)
    told = await ask(house, key, CUSTOMERS, {"email": "buyer@example.com"})
    assert (told["customer"], told["source"]["reachable"]) == ("active", False)  # read a moment ago: still known
    await house.pool.execute("delete from cursors")
    told = await ask(house, key, CUSTOMERS, {"email": "buyer@example.com"})
    assert (told["customer"], told["why"]) == ("unknown", "Nothing was read from netsuite yet.")


async def test_questions_that_cannot_be_are_refused(house: House, key: str) -> None:
    async with house.at(key) as who:
        for path, question in (
            (CUSTOMERS, {"email": ""}),
            (CUSTOMERS, {"mail": "a@b.c"}),
            (PRODUCTS, {"skus": []}),
            (PRODUCTS, {"skus": ["x" * 201]}),
            (PRODUCTS, {"skus": "SKU-0001"}),
        ):
            refused = await who.post(path, json=question)
            assert (refused.status_code, refused.json()["code"]) == (400, "request_refused")
    async with house.at(key, policies={}) as who:
        assert (await who.post(CUSTOMERS, json={"email": "a@b.c"})).json()["code"] == "not_found"


async def test_the_documents_are_open_and_name_what_is_needed(house: House) -> None:
    async with house.at() as who:
        told = (await who.get("/partner/v1/openapi.json")).json()
        schema = (await who.get("/partner/v1/order.schema.json")).json()
        assert (await who.get("/healthz")).text == "ok\n"
    operation = told["paths"]["/partner/v1/orders"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/GivenOrder"
    }
    assert {"200", "202", "default"} <= set(operation["responses"])
    assert set(told["components"]["schemas"]["GivenOrder"]["required"]) == set(schema["$defs"]["Order"]["required"])
    references = set(_references(told))
    assert references
    known = {f"#/components/{kind}/{name}" for kind, parts in told["components"].items() for name in parts}
    assert references <= known
    assert PORTAL not in msgspec.json.encode(told).decode()


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in _references(inner)]
    return [each for inner in value for each in _references(inner)] if isinstance(value, list) else []
