"""Waits until every process of one ``crossdock serve`` is gone, however it went, then stops the embedded PostgreSQL.

Run as ``python -m crossdock.guardian DATA_DIR``. Standard input is a pipe whose other end all of those processes hold:
it ends when the last of them does, kill -9 included.
"""

import os
import signal
import sys
from pathlib import Path

from crossdock.embedded_use import embedded


def main(data_dir: Path) -> None:
    """Holds a user's place in the data directory until the pipe ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal's Ctrl-C goes to everybody; this one leaves last
    with embedded(data_dir):
        os.write(sys.stdout.fileno(), b"ready\n")
        while os.read(sys.stdin.fileno(), 4096):
            pass  # nobody writes; only the end matters


if __name__ == "__main__":
    main(Path(sys.argv[1]))
