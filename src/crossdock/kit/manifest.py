"""A connector's typed facts. ``Connector`` is all the engine, intake and console ever see of a system."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from crossdock.domain.commands import Payload
from crossdock.domain.decision import CustomerMaster
from crossdock.domain.events import Event
from crossdock.domain.outcome import Outcome
from crossdock.kit.http import Line
from crossdock.kit.listing import Listing

ENDS_SOON_DAYS = 30  # before a credential ends, people are told


class Repeat(StrEnum):
    """What the vendor does with a repeat of the same write: decides what an unknown outcome leads to."""

    UNIQUE = "unique"  # refuses or absorbs a repeated key: repeat with the same key
    SEARCHABLE = "searchable"  # can be searched by our reference: settle, look up, only then create
    UNSAFE = "unsafe"  # neither: never repeat, a person decides
    READ = "read"  # changes nothing: repeat freely


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One setting of a connection. Secrets come by reference (``env:NAME``, ``file:/path``) and are never printed."""

    name: str
    title: str
    secret: bool = False
    required: bool = True
    default: Any = None
    example: str | None = None
    help: str | None = None
    private_key: bool = False  # a secret that must be readable as a PEM key

    @property
    def kind(self) -> type[Any]:
        """What a configuration gives for it: what its default is; else a list or mapping where its example is one."""
        if self.default is not None:
            return type(self.default)
        return {"[": list, "{": dict}.get((self.example or "")[:1], str)


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much the vendor lets one account do. Shared by all workers through the quota ledger."""

    concurrency: int | None = None  # calls in flight
    rate_per_s: float | None = None  # calls (or cost points) restored per second
    burst: float | None = None
    cost: int = 1  # what one call of an operation takes from the bucket, unless the operation says
    per_operation: bool = False  # each has a limit of its own: what one is refused gives the others no rest


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What intake reads from a message without understanding it."""

    delivery_id: str
    topic: str
    stream_kind: str
    stream_key: str
    also_ids: tuple[str, ...] = ()  # content ids that a poll of the same thing would use
    headers: dict[str, str] = {}  # worth keeping with the message


class Refused(Exception):
    """A webhook that must not be accepted. ``code`` is stable and becomes the problem+json code."""

    def __init__(self, code: str, detail: str, status: int = 401) -> None:
        super().__init__(detail)
        self.code, self.detail, self.status = code, detail, status


class Untranslatable(Exception):
    """A stored message that the mapping cannot read: becomes an exception that names the field."""

    def __init__(self, code: str, detail: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.field, self.hint = code, detail, field, hint


class Webhook(msgspec.Struct, frozen=True):
    """How a system's webhooks are proven and named. Pure functions over raw bytes."""

    # (lower-case headers, raw body, active secrets) -> None, or raises Refused
    verify: Callable[[Mapping[str, str], bytes, Sequence[str]], None]
    # (connection name, lower-case headers, raw body) -> Identity, or raises Refused(status=400)
    identify: Callable[[str, Mapping[str, str], bytes], Identity]
    secret_settings: tuple[str, ...]  # which secrets may sign: the current one first
    # A sender that asks first whether we are there: the query parameter whose value is to be answered as plain text
    greeting: str | None = None


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a poll found, to be accepted like any other message."""

    delivery_id: str  # the content id
    topic: str
    stream_kind: str
    stream_key: str
    body: bytes


class Value(msgspec.Struct, frozen=True):
    """One thing that a system has to choose from: a ship method, a currency. ``code``: what settings name it by."""

    code: str
    title: str = ""


class ValueList(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list that a poll of the system brings (``Page.values``), and the setting that maps our words to its codes."""

    kind: str  # ship_methods, payment_methods, locations, tax_codes, currencies
    title: str
    setting: str
    default: Mapping[str, str] = {}  # what is in force where the setting is not given


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """One page of a poll. ``cursor`` is saved after ``found`` is durable; ``more``: ask again at once."""

    found: tuple[Found, ...]
    cursor: str
    more: bool = False
    products: tuple[tuple[str, bytes], ...] = ()  # masters: (key, encoded ProductMaster)
    customers: tuple[CustomerMaster, ...] = ()  # kept under every key of ``matching.keys_of``
    values: Mapping[str, tuple[Value, ...]] = {}  # by kind, each list whole
    prices: tuple[tuple[str, bytes], ...] = ()  # (SKU, encoded PriceMaster): all of an item's prices
    terms: tuple[tuple[str, bytes], ...] = ()  # (the ERP's customer id, encoded TermsMaster)


class Poll(msgspec.Struct, frozen=True, omit_defaults=True):
    """A healing path or the only path: lists what changed since the cursor, with an overlap."""

    name: str
    # (client, cursor or None, options) -> Page; options: {"since": iso, "until": iso, "ids": [...]} for backfill
    run: Callable[[Any, str | None, Mapping[str, Any]], Awaitable[Page]]
    every_s: float = 300.0
    backfill: bool = False  # may be run by `crossdock backfill`
    masters: str | None = None  # the kind that its pages bring: product, customer, price. Orders that lack it are woken


class Follow(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that an outcome leads to on another stream (a read-back that found the order)."""

    stream_kind: str
    stream_key: str
    event: Event
    existing: bool = False  # only where that stream is there


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operation returns: the outcome, and events for other streams."""

    outcome: Outcome
    follows: tuple[Follow, ...] = ()
    throttle_s: float = 0.0  # the vendor's own meter says: leave this long before the next call


class Call(msgspec.Struct, frozen=True):
    """What an operation knows of the command it serves."""

    key: str  # the business key: stable over all repeats
    tries: int = 0  # earlier sends; more than 0 whenever an earlier effect may stand

    @property
    def idempotency_key(self) -> str:
        """The business key as a UUID, where a vendor wants one: the same over all repeats."""
        return str(uuid5(NAMESPACE_URL, self.key))


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing the system can be asked to do. ``purpose`` is the canonical command's."""

    purpose: str
    title: str
    repeat: Repeat
    # (client, canonical payload, call) -> Result. Classifies every answer; raises only NotSent / AnswerLost.
    send: Callable[[Any, Payload, Call], Awaitable[Result]]
    # (client, payload, call) -> Result with Done when our earlier send is there, None when it is surely not
    look_up: Callable[[Any, Payload, Call], Awaitable[Result | None]] | None = None
    # After an unknown outcome nothing is sent for so long. Searchable: until a late commit is certain to show in a
    # search. An upsert: until a late one can no longer undo what came after it.
    settle_s: float = 0.0
    lease_s: float = 60.0  # longer than the vendor's longest late commit
    timeout_s: float = 30.0
    cost: int = 1


class Books(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an ERP can record of the customers' money."""

    payments: tuple[str, ...]  # the values of a route's ``payments`` that it can serve
    # The setting that names the only currency in which payments, repayments and settlements can be posted; None: any
    only_currency: str | None = None


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Typed facts about a system. ``check`` and the console print them; the conformance suite proves them."""

    system: str  # "shopify": the folder's name
    title: str
    role: str  # channel, erp, warehouse
    api_version: str
    settings: tuple[Setting, ...]
    mapping_version: str
    topics: Mapping[str, str]  # vendor topic -> canonical event, or "signal", or "ignored: why"
    quota: Quota = Quota()
    account: str | None = None  # the setting that tells the account, where all its connections share its calls at once
    sunset: str | None = None  # ISO date after which the vendor ends this API version
    docs: str | None = None
    values: tuple[ValueList, ...] = ()  # what the settings choose from, read ahead
    books: Books | None = None  # of an ERP
    settlements: str | None = None  # of a channel: the setting that has its payouts read
    one_of: tuple[tuple[str, ...], ...] = ()  # ways to sign in, the usual one first: one must be there whole
    needs: Mapping[str, tuple[str, ...]] = {}  # a setting, and what must be there with it
    captures: bool = False  # of a channel: it can be asked what it took for one order (``read_back`` of ``payments``)
    redact: tuple[str, ...] = ()  # JSON keys whose values never reach an attempt's record (personal data, tokens)


class Connector(msgspec.Struct, frozen=True, omit_defaults=True):
    """A system, whole. Each connector's ``__init__`` exports one as ``CONNECTOR``."""

    manifest: Manifest
    # Line -> the system's client, cheap enough to open per call
    open: Callable[[Line], Any]
    # (connection name, topic, raw body) -> canonical events; raises Untranslatable
    translate: Callable[[str, str, bytes], list[Event]]
    operations: Mapping[str, Operation] = {}
    polls: Mapping[str, Poll] = {}
    webhook: Webhook | None = None
    listing: Listing | None = None  # thin views for reconciliation
    # client -> one sentence for a person ("store Acme, plan Basic"); raises Unreachable
    check: Callable[[Any], Awaitable[str]] | None = None
    # client -> the currencies that a channel's orders are told in, on the shop's side; raises ``Unreachable``
    sells_in: Callable[[Any], Awaitable[tuple[str, ...]]] | None = None
    # Line -> what of its credentials ends when (aware), by name; raises ValueError for one that cannot be read
    ends: Callable[[Line], Mapping[str, datetime]] | None = None


class Unreachable(Exception):
    """`crossdock check` could not reach or sign in to the system; the text says why and what to do."""
