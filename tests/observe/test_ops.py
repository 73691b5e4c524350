"""The rules and the dashboard that are shipped ask for series that there are, by labels that these have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossdock.observe.catalogue import METRICS, Metric

ROOT = Path(__file__).parents[2]
ALERTS, DASHBOARD = ROOT / "ops" / "alerts.yml", ROOT / "ops" / "dashboard.json"
SERIES = {series: metric for metric in METRICS.values() for series in metric.series}
NAME = re.compile(r"\b(?:crossdock|http_client)_[a-z0-9_]+")
SELECTED = re.compile(r"\b((?:crossdock|http_client)_[a-z0-9_]+)(?:\{(.*?)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"(?:[^\"\\]|\\.)*\"")
BY = re.compile(r"\bby \(([^)]*)\)")
TEMPLATE = re.compile(r"\{\{ ?\$labels\.(\w+) ?\}\}|\{\{(\w+)\}\}")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def asked() -> Iterator[tuple[str, str, str]]:
    """What it is called, what it asks for, what it tells people."""
    for rule in rules():
        yield rule["alert"], rule["expr"], " ".join(rule["annotations"].values())
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def labels_of(metric: Metric, series: str) -> set[str]:
    return {*metric.labels, *(("le",) if series.endswith("_bucket") else ())}


@pytest.mark.parametrize(("expr", "said"), [pytest.param(e, s, id=name) for name, e, s in asked()])
def test_every_series_is_exported_and_has_the_labels_that_are_asked_for(expr: str, said: str) -> None:
    named = set(NAME.findall(expr))
    assert named
    assert named <= SERIES.keys()
    for series, matchers in SELECTED.findall(expr):
        assert _labels(matchers) <= labels_of(SERIES[series], series), series
    kept = [{one.strip() for one in group.split(",")} for group in BY.findall(expr)]
    known = set.intersection(*(labels_of(SERIES[series], series) for series in named))
    assert set().union(*kept) <= known
    shown = {one or other for one, other in TEMPLATE.findall(said)}
    assert shown <= (set.intersection(*kept) if kept else set()), "only what is grouped by has a value"


def _labels(matchers: str) -> set[str]:
    assert MATCHER.sub("", matchers).replace(",", "").strip() == "", f"not understood: {matchers}"
    return {match[1] for match in MATCHER.finditer(matchers)}


def test_what_stands_in_the_files_is_whole() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 20
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert not _unbalanced(rule["expr"]), rule["alert"]
    assert len({panel["id"] for panel in panels()}) == len(panels())
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len(panels())
    assert not any(_unbalanced(target["expr"]) for panel in panels() for target in panel["targets"])


def _unbalanced(expr: str) -> bool:
    bare = re.sub(r"\"(?:[^\"\\]|\\.)*\"", "", expr)
    return any(bare.count(left) != bare.count(right) for left, right in ("()", "{}", "[]"))


def test_every_signal_that_people_are_told_to_watch_has_a_rule() -> None:
    page = (ROOT / "docs" / "howto" / "watch-it.md").read_text("utf-8")
    table = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `crossdock_")]
    told = {name for cell in table for name in NAME.findall(cell)}
    assert len(told) >= 15
    assert told <= {name for rule in rules() for name in NAME.findall(rule["expr"])}


def test_values_that_are_asked_for_are_ones_that_the_catalogue_names() -> None:
    """A result or a state that no code ever says would be an alert that never comes."""
    for _, expr, _ in asked():
        for series, matchers in SELECTED.findall(expr):
            for label, text in re.findall(r"\b(result|state)(?:=~|!~|!=|=)\"([^\"]*)\"", matchers):
                values = set(text.split("|"))
                if label == "result":
                    assert all(re.search(rf"\b{value}\b", SERIES[series].when) for value in values), (series, text)
                else:
                    assert values <= {"closed", "open", "half_open"}, (series, text)
