"""What is ordered is open, shipped or cancelled, whatever is shipped in whatever pieces and whatever is edited."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.domain.cases.shipment_seen import open_lines
from crossdock.domain.fulfilment import Shipment
from crossdock.domain.money import ZERO
from crossdock.domain.order import OrderLine
from crossdock.domain.state import ordered
from crossdock.domain.state import shipped as shipped_by_line
from tests.domain.factories import Play, line, shipment, shipped

QUANTITIES = st.integers(1, 6).map(Decimal) | st.sampled_from([Decimal("0.5"), Decimal("2.25")])


@st.composite
def lines_of_an_order(draw: st.DrawFn) -> tuple[OrderLine, ...]:
    """One to four lines; some SKUs occur twice, some lines were edited down after they were placed."""
    made = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        quantity = draw(QUANTITIES)
        current = draw(st.none() | st.sampled_from([ZERO, quantity / 2, quantity]))
        sku = draw(st.sampled_from([f"SKU-{number}", "SKU-1"]))
        made.append(line(str(number), sku=sku, quantity=quantity, current_quantity=current))
    return tuple(made)


@st.composite
def pieces(draw: st.DrawFn, lines: tuple[OrderLine, ...]) -> list[Shipment]:
    """Everything that is wanted, split over shipments: by line id, or by SKU where only that is told."""
    left = {one.id: ordered(one) for one in lines if ordered(one) > ZERO}
    found: list[Shipment] = []
    while left:
        taken = []
        for id_ in draw(st.lists(st.sampled_from(sorted(left)), min_size=1, max_size=3, unique=True)):
            part = draw(st.sampled_from([left[id_], left[id_] / 2]))
            taken.append((id_, part))
            left[id_] -= part
        left = {id_: rest if rest > Decimal("0.3") else ZERO for id_, rest in left.items()}
        name = f"sh-{len(found)}"
        found.append(shipment(name, [(id_, str(part)) for id_, part in taken], tracking=(f"T-{name}",)))
        left = {id_: rest for id_, rest in left.items() if rest}
        if len(found) >= 6:
            found.append(shipment("rest", [(id_, str(rest)) for id_, rest in left.items()], tracking=("T-rest",)))
            break
    return [one for one in found if one.lines]


def conserved(play: Play) -> None:
    """Per line: ordered = open + shipped + cancelled, and none of them negative."""
    assert play.state.order is not None
    sums = shipped_by_line(play.state)
    still = open_lines(play.state.order, sums)
    for one in play.state.order.lines:
        gone = sums.get(one.id, ZERO)
        cancelled = one.quantity - ordered(one)
        assert one.quantity == still[one.id] + gone + cancelled
        assert min(still[one.id], gone, cancelled) >= ZERO, one.id
    assert sums.keys() <= still.keys(), "what left belongs to a line of the order"


@settings(max_examples=120)
@given(st.data())
def test_any_split_is_taken_whole_and_adds_up(data: st.DataObject) -> None:
    lines = data.draw(lines_of_an_order())
    parts = data.draw(pieces(lines))
    play = Play()
    play.see(lines=lines)
    for one in data.draw(st.permutations(parts)):
        play.tell(shipped(one))
        conserved(play)
        if data.draw(st.booleans()):
            play.settle_all()
    play.settle_all()
    taken = {parcel.shipment.id for parcel in play.state.taken()}
    assert taken == {one.id for one in parts}, play.state.problems
    told = sum((row.quantity for one in parts for row in one.lines), ZERO)
    assert sum(shipped_by_line(play.state).values(), ZERO) == told


@settings(max_examples=120)
@given(st.data())
def test_what_is_too_much_or_foreign_changes_no_quantity(data: st.DataObject) -> None:
    lines = data.draw(lines_of_an_order())
    play = Play()
    play.see(lines=lines)
    for one in data.draw(pieces(lines))[:2]:
        play.tell(shipped(one))
    before = shipped_by_line(play.state)
    at = data.draw(st.sampled_from(lines))
    still = ordered(at) - before.get(at.id, ZERO)
    wrong = data.draw(
        st.sampled_from([(at.id, still + 1), ("unknown", Decimal(1)), (at.id, ZERO), (at.id, Decimal(-1))])
    )
    rows = [(wrong[0], str(wrong[1]))]
    fits = data.draw(st.sampled_from(lines))
    if data.draw(st.booleans()):
        rows.append((fits.id, "0.25"))
    decision = play.tell(shipped(shipment("wrong", rows, tracking=("W",))))
    assert shipped_by_line(play.state) == before, "a shipment fits as a whole or not at all"
    assert play.state.shipments["wrong"].refused
    assert [one.key for one in decision.opened] == ["shipment/wrong"]
    assert decision.commands == []
    conserved(play)


@settings(max_examples=100)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 18))
def test_a_quantity_told_by_sku_fills_lines_in_their_order(first: int, second: int, told: int) -> None:
    """The warehouse knows a SKU that stands on two lines: nothing is invented, nothing is lost."""
    play = Play()
    play.see(lines=(line("1", sku="SKU-1", quantity=first), line("2", sku="SKU-1", quantity=second)))
    play.tell(shipped(shipment("s", [("box", told)], sku="SKU-1")))
    sums = shipped_by_line(play.state)
    if told > first + second:
        assert sums == {}
    else:
        assert sums.get("1", ZERO) == min(told, first)
        assert sums.get("2", ZERO) == max(told - first, 0)
    conserved(play)


@settings(max_examples=100)
@given(st.data())
def test_every_command_for_a_shipment_carries_what_left(data: st.DataObject) -> None:
    """What the ERP is told and what the customer is told is, over all shipments, what left."""
    lines = data.draw(lines_of_an_order())
    play = Play()
    play.see(lines=lines)
    play.settle_all()
    parts = data.draw(pieces(lines))
    for one in parts:
        play.tell(shipped(one))
    play.settle_all()
    for purpose in ("shipment.post", "fulfilment.push"):
        payloads = [msgspec.to_builtins(c.payload) for c in play.commands.values() if c.payload.purpose == purpose]
        sums: dict[str, Decimal] = {}
        for payload in payloads:
            for row in payload["shipment"]["lines"]:
                sums[row["line_id"]] = sums.get(row["line_id"], ZERO) + Decimal(row["quantity"])
        assert sums == shipped_by_line(play.state)
        assert len(payloads) == len(parts)
