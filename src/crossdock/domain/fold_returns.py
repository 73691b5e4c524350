"""The fold of what tells of goods that come back."""

from collections.abc import Callable, Mapping
from typing import Any

from crossdock.domain import entries as e
from crossdock.domain.money import ZERO
from crossdock.domain.receipt import (
    Announced,
    Posted,
    ReceiptPosted,
    ReceiptTaken,
    Received,
    ReturnAnnounced,
    ReturnTold,
    StockLeft,
    Told,
    is_there,
)
from crossdock.domain.state import OrderState, came_back, climb, ordered, ships


def receipt_key(source: str, receipt_id: str) -> str:
    """What the state calls a receipt: two warehouses may number theirs alike."""
    return f"{source}/{receipt_id}"


def goods_came_back(state: OrderState) -> None:
    """Climb the axis as far as goods are back."""
    came, order = came_back(state), state.order
    if any(came.values()) and order is not None:
        whole = all(came.get(line.id, ZERO) >= ordered(line) for line in order.lines if ships(line))
        climb(state, "return", "returned" if whole else "partly_returned")


def _return_taken(state: OrderState, entry: e.ReturnTaken) -> None:
    state.returns[entry.returned.id] = entry.returned
    climb(state, "return", "requested")
    goods_came_back(state)


def _receipt_taken(state: OrderState, entry: ReceiptTaken) -> None:
    state.receipts[receipt_key(entry.source, entry.receipt.id)] = Received(entry.receipt, entry.source, entry.at)
    if is_there(entry.receipt):
        climb(state, "return", "requested")
    goods_came_back(state)


def _announced(state: OrderState, entry: ReturnAnnounced) -> None:
    state.announced[entry.return_id] = Announced(entry.lines, entry.target, entry.at, entry.number)


def _posted(state: OrderState, entry: ReceiptPosted) -> None:
    state.posted[entry.id] = Posted(entry.restock, entry.lines)


def _stock_left(state: OrderState, entry: StockLeft) -> None:
    state.stock_left[entry.refund_id] = entry.lines


def _told(state: OrderState, entry: ReturnTold) -> None:
    state.told_back[entry.receipt] = Told(entry.content, entry.number, entry.return_id)


RETURN_FOLDS: Mapping[type, Callable[[OrderState, Any], None]] = {
    e.ReturnTaken: _return_taken,
    ReceiptTaken: _receipt_taken,
    ReturnAnnounced: _announced,
    ReceiptPosted: _posted,
    StockLeft: _stock_left,
    ReturnTold: _told,
}
