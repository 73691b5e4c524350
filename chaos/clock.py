"""The wall clock that processes see, moved while they run: libfaketime, told through a file.

Only the wall clock moves. Stopwatches (CLOCK_MONOTONIC) go on as they do when an administrator or NTP sets the time.
``scripts/install-faketime.sh`` installs the library.
"""

import os
from pathlib import Path

_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_NAME = "libfaketimeMT.so.1"


def library() -> Path | None:
    """Where the library is; None when it is not installed."""
    for place in _PLACES:
        for found in (*Path(place).glob(f"faketime/{_NAME}"), *Path(place).glob(f"*/faketime/{_NAME}")):
            return found
    return None


def sweep(folder: Path = Path("/dev/shm")) -> None:
    """Remove what killed processes left of the library's shared memory: a new process of the same number would trip
    over it. What belongs to a living process stays."""
    for left in (*folder.glob("faketime_shm_*"), *folder.glob("sem.faketime_sem_*")):
        pid = left.name.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)


class Clock:
    """The clock of every process started with ``environment``. Starts at the real time."""

    def __init__(self, file: Path, preloaded: Path) -> None:
        self._file, self._library = file, preloaded
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must be started with. It looks at the file once a second."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, seconds: float) -> None:
        """From within a second on, their time is this much ahead of the real one."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+.0f}\n", "ascii")
        aside.chmod(0o644)
        os.replace(aside, self._file)  # never half a line: it is read at any moment
