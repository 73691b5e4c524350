"""The partner API as processes: what was answered is there after everything was killed, and is decided then."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import psutil
import pytest

from tests.partner.house import body, sent

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)
PORTAL = "connections:\n  portal1:\n    system: portal\n"
ROUTE = "routes:\n  - channel: portal1\n    erp: netsuite1\n    payment: authorized\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """``crossdock serve`` with a portal and its own embedded database; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.log = folder, folder / "data", folder / "serve.log"
        self.address = f"127.0.0.1:{free_port()}"
        self._command = [sys.executable, "-m", "crossdock.cli"]
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        self._environment.pop("DATABASE_URL", None)
        self._configure(folder / "config")
        self.process: subprocess.Popen[bytes] | None = None

    def _configure(self, config: Path) -> None:
        subprocess.run([*self._command, "init", str(config)], check=True, capture_output=True, env=self._environment)
        file = config / "crossdock.yaml"
        text = file.read_text().replace("connections:\n", PORTAL, 1).replace("routes:\n", ROUTE, 1)
        file.write_text(text.replace("serve:\n", f"serve:\n  partner: {self.address}\n", 1))
        names = re.findall(r"env:([A-Z0-9_]{5,})", text)
        self._environment |= dict.fromkeys(names, "a-real-looking-value")

    def start(self, roles: str) -> None:
        given = ["serve", "--config", str(self.folder / "config"), "--data", str(self.data), "--roles", roles]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self._command, *given], stdout=log, stderr=log, env=self._environment)
        self.until(self.answers, "the partner API")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments, "--data", str(self.data)],
            check=True, capture_output=True, text=True, env=self._environment,
        )  # fmt: skip
        return done.stdout.strip()

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/healthz").text == "ok\n"
        except httpx.TransportError:
            return False

    def until(self, reached: object, what: str, limit_s: float = 120.0) -> None:
        began = monotonic()
        while not reached():  # type: ignore[operator]
            if monotonic() - began > limit_s:
                pytest.fail(f"waited {limit_s:.0f} s for {what}:\n{self.log.read_text()[-3000:]}")
            asyncio.run(asyncio.sleep(0.05))

    def kill(self) -> None:
        """Everything of ours at once, the database included."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        victims = [parent, *parent.children(recursive=True)]
        for victim in victims:
            victim.send_signal(signal.SIGKILL)
        self.process.wait(60)
        psutil.wait_procs(victims, 60)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_an_answered_order_outlives_the_kill_of_everything(served: Served) -> None:
    served.start("partner")  # nobody decides: whoever waits is answered when the time is over
    key = served.run("partner-key", "make", "portal1", "--name", "till")
    headers = {"authorization": f"Bearer {key}"}
    url = f"http://{served.address}/partner/v1/orders"
    began = time.monotonic()
    answer = httpx.post(url, content=body(), headers={**headers, **sent("k1", "wait=1")}, timeout=60)
    served.kill()
    assert (answer.status_code, answer.json()["decision"]) == (202, "kept")
    assert time.monotonic() - began >= 1.0

    served.start("partner,decide")
    where = f"http://{served.address}{answer.headers['location']}"
    served.until(lambda: httpx.get(where, headers=headers).json()["status"] == "waiting", "the first decision")
    told = httpx.get(where, headers=headers).json()
    assert (told["decision"], told["problems"]) == (
        "kept",
        [],
    )  # nothing was read of the ERP yet: a yes would be a guess
    assert "read" in told["reason"]

    again = httpx.post(url, content=body(), headers={**headers, **sent("k2", "wait=1")}, timeout=60)
    assert (again.status_code, again.json()["decision"]) == (202, "kept")
    served.run("partner-key", "revoke", "portal1", "till", "--reason", "over")
    assert httpx.get(where, headers=headers).status_code == 401
    assert "till" in served.run("partner-key", "list")
