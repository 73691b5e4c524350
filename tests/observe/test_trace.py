"""Trace context as W3C has it."""

from random import Random

import pytest

from crossdock.observe.trace import (
    child_of,
    falls_in_sample,
    is_sampled,
    is_traceparent,
    marked,
    new_trace,
    span_id,
    trace_id,
)

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_child_stays_in_its_trace_under_an_id_of_its_own() -> None:
    child = child_of(GIVEN, Random(1))
    assert is_traceparent(child)
    assert trace_id(child) == trace_id(GIVEN) == "0af7651916cd43dd8448eb211c80319c"
    assert span_id(child) != span_id(GIVEN) == "b7ad6b7169203331"
    assert child.endswith("-01")


def test_new_traces_differ_and_are_well_formed() -> None:
    made = {new_trace(Random(seed)) for seed in range(200)}
    assert len(made) == 200
    assert all(map(is_traceparent, made))


@pytest.mark.parametrize(
    "text", ["", "00", GIVEN.upper(), GIVEN + "-", "01" + GIVEN[2:], "00-" + "0" * 32 + GIVEN[35:], GIVEN + "\n"]
)
def test_what_is_no_traceparent_is_not_continued(text: str) -> None:
    assert not is_traceparent(text)


def test_the_sample_is_about_its_share_and_the_same_for_all_spans_of_a_trace() -> None:
    random = Random(5)
    traces = [new_trace(random) for _ in range(4000)]
    chosen = [one for one in traces if falls_in_sample(one, 0.1)]
    assert 300 < len(chosen) < 500
    assert all(falls_in_sample(child_of(one, random), 0.1) for one in chosen)
    assert not any(falls_in_sample(one, 0.0) for one in traces)
    assert all(falls_in_sample(one, 1.0) for one in traces)


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_the_decision_is_the_lowest_bit_of_the_flags(flags: str, sampled: bool) -> None:
    assert is_sampled(GIVEN[:53] + flags) is sampled
    assert marked(GIVEN[:53] + flags, sampled=sampled) == GIVEN[:53] + ("01" if sampled else "00")


def test_what_is_no_trace_was_not_sampled() -> None:
    assert not is_sampled("")
