"""No canary survives redaction, however it is wrapped; what is no secret stays readable."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossdock.kit.http import Exchange
from crossdock.kit.redact import LIMIT, Redactor

CANARY = "Canary-Smith-42"
KEYS = ("email", "phone", "shipping_address", "firstName", "note_attributes", "lat")
redactor = Redactor(KEYS)
unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    "value",
    [
        {"email": CANARY},
        {"EMAIL": CANARY, "FirstName": CANARY},
        {"a": [{"b": {"email": CANARY}}]},
        {"email": f'quote " and brace }} {CANARY}'},
        {"email": "back\\slash\\", "phone": CANARY},
        {"email": [CANARY, {"x": CANARY}], "after": 1},
        {"shipping_address": {"name": CANARY, "more": {"list": [CANARY, "}]"]}}, "after": 1},
        {"shipping_address": {"name": CANARY, "odd": '\\" } ]'}, "after": 1},
        {"access_token": CANARY, "password": CANARY, "client_assertion": CANARY},
        {"email": f"{CANARY} äöü ☃"},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_no_canary_survives_in_json(value: dict[str, Any], indent: int | None) -> None:
    clean = redactor.body(json.dumps({**value, "kept": "seen"}, indent=indent, ensure_ascii=False).encode())
    assert CANARY.encode() not in clean
    decoded = json.loads(clean)
    assert decoded["kept"] == "seen"
    assert decoded.keys() == {**value, "kept": 1}.keys()
    assert decoded.get("after", 1) == 1


def test_what_is_not_named_is_kept_to_the_byte() -> None:
    raw = b'{"id": 1.10, "emails": 2, "my_email": "x", "lat\\u0065": 5, "email": null, "phone": "", "s": "email"}'
    assert redactor.body(raw) == raw


def test_numbers_and_booleans_are_removed_too() -> None:
    assert json.loads(redactor.body(b'{"lat":-33.86,"phone" : true,"x":[{"lat":1}]}')) == {
        "lat": "[redacted]",
        "phone": "[redacted]",
        "x": [{"lat": "[redacted]"}],
    }


@pytest.mark.parametrize("tail", [f'{{"email":"{CANARY}', f'{{"shipping_address":{{"a":"{CANARY}","b":[1,', "{"])
def test_a_body_that_was_cut_off_is_removed_to_its_end(tail: str) -> None:
    clean = redactor.body(tail.encode())
    assert CANARY.encode() not in clean


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("value", [CANARY, f'a "quoted" {CANARY}', {"name": CANARY}, [CANARY], 4217])
def test_json_inside_a_string_is_redacted_too(value: Any, levels: int) -> None:
    text = json.dumps({"email": value, "phone": CANARY})
    for _ in range(levels):
        text = json.dumps({"message": f"invalid value {text}", "kept": "seen"})
    clean = redactor.body(text.encode())
    assert CANARY.encode() not in clean
    assert b"4217" not in clean
    assert b"seen" in clean


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(KEYS),
)
@unhurried
def test_any_value_under_a_named_key_goes_and_the_rest_stays_json(value: Any, key: str) -> None:
    clean = json.loads(
        redactor.body(json.dumps([{"before": 1, key: {"deep": CANARY, "v": value}, "after": 2}]).encode())
    )
    assert clean == [{"before": 1, key: "[redacted]", "after": 2}]


@given(st.binary(max_size=400) | st.text(alphabet='{}[]":,\\ eml ai12', max_size=200).map(str.encode))
@unhurried
def test_any_bytes_pass_without_a_crash(raw: bytes) -> None:
    redactor.body(raw)


def test_forms_and_markup() -> None:
    form = b"grant_type=x&client_secret=Canary1&email=Canary2%40x&kept=1"
    assert redactor.body(form) == b"grant_type=x&client_secret=[redacted]&email=[redacted]&kept=1"
    markup = b'<?xml version="1.0"?><a><ns:Email type="x">Canary3</ns:Email><Kept>1</Kept></a>'
    clean = redactor.body(markup)
    assert b"Canary3" not in clean
    assert b"<Kept>1</Kept>" in clean


def test_an_attempt_reads_like_a_conversation() -> None:
    first = Exchange(
        "POST", "https://x/auth?token=Canary4", b'{"password":"Canary5"}', 200, b'{"access_token":"Canary6"}'
    )
    first.duration_ms = 12.3
    first.headers = {"content-type": "application/json", "set-cookie": "Canary7"}
    second = Exchange("GET", "https://x/orders?q=1", b"", error="AnswerLost: cut off at ?email=Canary8")
    asked, answered = redactor([first, second])
    assert b"Canary" not in asked + answered
    assert asked.startswith(b'POST https://x/auth?token=[redacted]\n\n{"password":"[redacted]"}\n---\nGET https://x/')
    assert answered.startswith(b"HTTP 200 in 12 ms\ncontent-type: application/json\n\n{")
    assert b"AnswerLost: cut off" in answered
    assert redactor([]) == (b"", b"")


def test_a_long_body_is_cut_before_it_is_read() -> None:
    clean = redactor.body(b'{"x":"' + b"a" * (LIMIT - 20) + b'","email":"' + CANARY.encode() * 10_000 + b'"}')
    assert len(clean) < LIMIT + 100
    assert b"Canary" not in clean
    assert b"bytes in all]" in clean


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("No customer jane.doe+x@mail.example.org (HTTP 400)", "No customer [e-mail] (HTTP 400)"),
        ("Call +49 30 1234567 or (030) 123-45678.", "Call [number] or [number]."),
        ("phone 015112345678 is invalid", "phone [number] is invalid"),
        (f'HTTP 400: {{"email": "{CANARY}", "code": "no"}}', 'HTTP 400: {"email": "[redacted]", "code": "no"}'),
        (f'HTTP 400: {{"message": "cut", "phone": "{CANARY}', 'HTTP 400: {"message": "cut", "phone": "[redacted]"'),
        (f"<error><email>{CANARY}</email></error>", "<error><email>[redacted]</email></error>"),
        (f"HTTP 500: <error><email>{CANARY}</email>", "HTTP 500: <error><email>[redacted]</email>"),
        ("order 6674573197567 is closed", None),
        ("shop-6674573197999 at 2026-11-23 15:52:00, 1234.50 EUR", None),
        ("192.168.100.200:443 refused 5b0c1f4e-9d3a-4b6e-8a55-446655440000", None),
    ],
)  # fmt: skip
def test_a_vendors_words_keep_no_person_but_the_ids_that_people_search_by(said: str, kept: str | None) -> None:
    assert redactor.words(said, "shop-6674573197567/erp/order.book") == (kept or said)
