"""What the connector asks of NetSuite and what the simulated account answers, held against the published interface.

The contract that can be had names calls, their queries, headers and statuses, and no fields but the sales order's
sub-resources. What it does not know is listed here by name: whoever adds to it has looked it up elsewhere.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.netsuite.everything import TAX_MODES, Everything, Exchange, everything

from crossdock.connectors.netsuite import CONNECTOR

CONTRACTS = Path(os.environ.get("CROSSDOCK_VENDOR_CONTRACTS", "../shared/vendors/contracts"))
RECORD = "/services/rest/record/v1"
OF_HTTP = {"accept", "authorization", "content-type"}  # headers that no contract names

CALLS_NOT_IN_THE_CONTRACT = {
    "GET /customerDeposit/{id}",
    "GET /customerPayment/{id}",
    "GET /depositApplication/{id}",
    "GET /journalEntry/{id}",
    "POST /customerDeposit",
    "POST /customerDeposit/{id}/!transform/depositApplication",
    "POST /customerPayment",
    "POST /journalEntry",
    "POST /returnAuthorization/{id}/!transform/itemReceipt",
    "POST /services/rest/auth/oauth2/v1/token",  # beside the records
}

_APPLY = "apply.items[].amount:number apply.items[].apply:boolean apply.items[].doc.id:string"
_ADDRESS = "addr1 addr2 addrPhone addressee attention city country.id state zip"
_LINES = (
    "item.items[].amount:number item.items[].description:string item.items[].item.id:string "
    "item.items[].price.id:string item.items[].quantity:number item.items[].rate:number item.items[].tax1Amt:number "
    "item.items[].taxCode.id:string item.items[].taxDetailsReference:string"
)
_TAXES = (
    "taxDetails.items[].taxAmount:number taxDetails.items[].taxBasis:number taxDetails.items[].taxCode.id:string "
    "taxDetails.items[].taxDetailsReference:string "
    "taxDetails.items[].taxType.id:string taxDetailsOverride:boolean"
)
_MONEY = "account.id:string currency.id:string customer.id:string externalId:string memo:string tranDate:string"

# Every field that is sent, by the record that it makes or changes.
FIELDS_SENT = {
    "salesOrder": f"{_LINES} {_TAXES} currency.id:string customForm.id:string entity.id:string externalId:string "
    "item.items[].custcol_line:string item.items[].isClosed:boolean item.items[].line:number memo:string "
    "orderStatus.id:string otherRefNum:string shipMethod.id:string shippingCost:number "
    "taxDetails.items[].taxRate:number tranDate:string "
    + " ".join(f"{kind}.{name}:string" for kind in ("billingAddress", "shippingAddress") for name in _ADDRESS.split()),
    "itemFulfillment": "externalId:string item.items[].itemReceive:boolean item.items[].location.id:string "
    "item.items[].orderLine:number item.items[].quantity:number package.items[].packageDescr:string "
    "package.items[].packageTrackingNumber:string package.items[].packageWeight:number shipStatus.id:string "
    "tranDate:string",
    "invoice": "externalId:string tranDate:string",
    "creditMemo": f"{_APPLY} {_LINES} {_TAXES} currency.id:string entity.id:string externalId:string memo:string "
    "tranDate:string",
    "customerRefund": f"{_APPLY} {_APPLY.replace('apply.', 'deposit.')} {_MONEY}",
    "customerPayment": f"{_APPLY} {_MONEY} payment:number",
    "customerDeposit": f"{_MONEY} payment:number salesOrder.id:string",
    "depositApplication": f"{_APPLY} externalId:string memo:string tranDate:string",
    "journalEntry": "currency.id:string externalId:string line.items[].account.id:string line.items[].credit:number "
    "line.items[].debit:number line.items[].memo:string memo:string subsidiary.id:string tranDate:string",
    "returnAuthorization": "externalId:string item.items[].isClosed:boolean item.items[].line:number "
    "item.items[].orderLine:number item.items[].quantity:number memo:string orderStatus.id:string tranDate:string",
    "itemReceipt": "externalId:string item.items[].itemReceive:boolean item.items[].orderLine:number "
    "item.items[].quantity:number item.items[].restock:boolean tranDate:string",
}

_SHORT = "id:string tranId:string"
_SHOWN = (
    "createdDate:string currency.id:string currency.refName:string entity.id:string externalId:string id:string "
    "item.items[].amount:number item.items[].isClosed:boolean item.items[].item.id:string "
    "item.items[].item.refName:string item.items[].itemType.id:string item.items[].itemType.refName:string "
    "item.items[].line:number item.items[].quantity:number item.items[].quantityBilled:number "
    "item.items[].quantityFulfilled:number item.items[].rate:number lastModifiedDate:string tranId:string"
)
# Every field that the simulated account answers with, by the record that is read.
FIELDS_ANSWERED = {
    "salesOrder": f"{_SHOWN} item.items[].custcol_line:string memo:string orderStatus.id:string "
    "orderStatus.refName:string otherRefNum:string shippingCost:number taxTotal:number total:number",
    "returnAuthorization": f"{_SHOWN} createdFrom.id:string",
    "invoice": f"{_SHORT} amountRemaining:number createdDate:string currency.id:string currency.refName:string "
    "taxTotal:number total:number",
    "creditMemo": f"{_SHOWN} memo:string shippingCost:number taxTotal:number total:number",
    "itemReceipt": f"{_SHOWN} createdFrom.id:string item.items[].restock:boolean",
    **dict.fromkeys(("itemFulfillment", "customerRefund", "customerPayment"), _SHORT),
    **dict.fromkeys(("customerDeposit", "depositApplication", "journalEntry"), _SHORT),
}


@pytest.fixture(scope="module")
def contract() -> Any:
    file = CONTRACTS / "netsuite" / "reconstructed-record-v1.json"
    if not file.exists():
        pytest.skip(f"no vendor contract at {file}; set CROSSDOCK_VENDOR_CONTRACTS")
    return json.loads(file.read_text())


@pytest.fixture(params=TAX_MODES, ids=["details", "line", "item"])
async def run(request: pytest.FixtureRequest) -> Everything:
    return await everything(request.param)


async def test_every_operation_is_driven(run: Everything) -> None:
    assert run.done == set(CONNECTOR.operations)


async def test_every_call_keeps_to_the_contract(run: Everything, contract: Any) -> None:
    unknown = set()
    for exchange in run.exchanges:
        template, path = _found(contract, exchange)
        if path is None:
            unknown.add(f"{exchange.sent.method} {template}")
            continue
        assert exchange.sent.method.lower() in path, f"{exchange.sent.method} {template}"
        operation = path[exchange.sent.method.lower()]
        _keeps_to(operation["parameters"], exchange, template)
        _is_answered_as_said(operation["responses"], exchange, template)
    assert unknown == CALLS_NOT_IN_THE_CONTRACT


async def test_sublists_of_the_sales_order_are_those_of_the_contract(run: Everything, contract: Any) -> None:
    known = {said.split(" ", 1)[0] for said in contract["x-salesOrder-subresources-seen"]}
    named = set()
    for exchange in run.exchanges:
        if _record(exchange) == "salesOrder" and exchange.sent.method in ("PUT", "PATCH"):
            named |= set(filter(None, exchange.sent.query.get("replace", "").split(",")))
            named |= {name for name, value in json.loads(exchange.sent.body).items() if _is_sub_resource(value)}
    assert {"item", "shippingAddress"} <= named
    assert named <= known


async def test_what_is_sent_and_answered_is_named_with_its_type() -> None:
    """All of it over the three ways of stating tax; ``links`` are on every answer."""
    sent: dict[str, set[str]] = defaultdict(set)
    answered: dict[str, set[str]] = defaultdict(set)
    for mode in TAX_MODES:
        for exchange in (await everything(mode)).exchanges:
            record = _record(exchange)
            if record and exchange.sent.body:
                sent[record] |= set(_fields(json.loads(exchange.sent.body)))
            if record and exchange.answer.status == 200:
                shown = json.loads(exchange.answer.body)
                assert shown.pop("links") == []
                answered[record] |= set(_fields(shown))
    assert sent == {record: set(text.split()) for record, text in FIELDS_SENT.items()}
    assert answered == {record: set(text.split()) for record, text in FIELDS_ANSWERED.items()}


async def test_every_write_is_acknowledged_and_every_refusal_explained_as_documented(run: Everything) -> None:
    statuses = set()
    for exchange in run.exchanges:
        if _record(exchange):
            statuses.add(exchange.answer.status)
            _looks_like_netsuite(exchange)
    assert statuses == {200, 204, 400, 404}


def _looks_like_netsuite(exchange: Exchange) -> None:
    """A write: 204 with nothing but where the record is. A refusal: a problem with codes of NetSuite's own."""
    answer, record = exchange.answer, _record(exchange)
    if answer.status == 204:
        assert answer.body == b""
        assert re.search(rf"{RECORD}/{record}/\d+\Z", answer.headers["location"])
    elif answer.status == 200:
        assert exchange.sent.method == "GET"
        wanted = exchange.sent.query.get("fields")
        shown = json.loads(answer.body)
        assert wanted is None or set(shown) - {"links"} <= set(wanted.split(",")), (record, wanted)
    else:
        told = json.loads(answer.body)
        assert set(told) == {"type", "title", "status", "o:errorDetails"}
        assert told["status"] == answer.status
        for detail in told["o:errorDetails"]:
            assert {"detail", "o:errorCode"} <= set(detail) <= {"detail", "o:errorCode", "o:errorPath"}


def _keeps_to(parameters: list[Mapping[str, Any]], exchange: Exchange, template: str) -> None:
    for place, given in (("query", exchange.sent.query), ("header", exchange.sent.headers)):
        known = {one["name"].lower(): one for one in parameters if one["in"] == place}
        plain = {name.lower(): value for name, value in given.items()}
        assert set(plain) - OF_HTTP <= set(known), template
        assert {name for name, one in known.items() if one.get("required")} <= set(plain), template
        for name in set(plain) & set(known):
            schema, value = known[name]["schema"], plain[name]
            assert value in schema.get("enum", [value]), (template, name)
            assert schema["type"] != "boolean" or value in ("true", "false"), (template, name)
            assert schema["type"] != "integer" or value.isdecimal(), (template, name)


def _is_answered_as_said(responses: Mapping[str, Any], exchange: Exchange, template: str) -> None:
    status = exchange.answer.status
    assert str(status) in responses or (status >= 400 and "default" in responses), (template, status)


def _found(contract: Any, exchange: Exchange) -> tuple[str, Any]:
    """The contract's path for a request, or None with the path as the contract would write it."""
    path = exchange.sent.path.removeprefix(RECORD)
    for template, methods in contract["paths"].items():
        if re.fullmatch(re.sub(r"\\\{id\\\}", "[^/]+", re.escape(template)), path):
            return template, methods
    return re.sub(r"/(eid:[^/]+|\d+)(?=/|\Z)", "/{id}", path), None


def _record(exchange: Exchange) -> str | None:
    """The kind of record that a request reads, makes or changes; None for what is none."""
    if not exchange.sent.path.startswith(RECORD):
        return None
    kind, *rest = exchange.sent.path.removeprefix(f"{RECORD}/").split("/")
    return rest[2] if len(rest) > 1 else kind


def _is_sub_resource(value: Any) -> bool:
    """Not a plain value, nor a reference to another record."""
    return isinstance(value, dict) and set(value) != {"id"}


def _fields(value: Any, path: str = "") -> Iterator[str]:
    """``item.items[].quantity:number`` for every plain value."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _fields(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for one in value:
            yield from _fields(one, f"{path}[]")
    else:
        kind = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}[type(value)]
        yield f"{path}:{kind}"
