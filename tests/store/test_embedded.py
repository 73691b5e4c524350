"""The embedded server: one per data directory, whoever starts it, whatever was killed before."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import pytest

import crossdock
from crossdock.store import asked, leftovers, unprivileged
from crossdock.store.account import EmbeddedFailed, reaches, server_account
from crossdock.store.embedded import Embedded, wheel_binaries
from crossdock.store.migrate import migrate
from crossdock.store.pool import transaction
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import StoreUnavailable
from tests.store.probes import arrival, bodies

QUICK = {"fsync": "off"}
ENSURE = """
import sys
from crossdock.store.embedded import Embedded
print(Embedded(sys.argv[1], settings={'fsync': 'off'}).ensure())
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Below /tmp, as pytest's own directories are too deep for a socket, and only root can enter those."""
    folder = Path(mkdtemp(prefix="cd-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running() -> Iterator[Embedded]:
    folder = Path(mkdtemp(prefix="cd-"))
    server = Embedded(folder / "data", settings=QUICK)
    yield server
    server.stop()
    shutil.rmtree(folder)


def ask(server: Embedded, query: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(server.url())
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(run())


def until(reached: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def kill_all(server: Embedded) -> int:
    """Kill -9 the server and everything it started; returns the postmaster's id."""
    pid = asked.listener_pid(server.socket)
    assert pid is not None
    leftovers.kill(leftovers.alive(server.cluster))
    until(lambda: not leftovers.alive(server.cluster))
    return pid


def test_it_is_private_and_checks_its_pages(running: Embedded) -> None:
    running.ensure()
    assert running.running()
    assert ask(running, "show data_checksums") == "on"
    assert ask(running, "show synchronous_commit") == "on"
    assert ask(running, "show listen_addresses") == ""
    assert ask(running, "select datlocale from pg_database where datname = 'crossdock'") == "C.UTF-8"
    assert running.socket_dir.stat().st_mode & 0o777 == 0o700
    assert running.cluster.stat().st_mode & 0o777 == 0o700


def test_its_log_of_slow_statements_tells_no_values(running: Embedded) -> None:
    """What a slow statement was given are orders, addresses and what people searched for."""
    running.ensure()
    assert ask(running, "show log_parameter_max_length") == "0"


def test_it_is_found_and_not_started_again(running: Embedded) -> None:
    running.ensure()
    began = ask(running, "select pg_postmaster_start_time()")
    assert Embedded(running.data_dir).ensure() == running.url()
    assert ask(running, "select pg_postmaster_start_time()") == began


def test_what_was_committed_survives_kill_9(running: Embedded) -> None:
    running.ensure()
    ask(running, "create table if not exists kept as select 42 as answer")
    kill_all(running)
    assert not running.running()
    running.ensure()
    assert ask(running, "select answer from kept") == 42


def test_a_process_id_that_went_to_a_stranger_does_not_stop_a_start(running: Embedded) -> None:
    running.ensure()
    killed = kill_all(running)
    account = server_account()
    with subprocess.Popen(["sleep", "60"], user=account.uid if account.switch else None) as stranger:
        for name in (running.cluster / "postmaster.pid", running.socket.with_name(running.socket.name + ".lock")):
            name.write_text(name.read_text().replace(str(killed), str(stranger.pid), 1))
        running.ensure()
        assert running.running()
        assert stranger.poll() is None, "the stranger was left alone"
        stranger.kill()


def test_killing_what_has_ended_meanwhile_is_no_error() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
        leftovers.kill([gone.pid])


def test_a_killed_postmaster_leaves_no_orphans_in_the_way(running: Embedded) -> None:
    running.ensure()
    pid = asked.listener_pid(running.socket)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    running.ensure()
    assert running.running()
    assert asked.listener_pid(running.socket) != pid


def test_a_server_that_lets_nobody_in_is_left_alone(running: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be recovering for longer than anybody waits: ended, it would begin anew, start after start."""
    monkeypatch.setattr(leftovers, "_ORPHAN_S", 0.1)
    running.ensure()
    began, said = ask(running, "select pg_postmaster_start_time()"), []
    with pytest.raises(EmbeddedFailed, match="let nobody in for 0 s"):
        leftovers.clear(running.cluster, lambda: False, running.socket, said.append, 0.3)
    assert ask(running, "select pg_postmaster_start_time()") == began
    assert len(said) == 1
    assert "waiting" in said[0]


async def test_a_killed_session_frees_its_streams_and_the_store_goes_on(running: Embedded) -> None:
    url = await asyncio.to_thread(running.ensure)
    await migrate(url)
    store = await PostgresStore.open(url)
    await store.register("shop", "shopify")
    await store.accept([arrival("d1")])
    with pytest.raises(StoreUnavailable):  # noqa: PT012  (leaving the context is what is tested)
        async with transaction(store.pool, "be killed") as connection:
            await connection.execute("select from streams for no key update")
            os.kill(await connection.fetchval("select pg_backend_pid()"), signal.SIGKILL)
            await connection.fetchval("select pg_sleep(30)")
    async with asyncio.timeout(20):
        while True:
            try:
                found = await bodies(store)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                break
    assert found == {"o1": [b"d1"]}
    await store.close()


def test_stopping_waits_and_is_no_matter_when_nothing_runs(running: Embedded) -> None:
    running.ensure()
    running.stop()
    assert not leftovers.alive(running.cluster)
    running.stop()


def start_elsewhere(data_dir: Path) -> "subprocess.Popen[str]":
    source = str(Path(crossdock.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(data_dir)],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_start_it_at_once_share_it_and_it_outlives_them(short_dir: Path) -> None:
    server = Embedded(short_dir / "data")
    with start_elsewhere(server.data_dir) as one, start_elsewhere(server.data_dir) as other:
        said = {one.communicate(timeout=60)[0].strip(), other.communicate(timeout=60)[0].strip()}
    try:
        assert said == {server.url()}
        assert server.running()
        assert len(leftovers.alive(server.cluster)) > 1
    finally:
        server.stop()


def test_another_major_version_is_refused_with_the_way_forward(short_dir: Path) -> None:
    (short_dir / "cluster").mkdir()
    (short_dir / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedFailed, match=r"made by PostgreSQL 16.*pg_dump.*pg_upgrade"):
        Embedded(short_dir).ensure()


def test_a_socket_path_that_is_too_long_goes_below_tmp(short_dir: Path) -> None:
    deep = Embedded(short_dir / ("d" * 60) / ("e" * 60))
    assert deep.socket_dir.parent == Path("/tmp")
    assert len(os.fsencode(deep.socket)) <= 107
    assert deep.socket_dir == Embedded(deep.data_dir).socket_dir
    assert deep.socket_dir != Embedded(short_dir / ("d" * 60) / ("f" * 60)).socket_dir


def test_a_socket_directory_that_others_can_enter_is_refused(short_dir: Path) -> None:
    server = Embedded(short_dir / "data", settings=QUICK)
    server.socket_dir.mkdir(mode=0o755, parents=True)
    with pytest.raises(EmbeddedFailed, match="not a private directory"):
        server.ensure()


def test_a_failed_start_says_what_postgresql_said(short_dir: Path) -> None:
    server = Embedded(short_dir / "data", settings={"max_connections": "nonsense"})
    with pytest.raises(EmbeddedFailed, match=r"did not start.*max_connections"):
        server.ensure()


def copied_binaries(to: Path) -> Path:
    """The programs of the wheel, somewhere else: with the libraries beside them, as installed."""
    package = wheel_binaries().parents[1]
    for name in (f"{package.name}/{wheel_binaries().parent.name}", f"{package.name}.libs"):
        shutil.copytree(package.parent / name, to / name)
    return to / package.name / wheel_binaries().parent.name / "bin"


@as_root
def test_root_may_keep_everything_where_only_root_can_enter(short_dir: Path) -> None:
    home = short_dir / "home"
    home.mkdir(mode=0o700)
    server = Embedded(home / "data", binaries=copied_binaries(home), settings=QUICK)
    server.data_dir.mkdir()
    assert not reaches(server.account, server.cluster)
    server.ensure()
    try:
        pid = asked.listener_pid(server.socket)
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert int(status["Uid"].split()[1]) == server.account.uid != 0
        assert int(status["CapEff"], 16) == 1 << unprivileged.CAP_DAC_READ_SEARCH
        assert ask(server, "select count(*) > 0 from pg_timezone_names") is True
    finally:
        server.stop()


@as_root
def test_where_everybody_can_enter_the_server_keeps_no_capability(short_dir: Path) -> None:
    server = Embedded(short_dir / "data", binaries=copied_binaries(short_dir), settings=QUICK)
    server.data_dir.mkdir(mode=0o755)
    server.ensure()
    try:
        status = Path(f"/proc/{asked.listener_pid(server.socket)}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
    finally:
        server.stop()


@as_root
def test_a_user_who_is_not_root_runs_it_as_himself(short_dir: Path) -> None:
    account = server_account("nobody")
    data_dir = short_dir / "data"
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, account.uid, account.gid)
    # The interpreter itself may lie where only root can enter.
    become = [sys.executable, "-I", "-S", unprivileged.__file__, str(account.uid), str(account.gid), "pass", "wait"]
    source = str(Path(crossdock.__file__).parents[1])
    done = subprocess.run(
        [*become, sys.executable, "-c", ENSURE, str(data_dir)],
        env={"PYTHONPATH": source, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server = Embedded(data_dir, run_as_user="nobody")
    try:
        assert done.stdout.strip() == server.url(), done.stderr
        assert ask(server, "select 1") == 1
        assert server.cluster.stat().st_uid == account.uid
    finally:
        server.stop()


def test_a_listener_that_says_nothing_is_busy(short_dir: Path) -> None:
    path = short_dir / "s"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        assert asked.answer(path, "crossdock", timeout_s=0.1) == "busy"
    assert asked.answer(path, "crossdock") == "nobody"
