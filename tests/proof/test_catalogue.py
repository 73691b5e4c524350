"""The page about the simulation knows every fault, promise and profile that the code knows, and no others."""

from crossdock.proof import catalogue
from crossdock.proof.invariants import INVARIANTS, LEFT_OUT, NOT_CHECKED
from crossdock.proof.plan import KINDS, PROFILES

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
