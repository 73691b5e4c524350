"""What deciding returns, and what it is given: the seam between the pure core and the engine."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from crossdock.domain.commands import Command
from crossdock.domain.events import Event
from crossdock.domain.order import Order
from crossdock.domain.pricing import PriceMaster
from crossdock.domain.promise import Promising
from crossdock.domain.returning import Returning
from crossdock.domain.stock import StockPolicy


class StreamRef(msgspec.Struct, frozen=True):
    """A stream is named by its kind and its key: ``("order", "shop1-6674573197567")``."""

    kind: str
    key: str


class Timer(msgspec.Struct, frozen=True):
    """Wake this stream at an instant; ``due_at=None`` takes the alarm off."""

    name: str
    due_at: datetime | None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something a person or a rule must settle: becomes a row in ``exceptions``.

    ``key`` is unique among the open problems of one stream (opening it again only counts it up);
    ``fingerprint`` is equal for equal causes over all streams, so that 4,000 orders with one cause are one group.
    """

    key: str  # "order.book", "validate.products"
    klass: str  # data, mapping, rejected, unknown_outcome, conflict, exhausted, hold, promise, privacy, bug
    code: str  # stable, documented
    title: str  # what happened, in one sentence, without personal data
    hint: str  # what to do
    fingerprint: str
    owner: str = "operations"  # the team that settles it
    facts: dict[str, Any] = {}  # which ids, which field, which values


class Reference(msgspec.Struct, frozen=True):
    """Another system's id of this stream's subject: what any-id search finds it by."""

    connection: str
    type: str  # order, number, salesOrder, shipment, tracking, invoice …
    external_id: str


class Tell(msgspec.Struct, frozen=True):
    """An event for another stream: the only way one stream speaks to another."""

    to: StreamRef
    event: Event
    existing: bool = False  # only where that stream is there: none is made for it


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """The few facts about a stream that people list, filter and count by."""

    status: str  # open, waiting, held, exception, done, cancelled, ignored
    step: str | None = None  # what it is at, or stuck at
    reason: str | None = None  # why it is not finished
    label: str | None = None  # "#1042"
    channel: str | None = None
    region: str | None = None
    amount: str | None = None  # decimal as text
    currency: str | None = None
    placed_at: datetime | None = None


class Want(msgspec.Struct, frozen=True):
    """Something among an ERP's masters that this stream lacks: it is looked at again when it comes."""

    connection: str
    kind: str  # product, customer, price
    key: str  # as masters are looked up by
    unread: bool  # these masters had not been listed whole yet


class StockRow(msgspec.Struct, frozen=True):
    """A row of ``stock``: what is there. The place's earlier row is replaced."""

    sku: str
    place: str  # connection/location
    on_hand: Decimal
    committed: Decimal
    as_of: datetime


class ReservationRow(msgspec.Struct, frozen=True):
    """A row of ``reservations``: what is promised. ``quantity`` None: not any more."""

    sku: str
    order: str
    channel: str = ""
    quantity: Decimal | None = None
    committed_at: datetime | None = None


class Decision(msgspec.Struct):
    """What follows from one event. Empty: the event changed nothing (recorded as such)."""

    entries: list[Any] = []  # journal entries; the stream kind's own tagged union
    commands: list[Command] = []
    again: list[str] = []  # business keys of commands to send once more
    posting_from: date | None = None  # the first day on which these may be posted; None: any
    timers: list[Timer] = []
    opened: list[Problem] = []
    settled: list[str] = []  # keys of problems that are no more
    references: list[Reference] = []
    tells: list[Tell] = []
    wants: tuple[Want, ...] | None = None  # all that is lacking from now on; None: as before
    stock: list[StockRow] = []
    reservations: list[ReservationRow] = []
    cycle_s: float | None = None  # of an order that is done with this: since it came
    after: Any = None  # the state with the entries folded in, where deciding had to fold them anyway


class ProductMaster(msgspec.Struct, frozen=True, omit_defaults=True):
    sku: str
    ref: str  # the ERP's item id
    active: bool = True
    title: str | None = None


class CustomerMaster(msgspec.Struct, frozen=True, omit_defaults=True):
    ref: str  # the ERP's customer id
    email: str | None = None
    active: bool = True
    currency: str | None = None
    name: str | None = None
    postal_code: str | None = None
    tax_number: str | None = None
    external_id: str | None = None  # ``<channel>-<the channel's customer id>``, where somebody has put it there


class Masters(Protocol):
    """The ERP's masters as last read. Pure look-ups: everything needed was loaded before deciding."""

    def product(self, sku: str) -> ProductMaster | None: ...
    def prices(self, sku: str) -> PriceMaster | None:
        """An item's prices and units; asked for by ``measures.measure_key``."""

    def customers(self, key: str) -> Sequence[CustomerMaster]:
        """Those that are kept under a key of ``matching``; several may be."""

    def listed(self, kind: str) -> bool:
        """Whether all of a kind (product, customer) were read at least once: until then nothing is surely missing."""


class HoldHit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hold rule that matched, with the values it saw and what the rule declares, so that the hold explains itself."""

    rule: str
    owner: str
    reason: str
    saw: dict[str, Any] = {}
    expires_s: float | None = None
    when: str = ""
    release_by: tuple[str, ...] = ()
    release_on: tuple[str, ...] = ("view",)
    on_expiry: str = "release"
    escalate_to: str = ""


class Context(msgspec.Struct, frozen=True):
    """Everything from outside that a decision may depend on."""

    now: datetime  # the database's clock
    policy: Mapping[str, "Policy"]  # by channel connection
    masters: Mapping[str, Masters]  # by ERP connection
    holds: Callable[[Order], list[HoldHit]]


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the orders of one channel are handled: which systems, which waits, which defaults."""

    channel: str
    erp: str  # connection names
    warehouse: str | None = None  # None: nothing is released by us
    # An instant with its offset, or a day in ``time_zone``: what was placed before is left alone. None: nothing is.
    since: str | None = None
    basis: str = "shop"  # which side of each Amount is booked
    edit_window_s: float = 0.0  # how long to wait for the customer's own changes before booking
    payment: str = "paid"  # the least payment status that may be booked: paid, authorized, pending
    guest_customer: str | None = None  # the ERP customer that unknown buyers are booked on; None: they are a problem
    doubtful_customer: str = "ask"  # a buyer who may be a customer: ask (a person links), guest (as if unknown)
    check_products: bool = True
    rounding_ceiling: str = "0.00"  # how much declared rounding may move a total before it is held
    ship_methods: dict[str, str] = {}  # the channel's code -> the target's method
    default_ship_method: str | None = None
    notify_customer: bool = True
    invoice: str = "make"  # make: we bill after the last shipment; take: the ERP bills, we read it
    # How the ERP has the customers' money. open: its invoices stand open until a payment is posted; paid: they are paid
    # as they are made; deposit: others take it in advance, on the sales order; payment: each of the channel's captures
    # is posted as a payment, applied to the invoices; advance: each is a deposit on the sales order, applied to them.
    payments: str = "open"
    push_refunds: bool = False  # credits that the ERP's people make are paid back in the channel; else a person does it
    publish_invoices: bool = False  # the channel shows number, day and total of each invoice, where it has a place
    announce_returns: bool = False  # the warehouse is told of authorised returns, where it offers ``return.announce``
    post_returns: bool = False  # what it received is posted in the ERP, where that offers ``return.post``
    return_wait_s: float = 2_592_000.0  # how long goods that are refunded already may be on their way
    push_returns: bool = False  # what it received is told to the channel, where that offers ``return.push``
    push_tracking: bool = False  # how far parcels are is told to the channel, where it offers ``tracking.push``
    time_zone: str = "UTC"  # the company's: a posting date is a day there
    closed_through: str | None = None  # ISO date: the books up to and including it are closed
    closed_period: str = "next_day"  # what falls into closed books: next_day posts it on the first open day; hold asks
    settlement_wait_s: float = 259_200.0  # how long a settlement waits for orders it names before a person is asked
    stock: StockPolicy | None = None  # how the channel is told stock; None: it is not, and its orders reserve none
    promise: Promising | None = None  # None: no dates are promised, none forecast
    returns: Returning | None = None  # None: no returns are authorised


class Decider(Protocol):
    """How one kind of stream decides. The engine knows streams by this and nothing more."""

    kind: str

    def blank(self) -> Any:
        """The state of a stream to which nothing has happened."""

    def load(self, stored: bytes) -> Any:
        """Read a stored state of this or an earlier schema version."""

    def store(self, state: Any) -> bytes: ...

    def store_entries(self, entries: list[Any]) -> bytes: ...

    def decide(self, state: Any, event: Event, context: Context) -> Decision:
        """What follows from the event. Pure: same arguments, same answer."""

    def evolve(self, state: Any, entries: list[Any]) -> Any:
        """Fold journal entries into the state. Folding the journal from blank gives the snapshot."""

    def summary(self, state: Any) -> Summary: ...

    def masters_needed(self, state: Any, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        """Channel connection -> (skus, keys of customers) that deciding on this event in this state will look up."""
