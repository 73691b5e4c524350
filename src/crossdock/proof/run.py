"""One seed from beginning to end: place the orders, let everything go wrong, wait for quiet, check the invariants."""

import asyncio
import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import timedelta
from typing import Any

import msgspec

from crossdock import app
from crossdock.domain.events import OperatorActed, encode_event
from crossdock.proof import house, payouts, stock_checks
from crossdock.proof.clock import Clock, VirtualLoop
from crossdock.proof.database import ProcessStore, Trouble
from crossdock.proof.evidence import Evidence, Violation
from crossdock.proof.exercised import exercised, reasons
from crossdock.proof.inbox import Inbox
from crossdock.proof.invariants import violations
from crossdock.proof.marks import Mark, world
from crossdock.proof.network import ProcessHttp, Serving, Weather, polls_watched, watched
from crossdock.proof.plan import SHOP, Blow, OrderPlan, PayoutPlan, Scenario
from crossdock.proof.process import Process, task_factory
from crossdock.proof.tables import InMemory, Tables
from crossdock.proof.vendors import Vendors
from crossdock.proof.witness import Note, Testimony, Witness
from crossdock.simulators.base import Deliver, Request
from crossdock.store.origin import DOUBT_S
from crossdock.store.protocol import Arrival, StoreUnavailable

PATIENCE_S = 3600.0  # of quiet, until all has come to rest: longer than a command can be sent again, waits doubling
RESTED = frozenset({"done", "cancelled", "ignored", "exception", "held", "parked"})
_LOOK_S = 1.0
REPLAY_S = 120  # until nothing of a replay is left to do: it brings no news
_AGAIN_S = 0.5  # until a killed process is there again


class Ran(msgspec.Struct):
    """What one run showed."""

    seed: int
    profile: str
    violations: list[Violation]
    faults: dict[str, int]
    recoveries: dict[str, int]
    digest: str
    lasted_s: float  # of simulated time
    boundaries: int
    notes: list[Note] = []
    steps: list[str] = []  # the last boundaries, of a run that broke something
    journal: dict[str, list[str]] = {}  # order -> its journal in words, of orders that broke something
    exercised: dict[str, int] = {}  # what the promises had to look at
    reasons: dict[str, int] = {}  # why people were told something
    outcome: dict[str, str] = {}  # order -> where it ended, in our books and in the vendors'
    ended: list[str] = []  # where, of a run that an exception ended: its traceback


def run(
    scenario: Scenario,
    *,
    keep_notes: bool = False,
    connectors: Any = house.connector,
    tables: Callable[[Clock], Tables] = InMemory,
    marks: list[Mark] | None = None,
    patience_s: float = PATIENCE_S,
) -> Ran:
    """Run it. Nothing of the machine, the time of day or an earlier run has any influence. ``marks`` is filled.

    An exception that ends it is told as a broken promise (I10), with all that was seen until then.
    """
    loop = VirtualLoop()
    loop.set_task_factory(task_factory)
    with _no_collection():
        play = _Play(scenario, loop, connectors, tables)
        play.marks, play.patience_s = marks, patience_s
        try:
            found = loop.run_until_complete(play.whole())
            digest, outcome = play.digest(), play.evidence.outcome()
            seen, told = exercised(play.evidence), reasons(play.evidence)
            journal = {one.order: play.evidence.journal(one.order) for one in found if one.order}
        except Exception as error:  # noqa: BLE001 - whatever ended the run, its seed and story are told
            return _ended(play, error)
        finally:
            play.bury()
            loop.close()
    witness = play.witness
    return Ran(
        scenario.seed, scenario.profile, found, dict(witness.faults), dict(witness.recoveries), digest,
        loop.time(), play.boundaries, witness.notes if keep_notes or found else [],
        list(witness.steps) if found else [], journal, seen, told, outcome,
    )  # fmt: skip


def _ended(play: "_Play", error: Exception) -> Ran:
    """A run that an exception ended: there is nothing to judge, and what struck until then tells why."""
    witness, scenario = play.witness, play.scenario
    broken = [Violation("I10", "", f"the run ended with {error!r}"), *play.evidence.found]
    return Ran(
        scenario.seed, scenario.profile, broken, dict(witness.faults), dict(witness.recoveries), "",
        play.clock.seconds(), play.boundaries, witness.notes, list(witness.steps),
        ended=[line.rstrip() for line in traceback.format_exception(error)],
    )  # fmt: skip


@contextmanager
def _no_collection() -> Iterator[None]:
    """Lost tasks must be cleared away when we say so, not when the collector comes by."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Play:
    def __init__(
        self, scenario: Scenario, loop: VirtualLoop, connectors: Any, tables: Callable[[Clock], Tables]
    ) -> None:
        self.scenario, self._loop = scenario, loop
        self.clock = Clock(loop)
        self.witness = Witness(self.clock.seconds)
        self.weather = Weather(scenario, self.witness, self.clock.seconds)
        self.trouble = Trouble(scenario, self.witness, self.clock.seconds)
        self.tables = tables(self.clock)
        self.vendors = Vendors(scenario, self.clock, self.weather, self.witness)
        self.evidence = Evidence(scenario, self.tables, self.vendors)
        self.evidence.pace, self.evidence.rounds = self.weather.pace, self.witness.rounds
        self.boundaries = 0
        self._connectors = {
            name: watched(self._polled_in_time(name, connectors(s)), self.witness, **house.HURRY)
            for name, s in house.SYSTEMS.items()
        }
        self._jumps: dict[str, float] = {}
        self._workers: dict[str, house.Worker] = {}
        self._processes: list[Process] = []
        self._orders: dict[int, str] = {}
        self._inbox, self._acts = Inbox(self.tables), 0
        self._random = scenario.random("world")
        self._quiet = False
        self._mended: set[str] = set()  # connections that lost what they sign in with, and have it again
        self._struck = ""  # whom the sweep killed
        self.patience_s = PATIENCE_S
        self.marks: list[Mark] | None = None  # where a sweep could kill, when it wants to know

    def _polled_in_time(self, vendor: str, connector: Any) -> Any:
        def begins(poll: str) -> None:
            self.evidence.polls(vendor, poll, self.clock.now())

        return polls_watched(house.polled(connector, self.scenario), begins)

    # -- the play ----------------------------------------------------------------------------------------------

    async def whole(self) -> list[Violation]:
        for name, system in house.SYSTEMS.items():
            await self.tables.store.register(name, system, role=app.connector(system).manifest.role)
        self.vendors.post.open(self._post)
        if any(self.scenario.skews):
            self.witness.fault("clock_skew", "world", f"{self.scenario.skews} s")
        if self.scenario.search_lag_s:
            self.witness.fault("search_lag", "warehouse", f"{self.scenario.search_lag_s} s")
        self.vendors.shelves.open()
        for number in range(1, self.scenario.workers + 1):
            self._start(f"w{number}")
        loop = asyncio.get_running_loop()
        working = loop.create_task(self.vendors.work())
        parts = [loop.create_task(self._order(n, plan)) for n, plan in enumerate(self.scenario.orders)]
        parts += [loop.create_task(self._blow(blow)) for blow in self.scenario.blows]
        parts += [loop.create_task(self._operator(at, act)) for at, act in self.scenario.operator]
        parts += [loop.create_task(self._pay_out(plan)) for plan in self.scenario.payouts]
        parts.append(loop.create_task(self.vendors.shelves.work(self.scenario.warm_s)))
        await asyncio.sleep(self.scenario.warm_s + self.scenario.trouble_s)
        await asyncio.gather(*parts)
        await self._rest()
        if self.scenario.replayed:
            await self._replayed()
        if working.done():
            working.result()  # vendors that stopped by a bug of theirs prove nothing
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        self._workers_fine()
        self.witness.recoveries.update(stock_checks.recoveries(self.evidence))
        self.evidence.ended = self.clock.now()
        return violations(self.evidence)

    def _workers_fine(self) -> None:
        for worker in self._workers.values():
            for loop in worker.loops:
                if loop.done() and not loop.cancelled() and (error := loop.exception()) is not None:
                    self.evidence.seen("I10", worker.process.name, f"a loop of the engine ended: {error!r}")

    async def _rest(self) -> None:
        """No more faults; wait until nothing moves."""
        self.weather.end()
        self.trouble.end()
        self.vendors.end()
        self._quiet = True
        self.witness.note("world", "quiet: no more faults")
        for worker in self._workers.values():
            worker.process.resume()
        began = self.clock.seconds()
        calm = 0
        while calm < 2:
            await asyncio.sleep(_LOOK_S)
            await self._resume_connections()
            held = self.tables.books.reservations
            read = self.vendors.shelves.read_since_moved(self.witness.listed, self.clock.seconds(), held)
            calm = calm + 1 if read and self._still() and self._polled(began) else 0
            if self.clock.seconds() - began > self.patience_s:
                self.evidence.stuck = True
                return

    def _polled(self, began: float) -> bool:
        """Whether every poll that can bring an order on listed once more since the quiet began."""
        ended, later = self.witness.polled, began + house.POLL_EVERY_S / 2
        seldom = house.seldom(self.scenario)
        polls = [(n, poll) for n, one in self._connectors.items() for poll in one.polls if poll not in seldom]
        return all(ended.get(one, 0.0) > later and self.witness.listed[one] > began for one in polls)

    async def _resume_connections(self) -> None:
        """A person saw that a connection is paused, and why, and has mended it: there must have been something to."""
        for name, row in (await self.tables.store.connections()).items():
            if row.paused:
                if name not in self._mended:
                    self.evidence.seen("I10", name, f"it is paused, and nothing is to be mended: {row.paused_reason}")
                self.witness.recovered("connection_resumed")
                await self.tables.store.pause(name, None)

    def _still(self) -> bool:
        books = self.tables.books
        if books.agenda or books.dispatch or self.weather.late or not self.vendors.idle:
            return False
        orders = [row for row in books.rows.values() if row.ref.kind in ("order", "settlement") and row.version]
        if not all(row.status in RESTED for row in orders) or self.evidence.will_be_cured():
            return False
        return not stock_checks.waiting(self.evidence)

    def _soon(self) -> bool:
        """Whether a timer is still to tell what somebody made of the replay."""
        ends = self.clock.now() + timedelta(seconds=REPLAY_S)
        return any(alarm.due_at < ends for alarm in self.tables.books.timers.values())

    async def _replayed(self) -> None:
        """The whole inbox once more, in another order: nothing may come of it."""
        if self.evidence.stuck:
            return
        self.evidence.before_replay()
        inbox = self._inbox.messages()
        self._random.shuffle(inbox)
        await self._inbox.replay(inbox)
        self.witness.note("world", f"replay of {len(inbox)} messages")
        await self.tables.store.wake("decide")
        for _ in range(REPLAY_S):
            await asyncio.sleep(_LOOK_S)
            if self._still() and not self._soon():
                break
        else:
            self.evidence.stuck = True
        self.evidence.after_replay()

    # -- what happens in it ------------------------------------------------------------------------------------

    async def _order(self, number: int, plan: OrderPlan) -> None:
        await asyncio.sleep(self.scenario.warm_s + plan.at)
        wish = {"paid": True, **plan.wish}
        if wish["paid"] is False:
            wish["paid"] = False
        if not self.vendors.shelves.can_have(wish):
            self.witness.note(SHOP, f"sold out: {plan.wish}")
            return
        (order_id,) = self.vendors.shop.act("place_order", wish)["ids"]
        self._orders[number] = order_id
        self.evidence.plans[f"{SHOP}-{order_id}"] = plan
        self.vendors.shelves.was_placed(f"{SHOP}-{order_id}")
        self.witness.note(SHOP, f"order {order_id} placed: {plan.wish}", f"{SHOP}-{order_id}")
        for after_s, verb in plan.acts:
            await asyncio.sleep(max(0.0, self.scenario.warm_s + plan.at + after_s - self.clock.seconds()))
            self.vendors.act(verb, order_id)

    async def _pay_out(self, plan: PayoutPlan) -> None:
        await asyncio.sleep(self.scenario.warm_s + plan.at)
        await payouts.pay_out(self.vendors.shop, plan, self.witness.note)

    async def _blow(self, blow: Blow) -> None:
        await asyncio.sleep(self.scenario.warm_s + blow.at)
        if blow.kind == "restored":
            await self._restored(blow)
            return
        self.witness.fault(blow.kind, blow.who or "database", f"for {blow.for_s:g} s")
        match blow.kind:
            case "crash":
                await self._killed(blow)
            case "sigterm":
                await self._ended(blow)
            case "pause":
                process = self._workers[blow.who].process
                process.pause()
                await asyncio.sleep(blow.for_s)
                process.resume()
            case "outage":
                self.weather.outage(blow.who, blow.for_s)
            case "store_down":
                self.trouble.down_until = self.clock.seconds() + blow.for_s
            case "clock_jump":
                self._jumps[blow.who] = self._jumps.get(blow.who, 0.0) + blow.for_s
            case "locked_out":
                self.vendors.lock_out()
                await asyncio.sleep(blow.for_s)
                self.vendors.let_in()
                self._mended.add(blow.who)
            case "token_revoked":
                self.vendors.erp.act("revoke_tokens", {})
                self._mended.add(blow.who)
            case "unsubscribed":
                self.vendors.shop.act("unsubscribe", {})

    async def _restored(self, blow: Blow) -> None:
        """The database is put back to what it was ``for_s`` before; what others did meanwhile, they did."""
        if not isinstance(self.tables, InMemory):
            raise TypeError("only tables in memory are put back")
        backup = self.tables.backup()
        await asyncio.sleep(blow.for_s)
        self.witness.fault(blow.kind, "database", f"it is what it was {blow.for_s:g} s ago")
        for worker in self._workers.values():
            worker.process.crash()
        before = self.tables.books
        self.tables.restore(backup)
        self.evidence.forgotten(before)
        await self.tables.store.restored(DOUBT_S)
        await asyncio.sleep(_AGAIN_S)
        for name in list(self._workers):
            self._start(name)

    async def _killed(self, blow: Blow) -> None:
        self._workers[blow.who].process.crash()
        await asyncio.sleep(blow.for_s)
        self._start(blow.who)

    async def _ended(self, blow: Blow) -> None:
        worker = self._workers[blow.who]
        if worker.process.dead:
            return
        ending = asyncio.get_running_loop().create_task(worker.stop())
        await asyncio.wait([ending], timeout=blow.for_s + 12.0)
        worker.process.crash()
        ending.cancel()
        self._start(blow.who)

    async def _operator(self, at: float, act: str) -> None:
        await asyncio.sleep(self.scenario.warm_s + at)
        self.witness.fault(f"operator_{act}", "operator", act)
        if act == "replay":
            await self._inbox.replay(self._inbox.messages())
        else:
            await self._retry_all()
        await self.tables.store.wake("decide")

    async def _retry_all(self) -> None:
        for found in list(self.tables.books.exceptions):
            if found.settled_by is not None:
                continue
            if self.tables.books.rows[found.stream_id].status == "parked":
                await self.tables.store.unpark(found.stream_id)
                continue
            self._acts += 1
            ref = self.tables.books.rows[found.stream_id].ref
            event = encode_event(OperatorActed("retry", "ada", "again", {"problem": found.problem.key}))
            await self.tables.store.accept([Arrival(SHOP, f"act:{self._acts}", "operator", "retry", ref, event)])
            self.witness.recovered("operator_retry")

    # -- processes ---------------------------------------------------------------------------------------------

    def _start(self, name: str) -> None:
        running = self._workers.get(name)
        if running is not None and not running.process.dead:
            return  # another blow started it again already
        process = Process(name)
        self._processes.append(process)
        testimony = Testimony(self.witness, name)

        async def boundary(what: str) -> None:
            await self._crossed(process, what)

        store = ProcessStore(self.tables.line(process), process, self.trouble, boundary, self.weather.pace)
        http = ProcessHttp(
            self.vendors.by_name, process, self.weather, self.witness, boundary, self._leaves, self.clock.now
        )
        position = int(name[1:]) - 1
        skew = self.scenario.skews[position % len(self.scenario.skews)]
        now = self.clock.skewed(lambda: 0.0 if self._quiet else skew + self._jumps.get(name, 0.0))
        random = self.scenario.random(f"{name}/{len(self._processes)}")
        world = house.make_world(
            process, store, http, testimony, now, self.clock.seconds, random, self._connectors,
            house.policy(self.scenario), f"{name}/{len(self._processes)}", payouts=bool(self.scenario.payouts),
        )  # fmt: skip
        self._workers[name] = house.Worker(process, world)
        self.witness.note(name, "started")

    async def _crossed(self, process: Process, what: str) -> None:
        self.boundaries += 1
        process.steps += 1
        self.witness.step(process.name, what)
        if self._quiet:
            return
        if self.marks is not None:
            seen = world(self.tables, self.vendors, (self.weather.sent, self.weather.served, self.trouble.wakes))
            at = self.clock.seconds()
            self.marks.append(Mark(self.boundaries, at, process.name, what, seen, len(self._orders)))
        if self._dies_here(process):
            self.witness.fault("crash", process.name, f"at boundary {self.boundaries}: {what}")
            # In a context of its own: the successor inherits nothing of what the dead one was about.
            asyncio.get_running_loop().call_later(_AGAIN_S, self._start, process.name, context=Context())
            await process.end_here()

    def _dies_here(self, process: Process) -> bool:
        """At the sweep's boundary; and, once more, so many boundaries after its restart."""
        if self.boundaries == self.scenario.kill_at:
            self._struck = process.name
            return True
        if process.name == self._struck and process.steps == self.scenario.kill_again:
            self._struck = ""
            return True
        return False

    async def _post(self, delivery: Deliver) -> int:
        """To any worker that lives; 599: nobody answered."""
        living = [one for one in self._workers.values() if not one.process.dead and not one.process.paused]
        if not living:
            return 599
        return await self._random.choice(living).take(delivery)

    def _leaves(self, serving: Serving | None, vendor: str, asked: Request) -> None:
        self.evidence.leaves(serving, vendor, asked, self.clock.now())

    def digest(self) -> str:
        """Over all that happened, all that we keep and all that the vendors have."""
        return self.witness.digest(self.evidence.kept())

    def bury(self) -> None:
        """Clear away everything that the run leaves behind."""
        for process in self._processes:
            process.bury()
        for task in asyncio.all_tasks(self._loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]


__all__ = ["Ran", "StoreUnavailable", "run"]
