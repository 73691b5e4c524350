"""Which operating system user the embedded PostgreSQL runs as, and whether it can reach its files."""

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from crossdock.store import unprivileged


class EmbeddedFailed(Exception):
    """The embedded PostgreSQL cannot be used. The message says why and what to do."""


class Account(msgspec.Struct, frozen=True):
    """The user of the server. ``switch``: this process is root and has to become it."""

    uid: int
    gid: int
    name: str
    switch: bool


def server_account(preferred: str | None = None) -> Account:
    """This process's own user; for root ``preferred``, else ``postgres`` where that user exists, else ``nobody``."""
    if os.geteuid() != 0:
        try:
            me = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EmbeddedFailed(
                f"user id {os.geteuid()} has no entry in the password file and PostgreSQL insists on one; "
                "add an entry (in a container: run with a user that exists in the image) or set DATABASE_URL"
            ) from None
        return Account(me.pw_uid, me.pw_gid, me.pw_name, switch=False)
    for name in [preferred] if preferred else ["postgres", "nobody"]:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid, found.pw_name, switch=True)
    raise EmbeddedFailed(f"PostgreSQL does not run as root and there is no user {preferred or 'postgres'!r}; create it")


def reaches(account: Account, path: Path) -> bool:
    """Whether the user can enter every directory above the path."""
    for folder in path.resolve().parents:
        found = folder.stat()
        if found.st_uid == account.uid:
            allowed = found.st_mode & stat.S_IXUSR
        elif found.st_gid == account.gid:
            allowed = found.st_mode & stat.S_IXGRP
        else:
            allowed = found.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def may_pass_through() -> bool:
    """Whether this process has the capability to look through directories, to hand it on (Linux)."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return False
    permitted = next((line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:")), "0")
    needed = 1 << unprivileged.CAP_DAC_READ_SEARCH | 1 << unprivileged.CAP_SETPCAP
    return int(permitted, 16) & needed == needed


def command_as(account: Account, program: Path, arguments: Sequence[str], needs: Sequence[Path], how: str) -> list[str]:
    """The command line that runs the program as the account. ``how``: wait or detach."""
    passing = "plain"
    if account.switch and not all(reaches(account, path) for path in (program, *needs)):
        if not may_pass_through():
            raise EmbeddedFailed(
                f"user {account.name!r} cannot enter all directories above {program} and {needs[0]}, and this process "
                "may not hand on CAP_DAC_READ_SEARCH (it needs that and CAP_SETPCAP); "
                "use a data directory such as /var/lib/crossdock, "
                "or run as a user who is not root"
            )
        passing = "pass"
    uid, gid = (account.uid, account.gid) if account.switch else (-1, -1)
    script = [sys.executable, "-I", "-S", unprivileged.__file__, str(uid), str(gid), passing, how]
    return [*script, str(program), *arguments]


def run_as(
    account: Account,
    program: Path,
    arguments: Sequence[str],
    *,
    needs: Sequence[Path],
    environment: Mapping[str, str],
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end and return what it said."""
    command = command_as(account, program, arguments, needs, "wait")
    return subprocess.run(command, input=stdin, capture_output=True, env=dict(environment), cwd="/", check=False)  # noqa: S603  (fixed programs, no shell)
