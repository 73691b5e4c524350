"""One run of a connector's poll: pages are made durable one by one, and the cursor moves only after its page."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from crossdock.domain.decision import StreamRef
from crossdock.domain.matching import keys_of
from crossdock.engine.quota import Resting, heard
from crossdock.engine.verdict import LANES
from crossdock.engine.world import Linked, World
from crossdock.kit.manifest import Page, Poll, Quota
from crossdock.observe.trace import new_trace
from crossdock.store.accept import defect
from crossdock.store.protocol import Arrival

AT_ONCE = 200  # arrivals per transaction
WOKEN_AT_ONCE = 500  # orders per transaction that are told that their masters came
LONGEST_RUN = 2_000  # pages; what is left comes with the next run
_SLOT_LEASE_S = 120.0  # longer than any page takes
_SLOT_TRIES = 60
_LOOK_S = 5.0  # how often a run that waits for a rest's end looks whether it still has to, and may go on at all
_encode = msgspec.json.Encoder().encode


class Stuck(Exception):
    """The poll answers with a cursor it had before and claims there is more: its pages would never end."""


class Busy(Exception):
    """The account's limits left no room for a page."""


class Tally(msgspec.Struct):
    """What a run did so far."""

    pages: int = 0
    found: int = 0
    new: int = 0
    masters: int = 0
    whole: bool = False  # nothing more was to be listed


class Run(msgspec.Struct, frozen=True):
    """What to run: ``cursor`` is the name the place is kept under, so that a broken run goes on where it was."""

    link: Linked
    poll: Poll
    cursor: str
    options: Mapping[str, Any]
    priority: int
    wait: Callable[[float], Any]  # sleeps; injected


async def run_pages(
    world: World, run: Run, go_on: Callable[[], bool], told: Callable[[Tally], None], tally: Tally
) -> None:
    """Page until there is no more, ``go_on()`` is false, or ``LONGEST_RUN`` pages, adding to ``tally``. Raises what
    the poll raises, ``Stuck``, ``Busy`` and ``StoreUnavailable``."""
    longest = tally.pages + LONGEST_RUN
    name = run.link.name
    with world.signals.span(f"poll {run.poll.name}", attributes={"crossdock.connection": name}) as span:
        trace = span.traceparent or new_trace(world.random)
        at = await world.store.cursor(name, run.cursor) or None
        seen = {at}
        while go_on() and tally.pages < longest:
            try:
                page = await _page(world, run, at)
            except Resting as resting:
                await run.wait(min(resting.rest_s, _LOOK_S))
                continue
            await _keep(world, run, page, trace, tally)
            told(tally)
            if not page.more:
                tally.whole = True
                await _whole(world, run, trace)
                break
            if page.cursor in seen:
                raise Stuck(f"poll {run.poll.name} of {name} gave the same cursor twice after {tally.pages} pages")
            seen.add(page.cursor)
            at = page.cursor
        span.set(**{"crossdock.pages": tally.pages, "crossdock.found": tally.found})


async def _page(world: World, run: Run, at: str | None) -> Page:
    """One page, within the account's limits. Raises ``Resting`` before anything was asked."""
    quota, account = run.link.connector.manifest.quota, run.link.name
    worker = f"{world.worker}/polls/{run.cursor}"  # a slot for each of the account's polls
    if quota.concurrency is not None:
        await _slot(world, run, quota.concurrency, worker)
    try:
        await _spend(world, run, quota)
        if (rest_s := await world.store.resting_s(account)) > 0:
            raise Resting(account, rest_s)
        client = run.link.connector.open(run.link.line)
        try:
            return await run.poll.run(client, at, run.options)
        except Exception as error:
            await heard(world, run.link, error)
            raise
    finally:
        if quota.concurrency is not None:
            await world.store.release_slots(account, worker)


async def _slot(world: World, run: Run, limit: int, worker: str) -> None:
    """One of the account's concurrency slots; deliverers give some back every second, of an only one it too."""
    for _ in range(_SLOT_TRIES):
        if await world.store.acquire_slots(run.link.name, worker, 1, limit, _SLOT_LEASE_S, turns="passes"):
            return
        await run.wait(0.5)
    raise Busy(f"no free slot at {run.link.name} for poll {run.poll.name}")


async def _spend(world: World, run: Run, quota: Quota) -> None:
    if quota.rate_per_s is None:
        return
    for _ in range(_SLOT_TRIES):
        grant = await world.store.book(run.link.name, quota.cost, quota.rate_per_s, quota.burst or quota.rate_per_s)
        if grant.rests:
            raise Resting(run.link.name, grant.wait_s)
        if grant.wait_s > 0:
            world.signals.record("crossdock.target.throttle.wait", grant.wait_s, target=run.link.name)
            await run.wait(grant.wait_s)
        if grant.units:
            return
    raise Busy(f"no room in the rate of {run.link.name} for poll {run.poll.name}")


async def _keep(world: World, run: Run, page: Page, trace: str, tally: Tally) -> None:
    """Messages, masters, then the cursor: a crash in between repeats the page, which changes nothing."""
    store, name = world.store, run.link.name
    new = 0
    for start in range(0, len(page.found), AT_ONCE):
        arrivals = [_arrival(run, found, trace) for found in page.found[start : start + AT_ONCE]]
        receipts = await store.accept([one for one in arrivals if _storable(world, run, one)])
        new += sum(not receipt.duplicate for receipt in receipts)
    if page.products:
        await store.save_masters(name, "product", page.products)
        await _look_again(world, name, "product", [key for key, _ in page.products], trace)
    if page.customers:
        rows = [(key, known.ref, _encode(known)) for known in page.customers for key in keys_of(known)]
        await store.save_customers(name, rows)
        await _look_again(world, name, "customer", [key for key, *_ in rows], trace)
    if page.prices:
        await store.save_masters(name, "price", page.prices)
        await _look_again(world, name, "price", [key for key, _ in page.prices], trace)
    if page.terms:
        await store.save_masters(name, "terms", page.terms)
    for kind, values in page.values.items():
        await store.save_values(name, kind, [(value.code, value.title) for value in values])
    if page.cursor:
        await store.save_cursor(name, run.cursor, page.cursor)
    if new:
        await store.wake("decide")
    tally.pages, tally.found, tally.new = tally.pages + 1, tally.found + len(page.found), tally.new + new
    tally.masters += len(page.products) + len(page.customers) + len(page.prices) + len(page.terms)
    for result, count in (("new", new), ("known", len(page.found) - new)):
        if count:
            world.signals.add("crossdock.poll.found", count, channel=name, poll=run.poll.name, result=result)


async def _whole(world: World, run: Run, trace: str) -> None:
    """All masters of a kind were listed: what is missing now is missing. Orders that looked too early look again."""
    kind = run.poll.masters
    if kind is not None and not run.options:
        await world.store.note_listed(run.link.name, kind)
        await _look_again(world, run.link.name, kind, None, trace)


async def _look_again(world: World, connection: str, kind: str, keys: list[str] | None, trace: str) -> None:
    woken = WOKEN_AT_ONCE
    while woken == WOKEN_AT_ONCE:
        woken = await world.store.look_again(connection, kind, keys, WOKEN_AT_ONCE, trace)
        if woken:
            await world.store.wake("decide")


def _storable(world: World, run: Run, arrival: Arrival) -> bool:
    """Whether the store can take it: somebody else's odd record must not keep the whole poll from going on."""
    why = defect(arrival)
    if why is not None:
        subject = arrival.stream.key[:80]
        world.signals.log.error("poll.left_out", connection=run.link.name, poll=run.poll.name, key=subject, reason=why)
    return why is None


def _arrival(run: Run, found: Any, trace: str) -> Arrival:
    return Arrival(
        connection=run.link.name,
        delivery_id=found.delivery_id,
        source="poll",
        topic=found.topic,
        stream=StreamRef(found.stream_kind, found.stream_key),
        body=found.body,
        trace=trace,
        priority=max(run.priority, LANES.get(found.stream_kind, run.priority)),
    )
