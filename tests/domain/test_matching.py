"""Whose order it is: what speaks for a customer, who is sure, who is asked about, and what a link does."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import CHANNEL, ERP, FakeMasters, Play, order, stored_and_read, with_changes

from crossdock.domain.commands import BookOrder
from crossdock.domain.decision import CustomerMaster
from crossdock.domain.entries import decode_entries, encode_entries
from crossdock.domain.matching import (
    FURTHER,
    MIDDLING,
    SURE,
    Candidate,
    candidates,
    doubtful,
    evidence,
    keys_of,
    link_key,
    linked_in,
    sure,
)
from crossdock.domain.order import Address, Order, Party


class Books(FakeMasters):
    """An ERP's customers, kept as a poll keeps them; ``links`` are people's, by the channel's customer id."""

    def __init__(self, *known: CustomerMaster, links: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.by_key: dict[str, list[CustomerMaster]] = {}
        for one in known:
            for key in keys_of(one):
                self.by_key.setdefault(key, []).append(one)
        for external_id, ref in (links or {}).items():
            self.by_key[f"LINK:{CHANNEL}:{external_id}"] = [CustomerMaster(ref)]

    def customers(self, key: str) -> tuple[CustomerMaster, ...]:
        return tuple(self.by_key.get(key, ()))


ADA = Party(external_id="7", name="Ada Example", email="Ada@Example.com ", tax_number="DE 811-569")
HOME = Address(name="Ada Example", company="Ada Ltd", postal_code="30 00", country_code="AU")


def bought(**more: Any) -> Order:
    return order(**{"customer": ADA, "bill_to": HOME, **more})


def found(*known: CustomerMaster, **more: Any) -> tuple[Candidate, ...]:
    return candidates(bought(**more), Books(*known).customers)


def test_each_thing_that_speaks_for_a_customer_has_its_score() -> None:
    assert found(CustomerMaster("1", external_id="shop1-7"))[0] == Candidate("1", 100, ("external id",))
    assert found(CustomerMaster("1", tax_number="de811569"))[0] == Candidate("1", 95, ("tax number",))
    assert found(CustomerMaster("1", "ada@example.com"))[0] == Candidate("1", 90, ("e-mail",))
    assert found(CustomerMaster("1", name="ADA  EXAMPLE", postal_code="3000"))[0].score == 60
    assert found(CustomerMaster("1", name="Ada, Ltd.", postal_code="3000"))[0].reasons == ("name and postcode",)
    assert found(CustomerMaster("1", name="Ada Example", postal_code="3001")) == ()
    both = CustomerMaster("1", "ada@example.com", tax_number="DE811569")
    assert found(both) == (Candidate("1", 98, ("tax number", "e-mail")),)
    named = CustomerMaster("1", "ada@example.com", name="Ada Ltd", postal_code="3000")
    assert found(named) == (Candidate("1", 90, ("e-mail",)),), "who is sure by e-mail needs no name"
    assert found(named, customer=Party(email="x@y.z", name="Ada"))[0].reasons == ("name and postcode",)


def test_one_who_is_strong_and_well_ahead_is_sure() -> None:
    by_mail, other = CustomerMaster("1", "ada@example.com"), CustomerMaster("2", name="Ada Ltd", postal_code="3000")
    assert (best := sure(found(by_mail, other))) is not None
    assert best.ref == "1"
    assert sure(found(other)) is None
    assert [one.ref for one in doubtful(found(other))] == ["2"]


def test_two_customers_with_one_email_are_a_question() -> None:
    twins = found(CustomerMaster("1", "ada@example.com"), CustomerMaster("2", "ada@example.com"))
    assert sure(twins) is None
    assert [one.ref for one in doubtful(twins)] == ["1", "2"]
    settled = found(CustomerMaster("1", "ada@example.com"), CustomerMaster("2", "ada@example.com", active=False))
    assert (best := sure(settled)) is not None
    assert best.ref == "1"
    told = found(CustomerMaster("1", "ada@example.com"), CustomerMaster("2", external_id="shop1-7"))
    assert (best := sure(told)) is not None
    assert best.ref == "2", "an external id is ten ahead of an e-mail"


def test_an_email_cannot_pass_for_another_key() -> None:
    sly = Party(email="LINK:shop1:7", external_id="8")
    keys = {one.key for one in evidence(order(customer=sly))}
    assert keys == {"link:shop1:7", "LINK:shop1:8", "ID:shop1-8"}
    assert linked_in("LINK:shop1:7:8") == ("shop1", "7:8")
    assert linked_in("link:shop1:7") is None


def test_a_doubtful_buyer_is_a_question_with_the_candidates() -> None:
    play = Play(masters=Books(CustomerMaster("C1", name="Ada Ltd", postal_code="3000")), guest_customer="guest")
    play.see(customer=ADA, bill_to=HOME)
    assert play.codes() == {"customer.doubtful"}
    known = play.state.problems["validate.customer"]
    assert (known.klass, known.owner) == ("match", "customer_service")
    assert play.decisions[-1].opened[0].facts == {
        "candidates": [{"ref": "C1", "score": 60, "reasons": ["name and postcode"]}]
    }
    assert "Ada" not in known.title

    relaxed = Play(
        masters=Books(CustomerMaster("C1", name="Ada Ltd", postal_code="3000")),
        guest_customer="guest",
        doubtful_customer="guest",
    )
    relaxed.see(customer=ADA, bill_to=HOME)
    assert relaxed.state.customer_ref == "guest"


def test_a_person_links_and_the_link_is_remembered_by_references() -> None:
    play = Play(masters=Books(CustomerMaster("C1", name="Ada Ltd", postal_code="3000")))
    play.see(customer=ADA, bill_to=HOME)
    play.act("link", customer_ref="  ")
    assert play.journal[-1].refused == "say which ERP customer the buyer is: customer_ref"  # type: ignore[union-attr]
    play.act("link", customer_ref="C1")
    (command,) = play.commands.values()
    assert isinstance(command.payload, BookOrder)
    assert command.payload.customer_ref == "C1"
    assert {(CHANNEL, "linked_customer", "7"), (ERP, "linked_customer", "C1")} <= play.references
    assert stored_and_read(play.state) == play.state
    assert decode_entries(encode_entries(play.journal)) == play.journal

    later = Play(masters=Books(links={"7": "C1"}))
    later.see(customer=Party(external_id="7"), external_id="2002")
    assert later.state.customer_ref == "C1"
    assert later.state.steps["validate.customer"].reason == "a person linked the buyer before"


def test_a_guests_link_is_for_this_order_alone() -> None:
    play = Play(masters=Books())
    play.see(customer=Party(email="new@example.com"))
    assert play.codes() == {"customer.unknown"}
    play.act("link", customer_ref="C1")
    assert play.state.customer_ref == "C1"
    assert not any(kind == "linked_customer" for _, kind, _ in play.references)


def test_a_link_ends_when_the_order_is_another_buyers() -> None:
    play = Play(masters=Books(), edit_window_s=3600)
    play.see(customer=Party(email="new@example.com"))
    play.act("link", customer_ref="C1")
    play.see(customer=Party(email="new@example.com"), age_s=1, note="same buyer")
    assert play.state.customer_ref == "C1"
    play.see(customer=Party(email="another@example.com"), age_s=2)
    assert play.codes() == {"customer.unknown"}


def test_what_is_known_or_booked_is_not_linked() -> None:
    play = Play(edit_window_s=3600)
    play.see()
    play.act("link", customer_ref="C1")
    assert play.journal[-1].refused == "the customer is known already"  # type: ignore[union-attr]
    play.fire("edit.window")
    play.act("link", customer_ref="C1")
    assert "too late" in str(play.journal[-1].refused)  # type: ignore[union-attr]


TEXT = st.sampled_from(["", "ada", "Ada Example", "a@b.c", "A@B.C ", "3000", "30 00", "7", "DE 811"])
MASTERS = st.builds(
    CustomerMaster,
    ref=st.sampled_from(["1", "2", "3"]),
    email=TEXT,
    active=st.booleans(),
    name=TEXT,
    postal_code=TEXT,
    tax_number=TEXT,
    external_id=st.sampled_from([None, "shop1-7", "shop1-8"]),
)
BUYERS = st.builds(
    Party, external_id=st.sampled_from([None, "7", "8"]), name=TEXT, email=TEXT, company=TEXT, tax_number=TEXT
)
PLACES = st.none() | st.builds(Address, name=TEXT, company=TEXT, postal_code=TEXT)


@given(st.lists(MASTERS, max_size=4), BUYERS, PLACES)
def test_matching_is_the_same_whatever_order_customers_are_read_in(
    known: list[CustomerMaster], buyer: Party, place: Address | None
) -> None:
    by_ref = {one.ref: one for one in known}
    one_way = Books(*by_ref.values())
    other_way = Books(*reversed(by_ref.values()))
    bought = order(customer=buyer, bill_to=place)
    first, second = candidates(bought, one_way.customers), candidates(bought, other_way.customers)
    assert first == second
    assert all(0 < one.score <= 100 and one.reasons for one in first)
    assert [one.score for one in first] == sorted((one.score for one in first), reverse=True)
    best = sure(first)
    if best is not None:
        assert best.score >= SURE
        assert not any(one.active and one.score > best.score for one in first) or not best.active
        assert best.active or not any(one.active for one in first)
    assert all(one.active and one.score >= MIDDLING for one in doubtful(first))


@given(MASTERS, BUYERS, PLACES)
def test_further_agreement_never_speaks_against_a_customer(
    known: CustomerMaster, buyer: Party, place: Address | None
) -> None:
    """A customer who gains the buyer's tax number, having had none of his own that fits, loses no score."""
    bought = order(customer=buyer, bill_to=place)
    before = {one.ref: one.score for one in candidates(bought, Books(known).customers)}
    fuller = with_changes(known, tax_number=buyer.tax_number or known.tax_number)
    after = {one.ref: one.score for one in candidates(bought, Books(fuller).customers)}
    assert after.get(known.ref, 0) >= before.get(known.ref, 0) - FURTHER, "a name is no longer counted where he is sure"
    if before.get(known.ref, 0) < SURE:
        assert after.get(known.ref, 0) >= before.get(known.ref, 0)


@given(BUYERS)
def test_only_a_channels_own_customer_can_be_remembered(buyer: Party) -> None:
    assert (link_key(order(customer=buyer)) is None) is (not buyer.external_id)
