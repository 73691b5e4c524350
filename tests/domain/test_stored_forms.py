"""Stored forms carry a version; older ones are read, newer ones are refused by name."""

from pathlib import Path

import msgspec
import pytest
from tests.domain.factories import Play, five_lines, shipment, shipped

from crossdock.domain.entries import decode_entries, encode_entries
from crossdock.domain.events import OrderSeen
from crossdock.domain.merge import MergeChosen
from crossdock.domain.order_decider import ORDER
from crossdock.domain.schema import SchemaTooNew, upcast
from crossdock.domain.settlement_decider import SETTLEMENT
from crossdock.domain.settlement_entries import decode_settlement, decode_settlement_entries
from crossdock.domain.state import decode_state, encode_state


def done() -> Play:
    play = Play()
    play.tell(OrderSeen(five_lines()), shipped(shipment("a", [("1", 1)])))
    play.settle_all()
    return play


def test_state_and_journal_survive_storing() -> None:
    play = done()
    assert decode_state(encode_state(play.state)) == play.state
    assert decode_entries(encode_entries(play.journal)) == play.journal
    assert ORDER.load(ORDER.store(ORDER.blank())) == ORDER.blank()


def test_forms_start_with_their_version() -> None:
    play = done()
    assert encode_state(play.state).startswith(b'{"v":1,')
    assert encode_entries(play.journal).startswith(b'{"v":1,')


def test_a_form_written_by_another_json_writer_is_read_too() -> None:
    play = done()
    spaced = msgspec.json.format(encode_state(play.state), indent=2)
    assert decode_state(spaced) == play.state
    assert decode_entries(msgspec.json.format(encode_entries(play.journal), indent=2)) == play.journal


def test_a_later_form_is_refused_with_both_versions() -> None:
    for read in (decode_state, decode_entries):
        with pytest.raises(SchemaTooNew, match=r"version 9.*up to 1"):
            read(b'{"v":9}')


def test_an_earlier_form_is_brought_up_step_by_step() -> None:
    steps = {1: lambda raw: {"v": 1, "b": raw["a"]}, 2: lambda raw: {**raw, "c": 3}}
    assert upcast(b'{"v":1,"a":7}', 3, steps) == {"v": 3, "b": 7, "c": 3}


def test_what_version_one_stored_is_read_by_every_later_release() -> None:
    """The files are never written again: a change that cannot read them needs a new version and an upcast."""
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_state.json").read_bytes())
    entries = decode_entries((stored / "v1_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert state.erp_ref == "salesOrder-order.book"
    assert set(state.problems) == {"shipment/b", "order.edited"}
    assert state.holds["big"].released_by == "olivia"
    assert len(state.commands) == 4


def test_refunds_returns_and_amendments_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_refunds_state.json").read_bytes())
    entries = decode_entries((stored / "v1_refunds_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert {id_: (known.echo, known.refused is None) for id_, known in state.refunds.items()} == {
        "r1": (False, True),
        "r2": (False, True),
        "r9": (True, True),
        "r10": (False, False),
    }
    assert {id_: known.ours for id_, known in state.credits.items()} == {"cm-1": True, "cm-9": False}
    assert state.returns["ret-1"].status == "received"
    assert state.status_of("booking.amend") == "done"
    assert (state.axes.financial, state.axes.returned) == ("partly_credited", "partly_returned")


def test_holds_and_links_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_holds_state.json").read_bytes())
    entries = decode_entries((stored / "v1_holds_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    big, slow = state.holds["big"], state.holds["slow"]
    assert (big.released_by, big.owner, big.release_by, big.release_on) == (
        "ada",
        "integration",
        ("ada",),
        ("payment",),
    )
    assert (big.escalated_at is not None, slow.released_at, slow.when) == (True, None, "true")
    assert (state.linked, state.customer_ref, state.wanting) == ("C1", "C1", True)
    assert set(state.problems) == {"hold/slow", "validate.products/NEW"}


def test_payments_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_payments_state.json").read_bytes())
    entries = decode_entries((stored / "v1_payments_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert state.payments_asked == "payments/paid"
    assert {id_: (one.gateway, one.gift_card) for id_, one in state.captures.items()} == {
        "t1": ("gift_card", True),
        "t2": ("card", False),
    }
    intents = {key.rpartition("/")[2]: one.status for key, one in state.commands.items() if one.step == "payment.post"}
    assert intents == {"t1": "done", "t2": "failed"}
    assert set(state.problems) == {"payment/exceeds", "payment.post/t2"}


def test_captures_in_advance_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_advance_state.json").read_bytes())
    entries = decode_entries((stored / "v1_advance_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert (state.payments_asked, state.payments_nth, state.payments_read) == ("payments/paid/37.00/1", 3, True)
    assert state.order is not None
    assert (f"{state.order.paid}", f"{state.surplus}") == ("37.00", "7.00")
    uses = {id_: [(use.refund or use.invoice, f"{use.amount}") for use in one.uses] for id_, one in state.funds.items()}
    assert uses == {"t1": [("r1", "5.00")], "t2": [("r1", "5.00"), ("inv-1", "20.00")], "t3": []}
    assert [one.kind for one in state.funds.values()] == ["deposit", "deposit", "payment"]


def test_what_captures_and_refunds_were_given_out_for_of_version_one_is_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_given_out_state.json").read_bytes())
    entries = decode_entries((stored / "v1_given_out_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    uses = {id_: [(use.invoice, use.amount) for use in one.uses] for id_, one in state.funds.items()}
    assert uses == {"t1": [("inv-1", 20), ("inv-2", 10)]}
    assert [one.kind for one in state.funds.values()] == ["applied"]
    assert state.paid_out == {"r1": 10}


def test_lines_in_other_units_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_units_state.json").read_bytes())
    entries = decode_entries((stored / "v1_units_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert state.order is not None
    assert [(line.unit, line.per_unit) for line in state.order.lines] == [("Carton", 12), (None, None)]
    assert (state.withheld, set(state.problems)) == (("a",), {"unit/a"})


def test_settlements_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_settlement((stored / "v1_settlement_state.json").read_bytes())
    entries = decode_settlement_entries((stored / "v1_settlement_entries.json").read_bytes())
    assert SETTLEMENT.evolve(SETTLEMENT.blank(), entries) == state
    assert (state.let_go, state.by_hand, state.waited, state.postings) == (("kinds", "match"), True, True, 2)
    assert state.posted is not None
    assert (state.posted.key[-2:], state.posted.status, state.posted.refs) == ("/2", "done", {"journalEntry": "12"})
    assert state.orders["1001"].refunds == ("pay-1", "r-pay-1")
    order = ORDER.evolve(ORDER.blank(), decode_entries((stored / "v1_settled_order_entries.json").read_bytes()))
    assert (order.settlements, order.told) == (("shop1-77",), ("pay-1", "r-pay-1"))


def test_what_was_left_alone_in_version_one_and_then_taken_in_is_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    before = decode_state((stored / "v1_left_alone_state.json").read_bytes())
    assert (before.left_alone, before.ended, len(before.early)) == (True, "ignored", 1)
    after = decode_state((stored / "v1_taken_in_state.json").read_bytes())
    entries = decode_entries((stored / "v1_taken_in_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == after
    assert (after.left_alone, after.ended, after.early, len(after.shipments)) == (False, None, (), 1)
    settlement = decode_settlement((stored / "v1_left_alone_settlement_state.json").read_bytes())
    assert settlement.left_alone == "deposited before the route begins (2026-11-23T13:00:00+00:00)"
    told = decode_settlement_entries((stored / "v1_left_alone_settlement_entries.json").read_bytes())
    assert SETTLEMENT.evolve(SETTLEMENT.blank(), told[:2]) == settlement
    assert SETTLEMENT.evolve(SETTLEMENT.blank(), told).left_alone is None


def test_a_later_form_of_a_settlement_is_refused_with_both_versions() -> None:
    for read in (decode_settlement, decode_settlement_entries):
        with pytest.raises(SchemaTooNew, match=r"version 9.*up to 1"):
            read(b'{"v":9}')


def test_promises_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_promise_state.json").read_bytes())
    entries = decode_entries((stored / "v1_promise_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert state.promise is not None
    assert (state.promise.told, state.promise.cause, state.promise.late) == (("ship",), "backordered", True)
    assert set(state.problems) == {"promise"}
    assert set(state.timers) == {"promise"}


def test_parcels_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_parcels_state.json").read_bytes())
    entries = decode_entries((stored / "v1_parcels_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert {key: list(marks) for key, marks in state.tracks.items()} == {
        "sh-1": ["in_transit", "delivered"],
        "sh-2/T2": ["exception"],
        "sh-2": ["returned"],
    }
    assert set(state.problems) == {"parcel/sh-2/T2", "parcel/sh-2"}
    assert state.ended == "done"


def test_returns_told_onward_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_returned_onward_state.json").read_bytes())
    entries = decode_entries((stored / "v1_returned_onward_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert {id_: (one.number, len(one.lines)) for id_, one in state.announced.items()} == {"77": (2, 1), "78": (1, 0)}
    [known] = state.receipts.values()
    assert (known.receipt.id, known.receipt.finished, [row.condition for row in known.receipt.rows]) == (
        "R-2",
        True,
        ["torn"],
    )
    assert {id_: (one.restock, one.lines) for id_, one in state.posted.items()} == {
        "1": (True, {"1": 1}),
        "2": (False, {"1": 1}),
    }
    assert state.stock_left == {"r1": {"1": 2}}
    assert [(one.number, one.content.finished) for one in state.told_back.values()] == [(2, True)]
    assert state.returns["78"].status == "cancelled"


def test_parts_of_version_one_are_read_by_every_later_release() -> None:
    """An order whose exchange was told apart, with a refund that its part was handed; and the part itself."""
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_parts_state.json").read_bytes())
    entries = decode_entries((stored / "v1_parts_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert {name: part.lines for name, part in state.parts.items()} == {"X1": ("3",)}
    assert {subject: handed.names for subject, handed in state.handed.items()} == {"refund/r1": ("r1", "t-r1")}
    assert state.newest is not None
    assert [(one.part, str(one.total.shop)) for one in state.newest.apart] == [("X1", "4.40")]
    part = ORDER.evolve(ORDER.blank(), decode_entries((stored / "v1_part_entries.json").read_bytes()))
    assert part.order is not None
    assert (part.order.key, part.order.number, list(part.refunds)) == ("shop1-1001-X1", "#1042-X1", ["r1"])


def test_merges_of_version_one_are_read_by_every_later_release() -> None:
    stored = Path(__file__).parent / "stored"
    state = decode_state((stored / "v1_merged_state.json").read_bytes())
    entries = decode_entries((stored / "v1_merged_entries.json").read_bytes())
    assert ORDER.evolve(ORDER.blank(), entries) == state
    assert (state.written, state.writing, state.merging) == (("r1",), ("r1",), None)
    chosen = [entry for entry in entries if isinstance(entry, MergeChosen)]
    assert [(each.prefer, each.seen, each.by) for each in chosen] == [("erp", "p1", "olivia")]
