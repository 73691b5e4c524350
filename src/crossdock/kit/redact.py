"""Exchanges as they are stored: without secrets and personal data, and not longer than a screenful or two.

Works on the raw bytes (a parse and dump of every body would cost ten times as much): finds the keys that the
manifest names, wherever they are nested, and replaces their values, whole objects and lists included. What is cut
off or malformed is removed to the end rather than kept. A value under a key that is not named is kept: a connector
names every key that may carry a person or a secret.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from crossdock.kit.http import Exchange

# Never stored, whatever the manifest says.
SECRETS = (
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "password",
    "client_secret",
    "client_assertion",
    "assertion",
    "api_key",
    "apikey",
    "secret",
    "authorization",
)
HEADERS = ("content-type", "location", "retry-after", "etag", "x-request-id", "request-id", "x-correlation-id")
LIMIT = 16 * 1024

_MARK = b'"[redacted]"'
_PLAIN_MARK = b"[redacted]"
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb"[^,}\]\s]*")
_ESCAPED_SCALAR = re.compile(rb'[^,}\]\[{\s\\"]*')
_QUOTE = re.compile(rb'\\*"')
_NOTHING = (b"null", b'""')
_MAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@[\w-]+(?:\.[\w-]+)*")
_PHONE = re.compile(  # no date, no IP address, no part of an id or a UUID
    r"(?<![\w.+-])(?!\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}(?!\d))"
    r"(?:\+\d(?:[ ()./-]{0,3}\d){6,14}|\(?\d(?:[ ()./-]{0,3}\d){9,14})(?![\w-])"
)


class Redactor:
    """Made once per connector from ``manifest.redact`` (in any case); a call redacts one attempt's exchanges."""

    def __init__(self, keys: Iterable[str], *, headers: Sequence[str] = HEADERS, limit: int = LIMIT) -> None:
        names = sorted({key.lower() for key in (*keys, *SECRETS)})
        named = _any_of(names)
        self._json = re.compile(rb'"(?:' + named + rb')"\s*:\s*')
        self._escaped = re.compile(rb'\\+"(?:' + named + rb')\\+"\s*:\s*')
        self._form = re.compile(rb"((?:^|[?&;])(?:" + named + rb")=)[^&#\s]*", re.IGNORECASE)
        self._markup = re.compile(rb"(<(?:[\w.-]+:)?(?:" + named + rb")(?:\s[^<>]*)?>)[^<]*", re.IGNORECASE)
        self._headers = headers
        self._limit = limit

    def __call__(self, exchanges: Sequence[Exchange]) -> tuple[bytes, bytes]:
        """(requests, answers) as text for a person; several exchanges are separated by a line ``---``."""
        if len(exchanges) == 1:
            return self._asked(exchanges[0]), self._answered(exchanges[0])
        return (
            b"\n---\n".join([self._asked(exchange) for exchange in exchanges]),
            b"\n---\n".join([self._answered(exchange) for exchange in exchanges]),
        )

    def body(self, raw: bytes) -> bytes:
        """A JSON, form or XML body without the named values, at most ``limit`` bytes of it."""
        cut = len(raw) > self._limit
        kept = raw[: self._limit] if cut else raw
        clean = _cleaned(kept, self._json, _after_value)
        if b'\\"' in clean:  # a backslash alone is no quote inside a string: vendors escape slashes too
            clean = _cleaned(clean, self._escaped, _after_escaped)
        first = clean.lstrip()[:1]
        if first == b"<":
            clean = self._markup.sub(rb"\1" + _PLAIN_MARK, clean)
        elif first not in (b"{", b"["):
            clean = self._form.sub(rb"\1" + _PLAIN_MARK, clean)
        return clean + b"\n[%d bytes in all]" % len(raw) if cut else clean

    def text(self, text: str) -> str:
        """An address or an error message without named query values."""
        if "=" not in text:
            return text
        return self._form.sub(rb"\1" + _PLAIN_MARK, text.encode()).decode()

    def words(self, text: str, known: str = "") -> str:
        """What a vendor said, for a person: no named values, e-mail addresses or numbers as long as a telephone's.

        ``known``: our own key; a number that is part of it is an id and stays.
        """
        clean = self.body(text.encode("utf-8", "replace"))
        if b"<" in clean:
            clean = self._markup.sub(rb"\1" + _PLAIN_MARK, clean)
        plain = _MAIL.sub("[e-mail]", clean.decode("utf-8", "replace"))
        return _PHONE.sub(lambda number: number[0] if number[0] in known else "[number]", plain)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Only those on the allow-list."""
        return {name: headers[name] for name in self._headers if name in headers}

    def _asked(self, exchange: Exchange) -> bytes:
        head = f"{exchange.method} {self.text(exchange.url)}".encode()
        return head + b"\n\n" + self.body(exchange.request) if exchange.request else head

    def _answered(self, exchange: Exchange) -> bytes:
        if exchange.status is None:
            return self.text(exchange.error or "no answer").encode()
        told = "".join([f"\n{name}: {value}" for name, value in self.headers(exchange.headers).items()])
        head = f"HTTP {exchange.status} in {exchange.duration_ms:.0f} ms{told}".encode()
        return head + b"\n\n" + self.body(exchange.response) if exchange.response else head


def _cleaned(raw: bytes, key: re.Pattern[bytes], after: Callable[[bytes, int], tuple[int, bytes]]) -> bytes:
    """``raw`` with the value after each found key replaced by the mark that ``after`` gives (none: kept)."""
    lower = raw.lower()  # as long as ``raw``, and five times as fast as a pattern for both cases
    found = key.search(lower)
    if found is None:
        return raw
    pieces: list[bytes] = []
    kept_to = 0
    while found is not None:
        start = found.end()
        end, mark = after(raw, start)
        if mark:
            pieces += (raw[kept_to:start], mark)
            kept_to = end
        found = key.search(lower, end)
    pieces.append(raw[kept_to:])
    return b"".join(pieces)


def _after_value(raw: bytes, start: int) -> tuple[int, bytes]:
    """Where the JSON value at ``start`` ends, and what stands for it. Without an end: the rest goes."""
    first = raw[start : start + 1]
    if first == b'"':
        ended = _STRING_END.match(raw, start + 1)
        end = len(raw) if ended is None else ended.end()
        return end, b"" if end == start + 2 else _MARK
    if first in (b"{", b"["):
        return _closed(raw, start), _MARK
    scalar = _SCALAR.match(raw, start)
    end = start if scalar is None else scalar.end()
    return end, b"" if raw[start:end] in _NOTHING else _MARK


def _closed(raw: bytes, start: int) -> int:
    """The end of the object or list that opens at ``start``."""
    opening, closing = (b"{", b"}") if raw[start : start + 1] == b"{" else (b"[", b"]")
    depth, at = 0, start
    while (end := raw.find(closing, at)) >= 0:
        piece = raw[at:end]
        outside = piece.split(b'"')[::2]  # without escapes every other part of it lies in a string
        if b"\\" in piece or piece.count(b'"') % 2:
            return _closed_by_tokens(raw, start)
        depth += b"".join(outside).count(opening) - 1
        at = end + 1
        if depth == 0:
            return at
    return len(raw)


def _closed_by_tokens(raw: bytes, start: int) -> int:
    """The same where strings have escapes or brackets in them: looks at each of them."""
    depth = 0
    for token in _TOKENS.finditer(raw, start):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return len(raw)


def _after_escaped(raw: bytes, start: int) -> tuple[int, bytes]:
    """The same inside a JSON text that is itself a string value. Objects there are removed to that string's end."""
    opening = _QUOTE.match(raw, start)
    if opening is None or opening[0] == b'"':
        scalar = _ESCAPED_SCALAR.match(raw, start)
        if scalar is not None and scalar.end() > start:
            return scalar.end(), b"" if scalar[0] in _NOTHING else _PLAIN_MARK
    for quote in _QUOTE.finditer(raw, start if opening is None else opening.end()):
        if quote[0] == b'"':  # the outer string ends here
            return quote.start(), _PLAIN_MARK
        if opening is not None and quote[0] == opening[0]:
            return quote.end(), opening[0] + _PLAIN_MARK + opening[0]
    return len(raw), _PLAIN_MARK


def _any_of(names: Sequence[str]) -> bytes:
    """A pattern for any of the names. The look-ahead leaves most quotes of a body at their first two letters."""
    firsts = "".join(sorted({re.escape(name[0]) for name in names}))
    seconds = "" if any(len(name) < 2 for name in names) else "".join(sorted({re.escape(name[1]) for name in names}))
    ahead = f"[{firsts}][{seconds}]" if seconds else f"[{firsts}]"
    return f"(?={ahead})(?:{'|'.join(map(re.escape, names))})".encode()
