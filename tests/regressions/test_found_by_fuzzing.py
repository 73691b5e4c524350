"""What the fuzzing in ``tests/fuzz`` found, each as the smallest example; one line says what it was."""

from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from crossdock.api.problems import describe
from crossdock.connectors.netsuite import CONNECTOR as NETSUITE
from crossdock.connectors.shiphero import CONNECTOR as SHIPHERO
from crossdock.connectors.shopify import CONNECTOR as SHOPIFY
from crossdock.connectors.shopify import answers as shopify
from crossdock.domain.entries import decode_entries
from crossdock.domain.outcome import OutcomeUnknown, RetryLater
from crossdock.domain.signal_decider import SIGNAL
from crossdock.domain.state import decode_state
from crossdock.governance.faults import ConfigError
from crossdock.governance.marks import Marked
from crossdock.kit.http import Response
from crossdock.kit.manifest import Call, Unreachable, Untranslatable
from tests.conformance.cases import PAYLOADS, Scripted, client
from tests.fuzz.samples import netsuite, shiphero
from tests.properties.shop_orders import Pair, Row, ShopOrder


def a_shops_order() -> ShopOrder:
    row = Row("Product", Pair(100, 100), sku="SKU-1")
    return ShopOrder("USD", "USD", False, [row], [], [], Pair(), Pair(), Pair())


@pytest.mark.parametrize("field", ["updated_at", "processed_at", "cancelled_at"])
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_instant_at_an_end_of_the_calendar_is_named(field: str, at: str) -> None:
    """It has no place in UTC: an OverflowError took the way of a bug, and intake answered 500 to every try."""
    body = msgspec.json.encode(a_shops_order().webhook | {field: at})
    with pytest.raises(Untranslatable) as refused:
        SHOPIFY.translate("shop", "orders/create", body)
    assert refused.value.field == field
    assert SHOPIFY.webhook is not None
    headers = {"x-shopify-webhook-id": "d", "x-shopify-topic": "orders/create"}
    named = SHOPIFY.webhook.identify("shop", headers, body)
    assert (named.delivery_id, named.stream_kind) == ("d", "order"), "stored, so that a person is told of the field"


@pytest.mark.parametrize("told", ["1E+999999", "1E-999999", "0E-999999", "9" * 60])
def test_nine_bytes_do_not_become_a_megabyte(told: str) -> None:
    """Such an amount was written out in full: in the state's row, in the totals proof, in an exception's facts."""
    body = a_shops_order().webhook
    body["line_items"][0]["price_set"]["shop_money"]["amount"] = told
    with pytest.raises(Untranslatable) as refused:
        SHOPIFY.translate("shop", "orders/create", msgspec.json.encode(body))
    assert refused.value.field == "line_items[0].price"


def test_a_quantity_a_rate_and_a_bill_have_an_ordinary_size_too() -> None:
    """The same by a shipped quantity, a tax rate and an invoice's total."""
    shipment = shiphero()["Shipment Update"][0].replace(b'"quantity": 2', b'"quantity": 1e999999')
    with pytest.raises(Untranslatable):
        SHIPHERO.translate("wms", "Shipment Update", shipment)
    body = a_shops_order().webhook
    body["line_items"][0]["tax_lines"] = [{"title": "x", "price": "1.00", "rate": 7}]
    with pytest.raises(Untranslatable):
        SHOPIFY.translate("shop", "orders/create", msgspec.json.encode(body).replace(b'"rate":7', b'"rate":7e999999'))
    with pytest.raises(Untranslatable):
        NETSUITE.translate("erp", "invoice", netsuite()["invoice"][0].replace(b"62.08", b"1E+999999"))


@pytest.mark.parametrize("text", ["connections: \x07", "a: &loop [*loop]", "[" * 5_000])
def test_yaml_that_cannot_be_is_a_fault_of_the_file(text: str) -> None:
    """A control character, an alias inside itself and deep nesting came up as the parser's own errors."""
    with pytest.raises(ConfigError) as refused:
        Marked(str(Path("crossdock.yaml")), text)
    assert refused.value.faults[0].file == "crossdock.yaml"


def test_what_the_database_cannot_hold_is_a_bad_request() -> None:
    """An id beyond 64 bits or with NUL in it was answered 500 by the API, and logged as a bug of ours."""
    for error in (asyncpg.DataError("value out of int64 range"), asyncpg.CharacterNotInRepertoireError("0x00")):
        assert (describe(error).status, describe(error).code) == (400, "bad_request")


@pytest.mark.parametrize(
    "change", [{"changed": {}}, {"changed": "2026-99-99 00:00:00"}, {"id": "x"}, {"sku": None}, {"displayname": {}}]
)
async def test_an_odd_row_does_not_become_the_place_to_go_on_from(change: dict[str, Any]) -> None:
    """A NetSuite row of another shape was saved as the poll's cursor, and every later run failed on reading that."""
    row = {"id": "7", "sku": "SKU-7", "displayname": "Mug", "isinactive": "F", "changed": "2026-11-23 12:00:00"}
    body = msgspec.json.encode({"items": [row | change], "hasMore": False})
    http = Scripted(Response(200, {"content-type": "application/json"}, body))
    with pytest.raises(Unreachable, match="cannot be read"):
        await NETSUITE.polls["items"].run(client("netsuite", http), None, {})


async def test_an_answer_that_is_no_text_is_an_answer_that_cannot_be_read() -> None:
    """Bytes that are not UTF-8 in a key came up as a UnicodeDecodeError of the JSON decoder: a bug, by its name."""
    http = Scripted(Response(200, {"content-type": "application/json"}, b'{"\xb5":1}'))
    with pytest.raises(Unreachable):
        await NETSUITE.polls["items"].run(client("netsuite", http), None, {})
    result = await NETSUITE.operations["order.book"].send(
        client("netsuite", http), PAYLOADS["order.book"], Call("k", 1)
    )
    assert isinstance(result.outcome, RetryLater)


@pytest.mark.parametrize("decode", [decode_state, decode_entries, SIGNAL.load])
def test_a_stored_form_of_no_release_is_damaged(decode: Any) -> None:
    """A version below the first was looked up among the steps: a KeyError, which no caller expects."""
    with pytest.raises(msgspec.ValidationError, match="no release wrote"):
        decode(b'{"v":0,"entries":[]}')


async def test_a_list_or_an_order_with_an_id_that_is_no_number_cannot_be_read() -> None:
    """Shopify's poll and read-back came up with a ValueError, NetSuite's order with the decoder's own."""
    node = {"id": "gid://shopify/Order/x", "updatedAt": "2026-11-23T12:00:00Z"}
    page = {"data": {"orders": {"nodes": [node], "pageInfo": {"hasNextPage": False}}}}
    http = Scripted(Response(200, {"content-type": "application/json"}, msgspec.json.encode(page)))
    with pytest.raises(shopify.Failed) as failed:
        await SHOPIFY.polls["orders"].run(client("shopify", http), None, {})
    assert isinstance(failed.value.outcome, RetryLater)
    order = b'{"id":"1","item":{"items":[{"line":1,"item":{}}]}}'
    http = Scripted(Response(200, {"content-type": "application/json"}, order))
    post = NETSUITE.operations["shipment.post"]
    result = await post.send(client("netsuite", http), PAYLOADS["shipment.post"], Call("k"))
    assert isinstance(result.outcome, RetryLater)


async def test_a_listed_shipment_that_is_none_stops_the_list_aloud() -> None:
    """A node of another shape in ShipHero's list came up as the decoder's own error."""
    listed = {"data": {"pageInfo": {}, "edges": [{"node": []}]}}
    body = msgspec.json.encode({"data": {"shipments": listed}})
    http = Scripted(Response(200, {"content-type": "application/json"}, body))
    with pytest.raises(Unreachable, match="cannot be read"):
        await SHIPHERO.polls["shipments"].run(client("shiphero", http), None, {})


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "yesterday"])
async def test_an_invoice_whose_date_cannot_be_read_is_in_doubt(at: str) -> None:
    """NetSuite's invoice stood, and reading it back came up with an OverflowError or the mapping's own error."""
    shown = {"id": "1", "tranId": "I1", "total": 1, "currency": {"id": "1"}, "createdDate": at}
    http = Scripted(Response(200, {"content-type": "application/json"}, msgspec.json.encode(shown)))
    make = NETSUITE.operations["invoice.make"]
    result = await make.send(client("netsuite", http), PAYLOADS["invoice.make"], Call("k", 1))
    assert isinstance(result.outcome, OutcomeUnknown)
