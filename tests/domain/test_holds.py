"""Holds: who may let one go, what lets it go by itself, what its expiry does, and taking a release back."""

from datetime import timedelta
from typing import Any

import pytest
from tests.domain.factories import NOON, Play, line, order, stored_and_read

from crossdock.domain.decision import HoldHit
from crossdock.domain.entries import decode_entries, encode_entries
from crossdock.domain.events import AllocationsSeen, OperatorActed, OrderSeen
from crossdock.domain.fulfilment import Allocation
from crossdock.domain.holding import may_release, outlook
from crossdock.domain.order import Order, PaymentStatus


def big(seen: Order, **more: Any) -> list[HoldHit]:
    """Holds orders over 15."""
    total = seen.totals.total.shop
    return [HoldHit("big", "finance", "over 15", {"total": total}, when="total > 15", **more)] if total > 15 else []


def held(**more: Any) -> Play:
    play = Play(holds=lambda seen: big(seen, **more))
    play.see(lines=[line(price="20.00")])
    assert play.summary.status == "held"
    return play


def refused(play: Play) -> str | None:
    found: str | None = play.journal[-1].refused  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize(
    ("owner", "by", "actor", "role", "may"),
    [
        ("finance", (), "olivia", "operator", True),
        ("finance", (), "olivia", "integrator", True),
        ("finance", (), "sam", "customer_service", False),
        ("finance", (), "vic", "viewer", False),
        ("customer_service", (), "sam", "customer_service", True),
        ("customer_service", (), "olivia", "operator", False),
        ("finance", ("customer_service", "ada"), "sam", "customer_service", True),
        ("finance", ("ada",), "ada", "operator", True),
        ("finance", ("ada",), "ada", "viewer", False),
        ("finance", ("ada",), "olivia", "operator", False),
        ("finance", ("ada",), "root", "admin", True),
        ("finance", ("operator",), "operator", "customer_service", False),  # a person who is called like a role
        ("finance", (), "olivia", "", True),  # stored by a version that knew no roles here
        ("finance", ("ada",), "ada", "", False),
    ],
)
def test_the_rule_says_who_may_release(owner: str, by: tuple[str, ...], actor: str, role: str, may: bool) -> None:
    assert may_release(owner, by, actor, role) is may


@pytest.mark.parametrize(
    ("action", "args"),
    [("release_hold", {"rule": "big"}), ("release_hold", {}), ("resolve", {"problem": "hold/big"}),
     ("skip", {"step": "screen.holds"})],
)  # fmt: skip
def test_whoever_the_rule_does_not_name_is_refused_and_that_is_kept(action: str, args: dict[str, str]) -> None:
    play = held(release_by=("ada",))
    play.tell(OperatorActed(action, "olivia", "please", args, "operator"))
    assert play.summary.status == "held"
    assert "released by ada, every admin, not by olivia" in str(refused(play))
    play.tell(OperatorActed(action, "ada", "fine", args, "operator"))
    assert play.purposes() == ["order.book"]


def test_a_role_among_the_arguments_is_no_role() -> None:
    play = held(release_by=("admin",))
    play.tell(OperatorActed("release_hold", "olivia", "please", {"rule": "big", "role": "admin"}, "operator"))
    assert play.summary.status == "held"


def test_a_newer_view_that_the_rule_no_longer_hits_lets_the_order_go() -> None:
    play = held()
    play.see(lines=[line(price="10.00")], age_s=1)
    assert play.state.holds == {}
    assert play.codes() == set()
    assert play.purposes() == ["order.book"]


def test_a_rule_may_keep_its_hold_whatever_newer_views_say() -> None:
    play = held(release_on=())
    play.see(lines=[line(price="10.00")], age_s=1)
    assert play.summary.status == "held"
    play.see(lines=[line(price="11.00")], age_s=2)
    assert play.summary.status == "held"
    play.act("release_hold", rule="big")
    assert play.purposes() == ["order.book"]


def test_a_confirmed_payment_lets_go_what_waits_for_it() -> None:
    play = Play(holds=lambda seen: big(seen, release_on=("payment",)))
    play.see(lines=[line(price="20.00")], payment_status=PaymentStatus.AUTHORIZED)
    assert play.status("screen.holds") == "waiting"
    play.see(lines=[line(price="20.00")], payment_status=PaymentStatus.PAID, age_s=1)
    assert play.state.holds["big"].release_reason == "the payment is confirmed"
    assert play.codes() == set()
    assert play.purposes() == ["order.book"]


def test_a_hold_that_waits_for_what_is_so_already_asks_nobody() -> None:
    play = Play(holds=lambda seen: big(seen, release_on=("payment",)))
    decision = play.see(lines=[line(price="20.00")])
    assert decision.opened == []
    assert play.purposes() == ["order.book"]


def test_an_allocation_lets_go_what_waits_for_it() -> None:
    play = held(release_on=("allocation",))
    play.tell(AllocationsSeen((Allocation("fo-1", "open", "loc-1"),)))
    assert play.state.holds["big"].released_by == "crossdock"
    assert play.purposes() == ["order.book"]


def test_what_was_released_stays_released_until_the_rule_sees_other_values() -> None:
    play = Play(holds=big, edit_window_s=3600)
    play.see(lines=[line(price="20.00")])
    play.act("release_hold", rule="big")
    play.see(lines=[line(price="20.00")], age_s=1, note="a note")
    assert play.summary.status == "waiting"
    play.see(lines=[line(price="30.00")], age_s=2)
    assert play.summary.status == "held"


def test_an_expiry_releases_or_passes_on_as_declared() -> None:
    play = held(expires_s=60)
    play.fire("hold/big")
    assert play.purposes() == ["order.book"]

    kept = held(expires_s=60, on_expiry="escalate", escalate_to="integration")
    decision = kept.fire("hold/big")
    assert kept.summary.status == "held"
    assert [(one.key, one.owner) for one in decision.opened] == [("hold/big", "integration")]
    assert "nobody has looked" in kept.state.problems["hold/big"].title
    assert kept.timers == {}
    assert stored_and_read(kept.state) == kept.state

    again = kept.tell(OrderSeen(order(lines=[line(price="20.00")], age_s=1, note="x")), now=NOON + timedelta(minutes=2))
    assert again.opened == []
    assert kept.state.problems["hold/big"].owner == "integration"
    assert kept.timers == {}, "it has expired once"


def test_values_that_changed_are_shown_and_were_not_what_the_person_looked_at() -> None:
    play = held()
    looked = play.state.holds["big"].seen_at
    assert looked == NOON
    later = NOON + timedelta(minutes=1)
    decision = play.see(lines=[line(price="99.00")], age_s=1, now=later)
    assert [one.facts["saw"] for one in decision.opened] == [{"total": "99.00"}]
    play.act("release_hold", rule="big", seen_at=looked.isoformat())
    assert refused(play) == "the order has changed since big was looked at"
    play.act("release_hold", rule="big", seen_at="nonsense")
    assert play.summary.status == "held"
    play.act("release_hold", rule="big", seen_at=later.isoformat())
    assert play.purposes() == ["order.book"]


def test_a_release_is_taken_back_until_the_order_is_booked() -> None:
    play = Play(holds=lambda seen: big(seen, expires_s=60), edit_window_s=3600)
    play.see(lines=[line(price="20.00")])
    play.act("release_hold", rule="big")
    assert play.summary.status == "waiting"
    decision = play.act("hold", rule="big", reason="too fast")
    assert [one.key for one in decision.opened] == ["hold/big"]
    assert play.summary.status == "held"
    assert play.timers["hold/big"] == NOON + timedelta(seconds=60)
    assert decode_entries(encode_entries(play.journal)) == play.journal
    play.act("hold", rule="big")
    assert refused(play) == "there is no such hold that was released"
    play.act("release_hold", rule="big")
    play.fire("edit.window")
    assert play.purposes() == ["order.book"]
    play.act("hold", rule="big")
    assert "too late" in str(refused(play))
    assert play.state.holds["big"].released_at is not None


def test_only_who_may_release_may_hold_again() -> None:
    play = Play(holds=lambda seen: big(seen, release_by=("ada",)), edit_window_s=3600)
    play.see(lines=[line(price="20.00")])
    play.act("release_hold", rule="big", actor="ada")
    play.act("hold", rule="big", actor="olivia")
    assert "not by olivia" in str(refused(play))
    play.act("hold", rule="big", actor="ada")
    assert play.summary.status == "held"


def test_a_hold_says_what_happens_next() -> None:
    stands = held().state.holds["big"]
    assert outlook(stands) == "It is let go by itself when a newer view of the order no longer meets the condition."
    assert outlook(held(release_on=()).state.holds["big"]) == "Only a person lets it go."
    ends = held(release_on=("allocation",), expires_s=3600).state.holds["big"]
    assert outlook(ends).endswith("On 2026-11-23 13:00 UTC it ends and the order goes on.")
    passed = held(expires_s=3600, on_expiry="escalate", escalate_to="integration")
    assert outlook(passed.state.holds["big"]).endswith("it is passed on to integration and stays.")
    passed.fire("hold/big")
    assert outlook(passed.state.holds["big"]).endswith("It was passed on to integration on 2026-11-23 13:00 UTC.")
