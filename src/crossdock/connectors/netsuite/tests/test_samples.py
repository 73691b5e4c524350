"""Recorded exchanges and what they mean in canonical words."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from crossdock.connectors.netsuite.answers import classify
from crossdock.connectors.netsuite.documents import (
    fulfilment_id,
    invoice_id,
    read_invoice,
    render_bill,
    render_closing,
    render_fulfilment,
)
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.tests.orders import PLACED, SKUS
from crossdock.connectors.netsuite.wire import InvoiceBody, SalesOrder
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.outcome import Rejected
from crossdock.kit.http import Response

SAMPLES = Path(__file__).parent.parent / "samples"
KEY = "shop1-6674573197567"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def order() -> SalesOrder:
    return msgspec.json.decode(sample("sales_order.partly_fulfilled"), type=SalesOrder, strict=False)


def post(*lines: ShippedLine, **fields: object) -> PostShipment:
    shipment = Shipment("SH2", lines, PLACED, (Package("1Z999", "UPS", "Ground", weight_g=Decimal(500)),))
    return PostShipment(KEY, "4712", msgspec.structs.replace(shipment, **fields), SKUS)


def test_a_fulfilment_names_every_open_line_and_no_other() -> None:
    settings = {"locations": {"V2FyZWhvdXNlOjE=": "7"}}
    left = post(ShippedLine("line-2", Decimal(1), "SKU-0002"), location="V2FyZWhvdXNlOjE=")
    document = render_fulfilment(left, order(), settings)
    assert document["item"]["items"] == [
        {"orderLine": 2, "itemReceive": True, "quantity": Decimal(1), "location": {"id": "7"}},
        {"orderLine": 4, "itemReceive": False},
    ]
    assert document["shipStatus"] == {"id": "C"}
    assert document["package"]["items"] == [
        {"packageWeight": Decimal("1.10"), "packageTrackingNumber": "1Z999", "packageDescr": "UPS Ground"}
    ]


def test_a_warehouses_own_number_is_no_location_of_the_account() -> None:
    document = render_fulfilment(post(ShippedLine("line-2", Decimal(1), "SKU-0002"), location="76733"), order(), {})
    assert not any("location" in row for row in document["item"]["items"])


def test_goods_are_posted_on_the_day_they_left_or_the_first_of_open_books() -> None:
    left = post(ShippedLine("line-2", Decimal(1), "SKU-0002"))
    assert render_fulfilment(left, order(), {})["tranDate"] == "2026-11-23"
    moved = msgspec.structs.replace(left, posted_on=date(2026, 12, 1))
    assert render_fulfilment(moved, order(), {})["tranDate"] == "2026-12-01"
    open_again = msgspec.structs.replace(left, posted_on=date(2026, 11, 1))  # sent again after October was closed
    assert render_fulfilment(open_again, order(), {})["tranDate"] == "2026-11-23"


def test_a_bill_is_of_its_own_day_or_the_first_of_open_books() -> None:
    bill, now = MakeInvoice(KEY, "4712", ("SH2",)), datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert render_bill(bill, now, {}) == {"externalId": invoice_id(bill)}, "NetSuite's own today"
    moved = msgspec.structs.replace(bill, posted_on=date(2026, 12, 1))
    assert render_bill(moved, now, {})["tranDate"] == "2026-12-01"
    open_again = msgspec.structs.replace(bill, posted_on=date(2026, 11, 1))
    assert render_bill(open_again, now, {})["tranDate"] == "2026-11-23"


def test_weights_are_in_the_accounts_unit_and_never_nothing() -> None:
    line = ShippedLine("line-2", Decimal(1), "SKU-0002")
    metric = render_fulfilment(post(line), order(), {"weight_unit": "kg"})
    assert metric["package"]["items"][0]["packageWeight"] == Decimal("0.50")
    unknown = render_fulfilment(post(line, packages=()), order(), {})
    assert unknown["package"]["items"] == [{"packageWeight": Decimal("0.01")}]


@pytest.mark.parametrize("line", [("line-2", "3", "SKU-0002"), ("line-3", "1", "SKU-0003"), ("line-9", "1", None)])
def test_what_is_not_open_cannot_be_shipped(line: tuple[str, str, str | None]) -> None:
    with pytest.raises(Unbookable) as refused:
        render_fulfilment(post(ShippedLine(line[0], Decimal(line[1]), line[2])), order(), {})
    assert refused.value.outcome.field == f"lines[{line[0]}]"
    assert "4712" in refused.value.outcome.detail


def test_closing_leaves_closed_lines_alone() -> None:
    assert [row["line"] for row in render_closing(order())["item"]["items"]] == [1, 2, 4, 5]


def test_an_invoice_is_read_exactly() -> None:
    body = msgspec.json.decode(sample("invoice.with_tax"), type=InvoiceBody, strict=False)
    expected = Invoice(
        "4714", "INV000001", Decimal("62.08"), "USD", datetime(2026, 11, 23, 14, tzinfo=UTC), Decimal("3.7")
    )
    assert read_invoice(body, {}, {"USD": "1"}) == expected


def test_an_error_is_a_rejection_by_field() -> None:
    outcome = classify(Response(400, {}, sample("error.invalid_reference")), wrote=True)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("invalid_key_or_ref", "item.items[0].item")


def test_external_ids_of_documents_differ_by_what_they_are_for() -> None:
    assert fulfilment_id(post()) == f"{KEY}-SH2"
    assert invoice_id(MakeInvoice(KEY, "4712")) == f"{KEY}-INV"
    assert invoice_id(MakeInvoice(KEY, "4712", ("SH2",))) == f"{KEY}-INV-SH2"
    several = invoice_id(MakeInvoice(KEY, "4712", ("SH1", "SH2")))
    assert several == invoice_id(MakeInvoice(KEY, "4712", ("SH2", "SH1")))
    assert several != invoice_id(MakeInvoice(KEY, "4712", ("SH1", "SH3")))
