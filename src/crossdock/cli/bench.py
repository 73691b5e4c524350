"""``bench``: the measurements, which live beside the source, not in the package."""

import importlib.util
import sys
from pathlib import Path

import typer

from crossdock.cli.printing import error
from crossdock.cli.reach import JSON

_WHICH = typer.Argument(
    None, help="Only these: intake, path, lifecycle, latency, idle, drain, peers, flat, stock. All when left out."
)


def add(app: typer.Typer) -> None:
    app.command()(bench)


def bench(
    which: list[str] | None = _WHICH,
    quick: bool = typer.Option(False, "--quick", help="Smaller counts; not written to benchmarks/results.json."),
    json: bool = JSON,
) -> int:
    """Measure rate, latency, flatness and size on this machine."""
    sys.path.insert(0, str(Path.cwd()))
    if importlib.util.find_spec("benchmarks") is None or importlib.util.find_spec("benchmarks.run") is None:
        error("The measurements are not part of the package. Run this in a copy of the source: make bench")
        return 2
    from benchmarks.run import main

    flags = [flag for flag, wanted in (("--quick", quick), ("--json", json)) if wanted]
    return int(main([*(which or ()), *flags]) or 0)
