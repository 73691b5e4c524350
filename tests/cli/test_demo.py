"""The demo end to end: real processes, simulated vendors over sockets, faults, and books that balance to the cent."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = Path(os.environ.get("CROSSDOCK_VENDOR_SAMPLES", ROOT.parent / "shared" / "vendors" / "samples"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.timeout(420)
def test_with_faults_everything_balances(tmp_path: Path) -> None:
    samples = ["--samples", str(SAMPLES)] if SAMPLES.is_dir() else []
    done = subprocess.run(
        [
            sys.executable, "-m", "crossdock.cli", "demo", "--orders", "40", "--rate", "10", "--faults", "--exit",
            "--json", "--folder", str(tmp_path / "demo"), "--intake", f"127.0.0.1:{free_port()}",
            "--console", f"127.0.0.1:{free_port()}", *samples,
        ],
        capture_output=True, text=True, check=False, timeout=400, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    told = json.loads(done.stdout) if done.stdout else {}
    assert done.returncode == 0, (told.get("wrong"), done.stderr[-3000:])
    assert told["balances"]
    assert told["counts"]["orders in the shop"] >= 40
    assert {"worker killed with -9", "ERP outage", "ERP answers lost", "429 bursts at ERP and shop"} <= set(
        told["faults"]
    )
    # a real shop's line without a SKU names itself; without the samples nothing waits for a person
    assert bool(told["exceptions"]) == bool(samples)
