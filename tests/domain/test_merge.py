"""Three ways to one: properties over any documents, and what an order does with a clash."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import NOON, Play, line, order, stored_and_read

from crossdock.domain.commands import AmendBooking
from crossdock.domain.events import OrderSeen, RefundSeen
from crossdock.domain.merge import CHANNEL, Rows, merge, print_of, text, told
from crossdock.domain.money import Amount
from crossdock.domain.outcome import Conflict
from crossdock.domain.refund import Refund, RefundedLine, Restock, Tender

rows = st.dictionaries(
    st.sampled_from(["1", "2", "3"]),
    st.fixed_dictionaries({"quantity": st.integers(0, 2).map(Decimal), "item": st.sampled_from(["a", "b"])}),
    max_size=3,
)


@given(rows, rows)
def test_a_side_that_changed_nothing_leaves_the_other(base: Rows, other: Rows) -> None:
    for merged in (merge(base, base, other), merge(base, other, base), merge(base, other, other)):
        assert merged.rows == other
        assert merged.clashes == ()


@given(rows, rows, rows)
def test_clashes_do_not_depend_on_which_side_is_which(base: Rows, one: Rows, other: Rows) -> None:
    there, back = merge(base, one, other), merge(base, other, one)
    assert {each.key for each in there.clashes} == {each.key for each in back.clashes}
    apart = {each.key for each in there.clashes}
    assert {k: v for k, v in there.rows.items() if k not in apart} == {
        k: v for k, v in back.rows.items() if k not in apart
    }


@given(rows, rows, rows, st.sampled_from(["", "channel", "erp"]))
def test_merging_again_changes_nothing(base: Rows, ours: Rows, theirs: Rows, prefer: str) -> None:
    once = merge(base, ours, theirs, prefer)
    again = merge(base, ours, once.rows, prefer)
    assert again.rows == once.rows
    assert merge(ours, ours, once.rows).rows == once.rows, "and the next edit begins from what is there"
    if prefer == CHANNEL:
        assert again.clashes == ()
    else:
        assert print_of(again.clashes) == print_of(once.clashes)


@given(rows, rows, rows)
def test_a_choice_settles_every_clash_and_touches_nothing_else(base: Rows, ours: Rows, theirs: Rows) -> None:
    open_, channel, erp = (merge(base, ours, theirs, prefer) for prefer in ("", "channel", "erp"))
    apart = {each.key for each in open_.clashes}
    for key in {*base, *ours, *theirs}:
        wanted = (ours, theirs) if key in apart else (open_.rows, open_.rows)
        assert (channel.rows.get(key), erp.rows.get(key)) == (wanted[0].get(key), wanted[1].get(key))


@given(rows, rows, rows)
def test_kept_is_what_is_other_than_the_channel_wants(base: Rows, ours: Rows, theirs: Rows) -> None:
    merged = merge(base, ours, theirs)
    assert set(merged.kept) == {key for key in {*base, *ours, *theirs} if merged.rows.get(key) != ours.get(key)}


def test_a_clash_is_told_field_by_field() -> None:
    was, ours, theirs = ({"quantity": Decimal(n), "price": Decimal("5.00")} for n in (3, 1, 5))
    found = merge({"1": was}, {"1": ours}, {"1": theirs})
    assert told(found.clashes) == [{"line": "1", "field": "quantity", "base": "3", "channel": "1", "erp": "5"}]
    gone = merge({"1": was}, {}, {"1": theirs})
    assert [(each["channel"], each["erp"]) for each in told(gone.clashes)] == [(None, "5"), (None, "5")]
    assert print_of(found.clashes) != print_of(gone.clashes)
    assert (text(Decimal("5.00")), text(Decimal(0)), text("x")) == ("5", "0", "x")


# -- an order with a clash ---------------------------------------------------------------------------------------

FACTS = {"differences": [{"line": "1", "field": "quantity", "base": "2", "channel": "1", "erp": "5"}], "seen": "p1"}


def booked(**more: Any) -> Play:
    """Booked, and held back from the warehouse."""
    play = Play(warehouse=None, invoice="take", **more)
    play.see(lines=[line("1", quantity=3), line("2", sku="SKU-2")])
    play.settle("order.book")
    return play


def edited(play: Play, age_s: float = 10, quantity: int = 2) -> None:
    play.see(lines=[line("1", quantity=quantity), line("2", sku="SKU-2")], age_s=age_s)


def amendments(play: Play) -> list[AmendBooking]:
    return [each.payload for each in play.commands.values() if isinstance(each.payload, AmendBooking)]


def clashed() -> Play:
    play = booked()
    edited(play)
    play.settle("booking.amend", Conflict("edited_on_both_sides", "both", {}, "Compare.", FACTS))
    return play


def test_an_amendment_says_what_was_written() -> None:
    play = booked()
    before = play.state.order
    edited(play)
    [asked] = amendments(play)
    assert (asked.base, asked.prefer, asked.seen) == (before, "", "")
    play.settle("booking.amend")
    edited(play, 20, 1)
    assert amendments(play)[1].base == asked.order


def test_a_refund_after_the_booking_is_not_in_what_was_written() -> None:
    """Else the ERP would seem to have been edited by people, and the units would stay on the sales order."""
    play = booked()
    off = RefundedLine("1", Decimal(1), Amount(Decimal("10.00")), Amount(Decimal(0)), Restock.CANCEL, "SKU-1")
    refund = Refund("r1", NOON, "EUR", (off,), tenders=(Tender("card", Amount(Decimal("10.00"))),))
    play.tell(RefundSeen(refund, "shop1"))
    less = order(lines=[line("1", quantity=3, current_quantity=Decimal(2)), line("2", sku="SKU-2")], age_s=10)
    play.tell(OrderSeen(less))
    [asked] = amendments(play)
    assert asked.base is not None
    assert [each.quantity for each in asked.base.lines] == [3, 1]
    assert [each.quantity for each in asked.order.lines] == [2, 1]
    play.settle("booking.amend")
    assert play.state.written == ("r1",)
    assert stored_and_read(play.state) == play.state


def test_a_clash_is_an_exception_with_the_difference() -> None:
    play = clashed()
    assert play.codes() == {"booking.amend.conflict"}
    [opened] = [each for decision in play.decisions for each in decision.opened]
    assert opened.facts["differences"] == FACTS["differences"]
    assert opened.hint == "Compare."
    assert "order.release" not in play.purposes()


@pytest.mark.parametrize("prefer", ["channel", "erp"])
def test_a_person_chooses_whose_lines_count(prefer: str) -> None:
    play = clashed()
    play.act("merge", prefer=prefer, seen="p1")
    first, second = amendments(play)
    assert (second.prefer, second.seen, second.order, second.base) == (prefer, "p1", first.order, first.base)
    assert play.codes() == set()
    play.settle("booking.amend")
    assert play.state.latest is None
    assert play.state.merging is None
    assert stored_and_read(play.state) == play.state


def test_a_choice_is_for_one_amendment() -> None:
    play = clashed()
    play.act("merge", prefer="channel", seen="p1")
    play.settle("booking.amend")
    edited(play, 30, 1)
    assert amendments(play)[-1].prefer == ""


def test_a_choice_that_the_erp_finds_outdated_is_a_clash_again() -> None:
    play = clashed()
    play.act("merge", prefer="channel", seen="p1")
    play.settle("booking.amend", Conflict("edited_on_both_sides", "both", {}, "Compare.", {**FACTS, "seen": "p2"}))
    assert play.codes() == {"booking.amend.conflict"}
    play.act("merge", prefer="erp", seen="p2")
    assert amendments(play)[-1].seen == "p2"


@pytest.mark.parametrize(
    ("args", "why"),
    [({"prefer": "ours", "seen": "p1"}, "say whose lines count"), ({"prefer": "erp"}, "say which differences")],
)
def test_what_is_no_choice_is_refused(args: dict[str, str], why: str) -> None:
    play = clashed()
    play.act("merge", **args)
    assert why in str(play.journal[-1].refused)  # type: ignore[union-attr]
    assert len(amendments(play)) == 1


def test_without_a_clash_there_is_nothing_to_choose() -> None:
    play = booked()
    play.act("merge", prefer="erp", seen="p1")
    assert "nothing to merge" in str(play.journal[-1].refused)  # type: ignore[union-attr]
