"""Runs a program as another user, able to pass through directories that this user could not enter.

Executed by path in a process of its own (``python -I unprivileged.py …``), because changing the user between fork
and exec inside a process with threads may hang. PostgreSQL refuses to run as root; its files may lie below a home
directory that only root can enter. With ``pass`` the program keeps the single capability to look through directories
(CAP_DAC_READ_SEARCH); with ``plain`` it keeps none.

Arguments: uid (-1: stay) · gid · plain|pass · wait|detach · program · its arguments
"""

import ctypes
import os
import sys

CAP_DAC_READ_SEARCH, CAP_SETPCAP = 2, 8
_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def _call(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become(uid: int, gid: int, *, passing: bool) -> None:
    """Give up root for good; ``passing`` keeps the right to look through directories, also after exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    if passing:
        # Keeps capabilities over the change of user, and lets access(2), by which initdb checks its programs, see them.
        _call("keep capabilities", libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if passing:
        bit = 1 << CAP_DAC_READ_SEARCH
        header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _call("reduce capabilities", libc.capset(header, sets))
        _call("hand on capability", libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0))


def main(arguments: list[str]) -> None:
    uid, gid, passing, staying = int(arguments[0]), int(arguments[1]), arguments[2] == "pass", arguments[3] == "wait"
    if not staying:
        # Twice removed from the starter: outlives it, and is no child that somebody must reap.
        if os.fork():
            os._exit(0)
        os.setsid()
        os.umask(0o077)
    if uid >= 0:
        become(uid, gid, passing=passing)
    os.execv(arguments[4], arguments[4:])  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    main(sys.argv[1:])
