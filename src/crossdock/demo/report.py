"""Prints the reconciliation: a table for people, JSON for programs."""

import sys

import msgspec

from crossdock.demo.books import Reconciliation

SHOWN = 20  # orders that do not balance are listed up to here; JSON has all


def print_reconciliation(found: Reconciliation, json: bool, quiet: bool, faults: dict[str, int], took_s: float) -> None:
    """On standard output."""
    if json:
        whole = {
            **msgspec.to_builtins(found), "balances": found.balances and quiet, "quiet": quiet, "faults": faults,
            "took_s": round(took_s, 1),
        }  # fmt: skip
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title="Reconciliation, from the simulators' own books", title_justify="left", box=None)
    for column in ("", "what", "expected", "found"):
        table.add_column(column)
    for account in found.accounts:
        mark = Text("ok", style="green") if account.balances else Text("NO", style="bold red")
        table.add_row(mark, Text(account.what), Text(account.expected), Text(account.found))
    counts = Table.grid(padding=(0, 2))
    for what, count in found.counts.items():
        counts.add_row(Text(what), Text(str(count)))
    console.print(counts, table)
    for cause, orders in sorted(found.exceptions.items()):
        console.print(Text(f"exception: {cause} ({orders} orders)"))
    for fault, times in faults.items():
        console.print(Text(f"fault: {fault} ({times} times)"))
    for line in found.wrong[:SHOWN]:
        console.print(Text(line, style="red"))
    if len(found.wrong) > SHOWN:
        console.print(Text(f"… and {len(found.wrong) - SHOWN} more", style="red"))
    if not quiet:
        console.print(Text("It did not become quiet in time.", style="red"))
    verdict = "everything balances" if found.balances and quiet else "it does NOT balance"
    console.print(Text(f"{verdict} after {took_s:.0f} s", style="bold"))
