"""Exchanges and what they mean in canonical words."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.businesscentral.answers import classify
from crossdock.connectors.businesscentral.keys import is_marked
from crossdock.connectors.businesscentral.manifest import MANIFEST
from crossdock.connectors.businesscentral.mapping import render_order
from crossdock.connectors.businesscentral.posting import read_invoice, render_invoice, render_shipment
from crossdock.connectors.businesscentral.proof import Unbookable, difference
from crossdock.connectors.businesscentral.tests.orders import PLACED, SETTINGS, SKUS, booking, plain_order
from crossdock.connectors.businesscentral.wire import Invoice, SalesOrder
from crossdock.domain.commands import PostShipment
from crossdock.domain.fulfilment import Invoice as Billed
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.order import Address, Party
from crossdock.domain.outcome import Rejected
from crossdock.kit.http import Exchange, Response
from crossdock.kit.redact import Redactor

SAMPLES = Path(__file__).parent.parent / "samples"
CANARIES = ("Canaryname", "Canarycompany", "Canarystreet", "Canaryunit", "canary@example.com", "+61400CANARY")


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def order(name: str = "sales_order.whole") -> SalesOrder:
    return msgspec.json.decode(sample(name), type=SalesOrder, strict=False)


def off(sent: SalesOrder) -> str | None:
    """The field that differs from what was rendered."""
    wrong = difference(render_order(booking(plain_order()), SETTINGS), sent)
    return None if wrong is None else wrong.field


def changed(line: int, **fields: Any) -> SalesOrder:
    whole = order()
    lines = list(whole.lines)
    lines[line] = msgspec.structs.replace(lines[line], **fields)
    return msgspec.structs.replace(whole, sales_order_lines=lines)


def test_an_order_is_a_success_only_when_it_is_whole_and_to_the_cent() -> None:
    assert off(order()) is None
    assert off(order("sales_order.half_made")) == "lines[1]"
    assert off(changed(1, quantity=Decimal(3))) == "lines[0]"
    assert off(changed(2, discount_amount=Decimal(0))) == "lines[1]"
    assert off(changed(3, unit_price=Decimal("4.91"))) == "charges[0]"
    assert off(changed(3, line_type="Item")) == "charges[0]"
    assert off(msgspec.structs.replace(order(), currency_code="EUR")) == "currency"
    assert off(msgspec.structs.replace(order(), total_amount_including_tax=Decimal("62.09"))) == "totals.total"
    extra = msgspec.structs.replace(order().lines[3], sequence=50000)
    more = msgspec.structs.replace(
        order(), sales_order_lines=[*order().lines, extra], total_amount_including_tax=Decimal(1)
    )
    assert off(more) == "line 50000 in Business Central"


def post(*lines: ShippedLine) -> PostShipment:
    return PostShipment("shop1-6674573197567", "ref", Shipment("900", lines, PLACED), SKUS)


def test_a_shipment_sets_every_line_and_names_what_it_read() -> None:
    (asks,) = render_shipment(post(ShippedLine("line-2", Decimal(3), "SKU-0002")), order(), "Shipment 900")
    assert [(ask.method, ask.body, ask.match) for ask in asks] == [
        ("PATCH", {"shipQuantity": 0}, 'W/"e2"'),
        ("PATCH", {"invoiceQuantity": 0}, "*"),
        ("PATCH", {"invoiceQuantity": 0}, 'W/"e3"'),  # its quantity to ship is right already
        ("PATCH", {"shipQuantity": 0}, 'W/"e4"'),
        ("PATCH", {"invoiceQuantity": 0}, "*"),
        ("PATCH", {"description": "Shipment 900"}, 'W/"e1"'),
    ]


@pytest.mark.parametrize("line", [("line-1", "2", "SKU-0001"), ("line-9", "1", None), ("line-3", "1", "6410")])
def test_what_is_not_open_cannot_be_shipped(line: tuple[str, str, str | None]) -> None:
    with pytest.raises(Unbookable) as refused:
        render_shipment(post(ShippedLine(line[0], Decimal(line[1]), line[2])), order(), "x")
    assert refused.value.outcome.field == f"lines[{line[0]}]"


def test_an_invoice_bills_what_left_and_all_charges() -> None:
    (asks,) = render_invoice(order(), "Invoice of shipment 900")
    assert [ask.body for ask in asks] == [
        {"shipQuantity": 0}, {"invoiceQuantity": 1}, {"shipQuantity": 0}, {"invoiceQuantity": 0},
        {"description": "Invoice of shipment 900"},
    ]  # fmt: skip


def test_a_mark_that_somebody_has_deleted_is_set_again() -> None:
    without = msgspec.structs.replace(order(), sales_order_lines=order().lines[1:])
    (asks,) = render_invoice(without, "text")
    assert (asks[-1].method, asks[-1].body) == (
        "POST",
        {"sequence": 10000, "lineType": "Comment", "description": "text"},
    )


def test_an_invoice_is_read_exactly() -> None:
    body = msgspec.json.decode(sample("invoice.posted"), type=Invoice, strict=False)
    at = datetime(2026, 11, 23, 14, 0, 0, 157000, tzinfo=UTC)
    assert read_invoice(body) == Billed(body.id, "INV100001", Decimal("62.08"), "USD", at, Decimal("3.7"))
    assert is_marked(body.sales_invoice_lines, "Invoice of shipment 900")


def test_an_error_is_a_rejection() -> None:
    outcome = classify(Response(400, {}, sample("error.blocked_item")), wrote=True)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "application_dialogexception"
    assert "SKU-0002" in outcome.detail


def test_no_personal_data_of_an_order_is_kept() -> None:
    name, company, street, unit, email, phone = CANARIES
    there = Address(name, company, street, unit, "Canarytown", "Victoria", "VIC", "3000", "AU", phone)
    buyer = Party("7", name, email, phone, company)
    personal = plain_order(ship_to=there, bill_to=there, customer=buyer, note="For Canarynote")
    rendered = render_order(booking(personal), SETTINGS)
    sent = msgspec.json.encode({**rendered.header, "salesOrderLines": rendered.lines})
    assert all(canary.encode() in sent for canary in (*CANARIES, "Canarynote"))
    kept = b"".join(Redactor(MANIFEST.redact)([Exchange("POST", "https://x/salesOrders", sent, 201, sent)])).decode()
    assert not [canary for canary in (*CANARIES, "Canarytown", "Canarynote") if canary in kept]
    assert "SHOP1-6674573197567" in kept
