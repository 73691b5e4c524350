"""A privacy request waits for a person, by the channel's day, and stays settled however often it is told."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.domain.factories import NOON, context

from crossdock.domain.decision import Decision
from crossdock.domain.events import Event, OperatorActed, PrivacyAsked, TimerFired, decode_event, encode_event
from crossdock.domain.privacy_decider import NAMED_IN_FACTS, PRIVACY, PrivacyState, decode_privacy_entries
from crossdock.domain.problems import CATALOGUE
from crossdock.domain.schema import SchemaTooNew

ASKED = PrivacyAsked("redact", "shop1", 30, "191167", ("299938", "280263"))
RESOLVED = OperatorActed("resolve", "ada", "erased; the invoices stay by law")


class Request:
    """One stream. Every state is checked against its journal, and goes through its stored form."""

    def __init__(self) -> None:
        self.state: PrivacyState = PRIVACY.blank()

    def tell(self, event: Event) -> Decision:
        decision = PRIVACY.decide(self.state, decode_event(encode_event(event)), context())
        entries = decode_privacy_entries(PRIVACY.store_entries(decision.entries))
        self.state = PRIVACY.load(PRIVACY.store(PRIVACY.evolve(self.state, entries)))
        return decision


def test_a_person_is_asked_with_the_day_and_ids_alone() -> None:
    request = Request()
    [problem] = request.tell(ASKED).opened
    due = (NOON + timedelta(days=30)).date().isoformat()
    assert (problem.code, problem.klass, problem.owner) == ("privacy.redact", "privacy", "customer_service")
    assert problem.title == f"shop1 wants what is kept of customer 191167 erased, by {due}"
    assert problem.facts == {
        "subject": "191167", "orders": ["shop1-299938", "shop1-280263"], "orders_named": 2, "due_on": due
    }  # fmt: skip
    assert "law" in problem.hint
    summary = PRIVACY.summary(request.state)
    assert (summary.status, summary.label, summary.channel) == ("exception", "erasure of customer 191167", "shop1")
    assert due in str(summary.reason)


@pytest.mark.parametrize("request_", ["data_request", "redact", "shop_redact"])
def test_each_kind_has_its_exception_and_its_hint(request_: str) -> None:
    asked = PrivacyAsked(request_, "shop1", 30, "7", reference="9999")  # type: ignore[arg-type]
    [problem] = Request().tell(asked).opened
    assert problem.hint == CATALOGUE[f"privacy.{request_}"].hint
    assert problem.facts["reference"] == "9999"
    assert " 7" in problem.title


def test_what_a_person_has_settled_stays_settled_when_it_is_told_again() -> None:
    request = Request()
    request.tell(ASKED)
    assert request.tell(ASKED) == Decision(), "waits already"
    assert request.tell(RESOLVED).settled == ["privacy"]
    assert PRIVACY.summary(request.state).status == "done"
    for event in (ASKED, RESOLVED):
        assert request.tell(event) == Decision()


@pytest.mark.parametrize("event", [OperatorActed("retry", "ada"), OperatorActed("skip", "ada", "no"), TimerFired("x")])
def test_nothing_but_a_persons_word_settles_it(event: Event) -> None:
    request = Request()
    assert request.tell(RESOLVED) == Decision(), "nothing was asked yet"
    request.tell(ASKED)
    assert request.tell(event) == Decision()
    assert PRIVACY.summary(request.state).status == "exception"


def test_one_who_is_named_by_no_id_is_told_as_such_and_facts_stay_short() -> None:
    many = tuple(str(n) for n in range(NAMED_IN_FACTS + 5))
    [problem] = Request().tell(PrivacyAsked("redact", "shop1", 30, orders=many)).opened
    assert "names none by id" in problem.title
    assert (len(problem.facts["orders"]), problem.facts["orders_named"]) == (NAMED_IN_FACTS, NAMED_IN_FACTS + 5)


def test_what_version_one_stored_is_read_by_every_later_release() -> None:
    """The files are never written again: a change that cannot read them needs a new version and an upcast."""
    stored = Path(__file__).parent / "stored"
    state = PRIVACY.load((stored / "v1_privacy_state.json").read_bytes())
    entries = decode_privacy_entries((stored / "v1_privacy_entries.json").read_bytes())
    assert PRIVACY.evolve(PRIVACY.blank(), entries) == state
    assert (state.asked, state.due_on, state.settled_by) == (ASKED, date(2026, 12, 23), "ada")
    assert PRIVACY.load(b'{ "v": 1 }') == PRIVACY.blank()
    with pytest.raises(SchemaTooNew):
        PRIVACY.load(b'{"v":9}')
