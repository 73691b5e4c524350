"""Is this body JSON that every reader reads alike? Exact, and cheap for the bodies that honest senders send.

The fast way: one strict decode (refuses NaN, broken UTF-8, lone surrogates, control
characters, trailing bytes), one encode, and a few byte scans. A repeated key vanishes in decode + encode and takes
its colon with it, so unequal colon counts betray it. Whatever the scans cannot clear goes the slow, exact way.
"""

import json
import re
from typing import Any

import msgspec

DEPTH = 64
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NOT_MARKS = bytes(byte for byte in _NOT_BRACKETS if byte != ord(":"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MISLEADING = re.compile(rb"\\u00(?:00|3[aA])")  # NUL, and a colon that decode + encode would bring to light
_NOT_A_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class BadBody(Exception):
    """A body that must not be stored as a message. ``code`` is one of the problem catalogue's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def check_json(body: bytes, depth: int = DEPTH) -> None:
    """Raise ``BadBody`` unless ``body`` is unambiguous JSON nested at most ``depth`` levels."""
    try:
        tree = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _explain(body, error, depth) from None
    marks = body.translate(None, _NOT_MARKS)
    brackets = marks.translate(None, b":")
    if not _peels_within(brackets, depth):
        _check_depth(body, depth)
    again = _encode(tree)
    escapes = b"\\" in body
    if again == body and not escapes:  # most senders write JSON as we do: nothing can have vanished
        return
    if (escapes and _MISLEADING.search(body)) or len(marks) - len(brackets) != again.count(b":"):
        _check_text(body)


def _peels_within(brackets: bytes, depth: int) -> bool:
    """Whether a body's brackets vanish in ``depth`` rounds of removing innermost pairs. Brackets in strings may mislead
    it, towards the slow way for honest text; the decoder's own limit bounds what crafted text can gain."""
    brackets = brackets.translate(_ALIKE)  # of two kinds, removed one after the other, a round would take two levels
    for _ in range(depth):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _check_depth(body: bytes, depth: int) -> None:
    if not _peels_within(_STRING.sub(b"", body).translate(None, _NOT_BRACKETS), depth):
        raise BadBody("body_depth", f"The body is nested more than {depth} levels deep.")


def _check_text(body: bytes) -> None:
    if _ESCAPED_NUL.search(body):
        raise BadBody("body_nul", "The body contains the character U+0000.")
    json.loads(body, object_pairs_hook=_distinct, parse_float=str, parse_int=str)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    """Raise for an object that has a key twice. Keeps nothing: only the check is wanted."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadBody("body_duplicate_key", f"The key {key[:80]!r} occurs twice in one object.")
        seen.add(key)


def _explain(body: bytes, error: Exception, depth: int) -> BadBody:
    """Find the name of what is wrong with a body that the decoder refused."""
    if not body.strip():
        return BadBody("body_empty", "The body is empty.")
    if b"\0" in body:
        return BadBody("body_nul", "The body contains NUL bytes.")
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        return BadBody("body_encoding", f"The body is not UTF-8 (byte {bad.start}).")
    bare = _STRING.sub(b"", body)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if isinstance(error, RecursionError) or (not _peels_within(brackets, depth) and _nested(brackets) > depth):
        return BadBody("body_depth", f"The body is nested more than {depth} levels deep.")
    if _NOT_A_NUMBER.search(bare) or "out of range" in str(error):
        return BadBody("body_number", "The body contains NaN, Infinity or a number out of range.")
    return BadBody("body_malformed", str(error))


def _nested(brackets: bytes) -> int:
    """How deep brackets nest, in text that may be cut off anywhere."""
    level = deepest = 0
    for byte in brackets:
        level += 1 if byte in b"{[" else -1
        deepest = max(deepest, level)
    return deepest
