"""Many seeds over several processes: what they found, what struck and what was recovered from, as one report."""

import os
import platform
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from types import FrameType

import msgspec

from crossdock.proof.clock import Clock
from crossdock.proof.commit import commit
from crossdock.proof.invariants import INVARIANTS
from crossdock.proof.plan import KINDS, REQUESTED, kinds_drawn, scenario
from crossdock.proof.run import Ran, run
from crossdock.proof.tables import InMemory, Tables

AT_ONCE = 25  # seeds per errand
AT_ONCE_SLOWLY = 4  # the same on PostgreSQL
ERRANDS_PER_PROCESS = 200  # then a fresh one: nothing can pile up
EARLY = 200  # runs after which a process has seen about everything that it will keep
KEPT = 20  # violating runs that are kept whole
TOLD = 1_000  # seeds whose plans tell what a profile draws

# Recovery branches that a campaign must have seen, or it proved nothing about them.
RECOVERIES = (
    "lease_taken_over", "late_outcome_refused", "sent_again", "outcome_unknown", "looked_up_and_found",
    "looked_up_and_not_there", "duplicate_prevented", "found_by_poll", "store_waited_for", "breaker_open",
    "breaker_closed", "webhook_refused", "bad_body_refused", "webhook_not_stored", "poll_failed", "connection_paused",
    "connection_resumed", "stream_parked", "wake_lost", "operator_retry", "stale_number_refused",
    "lower_level_believed", "number_replaced",
)  # fmt: skip

# Why people must have been told something: each is an end that an order may have.
REASONS = (
    "order.book.exhausted", "order.book.rejected", "order.cancelled_after_shipment", "order.edited_after_shipment",
    "order.shipped_after_cancel", "product.no_sku", "release.cancel.rejected", "release.cancelled_there",
    "shopify.payment_status_unknown",
)  # fmt: skip


class Broken(msgspec.Struct, frozen=True):
    """A seed that broke an invariant."""

    seed: int
    profile: str
    invariant: str
    order: str
    detail: str


class Report(msgspec.Struct):
    """A campaign, while it runs and when it is over."""

    first_seed: int
    profile: str | None = None  # the one that was asked for, instead of a mixture
    seeds: int = 0  # without a gap from the first: where another sitting goes on
    seconds: float = 0.0
    simulated_hours: float = 0.0
    violations: int = 0
    profiles: dict[str, int] = {}
    invariants: dict[str, int] = {}  # name -> violations
    faults: dict[str, int] = {}
    recoveries: dict[str, int] = {}
    exercised: dict[str, int] = {}  # what the promises had to look at (``exercised.SUBJECTS``)
    reasons: dict[str, int] = {}  # why people were told something
    broken: list[Broken] = []
    digest: str = ""  # over all runs' digests, in order of seeds
    python: str = ""
    machine: str = ""
    jobs: int = 1
    store: str = "memory"  # or postgres
    at: str = ""  # when it began
    commit: str = ""  # what ran, when anybody knows
    early_mb: float = 0.0  # the most memory that a process had needed after its first runs …
    memory_mb: float = 0.0  # … and in the end: nothing may pile up
    interrupted: bool = False  # this is what was done so far
    sittings: int = 1  # over how many it was run

    @property
    def seeds_per_s(self) -> float:
        return round(self.seeds / self.seconds, 2) if self.seconds else 0.0

    def missing(self, profile: str | None) -> list[str]:
        """Fault kinds, recoveries and reasons that never came up: a whole campaign without them is void, not green.
        Of a single profile the kinds that it draws."""
        if profile is not None:
            drawn = kinds_drawn(profile, self.first_seed, min(self.seeds, TOLD))
            return [kind for kind in (*KINDS, *REQUESTED) if kind in drawn and kind not in self.faults]
        wanted = ((KINDS, self.faults), (RECOVERIES, self.recoveries), (REASONS, self.reasons))
        return [name for names, seen in wanted for name in names if name not in seen]


class _Errand(msgspec.Struct):
    """What one process brings back."""

    seeds: int
    seconds: float
    profiles: Counter[str]
    faults: Counter[str]
    recoveries: Counter[str]
    exercised: Counter[str]
    reasons: Counter[str]
    broken: list[Broken]
    digest: str
    process: int
    memory_mb: float  # the most that the process ever needed


def campaign(
    first: int,
    count: int,
    *,
    profile: str | None = None,
    jobs: int = 1,
    server: str | None = None,
    so_far: Report | None = None,
    told: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Run ``count`` seeds from ``first`` on; ``told`` is called with the report as it grows.

    ``server``: the URL of a PostgreSQL to have the tables on, instead of in memory. ``so_far``: what an earlier sitting
    did of this very campaign (see ``another``); it is gone on with, and ends with the digest of one that ran at once.
    """
    report = _begun(first, profile, server) if so_far is None else so_far
    report.jobs, report.interrupted = jobs, False
    before_s, began, memory = report.seconds, time.monotonic(), _Memory(report)
    start = min(first + report.seeds, first + count)
    try:
        for errand in _in_order(start, _errands(start, first + count - start, profile, jobs, server)):
            _add(report, errand)
            memory.add(errand)
            report.seconds = round(before_s + time.monotonic() - began, 1)
            told(report)
    except KeyboardInterrupt:
        report.interrupted = True
    return report


def _begun(first: int, profile: str | None, server: str | None) -> Report:
    report = Report(first, profile, invariants=dict.fromkeys(INVARIANTS, 0))
    report.python, report.machine = platform.python_version(), f"{platform.machine()}, {os.cpu_count()} cores"
    report.store, report.at = "postgres" if server else "memory", datetime.now(UTC).isoformat(timespec="seconds")
    report.commit = commit()
    return report


def another(so_far: Report, first: int, profile: str | None, store: str) -> str:
    """In what ``so_far`` is of another campaign than the one that is asked for; empty when it can be gone on with."""
    asked = {"first_seed": first, "profile": profile, "store": store, "commit": commit()}
    return "; ".join(
        f"its {name} is {getattr(so_far, name)}, not {value}"
        for name, value in asked.items()
        if getattr(so_far, name) != value
    )


def _in_order(at: int, errands: Iterator[tuple[int, _Errand]]) -> Iterator[_Errand]:
    """By seed, whichever process was the first to end: what is reported has no gap."""
    early: dict[int, _Errand] = {}
    for start, errand in errands:
        early[start] = errand
        while (following := early.pop(at, None)) is not None:
            yield following
            at += following.seeds


def _errands(
    first: int, count: int, profile: str | None, jobs: int, server: str | None
) -> Iterator[tuple[int, _Errand]]:
    size = AT_ONCE_SLOWLY if server else AT_ONCE
    starts = [(at, min(size, first + count - at)) for at in range(first, first + count, size)]
    if jobs == 1 and server is None:
        for at, some in starts:
            yield at, _do(at, some, profile)
        return
    spawn = get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, _undisturbed, max_tasks_per_child=ERRANDS_PER_PROCESS) as pool:
        open_: dict[Future[_Errand], int] = {}
        try:
            for at, some in starts:
                open_[pool.submit(_do, at, some, profile, server)] = at
                if len(open_) < jobs * 2:
                    continue
                yield from _done(open_)
            while open_:
                yield from _done(open_)
        except BaseException:  # a person stops us, or a run fails: what is under way is of no use to anybody
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise


def _undisturbed() -> None:
    """Ctrl-C reaches every process of the terminal; the one that reports decides. Without it nobody is left who would
    ever stop this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent").start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM, and Ctrl-C where a shell's ``&`` has it ignored, end a campaign with what was done so far.

    The first of them does; more, as ``timeout`` sends, are passed over. A second KeyboardInterrupt would come while the
    processes are waited for, after which Python takes their thread for ended and waits for them for ever at its exit.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _done(open_: "dict[Future[_Errand], int]") -> Iterator[tuple[int, _Errand]]:
    done, _ = wait(open_, return_when=FIRST_COMPLETED)
    for future in done:
        yield open_.pop(future), future.result()


@cache
def _tables(server: str | None) -> Callable[[Clock], Tables]:
    """For all runs of this process: a database of its own lives as long as it does."""
    if server is None:
        return InMemory
    from crossdock.proof.postgres import InPostgres
    from crossdock.proof.server import Server

    return partial(InPostgres, Server(server).__enter__())


def _do(first: int, count: int, profile: str | None, server: str | None = None) -> _Errand:
    errand, digests = (
        _Errand(0, 0.0, Counter(), Counter(), Counter(), Counter(), Counter(), [], "", os.getpid(), 0.0),
        [],
    )
    for seed in range(first, first + count):
        errand.seeds += 1
        planned = scenario(seed, profile)
        try:
            ran = run(planned, tables=_tables(server))
        except Exception as error:  # noqa: BLE001 - whatever ended the run, the campaign goes on and names the seed
            errand.broken.append(Broken(seed, planned.profile, "I10", "", f"the run ended with {error!r}"))
            continue
        errand.seconds += ran.lasted_s
        errand.profiles[ran.profile] += 1
        errand.faults.update(ran.faults)
        errand.recoveries.update(ran.recoveries)
        errand.exercised.update(ran.exercised)
        errand.reasons.update(ran.reasons)
        digests.append(ran.digest)
        errand.broken += _broken(ran)
    errand.digest, errand.memory_mb = _digest(digests), _most_mb()
    return errand


def _most_mb() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


class _Memory:
    """How much each process needed, early and late."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seeds: Counter[int] = Counter()

    def add(self, errand: _Errand) -> None:
        report = self._report
        self._seeds[errand.process] += errand.seeds
        if self._seeds[errand.process] <= EARLY:
            report.early_mb = max(report.early_mb, errand.memory_mb)
        report.memory_mb = max(report.memory_mb, errand.memory_mb)


def _broken(ran: Ran) -> list[Broken]:
    return [Broken(ran.seed, ran.profile, one.invariant, one.order, one.detail) for one in ran.violations]


def _add(report: Report, errand: _Errand) -> None:
    report.seeds += errand.seeds
    report.simulated_hours = round(report.simulated_hours + errand.seconds / 3600, 4)
    report.profiles = _sum(report.profiles, errand.profiles)
    report.faults = _sum(report.faults, errand.faults)
    report.recoveries = _sum(report.recoveries, errand.recoveries)
    report.exercised = _sum(report.exercised, errand.exercised)
    report.reasons = _sum(report.reasons, errand.reasons)
    report.digest = _digest([report.digest, errand.digest])
    for one in errand.broken:
        report.violations += 1
        report.invariants[one.invariant] += 1
        if len(report.broken) < KEPT:
            report.broken.append(one)


def _sum(so_far: dict[str, int], more: Counter[str]) -> dict[str, int]:
    return dict(sorted((Counter(so_far) + more).items()))


def _digest(digests: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
