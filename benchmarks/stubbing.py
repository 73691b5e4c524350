"""What all stubs stand on: a bare asyncio HTTP/1.1 protocol, so that the vendors' cost does not dominate.

A stub is anything with ``answer(method, path, body) -> bytes``, the whole response. It listens on loopback, prints its
port, and runs until it is killed.
"""

import argparse
import asyncio
from typing import Any, Protocol

import uvloop

REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class Stub(Protocol):
    """A vendor, or several behind one address."""

    def answer(self, method: str, path: str, body: bytes) -> bytes: ...


def response(status: int, body: bytes, extra: str = "") -> bytes:
    """One HTTP/1.1 response, whole."""
    head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{extra}"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1: keep-alive, Content-Length bodies."""

    def __init__(self, stub: Stub, delay_s: float = 0.0) -> None:
        self._stub, self._delay_s = stub, delay_s
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            length = 0
            for line in head.split("\r\n")[1:]:
                if line[:15].lower() == "content-length:":
                    length = int(line[15:])
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            method, path, _ = head.split(" ", 2)
            self._reply(self._stub.answer(method, path, body))

    def _reply(self, answer: bytes) -> None:
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(stub: Stub, port: int = 0, delay_s: float = 0.0) -> None:
    """Listen on loopback until killed; the port is the only line printed."""
    made = await asyncio.get_running_loop().create_server(lambda: Connection(stub, delay_s), "127.0.0.1", port)
    print(made.sockets[0].getsockname()[1], flush=True)
    await made.serve_forever()


def main(stub: Stub, purpose: str | None) -> None:
    """The command line of a stub."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.0)
    asked = parser.parse_args()
    uvloop.run(serve(stub, asked.port, asked.delay_s))
