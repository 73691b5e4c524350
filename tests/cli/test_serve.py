"""``serve`` as processes: children are kept alive, a drain ends in order, and a killed parent leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import psutil
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """One ``crossdock serve`` with its own embedded database."""

    def __init__(self, folder: Path) -> None:
        self.data, self.log = folder / "data", folder / "serve.log"
        config = folder / "config"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        environment.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "crossdock.cli"]
        subprocess.run([*command, "init", str(config)], check=True, capture_output=True, env=environment)
        names = re.findall(r"env:([A-Z0-9_]{5,})", (config / "crossdock.yaml").read_text())
        environment |= dict.fromkeys(names, "a-real-looking-value")
        self.intake, console = free_port(), free_port()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *command, "serve", "--config", str(config), "--data", str(self.data), "--intake",
                    f"127.0.0.1:{self.intake}", "--console", f"127.0.0.1:{console}", "--drain", "20",
                ],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        self.parent = psutil.Process(self.process.pid)

    def children(self, module: str) -> list[psutil.Process]:
        return [child for child in self.parent.children() if module in _command(child)]

    def until(self, reached: object, what: str, limit_s: float = 60.0) -> None:
        began = monotonic()
        while not reached():  # type: ignore[operator]
            if monotonic() - began > limit_s:
                pytest.fail(f"waited {limit_s:.0f} s for {what}:\n{self.log.read_text()[-3000:]}")
            asyncio.run(asyncio.sleep(0.05))

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.intake)) == 0

    def postgres(self) -> list[psutil.Process]:
        """The servers of our data directory, whoever started them."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if str(self.data / "cluster") in (process.info["cmdline"] or []) and _lives(process):
                found.append(process)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path)
    yield one
    one.close()


def test_a_killed_child_comes_back_and_sigterm_ends_everything(served: Served) -> None:
    served.until(served.answers, "intake to answer")
    served.until(lambda: len(served.children("crossdock.roles")) == 5, "five roles")
    before = {child.pid for child in served.children("crossdock.roles")}
    victim = served.children("crossdock.roles")[1]
    victim.kill()
    served.until(
        lambda: len(now := {c.pid for c in served.children("crossdock.roles")}) == 5 and victim.pid not in now,
        "the killed role to come back",
    )
    assert len(before & {child.pid for child in served.children("crossdock.roles")}) == 4
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0
    served.until(lambda: not served.postgres(), "PostgreSQL to stop")
    assert "killed by SIGKILL" in served.log.read_text()
    assert not served.answers()


def test_a_killed_parent_leaves_nothing(served: Served) -> None:
    served.until(served.answers, "intake to answer")
    served.until(lambda: len(served.children("crossdock.roles")) == 5, "five roles")
    family = served.parent.children(recursive=True)
    assert served.postgres()
    served.process.kill()
    served.process.wait(10)
    served.until(lambda: not any(map(_lives, family)), "all to end")
    served.until(lambda: not served.postgres(), "PostgreSQL to stop")
