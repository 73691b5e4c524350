"""Sends a simulated vendor's webhooks: at least once, retried, now and then twice, never or late, as vendors do."""

import asyncio
from collections.abc import Callable
from random import Random

import aiohttp

from crossdock.simulators.base import Deliver, Faults


class Postman:
    """One vendor's deliveries. ``send`` may be called before ``start``; nothing leaves until then.

    A delivery that is not answered with 2xx within ``timeout_s`` is repeated after each of ``delays_s``, then
    given up (the vendor's event is gone). At most ``at_once`` are on the wire.
    """

    def __init__(
        self, name: str, random: Random, delays_s: tuple[float, ...], *, timeout_s: float = 5.0, at_once: int = 64
    ) -> None:
        self.name = name
        self.delivered = self.failed = self.dropped = self.pending = 0
        self.acknowledged: set[str] = set()  # subjects told of at least once
        self._random = random
        self._delays_s = delays_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._at_once = asyncio.Semaphore(at_once)
        self._faults: Callable[[], Faults] = Faults
        self._session: aiohttp.ClientSession | None = None
        self._early: list[Deliver] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def obey(self, faults: Callable[[], Faults]) -> None:
        """Read the fault switches from here, anew for each delivery."""
        self._faults = faults

    def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        early, self._early = self._early, []
        for delivery in early:
            self.send(delivery)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def counts(self) -> dict[str, int]:
        return {
            "pending": self.pending,
            "delivered": self.delivered,
            "failed": self.failed,
            "dropped": self.dropped,
        }

    def send(self, delivery: Deliver) -> None:
        """Queue one webhook; faults may drop it, hold it back behind later ones, or send it twice."""
        if self._session is None:
            self._early.append(delivery)
            return
        faults = self._faults()
        if self._random.random() < faults.dropped_webhooks:
            self.dropped += 1
            return
        copies = 2 if self._random.random() < faults.duplicate_webhooks else 1
        held_s = self._random.uniform(0.2, 1.5) if self._random.random() < faults.shuffled_webhooks else 0.0
        for _ in range(copies):
            self.pending += 1
            task = asyncio.ensure_future(self._carry(self._session, delivery, held_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def ask(self, delivery: Deliver) -> tuple[int, bytes] | None:
        """Post at once and bring (status, body); (0, nothing) where nobody answers, None before ``start``."""
        if self._session is None:
            return None
        try:
            async with self._session.post(
                delivery.url, headers=delivery.headers, data=delivery.body, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, b""

    async def _carry(self, session: aiohttp.ClientSession, delivery: Deliver, held_s: float) -> None:
        try:
            if held_s:
                await asyncio.sleep(held_s)
            for delay_s in (*self._delays_s, None):
                if await self._post(session, delivery):
                    self.delivered += 1
                    self.acknowledged.add(delivery.subject)
                    return
                if delay_s is not None:
                    await asyncio.sleep(delay_s)
            self.failed += 1
        finally:
            self.pending -= 1

    async def _post(self, session: aiohttp.ClientSession, delivery: Deliver) -> bool:
        try:
            async with (
                self._at_once,
                session.post(
                    delivery.url, headers=delivery.headers, data=delivery.body, allow_redirects=False
                ) as answer,
            ):
                await answer.read()
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False  # counted: the caller repeats it, and gives it up as failed in the end
