"""What may be stored as JSON: exact for every trick, and quiet for what honest senders send."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.intake.guard import DEPTH, BadBody, check_json


def code(body: bytes) -> str | None:
    try:
        check_json(body)
    except BadBody as bad:
        return bad.code
    return None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "body_empty"),
        (b"  \n", "body_empty"),
        (b"{", "body_malformed"),
        (b'{"a":1}}', "body_malformed"),
        (b'{"a":1,}', "body_malformed"),
        (b"<xml/>", "body_malformed"),
        (b'{"a":NaN}', "body_number"),
        (b'{"a":-Infinity}', "body_number"),
        (b'{"a":1e999}', "body_number"),
        (b'{"a":"\xff"}', "body_encoding"),
        (b'{"a":"\\ud800"}', "body_malformed"),
        (b'{"a":"\x00"}', "body_nul"),
        (b'{"a":"\\u0000"}', "body_nul"),
        (b'{"a":1,"a":2}', "body_duplicate_key"),
        (b'{"a":1,"a" :2}', "body_duplicate_key"),
        (b'{"a":1 , "b":{"x":[{"k":1,\n"k" \t: 2}]}}', "body_duplicate_key"),
        (b'{"a":"\\u003a","a":1}', "body_duplicate_key"),
        (b'{"\\u0061":1,"a":1}', "body_duplicate_key"),
        (b"[" * 10_000, "body_depth"),
        (b"[" * 10_000 + b"]" * 10_000, "body_depth"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "body_depth"),
        (b'{"a":"]]]]"}', None),
        (b'{"note":"[[[ :-{ \\"x\\": \\\\"}', None),
        (b'{"a":"NaN Infinity","b":":\\u003a:"}', None),
        (b'{"a":"\\\\u0000"}', None),
        (b'{"a":"\\u00e9\\ud83d\\ude00"}', None),
    ],
)
def test_each_trick_has_its_code(body: bytes, expected: str | None) -> None:
    assert code(body) == expected


def test_the_depth_limit_is_exact() -> None:
    assert code(b"[" * DEPTH + b"]" * DEPTH) is None
    assert code(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1)) == "body_depth"


@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b'{"a":[', b"]}")])
def test_the_depth_limit_counts_objects_and_lists_alike(opens: bytes, closes: bytes) -> None:
    levels = sum(opens.count(one) for one in (b"[", b"{"))
    fits = DEPTH // levels
    assert code(opens * fits + b"1" + closes * fits) is None
    assert code(opens * (fits + 1) + b"1" + closes * (fits + 1)) == "body_depth"
    assert code(b"[" + opens * fits + b"1" + closes * fits + b"]") == "body_depth"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values, st.booleans(), st.booleans())
def test_honest_json_passes_however_it_is_spelt(value: object, ascii_only: bool, spread: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=2 if spread else None)
    assert code(text.encode()) is None


@given(
    st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), values, min_size=1, max_size=4),
    st.booleans(),
)
def test_a_key_twice_never_passes(value: dict[str, object], ascii_only: bool) -> None:
    key = json.dumps(next(iter(value)), ensure_ascii=ascii_only)
    text = json.dumps(value, ensure_ascii=ascii_only)
    doubled = f"[{text[:-1]}, {key}: [{{}}]}}]"
    assert code(doubled.encode()) == "body_duplicate_key"
