"""Every kind of difference, found when it is there and only then."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.domain.problems import CATALOGUE
from crossdock.domain.process import STEPS
from crossdock.domain.reconciling import ASK, BOOK_AGAIN, DIFFERENCES, READ_BACK, REPAIRS, SEVERITIES
from crossdock.kit.listing import STATUSES
from crossdock.reconcile.compare import CAUSES, OF_CHANNEL, Sides, compare
from tests.reconcile.sides import CHANNEL, ERP, KEY, LATER, OURS, SEEN, sides

SHIPPED = {"fulfilment": "whole", "left": Decimal(3), "told": True}
CANCELLED = {"cancelled": True, "ended": "cancelled"}

# kind, what is changed on the three sides, the repair
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("missing_here", {"ours": None, "erp": None}, READ_BACK),
    ("missing_here", {"ours": None, "channel": None}, READ_BACK),
    ("missing_here", {"ours": None, "channel": {"left_alone": "not paid yet"}}, ASK),
    ("missing_in_channel", {"channel": None}, ASK),
    ("missing_in_erp", {"erp": None}, BOOK_AGAIN),
    ("missing_in_erp", {"ours": {"booked": False}, "erp": None}, BOOK_AGAIN),
    ("cancelled_in_channel", {"channel": {"status": "cancelled", "changed_at": LATER}}, READ_BACK),
    ("cancelled_in_channel", {"channel": {"status": "cancelled"}}, ASK),
    ("cancelled_here_only", {"ours": CANCELLED, "erp": {"status": "closed"}}, ASK),
    ("cancelled_in_erp", {"erp": {"status": "closed"}}, ASK),
    ("cancelled_in_erp", {"erp": {"status": "cancelled"}}, ASK),
    ("open_in_erp", {"ours": CANCELLED, "channel": {"status": "cancelled"}}, ASK),
    ("channel_amount_differs", {"channel": {"total": Decimal("100.00"), "changed_at": LATER}}, READ_BACK),
    ("channel_amount_differs", {"channel": {"total": Decimal("110.01")}}, ASK),
    ("channel_amount_differs", {"channel": {"currency": "USD"}}, ASK),
    ("channel_quantity_differs", {"channel": {"quantity": Decimal(2)}}, ASK),
    ("channel_quantity_differs", {"channel": {"quantity": Decimal(2), "changed_at": LATER}}, READ_BACK),
    ("erp_amount_differs", {"erp": {"total": Decimal("109.99")}}, ASK),
    ("erp_amount_differs", {"erp": {"currency": "USD"}}, ASK),
    ("erp_quantity_differs", {"erp": {"quantity": Decimal(4)}}, ASK),
    ("shipment_not_shown", {"ours": SHIPPED, "erp": {"shipped": Decimal(3)}}, ASK),
    ("shipment_missing_in_erp", {"ours": SHIPPED, "channel": {"fulfilment": "whole"}}, ASK),
    ("invoiced_amount_differs", {"erp": {"invoiced": Decimal("110.00")}}, ASK),
    ("invoiced_amount_differs", {"ours": {"invoiced": Decimal("110.00")}, "erp": {"status": "billed"}}, ASK),
]

# What looks different and is as it should be.
AGREE: list[dict[str, Any]] = [
    {},
    {"ours": None, "channel": None, "erp": None},
    {"ours": {"ended": "ignored"}, "channel": {"total": Decimal(1)}, "erp": None},
    {"ours": {"moving": True}, "erp": {"total": Decimal(1)}},
    {"ours": {"moving": True, "booked": False}, "erp": None},
    {"ours": {"waits": "waits for payment", "booked": False}, "erp": None},
    {"ours": CANCELLED, "channel": {"status": "cancelled"}, "erp": None},
    {"ours": CANCELLED, "channel": {"status": "cancelled"}, "erp": {"status": "closed"}},
    {"ours": CANCELLED, "channel": None, "erp": {"status": "closed"}},
    {"ours": {"ended": "done"}, "erp": {"status": "closed"}},
    {"ours": {"credited": True}, "erp": {"total": Decimal(90), "quantity": Decimal(2)}},
    {"ours": {"wanted": None}, "channel": {"quantity": Decimal(1)}},
    {"ours": None, "erp": None, "channel": {"left_alone": "fulfilled by Amazon"}},
    {"channel": {"left_alone": "shipped: Crossdock knows what it shipped itself"}},
    {"channel": {"total": None, "currency": "", "quantity": None}},
    {"erp": {"total": None, "quantity": None}},
    {"channel": {"quantity": None, "fulfilment": None}},
    {"erp": {"quantity": None, "shipped": None, "invoiced": None}},
    {"ours": {"fulfilment": "part", "left": Decimal(1), "told": False}},
    {"channel": None, "channel_asked": False},
    {"erp": None, "erp_asked": False},
]


@pytest.mark.parametrize(("kind", "change", "repair"), CASES)
def test_a_difference_is_found_alone_and_with_its_repair(kind: str, change: dict[str, Any], repair: str) -> None:
    (found,) = compare(sides(**change))
    assert (found.kind, found.repair) == (kind, repair)
    assert found.cause
    assert found.expected != found.found
    assert found.severity in SEVERITIES
    assert not found.explained


@pytest.mark.parametrize("change", AGREE)
def test_what_is_as_it_should_be_is_no_difference(change: dict[str, Any]) -> None:
    assert compare(sides(**change)) == ()


def test_every_kind_has_a_case_a_problem_and_a_known_repair() -> None:
    assert {kind for kind, _, _ in CASES} == DIFFERENCES.keys()
    for name, kind in DIFFERENCES.items():
        assert kind.repair in REPAIRS
        assert kind.severity in SEVERITIES
        assert CATALOGUE[f"reconcile.{name}"].hint == kind.hint


def test_an_open_problem_explains_what_differs() -> None:
    troubles = {"promise": "It is late", "order.book": "NetSuite refused to book the order"}
    (found,) = compare(sides(ours={"booked": False, "troubles": troubles}, erp=None))
    assert (found.kind, found.explained) == ("missing_in_erp", True)
    assert "NetSuite refused to book the order" in found.cause


def test_several_facts_are_several_differences() -> None:
    found = compare(sides(erp={"total": Decimal(1), "quantity": Decimal(1), "invoiced": Decimal(5)}))
    assert [one.kind for one in found] == ["erp_amount_differs", "erp_quantity_differs", "invoiced_amount_differs"]


amounts = st.decimals(min_value=0, max_value=999, places=2)
units = st.integers(0, 5).map(Decimal)
statuses = st.sampled_from(STATUSES)
ours_views = st.builds(
    lambda **change: msgspec.structs.replace(OURS, **change),
    total=amounts, owed=amounts, wanted=st.none() | units, goods=units, left=units,
    fulfilment=st.sampled_from(["none", "part", "whole"]), told=st.booleans(), invoiced=amounts,
    credited=st.booleans(), booked=st.booleans(), cancelled=st.booleans(), moving=st.booleans(),
    ended=st.sampled_from([None, "done", "cancelled", "ignored"]), waits=st.sampled_from([None, "payment"]),
    troubles=st.dictionaries(st.sampled_from([*STEPS, "edit", "cancel", "promise"]), st.just("said"), max_size=3),
)  # fmt: skip
listed = st.builds(
    lambda **change: msgspec.structs.replace(CHANNEL, **change),
    total=amounts, status=statuses, changed_at=st.sampled_from([SEEN, LATER]), quantity=st.none() | units,
    fulfilment=st.sampled_from([None, "none", "part", "whole"]),
)  # fmt: skip
booked = st.builds(
    lambda **change: msgspec.structs.replace(ERP, **change),
    total=amounts, status=statuses, quantity=st.none() | units, shipped=st.none() | units,
    invoiced=st.none() | amounts,
)  # fmt: skip


@given(
    st.builds(
        Sides,
        st.just(KEY),
        st.none() | ours_views,
        st.none() | listed,
        st.none() | booked,
        st.booleans(),
        st.booleans(),
    )
)
def test_whatever_the_sides_show_the_answer_is_closed_and_the_same(three: Sides) -> None:
    found = compare(three)
    assert found == compare(three)
    kinds = [one.kind for one in found]
    assert len(kinds) == len(set(kinds)), "each kind once"
    assert set(kinds) <= DIFFERENCES.keys()
    if three.ours is not None:
        open_ = three.ours.troubles.keys()
        assert all(one.explained == bool(CAUSES.get(one.kind, frozenset()) & open_) for one in found)
        if three.ours.moving:
            assert not any(kind.startswith(("erp_", "missing_in_erp", "invoiced")) for kind in kinds)


@pytest.mark.parametrize("step", ["refund.credit", "payment.post", "tracking.push", "promise", "fulfilment.push"])
def test_a_problem_that_cannot_be_its_cause_explains_no_difference(step: str) -> None:
    found = compare(sides(ours={"troubles": {step: "said"}, "owed": Decimal("1.00"), "invoiced": Decimal("1.00")}))
    assert {one.kind for one in found} == {"erp_amount_differs", "invoiced_amount_differs"}
    assert not any(one.explained for one in found)


def test_of_two_differences_only_the_one_that_the_problem_can_be_the_cause_of_is_explained() -> None:
    ours = {"troubles": {"booking.amend": "said"}, "owed": Decimal("1.00"), "invoiced": Decimal("1.00")}
    told = {one.kind: one.explained for one in compare(sides(ours=ours))}
    assert told == {"erp_amount_differs": True, "invoiced_amount_differs": False}


def test_every_cause_is_a_step_of_an_order_and_explains_a_known_kind() -> None:
    assert CAUSES.keys() <= DIFFERENCES.keys()
    assert set().union(*CAUSES.values()) <= {*STEPS, "edit", "cancel"}


@given(ours_views)
def test_a_channel_that_shows_our_very_view_never_differs_in_amount(ours: Any) -> None:
    channel = msgspec.structs.replace(CHANNEL, total=ours.total, quantity=ours.wanted)
    kinds = {one.kind for one in compare(Sides(KEY, ours, channel, None, True, False))}
    assert not kinds & {"channel_amount_differs", "channel_quantity_differs", "missing_in_channel"}


def test_every_kind_is_of_the_channel_or_not() -> None:
    """Which ones need the channel to be asked again: whatever is found where only the ERP was looked at does not."""
    looks = [compare(sides(**{**changes, "channel": None}, channel_asked=False)) for _, changes, _ in CASES]
    assert {one.kind for look in looks for one in look} - {"missing_here"} == DIFFERENCES.keys() - OF_CHANNEL
