"""What the partner API is given, and who stands at it: the key, its scope, the address it comes from."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from crossdock.domain.decision import Policy
from crossdock.engine.world import Linked
from crossdock.intake.group_commit import GroupCommitter
from crossdock.intake.sources import Network, SourceLimit, source_of
from crossdock.observe.signals import Signals
from crossdock.observe.trace import is_traceparent
from crossdock.partner import keys
from crossdock.partner.keys import Partner
from crossdock.partner.problems import Refusal
from crossdock.store.protocol import Arrival

Asking = Request[Any, Any, Any]
OPEN = frozenset({"/partner/v1/openapi.json", "/partner/v1/order.schema.json", "/healthz"})  # tell nothing of anybody


class Seats:
    """Where callers wait, as long as there is room."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def one(self, most: int) -> Iterator[bool]:
        """Take a seat; false when ``most`` callers sit already."""
        self._taken += 1
        try:
            yield self._taken <= most
        finally:
            self._taken -= 1


class Counter(msgspec.Struct, frozen=True):
    """Everything outside the partner API."""

    pool: Any  # a reading pool
    commits: GroupCommitter
    links: Mapping[str, Linked]  # by connection: those that may have keys
    connections: frozenset[str]  # the names of all
    policies: Mapping[str, Policy]  # by channel connection
    order_schema: Mapping[str, Any]
    signals: Signals
    sources: SourceLimit
    stopwatch: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    proxies: Sequence[Network] = ()  # whose word on where a request comes from is believed
    reads: Mapping[str, Mapping[str, str]] = {}  # connection -> kind of masters -> the poll that reads them
    longest_wait_s: float = 10.0  # whatever a caller prefers
    most_waiting: int = 200  # who comes on top of these is not waited for
    fresh_s: float = 86_400.0  # what was read longer ago is no longer an answer
    answer_s: float = 2.0  # how long an answer from what is kept may take; then 503
    stock_fresh_s: float = 3_600.0  # the same for stock, whose positions are read every quarter of an hour
    seats: Seats = msgspec.field(default_factory=Seats)


def counter_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Counter:
    counter: Counter = connection.app.state.counter
    return counter


def partner_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Partner:
    found: Partner = connection.scope["state"]["partner"]
    return found


async def keep(request: Asking, arrival: Arrival) -> bool:
    """Make what a partner says durable, in the caller's trace if it has one. Whether it had come before."""
    counter = counter_of(request)
    given = request.headers.get("traceparent", "")
    parent = given if is_traceparent(given) else ""
    attributes = {"crossdock.connection": arrival.connection}
    with counter.signals.span(f"POST {request.url.path}", kind="server", parent=parent, attributes=attributes) as span:
        receipt = await counter.commits.commit(msgspec.structs.replace(arrival, trace=span.traceparent or parent))
        span.set(**{"crossdock.dedup": "dup" if receipt.duplicate else "new"})
    if receipt.duplicate:
        counter.signals.add("crossdock.duplicates.prevented", where="api")
    return receipt.duplicate


def owns(counter: Counter, partner: Partner, key: str) -> bool:
    """Whether an order's key is of the partner's own connection.

    ``shop-b-7`` is order ``7`` of ``shop-b``, where there is one, and never order ``b-7`` of ``shop``: the longest name
    counts, so that no partner can name another's order.
    """
    named = [name for name in counter.connections if key.startswith(f"{name}-")]
    return max(named, key=len, default="") == partner.connection


async def authorise(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The app's one guard. Raises ``Refusal``: too_many, key_missing, key_refused, scope_missing."""
    if connection.scope["path_template"] in OPEN:
        return
    counter = counter_of(connection)
    peer = connection.client.host if connection.client else ""
    if not counter.sources.take(source_of(peer, connection.headers, counter.proxies)):
        raise Refusal("too_many", "Send slower.")
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refusal("key_missing", "Send the header 'Authorization: Bearer <key>'.")
    found = await keys.find(counter.pool, key.strip())
    if found is None or found.connection not in counter.links:
        raise Refusal("key_refused", "It is unknown or was taken away. Ask whoever runs Crossdock for a new one.")
    needed = handler.opt.get("scope")  # the framework's own route, which finds nothing, names none
    if needed is not None and needed not in found.scopes:
        raise Refusal("scope_missing", f"It lacks the scope {needed}.")
    connection.scope["state"]["partner"] = found
