"""What Crossdock itself holds of an order, as reconciliation compares it. Pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.domain.advance import EDITED
from crossdock.domain.cases.cancel import CANCEL
from crossdock.domain.fold_money import billed, owed
from crossdock.domain.money import ZERO
from crossdock.domain.order import LineKind, Order
from crossdock.domain.reconciling import PREFIX
from crossdock.domain.standing import standing
from crossdock.domain.state import OrderState, ordered, shipped, tells_parcels
from crossdock.kit.listing import NONE, PART, WHOLE

_TOLD = frozenset({"done", "skipped"})


class Ours(msgspec.Struct, frozen=True):
    """One order of ours. Amounts: ``total`` as the channel states it, ``owed`` as the ERP is to hold it.

    Parts are in the channel's order and are orders of their own in the ERP: the order's ``total``, ``stated`` and
    ``wanted`` hold them, the part's own state nothing; what is ``owed`` is told apart. So sums over both are right.
    """

    key: str
    channel: str
    external_id: str
    number: str
    placed_at: datetime
    updated_at: datetime  # of the newest view that the channel showed
    total: Decimal
    currency: str
    stated: Decimal  # the total again, in the currency that the ERP books
    owed: Decimal  # the same less what was cancelled before it left
    owed_currency: str
    wanted: Decimal | None  # units the channel shows; None: after refunds both sides count otherwise
    goods: Decimal  # units the ERP is to hold
    left: Decimal  # units that left
    fulfilment: str  # none, part, whole
    told: bool  # every parcel that left was shown to the channel and recorded in the ERP
    invoiced: Decimal
    credited: bool  # refunds and invoices: what the sales order comes to is no longer what is owed
    booked: bool
    cancelled: bool
    ended: str | None  # done, cancelled, ignored
    moving: bool  # something is being sent: the other systems may be ahead of us, or behind
    waits: str | None  # why it is not booked yet, where that is as it should be
    troubles: dict[str, str]  # what people work on already: step, ``edit`` or ``cancel`` -> the open problem's title
    part: bool = False  # the channel shows it in the order that it is a part of


def view_of(state: OrderState, basis: str = "shop") -> Ours | None:
    """The view of an order's state; None before the order has come. ``basis``: the side that the ERP books."""
    order, newest = state.order, state.newest
    if order is None or newest is None:
        return None
    due = owed(order, state)
    cancelled = state.cancel is not None or state.ended == "cancelled"
    return Ours(
        key=order.key,
        channel=order.channel,
        external_id=order.external_id,
        number=order.number,
        placed_at=order.placed_at,
        updated_at=newest.updated_at,
        total=_total(newest, "shop"),
        currency=newest.currency,
        stated=_total(newest, basis),
        owed=due.on(basis),
        owed_currency=order.currency_on(basis),
        wanted=_wanted(state, newest),
        goods=_goods(standing(order, state.refunded())),
        left=sum(shipped(state).values(), ZERO),
        fulfilment=_fulfilment(state),
        told=_told(state),
        invoiced=billed(state),
        credited=bool(state.refunds or state.credits) and bool(state.invoices),
        booked=state.erp_ref is not None,
        cancelled=cancelled,
        ended=state.ended,
        moving=state.amending is not None or any(one.status == "open" for one in state.commands.values()),
        waits=_waits(state),
        troubles=_troubles(state),
        part=order.part is not None,
    )


def _total(newest: Order, basis: str) -> Decimal:
    if newest.part is not None:
        return ZERO
    return newest.totals.total.on(basis) + sum((one.total.on(basis) for one in newest.apart), ZERO)


def _wanted(state: OrderState, newest: Order) -> Decimal | None:
    refunded = state.refunds or any(subject.startswith("refund/") for subject in state.handed)
    if refunded or newest.part is not None:
        return None
    return _goods(newest) + sum((one.units for one in newest.apart), ZERO)


def _goods(order: Order) -> Decimal:
    return sum((ordered(line) for line in order.lines if line.kind is LineKind.ITEM), ZERO)


def _fulfilment(state: OrderState) -> str:
    if not any(state.taken()):
        return NONE
    return WHOLE if state.axes.fulfilment == "shipped" else PART


def _told(state: OrderState) -> bool:
    """Whether each parcel's push and posting came to its end: then the others must show it."""
    if not tells_parcels(state):
        return False
    parcels = [parcel.shipment.id for parcel in state.taken()]
    return all(_settled(state, step, parcels) for step in ("fulfilment.push", "shipment.post"))


def _settled(state: OrderState, step: str, parcels: Iterable[str]) -> bool:
    for parcel in parcels:
        found = state.command_of(step, parcel)
        if found is None or found[1].status not in _TOLD:
            return False
    return True


def _waits(state: OrderState) -> str | None:
    """A step that waits before the booking says why."""
    if state.erp_ref is not None:
        return None
    for name, step in state.steps.items():
        if step.status == "waiting":
            return step.reason or name
    return None


def _troubles(state: OrderState) -> dict[str, str]:
    """The first open problem of each step, but those that are differences themselves. An edit or a cancellation that
    a person is to make in the other systems is no fault of the step that it is shown at."""
    found: dict[str, str] = {}
    for key, one in state.problems.items():
        if not key.startswith(PREFIX):
            found.setdefault({EDITED: "edit", CANCEL: "cancel"}.get(key, one.step), one.title)
    return found
