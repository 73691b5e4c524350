"""What operators do: a message on the stream, a pause, a retry of many. Every act has an actor, a reason, an audit row.

The audit row is written first: it is the intent. An ``act_id`` makes a repeated request (a double click, a lost
answer) the same act.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crossdock.api import orders
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.policy import ACTS
from crossdock.api.problems import Refusal
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import OperatorActed, decode_event, encode_event
from crossdock.domain.holding import keepers
from crossdock.governance import audit
from crossdock.store import reading_exceptions, reading_orders
from crossdock.store.protocol import Arrival
from crossdock.store.reading_exceptions import Standing
from crossdock.store.reading_orders import OrderWhole

MOST_AT_ONCE = 1000
LONGEST_ACT_ID = 100  # with an order's key it is a delivery id, which is cut at 500: a longer one would be all orders'
NEEDS_REASON = frozenset({"release_hold", "hold", "link", "merge", "cancel", "resolve", "skip"})
NEEDS_PERSON = frozenset({"hold", "match", "conflict", "unknown_outcome", "promise", "privacy"})


class Act(msgspec.Struct, frozen=True):
    """One act on one stream. ``args`` say which problem, hold or step, where there are several."""

    action: str
    reason: str = ""
    act_id: str = ""
    args: dict[str, Any] = {}


class Done(msgspec.Struct, frozen=True):
    """What came of an act, in one sentence."""

    action: str
    said: str


class Preview(msgspec.Struct, frozen=True):
    """What a retry of a whole cause would do: counts that add up to ``len(ids)``."""

    fingerprint: str
    ids: list[int]  # of the exceptions previewed: the confirmation names them
    post: int
    settled: int
    needs_person: int
    more: bool = False  # there are more than can be retried at once


class BulkRetry(msgspec.Struct, frozen=True):
    """Retry exactly these members of a cause, as previewed."""

    fingerprint: str
    ids: list[int]
    act_id: str = ""
    reason: str = ""


class Pausing(msgspec.Struct, frozen=True):
    reason: str = ""


async def act(desk: Desk, caller: Caller, stream: int, wanted: Act) -> Done:
    """Do something to one order or other stream.

    Raises ``Refusal``: not_found, not_allowed, bad_request, conflict (the act's id is another act's).
    """
    if wanted.action not in ACTS:
        raise Refusal("bad_request", f"There is no act '{wanted.action}'. Acts: {', '.join(ACTS)}.")
    if not caller.may(wanted.action):
        raise Refusal("not_allowed", f"Your role, {caller.role}, may not {wanted.action.replace('_', ' ')}.")
    _sound(wanted)
    if wanted.action in NEEDS_REASON and not wanted.reason.strip():
        raise Refusal("bad_request", "Say why: the reason is kept with the act.")
    whole = await reading_orders.whole(desk.pool, stream)
    if whole is None:
        raise Refusal("not_found", f"There is no stream {stream}.")
    row = whole.order
    if wanted.action in ("release_hold", "hold"):
        await _may_release(desk, caller, whole, wanted)
    act_id = wanted.act_id or desk.unique()
    arrival = _arrival(caller, StreamRef(row.kind, row.key), row.channel, wanted, act_id)
    await _new_or_same(desk, {stream: arrival})
    await audit.append(
        desk.pool, caller.name, f"order.{wanted.action}", row.key, wanted.reason.strip(),
        {"stream": stream, "act_id": act_id, "args": wanted.args},
    )  # fmt: skip
    if wanted.action == "retry" and row.status == "parked":
        count = await desk.store.unpark(stream)
        await desk.wake("decide")
        return Done("retry", f"{count} parked message{'s' * (count != 1)} will be decided again.")
    await _accept(desk, {stream: arrival})
    await desk.wake("decide")
    return Done(wanted.action, PARKED if row.status == "parked" else _SAID[wanted.action])


async def _accept(desk: Desk, arrivals: Mapping[int, Arrival]) -> None:
    """Take in one act for each stream. One that is there already came twice at once, or another with its id did."""
    if any(receipt.duplicate for receipt in await desk.take(list(arrivals.values()))):
        await _new_or_same(desk, arrivals)


async def _new_or_same(desk: Desk, arrivals: Mapping[int, Arrival]) -> None:
    """Refuse an id that another act came with: this one would be taken for that, and dropped."""
    before = await reading_orders.delivered(desk.pool, {at: one.delivery_id for at, one in arrivals.items()})
    for stream, body in before.items():
        if _meant(body) != _meant(arrivals[stream].body):
            raise Refusal("conflict", f"This id is another act's on {arrivals[stream].stream.key}. Give each its own.")


def _meant(body: bytes) -> tuple[Any, ...]:
    """What makes two acts the same: their reasons may be worded otherwise."""
    event = decode_event(body)
    return (event.action, event.actor, event.args) if isinstance(event, OperatorActed) else ()


def _sound(wanted: Act) -> None:
    _short(wanted.act_id)
    refs = wanted.args.get("refs", {})
    if not isinstance(refs, dict) or not all(isinstance(id_, str | int) for id_ in refs.values()):
        raise Refusal("bad_request", '\'refs\' says what was made there, type to id: {"salesOrder": "4711"}.')


def _short(act_id: str) -> None:
    if len(act_id) > LONGEST_ACT_ID:
        raise Refusal("bad_request", f"Give the act an id of at most {LONGEST_ACT_ID} characters.")


async def _may_release(desk: Desk, caller: Caller, whole: OrderWhole, wanted: Act) -> None:
    """The rule says who; whoever else tries is refused, and that is kept. Deciding asks once more."""
    state = orders.state_of(whole)
    rule = wanted.args.get("rule")
    found = [hold for hold in (state.holds.values() if state else ()) if rule in (None, hold.rule)]
    if found and not any(caller.releases(hold) for hold in found):
        await audit.append(
            desk.pool, caller.name, f"order.{wanted.action}.refused", whole.order.key, wanted.reason.strip(),
            {"stream": whole.order.id, "args": wanted.args},
        )  # fmt: skip
        raise not_theirs(caller, found[0].rule, found[0])


def not_theirs(caller: Caller, rule: str, hold: Any) -> Refusal:
    """Somebody else's hold: anything with an ``owner`` and ``release_by``."""
    by = keepers(hold.owner, hold.release_by)
    return Refusal("not_allowed", f"'{rule}' may be released by {by}. You are {caller.name}, {caller.role}.")


PARKED = "It is kept, and waits like all messages of this parked order: settle the cause, then retry."
_SAID = {
    "retry": "It is tried again now.",
    "release_hold": "The hold is released.",
    "hold": "The order is held again, unless it is booked already.",
    "link": "The buyer is linked; the order goes on.",
    "merge": "The sales order is amended that way, unless it changed once more.",
    "resolve": "The problem is marked as resolved.",
    "skip": "The step is skipped.",
    "cancel": "The cancellation is under way.",
}


def _arrival(caller: Caller, ref: StreamRef, channel: str | None, wanted: Act, act_id: str) -> Arrival:
    event = OperatorActed(wanted.action, caller.name, wanted.reason.strip(), wanted.args, caller.role)
    return Arrival(
        connection=channel or _connection_in(ref),
        delivery_id=f"act:{act_id}:{ref.kind}:{ref.key}"[:500],
        source="operator",
        topic=wanted.action,
        stream=ref,
        body=encode_event(event),
    )


def _connection_in(ref: StreamRef) -> str:
    """Stream keys begin with their connection: ``shop1-667…``, ``shop1:order:667…``."""
    return ref.key.split(":", 1)[0] if ref.kind != "order" else ref.key.rsplit("-", 1)[0]


def _fate(member: Standing) -> str:
    """What a retry does to one member: post, settled, needs_person."""
    if member.state == "settled" or member.finished:
        return "settled"
    if member.status == "parked":
        return "post"
    return "needs_person" if member.klass in NEEDS_PERSON else "post"


async def preview(desk: Desk, fingerprint: str) -> Preview:
    """What retrying all of a cause would do. Raises ``Refusal(not_found)`` when nothing is open."""
    ids = await reading_exceptions.open_ids(desk.pool, fingerprint, MOST_AT_ONCE + 1)
    if not ids:
        raise Refusal("not_found", "Nothing of this cause is open any more.")
    shown = ids[:MOST_AT_ONCE]
    return _previewed(
        fingerprint, shown, await reading_exceptions.standing(desk.pool, fingerprint, shown), len(ids) > MOST_AT_ONCE
    )


def _previewed(fingerprint: str, ids: list[int], members: Sequence[Standing], more: bool) -> Preview:
    fates = [_fate(member) for member in members]
    settled = len(ids) - len(fates) + fates.count("settled")
    return Preview(fingerprint, ids, fates.count("post"), settled, fates.count("needs_person"), more)


async def retry_many(desk: Desk, caller: Caller, wanted: BulkRetry) -> Preview:
    """Retry the named members as they stand now; what settled meanwhile or needs a person is left alone.

    Raises ``Refusal``: not_allowed, bad_request, conflict (the act's id is another act's).
    """
    if not caller.may("retry"):
        raise Refusal("not_allowed", f"Your role, {caller.role}, may not retry.")
    if not 0 < len(wanted.ids) <= MOST_AT_ONCE:
        raise Refusal("bad_request", f"Name 1 to {MOST_AT_ONCE} exceptions.")
    _short(wanted.act_id)
    members = await reading_exceptions.standing(desk.pool, wanted.fingerprint, wanted.ids)
    result = _previewed(wanted.fingerprint, wanted.ids, members, False)
    act_id = wanted.act_id or desk.unique()
    meant = {member.stream_id: member for member in members if _fate(member) == "post"}
    arrivals = {
        stream: _arrival(caller, StreamRef(m.kind, m.stream_key), m.channel, _retry(m.key, wanted.reason), act_id)
        for stream, m in meant.items()
        if m.status != "parked"
    }
    await _new_or_same(desk, arrivals)
    await audit.append(
        desk.pool, caller.name, "exceptions.retry", wanted.fingerprint[:200], wanted.reason.strip(),
        {"act_id": act_id, "post": result.post, "exceptions": wanted.ids},
    )  # fmt: skip
    for stream in meant.keys() - arrivals.keys():
        await desk.store.unpark(stream)
    if arrivals:
        await _accept(desk, arrivals)
    await desk.wake("decide")
    return result


def _retry(problem: str, reason: str) -> Act:
    return Act("retry", reason, args={"problem": problem})


async def pause(desk: Desk, caller: Caller, connection: str, reason: str | None) -> Done:
    """Pause with a reason, or resume with ``None``. Raises ``Refusal``: not_found, bad_request."""
    if reason is not None and not reason.strip():
        raise Refusal("bad_request", "Say why: everybody who sees the paused connection will ask.")
    if connection not in await desk.store.connections():
        raise Refusal("not_found", f"There is no connection '{connection}'.")
    action = "connection.resume" if reason is None else "connection.pause"
    await audit.append(desk.pool, caller.name, action, connection, (reason or "").strip())
    told = None if reason is None else f"{reason.strip()} ({caller.name})"
    await desk.store.pause(connection, told)
    await desk.wake("deliver")
    if reason is None:
        return Done(action, f"{connection} is resumed: what waited is sent now, a share at a time.")
    return Done(action, f"{connection} is paused: commands wait, nothing is lost.")
