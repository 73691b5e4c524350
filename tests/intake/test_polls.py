"""Polls: one owner, a cursor that moves after its page, ends for pages that would not end, errors people can see."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from crossdock.domain.decision import CustomerMaster
from crossdock.domain.outcome import Misconfigured
from crossdock.governance.forms import is_name
from crossdock.intake import polling, polls
from crossdock.intake.backfill import NoBackfill, backfill
from crossdock.intake.polling import Tally
from crossdock.intake.polls import PollLoop
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Found, Page, Poll, Quota
from crossdock.reconcile import rounds
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import BACKFILL, LIVE
from tests.intake.world import KeepingStore, page, until, world


class Listing:
    """A poll that plays its pages by cursor and remembers what it was asked."""

    def __init__(self, pages: Mapping[str | None, Page | Exception]) -> None:
        self.pages = pages
        self.asked: list[tuple[str | None, Mapping[str, Any]]] = []

    async def run(self, _client: Any, cursor: str | None, options: Mapping[str, Any]) -> Page:
        self.asked.append((cursor, options))
        answer = self.pages[cursor]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def poll(self, **changes: Any) -> dict[str, Poll]:
        return {"orders": Poll("orders", self.run, every_s=3600, **changes)}


class Notes:
    def __init__(self) -> None:
        self.said: list[tuple[str, str | None]] = []

    async def note(self, connection: str, error: str | None) -> None:
        self.said.append((connection, error))


async def run_until(loop: PollLoop, met: Any) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await until(met)
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_pages_become_messages_and_masters_and_the_cursor_follows() -> None:
    listing = Listing(
        {
            None: page(1, 2, cursor="a", more=True, products=(("SKU-1", b"{}"),)),
            "a": page(
                2, 3, cursor="b", customers=(CustomerMaster("7", "ada@example.com"),),
                prices=(("SKU-1", b"5"),), terms=(("7", b"2"),),
            ),
        }
    )  # fmt: skip
    store, notes = KeepingStore(), Notes()
    await run_until(PollLoop(world(store, listing.poll()), notes.note, tick_s=0.01), lambda: bool(notes.said))
    assert [one.stream.key for one in store.kept] == ["north-1", "north-2", "north-3"]
    assert {(one.source, one.priority) for one in store.kept} == {("poll", LIVE)}
    assert store.cursors["north", "orders"] == "b"
    assert store.masters == {
        ("north", "product"): {"SKU-1": b"{}"},
        ("north", "customer"): dict.fromkeys(("REF:7", "ada@example.com"), b'{"ref":"7","email":"ada@example.com"}'),
        ("north", "price"): {"SKU-1": b"5"},
        ("north", "terms"): {"7": b"2"},
    }
    assert notes.said == [("north", None)]
    assert store.looked_by == {store.kept[0].trace}, "who waits for masters is linked to what brought them"
    assert store.wakes
    assert store.owner is None


@pytest.mark.parametrize("ownership", [polls.OWNERSHIP, rounds.OWNERSHIP])
def test_no_connection_can_be_called_what_the_one_who_polls_or_reconciles_holds(ownership: str) -> None:
    """A connection's slots are kept under its name: those of one called ``polls`` kept every process from polling."""
    assert is_name("polls")
    assert not is_name(ownership)


async def test_the_first_whole_round_of_masters_is_noted_and_wakes_the_orders_that_wait() -> None:
    listing = Listing(
        {
            None: page(cursor="a", more=True, products=(("SKU-1", b"{}"), ("SKU-2", b"{}"))),
            "a": page(cursor="b"),
        }
    )
    store, notes = KeepingStore(), Notes()
    store.waiting = polling.WOKEN_AT_ONCE + 1
    loop = PollLoop(world(store, listing.poll(masters="product")), notes.note, tick_s=0.01)
    await run_until(loop, lambda: bool(notes.said))
    assert store.listed == [("north", "product")]
    assert store.looked == [["SKU-1", "SKU-2"], ["SKU-1", "SKU-2"], None]
    assert store.waiting == 0
    assert store.wakes == 2


async def test_units_wake_the_orders_that_lack_them() -> None:
    listing = Listing({None: page(cursor="a", prices=(("SKU-1", b"5"),), terms=(("7", b"2"),))})
    store, notes = KeepingStore(), Notes()
    loop = PollLoop(world(store, listing.poll(masters="price")), notes.note, tick_s=0.01)
    await run_until(loop, lambda: bool(notes.said))
    assert (store.listed, store.looked) == ([("north", "price")], [["SKU-1"], None])


async def test_which_poll_fails_is_kept_apart_from_what_else_the_connection_does() -> None:
    polled: list[tuple[str, str, str | None]] = []

    async def note_poll(connection: str, poll: str, error: str | None) -> None:
        polled.append((connection, poll, error))

    for answer, ended in ((NotSent("away"), 1), (page(1, cursor="a"), 2)):
        loop = PollLoop(world(KeepingStore(), Listing({None: answer}).poll()), Notes().note, note_poll, tick_s=0.01)
        await run_until(loop, lambda ended=ended: len(polled) >= ended)
    assert polled == [("north", "orders", "NotSent: away"), ("north", "orders", None)]


async def test_a_part_of_the_masters_is_no_whole_round() -> None:
    broken = Listing({None: page(cursor="a", more=True, products=(("S", b"{}"),)), "a": NotSent("away")})
    store, notes = KeepingStore(), Notes()
    await run_until(
        PollLoop(world(store, broken.poll(masters="product")), notes.note, tick_s=0.01), lambda: bool(notes.said)
    )
    assert store.listed == []
    some = Listing({None: page(cursor="a", products=(("S", b"{}"),))})
    await backfill(world(store, some.poll(backfill=True, masters="product")), "north", {"since": "2026-11-01"})
    assert store.listed == []
    await backfill(world(store, some.poll(backfill=True, masters="product")), "north", {})
    assert store.listed == [("north", "product")]


async def test_the_cursor_stays_when_the_page_was_not_stored() -> None:
    listing = Listing({None: page(1, cursor="a")})
    store, notes = KeepingStore(), Notes()
    store.away = True
    await run_until(PollLoop(world(store, listing.poll()), notes.note, tick_s=0.01), lambda: bool(notes.said))
    assert not store.cursors
    assert "StoreUnavailable" in (notes.said[0][1] or "")


async def test_a_second_process_stands_by_until_the_first_gives_up() -> None:
    listing, store, notes = Listing({None: page(1, cursor="a"), "a": page(cursor="a")}), KeepingStore(), Notes()
    store.owner = "another"
    clock = iter(range(0, 10**6, 5))
    changed = world(store, listing.poll(), stopwatch=lambda: float(next(clock)))
    stop = asyncio.Event()
    running = asyncio.create_task(PollLoop(changed, notes.note, tick_s=0.005).run(stop))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not listing.asked
    store.owner = None
    await until(lambda: bool(listing.asked))
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_pages_that_go_in_circles_are_stopped_and_said() -> None:
    listing = Listing(
        {None: page(1, cursor="a", more=True), "a": page(2, cursor="b", more=True), "b": page(3, cursor="a", more=True)}
    )
    store, notes = KeepingStore(), Notes()
    await run_until(PollLoop(world(store, listing.poll()), notes.note, tick_s=0.01), lambda: bool(notes.said))
    assert len(listing.asked) == 3
    assert "twice" in (notes.said[0][1] or "")


async def test_paused_and_tripped_connections_are_left_alone() -> None:
    listing, store, notes = Listing({None: page(1, cursor="a")}), KeepingStore(), Notes()
    store.rows["north"] = msgspec.structs.replace(store.rows["north"], paused=True, paused_reason="maintenance")
    ticks: list[float] = []

    def stopwatch() -> float:
        ticks.append(0.0)
        return float(len(ticks))

    loop = PollLoop(world(store, listing.poll(), stopwatch=stopwatch), notes.note, tick_s=0.005)
    await run_until(loop, lambda: len(ticks) > 100)
    assert not listing.asked


async def test_an_unreachable_system_is_noted_and_tried_again() -> None:
    listing, store, notes = Listing({None: NotSent("refused")}), KeepingStore(), Notes()
    clock = iter(range(0, 10**6, 20))
    changed = world(store, listing.poll(), stopwatch=lambda: float(next(clock)))
    await run_until(PollLoop(changed, notes.note, tick_s=0.005), lambda: len(notes.said) >= 2)
    assert notes.said[0] == ("north", "poll orders: NotSent: refused")


async def test_a_poll_that_failed_for_days_is_still_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as long after each failure: 2 to the power of 1,100 is no length of time any more."""
    monkeypatch.setattr(polls, "RETRY_S", 0.0)
    listing, store, notes = Listing({None: NotSent("refused")}), KeepingStore(), Notes()
    loop = PollLoop(world(store, {"orders": Poll("orders", listing.run, every_s=0.0)}), notes.note, tick_s=0.0)
    await run_until(loop, lambda: len(notes.said) > 1_100)


async def test_wrong_credentials_pause_the_connection() -> None:
    class Failed(Exception):
        outcome = Misconfigured("the token was revoked")

    listing, store, notes = Listing({None: Failed()}), KeepingStore(), Notes()
    await run_until(PollLoop(world(store, listing.poll()), notes.note, tick_s=0.01), lambda: bool(notes.said))
    assert store.paused == {"north": "the token was revoked"}


async def test_a_poll_pays_from_the_accounts_quota() -> None:
    listing, store, notes = Listing({None: page(1, cursor="a")}), KeepingStore(), Notes()
    quota = Quota(concurrency=4, rate_per_s=10, cost=3)
    await run_until(
        PollLoop(world(store, listing.poll(), quota=quota), notes.note, tick_s=0.01), lambda: bool(notes.said)
    )
    assert store.booked == 3


async def test_backfill_goes_on_where_it_stopped() -> None:
    listing = Listing(
        {None: page(1, cursor="a", more=True), "a": page(2, cursor="b", more=True), "b": page(3, cursor="c")}
    )
    store = KeepingStore()
    here = world(store, listing.poll(backfill=True))
    options = {"since": "2026-01-01T00:00:00Z"}
    seen: list[int] = []

    def told(tally: Tally) -> None:
        seen.append(tally.found)

    part = await backfill(here, "north", options, progress=told, go_on=lambda: len(seen) < 2)
    assert (part.pages, part.whole) == (2, False)
    rest = await backfill(here, "north", options, progress=told)
    assert (rest.found, rest.whole) == (1, True)
    assert [cursor for cursor, _ in listing.asked] == [None, "a", "b"]
    assert {one.priority for one in store.kept} == {BACKFILL}
    assert all(given == options for _, given in listing.asked)
    again = await backfill(here, "north", options)
    assert (again.found, again.new) == (3, 0)


async def test_backfill_names_what_can_be_backfilled() -> None:
    here = world(KeepingStore(), Listing({}).poll())
    with pytest.raises(NoBackfill, match="no connection 'south'"):
        await backfill(here, "south", {})
    with pytest.raises(NoBackfill, match="no poll"):
        await backfill(here, "north", {})


async def test_a_note_that_cannot_be_kept_does_not_end_the_poll() -> None:
    listing, store, tries = Listing({None: NotSent("refused")}), KeepingStore(), 0
    clock = iter(range(0, 10**6, 20))

    async def note(_connection: str, _error: str | None) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("the database takes no such text")

    changed = world(store, listing.poll(), stopwatch=lambda: float(next(clock)))
    await run_until(PollLoop(changed, note, tick_s=0.005), lambda: len(listing.asked) >= 2)
    assert tries >= 1


async def test_what_cannot_be_stored_blocks_nothing_else_of_its_page() -> None:
    odd = Found("content-x", "order/polled", "order", "k" * 201, b"{}")
    first = page(1, 2, cursor="a")
    listing = Listing({None: msgspec.structs.replace(first, found=(odd, *first.found))})
    store, notes = KeepingStore(), Notes()
    await run_until(PollLoop(world(store, listing.poll()), notes.note, tick_s=0.01), lambda: bool(notes.said))
    assert [one.stream.key for one in store.kept] == ["north-1", "north-2"]
    assert store.cursors["north", "orders"] == "a"
    assert notes.said == [("north", None)]


async def test_polls_of_one_account_hold_a_slot_each(store: PostgresStore) -> None:
    await store.register("north", "tradepost")
    now_running, most = 0, 0
    gone: list[str] = []

    def poll(name: str) -> Poll:
        async def run(_client: Any, _cursor: str | None, _options: Mapping[str, Any]) -> Page:
            nonlocal now_running, most
            now_running += 1
            most = max(most, now_running)
            await asyncio.sleep(0.05)
            now_running -= 1
            gone.append(name)
            return Page((), "a")

        return Poll(name, run, every_s=3600)

    polls = {name: poll(name) for name in ("items", "customers", "invoices")}
    loop = PollLoop(world(store, polls, quota=Quota(concurrency=1)), Notes().note, tick_s=0.01)
    await run_until(loop, lambda: len(gone) == 3)
    assert most == 1
