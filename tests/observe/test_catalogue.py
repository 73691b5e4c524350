"""The code speaks only in names of the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import crossdock
from crossdock.observe.catalogue import FIELDS, LOG_EVENTS, METRICS, SPANS, markdown

SOURCE = Path(crossdock.__file__).parent
LEVELS = {"debug", "info", "warning", "error"}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """(place, method, call) for every call of a method in the product's code, connectors' tests left out."""
    for path in SOURCE.rglob("*.py"):
        if "tests" in path.relative_to(SOURCE).parts or path.parent.name == "observe":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.func.attr, node


def is_on(call: ast.Call, owner: str) -> bool:
    """Whether the method is called on something named ``owner`` (``self._signals``, ``signals`` …)."""
    assert isinstance(call.func, ast.Attribute)
    on = call.func.value
    name = on.attr if isinstance(on, ast.Attribute) else on.id if isinstance(on, ast.Name) else ""
    return name.lstrip("_") == owner


def pattern(node: ast.expr) -> str | None:
    """A literal as a regular expression; what an f-string fills in may be anything."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else r".+" for p in node.values)
        return "".join(parts)
    return None


def test_metrics_and_their_labels_are_catalogued() -> None:
    checked = 0
    for place, method, call in calls():
        if method not in ("add", "record", "set") or not is_on(call, "signals"):
            continue
        name = pattern(call.args[0])
        assert name, f"{place}: name the metric with a literal"
        known = [metric for metric in METRICS.values() if re.fullmatch(name, metric.name)]
        assert known, f"{place}: {name} is not in the catalogue"
        assert {"add": "counter", "record": "histogram", "set": "gauge"}[method] == known[0].kind, place
        labels = {keyword.arg for keyword in call.keywords if keyword.arg not in ("value", None)}
        assert labels <= set(known[0].labels), f"{place}: labels {labels} of {known[0].name}"
        checked += 1
    assert checked > 10


def recorded() -> Iterator[str]:
    """A pattern of each name that some code records."""
    yield from (
        name
        for _, method, call in calls()
        if method in ("add", "record", "set") and is_on(call, "signals") and (name := pattern(call.args[0]))
    )


def said(part: str) -> set[str]:
    """Every text in the code of ``observe``, or in all but ``observe``; the catalogue itself says nothing."""
    return {
        node.value
        for path in SOURCE.rglob("*.py")
        if path.name != "catalogue.py" and (path.parent.name == "observe") is (part == "observe")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_metric_is_recorded_by_some_code() -> None:
    """Else a dashboard waits for ever for what the reference page promises."""
    patterns, observed, elsewhere = set(recorded()), said("observe"), said("elsewhere")
    for metric in METRICS.values():
        if metric.sql:
            assert metric.name in observed, metric.name
        elif metric.name not in observed:  # what telemetry counts itself
            assert any(re.fullmatch(name, metric.name) for name in patterns), metric.name
            last = metric.name.rpartition(".")[2]
            assert metric.name in elsewhere or last in elsewhere, f"{metric.name}: only a pattern would fit it"


def test_every_attribute_of_a_span_is_set_by_some_code() -> None:
    known = said("observe") | said("elsewhere")
    for span in SPANS:
        assert set(span.attributes) <= known, span.name


def test_log_events_and_their_fields_are_catalogued() -> None:
    names, checked = {event.name: event.level for event in LOG_EVENTS}, 0
    for place, method, call in calls():
        if method not in LEVELS or not is_on(call, "log"):
            continue
        event = call.args[0]
        if isinstance(event, ast.Constant):
            assert event.value in names, f"{place}: {event.value} is not in the catalogue"
            assert names[event.value] == method, f"{place}: {event.value} is logged as {names[event.value]}"
        fields = {keyword.arg for keyword in call.keywords if keyword.arg}
        assert fields <= FIELDS | {"trace"}, f"{place}: {fields - FIELDS} would be dropped"
        checked += 1
    assert checked > 10


def test_spans_are_catalogued() -> None:
    known, checked = [re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(span.name)) for span in SPANS], 0
    for place, method, call in calls():
        if method != "span" or not is_on(call, "signals"):
            continue
        name = call.args[0]
        text = "".join(
            str(p.value) if isinstance(p, ast.Constant) else "x" for p in getattr(name, "values", [name])
        )  # what varies stands for anything
        assert any(re.fullmatch(one, text) for one in known), f"{place}: span {ast.unparse(name)}"
        checked += 1
    assert checked > 2


def test_names_on_the_metrics_page_are_unique_and_well_formed() -> None:
    exposed = [metric.exposed for metric in METRICS.values()]
    assert len(set(exposed)) == len(exposed)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in exposed)
    assert all(metric.buckets for metric in METRICS.values() if metric.kind == "histogram")


def test_the_reference_page_lists_everything() -> None:
    page = markdown()
    for name in [*METRICS, *(span.name for span in SPANS), *(event.name for event in LOG_EVENTS), *FIELDS]:
        assert name in page
