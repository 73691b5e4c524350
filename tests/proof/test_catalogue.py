"""The page about the simulation knows every fault, promise and profile that the code knows, and no others."""

import re

from crossdock.proof import catalogue
from crossdock.proof.invariants import INVARIANTS, LEFT_OUT, NOT_CHECKED
from crossdock.proof.plan import KINDS, PROFILES
from tests.cli.running import ROOT

FAULTS_OF_THE_LIST = {f"F{number}" for number in range(1, 35)}


def test_everything_has_its_words() -> None:
    assert set(catalogue.FAULTS) == set(KINDS)
    assert set(catalogue.CORNERS) == set(PROFILES)
    assert set(catalogue.CHECKED) == set(INVARIANTS)


def test_each_promise_is_checked_or_said_not_to_be() -> None:
    checked = {name.rstrip("abc") for name in INVARIANTS}
    assert checked | NOT_CHECKED.keys() == {f"I{number}" for number in range(1, 26)}
    assert not checked & NOT_CHECKED.keys()
    assert LEFT_OUT.keys() <= checked


def test_each_fault_of_the_list_is_injected_or_said_to_be_elsewhere() -> None:
    told = [*catalogue.FAULTS.values(), *catalogue.PLANNED.values()]
    injected = {fault for one in told for fault in one.covers.split()}
    assert injected | catalogue.ELSEWHERE.keys() == FAULTS_OF_THE_LIST
    assert not injected & catalogue.ELSEWHERE.keys()


def test_the_page_shows_them() -> None:
    page = catalogue.markdown()
    for name in (*KINDS, *PROFILES, *INVARIANTS, *NOT_CHECKED, *LEFT_OUT):
        assert f"| `{name}` |" in page


def test_what_a_kind_covers_is_a_part_that_it_tries() -> None:
    told = {**catalogue.FAULTS, **catalogue.PLANNED}
    covers = {(fault, name) for name, one in told.items() for fault in one.covers.split()}
    tries = {(fault, name) for fault, parts in catalogue.PARTS.items() for part in parts for name in part.by}
    assert covers == tries


def test_a_fault_is_covered_in_part_where_a_part_of_it_is_not_tried() -> None:
    page = catalogue.markdown()
    assert "| `webhook_forged` | part of F5 |" in page
    assert "| `slow_answer` | F7, part of F11 |" in page
    assert "| `webhook_late` | F2, F3 |" in page
    assert "| operator acts | part of F34 |" in page
    assert "| F16 | no connection of the pool is free | nowhere |" in page
    partly = {f"F{number}" for number in (5, 10, 11, 12, 16, 19, 20, 21, 22, 27, 29, 34)}
    assert {name for name in catalogue.PARTS if f"part of {name} " in page or f"part of {name}," in page} == partly
    assert not [part for parts in catalogue.PARTS.values() for part in parts if bool(part.by) == bool(part.instead)]


def test_where_something_is_tried_instead_is_there() -> None:
    texts = [*catalogue.ELSEWHERE.values(), *(part.instead for parts in catalogue.PARTS.values() for part in parts)]
    named = {path for text in texts for path in re.findall(r"`(tests/[^`]*)`", text)}
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).is_dir()] == []
