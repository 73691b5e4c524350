"""What the journal of an order holds: facts, in the past tense, each with everything the fold needs.

Stored form: ``{"v":1,"entries":[…]}``. A reader of an older blob upcasts it first (``UPCASTS``), so that a fold
only ever sees the newest form. New fields get a default; a renamed or removed one needs a new version here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.events import (
    AllocationsSeen,
    CreditSeen,
    InvoiceSeen,
    ParcelSeen,
    RefundSeen,
    ReleaseSeen,
    ReturnReceived,
    ReturnSeen,
    ShipmentSeen,
)
from crossdock.domain.funds import FundOpened, FundUsed, PaymentsRead, SurplusSeen
from crossdock.domain.goods_entries import (
    AllocationsTaken as AllocationsTaken,
)
from crossdock.domain.goods_entries import (
    PushWithheld as PushWithheld,
)
from crossdock.domain.goods_entries import (
    ReleaseNoted as ReleaseNoted,
)
from crossdock.domain.goods_entries import (
    ShipmentAmended as ShipmentAmended,
)
from crossdock.domain.goods_entries import (
    ShipmentRefused as ShipmentRefused,
)
from crossdock.domain.goods_entries import (
    ShipmentTaken as ShipmentTaken,
)
from crossdock.domain.hold import Hold, HoldEscalated, HoldReleased, HoldRestored
from crossdock.domain.merge import BookingWritten, MergeChosen
from crossdock.domain.money_entries import (
    CreditTaken as CreditTaken,
)
from crossdock.domain.money_entries import (
    InvoiceTaken as InvoiceTaken,
)
from crossdock.domain.money_entries import (
    PaymentsAsked as PaymentsAsked,
)
from crossdock.domain.money_entries import (
    PaymentTaken as PaymentTaken,
)
from crossdock.domain.money_entries import (
    RefundPaid as RefundPaid,
)
from crossdock.domain.money_entries import (
    RefundRefused as RefundRefused,
)
from crossdock.domain.money_entries import (
    RefundTaken as RefundTaken,
)
from crossdock.domain.money_entries import (
    ReturnTaken as ReturnTaken,
)
from crossdock.domain.money_entries import (
    SettlementAsked as SettlementAsked,
)
from crossdock.domain.money_entries import (
    SettlementsTold as SettlementsTold,
)
from crossdock.domain.order import Order, PaymentStatus
from crossdock.domain.parcel import ParcelMoved
from crossdock.domain.part import HandedOver, PartOpened
from crossdock.domain.promise import ForecastMade as ForecastMade
from crossdock.domain.promise import PromiseGiven as PromiseGiven
from crossdock.domain.receipt import ReceiptPosted, ReceiptTaken, ReturnAnnounced, ReturnTold, StockLeft
from crossdock.domain.returning import ReturnAnswered
from crossdock.domain.schema import upcast

VERSION = 1

Early = (
    AllocationsSeen
    | ShipmentSeen
    | ParcelSeen
    | ReleaseSeen
    | InvoiceSeen
    | ReturnSeen
    | ReturnReceived
    | RefundSeen
    | CreditSeen
)


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one check found. ``status``: done, waiting, failed, skipped."""

    step: str
    status: str
    reason: str | None = None


class OrderRecorded(msgspec.Struct, frozen=True, gc=False, tag="order_recorded"):
    """This view of the order is in force from now on."""

    order: Order
    at: datetime


class OrderNoted(msgspec.Struct, frozen=True, gc=False, tag="order_noted"):
    """A newer view that is not in force, because the order was booked before it came."""

    order: Order
    at: datetime


class AmendmentOpened(msgspec.Struct, frozen=True, gc=False, tag="amendment_opened", omit_defaults=True):
    """The ERP is asked to make its sales order this view; it is in force when the ERP has done so.

    ``refunds``: those that took units off what is written.
    """

    order: Order
    at: datetime
    refunds: tuple[str, ...] = ()


class OrderAmended(msgspec.Struct, frozen=True, gc=False, tag="order_amended"):
    """The ERP has this view now: it is in force, whatever newer one is known."""

    order: Order
    at: datetime


class OrderSuperseded(msgspec.Struct, frozen=True, gc=False, tag="order_superseded"):
    """A view older than what is known: ignored."""

    updated_at: datetime
    payment_status: PaymentStatus
    at: datetime


class OrderTied(msgspec.Struct, frozen=True, gc=False, tag="order_tied"):
    """Two different views have one ``updated_at`` and nothing tells which is newer: the channel is asked."""

    updated_at: datetime
    at: datetime


class OrderConfirmed(msgspec.Struct, frozen=True, gc=False, tag="order_confirmed"):
    """The channel was asked: the newest view known is what it shows."""

    updated_at: datetime
    at: datetime


class OrderIgnored(msgspec.Struct, frozen=True, gc=False, tag="order_ignored", omit_defaults=True):
    """``for_good=False``: a route that begins earlier, and a person, would have it taken in after all."""

    reason: str
    at: datetime
    for_good: bool = True


class OrderTakenIn(msgspec.Struct, frozen=True, gc=False, tag="order_taken_in"):
    """It was left alone, and is an order like any other from now on."""

    at: datetime


class EventKept(msgspec.Struct, frozen=True, gc=False, tag="event_kept"):
    """It came before its order and waits for it."""

    event: Early
    at: datetime


class EventIgnored(msgspec.Struct, frozen=True, gc=False, tag="event_ignored"):
    event: str
    reason: str
    at: datetime


class OrderChecked(msgspec.Struct, frozen=True, gc=False, tag="order_checked", omit_defaults=True):
    """All checks ran over the order in force."""

    at: datetime
    verdicts: tuple[Verdict, ...]
    customer_ref: str | None = None
    item_refs: dict[str, str] = {}
    holds: tuple[Hold, ...] = ()
    wanting: bool = False  # something among the ERP's masters is lacking
    per_units: dict[str, Decimal] = {}  # line -> how many of the ERP's unit are in one of the line's


class CustomerLinked(msgspec.Struct, frozen=True, gc=False, tag="customer_linked"):
    """A person said which customer of the ERP the buyer is."""

    ref: str
    by: str
    at: datetime


class StepMoved(msgspec.Struct, frozen=True, gc=False, tag="step_moved", omit_defaults=True):
    """``status``: pending, waiting, running, done, failed, skipped, undone."""

    step: str
    status: str
    at: datetime
    reason: str | None = None


class CommandOpened(msgspec.Struct, frozen=True, gc=False, tag="command_opened", omit_defaults=True):
    key: str
    step: str
    target: str
    at: datetime
    subject: str | None = None  # the shipment's (or refund's) id, where there is one command for each


class CommandDone(msgspec.Struct, frozen=True, gc=False, tag="command_done", omit_defaults=True):
    key: str
    at: datetime
    refs: dict[str, str] = {}
    by: str | None = None  # the person who said so, when it was not the target


class CommandFailed(msgspec.Struct, frozen=True, gc=False, tag="command_failed", omit_defaults=True):
    key: str
    klass: str
    code: str
    at: datetime
    reason: str
    tries: int = 1


class CommandSkipped(msgspec.Struct, frozen=True, gc=False, tag="command_skipped"):
    key: str
    by: str
    reason: str
    at: datetime


class CommandRetried(msgspec.Struct, frozen=True, gc=False, tag="command_retried"):
    key: str
    by: str
    at: datetime


class CancelAsked(msgspec.Struct, frozen=True, gc=False, tag="cancel_asked", omit_defaults=True):
    """``way``: drop (nothing was booked), undo (in reverse), person (goods or a bill are out already)."""

    way: str
    by: str
    at: datetime
    reason: str | None = None


class OrderEnded(msgspec.Struct, frozen=True, gc=False, tag="order_ended"):
    """``status``: done or cancelled."""

    status: str
    at: datetime


class TimerSet(msgspec.Struct, frozen=True, gc=False, tag="timer_set"):
    name: str
    due_at: datetime | None


class ProblemOpened(msgspec.Struct, frozen=True, gc=False, tag="problem_opened", omit_defaults=True):
    key: str
    code: str
    klass: str
    step: str
    title: str
    at: datetime
    owner: str = "operations"


class ProblemSettled(msgspec.Struct, frozen=True, gc=False, tag="problem_settled", omit_defaults=True):
    key: str
    at: datetime
    by: str | None = None
    reason: str | None = None


class StockAsked(msgspec.Struct, frozen=True, gc=False, tag="stock_asked", omit_defaults=True):
    """The streams of stock were told what the order holds. ``status``: reserved, committed, released."""

    status: str
    at: datetime
    quantities: dict[str, Decimal] = {}


class OperatorRecorded(msgspec.Struct, frozen=True, gc=False, tag="operator_recorded", omit_defaults=True):
    """A person acted. ``refused`` says why nothing came of it."""

    action: str
    actor: str
    at: datetime
    reason: str = ""
    subject: str | None = None
    refused: str | None = None


Entry = (
    OrderRecorded
    | OrderNoted
    | AmendmentOpened
    | BookingWritten
    | MergeChosen
    | OrderAmended
    | PartOpened
    | HandedOver
    | OrderSuperseded
    | OrderTied
    | OrderConfirmed
    | OrderIgnored
    | OrderTakenIn
    | EventKept
    | EventIgnored
    | OrderChecked
    | HoldReleased
    | HoldEscalated
    | HoldRestored
    | CustomerLinked
    | StepMoved
    | CommandOpened
    | CommandDone
    | CommandFailed
    | CommandSkipped
    | CommandRetried
    | ShipmentTaken
    | ShipmentRefused
    | ShipmentAmended
    | ParcelMoved
    | PushWithheld
    | ReleaseNoted
    | InvoiceTaken
    | AllocationsTaken
    | ReturnTaken
    | ReturnAnswered
    | ReturnAnnounced
    | ReceiptTaken
    | ReceiptPosted
    | StockLeft
    | ReturnTold
    | RefundTaken
    | RefundRefused
    | CreditTaken
    | PaymentsAsked
    | PaymentTaken
    | PaymentsRead
    | FundOpened
    | FundUsed
    | SurplusSeen
    | SettlementAsked
    | RefundPaid
    | SettlementsTold
    | CancelAsked
    | OrderEnded
    | PromiseGiven
    | ForecastMade
    | TimerSet
    | ProblemOpened
    | ProblemSettled
    | OperatorRecorded
    | StockAsked
)


class _Stored(msgspec.Struct):
    v: int
    entries: list[Entry]


# From a version to the next: takes and gives the decoded JSON object.
UPCASTS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Stored)
_CURRENT = b'{"v":%d,' % VERSION


def encode_entries(entries: list[Entry]) -> bytes:
    """The journal's stored form of one decision."""
    return _encoder.encode(_Stored(VERSION, entries))


def decode_entries(stored: bytes) -> list[Entry]:
    """Read one decision of this or an earlier schema version.

    Raises ``SchemaTooNew`` for a later one, ``msgspec.DecodeError`` or ``UnicodeDecodeError`` for bytes that are none.
    """
    if stored.startswith(_CURRENT):
        return _decoder.decode(stored).entries
    return msgspec.convert(upcast(stored, VERSION, UPCASTS), _Stored).entries


def units(quantity: Decimal) -> str:
    """A quantity for people: ``2``, ``0.5``."""
    return f"{quantity.normalize():f}"
