"""Sharing the embedded PostgreSQL of a data directory: started for the first user, stopped after the last.

Every user holds a shared lock on ``users.lock``; whoever leaves and then gets it exclusively was the last. A killed
user's lock falls with it, so nobody has to be counted.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossdock.store.embedded import Embedded


@contextmanager
def embedded(data_dir: Path, progress: Callable[[str], None] = lambda _said: None) -> Iterator[str]:
    """The URL of the data directory's own server, for as long as the context lasts."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = Embedded(data_dir, progress=progress)
    with (data_dir / "users.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield server.ensure()
        finally:
            stop_if_last(server, lock.fileno())


def stop_if_last(server: Embedded, lock: int) -> bool:
    """Stop the server unless somebody else uses it. True: it was stopped."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    server.stop()
    return True
