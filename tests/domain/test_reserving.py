"""What an order holds of the stock: told when it changes, until the ERP has it, for routes that ask for it."""

from decimal import Decimal

import msgspec
from tests.domain.factories import Play, five_lines, line, order

from crossdock.domain.events import OrderSeen
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.stock_events import StockReserved

STOCK = StockPolicy(locations={"101": StockLocation(sources=("1",))}, kits={"KIT": {"SKU-1": 2, "SKU-2": 1}})


def told(play: Play, since: int = 0) -> list[tuple[str, str, Decimal, Decimal]]:
    """SKU, status, reserved, sold; of the decisions from one on."""
    events = [tell.event for decision in play.decisions[since:] for tell in decision.tells]
    assert all(isinstance(event, StockReserved) for event in events)
    return [(e.sku, e.status, e.quantity, e.sold) for e in events if isinstance(e, StockReserved)]


def test_a_route_without_stock_tells_nobody() -> None:
    play = Play()
    play.tell(OrderSeen(five_lines()))
    play.settle_all()
    assert told(play) == []
    assert play.state.reservation is None


def test_reserved_at_intake_and_committed_with_the_booking() -> None:
    play = Play(stock=STOCK)
    play.tell(
        OrderSeen(order(lines=(line("1", sku="SKU-1", quantity=2), line("2", sku="SKU-1"), line("3", sku="SKU-2"))))
    )
    assert told(play) == [("SKU-1", "reserved", 3, 3), ("SKU-2", "reserved", 1, 1)]
    before = len(play.decisions)
    play.settle_all()
    assert told(play, before) == [("SKU-1", "committed", 3, 3), ("SKU-2", "committed", 1, 1)]


def test_an_edit_before_booking_changes_what_is_held() -> None:
    play = Play(stock=STOCK, edit_window_s=600)
    first = order(lines=(line("1", sku="SKU-1", quantity=2), line("2", sku="SKU-2")))
    play.tell(OrderSeen(first))
    edited = order(lines=(line("1", sku="SKU-1", quantity=1),))
    play.tell(OrderSeen(msgspec.structs.replace(edited, updated_at=first.updated_at.replace(hour=13))))
    assert told(play, 1) == [("SKU-1", "reserved", 1, 1), ("SKU-2", "reserved", 0, 0)]


def test_a_cancelled_order_lets_go() -> None:
    play = Play(stock=STOCK, edit_window_s=600)
    first = order(lines=(line("1", sku="SKU-1", quantity=2),))
    play.tell(OrderSeen(first))
    later = first.updated_at.replace(hour=13)
    play.tell(OrderSeen(msgspec.structs.replace(first, updated_at=later, cancelled_at=later)))
    assert told(play, 1) == [("SKU-1", "released", 0, 0)]
    play.tell(OrderSeen(msgspec.structs.replace(first, updated_at=later, cancelled_at=later)))
    assert told(play, 2) == []


def test_a_kit_is_sold_and_its_components_are_reserved() -> None:
    play = Play(stock=STOCK)
    play.tell(OrderSeen(order(lines=(line("1", sku="KIT", quantity=3), line("2", sku="SKU-2")))))
    assert told(play) == [("KIT", "reserved", 0, 3), ("SKU-1", "reserved", 6, 0), ("SKU-2", "reserved", 4, 1)]


def test_what_ships_nowhere_and_what_is_ignored_holds_nothing() -> None:
    play = Play(stock=STOCK)
    play.tell(OrderSeen(msgspec.structs.replace(order(), test=True)))
    assert told(play) == []


def test_where_a_warehouse_tells_what_is_there_units_are_held_until_it_has_the_order() -> None:
    play = Play(stock=StockPolicy(locations={"101": StockLocation(sources=("warehouse/7",))}))
    play.tell(OrderSeen(order(lines=(line("1", sku="SKU-1", quantity=2),))))
    before = len(play.decisions)
    play.settle("order.book")
    assert play.state.erp_ref is not None
    assert told(play, before) == [], "the warehouse has not heard of it: its numbers would be without these units"
    play.settle("order.release")
    assert told(play, before) == [("SKU-1", "committed", 2, 2)]
