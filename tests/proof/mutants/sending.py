"""Bugs in what goes out: leases, fences, doubt, retries, limits."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import msgspec

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.shopify import fulfilling, relabelling
from crossdock.connectors.shopify import operations as pushing
from crossdock.domain.outcome import OutcomeUnknown, Rejected, RetryLater
from crossdock.engine import breaker, courier, disposal, quota, recording, sending
from crossdock.engine.courier import Courier
from crossdock.engine.disposal import Again, PauseConnection, Settle
from crossdock.engine.quota import QuotaHold
from crossdock.engine.recording import Recorder
from crossdock.engine.wakeups import Wake
from crossdock.kit.manifest import Connector, Repeat
from crossdock.proof import house
from crossdock.proof.plan import ERP
from crossdock.proof.planted import Mutant
from crossdock.proof.run import PATIENCE_S
from crossdock.store import memory
from crossdock.store.memory import MemoryStore
from crossdock.store.protocol import StoreUnavailable

from .planting import Connectors, connecting, instead, operations


def _blind(system: str, connector: Connector) -> Connector:
    """Without its look-ups."""
    return operations(connector, tuple(connector.operations), lambda _: {"look_up": None})


@contextmanager
def _no_settle() -> Iterator[None]:
    def at_once(outcome: Any, operation: Any, tries: int, jitter: float) -> Any:
        if operation.repeat is Repeat.UNSAFE or tries >= disposal.MAX_TRIES:
            return Settle(outcome)
        return Again(disposal.backoff_s(tries, jitter), check_first=operation.repeat is not Repeat.READ)

    with instead(disposal, _unknown=at_once):
        yield


_CLOCK: ContextVar[Any] = ContextVar("worker's clock", default=None)


@contextmanager
def _own_clock() -> Iterator[None]:
    start, claim = Courier._start, MemoryStore.claim_commands

    async def started(self: Courier, *given: Any, **named: Any) -> int:
        token = _CLOCK.set(self._link.line.now)
        try:
            return await start(self, *given, **named)
        finally:
            _CLOCK.reset(token)

    async def claimed(self: MemoryStore, *given: Any, **named: Any) -> Any:
        if _CLOCK.get() is None:
            return await claim(self, *given, **named)
        now, self._now = self._now, _CLOCK.get()
        try:
            return await claim(self, *given, **named)
        finally:
            self._now = now

    with instead(Courier, _start=started), instead(MemoryStore, claim_commands=claimed):
        yield


@contextmanager
def _short_lease() -> Iterator[None]:
    """The lease ends before the vendor's late commit is certain to show, and nothing is kept free at its end."""

    def change(system: str, connector: Connector) -> Connector:
        return operations(connector, tuple(connector.operations), lambda one: {"settle_s": 0.0})

    with instead(house, HURRY={"lease_s": 1.6}), connecting(change) as given:
        yield given


@contextmanager
def _no_fence() -> Iterator[None]:
    with instead(MemoryStore, _holds=lambda self, number, fence: number in self.books.dispatch):
        yield


@contextmanager
def _takes_over_unsuspecting() -> Iterator[None]:
    with instead(sending, in_doubt=lambda command: command.check_first and not command.expired):
        yield


@contextmanager
def _trusts_a_restored_database() -> Iterator[None]:
    with instead(sending, in_doubt=lambda command: command.check_first or command.expired):
        yield


@contextmanager
def _lease_not_watched() -> Iterator[None]:
    """What is left of the lease is not looked at before sending."""
    send = sending.Sender.send

    async def sent(self: Any, command: Any, operation: Any, left_s: float) -> Any:
        return await send(self, command, operation, 1e6)

    with instead(courier, LEASE_MARGIN=1e6), instead(sending.Sender, send=sent):
        yield


@contextmanager
def _unknown_is_no() -> Iterator[None]:
    dispose = disposal.dispose

    def hasty(outcome: Any, *rest: Any) -> Any:
        if isinstance(outcome, OutcomeUnknown):
            return Settle(Rejected(outcome.code, outcome.detail))
        return dispose(outcome, *rest)

    with instead(sending, dispose=hasty):
        yield


@contextmanager
def _retries_refusals() -> Iterator[None]:
    dispose = disposal.dispose

    def stubborn(outcome: Any, *rest: Any) -> Any:
        if isinstance(outcome, Rejected):
            outcome = RetryLater(outcome.detail, code=outcome.code)
        return dispose(outcome, *rest)

    with instead(sending, dispose=stubborn):
        yield


@contextmanager
def _retries_for_ever() -> Iterator[None]:
    with instead(disposal, MAX_TRIES=10**9), instead(sending, MAX_TRIES=10**9):
        yield


@contextmanager
def _gives_up_recording() -> Iterator[None]:
    """The first error of the store ends all recording."""

    async def fragile(self: Recorder, group: Any) -> None:
        try:
            await self._world.store.record(group)
        except StoreUnavailable:
            await asyncio.get_running_loop().create_future()
        await self._wake()

    with instead(recording.Recorder, _record=fragile):
        yield


@contextmanager
def _waits_for_wake_ups() -> Iterator[None]:
    async def trusting(self: Wake, at_most_s: float | None = None) -> None:
        await self._listen()
        await self._event.wait()
        self._event.clear()

    with instead(Wake, wait=trusting):
        yield


@contextmanager
def _breaker_stays_open() -> Iterator[None]:
    def shut(row: Any) -> int | None:
        if row.paused or row.breaker != "closed":
            return 0
        return None

    with instead(breaker, allowance=shut):
        yield


@contextmanager
def _rest_ignored() -> Iterator[None]:
    async def unheard(self: QuotaHold, seconds: float) -> None:
        return None

    with instead(QuotaHold, throttle=unheard):
        yield


@contextmanager
def _rest_of_the_erp_only() -> Iterator[None]:
    throttle = QuotaHold.throttle

    async def partly(self: QuotaHold, seconds: float) -> None:
        if self._account == ERP:
            await throttle(self, seconds)

    with instead(QuotaHold, throttle=partly):
        yield


@contextmanager
def _rest_kept_to_himself() -> Iterator[None]:
    with instead(quota, SHARED_REST_S=math.inf):
        yield


@contextmanager
def _rest_of_others_unheeded() -> Iterator[None]:
    async def never(self: MemoryStore, account: str) -> float:
        return 0.0

    with instead(MemoryStore, resting_s=never):
        yield


@contextmanager
def _slots_never_free() -> Iterator[None]:
    acquire = MemoryStore.acquire_slots

    async def hoarding(
        self: MemoryStore, account: str, worker: str, want: int, limit: int, lease_s: float, **rest: Any
    ) -> int:
        return await acquire(self, account, worker, want, limit, 1e9, **rest)

    async def keep(self: MemoryStore, account: str, worker: str) -> None:
        return None

    with instead(MemoryStore, acquire_slots=hoarding, release_slots=keep), instead(memory, lease_of=lambda held, s: s):
        yield


@contextmanager
def _tells_lost() -> Iterator[None]:
    """What a read-back found for another stream is not stored with the outcome."""
    record = MemoryStore._record

    def forgetful(self: MemoryStore, one: Any) -> bool:
        return record(self, msgspec.structs.replace(one, tells=()))

    with instead(MemoryStore, _record=forgetful):
        yield


@contextmanager
def _told_unseen() -> Iterator[None]:
    async def nothing(*_: Any) -> dict[str, dict[str, int]]:
        return {}

    with instead(pushing, _told=nothing):
        yield


@contextmanager
def _relabelled_unseen() -> Iterator[None]:
    async def all_of_it(client: Any, payload: Any, one: Any) -> dict[str, Any]:
        return fulfilling.tracking(set(await client.fulfilled_lines(one.id)), payload.shipment.packages)

    with instead(relabelling, _wanted=all_of_it):
        yield


@contextmanager
def _written_by_a_poll() -> Iterator[Connectors]:
    """To the letter what is there already, so that no book shows it."""

    def change(system: str, connector: Connector) -> Connector:
        if system != house.SYSTEMS[ERP]:
            return connector
        listed = connector.polls["items"].run

        async def meddling(client: Any, cursor: str | None, options: Any) -> Any:
            page = await listed(client, cursor, options)
            with suppress(Stopped):
                await client._write("PATCH", "/salesOrder/eid:none", {"memo": "read"})
            return page

        poll = msgspec.structs.replace(connector.polls["items"], run=meddling)
        return msgspec.structs.replace(connector, polls={**connector.polls, "items": poll})

    with connecting(change) as given:
        yield given


@contextmanager
def _outage_pauses() -> Iterator[None]:
    dispose = disposal.dispose

    def hasty(outcome: Any, *rest: Any) -> Any:
        if isinstance(outcome, RetryLater):
            return PauseConnection(f"{outcome.code}: {outcome.detail}")
        return dispose(outcome, *rest)

    with instead(sending, dispose=hasty):
        yield


MUTANTS = (
    Mutant(
        name="M1 no look-up",
        what="After an unknown outcome the write is simply sent again.",
        plant=lambda: connecting(_blind),
        profile="answers",
        within=10,
        caught_by=("I1b",),
    ),
    Mutant(
        name="M2 no settle time",
        what="After an unknown outcome the vendor is searched at once, while its late commit is still to come.",
        plant=_no_settle,
        profile="late",
        within=50,
        caught_by=("I1b",),
    ),
    Mutant(
        name="M3 leases by the worker's clock",
        what="A lease is written and judged by the clock of whoever claims.",
        plant=_own_clock,
        profile="clocks",
        within=40,
        caught_by=("I12", "I1b"),
    ),
    Mutant(
        name="M3b lease shorter than the late commit",
        what="Who takes over looks for an effect that can still come.",
        plant=_short_lease,
        profile="torn",
        within=100,
        caught_by=("I1b",),
    ),
    Mutant(
        name="M6 fence not compared",
        what="An outcome is taken from whoever brings it, as long as the command is still to be sent.",
        plant=_no_fence,
        profile="torn",
        within=30,
        caught_by=("I6",),
    ),
    Mutant(
        name="M8 refusals are repeated",
        what="What the vendor refuses for good is treated like an outage.",
        plant=_retries_refusals,
        profile="refusals",
        within=10,
        caught_by=("I15",),
    ),
    Mutant(
        name="M14 retries have no end",
        what="A command that never succeeds is sent for ever.",
        plant=_retries_for_ever,
        profile="refusals",
        patience_s=PATIENCE_S,
        within=10,
        caught_by=("I22",),
    ),
    Mutant(
        name="taken over without suspicion",
        what="A command whose worker died is sent like a fresh one.",
        plant=_takes_over_unsuspecting,
        profile="torn",
        within=50,
        caught_by=("I1b",),
    ),
    Mutant(
        name="lost time forgotten",
        what="After the database was put back, what it knows nothing of is sent as if it had never been sent.",
        plant=_trusts_a_restored_database,
        profile="restored",
        within=20,
        caught_by=("I1b",),
    ),
    Mutant(
        name="lease not watched",
        what="Nobody looks whether the lease still runs when a request leaves.",
        plant=_lease_not_watched,
        profile="stalls",
        within=50,
        caught_by=("I12",),
    ),
    Mutant(
        name="unknown counts as refused",
        what="A call without an answer is told to the order as a refusal.",
        plant=_unknown_is_no,
        profile="late",
        within=10,
        caught_by=("I1c", "I17"),
    ),
    Mutant(
        name="recording ends at the first error",
        what="An error of the database ends the recording of outcomes in that process.",
        plant=_gives_up_recording,
        profile="database",
        within=20,
        caught_by=("I10", "I22"),
    ),
    Mutant(
        name="wake-ups without polling",
        what="Work is only looked for after a wake-up.",
        plant=_waits_for_wake_ups,
        profile="silence",
        within=10,
        caught_by=("I10",),
    ),
    Mutant(
        name="breaker stays open",
        what="A tripped breaker lets no probe through.",
        plant=_breaker_stays_open,
        profile="outage",
        within=20,
        caught_by=("I10",),
    ),
    Mutant(
        name="Retry-After ignored",
        what="A refused call does not let the account rest.",
        plant=_rest_ignored,
        profile="limits",
        within=10,
        caught_by=("I15",),
    ),
    Mutant(
        name="only the ERP may rest",
        what="A refused call lets the ERP rest, but neither the shop nor the warehouse.",
        plant=_rest_of_the_erp_only,
        profile="limits",
        within=10,
        caught_by=("I15",),
    ),
    Mutant(
        name="a rest kept to himself",
        what="Who is told to let a vendor rest tells no other process.",
        plant=_rest_kept_to_himself,
        profile="rests",
        within=10,
        caught_by=("I15",),
    ),
    Mutant(
        name="another's rest unheeded",
        what="A process lets a vendor rest only when it was told so itself.",
        plant=_rest_of_others_unheeded,
        profile="rests",
        within=10,
        caught_by=("I15",),
    ),
    Mutant(
        name="slots never given back",
        what="A dead worker keeps its share of the account's concurrency for ever.",
        plant=_slots_never_free,
        profile="crashes",
        within=10,
        caught_by=("I10",),
    ),
    Mutant(
        name="read-back not told",
        what="What was read back is not told to the order's stream.",
        plant=_tells_lost,
        profile="silence",
        within=10,
        caught_by=("I9", "I1a"),
    ),
    Mutant(
        name="told without a look",
        what="After a lost answer a shipment is told the shop again, whether the shop shows it or not.",
        plant=_told_unseen,
        profile="answers",
        within=100,
        caught_by=("I18",),
    ),
    Mutant(
        name="relabelled without a look",
        what="After a lost answer the shop is told a shipment's new numbers again: its customer gets the mail twice.",
        plant=_relabelled_unseen,
        profile="answers",
        within=120,
        caught_by=("I18",),
    ),
    Mutant(
        name="a poll writes",
        what="The poll of the ERP's items marks what it has read there: outside of any command, and of any lease.",
        plant=_written_by_a_poll,
        profile="calm",
        within=1,
        caught_by=("I12",),
    ),
    Mutant(
        name="an outage pauses the connection",
        what="A vendor that is away stops its connection until a person comes, who finds nothing to mend.",
        plant=_outage_pauses,
        profile="outage",
        within=10,
        caught_by=("I10",),
    ),
)
