"""What is known of one order: the fold of its journal, and the snapshot kept in ``streams``.

Inner values are frozen; ``fork`` copies the containers, so that a fold never changes a state somebody else holds.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.entries import Early
from crossdock.domain.fulfilment import Allocation, Invoice, Shipment, ShippedLine
from crossdock.domain.funds import Fund
from crossdock.domain.hold import Hold
from crossdock.domain.lattice import up
from crossdock.domain.measures import in_goods
from crossdock.domain.merge import MergeChosen
from crossdock.domain.money import ZERO
from crossdock.domain.order import Capture, LineKind, Order, OrderLine
from crossdock.domain.parcel import Mark
from crossdock.domain.part import Handed, Part
from crossdock.domain.promise import Promise
from crossdock.domain.receipt import Announced, Counted, Posted, Received, Told, counted
from crossdock.domain.refund import Credit, Refund, Restock, Return
from crossdock.domain.returning import ReturnAnswer
from crossdock.domain.schema import upcast

VERSION = 1
FINISHED = frozenset({"done", "skipped", "undone"})


class Step(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where one step is. ``status``: pending, waiting, running, done, failed, skipped, undone."""

    status: str
    at: datetime
    reason: str | None = None


class Intent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A command that was opened and what came of it. ``status``: open, done, failed, skipped."""

    step: str
    target: str
    status: str
    at: datetime
    subject: str | None = None
    refs: dict[str, str] = {}
    klass: str | None = None  # of the failure


class Parcel(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A shipment as taken (line ids resolved), or refused with the reason.

    ``shown``: where labels were made anew: the tracking numbers of each telling of the channel, in order.
    """

    shipment: Shipment
    source: str
    at: datetime
    told: tuple[ShippedLine, ...] | None = None
    refused: str | None = None
    shown: tuple[tuple[str, ...], ...] = ()


class Billed(msgspec.Struct, frozen=True, gc=False):
    invoice: Invoice
    source: str


class Refunded(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A refund as taken, or refused with the reason.

    ``billed``: the ERP had billed the order when it came, so that even units that never left are to be credited.
    ``echo``: it came of our own push of an ERP's credit, which it must not become again. ``by_hand``: a person settled
    what we could not.
    """

    refund: Refund
    source: str
    at: datetime
    billed: bool = False
    echo: bool = False
    by_hand: bool = False
    refused: str | None = None


class Credited(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A credit memo of the ERP. ``ours``: made by our command."""

    credit: Credit
    source: str
    at: datetime
    ours: bool = False


class OpenProblem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    code: str
    klass: str
    step: str
    title: str
    at: datetime
    owner: str = "operations"


class Cancel(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``way``: drop, undo, person (see ``entries.CancelAsked``)."""

    way: str
    by: str
    at: datetime
    reason: str | None = None


class Axes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where the order is on each axis of ``lattice.AXES``."""

    intake: str = "unseen"
    payment: str = "pending"
    booking: str = "none"
    fulfilment: str = "none"
    returned: str = "none"
    financial: str = "none"


class OrderState(msgspec.Struct, omit_defaults=True):
    v: int
    order: Order | None = None  # the view in force: what was, or will be, booked
    latest: Order | None = None  # a newer view that is not in force (edited or cancelled after booking)
    amending: Order | None = None  # the view that the ERP was asked to make of its sales order
    written: tuple[str, ...] = ()  # refunds that took units off what the ERP's sales order was written as
    writing: tuple[str, ...] = ()  # the same, of the amendment that it was asked for
    merging: MergeChosen | None = None  # whose lines count in the next amendment
    tied: datetime | None = None  # the newest view's ``updated_at``, where another view has the same
    confirmed: datetime | None = None  # the same, once the channel was asked which of them it shows
    recorded_at: datetime | None = None
    axes: Axes = Axes()
    steps: dict[str, Step] = {}
    customer_ref: str | None = None
    linked: str | None = None  # the ERP's customer that a person named
    item_refs: dict[str, str] = {}
    holds: dict[str, Hold] = {}
    commands: dict[str, Intent] = {}
    shipments: dict[str, Parcel] = {}
    tracks: dict[str, dict[str, Mark]] = {}  # parcel -> how far it was -> when (see ``tracking``)
    invoices: dict[str, Billed] = {}
    returns: dict[str, Return] = {}
    return_answers: dict[str, ReturnAnswer] = {}  # by what the partner calls its request
    announced: dict[str, Announced] = {}  # what the warehouse was told to expect, by return
    receipts: dict[str, Received] = {}  # what warehouses say came back, by ``<source>/<their id>``
    posted: dict[str, Posted] = {}  # what the ERP was told of that
    stock_left: dict[str, dict[str, Decimal]] = {}  # refund -> units that its credit memo does not put back
    told_back: dict[str, Told] = {}  # what the channel was told of a receipt
    refunds: dict[str, Refunded] = {}
    credits: dict[str, Credited] = {}
    captures: dict[str, Capture] = {}  # what the channel took, by transaction
    payments_asked: str | None = None  # the state of the order for which the channel was last asked
    payments_nth: int = 0  # how often it was asked by the sums it tells
    payments_read: bool = False  # it has answered; noted where captures are recorded in advance
    funds: dict[str, Fund] = {}  # what became of captures, by transaction
    paid_out: dict[str, Decimal] = {}  # refund -> what payments out of its credit memo come to
    surplus: Decimal = ZERO  # what was last told to be taken beyond bill and refunds
    parts: dict[str, Part] = {}  # lines of the channel's order that are orders of their own
    handed: dict[str, Handed] = {}  # what was told to them beside views
    settlements: tuple[str, ...] = ()  # keys of those that have lines of this order
    told: tuple[str, ...] | None = None  # the refunds that they were told of; None: they were told nothing
    allocations: tuple[Allocation, ...] = ()
    withheld: tuple[str, ...] = ()  # shipments that cannot be told in the units that were ordered
    early: tuple[Early, ...] = ()
    problems: dict[str, OpenProblem] = {}
    timers: dict[str, datetime] = {}
    wanting: bool = False  # something among the ERP's masters is lacking; the store keeps what
    erp: str | None = None  # the connections it went to, whatever the policy says later
    erp_ref: str | None = None
    warehouse: str | None = None
    warehouse_ref: str | None = None
    release_status: str | None = None
    release_reason: str | None = None
    promise: Promise | None = None
    cancel: Cancel | None = None
    reservation: str | None = None  # reserved, committed, released; None: no stock is asked for
    reserved: dict[str, Decimal] = {}  # SKU -> units that streams of stock hold for it
    ended: str | None = None  # done, cancelled, ignored
    ended_reason: str | None = None

    @property
    def newest(self) -> Order | None:
        """The newest view of the order that was ever shown, in force or not."""
        return self.latest if self.latest is not None else self.order

    @property
    def left_alone(self) -> bool:
        """Whether it is ignored, but not for good: it was placed before its route begins."""
        return self.ended == "ignored" and self.axes.intake != "ignored"

    def status_of(self, step: str) -> str:
        """The step's status; ``pending`` when it has not been touched."""
        found = self.steps.get(step)
        return "pending" if found is None else found.status

    def finished(self, step: str) -> bool:
        found = self.steps.get(step)
        return found is not None and found.status in FINISHED

    def command_of(self, step: str, subject: str | None = None) -> tuple[str, Intent] | None:
        """The newest command of a step (and shipment), with its business key."""
        for key in reversed(self.commands):
            intent = self.commands[key]
            if intent.step == step and intent.subject == subject:
                return key, intent
        return None

    def taken(self) -> Iterator[Parcel]:
        """The shipments that fit the order."""
        return (parcel for parcel in self.shipments.values() if parcel.refused is None)

    def refunded(self) -> Iterator[Refund]:
        """The refunds that fit the order."""
        return (each.refund for each in self.refunds.values() if each.refused is None)

    def refs_by_system(self) -> dict[str, dict[str, list[str]]]:
        """Connection -> type -> ids, for people: every id another system has for this order."""
        found: dict[str, dict[str, list[str]]] = {}
        if self.order is not None:
            found[self.order.channel] = {"order": [self.order.external_id], "number": [self.order.number]}
        for intent in self.commands.values():
            for kind, external_id in intent.refs.items():
                ids = found.setdefault(intent.target, {}).setdefault(kind, [])
                if external_id not in ids:
                    ids.append(external_id)
        return found


def fork(state: OrderState) -> OrderState:
    """A copy whose containers may be changed."""
    new = copy.copy(state)
    new.steps = dict(state.steps)
    new.holds = dict(state.holds)
    new.commands = dict(state.commands)
    new.shipments = dict(state.shipments)
    new.tracks = dict(state.tracks)
    new.invoices = dict(state.invoices)
    new.returns = dict(state.returns)
    new.return_answers = dict(state.return_answers)
    new.announced = dict(state.announced)
    new.receipts = dict(state.receipts)
    new.posted = dict(state.posted)
    new.stock_left = dict(state.stock_left)
    new.told_back = dict(state.told_back)
    new.refunds = dict(state.refunds)
    new.credits = dict(state.credits)
    new.captures = dict(state.captures)
    new.funds = dict(state.funds)
    new.parts = dict(state.parts)
    new.handed = dict(state.handed)
    new.problems = dict(state.problems)
    new.timers = dict(state.timers)
    return new


def blank() -> OrderState:
    return OrderState(VERSION)


def ordered(line: OrderLine) -> Decimal:
    """How much of a line is wanted, in the unit that the ERP counts: as placed, or less after edits."""
    return in_goods(line, line.quantity if line.current_quantity is None else line.current_quantity)


def ships(line: OrderLine) -> bool:
    """Whether the warehouse has something to do for the line."""
    return line.requires_shipping and line.kind is LineKind.ITEM and ordered(line) > ZERO


def shippable(order: Order) -> bool:
    return any(map(ships, order.lines))


def shipped(state: OrderState, but: str | None = None) -> dict[str, Decimal]:
    """Line id -> quantity that left, over all taken shipments (leaving out the one named)."""
    sums: dict[str, Decimal] = {}
    for parcel in state.taken():
        if parcel.shipment.id != but:
            for line in parcel.shipment.lines:
                sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity
    return sums


def tells_parcels(state: OrderState) -> bool:
    """Whether we hear of what leaves: where no warehouse is told anything, nobody tells us."""
    return bool(state.shipments) or state.status_of("take.shipments") != "skipped"


def came_back(state: OrderState) -> dict[str, Decimal]:
    """Line id -> quantity that came back: by returns that were received, by what warehouses say, and by refunds that
    belong to no return.

    A refund may come before the word that it belongs to a return. What may be the same goods is counted once, for
    what was told of them is never taken back.
    """
    sums = _most(_told_received(state), {line_id: one.received for line_id, one in goods(state).lines.items()})
    linked = {id_ for returned in state.returns.values() for id_ in returned.refunds}
    loose: dict[str, Decimal] = {}
    for refund in state.refunded():
        if refund.id not in linked and (refund.return_id is None or refund.return_id not in state.returns):
            for part in refund.lines:
                if part.restock is Restock.RETURN:
                    loose[part.line_id] = loose.get(part.line_id, ZERO) + goods_of(state, part.line_id, part.quantity)
    return _most(sums, loose)


def goods(state: OrderState) -> Counted:
    """What warehouses say came back, line by line."""
    if state.order is None or not state.receipts:
        return Counted({}, ())
    receipts = (state.receipts[key].receipt for key in sorted(state.receipts))
    return counted(state.order, receipts, allowed_back(state))


def allowed_back(state: OrderState) -> dict[str, Decimal]:
    """Line id -> quantity that somebody authorised to come back, or says came back."""
    sums: dict[str, Decimal] = {}
    for returned in state.returns.values():
        if is_authorised(state, returned):
            for line in returned.lines:
                sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity
    return sums


def is_authorised(state: OrderState, returned: Return) -> bool:
    """Whether its goods may come. Of a portal's, older versions said no more than that it was asked for."""
    if returned.status == "requested":
        return any(answer.number == returned.id for answer in state.return_answers.values())
    return returned.status in ("authorised", "received")


def goods_of(state: OrderState, line_id: str, quantity: Decimal) -> Decimal:
    """What a channel tells of a line, in the unit that the ERP counts."""
    own = next((line for line in state.order.lines if line.id == line_id), None) if state.order is not None else None
    return quantity if own is None else in_goods(own, quantity)


def _told_received(state: OrderState) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for returned in state.returns.values():
        if returned.status == "received":
            for line in returned.lines:
                sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity
    return sums


def _most(one: dict[str, Decimal], other: dict[str, Decimal]) -> dict[str, Decimal]:
    return one | {line_id: max(quantity, one.get(line_id, ZERO)) for line_id, quantity in other.items()}


def climb(state: OrderState, axis: str, status: str) -> None:
    """Move an axis up, or leave it where it is."""
    field = "returned" if axis == "return" else axis
    current = getattr(state.axes, field)
    higher = up(axis, current, status)
    if higher != current:
        state.axes = msgspec.structs.replace(state.axes, **{field: higher})


UPCASTS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(OrderState)
_CURRENT = b'{"v":%d' % VERSION


def encode_state(state: OrderState) -> bytes:
    return _encoder.encode(state)


def decode_state(stored: bytes) -> OrderState:
    """Read a snapshot of this or an earlier schema version; raises ``schema.SchemaTooNew`` for a later one."""
    if stored.startswith((_CURRENT + b",", _CURRENT + b"}")):
        return _decoder.decode(stored)
    return msgspec.convert(upcast(stored, VERSION, UPCASTS), OrderState)
