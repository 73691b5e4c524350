"""The parent of ``crossdock serve``: one child process per role instance, restarted when it falls, drained when told.

A child ends when the parent does, kill -9 included: it holds one end of a pipe and watches for its end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from crossdock.kit.pausing import pause

ROLES = ("intake", "decide", "deliver", "schedule", "console", "partner")
MANY = ("decide", "deliver")  # roles that ``--workers`` multiplies; the others need one address or do little
DRAIN_S = 30.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S, STEADY_S = 0.25, 10.0, 30.0


class ChildSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child process is told. Goes through its environment: arguments are seen by everybody on the machine."""

    role: str
    number: int
    folder: str  # the config folder
    url: str  # of the database
    drain_s: float = DRAIN_S
    intake: str = ""  # addresses that differ from the config folder's
    console: str = ""
    metrics: str = ""  # the folder that all children's figures go to
    simulators: dict[str, str] = {}  # demo only: name -> base URL
    demo_user: str | None = None
    proof: str = ""  # the file with the newest report of ``crossdock prove --keep``
    hurry: bool = False  # demo only: the vendors are simulated


SPEC_VARIABLE = "CROSSDOCK_CHILD"


def instances(roles: Sequence[str], workers: int) -> list[tuple[str, int]]:
    """Role and number of every child: decide and deliver ``workers`` times, the others once."""
    return [(role, number) for role in roles for number in range(workers if role in MANY else 1)]


class Child:
    """One role instance that is kept alive."""

    def __init__(self, spec: ChildSpec, tell: Callable[[str], None], log: int | None = None) -> None:
        self.spec, self.restarts, self.pid = spec, 0, 0
        self._tell, self._log = tell, log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        return f"{self.spec.role}-{self.spec.number}"

    async def keep(self, stop: asyncio.Event, lifeline: int, held: Sequence[int]) -> None:
        """Start it, and start it again when it ends, until ``stop``. ``lifeline``: the pipe whose end is our end."""
        backoff_s, loop = FIRST_BACKOFF_S, asyncio.get_running_loop()
        while not stop.is_set():
            began = loop.time()
            how = await self._live(stop, lifeline, held)
            self.pid = 0
            if stop.is_set():
                return
            self.restarts += 1
            backoff_s = FIRST_BACKOFF_S if loop.time() - began > STEADY_S else min(backoff_s * 2, LONGEST_BACKOFF_S)
            self._tell(f"{self.name} ended ({how}); starting it again in {backoff_s:g} s")
            await pause(stop, backoff_s)

    async def _live(self, stop: asyncio.Event, lifeline: int, held: Sequence[int]) -> str:
        """One life of the child; how it ended. A machine without memory or processes to spare may have some later."""
        try:
            self._process = await self._start(lifeline, held)
        except OSError as error:
            return f"not started: {error}"
        if stop.is_set():
            self.signal(signal.SIGTERM)  # everybody was told while this one was still being started
        return _how(await self._process.wait())

    async def _start(self, lifeline: int, held: Sequence[int]) -> asyncio.subprocess.Process:
        environment = {**os.environ, SPEC_VARIABLE: msgspec.json.encode(self.spec).decode()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crossdock.roles", stdin=lifeline, pass_fds=held, env=environment, stderr=self._log,
            start_new_session=True,  # the terminal's Ctrl-C reaches the parent alone, who drains in order
        )  # fmt: skip
        self.pid = process.pid
        return process

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class Supervisor:
    """Runs children until ``stop`` is set. ``held``: descriptors that every child keeps open (the
    guardian's pipe); ``log``: where children write instead of our standard error."""

    def __init__(
        self, specs: Sequence[ChildSpec], tell: Callable[[str], None], held: Sequence[int] = (), log: int | None = None
    ) -> None:
        self.children = [Child(spec, tell, log) for spec in specs]
        self._tell, self._held = tell, held

    async def run(self, stop: asyncio.Event, drain_s: float = DRAIN_S) -> None:
        """Returns when every child is gone: drained, or killed when draining took longer than ``drain_s``."""
        watched, ours = os.pipe()  # we never write: the children's end reads "over" when our process is gone
        try:
            keeping = [asyncio.ensure_future(child.keep(stop, watched, self._held)) for child in self.children]
            await stop.wait()
            await self._drain(keeping, drain_s)
        finally:
            os.close(watched)
            os.close(ours)

    async def _drain(self, keeping: Sequence["asyncio.Future[None]"], drain_s: float) -> None:
        for child in self.children:
            child.signal(signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=drain_s)
        if late:
            self._tell(f"{len(late)} processes did not finish within {drain_s:g} s and are killed; nothing is lost")
            for child in self.children:
                child.signal(signal.SIGKILL)
            await asyncio.wait(late)
        await asyncio.gather(*keeping)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT ask for a drain."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


class Guardian:
    """The process that stops the embedded PostgreSQL after all of ours, kept alive. Give ``held`` to every child.

    Without it a command that ends would take itself for the server's last user, and stop it below us.
    """

    def __init__(self, data_dir: Path, tell: Callable[[str], None] = lambda _said: None) -> None:
        self._data_dir, self._tell = data_dir, tell
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._watched = -1  # the end of the pipe that it reads; ``held`` is the other
        self.held: tuple[int, ...] = ()
        self.pid: int | None = None  # while it holds its place

    async def __aenter__(self) -> "Guardian":
        self._watched, ours = os.pipe()
        self.held = (ours,)
        if not await self._start():
            self._close()
            raise RuntimeError("the embedded PostgreSQL did not start; the lines above say why")
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:  # before the pipe ends, and it with that
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._close()
        if self._process is not None:
            await self._process.wait()

    async def _start(self) -> bool:
        """Whether it holds its place; it has ended, or will, where it does not."""
        self.pid = None
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crossdock.guardian", str(self._data_dir), stdin=self._watched,
            stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        ready = bool(await self._process.stdout.readline())
        self.pid = self._process.pid if ready else None
        return ready

    async def _keep(self) -> None:
        """Start it again when it ends, until cancelled."""
        backoff_s, loop = FIRST_BACKOFF_S, asyncio.get_running_loop()
        while True:
            began = loop.time()
            assert self._process is not None
            how = _how(await self._process.wait())
            backoff_s = FIRST_BACKOFF_S if loop.time() - began > STEADY_S else min(backoff_s * 2, LONGEST_BACKOFF_S)
            self._tell(f"the guardian of the embedded PostgreSQL ended ({how}); starting it again in {backoff_s:g} s")
            await asyncio.sleep(backoff_s)
            try:
                await self._start()
            except OSError as error:  # no memory or processes to spare: there may be some later
                self._tell(f"the guardian of the embedded PostgreSQL was not started: {error}")

    def _close(self) -> None:
        for end in (self._watched, *self.held):
            os.close(end)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def specs_for(
    roles: Sequence[str], workers: int, folder: Path, url: str, extras: Mapping[str, object] | None = None
) -> list[ChildSpec]:
    """One spec per instance."""
    base = ChildSpec("", 0, str(folder), url)
    return [
        msgspec.structs.replace(base, role=role, number=number, **(extras or {}))
        for role, number in instances(roles, workers)
    ]
