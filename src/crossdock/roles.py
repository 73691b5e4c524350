"""A child process of ``crossdock serve``: one role instance. Run as ``python -m crossdock.roles`` by the supervisor.

Ends when told (SIGTERM), when its work fails (the supervisor starts it again), or when its parent is gone.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crossdock import __version__, app
from crossdock.engine.world import Loop, World
from crossdock.governance.config import Config, ServeSetup
from crossdock.governance.exposure import address
from crossdock.heartbeat import Heartbeat
from crossdock.store.pool import Pool, reading_pool
from crossdock.supervise import SPEC_VARIABLE, ChildSpec

if TYPE_CHECKING:
    from crossdock.intake.app import Limits

FAILED = 1
ORPHANED_S = 5.0  # how long a drain may take when the parent is gone


def main() -> int:
    """Run the role that the environment names; the exit code tells the supervisor how it went."""
    spec = msgspec.json.decode(os.environ.pop(SPEC_VARIABLE), type=ChildSpec)
    import uvloop

    try:
        uvloop.run(_serve(spec))
    except Exception as error:
        print(f"{spec.role}-{spec.number}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        if os.environ.get("CROSSDOCK_TRACEBACKS"):
            raise
        return FAILED
    return 0


async def _serve(spec: ChildSpec) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides
    _watch_parent(stop, loop)
    config = _configuration(spec)
    worker = app.worker_id(spec.role, spec.number)
    signals = app.telemetry(spec.role, spec.number, spec.metrics, config)
    try:
        async with app.opened(config, spec.url, spec.role, worker, signals, hurry=spec.hurry) as world:
            pool = world.store.pool  # type: ignore[attr-defined]  # PostgresStore's: a world made by ``opened`` has one
            beat = Heartbeat(pool, worker, socket.gethostname(), spec.role, __version__)
            async with _loops(spec, config, world, pool) as loops:
                _tune_interpreter()
                await app.run_together([*loops, beat, signals], stop)
    finally:
        await signals.close()


def _tune_interpreter() -> None:
    """What is loaded stays loaded: collecting it again and again costs 6 % of a request; most garbage has no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # The server's own thread waits this long for the interpreter: at the default of 5 ms intake took 2,450 webhooks/s,
    # so it took 2,900 (medians of three rounds, same machine, same minutes).
    sys.setswitchinterval(0.0005)


def _configuration(spec: ChildSpec) -> Config:
    config = app.configuration(Path(spec.folder), prove_rules=False)
    given = {name: value for name in ("intake", "console") if (value := getattr(spec, name))}
    return msgspec.structs.replace(config, serve=msgspec.structs.replace(config.serve, **given))


def _watch_parent(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Standard input ends when the parent is gone. A thread, so that a busy event loop cannot miss it."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 64):
            pass
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:
            return  # the loop has ended already
        threading.Event().wait(ORPHANED_S)
        os._exit(FAILED)

    threading.Thread(target=watch, daemon=True, name="parent").start()


@asynccontextmanager
async def _loops(spec: ChildSpec, config: Config, world: World, pool: Pool) -> AsyncIterator[list[Loop]]:
    """What the role does, as loops that end when told."""
    if spec.role == "intake":
        yield [_intake(config, world)]
    elif spec.role == "decide":
        from crossdock.engine.deciding import DecideLoop

        yield [DecideLoop(world)]
    elif spec.role == "deliver":
        from crossdock.engine.delivering import DeliverLoop
        from crossdock.store.contacts import Contacts

        yield [DeliverLoop(world, noted=Contacts(pool).note)]
    elif spec.role == "schedule":
        from crossdock.engine.checking import InvariantLoop
        from crossdock.engine.credentials import CredentialLoop
        from crossdock.engine.scheduling import ScheduleLoop
        from crossdock.engine.sweeping import SweepLoop
        from crossdock.intake.polls import PollLoop
        from crossdock.reconcile.rounds import ReconcileLoop
        from crossdock.store.contacts import Contacts

        keep = msgspec.structs.asdict(config.keep)
        sweep = SweepLoop(pool, keep, world.signals)
        reconcile = ReconcileLoop(world, pool, app.rounds(config, hurry=spec.hurry))
        contacts = Contacts(pool)
        credentials = CredentialLoop(world, contacts.note_ends)
        polls = PollLoop(world, contacts.note, contacts.note_poll)
        invariants = InvariantLoop(partial(reading_pool, spec.url, 1), world.signals)
        yield [ScheduleLoop(world), polls, credentials, sweep, reconcile, invariants]
    elif spec.role == "console":
        from crossdock.console_role import console

        async with console(spec, config, world) as serving:
            yield serving
    elif spec.role == "partner":
        from crossdock.partner_role import partner

        async with partner(spec, config, world) as serving:
            yield serving
    else:
        raise ValueError(f"there is no role {spec.role!r}")


def limits_of(serve: ServeSetup) -> "Limits":
    """What intake takes, as configured."""
    from crossdock.intake.app import Limits

    return Limits(
        max_body_bytes=serve.max_body_bytes,
        body_timeout_s=serve.body_timeout_s,
        source_rate_per_s=serve.source_rate_per_s,
        source_burst=serve.source_burst,
        waiting_bound=serve.waiting_bound,
        trusted_proxies=serve.trusted_proxies,
    )


def _intake(config: Config, world: World) -> Loop:
    from crossdock.intake.doorway import IntakeApp
    from crossdock.intake.server import IntakeServer, Listen

    where = address(config.serve.intake, "intake")
    serve = config.serve
    listen = Listen(where.host, where.port, serve.tls_certificate, serve.tls_key)
    return IntakeServer(IntakeApp(world, limits_of(serve)), listen)


if __name__ == "__main__":
    sys.exit(main())
