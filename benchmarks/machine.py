"""Facts about the machine, and what processes cost: CPU and memory read from /proc, whole processes, no sampling."""

import os
import platform
import sysconfig
import time
from pathlib import Path
from typing import Any

import msgspec

TICK = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, Any]:
    """What a figure means nothing without."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_kb / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libpython": "shared" if sysconfig.get_config_var("Py_ENABLE_SHARED") else "static",
        "load_before": os.getloadavg()[0],
        "python_loop_ms": speed(),
    }


def speed(rounds: int = 7) -> list[float]:
    """CPU ms of the same million additions, several times: how fast, and how steady, the machine is just now.

    On shared hosts this varies twofold within minutes, and every figure with it.
    """
    found = []
    for _ in range(rounds):
        started, total = time.process_time(), 0
        for number in range(1_000_000):
            total += number
        found.append(round((time.process_time() - started) * 1000, 1))
    return found


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds and resident memory of one process at one moment."""

    cpu_s: float
    rss_mb: float  # proportional set size: shared pages are counted once over all processes


def children(pid: int) -> list[int]:
    """All descendants, whatever thread started them."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return found
    for task in tasks:
        try:
            direct = [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in direct:
            found += [child, *children(child)] if Path(f"/proc/{child}").exists() else []
    return found


def command(pid: int) -> str:
    """The process's command line, or its name when it set one."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


def cost(pid: int) -> Cost | None:
    """What the process has used so far; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / TICK
    pss_kb = 0
    for line in memory.splitlines():
        if line.startswith("Pss:"):
            pss_kb = int(line.split()[1])
            break
    return Cost(cpu_s, pss_kb / 1024)
