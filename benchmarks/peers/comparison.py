"""Who runs when: the best of a few settings for each peer, then rounds of Crossdock and all peers in turn, medians."""

import json
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import msgspec
from benchmarks.house import House, house
from benchmarks.peers import surroundings
from benchmarks.peers.surroundings import Unavailable

from benchmarks import preload
from crossdock.store.embedded import Embedded

WARM_UP = 500
NOT_IN_TIME = 3  # exit code, see measuring.py
LIMIT_S = 120.0  # for the workers; making the backlog and ending everything come on top
AROUND_S = 120.0


class Counts(msgspec.Struct, frozen=True):
    """How many orders, and how often."""

    rounds: int
    crossdock: int  # at most preload.BATCH, so that all of them appear at one moment
    peer: int
    trial: int  # per setting that is tried; 0: the first setting is taken


FULL = Counts(rounds=2, crossdock=12_000, peer=2_500, trial=600)
QUICK = Counts(rounds=1, crossdock=4_000, peer=1_000, trial=0)


def settings(cores: int) -> dict[str, list[dict[str, Any]]]:
    """What is tried per peer; without trials the first. ``processes`` are workers started, prefork forks more."""
    return {
        "celery": [
            {"processes": cores, "pool": "threads", "concurrency": 8, "prefetch": 16},
            {"processes": cores, "pool": "prefork", "concurrency": 4, "prefetch": 16},
            {"processes": 1, "pool": "prefork", "concurrency": 4 * cores, "prefetch": 16},
        ],
        "procrastinate": [
            {"processes": cores, "concurrency": 50, "connections": 20},
            {"processes": cores, "concurrency": 20, "connections": 10},
            {"processes": 1, "concurrency": 50, "connections": 20},
        ],
        "dbos": [
            {"processes": cores, "concurrency": 50, "polling_s": 0.1, "connections": 20},
            {"processes": cores, "concurrency": 20, "polling_s": 0.05, "connections": 10},
            {"processes": 1, "concurrency": 50, "polling_s": 0.1, "connections": 20},
        ],
    }


class Bench(msgspec.Struct):
    """What is at hand: the peers' interpreter, PostgreSQL, and Redis where there is one."""

    python: Path
    server: Embedded
    redis: Path | None = None
    runs: int = 0


async def compare(quick: bool = False) -> dict[str, Any]:
    """See ``benchmarks.peers``. Raises ``RuntimeError`` when an order is missing at the ERP or in PostgreSQL."""
    counts = QUICK if quick else FULL
    missing: dict[str, str] = {}
    with surroundings.postgresql() as server:
        bench = await _bench(server, missing)
        chosen = await _chosen(bench, counts, missing) if bench else {}
        rates: dict[str, list[float]] = {name: [] for name in ("crossdock", *settings(1))}
        for _ in range(counts.rounds):
            rates["crossdock"].append(await _crossdock(counts.crossdock))
            for name in [name for name in chosen if name not in missing]:
                assert bench is not None
                await _attempted(bench, name, chosen[name], counts.peer, rates[name], missing)
    return {
        "peers": {name: round(median(of), 1) if of and name not in missing else None for name, of in rates.items()},
        "peers_rounds": {name: of for name, of in rates.items() if name not in missing},
        "peers_note": note(counts, chosen, missing),
    }


async def _bench(server: Embedded, missing: dict[str, str]) -> Bench | None:
    try:
        bench = Bench(await surroundings.environment(), server)
    except Unavailable as error:
        missing.update(dict.fromkeys(settings(1), str(error)))
        return None
    try:
        bench.redis = await surroundings.redis_program()
    except Unavailable as error:
        missing["celery"] = str(error)
    return bench


async def _chosen(bench: Bench, counts: Counts, missing: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The best of each peer's settings, by one short run with each."""
    chosen = {}
    for name, tried in settings(len(os.sched_getaffinity(0))).items():
        if name in missing:
            continue
        found: list[tuple[float, int]] = []
        for position, setting in enumerate(tried if counts.trial else []):
            rates: list[float] = []
            trouble: dict[str, str] = {}
            await _attempted(bench, name, setting, counts.trial, rates, trouble)
            found += [(rates[0], -position)] if not trouble else []
        chosen[name] = tried[-max(found)[1]] if found else tried[0]
    return chosen


async def _attempted(
    bench: Bench, name: str, setting: dict[str, Any], count: int, rates: list[float], missing: dict[str, str]
) -> None:
    """One run; its rate is appended, or ``missing`` says why there is none."""
    try:
        rates.append(await _run(bench, name, setting, count))
    except Unavailable as error:
        missing[name] = str(error)


async def _run(bench: Bench, name: str, setting: dict[str, Any], count: int) -> float:
    bench.runs += 1
    async with _around(bench, name) as (database, redis, erp):
        asked = {
            "database": database, "erp": erp, "redis": redis, "count": count, "settings": setting, "limit_s": LIMIT_S,
        }  # fmt: skip
        command: list[str | Path] = [bench.python, "-m", f"benchmarks.peers.{name}_peer", json.dumps(asked)]
        try:
            code, out, errors = await surroundings.said(*command, limit_s=LIMIT_S + AROUND_S)
        except TimeoutError as error:
            raise Unavailable(f"not finished after {LIMIT_S + AROUND_S:.0f} s") from error
        if code == NOT_IN_TIME:
            raise Unavailable(errors.strip().rpartition("\n")[2])
        if code:
            raise RuntimeError(f"{name} with {setting} failed: {errors.strip()[-3000:]}")
        with urlopen(f"http://127.0.0.1:{erp}/stub/calls", timeout=10) as answer:
            check_calls(json.load(answer)["first"], range(1, count + 1), name)
    return float(json.loads(out.splitlines()[-1])["per_s"])


@asynccontextmanager
async def _around(bench: Bench, name: str) -> AsyncIterator[tuple[str, str, int]]:
    """An empty database, an empty Redis ("" for those who need none) and a fresh stub."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(surroundings.database(bench.server, f"{name}_{bench.runs}"))
        redis = ""
        if name == "celery":
            assert bench.redis is not None
            redis = await stack.enter_async_context(surroundings.redis(bench.redis))
        yield database, redis, await stack.enter_async_context(surroundings.stub_erp())


def check_calls(called: Iterable[str], numbers: range, who: str) -> None:
    """Raises unless the ERP was called for each of these orders."""
    lost = {House.key(number) for number in numbers} - set(called)
    if lost:
        raise RuntimeError(f"{who}: the ERP was never called for {len(lost)} of {len(numbers)} orders: {min(lost)} …")


async def _crossdock(count: int) -> float:
    """The same orders, waiting in its own database, through its deciding and delivering roles."""
    if count > preload.BATCH:
        raise ValueError(f"at most {preload.BATCH} orders appear at one moment, not {count}")
    async with house("decide,deliver,schedule") as here:
        await preload.messages(here, WARM_UP)
        await here.quiet()
        first = here.next_number
        await preload.messages(here, count)
        started = time.monotonic()
        ended = await here.quiet()
        check_calls(here.stub("calls")["first"], range(first, first + count), "crossdock")
        await _check_recorded(here, count + WARM_UP)
    return round(count / (ended - started), 1)


async def _check_recorded(here: House, count: int) -> None:
    """Raises unless each order has its command and an attempt that succeeded."""
    found = await here.pool.fetchval("select count(distinct command_id) from attempts where outcome = 'done'")
    if found != count:
        raise RuntimeError(f"crossdock: {count} orders were given, in PostgreSQL are {found} attempts that succeeded")


def note(counts: Counts, chosen: dict[str, dict[str, Any]], missing: dict[str, str]) -> str:
    """How it was measured, and what could not be."""
    told = [
        "Orders of about 6 KB wait; each is translated, put to the ERP in one call and recorded in PostgreSQL by three "
        "durable writes (synchronous_commit=on everywhere).",
        f"Interleaved rounds, medians: {counts.rounds}. {counts.crossdock} orders for Crossdock, all of them timed; "
        f"{counts.peer} for each peer, the first fifth not counted, in their favour.",
        "Redis with appendonly yes and appendfsync always, as durable as the others (everysec may lose a second).",
        "DBOS's own journal counts as its record, nothing is written twice.",
    ]
    picked = "the best of its settings tried in this run" if counts.trial else "the first of its settings, none tried"
    told += [f"Each peer with {picked}, all on the same cores."] if chosen else []
    told += [f"{name}: {', '.join(f'{key} {value}' for key, value in of.items())}." for name, of in chosen.items()]
    told += [f"{name}: no figure, {why}." for name, why in missing.items()]
    return " ".join(told)
