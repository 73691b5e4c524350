"""What an edit or a cancellation leads to, by the stage the order is in: a table, and the only place that says so.

``cases/order_seen.py`` and ``cases/cancel.py`` ask it; ``docs/reference/edits-and-cancels.md`` is made from it. Where
one view of an order brings several edits, the hardest ruling is the view's: nothing of it is done by halves.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from crossdock.domain.money import ZERO
from crossdock.domain.state import OrderState, ordered, shipped, ships


class Edit(StrEnum):
    """What a newer view of an order wants otherwise."""

    ADDRESS = "address"
    BILLING = "billing"
    QUANTITY_UP = "quantity_up"
    QUANTITY_DOWN = "quantity_down"
    LINE_ADDED = "line_added"
    LINE_REMOVED = "line_removed"
    LINES_CANCELLED = "lines_cancelled"  # the line is still shown, and nothing of it is wanted any more
    ITEM = "item"  # another product on a line
    PRICE = "price"  # price, discount or tax
    SHIPPING = "shipping"  # shipping method or any other charge
    CANCEL = "cancel"  # the whole order


class Stage(StrEnum):
    """How far the order is. Goods that left count before everything else."""

    NOT_BOOKED = "not_booked"
    BOOKED = "booked"  # the ERP has it, or may have it; the warehouse was told nothing
    RELEASED = "released"  # the warehouse has it, or may have it, and may be picking
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    BILLED = "billed"  # nothing left, and the ERP has billed it: services, downloads, bills in advance


class Way(StrEnum):
    """What is done, from the lightest to the hardest."""

    REPLACE = "replace"
    DROP = "drop"
    AMEND = "amend"
    UNDO = "undo"
    ASK_WAREHOUSE = "ask_warehouse"
    PERSON = "person"
    PART = "part"
    REFUSE = "refuse"


class Ruling(msgspec.Struct, frozen=True, omit_defaults=True):
    """``code``: the exception that a person finds; None where nobody is needed. Of a part: where none can be made."""

    way: Way
    code: str | None = None


# For people: what each way means. Shown in the reference.
MEANINGS: Mapping[Way, str] = {
    Way.REPLACE: "the newer view is in force; every check runs again",
    Way.DROP: "the order ends as cancelled; nothing left the house",
    Way.AMEND: "the ERP's sales order is amended (`booking.amend`); until it is, nothing is released or billed",
    Way.UNDO: "taken back in reverse: the warehouse is asked to stop (`release.cancel`), then the sales order is "
    "closed (`booking.close`); a refusal of either is an exception, and nothing further is taken back",
    Way.ASK_WAREHOUSE: "an exception: a person asks the warehouse, changes the ERP, and resolves",
    Way.PERSON: "an exception: a person looks, makes the change where it belongs, and resolves; an order that is not "
    "released yet waits for it",
    Way.PART: "the added lines become an order of their own under a key of their own (`…-X1`): booked, shipped and "
    "billed by itself as soon as nothing is outstanding. An exception where none can be made: the channel does not "
    "tell what is outstanding, the money does not come out to the cent, a line is a tip or a gift card or was handed "
    "over already, or the route has `payments: payment` or `advance`",
    Way.REFUSE: "an exception: what left or is billed is not edited; a return, a refund or a new order instead",
}

_REPLACE = Ruling(Way.REPLACE)
_AMEND = Ruling(Way.AMEND)
_ASK = Ruling(Way.ASK_WAREHOUSE, "order.edited_after_booking")
_PERSON = Ruling(Way.PERSON, "order.edited_after_booking")
_LEFT = Ruling(Way.REFUSE, "order.edited_after_shipment")
_BILLED = Ruling(Way.REFUSE, "order.edited_after_invoice")
_UNDO = Ruling(Way.UNDO)
_PART_LEFT = Ruling(Way.PART, _LEFT.code)
_PART_BILLED = Ruling(Way.PART, _BILLED.code)


def _row(*rulings: Ruling) -> Mapping[Stage, Ruling]:
    return dict(zip(Stage, rulings, strict=True))


# Why a cell is what it is: before booking nothing was sent. A booked order that the warehouse does not know yet can be
# amended, as long as nothing new has to be paid for or validated. What the warehouse has it alone can change. What left
# is out of everybody's hands; what is added then is another order (an exchange).
TABLE: Mapping[Edit, Mapping[Stage, Ruling]] = {
    Edit.ADDRESS: _row(_REPLACE, _AMEND, _ASK, _ASK, _LEFT, _BILLED),
    Edit.BILLING: _row(_REPLACE, _AMEND, _PERSON, _PERSON, _PERSON, _BILLED),
    Edit.QUANTITY_UP: _row(_REPLACE, _PERSON, _ASK, _LEFT, _LEFT, _BILLED),
    Edit.QUANTITY_DOWN: _row(_REPLACE, _AMEND, _ASK, _ASK, _LEFT, _BILLED),
    Edit.LINE_ADDED: _row(_REPLACE, _PERSON, _ASK, _PART_LEFT, _PART_LEFT, _PART_BILLED),
    Edit.LINE_REMOVED: _row(_REPLACE, _AMEND, _ASK, _ASK, _LEFT, _BILLED),
    Edit.LINES_CANCELLED: _row(_REPLACE, _AMEND, _ASK, _ASK, _LEFT, _BILLED),
    Edit.ITEM: _row(_REPLACE, _PERSON, _ASK, _LEFT, _LEFT, _BILLED),
    Edit.PRICE: _row(_REPLACE, _AMEND, _PERSON, _PERSON, _LEFT, _BILLED),
    Edit.SHIPPING: _row(_REPLACE, _AMEND, _ASK, _ASK, _LEFT, _BILLED),
    Edit.CANCEL: _row(
        Ruling(Way.DROP),
        _UNDO,
        _UNDO,
        Ruling(Way.PERSON, "order.cancelled_after_shipment"),
        Ruling(Way.PERSON, "order.cancelled_after_shipment"),
        Ruling(Way.PERSON, "order.cancelled_after_invoice"),
    ),
}

_HARDNESS: Mapping[Way, int] = {way: place for place, way in enumerate(Way)}


def ruling(edits: Iterable[Edit], stage: Stage) -> Ruling:
    """The hardest ruling on any of the edits. Raises ``ValueError`` for none."""
    return max((TABLE[edit][stage] for edit in edits), key=lambda found: _HARDNESS[found.way])


def stage_of(state: OrderState) -> Stage:
    """Where the order is, by what left, what is billed and which commands were opened."""
    if state.shipments:
        return Stage.SHIPPED if _all_left(state) else Stage.PARTLY_SHIPPED
    if state.invoices or state.command_of("invoice") is not None:
        return Stage.BILLED
    if not locked(state):
        return Stage.NOT_BOOKED
    release = state.command_of("order.release")
    released = release is not None and release[1].klass != "rejected"
    return Stage.RELEASED if released or state.release_status is not None else Stage.BOOKED


def locked(state: OrderState) -> bool:
    """Whether the ERP has, or may have, the order: from then on a newer view overwrites nothing."""
    status = state.status_of("order.book")
    if status != "failed":
        return status in ("running", "done", "skipped", "undone")
    found = state.command_of("order.book")
    return found is None or found[1].klass != "rejected"


def _all_left(state: OrderState) -> bool:
    sums = shipped(state)
    order = state.order
    return order is not None and all(sums.get(line.id, ZERO) >= ordered(line) for line in order.lines if ships(line))
