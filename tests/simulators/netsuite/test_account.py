"""The simulated account refuses what NetSuite refuses, and does its own arithmetic."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from tests.simulators.netsuite.door import START, Setup, fresh_credentials

from crossdock.simulators.base import Reply, Request
from crossdock.simulators.netsuite import Credentials

RECORD = "/services/rest/record/v1"
TOKEN = "/services/rest/auth/oauth2/v1/token"
ADDRESS: dict[str, Any] = {"entity": {"id": "9001"}, "currency": {"id": "1"}}


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


class Caller:
    """A signed-in caller that speaks HTTP only."""

    def __init__(self, credentials: Credentials, **account: Any) -> None:
        self.setup = Setup(credentials, **account)
        self.account = self.setup.account
        self.headers: dict[str, str] = {}

    async def sign_in(self) -> "Caller":
        await self.setup.client().sign_in()
        token = self.setup.tokens._tokens["erp"][0]
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return self

    async def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> Reply:
        raw = json.dumps(body).encode() if body is not None else b""
        return await self.account.handle(Request(method, path, query or {}, {**self.headers, **headers}, raw))

    async def order(self, *lines: dict[str, Any], ref: str = "eid:a-1", **fields: Any) -> Reply:
        body = {**ADDRESS, "item": {"items": list(lines)}, **fields}
        return await self.ask("PUT", f"{RECORD}/salesOrder/{ref}", body)

    async def sql(self, statement: str, **query: str) -> Reply:
        return await self.ask("POST", "/services/rest/query/v1/suiteql", {"q": statement}, query, prefer="transient")


@pytest.fixture
async def caller(credentials: Credentials) -> Caller:
    return await Caller(credentials).sign_in()


def line(item: str = "1001", quantity: Any = 1, rate: Any = 10, **more: Any) -> dict[str, Any]:
    return {"item": {"id": item}, "quantity": quantity, "price": {"id": "-1"}, "rate": rate, **more}


def error(reply: Reply) -> tuple[int, str, str | None]:
    body = json.loads(reply.body)
    detail = body["o:errorDetails"][0]
    assert body["status"] == reply.status
    return reply.status, detail["o:errorCode"], detail.get("o:errorPath")


def internal_id(reply: Reply) -> str:
    assert reply.status == 204, reply.body
    assert not reply.body
    return reply.headers["location"].rsplit("/", 1)[-1]


def assertion(credentials: Credentials, header: dict[str, Any], **claims: Any) -> bytes:
    issued = int(START.timestamp())
    good = {
        "iss": credentials.client_id,
        "scope": "rest_webservices",
        "aud": f"https://host{TOKEN}",
        "iat": issued,
        "exp": issued + 300,
    }
    headers = {"kid": credentials.certificate_id, **header}
    token = jwt.encode({**good, **claims}, credentials.private_key, algorithm="ES256", headers=headers)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
    }
    return urlencode(form).encode()


@pytest.mark.parametrize(
    ("header", "claims", "status"),
    [
        ({}, {}, 200),
        ({"kid": "other"}, {}, 401),
        ({}, {"iss": "other"}, 401),
        ({}, {"scope": "restlets"}, 401),
        ({}, {"aud": "https://host/elsewhere"}, 401),
        ({}, {"exp": int(START.timestamp()) + 3601}, 401),
        ({}, {"exp": int(START.timestamp()) - 1}, 401),
        ({}, {"iat": int(START.timestamp()) + 600, "exp": int(START.timestamp()) + 900}, 401),
    ],
)
async def test_assertions_are_verified(
    credentials: Credentials, header: dict[str, Any], claims: dict[str, Any], status: int
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    account = Setup(credentials).account
    body = assertion(credentials, header, **claims)
    assert (await account.handle(Request("POST", TOKEN, {}, form, body))).status == status


async def test_a_foreign_key_and_a_used_assertion_are_refused(credentials: Credentials) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    account = Setup(credentials).account
    foreign = assertion(fresh_credentials(), {})
    assert (await account.handle(Request("POST", TOKEN, {}, form, foreign))).status == 401
    once = assertion(credentials, {}, jti="one")
    statuses = [(await account.handle(Request("POST", TOKEN, {}, form, once))).status for _ in range(2)]
    assert statuses == [200, 401]


async def test_tokens_end_after_an_hour(caller: Caller) -> None:
    path = f"{RECORD}/salesOrder/1"
    assert error(await caller.ask("GET", path)) == (404, "NONEXISTENT_ID", None)
    caller.setup.clock.forward(minutes=61)
    assert error(await caller.ask("GET", path))[:2] == (401, "INVALID_LOGIN")
    assert (await caller.ask("GET", path, authorization="")).status == 401


@pytest.mark.parametrize(
    ("rows", "fields", "expected"),
    [
        ([line("7777")], {}, ("INVALID_KEY_OR_REF", "item.items[0].item")),
        ([line()], {"entity": {"id": "1"}}, ("INVALID_KEY_OR_REF", "entity")),
        ([line()], {"currency": {"id": "99"}}, ("INVALID_KEY_OR_REF", "currency")),
        (
            [line()],
            {"shippingAddress": {"country": {"id": "Germany"}}},
            ("INVALID_KEY_OR_REF", "shippingAddress.country"),
        ),
        ([line(quantity="2")], {}, ("USER_ERROR", "item.items[0].quantity")),
        ([], {}, ("USER_ERROR", "item")),
        ([line()], {"taxDetails": {"items": [{}]}}, ("USER_ERROR", "taxDetailsOverride")),
        ([line()], {"externalId": "other"}, ("USER_ERROR", "externalId")),
    ],
)
async def test_bad_orders_are_refused_by_field(
    caller: Caller, rows: list[Any], fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert error(await caller.order(*rows, **fields)) == (400, *expected)
    assert not caller.account.books()["sales_orders"]


async def test_a_memo_has_an_end_and_is_shown(caller: Caller) -> None:
    reply = await caller.order(line(), memo="é" * 500)
    assert error(reply) == (400, "USER_ERROR", "memo")
    ref = internal_id(await caller.order(line(), memo="Ring twice"))
    shown = json.loads((await caller.ask("GET", f"{RECORD}/salesOrder/{ref}")).body)
    assert shown["memo"] == "Ring twice"


async def test_external_ids_are_unique_and_plain(caller: Caller) -> None:
    first = internal_id(await caller.order(line()))
    assert internal_id(await caller.order(line(), ref="eid:a-2")) != first
    body = {**ADDRESS, "externalId": "a-1", "item": {"items": [line()]}}
    assert error(await caller.ask("POST", f"{RECORD}/salesOrder", body))[1] == "DUP_RCRD"
    assert error(await caller.order(line(), ref="eid:a|3"))[1] == "INVALID_CONTENT"
    assert caller.account.books()["duplicates"] == {"external_id": 0, "other_ref": 1}


async def test_a_put_over_an_order_adds_lines_unless_told_to_replace(caller: Caller) -> None:
    await caller.order(line())
    await caller.order(line())
    assert len(caller.account.books()["sales_orders"][0]["lines"]) == 2
    path, body = f"{RECORD}/salesOrder/eid:a-1", {"item": {"items": [line(rate=7)]}}
    internal_id(await caller.ask("PUT", path, body, {"replace": "item"}))
    (order,) = caller.account.books()["sales_orders"]
    assert [row["amount"] for row in order["lines"]] == ["7.00"]


async def test_the_account_computes_for_itself(caller: Caller) -> None:
    await caller.order(line(quantity=3, rate=3.335, amount=99), {"item": {"id": "1002"}, "quantity": 2, "rate": 1})
    (order,) = caller.account.books()["sales_orders"]
    # 3 x 3.335 rounds half up; a line without a custom price takes the item's own
    assert [row["amount"] for row in order["lines"]] == ["10.01", "19.98"]
    assert Decimal(order["total"]) == Decimal("29.99")


async def test_fulfilment_rules(caller: Caller) -> None:
    ref = internal_id(await caller.order(line(quantity=2), line("1002", 3), line("2001", 1, 4)))
    path = f"{RECORD}/salesOrder/{ref}/!transform/itemFulfillment"
    over = {"item": {"items": [{"orderLine": 1, "quantity": 3, "itemReceive": True}]}}
    assert error(await caller.ask("POST", path, over))[1] == "USER_ERROR"
    shipping = {"item": {"items": [{"orderLine": 3, "quantity": 1, "itemReceive": True}]}}
    assert error(await caller.ask("POST", path, shipping))[1] == "USER_ERROR"
    picked = {"shipStatus": {"id": "A"}, "item": {"items": [{"orderLine": 2, "itemReceive": False}]}}
    internal_id(await caller.ask("POST", path, picked))
    assert [row["fulfilled"] for row in caller.account.books()["sales_orders"][0]["lines"]] == ["0", "0", "0"]
    shipped = {"shipStatus": {"id": "C"}, "item": {"items": [{"orderLine": 1, "quantity": 1, "itemReceive": True}]}}
    internal_id(await caller.ask("POST", path, shipped))  # line 2 is not named: it ships in full
    assert [row["fulfilled"] for row in caller.account.books()["sales_orders"][0]["lines"]] == ["1", "3", "0"]
    internal_id(await caller.ask("POST", path, {"shipStatus": {"id": "C"}}))
    assert error(await caller.ask("POST", path, {"shipStatus": {"id": "C"}}))[1] == "USER_ERROR"
    assert caller.account.books()["sales_orders"][0]["status"] == "Pending Billing"


async def test_invoices_bill_what_is_fulfilled_and_add_up(caller: Caller) -> None:
    details = [{"taxDetailsReference": "L1", "taxCode": {"id": "301"}, "taxAmount": 1.00}]
    fields = {"taxDetailsOverride": True, "taxDetails": {"items": details}}
    ref = internal_id(
        await caller.order(line(quantity=3, rate=3.33, taxDetailsReference="L1"), line("2001", 1, 4), **fields)
    )
    path = f"{RECORD}/salesOrder/{ref}/!transform"
    assert error(await caller.ask("POST", f"{path}/invoice", {}))[1] == "USER_ERROR"
    for _ in range(3):
        part = {"shipStatus": {"id": "C"}, "item": {"items": [{"orderLine": 1, "quantity": 1}]}}
        internal_id(await caller.ask("POST", f"{path}/itemFulfillment", part))
        internal_id(await caller.ask("POST", f"{path}/invoice", {}))
    books = caller.account.books()
    assert [(made["total"], made["tax"]) for made in books["invoices"]] == [
        ("7.66", "0.33"),
        ("3.66", "0.33"),
        ("3.67", "0.34"),
    ]
    assert sum(Decimal(made["total"]) for made in books["invoices"]) == Decimal(books["sales_orders"][0]["total"])
    assert books["sales_orders"][0]["status"] == "Billed"


async def test_saves_of_one_record_at_once_collide(credentials: Credentials) -> None:
    caller = await Caller(credentials, save_s=1.0).sign_in()
    internal_id(await caller.order(line()))
    path = f"{RECORD}/salesOrder/eid:a-1"
    replies = await asyncio.gather(*(caller.ask("PATCH", path, {"memo": "x"}) for _ in range(3)))
    codes = sorted(error(reply)[1] if reply.body else str(reply.status) for reply in replies)
    assert codes == ["204", "RCRD_HAS_BEEN_CHANGED", "RCRD_HAS_BEEN_CHANGED"]


async def test_the_account_has_one_limit_for_all_callers(credentials: Credentials) -> None:
    caller = await Caller(credentials, save_s=1.0, concurrency=3).sign_in()
    replies = await asyncio.gather(*(caller.order(line(), ref=f"eid:a-{n}") for n in range(5)))
    codes = sorted(error(reply)[1] if reply.body else str(reply.status) for reply in replies)
    assert codes == ["204", "204", "204", "CONCURRENCY_LIMIT_EXCEEDED", "CONCURRENCY_LIMIT_EXCEEDED"]
    assert len(caller.account.books()["sales_orders"]) == 3


async def test_two_slow_creations_of_one_external_id_make_one_order(credentials: Credentials) -> None:
    caller = await Caller(credentials, save_s=1.0).sign_in()
    replies = await asyncio.gather(*(caller.order(line()) for _ in range(2)))
    assert sorted(reply.status for reply in replies) == [204, 400]
    assert len(caller.account.books()["sales_orders"]) == 1


async def test_searches_lag_and_look_ups_by_external_id_do_not(caller: Caller) -> None:
    caller.account.faults.search_lag_s = 20.0
    ref = internal_id(await caller.order(line()))
    query = {"q": 'externalId IS "a-1"'}
    assert json.loads((await caller.ask("GET", f"{RECORD}/salesOrder", query=query)).body)["count"] == 0
    assert (await caller.ask("GET", f"{RECORD}/salesOrder/eid:a-1")).status == 200
    caller.setup.clock.at += timedelta(seconds=21)
    found = json.loads((await caller.ask("GET", f"{RECORD}/salesOrder", query=query)).body)
    assert [row["id"] for row in found["items"]] == [ref]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM nothing",
        "SELECT i.secret FROM item i",
        "SELECT x.id FROM item i",
        "SELECT id FROM item LIMIT 5",
        "SELECT id FROM item WHERE",
        "SELECT id FROM item WHERE id > 'x'",
        "SELECT SOUNDEX(itemid) FROM item",
        "SELECT id FROM item ORDER id",
        "SELECT id FROM item; DELETE FROM item",
        "SELECT TO_CHAR(i.lastmodifieddate, 'DD/MM') AS d FROM item i",
        "UPDATE item",
        "",
    ],
)
async def test_suiteql_refuses_what_it_does_not_know(caller: Caller, statement: str) -> None:
    assert error(await caller.sql(statement))[:2] == (400, "INVALID_PARAMETER")


async def test_suiteql_needs_its_header_and_pages(caller: Caller) -> None:
    path = "/services/rest/query/v1/suiteql"
    assert error(await caller.ask("POST", path, {"q": "SELECT id FROM item"}))[1] == "INVALID_HEADER"
    reply = json.loads(
        (await caller.sql("SELECT i.id, i.itemid FROM item i ORDER BY i.id DESC", limit="6", offset="6")).body
    )
    assert (reply["count"], reply["hasMore"], reply["totalResults"]) == (6, True, 210)
    assert reply["items"][-2] == {"links": [], "id": "1200", "itemid": "SKU-0200"}
    assert error(await caller.sql("SELECT id FROM item", limit="1001"))[0] == 400


async def test_suiteql_joins_filters_and_leaves_nulls_out(caller: Caller) -> None:
    ref = internal_id(await caller.order(line(), otherRefNum="#1"))
    statement = (
        "SELECT t.id, t.otherrefnum, c.symbol AS currency, l.createdfrom FROM transaction t "
        "JOIN transactionline l ON l.transaction = t.id LEFT JOIN currency c ON c.id = t.currency "
        f"WHERE (t.type = 'SalesOrd' AND l.mainline = 'T' AND t.id IN ({ref}, 5)) "
        "OR (t.id < 0 AND t.tranid IS NOT NULL)"
    )
    items = json.loads((await caller.sql(statement)).body)["items"]
    assert items == [{"links": [], "id": ref, "otherrefnum": "#1", "currency": "USD"}]


async def test_masters_can_be_read_and_unknown_ones_are_404(caller: Caller) -> None:
    assert json.loads((await caller.ask("GET", f"{RECORD}/inventoryItem/1001")).body)["itemId"] == "SKU-0001"
    assert json.loads((await caller.ask("GET", f"{RECORD}/customer/9002")).body)["email"] == "buyer-1@example.com"
    assert (await caller.ask("GET", f"{RECORD}/inventoryItem/2001")).status == 404
    assert error(await caller.ask("DELETE", f"{RECORD}/salesOrder/1"))[0] == 405
