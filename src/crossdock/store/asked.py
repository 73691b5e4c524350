"""Asks a PostgreSQL server on a Unix socket how it is; nothing else proves that it runs."""

import socket
import struct
from pathlib import Path

_PROTOCOL_3 = 196608


def _startup(user: str, database: str) -> bytes:
    body = struct.pack("!i", _PROTOCOL_3)
    body += b"".join(part.encode() + b"\0" for part in ("user", user, "database", database)) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def answer(path: Path, user: str, database: str = "postgres", timeout_s: float = 3.0) -> str:
    """``ready``, ``nobody`` (no server there), ``busy`` (listens, gives no answer) or the SQLSTATE it refused with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return "nobody"
        except PermissionError:
            return "28000"
        except (TimeoutError, BlockingIOError):
            return "busy"
        try:
            line.sendall(_startup(user, database))
            return _verdict(line)
        except TimeoutError:
            return "busy"
        except (ConnectionError, BrokenPipeError):
            return "nobody"


def _verdict(line: socket.socket) -> str:
    head = line.recv(5, socket.MSG_WAITALL)
    if len(head) < 5:
        return "nobody"
    kind, length = head[:1], struct.unpack("!i", head[1:])[0]
    body = line.recv(length - 4, socket.MSG_WAITALL)
    if kind == b"R":
        return "ready"
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return fields.get(b"C", "busy")


def listener_pid(path: Path) -> int | None:
    """The process that listens on the socket, from the kernel (Linux), or None."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(3.0)
        try:
            line.connect(str(path))
        except OSError:
            return None
        pid: int = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid or None
