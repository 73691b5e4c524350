"""The command line: thin commands over the services that the console uses too.

Exit codes: 0 done · 1 something failed or does not balance · 2 wrong use · 3 configuration · 4 database or system not
reachable · 5 refused. Errors are one clear paragraph; ``--debug`` adds the traceback.
"""


def main() -> None:
    """The ``crossdock`` program."""
    from crossdock.cli.program import run

    run()
