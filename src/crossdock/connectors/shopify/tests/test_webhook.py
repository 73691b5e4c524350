"""Signatures and naming: what is taken, what is refused and with which code."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.topics import IGNORED_BECAUSE, PRIVACY_REQUESTS, SUBSCRIBED
from crossdock.kit.manifest import Identity, Refused, Untranslatable

SAMPLES = Path(__file__).parents[1] / "samples"
SECRET, OLD = "hush", "former"
BODY = b'{"id":42,"updated_at":"2026-11-20T10:30:00+01:00","financial_status":"paid","total_price":"1.00"}'


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verify(headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET, OLD)) -> None:
    assert CONNECTOR.webhook is not None
    CONNECTOR.webhook.verify(headers, body, secrets)


def identify(body: bytes, topic: str = "orders/create", **headers: str) -> Identity:
    assert CONNECTOR.webhook is not None
    named = {"x-shopify-webhook-id": "d1", "x-shopify-topic": topic}
    return CONNECTOR.webhook.identify("shop1", {**named, **headers}, body)


def refusal(body: bytes, topic: str = "orders/create") -> Refused:
    with pytest.raises(Refused) as caught:
        identify(body, topic)
    return caught.value


def test_a_known_vector_verifies() -> None:
    # Computed with openssl: printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac hush -binary | base64
    verify({"x-shopify-hmac-sha256": "3+Yq/TpwjqJ7IXuMq8EfED7b+y0XbokqOKLUdagDxMI="}, b'{"a":1}')


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_both_active_secrets_sign(secret: str) -> None:
    verify({"x-shopify-hmac-sha256": sign(BODY, secret)})


@given(st.integers(0, len(BODY) * 8 - 1))
def test_any_flipped_bit_of_the_body_is_refused(bit: int) -> None:
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused) as caught:
        verify({"x-shopify-hmac-sha256": sign(BODY)}, bytes(changed))
    assert (caught.value.code, caught.value.status) == ("signature_invalid", 401)


@given(st.text(max_size=60))
def test_a_made_up_signature_is_refused_and_never_crashes(told: str) -> None:
    with pytest.raises(Refused):
        verify({"x-shopify-hmac-sha256": told})


@pytest.mark.parametrize("told", ["", "not base64!", "é", "\udcff", "a" * 10_000, sign(BODY)[:-2], sign(BODY) + "\n"])
def test_malformed_signatures_are_refused(told: str) -> None:
    with pytest.raises(Refused):
        verify({"x-shopify-hmac-sha256": told})


def test_an_unset_secret_signs_nothing() -> None:
    with pytest.raises(Refused):
        verify({"x-shopify-hmac-sha256": sign(BODY, "")}, BODY, (SECRET, ""))


def test_no_header_and_no_secret_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        verify({})
    assert caught.value.code == "signature_missing"
    with pytest.raises(Refused):
        verify({"x-shopify-hmac-sha256": sign(BODY)}, BODY, ())


@pytest.mark.parametrize("topic", ["create", "updated", "cancelled", "paid"])
def test_an_order_is_named_by_its_stream_and_its_view(topic: str) -> None:
    named = identify(
        BODY, f"orders/{topic}", **{"x-shopify-event-id": "e1", "x-shopify-shop-domain": "a.myshopify.com"}
    )
    assert (named.delivery_id, named.topic) == ("d1", f"orders/{topic}")
    assert (named.stream_kind, named.stream_key) == ("order", "shop1-42")
    (also,) = named.also_ids
    assert also.rpartition("/")[0] == "order/42@2026-11-20T09:30:00Z/paid"
    assert named.headers == {"x-shopify-event-id": "e1", "x-shopify-shop-domain": "a.myshopify.com"}


@pytest.mark.parametrize(
    "other",
    [
        BODY.replace(b'"paid"', b'"pending"'),
        BODY.replace(b'"1.00"', b'"2.00"'),
        BODY[:-1] + b',"note":"ring twice"}',
        BODY[:-1] + b',"tags":"vip"}',
        BODY[:-1] + b',"total_outstanding":"0.40"}',
        BODY[:-1] + b',"current_total_price":"0.60"}',
        BODY[:-1] + b',"refunds":[{"transactions":[{"kind":"refund","status":"success","amount":"0.40"}]}]}',
        BODY[:-1] + b',"shipping_address":{"address1":"1 Other Street"}}',
    ],
)
def test_what_differs_within_one_second_is_another_view(other: bytes) -> None:
    assert identify(BODY).also_ids != identify(other).also_ids


@pytest.mark.parametrize(
    "told",
    [
        b'"tags":"b, a"',
        b'"note":""',
        b'"shipping_address":null',
        b'"total_price":"1.0"',
        b'"current_total_price":"1.000"',
        b'"total_outstanding":"0.00"',
        b'"refunds":[]',
        b'"refunds":null',
        b'"refunds":[{"transactions":[]}]',
        b'"refunds":[{"transactions":[{"kind":"refund","status":"failure","amount":"0.40"}]}]',
    ],
)
def test_what_two_apis_word_differently_is_one_view(told: bytes) -> None:
    plain = BODY[:-1] + (b',"tags":"a, b"' if b"tags" in told else b"") + b"}"
    assert identify(plain).also_ids == identify(BODY[:-1] + b"," + told + b"}").also_ids


@pytest.mark.parametrize(
    "odd",
    [
        b'"note":7',
        b'"tags":["a"]',
        b'"shipping_address":[1]',
        b'"total_price":1.5',
        b'"refunds":7',
        b'"total_outstanding":{}',
        b'"refunds":[{"transactions":[{"kind":"refund","status":"success","amount":"much"}]}]',
    ],
)
def test_an_order_with_odd_words_is_taken_all_the_same(odd: bytes) -> None:
    named = identify(BODY[:-1] + b"," + odd + b"}")
    assert named.stream_key == "shop1-42"
    assert named.also_ids != identify(BODY).also_ids


@pytest.mark.parametrize(
    ("topic", "body", "key"),
    [
        (
            "fulfillment_orders/order_routing_complete",
            {"fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/7", "status": "open"}},
            "shop1:fulfillment_order:7",
        ),
        (
            "fulfillment_orders/moved",
            {
                "original_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/7"},
                "moved_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/8"},
            },
            "shop1:fulfillment_order:8",
        ),
        ("orders/edited", {"order_edit": {"id": 1, "order_id": 42}}, "shop1:order:42"),
        ("refunds/create", {"id": 1, "order_id": 42}, "shop1:order:42"),
        ("app/uninstalled", {"id": 1}, "shop1:ignored:d1"),
    ],
)
def test_signals_name_what_to_read_back(topic: str, body: object, key: str) -> None:
    named = identify(json.dumps(body).encode(), topic)
    assert (named.stream_kind, named.stream_key, named.also_ids) == ("signal", key, ())


@pytest.mark.parametrize("topic", PRIVACY_REQUESTS)
def test_a_privacy_request_is_its_delivery_whatever_its_body_names(topic: str) -> None:
    for body in (b'{"customer":{"id":191167,"email":"ada@example.com"}}', b'{"customer":null}', b"{}"):
        named = identify(body, topic)
        assert (named.stream_kind, named.stream_key, named.also_ids) == ("privacy", "shop1:privacy:d1", ())
    assert refusal(b"{", topic).code == "json_malformed"
    assert topic.replace("/", "_").upper() not in SUBSCRIBED, "no topic of subscriptions: Shopify would refuse it"


def test_every_declared_topic_is_taken_and_no_other() -> None:
    whole = {"id": 1, "order_id": 2, "updated_at": "2026-11-20T10:30:00Z", "fulfillment_order": {"id": "x/3"}}
    webhooks = [topic for topic in CONNECTOR.manifest.topics if not topic.startswith("poll/")]
    assert set(IGNORED_BECAUSE) <= set(webhooks)
    for topic in webhooks:
        identify(json.dumps(whole).encode(), topic)
    assert refusal(BODY, "carts/create").code == "topic_unsupported"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_malformed"),
        (b"{", "json_malformed"),
        (b"<html>", "json_malformed"),
        (BODY + b"x", "json_malformed"),
        (BODY.replace(b'"1.00"', b"NaN"), "json_malformed"),
        (BODY.replace(b'"1.00"', b"Infinity"), "json_malformed"),
        (BODY.replace(b'"1.00"', b"[" * 10_000 + b"]" * 10_000), "json_too_deep"),
        (BODY.replace(b'"1.00"', b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "json_too_deep"),
        (b"[1]", "body_unnameable"),
        (b'{"id":"forty-two","updated_at":"2026-11-20T10:30:00Z"}', "body_unnameable"),
        (b'{"updated_at":"2026-11-20T10:30:00Z"}', "body_unnameable"),
        (b'{"id":null,"financial_status":{}}', "body_unnameable"),
    ],
)
def test_bad_bodies_get_a_clear_refusal(body: bytes, code: str) -> None:
    refused = refusal(body)
    assert (refused.code, refused.status) == (code, 400)


WHOLE = json.loads((SAMPLES / "orders_create.two_taxes_usd.json").read_bytes())["body"]
ABSENT = object()
DRIFTS: list[tuple[str, object]] = [
    ("updated_at", None),
    ("updated_at", ABSENT),
    ("updated_at", "2026-11-20T10:30:00"),
    ("updated_at", 1795170600),
    ("financial_status", {"code": "paid"}),
    ("cancelled_at", 1795170600),
    ("id", "42"),
]


@pytest.mark.parametrize(("field", "told"), DRIFTS)
def test_a_view_with_a_drifted_field_is_taken_and_translating_names_the_field(field: str, told: object) -> None:
    whole = {**WHOLE, "id": 42, field: told}
    body = json.dumps({name: value for name, value in whole.items() if value is not ABSENT}).encode()
    named = identify(body)
    assert (named.stream_kind, named.stream_key) == ("order", "shop1-42")
    assert named.also_ids == identify(body).also_ids
    assert named.also_ids != identify(body + b" ").also_ids, "other bytes are another view"
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("shop1", "orders/create", body)
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b'{"id":42}', b'{"id":42,"updated_at":"0001-01-01T00:00:00+14:00"}'])
def test_an_id_is_all_that_a_view_needs(body: bytes) -> None:
    assert identify(body).stream_key == "shop1-42"


def test_an_escaped_backslash_before_u0000_is_just_text() -> None:
    assert identify(BODY.replace(b"1.00", b"\\\\u0000")).stream_key == "shop1-42"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(body: bytes) -> None:
    for topic in ("orders/create", "fulfillment_orders/moved", "refunds/create"):
        assert refusal(body, topic).status == 400


@pytest.mark.parametrize("missing", ["x-shopify-webhook-id", "x-shopify-topic"])
def test_headers_are_needed(missing: str) -> None:
    assert CONNECTOR.webhook is not None
    headers = {"x-shopify-webhook-id": "d", "x-shopify-topic": "orders/create"}
    del headers[missing]
    with pytest.raises(Refused) as caught:
        CONNECTOR.webhook.identify("shop1", headers, BODY)
    assert caught.value.code == "header_missing"
