"""What the journal of a settlement holds, and the state it is folded into. Stored like an order's: ``{"v":1,…}``."""

import copy
from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from crossdock.domain.schema import upcast
from crossdock.domain.settlement import Settlement
from crossdock.domain.settling import OrderFacts, orders_named

VERSION = 1


class SettlementRecorded(msgspec.Struct, frozen=True, gc=False, tag="settlement_recorded"):
    """This view of it is in force."""

    settlement: Settlement
    at: datetime


class OrderMatched(msgspec.Struct, frozen=True, gc=False, tag="order_matched"):
    """An order that it names is known, with these refunds."""

    order_id: str
    facts: OrderFacts
    at: datetime


class WaitStarted(msgspec.Struct, frozen=True, gc=False, tag="wait_started"):
    """Orders that it names are not known yet: they are asked for, until an instant."""

    until: datetime
    at: datetime


class WaitEnded(msgspec.Struct, frozen=True, gc=False, tag="wait_ended"):
    """What was waited for has come, or the wait is over."""

    at: datetime


class PostingOpened(msgspec.Struct, frozen=True, gc=False, tag="posting_opened"):
    """The ERP is asked for its document, on this day. ``own``: the day it happened, in the company's time zone."""

    key: str
    target: str
    posted_on: date
    own: date
    at: datetime


class PostingSettled(msgspec.Struct, frozen=True, gc=False, tag="posting_settled", omit_defaults=True):
    """``status``: done, failed, open (sent again)."""

    key: str
    status: str
    at: datetime
    refs: dict[str, str] = {}
    klass: str | None = None
    by: str | None = None


class PostingDropped(msgspec.Struct, frozen=True, gc=False, tag="posting_dropped"):
    """The ERP refused it for good, and a person asks once more: another command for the same document follows."""

    key: str
    at: datetime


class ProblemTold(msgspec.Struct, frozen=True, gc=False, tag="problem_told"):
    key: str
    code: str
    klass: str
    title: str
    at: datetime


class ProblemEnded(msgspec.Struct, frozen=True, gc=False, tag="problem_ended", omit_defaults=True):
    key: str
    at: datetime
    by: str | None = None


class ActRecorded(msgspec.Struct, frozen=True, gc=False, tag="act_recorded", omit_defaults=True):
    """A person acted. ``let_go``: ``match`` or ``kinds``, lines that are posted without. ``by_hand``: it is entered
    in the ERP by them, and by nobody else. ``refused``: why nothing came of it."""

    action: str
    actor: str
    at: datetime
    reason: str = ""
    let_go: str | None = None
    by_hand: bool = False
    refused: str | None = None


class SettlementLeftAlone(msgspec.Struct, frozen=True, gc=False, tag="settlement_left_alone"):
    """It was deposited before its route begins: others have it in their books."""

    reason: str
    at: datetime


class SettlementTakenIn(msgspec.Struct, frozen=True, gc=False, tag="settlement_taken_in"):
    """It was left alone, and is one like any other from now on."""

    at: datetime


SettlementEntry = (
    SettlementRecorded
    | SettlementLeftAlone
    | SettlementTakenIn
    | OrderMatched
    | WaitStarted
    | WaitEnded
    | PostingOpened
    | PostingSettled
    | PostingDropped
    | ProblemTold
    | ProblemEnded
    | ActRecorded
)


class Posted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The command to the ERP. ``status``: open, done, failed."""

    key: str
    target: str
    posted_on: date
    own: date
    status: str = "open"
    klass: str | None = None
    refs: dict[str, str] = {}


class KnownProblem(msgspec.Struct, frozen=True, gc=False):
    code: str
    klass: str
    title: str


class SettlementState(msgspec.Struct, omit_defaults=True):
    """``named``: how many orders must be known before every line can be matched: until then nobody needs to look at
    each line again. ``postings``: how many commands were opened, for the key of one after a refusal."""

    v: int
    settlement: Settlement | None = None
    left_alone: str | None = None  # why it is nobody's work here
    named: int = 0
    orders: dict[str, OrderFacts] = {}
    let_go: tuple[str, ...] = ()
    by_hand: bool = False
    wait_until: datetime | None = None
    waited: bool = False
    posted: Posted | None = None
    postings: int = 0
    problems: dict[str, KnownProblem] = {}


class _Stored(msgspec.Struct):
    v: int
    entries: list[SettlementEntry]


_encoder = msgspec.json.Encoder()
_states = msgspec.json.Decoder(SettlementState)
_entries = msgspec.json.Decoder(_Stored)
_CURRENT = b'{"v":%d' % VERSION


def encode_settlement(state: SettlementState) -> bytes:
    return _encoder.encode(state)


def decode_settlement(stored: bytes) -> SettlementState:
    """Read a snapshot of this or an earlier schema version; raises ``SchemaTooNew`` for a later one."""
    if stored.startswith((_CURRENT + b",", _CURRENT + b"}")):
        return _states.decode(stored)
    return msgspec.convert(upcast(stored, VERSION, {}), SettlementState)


def encode_settlement_entries(entries: list[SettlementEntry]) -> bytes:
    return _encoder.encode(_Stored(VERSION, entries))


def decode_settlement_entries(stored: bytes) -> list[SettlementEntry]:
    """Read one stored decision of a settlement."""
    if stored.startswith(_CURRENT + b","):
        return _entries.decode(stored).entries
    return msgspec.convert(upcast(stored, VERSION, {}), _Stored).entries


def fork(state: SettlementState) -> SettlementState:
    """A copy whose containers may be changed."""
    new = copy.copy(state)
    new.orders, new.problems = dict(state.orders), dict(state.problems)
    return new


def evolve(state: SettlementState, entries: Iterable[SettlementEntry]) -> SettlementState:
    """The state after the entries; the given one stays as it is."""
    new = fork(state)
    for entry in entries:
        apply(new, entry)
    return new


def apply(state: SettlementState, entry: SettlementEntry) -> None:
    """Fold one entry into a state whose containers are its own."""
    match entry:
        case SettlementRecorded():
            state.settlement, state.named = entry.settlement, len(orders_named(entry.settlement))
        case SettlementLeftAlone():
            state.left_alone = entry.reason
        case SettlementTakenIn():
            state.left_alone = None
        case OrderMatched():
            state.orders[entry.order_id] = entry.facts
        case WaitStarted():
            state.wait_until, state.waited = entry.until, False
        case WaitEnded():
            state.wait_until, state.waited = None, True
        case PostingOpened():
            state.posted = Posted(entry.key, entry.target, entry.posted_on, entry.own)
            state.postings += 1
        case PostingSettled():
            _posting_settled(state, entry)
        case PostingDropped():
            state.posted = None
        case ProblemTold():
            state.problems[entry.key] = KnownProblem(entry.code, entry.klass, entry.title)
        case ProblemEnded():
            state.problems.pop(entry.key, None)
        case ActRecorded():
            state.by_hand = state.by_hand or entry.by_hand
            if entry.let_go is not None and entry.let_go not in state.let_go:
                state.let_go = (*state.let_go, entry.let_go)


def _posting_settled(state: SettlementState, entry: PostingSettled) -> None:
    if state.posted is not None and state.posted.key == entry.key:
        changed = {"status": entry.status, "klass": entry.klass, "refs": entry.refs}
        state.posted = msgspec.structs.replace(state.posted, **changed)
