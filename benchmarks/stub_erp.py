"""A NetSuite that does nothing but answer: a bare asyncio protocol, so that the ERP's cost does not dominate.

Answers the token request, ``PUT salesOrder/eid:…`` (204 with a Location) and reads; remembers when each external id
was first called, on the machine's monotonic clock, and how often. ``GET /stub/calls`` returns that book.
"""

import argparse
import asyncio
import json
import time
from typing import Any

import uvloop

TOKEN = b'{"access_token":"bench","expires_in":"3600","token_type":"Bearer"}'
EMPTY_PAGE = b'{"links":[],"count":0,"hasMore":false,"items":[],"offset":0,"totalResults":0}'


class Stub:
    """The books of the stub: external id -> (first call, calls)."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.down = False
        self.first: dict[str, float] = {}
        self.calls = 0

    def answer(self, method: str, path: str) -> bytes:
        if path.startswith("/stub/"):
            return self._control(path)
        if self.down:
            return response(503, b"{}")
        if path.endswith("/token"):
            return response(200, TOKEN)
        if "/salesOrder/eid:" in path and method == "PUT":
            key = path.rsplit("eid:", 1)[1].split("?")[0]
            self.calls += 1
            self.first.setdefault(key, time.monotonic())
            return response(204, b"", f"Location: http://stub/services/rest/record/v1/salesOrder/{len(self.first)}\r\n")
        if path.endswith("/suiteql") or "/suiteql?" in path:
            return response(200, EMPTY_PAGE)
        return response(404, b'{"type":"about:blank","title":"not found","status":404,"o:errorDetails":[]}')

    def _control(self, path: str) -> bytes:
        if path == "/stub/down":
            self.down = True
        elif path == "/stub/up":
            self.down = False
        elif path == "/stub/reset":
            self.first.clear()
            self.calls = 0
        elif path == "/stub/calls":
            return response(200, json.dumps({"calls": self.calls, "first": self.first}).encode())
        return response(200, json.dumps({"calls": self.calls, "orders": len(self.first)}).encode())


REASONS = {200: "OK", 204: "No Content", 404: "Not Found", 503: "Service Unavailable"}


def response(status: int, body: bytes, extra: str = "") -> bytes:
    """One HTTP/1.1 response, whole."""
    head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{extra}"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1: keep-alive, Content-Length bodies."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
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
            self._buffer = self._buffer[end + 4 + length :]
            method, path, _ = head.split(" ", 2)
            self._reply(self._stub.answer(method, path))

    def _reply(self, answer: bytes) -> None:
        if self._stub.delay_s:
            asyncio.get_running_loop().call_later(self._stub.delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(port: int, delay_s: float) -> None:
    """Listen on loopback until killed."""
    stub = Stub(delay_s)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.0)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.delay_s))


if __name__ == "__main__":
    main()
