"""What the peers need: an environment, PostgreSQL as Crossdock's, a stub ERP, a Redis. All end with their block."""

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg

from crossdock.store.embedded import Embedded

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LOCK = HERE / "requirements.lock"
VENV = HERE / ".venv"
INSTALL_REDIS = ROOT / "scripts" / "install-redis.sh"
SHARED_BUFFERS = "512MB"  # as in benchmarks.house
REDIS_SETTINGS = {"appendonly": "yes", "appendfsync": "always", "save": "", "bind": "127.0.0.1", "daemonize": "no"}


class Unavailable(Exception):
    """Something a peer needs is not to be had on this machine; says what."""


async def said(*command: str | Path, limit_s: float, cwd: Path = ROOT) -> tuple[int, str, str]:
    """Exit code, standard output and error. Ends the process and those it started when ``limit_s`` is over."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        async with asyncio.timeout(limit_s):
            out, errors = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return process.returncode or 0, out.decode(), errors.decode(errors="replace")


async def environment() -> Path:
    """The interpreter of the peers' own environment, made when there is none or the lock has changed."""
    python, made_from = VENV / "bin" / "python", VENV / "made-from"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and made_from.exists() and made_from.read_text() == digest:
        return python
    print("making the peers' environment (hashes checked)", file=sys.stderr)
    shutil.rmtree(VENV, ignore_errors=True)
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        LOCK,
    ]
    commands: list[list[str | Path]] = [[sys.executable, "-m", "venv", VENV], pip]
    for command in commands:
        try:
            code, _, errors = await said(*command, limit_s=600)
        except TimeoutError as error:
            raise Unavailable("installing the packages took more than 600 s") from error
        if code:
            raise Unavailable(f"the packages could not be installed: {errors.strip()[-300:]}")
    made_from.write_text(digest)
    return python


async def redis_program() -> Path:
    """``redis-server``, installed where that is possible."""
    code, _, errors = await said(INSTALL_REDIS, limit_s=300)
    found = shutil.which("redis-server")
    if code or found is None:
        raise Unavailable(f"no redis-server: {errors.strip()[-300:]}")
    return Path(found)


@asynccontextmanager
async def redis(program: Path) -> AsyncIterator[str]:
    """A private server on loopback that writes every command to disk before it answers. Yields its URL."""
    folder, port = Path(tempfile.mkdtemp(prefix="crossdock-peers-redis-")), free_port()
    options = [part for name, value in REDIS_SETTINGS.items() for part in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(
        str(program), "--port", str(port), "--dir", str(folder), *options, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        await end(process)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
    raise RuntimeError(f"redis-server ended with {process.returncode} before it listened")


@contextmanager
def postgresql() -> Iterator[Embedded]:
    """A server of its own with the settings that Crossdock's has in these measurements."""
    folder = Path(tempfile.mkdtemp(prefix="crossdock-peers-"))
    server = Embedded(folder / "data", shared_buffers=SHARED_BUFFERS)
    try:
        server.ensure()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def database(server: Embedded, name: str) -> AsyncIterator[str]:
    """An empty database, dropped on leaving. Yields its URL."""
    db = await asyncpg.connect(server.url())
    try:
        await db.execute(f'create database "{name}"')
        try:
            yield server.url(name)
        finally:
            await db.execute(f'drop database "{name}" with (force)')
    finally:
        await db.close()


@asynccontextmanager
async def stub_erp() -> AsyncIterator[int]:
    """The same stub that Crossdock calls. Yields its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.stub_erp", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline())
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Terminate, and kill what does not end."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
