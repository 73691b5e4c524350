"""Whoever prefers to wait is told as soon as there is a decision; what was sent is kept whatever happens here."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from crossdock.api.problems import AWAY
from crossdock.partner.counter import Asking, Counter
from crossdock.partner.problems import Refusal
from crossdock.store.protocol import Arrival
from crossdock.store.reading import plain, statements

BODY_S = 10.0
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.02, 0.2
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")
T = TypeVar("T")


class Patience(msgspec.Struct, frozen=True):
    """How long somebody waits: ``wait_s`` as preferred and allowed, until ``until`` on the counter's stopwatch."""

    wait_s: float
    until: float

    @property
    def none(self) -> bool:
        return not self.wait_s

    def headers(self, url: str, decided: bool) -> dict[str, str]:
        """Where to ask, and that the preference was met (RFC 7240)."""
        applied = {"Preference-Applied": f"wait={self.wait_s:g}"} if self.wait_s and decided else {}
        return {"Location": url, **applied}

    def status(self, decided: bool) -> int:
        return 200 if self.wait_s and decided else 202


def patience(request: Asking, counter: Counter) -> Patience:
    """From ``Prefer: wait=N`` (RFC 7240); none where none is asked for."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    wait_s = min(float(found[1]) if found else 0.0, counter.longest_wait_s)
    return Patience(wait_s, counter.stopwatch() + wait_s)


def idempotency_key(request: Asking) -> str:
    """Raises ``Refusal``."""
    key = request.headers.get("idempotency-key", "").strip()
    if not key or len(key) > 200 or not key.isprintable():
        text = "Send 'Idempotency-Key', 1 to 200 printable characters, and the same one when you send it again."
        raise Refusal("idempotency_key_missing", text)
    return key


async def body_of(request: Asking) -> bytes:
    """The JSON body as it came. Raises ``Refusal``."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refusal("content_type", "Send application/json.")
    try:
        async with asyncio.timeout(BODY_S):
            return await request.body()
    except TimeoutError:
        raise Refusal("slow_body", "Send the whole body without pauses.") from None


async def same(counter: Counter, arrival: Arrival, what: str) -> None:
    """Whether a known idempotency key came with what it is known for. Raises ``Refusal``."""
    kept = await counter.pool.fetchval(statements("partner").kept, arrival.stream.key, arrival.delivery_id)
    if kept is None or msgspec.json.decode(plain(kept)) != msgspec.json.decode(arrival.body):
        raise Refusal("idempotency_key_reused", f"Nothing was changed. Give {what} a key of its own.")


async def wait_for(counter: Counter, look: Callable[[], Awaitable[T | None]], waits: Patience, key: str) -> T | None:
    """What ``look`` finds, as soon as it finds something; None when the time is over, or no seat is left."""
    pause_s = _FIRST_LOOK_S
    with counter.seats.one(counter.most_waiting) as seat:
        while True:
            found = await _glance(counter, look, waits, key)
            if found is not None:
                return found
            left = 0.0 if waits.none or not seat else waits.until - counter.stopwatch()
            if left <= 0:
                return None
            await counter.sleep(min(pause_s, left))
            pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)


async def _glance(counter: Counter, look: Callable[[], Awaitable[T | None]], waits: Patience, key: str) -> T | None:
    """One look, no longer than the caller waits: a database that is slow or away now leaves what came kept."""
    patience_s = 1.0 if waits.none else max(waits.until - counter.stopwatch(), 0.05)
    try:
        async with asyncio.timeout(patience_s):
            return await look()
    except (TimeoutError, *AWAY) as error:
        counter.signals.log.warning("partner.not_told", order=key, error=error)
        return None
