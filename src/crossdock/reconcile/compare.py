"""Three views of one order, and what differs between them. Pure: the same views give the same differences."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from crossdock.domain.money import exactly
from crossdock.domain.process import CHECKS
from crossdock.domain.reconciling import ASK, DIFFERENCES, READ_BACK, Difference
from crossdock.kit.listing import CANCELLED, CLOSED, NONE, OPEN, Listed
from crossdock.reconcile.views import Ours


class Sides(msgspec.Struct, frozen=True):
    """One order on the three sides. A side that was ``asked`` and shows nothing does not have the order; of one that
    was not asked nothing is said."""

    key: str
    ours: Ours | None = None
    channel: Listed | None = None
    erp: Listed | None = None
    channel_asked: bool = True
    erp_asked: bool = True


# Differences that only the channel can tell. While one stands, the channel is asked for the order in every look.
OF_CHANNEL = frozenset(
    {"missing_here", "missing_in_channel", "cancelled_in_channel", "cancelled_here_only", "channel_amount_differs"}
    | {"channel_quantity_differs", "shipment_not_shown"}
)

# What an open problem of a step can be the cause of; an order's other differences have none, and are told.
CAUSES: Mapping[str, frozenset[str]] = {
    "missing_in_erp": frozenset({*CHECKS, "order.book"}),
    "open_in_erp": frozenset({"order.book", "booking.close", "cancel"}),
    "erp_amount_differs": frozenset({"booking.amend", "invoice", "edit"}),
    "erp_quantity_differs": frozenset({"booking.amend", "edit"}),
    "shipment_not_shown": frozenset({"fulfilment.push"}),
    "shipment_missing_in_erp": frozenset({"shipment.post", "take.shipments"}),
    "invoiced_amount_differs": frozenset({"invoice"}),
}


def nobody_has(sides: Sides) -> bool:
    """Whether it is an order of the channel's that nobody is to have (yet), and that nobody has."""
    return sides.ours is None and sides.erp is None and (sides.channel is None or sides.channel.left_alone is not None)


def compare(sides: Sides) -> tuple[Difference, ...]:
    """Everything that differs, at most once each kind. An order on its way is not compared with the ERP: it moves."""
    ours = sides.ours
    if ours is None:
        return tuple(_not_here(sides))
    if ours.ended == "ignored":
        return ()
    return tuple(_explained(one, ours) for one in (*_with_channel(sides, ours), *_with_erp(sides, ours)))


def _explained(one: Difference, ours: Ours) -> Difference:
    """With the open problem that it may come of, where there is one: a person works on it."""
    why = next((title for step, title in ours.troubles.items() if step in CAUSES.get(one.kind, ())), None)
    if why is None:
        return one
    return msgspec.structs.replace(one, explained=True, cause=f"{one.cause}; a person works on: {why}")


def _not_here(sides: Sides) -> Iterator[Difference]:
    if nobody_has(sides):
        return
    has = [name for name, view in (("the channel", sides.channel), ("the ERP", sides.erp)) if view is not None]
    left_alone = None if sides.channel is None else sides.channel.left_alone
    if left_alone is not None:
        cause = f"the ERP has a sales order under our key; the channel's order is left alone: {left_alone}"
    elif sides.channel is None:
        cause = "the ERP has a sales order under our key that we know nothing of: the channel is asked for the order"
    else:
        cause = "neither webhook nor poll brought it, or what came could not be read"
    yield _different("missing_here", cause, "an order", f"only {' and '.join(has)}", newer=left_alone is None)


def _with_channel(sides: Sides, ours: Ours) -> Iterator[Difference]:
    theirs = sides.channel
    if theirs is None:
        if sides.channel_asked and not ours.cancelled:
            yield _different("missing_in_channel", "the channel does not show it any more", ours.number, "nothing")
        return
    newer = theirs.changed_at > ours.updated_at
    heard = "the channel changed it since we last saw it" if newer else "we have seen this very view of the channel"
    if theirs.status == CANCELLED and not ours.cancelled:
        yield _different("cancelled_in_channel", heard, "not cancelled", "cancelled", newer=newer)
        return
    if theirs.status != CANCELLED and ours.cancelled and ours.ended != "done":
        yield _different("cancelled_here_only", "it was cancelled in Crossdock", "cancelled", theirs.status)
        return
    if ours.cancelled:
        return
    yield from _amounts_in_channel(theirs, ours, heard, newer)
    if ours.told and not ours.moving and ours.fulfilment != NONE and theirs.fulfilment == NONE:
        cause = "every parcel was told to the channel, which now shows none"
        yield _different("shipment_not_shown", cause, ours.fulfilment, NONE)


def _amounts_in_channel(theirs: Listed, ours: Ours, heard: str, newer: bool) -> Iterator[Difference]:
    if theirs.total is not None and (theirs.total, theirs.currency) != (ours.total, ours.currency):
        yield _different(
            "channel_amount_differs",
            heard,
            _money(ours.total, ours.currency),
            _money(theirs.total, theirs.currency),
            newer=newer,
        )
    if theirs.quantity is not None and ours.wanted is not None and theirs.quantity != ours.wanted:
        yield _different("channel_quantity_differs", heard, _units(ours.wanted), _units(theirs.quantity), newer=newer)


def _with_erp(sides: Sides, ours: Ours) -> Iterator[Difference]:
    if not sides.erp_asked or ours.moving:
        return
    theirs = sides.erp
    if theirs is None:
        yield from _not_in_erp(ours)
    elif ours.cancelled:
        if theirs.status == OPEN and ours.ended == "cancelled":
            yield _different("open_in_erp", "it was closed, or not booked, by our books", CLOSED, theirs.status)
    elif theirs.status in (CANCELLED, CLOSED) and ours.ended != "done":
        cause = "somebody closed it in the ERP: Crossdock did not"
        yield _different("cancelled_in_erp", cause, OPEN, theirs.status)
    else:
        yield from _documents(theirs, ours)


def _not_in_erp(ours: Ours) -> Iterator[Difference]:
    if ours.cancelled:
        return
    if ours.booked:
        cause = "it was booked: somebody deleted it, or it was made in another account"
        yield _different("missing_in_erp", cause, "a sales order", "nothing")
    elif ours.waits is None and ours.ended is None:
        cause = "it is not booked yet, and nothing says why"
        yield _different("missing_in_erp", cause, "a sales order", "nothing")


def _documents(theirs: Listed, ours: Ours) -> Iterator[Difference]:
    by_hand = "nothing is under way here, so it was changed in the ERP"
    yield from _amount_in_erp(theirs, ours, by_hand)
    if not ours.credited and theirs.quantity is not None and theirs.quantity != ours.goods:
        yield _different("erp_quantity_differs", by_hand, _units(ours.goods), _units(theirs.quantity))
    if ours.told and theirs.shipped is not None and theirs.shipped < ours.left:
        cause = "every parcel was recorded in the ERP, which now shows fewer units"
        yield _different("shipment_missing_in_erp", cause, _units(ours.left), _units(theirs.shipped))
    if theirs.invoiced is not None and theirs.invoiced != ours.invoiced:
        cause = "an invoice was not told to us" if theirs.invoiced > ours.invoiced else "an invoice is gone or smaller"
        yield _different(
            "invoiced_amount_differs",
            cause,
            _money(ours.invoiced, ours.owed_currency),
            _money(theirs.invoiced, theirs.currency),
        )


def _different(kind: str, cause: str, expected: str, found: str, *, newer: bool = False) -> Difference:
    """A read-back is the repair only where there is something newer to read."""
    repair = DIFFERENCES[kind].repair
    return Difference(kind, cause, expected, found, repair=ASK if repair == READ_BACK and not newer else repair)


def _amount_in_erp(theirs: Listed, ours: Ours, cause: str) -> Iterator[Difference]:
    if ours.credited or theirs.total is None or (theirs.total, theirs.currency) == (ours.owed, ours.owed_currency):
        return
    expected, found = _money(ours.owed, ours.owed_currency), _money(theirs.total, theirs.currency)
    yield _different("erp_amount_differs", cause, expected, found)


def _money(amount: Decimal, currency: str) -> str:
    return f"{exactly(amount, currency)} {currency}"


def _units(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
