"""Writes the reference pages that are made from the code: ``make docs``. With ``--check`` it writes nothing and fails
when a page differs from the code; ``tests/docs`` does the same.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # run as a script, Python looks in this file's folder only
    sys.path.insert(0, str(ROOT))

from scripts.reference_pages import configuration, interfaces, rules, systems  # noqa: E402


def pages() -> dict[str, str]:
    """Every generated page: path below ``docs/`` and its text."""
    from crossdock import app
    from crossdock.observe.catalogue import markdown
    from crossdock.proof import catalogue as proof

    made = {f"reference/{name}.md": write() for name, write in PAGES.items()}
    made["reference/signals.md"] = markdown()
    made["reference/proof.md"] = proof.markdown()
    for system in app.SYSTEMS:
        made[f"howto/connect-{system}.md"] = systems.connect(system)
    return made


def stale(docs: Path) -> list[str]:
    """The generated pages below ``docs`` that differ from the code."""
    return [
        name
        for name, text in pages().items()
        if not (docs / name).is_file() or (docs / name).read_text("utf-8") != text
    ]


PAGES: Mapping[str, Callable[[], str]] = {
    "cli": interfaces.cli,
    "configuration": configuration.configuration,
    "problems": rules.problems,
    "http-errors": interfaces.http_errors,
    "connectors": systems.connectors,
    "order-states": rules.order_states,
    "refunds": rules.refunds,
    "settlements": rules.settlements,
    "edits-and-cancels": rules.edits_and_cancels,
    "matrix": systems.matrix,
    "tables": interfaces.tables,
    "api": interfaces.api,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    asked = parser.parse_args()
    docs = ROOT / "docs"
    old = stale(docs)
    if not asked.check:
        made = pages()
        for name in old:
            (docs / name).parent.mkdir(parents=True, exist_ok=True)
            (docs / name).write_text(made[name], "utf-8")
    for name in old:
        print(f"docs/{name} {'is out of date: make docs' if asked.check else 'written'}")
    return 1 if asked.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
