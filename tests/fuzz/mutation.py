"""Bytes as a broken, careless or hostile sender would write them: real messages, changed where it hurts."""

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**40, -(10**400), -0.0, 0.1, 1e22, 1e308, 1e-320)
AMOUNTS = ("NaN", "sNaN", "inf", "-1", "-0.00", "1e400", "1E+999999", "1E-999999", "0.005", "1_000", "٣", "", "1,5")
INSTANTS = (
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T12:00:00", "2026-02-30T00:00:00Z",
    "2026-11-23", "2026-11-23T12:00:60Z", "2026-11-23T12:00:00.123456789Z", "2026-11-23T12:00:00+23:59", "now", "",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "x" * 700, "\ud800", "é\u202e", "null", "gid://shopify/Order/", "1/2?3", "=1+1", "../../etc/passwd",
    "'; drop table orders; --", "<a/>", *AMOUNTS, *INSTANTS,
)  # fmt: skip
_AMOUNT, _INSTANT = re.compile(r"-?\d+(\.\d+)?"), re.compile(r"\d{4}-\d\d-\d\d[T ]")


def nested(levels: int) -> Any:
    """Lists and objects in one another, so many levels deep."""
    tree: Any = 1
    for level in range(levels):
        tree = [tree] if level % 2 else {"in": tree}
    return tree


OTHERS = (
    nested(50),
    nested(62),
    nested(70),
    nested(300),
    None,
    True,
    False,
    {},
    [],
    [[]],
    [None],
    {"": None},
    [[[[[[[[]]]]]]]],
    [1] * 300,
)
odd_values = st.sampled_from([*NUMBERS, *TEXTS, *OTHERS]) | st.integers() | st.text(max_size=12)


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """One of the samples with one to four changes, at first in its structure, at times in its bytes too."""
    body = draw(st.sampled_from(samples))
    try:
        tree = json.loads(body)
    except ValueError:
        return draw(broken(body))
    for _ in range(draw(st.integers(0, 4))):
        tree = draw(changed(tree))
    style: dict[str, Any] = draw(st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}]))
    written = json.dumps(tree, **style).encode("utf-8", "surrogatepass")
    return draw(broken(written)) if draw(st.integers(0, 4)) == 0 else written


@st.composite
def changed(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one node removed, replaced, repeated, renamed, or moved elsewhere."""
    tree = copy.deepcopy(tree)
    holders = [node for node in _nodes(tree) if isinstance(node, dict | list) and node]
    if not holders:
        return draw(odd_values)
    holder = holders[0] if draw(st.booleans()) else draw(st.sampled_from(holders))
    at = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    how = draw(st.sampled_from(["like", "like", "like", "replace", "remove", "move", "wrap", "rename", "repeat"]))
    if how == "like":
        holder[at] = draw(_like(holder[at]))
    elif how == "replace":
        holder[at] = draw(odd_values)
    elif how == "remove":
        del holder[at]
    elif how == "move":
        holder[at] = copy.deepcopy(draw(st.sampled_from(_nodes(tree))))
    elif how == "wrap":
        holder[at] = [holder[at]] if draw(st.booleans()) else {"node": holder[at]}
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=8))] = holder.pop(at) if how == "rename" else holder[at]
    else:
        holder += copy.deepcopy(holder) if len(holder) < 50 else []
    return tree


def _like(value: Any) -> st.SearchStrategy[Any]:
    """Something odd of the kind that stood there, so that it comes further than the first type check."""
    if isinstance(value, str) and _INSTANT.match(value):
        return st.sampled_from(INSTANTS)
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return st.sampled_from(AMOUNTS)
    if isinstance(value, str):
        return st.sampled_from(TEXTS) | st.text(max_size=12)
    if isinstance(value, bool) or value is None:
        return st.sampled_from([True, False, None])
    if isinstance(value, int | float):
        return st.sampled_from(NUMBERS) | st.integers()
    return st.sampled_from([[], {}, None])


def _nodes(tree: Any) -> list[Any]:
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        found.append(node)
        todo += list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    return found


@st.composite
def broken(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes cut, flipped, repeated, or written in another encoding."""
    at = draw(st.integers(0, max(len(body) - 1, 0)))
    how = draw(st.sampled_from(["cut", "flip", "insert", "repeat", "bom", "utf-16", "tail", "key twice", "deep"]))
    if how == "cut":
        return body[:at]
    if how == "flip":
        return body[:at] + bytes([body[at] ^ 1 << draw(st.integers(0, 7))]) + body[at + 1 :] if body else b""
    if how == "insert":
        return body[:at] + draw(st.binary(min_size=1, max_size=6)) + body[at:]
    if how == "repeat":
        return body[:at] + body[at : at + draw(st.integers(1, 60))] * 2 + body[at + 1 :]
    if how == "key twice":
        return body.replace(b"{", b'{"id":1,"id":2,', 1)
    if how == "deep":
        return body[:at] + b"[" * draw(st.sampled_from([60, 70, 5_000])) + body[at:]
    if how == "utf-16":
        return body.decode("utf-8", "replace").encode("utf-16")
    return b"\xef\xbb\xbf" + body if how == "bom" else body + draw(st.binary(min_size=1, max_size=9))


def junk(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mostly changed samples, sometimes anything at all."""
    return st.one_of(mutated(samples), mutated(samples), mutated(samples), st.binary(max_size=120))


@st.composite
def wrapped(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A sample deep inside lists and objects: sound JSON, but for how deep it is.

    Without brackets in its texts, which may mislead the guard as it says itself; the decoders bear what passes.
    """
    levels = draw(st.integers(0, 80))
    opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"in":', b"}")]))
    return opening * levels + draw(st.sampled_from(samples)) + closing * levels
