"""Crash everywhere: each golden run once for every boundary that it crosses, with a kill -9 exactly there.

A boundary is the moment before or after a database call, a commit or a vendor's request. Whoever crosses it dies, a
successor starts half a second later, and every invariant is checked at the end.

Left out, because they are the same as another: a boundary that the same process crosses right after another one, within
a tenth of a second, while the world outside it (tables, vendors' books, requests and webhooks on their way, wake-ups)
stays as it was: a kill leaves nothing else of a process. And what is crossed before the first order exists, but for the
first golden run: all runs begin alike. The tests kill at left-out ones too, and compare the world that the successor
finds.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

import msgspec

from crossdock.proof.evidence import Violation
from crossdock.proof.golden import GOLDEN
from crossdock.proof.marks import Mark
from crossdock.proof.plan import Scenario
from crossdock.proof.run import Ran, run

AT_ONCE = 20  # kills per errand
TWICE_EVERY = 8  # of the kills, one has a second one after the restart
TWICE_WITHIN = 60  # boundaries of the successor
SUCCESSOR_S = 10.0  # until it has the polls that its predecessor held: an order may wait for what they bring
KEPT = 5  # violations of an errand that are kept
_SAME_S = 0.1


class Kill(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a run is killed, and where its successor."""

    at: int
    again: int | None = None


class Fatal(msgspec.Struct, frozen=True):
    """A kill after which a promise was broken."""

    golden: str
    kill: Kill
    invariant: str
    order: str
    detail: str


class Swept(msgspec.Struct):
    """One golden run's sweep."""

    golden: str
    boundaries: int = 0
    alike: int = 0  # boundaries that are the same place to die at as another
    kills: int = 0
    twice: int = 0  # kills of the successor too
    violations: int = 0
    seconds: float = 0.0
    fatal: list[Fatal] = []


def killed(golden: str, kill: Kill) -> Scenario:
    """The golden run with its kill."""
    whole = GOLDEN[golden]
    trouble_s = whole.trouble_s if kill.again is None else whole.trouble_s + SUCCESSOR_S
    return msgspec.structs.replace(whole, kill_at=kill.at, kill_again=kill.again, trouble_s=trouble_s)


def marks(golden: str) -> list[Mark]:
    """Every boundary of the golden run, which must itself be flawless."""
    found: list[Mark] = []
    ran = run(GOLDEN[golden], marks=found)
    if ran.violations:
        raise ValueError(f"{golden} breaks a promise without any kill: {ran.violations}")
    return found


def places(crossed: Sequence[Mark], *, whole: bool) -> list[Mark]:
    """The boundaries worth a kill. ``whole``: those before the first order too."""
    found: list[Mark] = []
    before: Mark | None = None
    for mark in crossed:
        if mark.orders or whole:
            if before is None or not found or not _alike(before, mark) or mark.at - found[-1].at > _SAME_S:
                found.append(mark)
            before = mark
    return found


def _alike(one: Mark, other: Mark) -> bool:
    return one.process == other.process and one.world == other.world


def kills(golden: str, found: Sequence[Mark]) -> Iterator[Kill]:
    """One at every place, and for a sample of them the successor's as well."""
    random = Random(golden)  # noqa: S311
    for position, place in enumerate(found):
        yield Kill(place.number)
        if position % TWICE_EVERY == 0:
            yield Kill(place.number, random.randint(1, TWICE_WITHIN))


def sweep(names: Sequence[str], *, jobs: int = 1, told: Callable[[Swept], None] = lambda _: None) -> list[Swept]:
    """Sweep these golden runs; ``told`` is called with each one's result as it grows."""
    swept: dict[str, Swept] = {}
    errands: list[tuple[str, tuple[Kill, ...]]] = []
    for name in names:
        crossed = marks(name)
        found = places(crossed, whole=name == next(iter(GOLDEN)))
        planned = tuple(kills(name, found))
        swept[name] = Swept(name, len(crossed), len(crossed) - len(found))
        errands += [(name, planned[at : at + AT_ONCE]) for at in range(0, len(planned), AT_ONCE)]
    for (name, some), (seconds, fatal) in zip(errands, _done(errands, jobs), strict=True):
        one = swept[name]
        one.kills += len(some)
        one.twice += sum(kill.again is not None for kill in some)
        one.violations += len(fatal)
        one.fatal += fatal[:KEPT]
        one.seconds = round(one.seconds + seconds, 2)
        told(one)
    return list(swept.values())


def _done(errands: Sequence[tuple[str, tuple[Kill, ...]]], jobs: int) -> Iterator[tuple[float, list[Fatal]]]:
    if jobs == 1:
        yield from map(_errand, errands)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(_errand, errands)


def _errand(errand: tuple[str, tuple[Kill, ...]]) -> tuple[float, list[Fatal]]:
    golden, some = errand
    began, fatal = time.process_time(), []
    for kill in some:
        ran = run(killed(golden, kill))
        fatal += [Fatal(golden, kill, one.invariant, one.order, one.detail) for one in _broken(ran, kill)]
    return time.process_time() - began, fatal


def _broken(ran: Ran, kill: Kill) -> list[Violation]:
    """Its violations; a kill that never struck is one, for it proves nothing."""
    if not ran.faults.get("crash"):
        return [*ran.violations, Violation("sweep", "", f"nobody crossed boundary {kill.at}")]
    return ran.violations


def lines(swept: Sequence[Swept]) -> list[str]:
    """The result as text."""
    told = [f"{'golden run':<12} {'boundaries':>10} {'kills':>6} {'of them twice':>14} {'violations':>11}"]
    for one in swept:
        told.append(f"{one.golden:<12} {one.boundaries:>10} {one.kills:>6} {one.twice:>14} {one.violations:>11}")
    for one in swept:
        for fatal in one.fatal:
            again = "" if fatal.kill.again is None else f", and its successor at its {fatal.kill.again}."
            told.append(f"\n{one.golden} killed at boundary {fatal.kill.at}{again}")
            told.append(f"  broke {fatal.invariant}: {fatal.order}: {fatal.detail}")
    boundaries, kills = sum(one.boundaries for one in swept), sum(one.kills for one in swept)
    alike, violations = sum(one.alike for one in swept), sum(one.violations for one in swept)
    told.append(f"\n{kills:,} kills at {boundaries:,} boundaries, {alike:,} of them the same place as another.")
    told.append(f"{violations:,} violations." if violations else "No violation.")
    return told
