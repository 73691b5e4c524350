"""Questions to other systems: whose a key is, what no answer means, and how little of the account they take."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from crossdock.domain.outcome import Misconfigured, RateLimited
from crossdock.engine.world import Linked, World
from crossdock.kit.http import AnswerLost, Line, NotSent
from crossdock.kit.listing import Listed, Listing, ListPage, Window
from crossdock.kit.manifest import Connector, Manifest, Quota, Unreachable
from crossdock.observe.signals import Silence
from crossdock.reconcile.asking import SHARE, Asker, CannotAsk, owner_of
from crossdock.reconcile.rounds import each_page
from crossdock.store.memory import MemoryStore
from tests.reconcile.sides import CHANNEL

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)


class Refused(Exception):
    """As a connector's client raises it."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome


class System:
    """A system that lists what it is told to, a page at a time."""

    def __init__(self, pages: Sequence[ListPage | Exception] = (), most: int = 2) -> None:
        self._pages = list(pages)
        self.asked: list[Any] = []
        self.waited: list[float] = []
        self.listing = Listing(self.pages, self.named, lag_s=60.0, most=most, cost=10, load=lambda _: 0.5)

    async def pages(self, client: Any, window: Window, cursor: str | None) -> ListPage:
        self.asked.append(cursor)
        found = self._pages[min(len(self.asked), len(self._pages)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    async def named(self, client: Any, keys: Sequence[str]) -> tuple[Listed, ...]:
        self.asked.append(list(keys))
        return tuple(msgspec.structs.replace(CHANNEL, key=key) for key in keys if not key.endswith("gone"))

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    def asker(self, **quota: Any) -> Asker:
        manifest = Manifest("toy", "Toy", "channel", "1", (), "1", {}, Quota(**{"concurrency": 2, **quota}))
        connector = Connector(manifest, lambda line: line, lambda *_: [], listing=self.listing)
        line = Line("shop", {}, {}, None, None, lambda: NOW, lambda: "u")  # type: ignore[arg-type]
        store = MemoryStore(lambda: NOW + timedelta(seconds=sum(self.waited)))
        world = World(store, {}, {}, {}, lambda _: [], Silence(), Random(1), lambda: 0.0, "w")
        return Asker(world, Linked("shop", connector, line), self.listing, self.wait)


def test_a_key_belongs_to_the_longest_name_that_fits() -> None:
    channels = ("shop", "shop-eu", "amazon")
    assert owner_of("shop-1001", channels) == ("shop", "1001")
    assert owner_of("shop-eu-1001", channels) == ("shop-eu", "1001")
    assert owner_of("amazon-123-456", channels) == ("amazon", "123-456")
    assert owner_of("other-1", channels) is None
    assert owner_of("shop", channels) is None


async def test_keys_are_asked_for_in_questions_as_large_as_the_system_takes() -> None:
    system = System(most=2)
    found = await system.asker().named(["a-1", "a-2", "a-2", "a-gone", "a-3"])
    assert system.asked == [["a-1", "a-2"], ["a-gone", "a-3"]]
    assert set(found) == {"a-1", "a-2", "a-3"}


async def test_questions_leave_the_account_to_the_orders() -> None:
    system = System()
    await system.asker(rate_per_s=100.0, burst=200.0).named(["a-1"])
    first, *booked, last = system.waited
    assert (first, last) == (10 / (100.0 * SHARE), 0.5 / SHARE), "before by our limit, after by the vendor's meter"
    assert all(wait <= 1 for wait in booked)


async def test_a_slot_is_given_back_whatever_comes_and_none_is_taken_by_force() -> None:
    system = System([NotSent("refused")])
    asker = system.asker(concurrency=1)
    for _ in range(3):
        with pytest.raises(CannotAsk):
            await asker.page(WINDOW, None)
    assert await asker.world.store.acquire_slots("shop", "courier", 1, 1, 60.0) == 1, "it is free"
    with pytest.raises(CannotAsk, match="no free slot"):
        await asker.page(WINDOW, None)
    assert len(system.asked) == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotSent("connection refused"), "connection refused"),
        (AnswerLost("reset by peer"), "reset by peer"),
        (Unreachable("it cannot be reached"), "it cannot be reached"),
        (Refused(Misconfigured("the token was revoked")), "the token was revoked"),
        (Refused(RateLimited(2.0, "too many")), "too many"),
    ],
)
async def test_no_answer_is_never_an_empty_one(error: Exception, said: str) -> None:
    with pytest.raises(CannotAsk, match=said):
        await System([error]).asker().page(WINDOW, None)


@pytest.mark.parametrize("quota", [{}, {"concurrency": None}, {"rate_per_s": 100.0, "burst": 200.0}])
async def test_a_refusal_by_the_limit_is_a_rest_for_all(quota: dict[str, Any]) -> None:
    system = System([Refused(RateLimited(30.0, "too many")), ListPage(keys=("a-1",))])
    asker = system.asker(**quota)
    with pytest.raises(CannotAsk, match="too many"):
        await asker.page(WINDOW, None)
    assert 0 < await asker.world.store.resting_s("shop") <= 30
    with pytest.raises(CannotAsk, match="is left alone for"):
        await asker.page(WINDOW, None)
    assert len(system.asked) == 1, "the next round asks"
    system.waited.append(25.0)
    assert (await asker.page(WINDOW, None)).keys == ("a-1",), "what is left of it is waited out"
    assert sum(system.waited) >= 30


async def test_one_that_asks_for_a_rest_again_and_again_is_asked_in_the_next_round() -> None:
    system = System([ListPage(keys=("a-1",))])
    asker = system.asker()
    await asker.world.store.rest("shop", 6.0)
    waits = asker.wait

    async def wait(seconds: float) -> None:
        await waits(seconds)
        await asker.world.store.rest("shop", 6.0)

    with pytest.raises(CannotAsk, match="is left alone for"):
        await msgspec.structs.replace(asker, wait=wait).page(WINDOW, None)
    assert system.asked == []


async def test_a_bug_stays_one() -> None:
    with pytest.raises(KeyError):
        await System([KeyError("x")]).asker().page(WINDOW, None)


async def test_every_page_is_taken_and_a_list_without_end_is_told() -> None:
    taken: list[str] = []

    async def take(keys: Sequence[str], _views: Any) -> None:
        taken.extend(keys)

    whole = System([ListPage(keys=("a-1",), cursor="1"), ListPage((CHANNEL,), ("a-2",), "2"), ListPage(keys=("a-3",))])
    await each_page(whole.asker(), WINDOW, take, lambda: True)
    assert (taken, whole.asked) == (["a-1", CHANNEL.key, "a-2", "a-3"], [None, "1", "2"])
    endless = System([ListPage(keys=("a-1",), cursor="1")])
    with pytest.raises(CannotAsk, match="same cursor twice"):
        await each_page(endless.asker(), WINDOW, take, lambda: True)
    stopped = System([ListPage(keys=("a-1",), cursor="1")])
    await each_page(stopped.asker(), WINDOW, take, lambda: False)
    assert stopped.asked == []
