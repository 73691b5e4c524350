"""What each answer means: by its body, never by its status alone. And what our marks and keys are."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.businesscentral.answers import classify
from crossdock.connectors.businesscentral.keys import (
    invoice_mark,
    is_marked,
    restored_key,
    shipment_mark,
    shipment_text,
    stored_key,
)
from crossdock.connectors.businesscentral.tests.orders import PLACED
from crossdock.connectors.businesscentral.wire import PostedLine
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import Response

HTML = b"<html><body>gateway</body></html>"


def answer(status: int, code: str, message: str = "why", **headers: str) -> Response:
    return Response(status, headers, msgspec.json.encode({"error": {"code": code, "message": message}}))


@pytest.mark.parametrize(
    ("response", "wrote", "expected"),
    [
        (answer(429, "Application_TooManyRequests"), True, RateLimited),
        (Response(429, {}, HTML), True, RateLimited),
        (answer(412, "Request_EntityChanged"), True, RetryLater),
        (answer(409, "Request_EntityChanged"), True, RetryLater),
        (answer(400, "Application_LockTimeout"), True, RetryLater),
        (answer(503, "Internal_TenantUnavailable"), True, RetryLater),
        (Response(503, {}, HTML), True, RetryLater),
        (answer(400, "Application_DialogException"), True, Rejected),
        (answer(400, "Internal_InvalidTableRelation"), True, Rejected),
        (answer(400, "Something_New"), True, Rejected),
        (answer(404, "Internal_RecordNotFound"), True, Rejected),
        (answer(404, "Internal_CompanyNotFound"), True, Misconfigured),
        (answer(403, "Internal_Forbidden"), True, Misconfigured),
        (answer(401, "Authorization_RequestDenied"), True, Misconfigured),
        (answer(500, "Internal_ServerError"), True, OutcomeUnknown),
        (answer(500, "Internal_ServerError"), False, RetryLater),
        (answer(408, "Request_Timeout"), True, OutcomeUnknown),
        (answer(504, "Request_Timeout"), True, OutcomeUnknown),
        (Response(504, {}, b""), True, OutcomeUnknown),
        (Response(502, {}, HTML), True, OutcomeUnknown),
        (Response(502, {}, HTML), False, RetryLater),
        (Response(200, {}, HTML), True, OutcomeUnknown),
        (Response(200, {}, b'{"error":{"code":"x"}}'), True, OutcomeUnknown),
        (Response(404, {}, HTML), False, RetryLater),
        (Response(400, {}, b'{"error":"not OData"}'), True, OutcomeUnknown),
    ],
)
def test_classification(response: Response, wrote: bool, expected: type[Any]) -> None:
    assert isinstance(classify(response, wrote=wrote), expected)


def test_a_rejection_names_its_code_and_what_to_do() -> None:
    outcome = classify(answer(400, "Application_DialogException", "Blocked must be No"), wrote=True)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.detail) == ("application_dialogexception", "Blocked must be No")
    assert outcome.hint


def test_a_limit_is_waited_for_as_long_as_told_or_a_while() -> None:
    told = classify(answer(429, "x", **{"retry-after": "7"}), wrote=True)
    silent = classify(answer(429, "x"), wrote=True)
    assert isinstance(told, RateLimited)
    assert isinstance(silent, RateLimited)
    assert told.after_s == 7.0
    assert 1 <= silent.after_s <= 60


def post(shipment_id: str, *packages: Package) -> PostShipment:
    return PostShipment("shop1-1", "ref", Shipment(shipment_id, (ShippedLine("1", Decimal(1)),), PLACED, packages))


def line(text: str, kind: str = "Comment") -> PostedLine:
    return PostedLine(line_type=kind, description=text)


def test_a_mark_is_recognised_whole_and_only_in_comments() -> None:
    command = post("S1", Package("1Z", "UPS"))
    mark, text = shipment_mark(command), shipment_text(command)
    assert (mark, text) == ("Shipment S1", "Shipment S1 / UPS 1Z")
    assert is_marked([line("Thing", "Item"), line(text)], mark)
    assert is_marked([line(mark)], mark)
    for other in ([line(text, "Item")], [line("Shipment S12 / UPS 1Z")], [line("Shipment S12")], [], None):
        assert not is_marked(other, mark)


def test_marks_fit_the_line_and_stay_distinct() -> None:
    long = [post("x" * 90 + str(n), Package("1Z" * 60)) for n in range(2)]
    assert len({shipment_mark(one) for one in long}) == 2
    for one in long:
        assert len(shipment_text(one)) <= 100
        assert is_marked([line(shipment_text(one))], shipment_mark(one))
    marks = [
        invoice_mark(MakeInvoice("k", "r", ids)) for ids in ((), ("S1",), ("S1", "S2"), ("S1", "S3"), ("x" * 200,))
    ]
    assert len(set(marks)) == len(marks)
    assert max(map(len, marks)) <= 100
    assert invoice_mark(MakeInvoice("k", "r", ("S2", "S1"))) == marks[2]


def test_keys_come_back_as_they_were() -> None:
    settings = {"order_prefixes": ["shop", "shop-eu"]}
    assert stored_key("shop-eu-1001", settings) == "SHOP-EU-1001"
    assert restored_key("SHOP-EU-1001", settings) == "shop-eu-1001"
    assert restored_key("SHOP-1001", settings) == "shop-1001"
    assert restored_key("SHOPPER-1", settings) is None
    assert restored_key("", settings) is None
