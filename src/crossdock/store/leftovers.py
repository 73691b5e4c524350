"""What a killed PostgreSQL leaves behind, and how to tell it from one that lives.

A process belongs to a cluster when its working directory is the cluster (PostgreSQL changes into it first thing; a
zombie has none). A process id in a file proves nothing: the number may have gone to another program.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from crossdock.store.account import EmbeddedFailed

_ORPHAN_S = 10.0  # how long backends without a postmaster may take to notice


def lives_in(pid: int, cluster: Path) -> bool:
    """Whether the process runs and works in the cluster."""
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(cluster.resolve())
    except OSError:
        return False


def alive(cluster: Path) -> list[int]:
    """All living processes of the cluster."""
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [pid for pid in pids if lives_in(pid, cluster)]


def kill(pids: Sequence[int]) -> None:
    """Kill -9 each of them; one that has ended since it was listed is what was wanted."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _first_pid(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii", "replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def clear(
    cluster: Path, answers: Callable[[], bool], socket: Path, progress: Callable[[str], None], limit_s: float
) -> bool:
    """Make way for a start. True: a server of this cluster was on its way and now answers, nothing to start.

    A postmaster is never ended: it may be recovering for longer than anybody waits. Raises ``EmbeddedFailed``.
    """
    postmaster = cluster / "postmaster.pid"
    deadline, orphaned = time.monotonic() + limit_s, time.monotonic() + _ORPHAN_S
    told = False
    while living := alive(cluster):
        pid = _first_pid(postmaster)
        if pid in living:
            if answers():
                return True
            if time.monotonic() > deadline:
                raise EmbeddedFailed(_unanswering(pid, cluster, limit_s))
            if not told:
                progress(f"a server process ({pid}) of this cluster is starting or stopping: waiting")
                told = True
            orphaned = time.monotonic() + _ORPHAN_S
        elif time.monotonic() > orphaned:
            progress(f"ending server processes without a postmaster: {living}")
            kill(living)
            orphaned = time.monotonic() + _ORPHAN_S
        time.sleep(0.02)
    for lock in (postmaster, socket.with_name(socket.name + ".lock")):
        found = _first_pid(lock)
        # PostgreSQL removes the lock of a dead process itself; one whose number was reused stops it for ever.
        if found is not None and not lives_in(found, cluster) and os.path.exists(f"/proc/{found}"):
            progress(f"{lock.name} names process {found}, which is not this server: removed")
            lock.unlink()
    return False


def _unanswering(pid: int | None, cluster: Path, limit_s: float) -> str:
    return (
        f"PostgreSQL (process {pid}) of {cluster} runs, and let nobody in for {limit_s:.0f} s. It was left alone: it "
        f"may be recovering after a crash, or all its connections are in use. Its log says which: {cluster / 'log'}. "
        f"Start again when it is through; if it hangs, end it (kill -INT {pid}) and start again"
    )


def spawn(command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> None:
    """Start a program that detaches itself; its output goes to the log."""
    subprocess.run(  # noqa: S603  (fixed programs, no shell)
        list(command), env=dict(environment), cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
