"""Holds: what holds orders and why, a release of many with a preview, and its undo.

A release of many is one act with one audit row. It names the moment of its preview: what has changed since stays held,
and what was held since is not meant. It goes on in lots; the same act asked for again goes on where it was.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from crossdock.api import orders
from crossdock.api.acts import not_theirs
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.problems import Refusal
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import OperatorActed, encode_event
from crossdock.domain.holding import keepers, may_release
from crossdock.governance import audit
from crossdock.store import bulk, reading_holds, reading_orders
from crossdock.store.bulk import BulkAct, Lot
from crossdock.store.protocol import BACKFILL, Arrival
from crossdock.store.reading_holds import HeldBy, Selection, Standing

LOT = 200  # orders per transaction
MOST_PREVIEWED = 20_000
RECENT = 10


class HoldGroup(msgspec.Struct, frozen=True):
    """One rule that holds orders, explained."""

    held: HeldBy
    when: str  # the condition
    keepers: str  # who may release, in words
    yours: bool  # whether the person who asks may


class HoldPreview(msgspec.Struct, frozen=True):
    """What a release of many would do: each of ``total`` is in one of the counts after it."""

    rule: str
    as_of: datetime
    upto: int
    channel: str | None
    older_than_s: float | None
    total: int
    go_on: int  # nothing else stands in their way
    also_held: int  # another rule holds them too: let go by this one, held by that one
    stuck: int  # let go by this rule, and something else is open for a person
    changed: int  # others values than at ``as_of``: left alone
    not_yours: int  # the rule names others: left alone
    keepers: str
    more: bool = False  # there are more than were counted; a release takes all


class HoldFilter(msgspec.Struct, frozen=True):
    """Which holds: of a rule, of one channel, held for so long. ``as_of`` and ``upto``: of an earlier preview."""

    rule: str
    channel: str | None = None
    older_than_s: float | None = None
    as_of: datetime | None = None
    upto: int | None = None


class BulkRelease(msgspec.Struct, frozen=True):
    """Release what a preview showed. ``act_id``: repeat it and the act goes on, once."""

    rule: str
    reason: str
    as_of: datetime
    upto: int
    act_id: str
    channel: str | None = None
    older_than_s: float | None = None


class Undoing(msgspec.Struct, frozen=True):
    reason: str


class BulkProgress(msgspec.Struct, frozen=True):
    """How far a release of many is."""

    act: BulkAct
    held: int  # of those told, the rule holds so many at this moment
    waiting: int  # of those told, so many are still to be decided on


async def groups(desk: Desk, caller: Caller) -> list[HoldGroup]:
    """The rules that hold orders, the biggest first."""
    return [_group(held, caller) for held in await reading_holds.rules(desk.pool)]


def _group(held: HeldBy, caller: Caller) -> HoldGroup:
    by = tuple(held.facts.get("release_by", ()))
    yours = may_release(held.owner, by, caller.name, caller.role)
    return HoldGroup(held, str(held.facts.get("when", "")), keepers(held.owner, by), yours)


async def preview(desk: Desk, caller: Caller, wanted: HoldFilter) -> HoldPreview:
    """Count what a release would do. Raises ``Refusal(not_found)`` when the rule holds nothing that is meant."""
    as_of, upto = await reading_holds.moment(desk.pool)
    selection = Selection(wanted.rule, wanted.as_of or as_of, wanted.upto or upto, wanted.channel, wanted.older_than_s)
    found = await reading_holds.standing(desk.pool, selection, 0, MOST_PREVIEWED + 1)
    if not found:
        raise Refusal("not_found", f"The rule '{wanted.rule}' holds no order that this filter means.")
    return _counted(selection, caller, found)


def _counted(selection: Selection, caller: Caller, found: Sequence[Standing]) -> HoldPreview:
    shown = found[:MOST_PREVIEWED]
    fates = [_fate(selection, caller, one) for one in shown]
    return HoldPreview(
        rule=selection.rule,
        as_of=selection.as_of,
        upto=selection.upto,
        channel=selection.channel,
        older_than_s=selection.older_than_s,
        total=len(shown),
        keepers=keepers(shown[-1].owner, shown[-1].release_by),
        more=len(found) > MOST_PREVIEWED,
        **{name: fates.count(name) for name in ("go_on", "also_held", "stuck", "changed", "not_yours")},
    )


def _fate(selection: Selection, caller: Caller, one: Standing) -> str:
    if not may_release(one.owner, one.release_by, caller.name, caller.role):
        return "not_yours"
    if one.seen_at is not None and one.seen_at > selection.as_of:
        return "changed"
    if one.other_holds:
        return "also_held"
    return "stuck" if one.problems else "go_on"


async def release(
    desk: Desk, caller: Caller, wanted: BulkRelease, told: Callable[[BulkAct], None] = lambda _: None, lot: int = LOT
) -> BulkProgress:
    """Release what the preview showed, as it stands now. ``told`` is called after each lot.

    Raises ``Refusal``: bad_request, not_allowed, conflict (the act's id is another act's).
    """
    if not wanted.reason.strip():
        raise Refusal("bad_request", "Say why: the reason is kept with the act.")
    if not 1 <= len(wanted.act_id) <= 100:
        raise Refusal("bad_request", "Give the act an id of 1 to 100 characters.")
    selection = Selection(wanted.rule, wanted.as_of, wanted.upto, wanted.channel, wanted.older_than_s)
    await _may(desk, caller, selection)
    if await bulk.begin(desk.pool, wanted.act_id, selection, caller.name, caller.role, wanted.reason.strip()):
        await audit.append(
            desk.pool, caller.name, "holds.release", wanted.rule[:200], wanted.reason.strip(),
            {"act_id": wanted.act_id, "channel": wanted.channel, "older_than_s": wanted.older_than_s,
             "as_of": wanted.as_of.isoformat(), "upto": wanted.upto},
        )  # fmt: skip
    act = await _act(desk, wanted.act_id)
    if (act.selection, act.actor) != (selection, caller.name):
        raise Refusal("conflict", "This id is another act's. Preview again.")
    while act.finished_at is None:
        await _lot(desk, caller, act, lot)
        act = await _act(desk, act.id)
        told(act)
    return await progress(desk, act.id)


async def resume(
    desk: Desk, caller: Caller, act_id: str, told: Callable[[BulkAct], None] = lambda _: None, lot: int = LOT
) -> BulkProgress:
    """Go on with a release that was cut off. Raises ``Refusal``: not_found, not_allowed, conflict (somebody else's)."""
    act = await _act(desk, act_id)
    wanted = BulkRelease(act.rule, act.reason, act.as_of, act.upto, act.id, act.channel, act.older_than_s)
    return await release(desk, caller, wanted, told, lot)


async def _may(desk: Desk, caller: Caller, selection: Selection) -> None:
    """Refused, with an audit row, where the rule names others."""
    first = await reading_holds.standing(desk.pool, selection, 0, 1)
    if first and not may_release(first[0].owner, first[0].release_by, caller.name, caller.role):
        await audit.append(desk.pool, caller.name, "holds.release.refused", selection.rule[:200])
        raise not_theirs(caller, selection.rule, first[0])


async def _lot(desk: Desk, caller: Caller, act: BulkAct, size: int) -> None:
    """One lot: tell its orders, then note it. A crash in between repeats the lot, which tells nobody twice."""
    found = await reading_holds.standing(desk.pool, act.selection, act.reached, size)
    fates = {one.id: _fate(act.selection, caller, one) for one in found}
    meant = [one for one in found if fates[one.id] not in ("changed", "not_yours")]
    await _tell(desk, [_arrival(caller, act, one) for one in meant])
    done = Lot(
        before=act.reached,
        reached=found[-1].id if found else act.upto,
        streams=[one.stream_id for one in meant],
        changed=sum(fate == "changed" for fate in fates.values()),
        refused=sum(fate == "not_yours" for fate in fates.values()),
        last=len(found) < size,
    )
    await bulk.advance(desk.pool, act.id, done)


def _arrival(caller: Caller, act: BulkAct, one: Standing) -> Arrival:
    args = {"rule": act.rule, "act": act.id}
    if one.seen_at is not None:
        args["seen_at"] = one.seen_at.isoformat()
    event = OperatorActed("release_hold", caller.name, act.reason, args, caller.role)
    return _message(f"act:{act.id}", one.key, one.channel, event)


def _message(act: str, key: str, channel: str | None, event: OperatorActed) -> Arrival:
    return Arrival(
        connection=channel or key.rsplit("-", 1)[0],
        delivery_id=f"{act}:order:{key}"[:500],
        source="operator",
        topic=event.action,
        stream=StreamRef("order", key),
        body=encode_event(event),
        priority=BACKFILL,  # live orders pass
    )


async def _tell(desk: Desk, arrivals: Sequence[Arrival]) -> None:
    if arrivals:
        await desk.take(arrivals)
        await desk.wake("decide")


async def progress(desk: Desk, act_id: str) -> BulkProgress:
    """How far an act is. Raises ``Refusal(not_found)``."""
    act = await _act(desk, act_id)
    return BulkProgress(act, *await bulk.held_now(desk.pool, act.id, act.rule))


async def _act(desk: Desk, act_id: str) -> BulkAct:
    act = await bulk.act(desk.pool, act_id)
    if act is None:
        raise Refusal("not_found", f"There is no act '{act_id}'.")
    return act


async def recent(desk: Desk) -> list[BulkAct]:
    """The newest releases of many."""
    return await bulk.recent(desk.pool, RECENT)


async def _may_undo(desk: Desk, caller: Caller, act: BulkAct) -> None:
    """Refused, with an audit row, where the rule names others: it is taken back once, and orders would refuse it."""
    for one in await bulk.members(desk.pool, act.id, 0, 1):
        whole = await reading_orders.whole(desk.pool, one.stream_id)
        state = orders.state_of(whole) if whole is not None else None
        hold = state.holds.get(act.rule) if state is not None else None
        if hold is not None and not caller.releases(hold):
            await audit.append(desk.pool, caller.name, "holds.hold_again.refused", act.rule[:200])
            raise not_theirs(caller, act.rule, hold)


async def undo(desk: Desk, caller: Caller, act_id: str, reason: str) -> BulkProgress:
    """Hold again what the act released and the ERP has nothing of; the rest goes on. Asked for again, it goes on.

    Raises ``Refusal``: not_found, bad_request, not_allowed, conflict (it is still going on).
    """
    if not reason.strip():
        raise Refusal("bad_request", "Say why: the reason is kept with the act.")
    act = await _act(desk, act_id)
    if act.finished_at is None:
        raise Refusal(
            "conflict",
            "The release is not at its end. Go on with it first (on its page, or --resume), then take it back.",
        )
    await _may_undo(desk, caller, act)
    if await bulk.undo(desk.pool, act.id, caller.name):
        await audit.append(
            desk.pool, caller.name, "holds.hold_again", act.rule[:200], reason.strip(), {"act_id": act.id}
        )
    event = OperatorActed("hold", caller.name, reason.strip(), {"rule": act.rule, "act": act.id}, caller.role)
    after = 0
    while members := await bulk.members(desk.pool, act.id, after, LOT):
        await _tell(desk, [_message(f"undo:{act.id}", one.key, one.channel, event) for one in members])
        after = members[-1].stream_id
    return await progress(desk, act.id)
