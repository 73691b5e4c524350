"""Waits until every process of one ``crossdock serve`` is gone, however it went, then stops the embedded PostgreSQL.

Until then it starts a server again whose postmaster fell (killed by hand, or for its memory): nobody else would.

Run as ``python -m crossdock.guardian DATA_DIR``. Standard input is a pipe whose other end all of those processes hold:
it ends when the last of them does, kill -9 included.
"""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from crossdock.embedded_use import embedded
from crossdock.store import asked
from crossdock.store.account import EmbeddedFailed
from crossdock.store.embedded import USER, Embedded

WATCH_S = 1.0


def main(data_dir: Path) -> None:
    """Holds a user's place in the data directory until the pipe ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal's Ctrl-C goes to everybody; this one leaves last
    with embedded(data_dir):
        os.write(sys.stdout.fileno(), b"ready\n")
        while not _over():
            _keep(Embedded(data_dir))


def _over() -> bool:
    """Whether the pipe has ended; waits a while for it. Nobody writes; only the end matters."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], WATCH_S)
    return bool(readable) and not os.read(sys.stdin.fileno(), 4096)


def _keep(server: Embedded) -> None:
    """Start the server again when nobody listens. One that is busy, recovering or full is left alone."""
    if asked.answer(server.socket, USER) != "nobody":
        return
    try:
        server.ensure()
        _say("the embedded PostgreSQL was gone and is started again; nothing that was accepted is lost")
    except (EmbeddedFailed, OSError, subprocess.SubprocessError) as error:
        _say(f"the embedded PostgreSQL is gone and does not start: {error}")


def _say(text: str) -> None:
    sys.stderr.write(f"guardian: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
