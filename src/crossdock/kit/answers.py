"""Reads one HTTP/1.1 answer (RFC 9112) out of the pieces in which it comes. No I/O.

Strict where two readers could disagree about where an answer ends: then it is unreadable, its connection is not used
again, and nobody takes the rest of one answer for the next one.
"""

import re
import zlib

from crossdock.kit.http import Response

LONGEST_HEAD = 64 * 1024

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-5]\d\d)(?: .*)?")
_NAMES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9a-z-]+:)*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\r\n]*)?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_NO_BODY = (204, 304)


class Unreadable(Exception):
    """What came is no HTTP answer, or a longer one than is taken."""


class AnswerReader:
    """For one answer to one request. ``most`` bounds its body, in bytes as received and after decompression."""

    __slots__ = ("_chunks", "_headers", "_held", "_last_chunk", "_length", "_method", "_most", "_status", "reusable")

    def __init__(self, method: str, most: int) -> None:
        self._method = method
        self._most = most
        self._held = bytearray()  # received, not yet read
        self._status = 0  # 0: its head is still to come
        self._headers: dict[str, str] = {}
        self._length: int | None = None  # of the body; None: chunked, or to the connection's end
        self._chunks: bytearray | None = None
        self._last_chunk = False
        self.reusable = False  # whether the connection may carry another request after this answer

    def feed(self, piece: bytes) -> Response | None:
        """The answer once it is whole. Raises ``Unreadable``."""
        self._held += piece
        while not self._status:
            end = self._held.find(b"\r\n\r\n")
            if end > LONGEST_HEAD or (end < 0 and len(self._held) > LONGEST_HEAD):
                raise Unreadable(f"its head is longer than {LONGEST_HEAD} bytes")
            if end < 0:
                return None
            head = self._held[:end].decode("latin-1")
            del self._held[: end + 4]
            self._read_head(head)
        if self._chunks is not None:
            return self._dechunked(self._chunks)
        self._bounded(len(self._held) if self._length is None else self._length)
        if self._length is None or len(self._held) < self._length:
            return None
        self.reusable = self.reusable and len(self._held) == self._length
        return self._whole(bytes(self._held[: self._length]))

    def ended(self) -> Response:
        """The answer that the end of the connection completes. Raises ``Unreadable`` where that cuts it off."""
        if not self._status:
            raise Unreadable("the connection ended before an answer" if not self._held else "the answer is cut off")
        if self._length is not None or self._chunks is not None:
            raise Unreadable("the answer is cut off")
        return self._whole(bytes(self._held))

    def _read_head(self, head: str) -> None:
        lines = head.split("\r\n")
        first = _STATUS.fullmatch(lines[0])
        ends = len(lines) - 1
        if first is None or head.count("\n") != ends or head.count("\r") != ends or "\0" in head:
            raise Unreadable("it is not HTTP/1")
        status = int(first[2])
        if status == 101:
            raise Unreadable("it changes the protocol, which nobody asked for")
        if status < 200:
            return  # an interim answer: the real one follows
        self._status, self._headers = status, _headers(lines)
        self.reusable = first[1] == "1" and "close" not in self._headers.get("connection", "").lower()
        self._frame()

    def _frame(self) -> None:
        """Find out where the body will end (RFC 9112, 6.3)."""
        length, coding = self._headers.get("content-length"), self._headers.get("transfer-encoding")
        if self._method == "HEAD" or self._status in _NO_BODY:
            self._length = 0
        elif coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise Unreadable("it says in two ways, or in an unknown one, where it ends")
            self._chunks = bytearray()
        elif length is not None:
            if not _NUMBER.fullmatch(length):
                raise Unreadable("its Content-Length is no number")
            self._length = int(length)
        else:
            self.reusable = False

    def _dechunked(self, body: bytearray) -> Response | None:
        held, at = self._held, 0
        while (end := held.find(b"\r\n", at)) >= 0:
            if self._last_chunk:  # trailers, which are not used, up to an empty line
                if end == at:
                    self.reusable = self.reusable and len(held) == end + 2
                    return self._whole(bytes(body))
                at = end + 2
                continue
            size = _chunk_size(held[at:end])
            if size == 0:
                self._last_chunk, at = True, end + 2
                continue
            self._bounded(len(body) + size)
            if len(held) < end + size + 4:
                break
            if held[end + 2 + size : end + size + 4] != b"\r\n":
                raise Unreadable("a chunk is longer than it says")
            body += held[end + 2 : end + 2 + size]
            at = end + size + 4
        del held[:at]
        if len(held) > LONGEST_HEAD and held.find(b"\r\n") < 0:
            raise Unreadable("a chunk does not say its size")
        return None

    def _bounded(self, size: int) -> None:
        if size > self._most:
            raise Unreadable(f"the answer is longer than {self._most} bytes")

    def _whole(self, body: bytes) -> Response:
        coding = self._headers.get("content-encoding")
        if coding is not None and body:
            body = self._unpacked(body, coding.lower())
        return Response(self._status, self._headers, body)

    def _unpacked(self, body: bytes, coding: str) -> bytes:
        if coding not in ("gzip", "x-gzip", "deflate"):
            return body
        raw = coding == "deflate" and (body[0] & 0x0F != 8 or int.from_bytes(body[:2], "big") % 31)  # without its head
        plain = bytearray()
        try:
            while body:  # a gzip may have several parts
                part = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
                plain += part.decompress(body, self._most + 1 - len(plain))
                self._bounded(len(plain))
                if not part.eof:
                    raise Unreadable("its compressed body is cut off")
                body = part.unused_data
        except zlib.error as error:
            raise Unreadable(f"its compressed body is broken: {error}") from error
        return bytes(plain)


def _headers(lines: list[str]) -> dict[str, str]:
    """By name in lower case; what is said twice is a list (RFC 9110, 5.2)."""
    found: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Unreadable("a line of its head is no header")
        name, value = name.lower(), value.strip(" \t")
        found[name] = f"{found[name]}, {value}" if name in found else value
    if not _NAMES.fullmatch(":".join([*found, ""])):
        raise Unreadable("a line of its head is no header")
    return found


def _chunk_size(line: bytearray) -> int:
    found = _CHUNK.fullmatch(line)
    if found is None:
        raise Unreadable("a chunk does not say its size")
    return int(found[1], 16)
