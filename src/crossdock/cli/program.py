"""The program: all commands, and what becomes of their errors."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence

import typer
from typer.exceptions import TyperException

from crossdock import __version__
from crossdock.cli import (
    auditing,
    bench,
    closing,
    connections,
    connectors,
    demo,
    folder,
    holds,
    invariants,
    orders,
    partners,
    people,
    prove,
    restoring,
    serving,
    settlements,
    stock,
)
from crossdock.cli.failures import DONE, FAILED, USAGE, said
from crossdock.cli.printing import error

EPILOG = (
    "Exit codes: 0 done, 1 something failed or does not balance, 2 wrong use, 3 configuration, "
    "4 database or system not reachable, 5 refused. --json never asks whether to go on: a command that "
    "would then needs --yes, and without it prints what it would do and exits with 1. "
    "Settings: --config or CROSSDOCK_CONFIG, DATABASE_URL."
)


def build() -> typer.Typer:
    """All commands under one roof."""
    app = typer.Typer(
        help="Order-sync middleware you run yourself: no order lost, none doubled, whatever fails.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    modules = (
        serving, demo, folder, orders, holds, stock, settlements, closing, connections, connectors, people,
        partners, auditing, invariants, restoring, prove, bench,
    )  # fmt: skip
    for module in modules:
        module.add(app)
    return app


def _options(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Say the version and stop.", is_eager=True),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error. It may stand anywhere."),
) -> None:
    ctx.obj = {"debug": debug}
    if version:
        typer.echo(f"crossdock {__version__}")
        raise typer.Exit(DONE)


def run() -> None:
    """Parse, run, and turn every foreseen error into one paragraph and an exit code."""
    arguments, debug = _debugging(sys.argv[1:])
    sys.exit(guarded(lambda: build()(arguments, standalone_mode=False, prog_name="crossdock"), debug=debug))


def _debugging(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without ``--debug``, which may stand anywhere before ``--``, and whether it was there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    left = [one for at, one in enumerate(arguments) if at >= end or one != "--debug"]
    return left, len(left) < len(arguments)


def guarded(work: Callable[[], object], *, debug: bool = False) -> int:
    """Run a command; the exit code."""
    try:
        result = work()
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        error("Stopped. Nothing more was done.")
        return FAILED
    except TyperException as wrong:
        error(getattr(wrong, "format_message", wrong.__str__)() + " (crossdock --help)")
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `crossdock orders | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as failed:  # noqa: BLE001 - the outermost edge: everything is said, nothing is swallowed
        if debug:
            traceback.print_exc()
        told, code = said(failed)
        error(told)
        return code
    return result if isinstance(result, int) else DONE
