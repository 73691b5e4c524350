"""Reading answers: the same as h11 reads them, in whatever pieces they come."""

import gzip
import zlib
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.kit.answers import LONGEST_HEAD, AnswerReader, Unreadable
from crossdock.kit.http import Response

MOST = 1000


def read(raw: bytes, cuts: list[int], method: str = "GET", *, ends: bool = False) -> tuple[Response | None, bool]:
    """The answer in ``raw`` as it is read when it comes in pieces, and whether its connection can be used again."""
    reader = AnswerReader(method, MOST)
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    for start, end in pairwise(places):
        if (answer := reader.feed(raw[start:end])) is not None:
            assert end == len(raw), "there is more of it"
            return answer, reader.reusable
    return (reader.ended(), False) if ends else (None, False)


def read_by_h11(raw: bytes, method: str) -> tuple[int, bytes, bool]:
    judge = h11.Connection(h11.CLIENT)
    judge.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    judge.send(h11.EndOfMessage())
    judge.receive_data(raw)
    status, body, ended = 0, b"", False
    while True:
        event = judge.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, body, judge.their_state is h11.DONE and not ended
        elif event is h11.NEED_DATA:
            ended = True
            judge.receive_data(b"")


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, str]:
    """An answer that a server may send, and the method it answers."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD"]))
    status = draw(st.sampled_from([200, 201, 204, 304, 400, 404, 429, 500, 503]))
    body = draw(st.binary(max_size=200))
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2))
    lines = [b"HTTP/1.%d %d Said" % (draw(st.sampled_from([1, 1, 1, 0])), status), b"X-Thing:  a b\t", b"Empty:"]
    if draw(st.booleans()):
        lines.append(
            draw(st.sampled_from([b"Connection: close", b"connection: keep-alive", b"Connection: Keep-Alive"]))
        )
    if method == "HEAD" or status in (204, 304):
        body = b""
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if framing == "chunks" and lines[0].startswith(b"HTTP/1.1") and status not in (204, 304):
        lines.append(b"Transfer-Encoding: Chunked")
        body = b"" if method == "HEAD" else _chunked(draw, body)
    elif framing == "length" and status != 204:
        lines.append(b"Content-Length: %d" % len(body))
    return interim + b"\r\n".join([*lines, b"", b""]) + body, method


def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    sizes = draw(st.lists(st.integers(1, 50), max_size=10))
    parts, at = [], 0
    for size in [*sizes, len(body) or 1]:
        if part := body[at : at + size]:
            parts.append(b"%x%s\r\n%s\r\n" % (len(part), draw(st.sampled_from([b"", b";a=b"])), part))
        at += size
    trailer = draw(st.sampled_from([b"", b"X-After: 1\r\n"]))
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


@given(answers(), st.lists(st.integers(0, 600), max_size=8))
def test_any_answer_in_any_pieces_is_what_h11_reads(made: tuple[bytes, str], cuts: list[int]) -> None:
    raw, method = made
    status, body, reusable = read_by_h11(raw, method)
    answer, again = read(raw, cuts, method, ends=True)
    assert answer is not None
    assert (answer.status, answer.body, again) == (status, body, reusable)
    assert (answer.headers["x-thing"], answer.headers["empty"]) == ("a b", "")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * (LONGEST_HEAD + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1001),
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * LONGEST_HEAD,
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw, [])


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello", wbits=-15)),
        ("br", b"hello"),  # not asked for, not touched
    ],
)
def test_a_packed_body_is_unpacked(coding: str, packed: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(packed))
    answer, reusable = read(raw + packed, [])
    assert answer is not None
    assert (answer.body, reusable) == (b"hello", True)


def test_a_packed_body_that_is_cut_off_is_refused() -> None:
    packed = gzip.compress(b"hello", mtime=0)[:-4]
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with pytest.raises(Unreadable, match="cut off"):
        read(raw + packed, [])


def test_a_header_said_twice_is_a_list() -> None:
    answer, _ = read(b"HTTP/1.1 204 X\r\nVary: a\r\nVARY: b\r\n\r\n", [])
    assert answer is not None
    assert answer.headers["vary"] == "a, b"


def test_bytes_after_an_answer_end_its_connection() -> None:
    reader = AnswerReader("GET", MOST)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200") is not None
    assert not reader.reusable
