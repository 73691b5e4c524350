"""The simulated company refuses what Business Central refuses, and does its own arithmetic."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup

from crossdock.simulators.base import Reply, Request


class Caller:
    """A signed-in caller that speaks HTTP only."""

    def __init__(self, **company: Any) -> None:
        self.setup = Setup(**company)
        self.company = self.setup.company
        self.root = f"/v2.0/{self.company.registration.tenant}/Production/api/v2.0/"
        self.inside = f"companies({self.company.registration.company_id})/"
        self.headers: dict[str, str] = {}

    async def sign_in(self) -> "Caller":
        await self.setup.client().sign_in()
        self.headers = {"authorization": f"Bearer {self.setup.tokens._tokens['erp'][0]}"}
        return self

    async def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> Reply:
        raw = msgspec.json.encode(body, order=None) if body is not None else b""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.company.handle(Request(method, f"{self.root}{self.inside}{path}", query or {}, sent, raw))

    async def batch(self, *requests: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
        body = {"requests": [{"id": str(n), **one, "url": self.inside + one["url"]} for n, one in enumerate(requests)]}
        raw = msgspec.json.encode(body)
        reply = await self.company.handle(Request("POST", f"{self.root}$batch", {}, {**self.headers, **headers}, raw))
        assert reply.status == 200, reply.body
        responses: list[dict[str, Any]] = body_of(reply)["responses"]
        return responses

    async def order(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {"externalDocumentNumber": "a-1", "customerNumber": "C00000", **fields}
        made = body_of(await self.ask("POST", "salesOrders", body))
        for line in lines:
            reply = await self.ask("POST", f"salesOrders({made['id']})/salesOrderLines", line)
            assert reply.status == 201, reply.body
        return await self.read(made["id"])

    async def read(self, ref: str) -> dict[str, Any]:
        shown: dict[str, Any] = body_of(
            await self.ask("GET", f"salesOrders({ref})", query={"$expand": "salesOrderLines"})
        )
        return shown


@pytest.fixture
async def caller() -> Caller:
    return await Caller().sign_in()


def body_of(reply: Reply) -> Any:
    return json.loads(reply.body, parse_float=Decimal)


def item(number: str = "SKU-0001", quantity: Any = 1, price: Any = 10, **more: Any) -> dict[str, Any]:
    base = {
        "lineType": "Item",
        "lineObjectNumber": number,
        "quantity": quantity,
        "taxCode": "NOTAX",
        "unitPrice": price,
    }
    return {**base, **more}


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, body_of(reply)["error"]["code"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 200),
        ({"client_secret": "other"}, 401),
        ({"client_id": "other"}, 400),
        ({"scope": "other"}, 400),
        ({"grant_type": "password"}, 400),
    ],
)
async def test_only_the_registered_application_gets_a_token(form: dict[str, str], status: int) -> None:
    company = Setup().company
    good = {
        "grant_type": "client_credentials",
        "client_id": company.registration.client_id,
        "client_secret": company.registration.client_secret,
        "scope": "https://api.businesscentral.dynamics.com/.default",
    }
    raw = urlencode({**good, **form}).encode()
    assert (await company.handle(Request("POST", company.tokens.path, {}, {}, raw))).status == status


async def test_tokens_end_after_an_hour(caller: Caller) -> None:
    assert (await caller.ask("GET", "items", query={"$top": "1"})).status == 200
    caller.setup.clock.forward(minutes=61)
    assert error(await caller.ask("GET", "items")) == (401, "Authentication_InvalidCredentials")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"customerNumber": "nobody"}, "Internal_InvalidTableRelation"),
        ({"customerId": "nobody"}, "Internal_InvalidTableRelation"),
        ({"currencyCode": "XXX"}, "Internal_InvalidTableRelation"),
        ({"number": "7"}, "BadRequest"),
        ({"nonsense": 1}, "BadRequest"),
        ({"orderDate": "yesterday"}, "BadRequest"),
        ({"externalDocumentNumber": "x" * 36}, "Application_StringExceededLength"),
        ({"shipToCity": "x" * 31}, "Application_StringExceededLength"),
    ],
)
async def test_bad_headers_are_refused(caller: Caller, fields: dict[str, Any], code: str) -> None:
    body = {"externalDocumentNumber": "a-1", "customerNumber": "C00000", **fields}
    assert error(await caller.ask("POST", "salesOrders", body)) == (400, code)
    assert not caller.setup.books()["orders"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (item("nothing"), "Internal_InvalidTableRelation"),
        (item(taxCode="nothing"), "Internal_InvalidTableRelation"),
        ({"lineType": "Account", "lineObjectNumber": "1"}, "Internal_InvalidTableRelation"),
        ({"lineType": "Item"}, "Application_DialogException"),
        ({"lineType": "Charge"}, "Internal_InvalidTableRelation"),
        ({"lineType": "Comment", "quantity": 1}, "Application_DialogException"),
        (item(quantity="2"), "BadRequest"),
        (item(totalTaxAmount=1), "BadRequest"),
        (item(shipQuantity=2), "Application_DialogException"),
        (item(invoiceQuantity=2), "Application_DialogException"),
        (item(description="x" * 101), "Application_StringExceededLength"),
    ],
)
async def test_bad_lines_are_refused(caller: Caller, line: dict[str, Any], code: str) -> None:
    made = await caller.order()
    assert error(await caller.ask("POST", f"salesOrders({made['id']})/salesOrderLines", line)) == (400, code)


async def test_the_same_order_sent_twice_is_two_orders_in_capitals(caller: Caller) -> None:
    one, other = await caller.order(), await caller.order()
    assert one["id"] != other["id"]
    assert {one["externalDocumentNumber"], other["externalDocumentNumber"]} == {"A-1"}
    assert caller.setup.books()["doubled"] == ["A-1"]
    found = body_of(await caller.ask("GET", "salesOrders", query={"$filter": "externalDocumentNumber eq 'a-1'"}))
    assert len(found["value"]) == 2


async def test_a_line_number_is_taken_once(caller: Caller) -> None:
    made = await caller.order(item(sequence=10000))
    reply = await caller.ask("POST", "salesOrderLines", item(sequence=10000, documentId=made["id"]))
    assert error(reply) == (400, "Internal_EntityWithSameKeyExists")


async def test_the_company_computes_for_itself(caller: Caller) -> None:
    made = await caller.order(
        item(quantity=3, price=3.335),
        item("SKU-0002", 1, 0.05, taxCode="T10"),
        item("SKU-0003", 1, 0.05, taxCode="T10"),
    )
    # 3 x 3.335 rounds half up; two times 0.05 at 10 % are 0.01 together, and not 0.02
    assert [line["amountExcludingTax"] for line in made["salesOrderLines"]] == [
        Decimal("10.01"), Decimal("0.05"), Decimal("0.05"),
    ]  # fmt: skip
    assert [line["totalTaxAmount"] for line in made["salesOrderLines"]] == [0, Decimal("0.01"), 0]
    assert (made["totalTaxAmount"], made["totalAmountIncludingTax"]) == (Decimal("0.01"), Decimal("10.12"))


async def test_prices_with_tax_are_the_total(caller: Caller) -> None:
    made = await caller.order(item(quantity=3, price=11.99, taxCode="T20"), pricesIncludeTax=True)
    assert made["totalAmountIncludingTax"] == Decimal("35.97")
    assert made["totalTaxAmount"] == Decimal("5.99")  # 35.97 - round(35.97 / 1.2)


async def test_a_quantity_named_after_the_price_sets_the_price_again(caller: Caller) -> None:
    made = await caller.order({"lineType": "Item", "lineObjectNumber": "SKU-0001", "unitPrice": 5, "quantity": 2})
    assert made["salesOrderLines"][0]["unitPrice"] == Decimal("9.99")


async def test_a_write_needs_the_etag_that_was_read(caller: Caller) -> None:
    made = await caller.order(item())
    (line,) = made["salesOrderLines"]
    path, stale = f"salesOrderLines({line['id']})", line["@odata.etag"]
    assert error(await caller.ask("PATCH", path, {"description": "x"})) == (400, "Application_DialogException")
    assert (await caller.ask("PATCH", path, {"description": "x"}, if_match=stale)).status == 200
    assert error(await caller.ask("PATCH", path, {"description": "y"}, if_match=stale)) == (
        412,
        "Request_EntityChanged",
    )
    assert (await caller.ask("PATCH", path, {"description": "y"}, if_match="*")).status == 200
    # The line's change has changed the order's ETag too.
    order = f"salesOrders({made['id']})"
    assert error(await caller.ask("DELETE", order, if_match=made["@odata.etag"])) == (412, "Request_EntityChanged")
    fresh = (await caller.read(made["id"]))["@odata.etag"]
    assert (await caller.ask("DELETE", order, if_match=fresh)).status == 204
    assert error(await caller.ask("GET", order)) == (404, "Internal_RecordNotFound")


@pytest.mark.parametrize(("currency", "status"), [("USD", 200), ("EUR", 412)])
async def test_another_posting_date_changes_the_lines_in_a_foreign_currency(
    caller: Caller, currency: str, status: int
) -> None:
    made = await caller.order(item(), currencyCode=currency)
    path = f"salesOrders({made['id']})"
    (line,) = made["salesOrderLines"]
    for day, answer in ((made["postingDate"], 200), ("2026-12-24", status)):
        assert (await caller.ask("PATCH", path, {"postingDate": day}, if_match="*")).status == 200
        reply = await caller.ask(
            "PATCH", f"salesOrderLines({line['id']})", {"description": "x"}, if_match=line["@odata.etag"]
        )
        assert reply.status == answer
        line = (await caller.read(made["id"]))["salesOrderLines"][0]


async def test_posting_moves_the_order_part_by_part(caller: Caller) -> None:
    made = await caller.order(item(quantity=3), {"lineType": "Comment", "description": "for people"})
    line = f"salesOrderLines({made['salesOrderLines'][0]['id']})"
    post = f"salesOrders({made['id']})/Microsoft.NAV.shipAndInvoice"
    shown = body_of(await caller.ask("PATCH", line, {"shipQuantity": 2}, if_match="*"))
    assert shown["invoiceQuantity"] == 2  # set anew by the quantity to ship
    await caller.ask("PATCH", line, {"invoiceQuantity": 0}, if_match="*")
    assert (await caller.ask("POST", post, {})).status == 204
    after = await caller.read(made["id"])
    assert (after["status"], after["salesOrderLines"][0]["shippedQuantity"]) == ("Open", 2)
    assert (after["salesOrderLines"][0]["shipQuantity"], after["salesOrderLines"][0]["invoiceQuantity"]) == (1, 3)
    for change in ({"quantity": 9}, {"unitPrice": 1}):
        assert error(await caller.ask("PATCH", line, change, if_match="*")) == (400, "Application_DialogException")
    order = f"salesOrders({made['id']})"
    assert error(await caller.ask("DELETE", order, if_match="*")) == (400, "Application_DialogException")
    await caller.ask("PATCH", line, {"shipQuantity": 0}, if_match="*")
    await caller.ask("PATCH", line, {"invoiceQuantity": 0}, if_match="*")
    assert "nothing to post" in body_of(await caller.ask("POST", post, {}))["error"]["message"]
    await caller.ask("PATCH", line, {"shipQuantity": 1}, if_match="*")
    assert (await caller.ask("POST", post, {})).status == 204
    books = caller.setup.books()
    assert not books["orders"]
    assert [one["total"] for one in books["invoices"]] == ["30.00"]
    assert [one["lines"][0]["quantity"] for one in books["shipments"]] == ["2", "1"]
    assert [one["comments"] for one in (*books["shipments"], *books["invoices"])] == [["for people"]] * 3
    assert error(await caller.ask("POST", post, {})) == (404, "Internal_RecordNotFound")


async def test_what_is_posted_twice_ships_what_is_left(caller: Caller) -> None:
    """Why a repeat has to look first: after a part the rest stands ready to be posted."""
    made = await caller.order(item(quantity=3))
    line = f"salesOrderLines({made['salesOrderLines'][0]['id']})"
    await caller.ask("PATCH", line, {"shipQuantity": 1}, if_match="*")
    for _ in range(2):
        await caller.ask("POST", f"salesOrders({made['id']})/Microsoft.NAV.shipAndInvoice", {})
    assert [one["lines"][0]["quantity"] for one in caller.setup.books()["shipments"]] == ["1", "2"]


async def test_a_batch_in_isolation_stands_or_falls_together(caller: Caller) -> None:
    made = await caller.order(item(quantity=2))
    lines = f"salesOrders({made['id']})/salesOrderLines"
    good = {"method": "POST", "url": lines, "body": item("SKU-0002")}
    bad = {"method": "POST", "url": lines, "body": item("nothing")}
    responses = await caller.batch(good, bad, good, isolation="snapshot")
    assert [one["status"] for one in responses] == [201, 400]
    assert len((await caller.read(made["id"]))["salesOrderLines"]) == 1
    responses = await caller.batch(good, bad, good)
    assert [one["status"] for one in responses] == [201, 400]
    responses = await caller.batch(good, bad, good, prefer="odata.continue-on-error")
    assert [one["status"] for one in responses] == [201, 400, 201]
    assert len((await caller.read(made["id"]))["salesOrderLines"]) == 4


async def test_what_a_posting_has_committed_in_a_batch_stays(caller: Caller) -> None:
    made = await caller.order(item(quantity=2))
    line, order = made["salesOrderLines"][0]["id"], f"salesOrders({made['id']})"
    part = {
        "method": "PATCH",
        "url": f"salesOrderLines({line})",
        "headers": {"If-Match": "*"},
        "body": {"shipQuantity": 1},
    }
    post = {"method": "POST", "url": f"{order}/Microsoft.NAV.shipAndInvoice", "body": {}}
    bad = {"method": "POST", "url": f"{order}/salesOrderLines", "body": item("SKU-0002")}
    responses = await caller.batch(part, post, bad, isolation="snapshot")
    assert [one["status"] for one in responses] == [200, 204, 400]
    assert (await caller.read(made["id"]))["salesOrderLines"][0]["shippedQuantity"] == 1


async def test_a_batch_has_at_most_a_hundred_requests(caller: Caller) -> None:
    requests = [{"id": "1", "method": "GET", "url": "companies"}] * 101
    raw = msgspec.json.encode({"requests": requests})
    reply = await caller.company.handle(Request("POST", f"{caller.root}$batch", {}, caller.headers, raw))
    assert error(reply) == (400, "BadRequest")


@pytest.mark.parametrize(
    "query",
    [
        {"$filter": "secret eq 'x'"},
        {"$filter": "number eq"},
        {"$filter": "number like 'x'"},
        {"$filter": "number eq 'x' or gtin eq 'y'"},
        {"$filter": "blocked eq 'x'"},
        {"$filter": "lastModifiedDateTime ge 'x'y"},
        {"$orderby": "secret"},
        {"$expand": "lines"},
        {"$apply": "x"},
        {"$skiptoken": "x"},
        {"$top": "x"},
    ],
)
async def test_lists_refuse_what_they_do_not_know(caller: Caller, query: dict[str, str]) -> None:
    assert error(await caller.ask("GET", "items", query=query)) == (400, "BadRequest")


async def test_lists_filter_order_and_page(caller: Caller) -> None:
    query = {
        "$filter": "(number ge 'SKU-0003' and startswith(number,'SKU')) and number le 'SKU-0008'",
        "$orderby": "number",
    }
    seen, link = [], None
    while True:
        reply = body_of(await caller.ask("GET", "items", query=query, prefer="odata.maxpagesize=4"))
        seen += [row["number"] for row in reply["value"]]
        link = reply.get("@odata.nextLink")
        if link is None:
            break
        query["$skiptoken"] = dict(parse_qsl(urlsplit(link).query))["$skiptoken"]
    assert seen == [f"SKU-{n:04}" for n in range(3, 9)]
    top = body_of(await caller.ask("GET", "items", query={"$top": "2", "$select": "number"}))
    assert [list(row) for row in top["value"]] == [["number"], ["number"]]


async def test_the_replica_lags_and_the_primary_does_not(caller: Caller) -> None:
    caller.company.faults.search_lag_s = 20.0
    await caller.order()
    query = {"$filter": "externalDocumentNumber eq 'A-1'"}
    assert len(body_of(await caller.ask("GET", "salesOrders", query=query))["value"]) == 1
    behind = await caller.ask("GET", "salesOrders", query=query, data_access_intent="ReadOnly")
    assert body_of(behind)["value"] == []


async def test_too_many_requests_in_five_minutes_are_refused() -> None:
    caller = await Caller(requests=3).sign_in()
    statuses = [(await caller.ask("GET", "items", query={"$top": "1"})).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    caller.setup.clock.forward(minutes=6)
    assert (await caller.ask("GET", "items", query={"$top": "1"})).status == 200


async def test_what_is_not_there_is_404_and_what_is_not_done_405(caller: Caller) -> None:
    assert (await caller.ask("GET", "purchaseOrders")).status == 404
    assert (await caller.ask("POST", "salesShipments", {})).status == 405
    caller.inside = "companies(other)/"
    assert error(await caller.ask("GET", "items")) == (404, "Internal_CompanyNotFound")
