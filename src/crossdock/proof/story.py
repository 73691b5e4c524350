"""What is shown of a run that broke a promise: the scenario, what struck, the order's story, and the last steps."""

from collections.abc import Iterator
from typing import Any

import msgspec

from crossdock.proof.commit import commit
from crossdock.proof.evidence import Violation
from crossdock.proof.plan import EVENTS, RATES, REQUESTED, VENDORS, Scenario
from crossdock.proof.run import Ran
from crossdock.proof.shrink import Shrunk, size
from crossdock.proof.stock_plan import VERBS


class BadScenario(Exception):
    """A file that is no scenario; the text says why."""


def encode(scenario: Scenario) -> str:
    """One line of JSON that ``decode`` reads, and ``crossdock prove --scenario`` runs."""
    return msgspec.json.encode(scenario).decode()


def decode(text: bytes) -> Scenario:
    """Raises ``BadScenario``."""
    try:
        scenario = msgspec.json.decode(text, type=Scenario)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadScenario(f"this is not a scenario: {error}") from error
    if scenario.workers < 1:
        raise BadScenario("a scenario needs at least one worker")
    blows = {blow.kind for blow in scenario.blows} - {*EVENTS, *REQUESTED}
    if unknown := sorted(blows | scenario.rates.keys() - RATES.keys()):
        raise BadScenario(f"there are no such faults: {', '.join(unknown)}")
    people = {"", *VENDORS, *(f"w{number + 1}" for number in range(scenario.workers))}
    if unknown := sorted({act.verb for act in scenario.stock.acts} - set(VERBS) if scenario.stock is not None else ()):
        raise BadScenario(f"nobody does this to stock: {', '.join(unknown)}")
    if unknown := sorted({blow.who for blow in scenario.blows} - people):
        raise BadScenario(f"there is nobody called {', '.join(unknown)}")
    return scenario


def lines(shrunk: Shrunk) -> list[str]:
    """A shrunk scenario for people."""
    before, after = size(shrunk.before), size(shrunk.scenario)
    seed = f"seed {shrunk.before.seed} ({shrunk.before.profile})"
    return [
        f"{shrunk.invariant}: {seed}, shrunk from {before} parts to {after} in {shrunk.runs} runs"
        + (f", commit {at}" if (at := commit()) else ""),
        *_scenario(shrunk.scenario),
        f"  as a file for crossdock prove --scenario: {encode(shrunk.scenario)}",
        *story(shrunk.ran, shrunk.invariant),
    ]


def _scenario(scenario: Scenario) -> Iterator[str]:
    for plan in scenario.orders:
        acts = "".join(f", {verb} after {after:g} s" for after, verb in plan.acts)
        yield f"  an order at {plan.at:g} s: {plan.wish}{acts}"
    for blow in scenario.blows:
        yield f"  {blow.kind} at {blow.at:g} s {blow.who} for {blow.for_s:g} s"
    yield from (f"  {kind} at a rate of {rate:g}" for kind, rate in scenario.rates.items())
    yield from (f"  {kind} once at {what}" for kind, what in scenario.struck)
    yield from (f"  an operator's {act} at {at:g} s" for at, act in scenario.operator)
    if scenario.stock is not None:
        yield f"  the ERP counts {scenario.stock.there}, the shop shows {scenario.stock.shown}"
        yield from (f"  {act.verb} {act.units} of {act.sku} at {act.at:g} s" for act in scenario.stock.acts)
    if scenario.kill_at is not None:
        again = "" if scenario.kill_again is None else f", its successor at its {scenario.kill_again}."
        yield f"  killed at boundary {scenario.kill_at}{again}"
    rest = {"workers": scenario.workers, "skews": scenario.skews, "search lag": f"{scenario.search_lag_s:g} s"}
    yield "  " + ", ".join(f"{name} {value}" for name, value in rest.items())


def story(ran: Ran, invariant: str) -> list[str]:
    """What was broken, what struck, what happened to that order, its journal, where it ended, and the last steps."""
    broken = next(one for one in ran.violations if one.invariant == invariant)
    struck = [note.line() for note in ran.notes if note.what.startswith("FAULT")]
    told = [note.line() for note in ran.notes if not note.order or note.order == broken.order]
    return [
        f"  broken: {broken.order}: {broken.detail}",
        *_section("what struck", struck),
        *_section(f"the story of {broken.order or 'it'}", told),
        *_section("its journal", ran.journal.get(broken.order, [])),
        *_section("where an exception ended it", ran.ended),
        *_section("the last steps", ran.steps),
    ]


def _section(title: str, told: list[str]) -> list[str]:
    return [f"  {title}:", *(f"    {line}" for line in told)] if told else []


def plain(shrunk: Shrunk) -> dict[str, Any]:
    """A shrunk scenario as JSON-ready data."""
    return {
        "seed": shrunk.before.seed,
        "profile": shrunk.before.profile,
        "invariant": shrunk.invariant,
        "commit": commit(),
        "size_before": size(shrunk.before),
        "size": size(shrunk.scenario),
        "runs": shrunk.runs,
        "scenario": msgspec.to_builtins(shrunk.scenario),
        "violations": [_plain(one) for one in shrunk.ran.violations],
        "story": story(shrunk.ran, shrunk.invariant),
    }


def _plain(one: Violation) -> dict[str, str]:
    return {"invariant": one.invariant, "order": one.order, "detail": one.detail}
