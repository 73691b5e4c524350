"""A small file system of its own for the database, which can be filled to the last byte and freed again."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

_STEP = 1 << 20


class Disk:
    """A directory; its own small file system where this machine lets us mount one (``bounded``)."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.folder = folder
        self.bounded = False
        self._size_mb = size_mb
        self._ballast = folder / "ballast"

    def mount(self) -> None:
        """Mount it, in memory; where that is not permitted (not root) it stays a plain directory."""
        self.folder.mkdir(mode=0o755)
        asked = ["mount", "-t", "tmpfs", "-o", f"size={self._size_mb}m,mode=755", "crossdock-chaos", str(self.folder)]
        with suppress(FileNotFoundError):
            self.bounded = subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def unmount(self) -> None:
        """Everything on it is gone."""
        if self.bounded:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
            self.bounded = False

    def fill(self) -> None:
        """Leave nothing. May be called again while it is full: takes what has become free."""
        if not self.bounded:
            raise RuntimeError("only a file system of its own is ever filled")
        with self._ballast.open("ab") as ballast:
            step = _STEP
            while step >= 512:
                try:
                    os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, step)
                except OSError:
                    step //= 2

    def free(self) -> None:
        """Give back what was filled."""
        self._ballast.unlink(missing_ok=True)
