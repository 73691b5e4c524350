"""Keeps a campaign's report and quotes it: ``python scripts/proof_report.py REPORT.json``.

``REPORT.json`` is what ``crossdock prove --report`` wrote. It becomes ``docs/proof/campaign.json``, or, of the profile
``afterwards``, ``docs/proof/afterwards.json``; from it are made the page of the same name beside it and a sentence in
README.md, between ``<!-- proof -->`` and ``<!-- /proof -->`` (``<!-- proof afterwards -->``). Without a file it makes
all anew from the reports that are kept; with ``--check`` it writes nothing and fails when they differ.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "proof"
README = ROOT / "README.md"


class Campaign(NamedTuple):
    """One of those that are kept. ``profile``: None: the mixture."""

    name: str
    profile: str | None
    mark: str
    title: str
    command: str

    @property
    def kept(self) -> Path:
        return FOLDER / f"{self.name}.json"

    @property
    def page(self) -> Path:
        return FOLDER / f"{self.name}.md"


MIXTURE = Campaign(
    "campaign",
    None,
    "proof",
    "The last campaign that was kept",
    "crossdock prove --seeds 100000 --report campaign.json",
)
AFTERWARDS = Campaign(
    "afterwards",
    "afterwards",
    "proof afterwards",
    "The last campaign of what comes after an order",
    "crossdock prove --profile afterwards --seeds 20000 --report afterwards.json",
)
CAMPAIGNS = (MIXTURE, AFTERWARDS)
EXPLAINED = "What each of them was, and what became of it: [broken seeds](broken-seeds.md)."
NEEDED = ("seeds", "violations", "profiles", "faults", "recoveries", "promises", "invariants", "digest", "commit", "at")

Report = Mapping[str, Any]


class NoReport(Exception):
    """A file that ``crossdock prove --report`` did not write; the text says what is missing."""


def load(file: Path) -> Report | None:
    """The report in a file, or None where there is none. Raises ``NoReport``."""
    if not file.exists():
        return None
    report: Report = json.loads(file.read_text("utf-8"))
    if missing := [name for name in NEEDED if name not in report]:
        raise NoReport(f"{file} is no report of crossdock prove: it has no {', '.join(missing)}")
    return report


def campaign_of(report: Report) -> Campaign:
    """Which of the kept campaigns it is. Raises ``NoReport`` for one that none is kept of."""
    profile = report.get("profile")
    found = next((one for one in CAMPAIGNS if one.profile == profile), None)
    if found is None:
        raise NoReport(f"no campaign of the profile {profile} alone is kept")
    return found


def sentence(report: Report | None, of: Campaign = MIXTURE) -> str:
    """What the README says of it; where there is no report, how to make one of the campaign ``of``."""
    if report is None:
        return f"No campaign was kept on this revision yet: `{of.command}`.\n"
    faults, recoveries = sum(report["faults"].values()), sum(report["recoveries"].values())
    broken = report["violations"]
    result = "no violation" if not broken else f"**{_violations(broken)}** ([what it was](docs/proof/broken-seeds.md))"
    if report["void"]:
        result += f", and void: {', '.join(report['void'])} never came up"
    if report.get("interrupted"):
        result += ", stopped before its end"
    tried = f"{report['seeds']:,} seeds over {len(report['profiles'])} profiles"
    struck = f"{faults:,} faults of {len(report['faults'])} kinds, {recoveries:,} recoveries"
    ran = f"{report['at'][:10]}, commit `{_commit(report)}`, Python {report['python']}, {_hours(report['seconds'])}"
    of = campaign_of(report)
    return f"{of.title}: {tried}, {struck}, {result} ({ran}). [The report](docs/proof/{of.page.name})\n"


def page(report: Report) -> str:
    """The report as a page."""
    bound = f" At 95 % confidence, fewer than one such run in {report['seeds'] / 3:,.0f} breaks a promise."
    facts = [
        ("began", report["at"]),
        ("took", f"{_hours(report['seconds'])}, {report['seeds_per_s']:g} seeds a second, {report['jobs']} processes"),
        *([("sittings", f"{report['sittings']}, one after the other")] if report.get("sittings", 1) > 1 else []),
        ("simulated time", f"{report['simulated_hours']:,.0f} hours"),
        ("tables", "on PostgreSQL" if report["store"] == "postgres" else "in memory"),
        ("commit", f"`{_commit(report)}`"),
        ("Python", report["python"]),
        ("machine", report["machine"]),
        ("most memory of a process", f"{report['memory_mb']:,.0f} MB" if report.get("memory_mb") else "not noted"),
        ("digest", f"`{report['digest']}`"),
    ]
    broken, of = _broken(report), campaign_of(report)
    parts = [
        f"# {of.title}",
        f"Made from `{of.kept.name}` by `python scripts/proof_report.py`; do not edit. "
        "What it means: [the simulation](../explanation/proof.md).",
        f"{report['seeds']:,} seeds from {report['first_seed']:,}: "
        + (f"**{_violations(report['violations'])}.**" if report["violations"] else f"no violation.{bound}"),
        *(["It was stopped before its end; what it had done by then counts."] if report.get("interrupted") else []),
        *([f"**Void:** {', '.join(report['void'])} never came up."] if report["void"] else []),
        _table(("fact", ""), facts),
        "## Promises",
        _table(("name", "promise", "violations"), _promises(report)),
        *_looked_at(report),
        *(["## Broken seeds", _table(("seed", "profile", "broke", "what"), broken), EXPLAINED] if broken else []),
        "## Faults injected",
        _table(("kind", "times"), _counted(report["faults"])),
        "## Recoveries",
        _table(("kind", "times"), _counted(report["recoveries"])),
        "## Profiles",
        _table(("profile", "seeds"), _counted(report["profiles"])),
    ]
    return "\n\n".join(parts) + "\n"


def filled(text: str, report: Report | None, of: Campaign = MIXTURE) -> str:
    """The README with the sentence in it. Raises ``ValueError`` when it has no marks."""
    marked = re.compile(rf"(<!-- {of.mark} -->\n).*?(<!-- /{of.mark} -->)", re.DOTALL)
    made, places = marked.subn(lambda found: found[1] + sentence(report, of) + found[2], text)
    if places != 1:
        raise ValueError(f"README.md has {places} places between <!-- {of.mark} --> and <!-- /{of.mark} -->, not 1")
    return made


def _violations(count: int) -> str:
    return "1 violation" if count == 1 else f"{count:,} violations"


def _commit(report: Report) -> str:
    """A plus: files differed from it."""
    told: str = report["commit"]
    return told.removesuffix("+")[:12] + "+" * told.endswith("+") or "unknown"


def _promises(report: Report) -> Iterable[tuple[object, ...]]:
    return [(f"`{name}`", says, report["invariants"].get(name, 0)) for name, says in report["promises"].items()]


def _looked_at(report: Report) -> list[str]:
    """A promise says no more than what it was held against."""
    if "exercised" not in report:
        return [
            "How much each promise had to look at was not counted then; the mixture draws no refund, exchange, return "
            "or payout, so that nothing is shown of what promises say about these."
        ]
    found = ["## Looked at", _table(("what", "times"), _counted(report["exercised"]))]
    if nothing := report["not_exercised"]:
        found.append(f"**Not exercised**, so nothing is shown of it: {', '.join(nothing)}.")
    found += ["## What people were told", _table(("reason", "times"), _counted(report["reasons"]))]
    return [*found, f"Reasons that never came up: {', '.join(report['never_told']) or 'none'}."]


def _broken(report: Report) -> list[tuple[object, ...]]:
    return [
        (one["seed"], one["profile"], one["invariant"], f"{one['order']} {one['detail']}") for one in report["broken"]
    ]


def _counted(counts: Mapping[str, int]) -> Iterable[tuple[object, ...]]:
    return [(f"`{name}`", f"{times:,}") for name, times in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _table(head: Iterable[str], rows: Iterable[tuple[object, ...]]) -> str:
    columns = list(head)
    shown = [[" ".join(str(cell).split()).replace("|", "\\|") for cell in row] for row in rows]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in shown)])


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", nargs="?", type=Path, help="the report to keep from now on")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when page or README are out of date")
    asked = parser.parse_args()
    if asked.report is not None:
        report = load(asked.report)
        if report is None:
            parser.error(f"there is no file {asked.report}")
        FOLDER.mkdir(exist_ok=True)
        campaign_of(report).kept.write_bytes(asked.report.read_bytes())
    return _write(check=asked.check)


def _write(*, check: bool) -> int:
    readme, wanted = README.read_text("utf-8"), {}
    for of in CAMPAIGNS:
        report = load(of.kept)
        readme = filled(readme, report, of)
        if report is not None:
            wanted[of.page] = page(report)
    wanted[README] = readme
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text]
    if check and stale:
        print(f"out of date: {', '.join(file.name for file in stale)}; python scripts/proof_report.py", file=sys.stderr)
        return 1
    for file in stale:
        file.write_text(wanted[file], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
