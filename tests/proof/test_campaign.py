"""The campaign that every test run makes, and what ``crossdock prove`` says of one."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
import threading
from multiprocessing import active_children
from pathlib import Path

import pytest

from crossdock.proof.campaign import EARLY, RECOVERIES, Report, another, campaign, stoppable
from crossdock.proof.invariants import NOT_CHECKED
from crossdock.proof.plan import KINDS, PROFILES, scenario
from crossdock.proof.run import run
from crossdock.proof.telling import PASSED, STOPPED, Keeping, kept, lines, store, verdict
from tests.cli.running import ROOT, crossdock

SEEDS = 2_000
PROCESSES = 2


@pytest.mark.timeout(1200)
def test_two_thousand_seeds_break_nothing_leave_nothing_out_and_pile_nothing_up() -> None:
    """One test, so that no division of the tests over processes makes the campaign twice."""
    whole = campaign(1, SEEDS, jobs=PROCESSES)
    said = "\n".join(lines(whole, None))
    assert whole.seeds == SEEDS
    assert whole.violations == 0, said
    assert whole.missing(None) == [], said
    assert verdict(whole, None, SEEDS) == PASSED
    assert whole.profiles.keys() == PROFILES.keys()
    assert whole.faults.keys() >= set(KINDS)
    assert whole.recoveries.keys() == set(RECOVERIES)  # what is counted must have been seen, and nothing else
    assert SEEDS / PROCESSES > EARLY * 3
    assert 0 < whole.early_mb <= whole.memory_mb < whole.early_mb * 1.15


def test_a_campaign_is_the_same_in_one_process_or_two() -> None:
    one, two = (campaign(5_000, 60, jobs=jobs) for jobs in (1, 2))
    assert one.digest == two.digest
    assert one.faults == two.faults


def test_a_campaign_that_was_stopped_is_gone_on_with_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = campaign(5_000, 110, jobs=2)

    def stop(report: Report) -> None:
        store(report, tmp_path / "report.json", None)
        if report.seeds >= 50:
            raise KeyboardInterrupt

    begun = campaign(5_000, 110, jobs=2, told=stop)
    assert (begun.interrupted, begun.seeds) == (True, 50)
    so_far = kept(tmp_path / "report.json")
    assert so_far is not None
    assert another(so_far, 5_000, None, "memory") == ""
    done = campaign(5_000, 110, jobs=1, so_far=so_far)
    assert (done.interrupted, done.seeds) == (False, 110)
    assert (done.digest, done.faults, done.profiles) == (whole.digest, whole.faults, whole.profiles)
    assert done.seconds >= begun.seconds


def test_a_report_of_another_campaign_is_not_gone_on_with() -> None:
    so_far = Report(1, profile="calm", store="memory", commit="of long ago")
    assert another(so_far, 2, "calm", "memory").startswith(
        "its first_seed is 1, not 2; its commit is of long ago, not "
    )
    assert "its profile is calm, not None" in another(so_far, 1, None, "memory")
    assert "its store is memory, not postgres" in another(so_far, 1, "calm", "postgres")


def test_a_report_is_kept_while_the_campaign_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.json"
    keeping = Keeping([file], None)
    keeping.told(Report(1, seeds=25))
    assert not file.exists()  # it is written once a minute
    monkeypatch.setattr("crossdock.proof.telling._LINE_EVERY_S", 0.0)
    keeping.told(Report(1, seeds=50))
    assert json.loads(file.read_text())["seeds"] == 50
    assert json.loads(file.read_text())["interrupted"] is True


def test_its_report_names_what_is_not_checked_and_why() -> None:
    said = lines(Report(1), None)
    for name, why in NOT_CHECKED.items():
        assert f"  {name:<4} {why}" in said


async def test_its_report_as_json_has_what_programs_ask_for() -> None:
    ran = await crossdock("prove", "--seeds", "30", "--seed", "7", "--jobs", "1", "--json")
    told = json.loads(ran.out)
    assert ran.code == 0, ran.said
    assert told.keys() >= {"seeds", "violations", "faults", "recoveries", "seeds_per_s", "shrunk", "digest", "commit"}
    assert (told["seeds"], told["first_seed"], told["violations"], told["shrunk"]) == (30, 7, 0, [])
    assert told["seeds_per_s"] > 0
    assert sum(told["profiles"].values()) == 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "locusts"], "There is no fault profile 'locusts'. There are: swarm, "),
        (["--store", "paper"], "There is no store 'paper'. There are: memory, postgres."),
        (["--sweep", "brass"], "There is no golden run 'brass'. There are: one-order, "),
        (["--scenario", "/nowhere/at.all"], "/nowhere/at.all: [Errno 2] No such file or directory"),
        (["--report", "/nowhere/at.all"], "There is no folder /nowhere for the report."),
        (["--resume"], "--resume goes on with the report in --report FILE: name it."),
        (["--resume", "--report", __file__], "test_campaign.py is no report of crossdock prove: "),
        (["--sweep", "all", "--store", "postgres"], "have their tables in memory: leave --store out."),
        (["--profile", "restored", "--store", "postgres"], "--profile restored has its tables in memory"),
        (["--profile", "afterwards", "--store", "postgres"], "--profile afterwards has its tables in memory"),
        (["--seeds", "0"], "Invalid value for '--seeds'"),
        (["--seeds", "many"], "Invalid value for '--seeds'"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--jobs", "-1"], "Invalid value for '--jobs'"),
    ],
)
async def test_a_malformed_option_is_named(options: list[str], said: str) -> None:
    ran = await crossdock("prove", *options)
    assert ran.code == 2
    assert said in ran.said
    assert not ran.out


async def test_one_scenario_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text('{"seed":1,"profile":"mine","orders":[{"at":0.2,"wish":{"skus":["SKU-0001"]}}]}')
    ran = await crossdock("prove", "--scenario", str(file), "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["seeds"], told["violations"]) == (0, 1, 0)
    assert told["recoveries"].keys() <= set(RECOVERIES)
    file.write_text("{")
    ran = await crossdock("prove", "--scenario", str(file))
    assert ran.code == 2
    assert "this is not a scenario" in ran.said


async def test_a_sweep_from_the_command_line() -> None:
    ran = await crossdock("prove", "--sweep", "cancelled", "--json")
    told = json.loads(ran.out)
    (swept,) = told["sweeps"]
    assert (ran.code, told["violations"], swept["golden"]) == (0, 0, "cancelled")
    assert told["kills"] == swept["kills"] > 50


@pytest.mark.timeout(300)
async def test_ctrl_c_prints_what_was_done_so_far() -> None:
    terminal, end = pty.openpty()
    command = (sys.executable, "-m", "crossdock.cli", "prove", "--seeds", "100000", "--jobs", "2")
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=end, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    os.close(end)
    shown = b""
    while b" of 100,000 seeds" not in shown:
        shown += await asyncio.to_thread(os.read, terminal, 1000)
    os.kill(running.pid, signal.SIGINT)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to all its processes; and timeout, which sends both
    out, _ = await running.communicate()
    with contextlib.suppress(OSError):  # the terminal's end, when all has been read
        while more := await asyncio.to_thread(os.read, terminal, 1000):
            shown += more
    os.close(terminal)
    told = out.decode()
    assert running.returncode == STOPPED
    assert "Stopped; no violation in the " in told
    assert "Faults injected" in told
    assert "Traceback" not in told + shown.decode()


def test_a_second_ctrl_c_while_it_stops_changes_nothing() -> None:
    again = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

    def stop(_: Report) -> None:
        again.start()
        signal.raise_signal(signal.SIGINT)

    with stoppable():
        done = campaign(5_000, 1_000, jobs=2, told=stop)
        again.join()
        signal.raise_signal(signal.SIGTERM)
    assert (done.interrupted, done.seeds) == (True, 25)
    assert active_children() == []


def _working(session: int) -> list[int]:
    """The processes of a session that are no zombies."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            state, _, _, its, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if int(its) == session and state != "Z":
                found.append(int(pid))
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_in_the_background_it_can_be_stopped_and_leaves_no_process_behind(number: int, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = f"prove --seeds 100000 --jobs 2 --json --report {report}"
    # As a shell's "&" starts it: with Ctrl-C ignored.
    running = await asyncio.create_subprocess_exec(
        "sh", "-c", f'trap "" INT; exec "{sys.executable}" -m crossdock.cli {options}',
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    while len(_working(running.pid)) < 4:  # with multiprocessing's own resource tracker
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)  # its handlers stand before its processes do; some seeds are under way now
    os.kill(running.pid, number)
    out, said = await running.communicate()
    if number != signal.SIGKILL:
        assert running.returncode == STOPPED, said.decode()
        assert json.loads(out)["interrupted"] is True
        assert json.loads(report.read_text())["interrupted"] is True
    while _working(running.pid):
        await asyncio.sleep(0.05)


def test_a_refusal_that_is_told_after_its_lease_has_ended_is_not_known() -> None:
    """Seed 49,991: a process paused on its way to the database, and the command was sent again, as it must be."""
    assert run(scenario(49_991)).violations == []
