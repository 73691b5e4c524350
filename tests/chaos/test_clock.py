"""The clock that jumps: only for who was started with it, and only the wall clock."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chaos.clock import Clock

from chaos import clock


def test_it_jumps_while_a_process_runs(tmp_path: Path) -> None:
    preloaded = clock.library()
    if preloaded is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("libfaketime is not installed: scripts/install-faketime.sh")
    moved = Clock(tmp_path / "clock", preloaded)
    loop = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **moved.environment},
    ) as process:  # fmt: skip

        def ahead() -> tuple[float, float]:
            assert process.stdin
            assert process.stdout
            process.stdin.write("?\n")
            process.stdin.flush()
            wall, stopwatch = map(float, process.stdout.readline().split())
            return wall - time.time(), stopwatch - time.monotonic()

        assert abs(ahead()[0]) < 60
        moved.jump(7200)
        deadline = time.monotonic() + 30
        while ahead()[0] < 7000:
            assert time.monotonic() < deadline, "the clock did not jump"
        assert abs(ahead()[1]) < 60, "a stopwatch jumped"
        process.communicate()
    clock.sweep()


def test_only_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"faketime_shm_{gone.pid}", f"sem.faketime_sem_{gone.pid}", f"faketime_shm_{os.getpid()}", "other"]
    for name in names:
        (tmp_path / name).touch()
    clock.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[2:])
