"""The sample becomes a canonical order that balances to the cent; what cannot be an order is refused by field."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.portal.mapping import PLACED, RETURN, translate
from crossdock.connectors.portal.wire import order_schema
from crossdock.domain.events import OrderSeen, ReturnAsked
from crossdock.domain.order import Order
from crossdock.domain.refund import ReturnedLine
from crossdock.domain.returning import ReturnRequest
from crossdock.domain.totals import prove
from crossdock.kit.manifest import Untranslatable

SAMPLE = Path(__file__).parents[1] / "samples" / "order.placed.json"


def given(**changes: Any) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(SAMPLE.read_bytes()), **changes})


def line(**changes: Any) -> list[dict[str, Any]]:
    return [{"id": "10", "sku": "SKU-1", "quantity": 1, "unit_price": "10", **changes}]


def read(body: bytes) -> Order:
    (event,) = translate("portal1", PLACED, body)
    assert isinstance(event, OrderSeen)
    return event.order


def test_the_sample_balances_and_says_what_it_said() -> None:
    order = read(SAMPLE.read_bytes())
    assert prove(order, "0.00").balanced
    assert (order.key, order.number, order.source) == ("portal1-PO-20261123-7", "PO-20261123-7", "portal")
    assert order.placed_at == order.updated_at == datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    assert (order.totals.total.shop, order.totals.discounts.shop) == (Decimal("126.50"), Decimal("20.00"))
    assert (order.region, order.po_number) == ("AU", "4500017")
    assert order.lines[0].taxes[0].rate == Decimal("0.1")


def test_a_wrong_total_is_a_matter_for_the_money_proof_and_not_for_the_mapping() -> None:
    assert not prove(read(given(total="126.49")), "0.00").balanced


def test_a_line_may_be_in_a_unit_of_the_erps() -> None:
    first = read(given(lines=line(unit="Carton"))).lines[0]
    assert (first.unit, first.per_unit, read(given(lines=line())).lines[0].unit) == ("Carton", None, None)


def test_numbers_are_exact_however_they_are_written() -> None:
    assert read(given(total=0.1, lines=line(quantity=0.3, unit_price=0.1))).lines[0].quantity == Decimal("0.3")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": line(quantity=0)}, "lines[0].quantity"),
        ({"lines": line(quantity=-1)}, "lines[0].quantity"),
        ({"lines": line(unit_price="1E+99")}, "lines[0].unit_price"),
        ({"lines": line(tax="0.001")}, "lines[0].tax"),
        ({"lines": [*line(), *line()]}, "lines"),
        ({"currency": "JPY"}, "total"),
        ({"placed_at": "0001-01-01T00:00:00Z"}, "placed_at"),
        ({"charges": [{"kind": "shipping", "amount": "-5"}]}, "charges[0].amount"),
        ({"total": "NaN"}, "total"),
    ],
)
def test_what_no_order_has_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        read(given(**changes))
    assert (refused.value.code, refused.value.field) == ("portal.order_wrong", field)


def test_a_field_that_nobody_knows_is_named() -> None:
    with pytest.raises(Untranslatable, match="discuont"):
        read(given(lines=line(discuont="1")))


def test_the_schema_allows_the_sample() -> None:
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(order_schema())
    assert validator.is_valid(msgspec.json.decode(SAMPLE.read_bytes()))
    assert not validator.is_valid(msgspec.json.decode(given(shipto={})))


def test_a_request_for_a_return_says_what_it_said() -> None:
    body = SAMPLE.with_name("return.requested.json").read_bytes()
    lines = (ReturnedLine("10", Decimal(2), "damaged"), ReturnedLine("20", Decimal("0.5")))
    assert translate("portal1", RETURN, body) == [ReturnAsked(ReturnRequest("RMA-7", lines), "portal1")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"id": "10", "quantity": 0}]}, "lines[0].quantity"),
        ({"lines": [{"id": "10", "quantity": "NaN"}]}, "lines[0].quantity"),
        ({"lines": [{"id": "10", "quantity": 1}] * 2}, "lines"),
        ({"return_id": "../1"}, "return_id"),
    ],
)
def test_what_is_no_request_for_a_return_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    body = msgspec.json.decode(SAMPLE.with_name("return.requested.json").read_bytes())
    with pytest.raises(Untranslatable) as refused:
        translate("portal1", RETURN, msgspec.json.encode({**body, **changes}))
    assert refused.value.field == field
