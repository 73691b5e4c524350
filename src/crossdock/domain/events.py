"""Everything that can happen to a stream, in canonical words: what translate makes and decide reads."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from crossdock.domain.fulfilment import Allocation, Invoice, Shipment
from crossdock.domain.order import Capture, Order
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.receipt import Receipt
from crossdock.domain.reconciling import Difference
from crossdock.domain.refund import Credit, Refund, Return
from crossdock.domain.returning import ReturnRequest
from crossdock.domain.settlement import Settlement
from crossdock.domain.stock_events import ComponentSeen, LevelSeen, PositionSeen, StockReserved


class OrderSeen(msgspec.Struct, frozen=True, gc=False, tag="order_seen", omit_defaults=True):
    """The channel's view of the whole order, from a webhook, a poll or a read-back alike."""

    order: Order
    authoritative: bool = False  # read back just now: counts more than another view of the same ``updated_at``
    later: bool = False  # goods of it had left already: a view for an order that is here, and for nobody else


class LaterSeen(msgspec.Struct, frozen=True, gc=False, tag="later_seen"):
    """The channel changed an order of which goods had left already. Of an order that is here, and of which something
    may still leave, that is to be read back; any other was never ours, or is out of everybody's hands."""

    channel: str
    external_id: str


class AllocationsSeen(msgspec.Struct, frozen=True, gc=False, tag="allocations_seen"):
    """Where the channel wants it fulfilled from, re-read just now."""

    allocations: tuple[Allocation, ...]


class ShipmentSeen(msgspec.Struct, frozen=True, gc=False, tag="shipment_seen", omit_defaults=True):
    """The warehouse says goods left. May come before the order itself, twice, late, or in pieces.

    ``read``: of which order of its own the warehouse is asked (``SHIPMENTS``) before other labels of a known shipment
    are believed: a message may be older than what is known. Empty: this is what it showed when it was asked.
    """

    shipment: Shipment
    source: str  # the warehouse's connection
    read: str = ""


SHIPMENTS = "shipments"  # of a signal by which a warehouse's order is read; it names that and one of its shipments


class ParcelSeen(msgspec.Struct, frozen=True, gc=False, tag="parcel_seen", omit_defaults=True):
    """A carrier's word about parcels: in_transit, out_for_delivery, exception, delivered, returned.

    It names a shipment, one of its parcels by tracking number, or a fulfilment as the channel calls it. May come
    before the shipment and before the order.
    """

    status: str
    happened_at: datetime
    source: str  # the connection that told
    shipment_id: str | None = None
    tracking_number: str | None = None  # None: all parcels of the shipment
    fulfilment: str | None = None  # the channel's id, where no shipment is named
    detail: str | None = None


class ReleaseSeen(msgspec.Struct, frozen=True, gc=False, tag="release_seen", omit_defaults=True):
    """The warehouse's status of our order.

    accepted, allocated, backordered, on_hold, picking, packed, shipped, cancelled
    """

    status: str
    source: str
    reason: str | None = None
    external_id: str | None = None


class InvoiceSeen(msgspec.Struct, frozen=True, gc=False, tag="invoice_seen"):
    """The ERP billed it, by our command or by its own people."""

    invoice: Invoice
    source: str


class ReturnSeen(msgspec.Struct, frozen=True, gc=False, tag="return_seen"):
    """Goods are on their way back, or have come. The same return told again with a later status is one return."""

    returned: Return
    source: str


class ReturnReceived(msgspec.Struct, frozen=True, gc=False, tag="return_received"):
    """A warehouse tells what came back: running totals of one return. Comes early, late, twice and out of order."""

    receipt: Receipt
    source: str  # the warehouse's connection


class ReturnAsked(msgspec.Struct, frozen=True, gc=False, tag="return_asked"):
    """A partner asks whether goods of its own order may come back."""

    request: ReturnRequest
    source: str  # the channel's connection


class RefundSeen(msgspec.Struct, frozen=True, gc=False, tag="refund_seen"):
    """The channel gave money back, or took units off the order."""

    refund: Refund
    source: str  # the channel's connection


class CreditSeen(msgspec.Struct, frozen=True, gc=False, tag="credit_seen"):
    """The ERP has a credit memo, by our command or by its own people."""

    credit: Credit
    source: str


class PaymentsSeen(msgspec.Struct, frozen=True, gc=False, tag="payments_seen"):
    """The channel was asked what it took for the order: every capture so far."""

    captures: tuple[Capture, ...]
    source: str  # the channel's connection


class SettlementSeen(msgspec.Struct, frozen=True, gc=False, tag="settlement_seen"):
    """A channel, or its payment service, paid out."""

    settlement: Settlement


class SettlementNamed(msgspec.Struct, frozen=True, gc=False, tag="settlement_named"):
    """A settlement has lines of this order: it is to be told of the order, and of every refund of it."""

    settlement_key: str


class OrderFound(msgspec.Struct, frozen=True, gc=False, tag="order_found", omit_defaults=True):
    """What an order's stream tells a settlement. ``refunds``: ids of its refunds and of the payments that went back."""

    order_id: str  # the channel's
    number: str
    refunds: tuple[str, ...] = ()


class SignalSeen(msgspec.Struct, frozen=True, gc=False, tag="signal_seen", omit_defaults=True):
    """A message that names a thing by id and says no more: read it back."""

    source: str  # the connection to read from
    kind: str  # the connector's word: "order", "fulfillment_order"
    external_id: str
    content: str = ""  # what tells this message from the next (updated_at, a body hash): equal content is read once
    again_s: float = 0.0  # read once more so long after it: for what may change before any poll has seen it


class PrivacyAsked(msgspec.Struct, frozen=True, gc=False, tag="privacy_asked", omit_defaults=True):
    """A channel hands on what the law gives a person: to see what is kept of them, or to have it erased. Ids only.

    ``request``: data_request, redact (a customer), shop_redact (everything of the shop).
    """

    request: Literal["data_request", "redact", "shop_redact"]
    source: str  # the channel's connection
    within_days: int  # the channel's own deadline
    subject: str = ""  # the channel's id of the customer, or of the shop
    orders: tuple[str, ...] = ()  # the channel's ids
    reference: str = ""  # the request's own id, where it has one


class CommandSettled(msgspec.Struct, frozen=True, gc=False, tag="command_settled", omit_defaults=True):
    """A command came to its end: done, or a way that needs a decision.

    ``RetryLater`` here means the engine's bounded tries are used up; ``OutcomeUnknown`` that it must not be
    repeated without a person.
    """

    key: str
    purpose: str
    target: str
    outcome: Done | Rejected | Conflict | OutcomeUnknown | RetryLater | Misconfigured
    tries: int = 1


class TimerFired(msgspec.Struct, frozen=True, gc=False, tag="timer_fired"):
    name: str


class MastersCame(msgspec.Struct, frozen=True, gc=False, tag="masters_came"):
    """The ERP's masters that this order waits for may be there now."""

    connection: str  # the ERP's
    kind: str  # product, customer


class OperatorActed(msgspec.Struct, frozen=True, gc=False, tag="operator_acted", omit_defaults=True):
    """A person did something on the console or the command line.

    ``action``: retry, release_hold, hold, link, merge, cancel, resolve, skip. ``role``: what the person was signed in
    as; not among ``args``, which the person gives.
    """

    action: str
    actor: str
    reason: str = ""
    args: dict[str, Any] = {}
    role: str = ""

    @property
    def refs(self) -> dict[str, str]:
        """What a person made in the target, type -> id; empty where ``args`` say nothing of that form."""
        given = self.args.get("refs")
        return {str(kind): str(id_) for kind, id_ in given.items()} if isinstance(given, dict) else {}


class Reconciled(msgspec.Struct, frozen=True, gc=False, tag="reconciled", omit_defaults=True):
    """Reconciliation compared the order with what the channel and the ERP list: what differs and needs a person, and
    which kinds of difference are no more."""

    found: tuple[Difference, ...] = ()
    settled: tuple[str, ...] = ()


Event = (
    OrderSeen
    | LaterSeen
    | AllocationsSeen
    | ShipmentSeen
    | ParcelSeen
    | ReleaseSeen
    | InvoiceSeen
    | ReturnSeen
    | ReturnReceived
    | ReturnAsked
    | RefundSeen
    | CreditSeen
    | PaymentsSeen
    | SettlementSeen
    | SettlementNamed
    | OrderFound
    | SignalSeen
    | PrivacyAsked
    | PositionSeen
    | StockReserved
    | LevelSeen
    | ComponentSeen
    | CommandSettled
    | TimerFired
    | MastersCame
    | OperatorActed
    | Reconciled
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The stored form of an event that Crossdock itself made (outcomes, timers, operators' acts)."""
    return _encoder.encode(event)


def decode_event(stored: bytes) -> Event:
    """Read a stored event; raises ``msgspec.ValidationError`` when it is not one."""
    return _decoder.decode(stored)
