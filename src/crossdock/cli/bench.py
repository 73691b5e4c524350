"""``bench``: the measurements, which live beside the source, not in the package."""

import importlib.util
import sys
from pathlib import Path

import typer

from crossdock.cli.printing import error


def add(app: typer.Typer) -> None:
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)


def bench(ctx: typer.Context) -> int:
    """Measure rate, latency, flatness and size on this machine. Further options go to the runner (try --help-bench)."""
    sys.path.insert(0, str(Path.cwd()))
    if importlib.util.find_spec("benchmarks") is None or importlib.util.find_spec("benchmarks.run") is None:
        error("The measurements are not part of the package. Run this in a copy of the source: make bench")
        return 2
    from benchmarks.run import main

    return int(main(list(ctx.args)) or 0)
