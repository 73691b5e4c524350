"""What a simulated vendor is: ``handle`` one request, keep books, and obey fault switches.

The same object serves over real sockets (``server.py``) and inside the deterministic simulation: it reads the
clock, randomness and sleep it is given, and never its own.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any, Protocol

import msgspec


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str  # without the query
    query: Mapping[str, str]
    headers: Mapping[str, str]  # keys in lower case
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Deliver(msgspec.Struct, frozen=True):
    """A webhook the vendor wants to send. The host (server or simulation) posts it and retries as the vendor would."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    subject: str = ""  # the vendor's id of what it tells about; what was acknowledged is listed by it


class Surroundings(msgspec.Struct, frozen=True):
    """Everything a simulator may touch outside itself."""

    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    random: Random
    send: Callable[[Deliver], None]  # queue a webhook
    # Ask an address at once and bring (status, body); None where nobody can be reached from here
    ask: Callable[[Deliver], Awaitable[tuple[int, bytes] | None]] | None = None


class Faults(msgspec.Struct):
    """Switches that a test, the demo or a visitor turns. Probabilities are per request, 0 to 1.

    ``lost_response``: the effect happens, the answer does not arrive. ``late_commit_s``: the answer is lost and the
    effect happens that much later. ``html_200``: a gateway's page instead of the answer, effect done.
    """

    down: bool = False  # connections are refused / 503
    latency_s: float = 0.0
    error_503: float = 0.0
    rate_limited: float = 0.0  # 429 burst (or the vendor's own form of it)
    lost_response: float = 0.0
    html_200: float = 0.0
    late_commit: float = 0.0
    late_commit_s: float = 2.0
    slow: float = 0.0  # share of requests that take ``slow_s``
    slow_s: float = 5.0
    search_lag_s: float = 0.0  # searches do not see documents younger than this
    duplicate_webhooks: float = 0.0
    dropped_webhooks: float = 0.0
    shuffled_webhooks: float = 0.0  # held back and sent after later ones


class Simulator(Protocol):
    """One vendor account."""

    name: str
    faults: Faults

    async def handle(self, request: Request) -> Reply:
        """Serve one API request with the vendor's rules. Fault switches are applied by the host around this."""

    def books(self) -> dict[str, Any]:
        """The vendor's own books as JSON-ready data: what reconciliation in tests and the demo is made against."""

    async def tick(self) -> None:
        """Called about 10 times a second: ship what is due, release late commits, and the like."""
