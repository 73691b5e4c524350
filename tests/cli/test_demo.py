"""The demo end to end: real processes, simulated vendors over sockets, faults, and books that balance to the cent."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = Path(os.environ.get("CROSSDOCK_VENDOR_SAMPLES", ROOT.parent / "shared" / "vendors" / "samples"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def demo(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable, "-m", "crossdock.cli", "demo", "--rate", "10", "--exit", "--json", "--folder", str(folder),
            "--intake", f"127.0.0.1:{free_port()}", "--console", f"127.0.0.1:{free_port()}", *options,
        ],
        capture_output=True, text=True, check=False, timeout=400, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def sampled() -> set[str]:
    """The samples' order keys."""
    return {f"shop-{json.loads(file.read_bytes())['id']}" for file in SAMPLES.glob("shopify_orders-*.json")}


@pytest.mark.timeout(420)
def test_with_faults_everything_balances(tmp_path: Path) -> None:
    samples = ["--samples", str(SAMPLES)] if SAMPLES.is_dir() else []
    done = demo(tmp_path / "demo", "--orders", "40", "--faults", *samples)
    told = json.loads(done.stdout) if done.stdout else {}
    assert done.returncode == 0, (told.get("wrong"), done.stderr[-3000:])
    assert told["balances"]
    assert told["counts"]["orders in the shop"] >= 40
    assert {"worker killed with -9", "ERP outage", "ERP answers lost", "429 bursts at ERP and shop"} <= set(
        told["faults"]
    )
    # a real shop's line without a SKU names itself; what the demo placed itself is booked and waits for nobody
    assert set(told["waiting"]) <= (sampled() if samples else set())
    assert bool(told["waiting"]) == bool(told["exceptions"]) == bool(samples)
    assert set(told["unbooked"]) <= set(told["waiting"])


@pytest.mark.timeout(420)
def test_the_other_pair_balances_by_its_own_books(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo", "--pair", "amazon-businesscentral", "--orders", "20")
    told = json.loads(done.stdout) if done.stdout else {}
    assert done.returncode == 0, (told.get("wrong"), done.stderr[-3000:])
    assert told["balances"]
    assert told["counts"]["orders in the shop"] == told["counts"]["sales orders in the ERP"] == 20
    assert told["exceptions"] == {}
    config = (tmp_path / "demo" / "config" / "crossdock.yaml").read_text()
    assert "system: amazon" in config
    assert "system: businesscentral" in config


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pair", "amazon-sap"], "there is no pair"),
        (["--pair", "amazon-businesscentral", "--samples", "."], "takes none"),
    ],
)
def test_what_the_demo_cannot_show_is_said(tmp_path: Path, options: list[str], said: str) -> None:
    done = demo(tmp_path / "demo", *options)
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "demo").exists()


def of_the_demo(folder: Path) -> dict[int, str]:
    """Every living process of a demo in this folder: by what it was started with, or by where it works, as
    PostgreSQL's backends do. Process id -> what it calls itself."""
    mark, found = os.fsencode(folder), dict[int, str]()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if mark in told + os.fsencode(os.readlink(entry / "cwd")):
                found[int(entry.name)] = told.split(b"\0")[0].decode(errors="replace")
        except OSError:  # it has ended meanwhile, or is another user's
            continue
    return found


@pytest.mark.timeout(200)
def test_a_live_demo_books_within_a_minute_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, said = tmp_path / "demo", tmp_path / "said"
    with said.open("wb") as out:
        live = subprocess.Popen(
            [
                sys.executable, "-m", "crossdock.cli", "demo", "--rate", "5", "--folder", str(folder),
                "--intake", f"127.0.0.1:{free_port()}", "--console", f"127.0.0.1:{free_port()}",
            ],
            stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OF_THE_DEMO": str(folder)},
            start_new_session=True,
        )  # fmt: skip
    try:
        began = time.monotonic()
        while b"the first order was in the ERP" not in said.read_bytes():
            assert live.poll() is None, said.read_text()[-3000:]
            assert time.monotonic() - began < 60, said.read_text()[-3000:]
            time.sleep(0.1)
        running = of_the_demo(folder)
        assert any("postgres" in name for name in running.values()), running
        assert len(running) >= 8, running  # itself, the vendors, five roles and the guardian besides
        os.killpg(live.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the whole foreground
        assert live.wait(60) == 0, said.read_text()[-3000:]
        assert of_the_demo(folder) == {}
    finally:
        if live.poll() is None:  # its children end when it does
            live.kill()
            live.wait()
