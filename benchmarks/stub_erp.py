"""A NetSuite that does nothing but answer.

Answers the token request, ``PUT salesOrder/eid:…`` (204 with a Location) and reads; remembers when each external id
was first called, on the machine's monotonic clock, and how often. ``GET /stub/calls`` returns that book.
"""

import json
import time

from benchmarks.stubbing import main, response

TOKEN = b'{"access_token":"bench","expires_in":"3600","token_type":"Bearer"}'
EMPTY_PAGE = b'{"links":[],"count":0,"hasMore":false,"items":[],"offset":0,"totalResults":0}'
NOT_FOUND = (  # as NetSuite says that a record is not there: what is sent again is looked for first
    b'{"type":"about:blank","title":"not found","status":404,'
    b'"o:errorDetails":[{"detail":"not found","o:errorCode":"NONEXISTENT_ID"}]}'
)


class StubErp:
    """The books of the stub: external id -> (first call, calls)."""

    def __init__(self) -> None:
        self.down = False
        self.first: dict[str, float] = {}
        self.calls = 0

    def answer(self, method: str, path: str, body: bytes) -> bytes:
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
        return response(404, NOT_FOUND)

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


if __name__ == "__main__":
    main(StubErp(), __doc__)
