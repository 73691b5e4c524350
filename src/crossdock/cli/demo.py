"""``demo``: everything at once, with simulated vendors."""

import asyncio
from pathlib import Path

import typer

from crossdock.cli.reach import JSON
from crossdock.demo.plan import PAIRS

_SAMPLES = typer.Option(None, help="A folder of Shopify order bodies to send too.")
_PAIR = typer.Option(PAIRS[0], help=f"Which channel and ERP: {' or '.join(PAIRS)}.")
_FOLDER = typer.Option(Path(".demo"), help="Where the demo keeps everything; emptied at the start.")


def add(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    orders: int = typer.Option(0, min=0, help="Stop placing orders after this many (0: go on until Ctrl-C)."),
    rate: float = typer.Option(5.0, min=0.1, help="Orders a second."),
    faults: bool = typer.Option(False, "--faults", help="Break things on purpose while orders come in."),
    leave: bool = typer.Option(False, "--exit", help="Wait until all is quiet, reconcile, and exit."),
    json: bool = JSON,
    workers: int = typer.Option(1, min=1, max=16, help="How many processes decide, and how many deliver."),
    samples: Path | None = _SAMPLES,
    folder: Path = _FOLDER,
    intake: str = typer.Option("127.0.0.1:8480", help="Where webhooks are taken."),
    console: str = typer.Option("127.0.0.1:8481", help="Where the console listens."),
    seed: int = typer.Option(0, help="Which orders are made, and when which fault strikes."),
    pair: str = _PAIR,
    quiet: float = typer.Option(240.0, help="With --exit: seconds to wait for quiet before giving up."),
) -> int:
    """A live shop, ERP and warehouse, and Crossdock between them. Nothing to install, nothing leaves this machine."""
    from crossdock.demo.plan import Plan
    from crossdock.demo.run import run

    if pair not in PAIRS:
        raise typer.BadParameter(f"there is no pair {pair!r}; there are {' and '.join(PAIRS)}", param_hint="--pair")
    wanted = orders or (200 if leave else 0)
    plan = Plan(wanted, rate, faults, leave, json, workers, samples, folder, intake, console, seed, quiet, pair)
    return asyncio.run(run(plan))
