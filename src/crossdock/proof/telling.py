"""A campaign's report for people and programs."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from crossdock.domain.problems import CATALOGUE
from crossdock.proof.campaign import Report
from crossdock.proof.exercised import never_told, untouched
from crossdock.proof.invariants import INVARIANTS, NOT_CHECKED
from crossdock.proof.plan import AFTERWARDS, ON_REQUEST, PROFILES

WHOLE = 1_000  # seeds: from here on a fault kind or recovery that never came up makes a campaign void
PASSED, BROKEN, VOID, STOPPED = 0, 1, 6, 130  # beside those of all commands (cli/program.py)
_CLEAR = "\r\033[K"
_LINE_EVERY_S = 60.0


class Progress:
    """On standard error, unless ``quiet``: one line that is written over, or in a file one a minute. What is broken is
    told at once: a campaign may have hours to go."""

    def __init__(self, seeds: int, *, quiet: bool) -> None:
        self._seeds, self._quiet = seeds, quiet
        self._terminal = not quiet and sys.stderr.isatty()
        self._told_s = 0.0
        self._broken = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            sys.stderr.write(_CLEAR)

    def told(self, report: Report) -> None:
        """Show how far it is."""
        if self._quiet:
            return
        for one in report.broken[self._broken :]:
            clear = _CLEAR if self._terminal else ""
            sys.stderr.write(
                f"{clear}seed {one.seed} ({one.profile}) broke {one.invariant}: {one.order} {one.detail}\n"
            )
        self._broken = len(report.broken)
        line = (
            f"{report.seeds:,} of {self._seeds:,} seeds · {report.seeds_per_s:g}/s · "
            f"{sum(report.faults.values()):,} faults · {report.violations} violations"
        )
        if self._terminal:
            sys.stderr.write(_CLEAR + line)
        elif report.seconds >= self._told_s + _LINE_EVERY_S:
            self._told_s = report.seconds
            sys.stderr.write(line + "\n")
        sys.stderr.flush()


def void(report: Report, profile: str | None) -> list[str]:
    """What never happened in a campaign that is large enough to have seen everything."""
    return report.missing(profile) if report.seeds >= WHOLE else []


def verdict(report: Report, profile: str | None, asked: int) -> int:
    """The exit code."""
    if report.violations:
        return BROKEN
    if report.interrupted:
        return STOPPED
    if report.seeds != asked:
        return BROKEN
    return VOID if void(report, profile) else PASSED


def lines(report: Report, profile: str | None) -> list[str]:
    """The report as text."""
    told = [
        f"{report.seeds:,} seeds from {report.first_seed} in {report.seconds:,.0f} s ({report.seeds_per_s:g} a second, "
        f"{report.jobs} processes{_sittings(report)}): {report.simulated_hours:,.1f} hours of simulated time, "
        f"tables {'on PostgreSQL' if report.store == 'postgres' else 'in memory'}, "
        f"at most {report.memory_mb:,.0f} MB a process",
        "",
        f"Faults injected   {_counted(report.faults)}",
        f"Recoveries        {_counted(report.recoveries)}",
        f"Profiles          {_counted(report.profiles)}",
        f"Looked at         {_counted(report.exercised)}",
        f"People were told  {_counted(report.reasons)}",
        "",
    ]
    for name, (promise, _) in INVARIANTS.items():
        broken = report.invariants.get(name, 0)
        told.append(
            f"  {'BROKEN' if broken else 'holds ':<7} {name:<4} {promise}" + (f" ({broken} times)" if broken else "")
        )
    told += ["", "Not checked, and why:"]
    told += [f"  {name:<4} {why}" for name, why in NOT_CHECKED.items()]
    if nothing := untouched(report.exercised):
        told.append(f"Not exercised, so nothing is shown of it: {', '.join(nothing)}")
    if never := never_told(report.reasons):
        told.append(
            f"{len(never)} of {len(CATALOGUE)} reasons to tell a person came up in no run: the report names them"
        )
    for one in report.broken:
        told.append(f"\nseed {one.seed} ({one.profile}) broke {one.invariant}: {one.order}: {one.detail}")
        told.append(f"  again: {again(report, one.seed, profile)}")
    if missing := void(report, profile):
        told.append(f"\nVOID: these never came up, so nothing is proven about them: {', '.join(missing)}")
    elif report.seeds < WHOLE and (unseen := report.missing(profile)):
        told.append(f"\nFewer than {WHOLE:,} seeds are too small to be void or green: {len(unseen)} kinds unseen.")
    told.append(f"\n{_sentence(report, profile)}")
    return told


def again(report: Report, seed: int, profile: str | None) -> str:
    """The command that repeats a seed of this campaign."""
    parts = ["crossdock prove", f"--seed {seed}", "--seeds 1"]
    parts += [f"--profile {profile}"] if profile else []
    parts += ["--store postgres"] if report.store == "postgres" else []
    return " ".join(parts)


def _sentence(report: Report, profile: str | None) -> str:
    if report.violations:
        return f"{report.violations} violations."
    if void(report, profile):
        return "No violation, but the campaign is void."
    if report.interrupted:
        return f"Stopped; no violation in the {report.seeds:,} seeds until then."
    bound = 3 / report.seeds if report.seeds else 1
    return f"No violation. At 95 % confidence, fewer than one run in {1 / bound:,.0f} of this kind breaks a promise."


def _sittings(report: Report) -> str:
    return f", {report.sittings} sittings" if report.sittings > 1 else ""


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def listing() -> list[str]:
    """The fault profiles."""
    return [*PROFILES, *ON_REQUEST, f"{AFTERWARDS} (each seed one of {', '.join(ON_REQUEST)})"]


def plain(report: Report, profile: str | None) -> dict[str, Any]:
    """The report as JSON-ready data."""
    return {
        **msgspec.to_builtins(report),
        "seeds_per_s": report.seeds_per_s,
        "void": void(report, profile),
        "unseen": report.missing(profile),
        "not_exercised": untouched(report.exercised),
        "never_told": never_told(report.reasons),
        "not_built": dict(NOT_CHECKED),  # kept reports call them so
        "promises": {name: promise for name, (promise, _) in INVARIANTS.items()},
        "repeat": {str(one.seed): again(report, one.seed, profile) for one in report.broken},
        "sentence": _sentence(report, profile),
    }


def store(report: Report, file: Path, profile: str | None) -> None:
    """Keep the report; whoever reads it meanwhile sees the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f"{file.name}.half")
    half.write_bytes(msgspec.json.format(msgspec.json.encode(plain(report, profile)), indent=1) + b"\n")
    half.replace(file)


class Keeping:
    """Keeps a campaign's report while it runs, once a minute: whatever ends the process, a later one can go on."""

    def __init__(self, files: Sequence[Path], profile: str | None) -> None:
        self._files, self._profile = files, profile
        self._kept_at = time.monotonic()

    def told(self, report: Report) -> None:
        """Keep it if it is time."""
        if time.monotonic() - self._kept_at < _LINE_EVERY_S:
            return
        self._kept_at = time.monotonic()
        unfinished = msgspec.structs.replace(report, interrupted=True)
        for file in self._files:
            store(unfinished, file, self._profile)


def kept(file: Path) -> Report | None:
    """The report in a file, or None where there is none. Raises ``ValueError`` for any other file."""
    if not file.exists():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except msgspec.DecodeError as error:
        raise ValueError(f"{file} is no report of crossdock prove: {error}") from None
