"""``crossdock prove`` in this very process, where a bug can be planted."""

from crossdock.cli.program import build, guarded


def prove(*words: str) -> int:
    """Run it with these words; the exit code."""
    arguments = ["prove", "--jobs", "1", *words]
    return guarded(lambda: build()(arguments, standalone_mode=False, prog_name="crossdock"))
