"""A process that can be killed, stopped and continued: its tasks simply take no further step.

Nothing is cancelled and no ``finally`` runs, as after kill -9. What left the process before (a request, a commit)
lives on outside it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

RUNNING: ContextVar["Process | None"] = ContextVar("process", default=None)


class Buried(Exception):
    """The process is gone; its left-overs must not touch the world while they are cleared away."""


class Process:
    """One worker. ``crash`` and ``pause`` may be called by anybody, the process itself included."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = self.buried = False
        self.steps = 0  # boundaries crossed: where a sweep may kill it
        self.holds: dict[int, int] = {}  # command -> the fence of its newest lease here
        self.leased: dict[int, float] = {}  # command -> when that was
        self.pauses = 0
        self.on_crash: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._resume: asyncio.Future[None] | None = None

    @property
    def paused(self) -> bool:
        return self._resume is not None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something as part of the process; so is everything that it starts."""
        token = RUNNING.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            RUNNING.reset(token)

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.append(task)
        if len(self._tasks) > 256:
            self._tasks = [one for one in self._tasks if not one.done()]

    def crash(self) -> None:
        """kill -9."""
        if not self.dead:
            self.dead = True
            for told in self.on_crash:
                told()

    def pause(self) -> None:
        """SIGSTOP."""
        if self._resume is None:
            self._resume = asyncio.get_running_loop().create_future()
            self.pauses += 1

    def resume(self) -> None:
        """SIGCONT."""
        if self._resume is not None:
            waiting, self._resume = self._resume, None
            waiting.set_result(None)

    def held_up(self) -> "asyncio.Future[None]":
        """What a task yields instead of going on: for ever when dead, until SIGCONT when stopped."""
        if not self.dead and self._resume is not None:
            shared, own = self._resume, asyncio.get_running_loop().create_future()
            shared.add_done_callback(lambda _: None if own.done() else own.set_result(None))
            return own
        return asyncio.get_running_loop().create_future()

    async def end_here(self) -> None:
        """Crash at this very point; never returns."""
        self.crash()
        await asyncio.get_running_loop().create_future()

    def bury(self) -> None:
        """Clear away what the process left, after the run."""
        killed = self.dead
        self.dead = self.buried = True
        for task in self._tasks:
            if killed and task.done():
                task._log_traceback = False  # whoever waited for what it raises was killed
            elif not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(BaseException):
                    task.get_coro().clear_away()  # type: ignore[union-attr]


class Mortal(Coroutine[Any, Any, Any]):
    """A coroutine that takes no step while its process is dead or stopped."""

    __slots__ = ("_held", "_inner", "_process")

    def __init__(self, inner: Coroutine[Any, Any, Any], process: Process) -> None:
        self._inner, self._process = inner, process
        self._held: BaseException | None = None

    def send(self, value: Any) -> Any:
        process = self._process
        if process.dead or process.paused:
            return self._wait(None)
        held, self._held = self._held, None
        return self._inner.send(value) if held is None else self._inner.throw(held)

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        error = kind if isinstance(kind, BaseException) else kind() if value is None else value
        if self._process.dead or self._process.paused:
            return self._wait(error)
        self._held = None
        return self._inner.throw(error)

    def _wait(self, error: BaseException | None) -> Any:
        if error is not None:
            self._held = error
        waiting = self._process.held_up()
        waiting._asyncio_future_blocking = True
        return waiting

    def close(self) -> None:
        """A lost task is cleared away by ``Process.bury`` only."""

    def clear_away(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **rest: Any) -> "asyncio.Task[Any]":
    """Tasks made within a process are its own."""
    process = RUNNING.get()
    if process is None:
        return asyncio.Task(work, loop=loop, **rest)
    task: asyncio.Task[Any] = asyncio.Task(Mortal(work, process), loop=loop, **rest)
    process.adopt(task)
    return task


async def outside(work: Coroutine[Any, Any, Any]) -> Any:
    """Do something in the world outside the process that asks: it goes on when the process dies."""
    return await leave(work)


def leave(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """The same, not waited for."""
    token = RUNNING.set(None)
    try:
        return asyncio.get_running_loop().create_task(work)
    finally:
        RUNNING.reset(token)


Effect = Callable[[], Awaitable[Any]]
