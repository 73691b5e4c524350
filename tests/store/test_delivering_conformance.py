"""Leases, fences, outcomes, limits and the small tables."""

import asyncio
import time
from datetime import date
from itertools import combinations

import pytest

from crossdock.domain.decision import StreamRef
from crossdock.engine.quota import QuotaHold
from crossdock.kit.manifest import Quota
from crossdock.store.errors import UnknownConnection
from crossdock.store.protocol import BACKFILL, REST_AT_MOST_S, Grant, LeasedCommand, NewMessage, Store
from tests.store.probes import Probe, arrival, bodies, booking, decide, sent


async def one_command(store: Store, lease_s: float = 30.0) -> LeasedCommand:
    await store.accept([arrival("d1")])
    await decide(store, commands=[booking()])
    (command,) = await store.claim_commands("erp", 10, lease_s)
    return command


async def test_a_leased_command_is_nobody_elses(any_store: Store) -> None:
    command = await one_command(any_store)
    assert (command.key, command.purpose, command.payload) == ("o1/erp/order.book", "order.book", b"payload")
    assert (command.tries, command.check_first, command.expired) == (0, False, False)
    assert await any_store.claim_commands("erp", 10, 30) == []
    assert await any_store.claim_commands("erp", 10, 30, expired=True) == []


async def test_an_outcome_returns_to_the_stream(any_store: Store, probe: Probe) -> None:
    command = await one_command(any_store)
    told = NewMessage(StreamRef("order", "other"), "order_seen", b"told")
    assert await any_store.record([sent(command, tells=(told,))]) == [True]
    assert await bodies(any_store) == {"o1": [b"outcome"], "other": [b"told"]}
    assert await probe.attempts() == [("done", False)]
    assert await any_store.claim_commands("erp", 10, 30) == []


async def test_what_an_outcome_tells_an_existing_stream_makes_none(any_store: Store) -> None:
    command = await one_command(any_store)
    told = NewMessage(StreamRef("order", "other"), "order_seen", b"told", existing=True)
    assert await any_store.record([sent(command, tells=(told,))]) == [True]
    assert await bodies(any_store) == {"o1": [b"outcome"]}


async def test_who_reports_twice_or_late_is_fenced_out(any_store: Store, probe: Probe) -> None:
    late = await one_command(any_store, lease_s=0.0)
    (taken,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    assert taken.fence != late.fence
    assert await any_store.record([sent(late)]) == [False]
    assert await bodies(any_store) == {}
    assert await any_store.record([sent(taken)]) == [True]
    assert await any_store.record([sent(taken)]) == [False]
    assert await bodies(any_store) == {"o1": [b"outcome"]}
    assert await probe.attempts() == [("unknown", False), ("done", True), ("done", False), ("done", True)]


async def test_a_late_report_beside_the_holders_own_tells_nobody(any_store: Store, probe: Probe) -> None:
    """A process that waited for the store may hold both: its own late one, and that of its take-over."""
    late = await one_command(any_store, lease_s=0.0)
    (taken,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    old, new = (NewMessage(StreamRef("order", "other"), "order_seen", told) for told in (b"old", b"new"))
    assert await any_store.record([sent(late, tells=(old,)), sent(taken, tells=(new,))]) == [False, True]
    assert await bodies(any_store) == {"o1": [b"outcome"], "other": [b"new"]}


async def test_an_expired_lease_is_an_unknown_outcome(any_store: Store) -> None:
    await one_command(any_store, lease_s=0.0)
    assert await any_store.claim_commands("erp", 10, 30) == []
    (taken,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    assert (taken.expired, taken.check_first, taken.tries) == (True, True, 1)


async def test_a_holder_whose_lease_ended_but_whom_nobody_followed_may_report(any_store: Store) -> None:
    command = await one_command(any_store, lease_s=0.0)
    assert await any_store.record([sent(command)]) == [True]


async def test_again_counts_only_what_counts(any_store: Store) -> None:
    command = await one_command(any_store)
    assert await any_store.record([sent(command, "rate_limited", again_in_s=0.0, counts=False)]) == [True]
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert (command.tries, command.check_first) == (0, False)
    assert await any_store.record([sent(command, "unknown", again_in_s=0.0, check_first=True)]) == [True]
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert (command.tries, command.check_first) == (1, True)
    assert await any_store.record([sent(command, "retry_later", again_in_s=3600.0)]) == [True]
    assert await any_store.claim_commands("erp", 10, 30) == []


async def test_a_command_given_back_is_due_at_once(any_store: Store) -> None:
    command = await one_command(any_store)
    await any_store.unlease([(command.id, command.fence + 1000)])
    assert await any_store.claim_commands("erp", 10, 30) == []
    await any_store.unlease([(command.id, command.fence)])
    (again,) = await any_store.claim_commands("erp", 10, 30)
    assert again.tries == 0
    assert await any_store.record([sent(command)]) == [False]


@pytest.mark.parametrize(("outcome", "looks"), [("rejected", False), ("unknown", True), ("done", True)])
async def test_sending_again_looks_first_unless_nothing_can_have_happened(
    any_store: Store, outcome: str, looks: bool
) -> None:
    await any_store.record([sent(await one_command(any_store), outcome)])
    await decide(any_store, again=["o1/erp/order.book", "unheard of"])
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert (command.tries, command.check_first) == (0, looks)


async def test_sending_again_after_a_lost_worker_looks_first(any_store: Store) -> None:
    await one_command(any_store, lease_s=0.0)
    (taken,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    await any_store.record([sent(taken, "rejected")])
    await decide(any_store, again=["o1/erp/order.book"])
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert command.check_first


async def test_sending_again_what_is_still_under_way_changes_nothing(any_store: Store) -> None:
    command = await one_command(any_store)
    await any_store.accept([arrival("d2")])
    await decide(any_store, again=[command.key])
    assert await any_store.claim_commands("erp", 10, 30) == []
    assert await any_store.record([sent(command)]) == [True]


async def test_live_commands_go_before_backfill(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    await decide(any_store, commands=[booking("slow", priority=BACKFILL), booking("live")])
    assert [command.key for command in await any_store.claim_commands("erp", 1, 30)] == ["live"]


async def test_quota_is_never_booked_twice(any_store: Store) -> None:
    """Slices of 0.2 s, one second ahead. A slow machine only widens what is known of when a call was booked."""

    async def book() -> tuple[float, Grant, float]:
        before = time.monotonic()
        return before, await any_store.book("erp", 10, 50.0, 5.0), time.monotonic()

    calls = await asyncio.gather(*(book() for _ in range(20)))
    took_s = max(after for _, _, after in calls) - min(before for before, _, _ in calls)
    places = [(before + grant.wait_s, after + grant.wait_s) for before, grant, after in calls if grant.units]
    assert 5 <= len(places) <= 6 + took_s / 0.2, "six slices reach a second ahead, the others what passes meanwhile"
    for (early, late), (other_early, other_late) in combinations(places, 2):
        assert max(late - other_early, other_late - early) > 0.19, "two calls were given the same slice"
    assert all(0 < grant.wait_s <= 1.0 for _, grant, _ in calls if not grant.units)


async def test_a_slow_quota_still_grants(any_store: Store) -> None:
    grant = await any_store.book("slow", 1, 0.1, 1.0)
    assert (grant.units, round(grant.wait_s)) == (1, 10)


async def test_slots_are_shared_and_come_back(any_store: Store) -> None:
    held = await asyncio.gather(*(any_store.acquire_slots("erp", f"w{n}", 3, 8, 30.0) for n in range(5)))
    assert sum(held) == 8
    for n in range(5):
        await any_store.release_slots("erp", f"w{n}")
    assert await any_store.acquire_slots("erp", "w9", 9, 8, 0.0) == 8
    assert await any_store.acquire_slots("erp", "w8", 9, 8, 30.0) == 8, "a lease that ended holds nothing"


async def test_a_newcomer_gets_his_fair_share_of_the_slots(any_store: Store) -> None:
    async def renew(worker: str, using: int) -> int:
        return await any_store.acquire_slots("erp", worker, 7, 7, 30.0, using=using)

    assert await renew("first", using=0) == 7
    assert await renew("second", using=0) == 0, "all are taken, but the wish is known"
    assert await renew("first", using=6) == 4, "no new calls beyond the share"
    assert await renew("second", using=0) == 1, "six calls of the first are still in flight"
    assert await renew("first", using=4) == 4
    assert [await renew("second", using=1), await renew("first", using=4)] == [3, 4]
    assert await renew("third", using=0) == 0
    assert [await renew("first", using=3), await renew("second", using=2), await renew("third", using=0)] == [3, 2, 2]
    await any_store.release_slots("erp", "first")
    assert [await renew("second", using=2), await renew("third", using=2)] == [4, 3]


async def test_small_wishes_are_granted_whole_and_an_ownership_stays(any_store: Store) -> None:
    assert await any_store.acquire_slots("erp", "deliver", 7, 7, 30.0) == 7
    assert await any_store.acquire_slots("erp", "polls", 1, 8, 30.0) == 1
    assert await any_store.acquire_slots("erp", "deliver", 7, 7, 30.0) == 6
    assert await any_store.acquire_slots("owner", "b", 1, 1, 30.0) == 1
    for _ in range(2):
        assert await any_store.acquire_slots("owner", "a", 1, 1, 30.0) == 0
        assert await any_store.acquire_slots("owner", "b", 1, 1, 30.0) == 1


async def test_an_only_slot_goes_to_the_polls_and_back(any_store: Store) -> None:
    now = 0.0
    couriers = {name: QuotaHold(any_store, "erp", Quota(concurrency=1), name, lambda: now) for name in ("z", "y")}

    async def renew(name: str, using: int = 0) -> int:
        nonlocal now
        now += 1.1
        await couriers[name].renew(using)
        return couriers[name].slots

    async def asks(worker: str) -> int:
        return await any_store.acquire_slots("erp", worker, 1, 1, 30.0, turns="passes")

    assert await renew("z") == 1
    assert [await renew("y"), await renew("z"), await renew("y")] == [0, 1, 0], "couriers give each other nothing away"
    await any_store.release_slots("erp", "y")
    assert await asks("orders") == 0
    assert [await renew("z", using=1), await asks("orders")] == [0, 0], "its call is still in flight"
    assert [await renew("z"), await asks("orders")] == [0, 1]
    assert [await asks("items"), await renew("z")] == [0, 0]
    await any_store.release_slots("erp", "orders")
    assert await asks("orders") == 0, "the next page waits behind who waited before it"
    assert [await asks("items"), await renew("z")] == [0, 1]
    assert [await asks("items"), await renew("z"), await asks("orders"), await asks("items")] == [0, 0, 0, 1]


async def test_connections_carry_pause_and_breaker(any_store: Store) -> None:
    await any_store.trip("erp", failures=5, breaker="open", for_s=30.0)
    await any_store.pause("shop", "credentials")
    found = await any_store.connections()
    assert (found["erp"].breaker, found["erp"].failures, found["erp"].paused) == ("open", 5, False)
    assert found["erp"].breaker_until is not None
    assert (found["shop"].paused, found["shop"].paused_reason) == (True, "credentials")
    await any_store.trip("erp", failures=0, breaker="closed", for_s=None)
    await any_store.pause("shop", None)
    found = await any_store.connections()
    assert (found["erp"].breaker, found["erp"].breaker_until, found["shop"].paused) == ("closed", None, False)
    with pytest.raises(UnknownConnection):
        await any_store.pause("nowhere", "reason")


async def test_the_databases_clock_says_when_an_open_breaker_may_be_probed(any_store: Store) -> None:
    await any_store.trip("erp", failures=5, breaker="open", for_s=0.0)
    row = (await any_store.connections())["erp"]
    assert (row.breaker, row.failures) == ("half_open", 5)


async def test_masters_and_cursors(any_store: Store) -> None:
    await any_store.save_masters("erp", "product", [("a", b"1"), ("b", b"2"), ("a", b"3")])
    await any_store.save_masters("erp", "product", [("b", b"4")])
    assert await any_store.load_masters("erp", "product", ["a", "b", "c"]) == {"a": b"3", "b": b"4"}
    assert await any_store.load_masters("erp", "customer", ["a"]) == {}
    for kind in ("price", "terms"):  # kinds are kept apart under one key
        await any_store.save_masters("erp", kind, [("a", kind.encode())])
        assert await any_store.load_masters("erp", kind, ["a"]) == {"a": kind.encode()}
    assert await any_store.load_masters("erp", "product", ["a"]) == {"a": b"3"}
    assert await any_store.cursor("shop", "orders") is None
    await any_store.save_cursor("shop", "orders", "1")
    await any_store.save_cursor("shop", "orders", "2")
    assert await any_store.cursor("shop", "orders") == "2"


async def test_a_wake_up_is_heard_until_forgotten(any_store: Store) -> None:
    heard, other = asyncio.Event(), asyncio.Event()
    forget = await any_store.listen("decide", heard.set)
    await any_store.listen("decide", other.set)
    await _ring(any_store, heard)
    await forget()
    heard.clear()
    other.clear()
    await _ring(any_store, other)
    assert not heard.is_set()


async def _ring(store: Store, heard: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        while not heard.is_set():
            await store.wake("decide")
            await asyncio.sleep(0.01)


async def test_tending_tells_how_it_is(any_store: Store) -> None:
    await any_store.accept([arrival(f"d{n}") for n in range(3)])
    figures = await any_store.tend()
    assert figures["agenda_rows"] == 3
    assert figures["dispatch_rows"] == 0
    assert figures["oldest_snapshot_s"] >= 0


async def test_what_is_sent_again_keeps_the_first_day_it_may_be_posted_on(any_store: Store) -> None:
    await any_store.record([sent(await one_command(any_store), "rejected")])
    await decide(any_store, again=["o1/erp/order.book"], posting_from=date(2026, 12, 1))
    (command,) = await any_store.claim_commands("erp", 10, 0)
    assert (command.posting_from, command.check_first) == (date(2026, 12, 1), False)
    (command,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    assert (command.posting_from, command.check_first) == (date(2026, 12, 1), True)
    await any_store.record([sent(command, "unknown", again_in_s=0.0, check_first=True)])
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert command.posting_from == date(2026, 12, 1)


async def test_of_an_account_that_rests_nothing_is_leased_and_nothing_booked(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    await decide(any_store, commands=[booking()])
    await any_store.rest("erp", 30.0)
    assert await any_store.claim_commands("erp", 10, 30.0) == []
    assert await any_store.claim_commands("erp", 10, 30.0, expired=True) == []
    grant = await any_store.book("erp", 10, 50.0, 5.0)
    assert (grant.units, grant.rests) == (0, True)
    assert 25 < grant.wait_s <= 30
    assert await any_store.resting_s("shop") == 0
    assert (await any_store.book("shop", 10, 50.0, 5.0)).units == 10, "the others go on"
    assert await any_store.acquire_slots("erp", "w", 3, 3, 30.0) == 3, "who waits for its end may hold a slot"


async def test_a_lease_that_ended_is_not_taken_over_while_its_target_rests(any_store: Store) -> None:
    await one_command(any_store, lease_s=0.0)
    await any_store.rest("erp", 30.0)
    assert await any_store.claim_commands("erp", 10, 30.0, expired=True) == []


async def test_a_rest_ends_and_is_never_shortened(any_store: Store) -> None:
    await any_store.rest("erp", 30.0)
    await any_store.rest("erp", 1.0)
    assert await any_store.resting_s("erp") > 25
    await any_store.rest("erp", 60.0)
    assert 55 < await any_store.resting_s("erp") <= 60
    await any_store.rest("shop", 0.0)
    assert await any_store.resting_s("shop") == 0
    grant = await any_store.book("shop", 10, 50.0, 5.0)
    assert (grant.units, grant.rests) == (10, False)


async def test_nobody_rests_for_more_than_a_day(any_store: Store) -> None:
    await any_store.rest("erp", 1e9)
    assert REST_AT_MOST_S - 60 < await any_store.resting_s("erp") <= REST_AT_MOST_S


async def test_a_rest_that_one_worker_was_told_of_is_all_workers(any_store: Store) -> None:
    now = 0.0
    told, other = (QuotaHold(any_store, "erp", Quota(rate_per_s=50.0), name, lambda: now) for name in ("told", "other"))
    assert await other.spend(1)
    await told.throttle(30.0)
    now += 0.5  # what was booked before is no longer used
    assert not await other.spend(1)
    assert 25 < other.resting_s <= 30
    assert not await told.spend(1)


async def test_what_a_busy_meter_asks_for_is_not_written_each_time(any_store: Store) -> None:
    now = 0.0
    hold = QuotaHold(any_store, "erp", Quota(), "w", lambda: now)
    await hold.throttle(0.9)
    assert hold.resting_s == 0.9
    assert await any_store.resting_s("erp") == 0
    await QuotaHold(any_store, "erp", Quota(per_operation=True), "w", lambda: now).throttle(30.0)
    assert await any_store.resting_s("erp") == 0, "the other operations are not refused"
