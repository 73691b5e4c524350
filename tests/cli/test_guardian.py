"""The embedded PostgreSQL of a running ``crossdock serve`` comes back when its postmaster is killed."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

import crossdock
from crossdock.embedded_use import embedded
from crossdock.store import asked
from crossdock.store.embedded import USER, Embedded
from crossdock.supervise import Guardian


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Below /tmp: pytest's own directories are too deep for a socket, and closed to the database's account."""
    folder = Path(mkdtemp(prefix="cd-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def test_a_killed_postmaster_is_started_again(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(crossdock.__file__).parents[1]))
    server = Embedded(short_dir / "data")
    async with Guardian(short_dir / "data"):
        pid = asked.listener_pid(server.socket)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while asked.listener_pid(server.socket) in (None, pid) or asked.answer(server.socket, USER) != "ready":
                await asyncio.sleep(0.05)
    assert asked.answer(server.socket, USER) == "nobody"  # and the last one out stops it


async def test_a_killed_guardian_is_started_again(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the next command that ended stopped the server as its last user, and nobody started it again."""
    monkeypatch.setenv("PYTHONPATH", str(Path(crossdock.__file__).parents[1]))
    server, said = Embedded(short_dir / "data"), []
    async with Guardian(short_dir / "data", said.append) as guardian:
        for _ in range(2):
            killed = guardian.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            async with asyncio.timeout(60):
                while guardian.pid in (None, killed):
                    await asyncio.sleep(0.05)
        with embedded(short_dir / "data"):
            """A command that comes and goes."""
        assert asked.answer(server.socket, USER) == "ready"
    assert asked.answer(server.socket, USER) == "nobody"
    assert len(said) == 2
    assert "SIGKILL" in said[0]
