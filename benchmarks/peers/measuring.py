"""The frame in which each peer is measured.

A peer is a module with an ``enqueue`` and a ``work``; ``main`` does the rest: it makes the backlog, starts the workers
as processes of their own, waits until every order is recorded, and prints one JSON line. The rate is that of the last
four fifths: the start of workers and pools is not counted.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from benchmarks.peers import job

NOT_IN_TIME = 3  # exit code


class Asked(msgspec.Struct, frozen=True):
    """What a peer is asked to do."""

    database: str
    erp: int  # port of the stub, on loopback
    count: int
    settings: dict[str, Any]
    redis: str = ""
    first: int = 1
    limit_s: float = 120.0


class Peer(msgspec.Struct, frozen=True):
    """How one peer makes a backlog, works it off, and tells from PostgreSQL what is done."""

    module: str
    enqueue: Callable[[Asked], None]
    work: Callable[[Asked, int], None]  # in a process of its own, until SIGTERM; the number tells processes apart
    finished: str = "select extract(epoch from at)::float8 as at from outcomes"  # a row per finished order
    recorded: tuple[str, ...] = tuple(
        f"select count(distinct key) from {table}" for table in ("orders", "attempts", "outcomes")
    )


def main(peer: Peer) -> None:
    """The command line of every peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("asked", help="JSON: database, erp, count, settings, redis, first, limit_s")
    parser.add_argument("--work", type=int, help="be the worker process with this number")
    arguments = parser.parse_args()
    asked = msgspec.json.decode(arguments.asked, type=Asked)
    if arguments.work is not None:
        peer.work(asked, arguments.work)
        return
    try:
        print(json.dumps(_measure(peer, asked)), flush=True)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        raise SystemExit(NOT_IN_TIME) from error


def _measure(peer: Peer, asked: Asked) -> dict[str, Any]:
    with psycopg.connect(asked.database, autocommit=True) as db:
        db.execute(job.SCHEMA)
        peer.enqueue(asked)
        with _workers(peer, asked) as workers:
            _await(db, peer, asked, workers)
        finished_at = [row[0] for row in db.execute(peer.finished)]
        for statement in peer.recorded:
            found = db.execute(statement).fetchone()
            if found is None or found[0] != asked.count:
                raise RuntimeError(f"{asked.count} orders were given, in PostgreSQL are {found}: {statement}")
    return {"per_s": round(job.rate(finished_at), 1), "orders": len(finished_at)}


@contextmanager
def _workers(peer: Peer, asked: Asked) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", peer.module, msgspec.json.encode(asked).decode(), "--work"]
    # Standard output carries the result alone.
    started = [
        subprocess.Popen([*command, str(number)], stdout=sys.stderr.fileno())
        for number in range(asked.settings["processes"])
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            _end(worker)


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(20)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _await(db: psycopg.Connection[Any], peer: Peer, asked: Asked, workers: list[subprocess.Popen[bytes]]) -> None:
    ends = time.monotonic() + asked.limit_s
    while True:
        found = db.execute(f"select count(*) from ({peer.finished}) as done").fetchone()
        done = found[0] if found else 0
        if done >= asked.count:
            return
        if time.monotonic() > ends:
            raise TimeoutError(f"{done} of {asked.count} orders were done after {asked.limit_s:.0f} s")
        if any(worker.poll() is not None for worker in workers):
            raise RuntimeError(f"a worker ended by itself, {done} of {asked.count} orders were done")
        time.sleep(0.2)
