"""The README's figures come from the measurements."""

import json

import pytest
from scripts import readme_figures

README = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n"


def test_the_readme_is_current() -> None:
    text = readme_figures.README.read_text("utf-8")
    assert readme_figures.filled(text, readme_figures.measured()) == text, "run: python scripts/readme_figures.py"


def test_figures_replace_what_was_there() -> None:
    results = {"orders_per_s": 2345.6, "latency_p99_ms": 9.87, "peers": {"celery": 301.4}, "machine": {"cores": 2}}
    text = readme_figures.filled(README, results)
    assert text.startswith("before\n<!-- bench -->\n| measured | |\n")
    assert text.endswith("<!-- /bench -->\nafter\n")
    assert "| 2,346 |" in text
    assert "| 9.9 ms |" in text
    assert "celery, orders per second | 301 |" in text
    assert "cores 2" in text
    run = {"measured_at": "2026-11-27T10:26:01+00:00", "commit": "40b85119cabe529c", "python_loop_ms": 27.3}
    text = readme_figures.filled(README, {**results, "runs": {"path": run}})
    assert "path 2026-11-27 10:26, commit `40b85119cabe`, a million additions in 27 ms." in text
    assert "old" not in text


def test_nothing_measured_is_said_and_not_invented() -> None:
    assert readme_figures.NOT_YET in readme_figures.filled(README, None)


def test_a_readme_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="has 0 places"):
        readme_figures.filled("no marks", None)


def test_what_the_runner_writes_is_what_is_read() -> None:
    from benchmarks.run import BARS

    known = {key for key, _, _ in readme_figures.FIGURES}
    assert {key for key, *_ in BARS} <= known
    if readme_figures.RESULTS.exists():
        assert set(json.loads(readme_figures.RESULTS.read_text("utf-8"))) & known
