"""Bugs in what comes in: webhooks and polls."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec

from crossdock.connectors.shopify import polls as shopify_polls
from crossdock.engine import verdict
from crossdock.engine.verdict import Translated
from crossdock.intake import app as intake_app
from crossdock.intake import polling
from crossdock.intake.app import Intake
from crossdock.intake.group_commit import GroupCommitter
from crossdock.kit.manifest import Connector, Refused, Untranslatable
from crossdock.proof import house
from crossdock.proof.plan import WAREHOUSE
from crossdock.proof.planted import Mutant
from crossdock.store.memory import MemoryStore
from crossdock.store.memory_rows import Books
from crossdock.store.protocol import CommitUnknown, Receipt

from .planting import connecting, instead


@contextmanager
def _ids_not_kept() -> Iterator[None]:
    accept = MemoryStore._accept

    def forgetful(self: MemoryStore, arrival: Any) -> Receipt:
        receipt = accept(self, arrival)
        for noted in (arrival.delivery_id, *arrival.also_ids):
            self.books.deliveries.discard((arrival.connection, noted))
        return receipt

    with instead(MemoryStore, _accept=forgetful):
        yield


@contextmanager
def _ids_kept_briefly() -> Iterator[None]:
    accept = MemoryStore._accept

    def forgetful(self: MemoryStore, arrival: Any) -> Receipt:
        noted = self.__dict__.setdefault("noted", {})
        for key, at in list(noted.items()):
            if (self._now() - at).total_seconds() > 0.6:
                del noted[key]
                self.books.deliveries.discard(key)
        receipt = accept(self, arrival)
        if not receipt.duplicate:
            noted.update({(arrival.connection, one): self._now() for one in (arrival.delivery_id, *arrival.also_ids)})
        return receipt

    with instead(MemoryStore, _accept=forgetful):
        yield


@contextmanager
def _noted_after_the_effect() -> Iterator[None]:
    accept = MemoryStore._accept

    def busy(books: Books) -> set[int]:
        sending = {books.commands[row.key].stream_id for row in books.dispatch.values()}
        return sending | {entry.stream_id for entry in books.agenda}

    def later(self: MemoryStore, arrival: Any) -> Receipt:
        unnoted, under_way = self.__dict__.setdefault("unnoted", {}), busy(self.books)
        for stream in [one for one in unnoted if one not in under_way]:
            self.books.deliveries |= unnoted.pop(stream)
        receipt = accept(self, arrival)
        if not receipt.duplicate:
            ids = {(arrival.connection, one) for one in (arrival.delivery_id, *arrival.also_ids)}
            self.books.deliveries -= ids
            unnoted.setdefault(self.books.stream(arrival.stream).id, set()).update(ids)
        return receipt

    with instead(MemoryStore, _accept=later):
        yield


@contextmanager
def _acknowledged_first() -> Iterator[None]:
    commit = GroupCommitter.commit

    async def hasty(self: GroupCommitter, arrival: Any) -> Receipt:
        later = asyncio.get_running_loop().create_task(commit(self, arrival))
        later.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return Receipt(1)

    with instead(GroupCommitter, commit=hasty):
        yield


@contextmanager
def _doubtful_is_done() -> Iterator[None]:
    async def trusting(self: GroupCommitter, arrivals: Any) -> list[Receipt]:
        try:
            return await self._store.accept(arrivals)
        except CommitUnknown:
            return [Receipt(1) for _ in arrivals]

    with instead(GroupCommitter, _accept=trusting):
        yield


def _unsigned(system: str, connector: Connector) -> Connector:
    if connector.webhook is None:
        return connector
    return msgspec.structs.replace(
        connector, webhook=msgspec.structs.replace(connector.webhook, verify=lambda headers, body, secrets: None)
    )


@contextmanager
def _stored_then_verified() -> Iterator[None]:
    identify = Intake._identify
    store = Intake._store

    def lenient(self: Intake, door: Any, headers: Any, body: bytes) -> Any:
        try:
            return identify(self, door, headers, body)
        except intake_app.Answered as refused:
            try:
                found = door.webhook.identify(door.connection, headers, body)
            except Refused:
                raise refused from None
            return msgspec.structs.replace(found, headers={**found.headers, "refused": "yes"})

    async def strict(self: Intake, arrival: Any) -> Receipt:
        receipt = await store(self, arrival)
        if "refused" in arrival.headers:
            raise intake_app.Answered("rejected_sig", intake_app.refusal("signature_invalid", "It is not.", 401))
        return receipt

    with instead(Intake, _identify=lenient, _store=strict):
        yield


@contextmanager
def _cursor_first() -> Iterator[None]:
    keep = polling._keep

    async def hasty(world: Any, run: Any, page: Any, trace: str, tally: Any) -> None:
        if page.cursor:
            await world.store.save_cursor(run.link.name, run.cursor, page.cursor)
        await keep(world, run, page, trace, tally)

    with instead(polling, _keep=hasty):
        yield


@contextmanager
def _own_clock_for_cursor() -> Iterator[None]:
    page_of = shopify_polls.orders

    async def by_our_clock(client: Any, cursor: str | None, options: Any) -> Any:
        page = await page_of(client, cursor, options)
        if page.more:
            return page
        now = client.line.now()
        return msgspec.structs.replace(page, cursor=msgspec.json.encode(shopify_polls.Cursor(now, now)).decode())

    def change(system: str, connector: Connector) -> Connector:
        if system != "shopify":
            return connector
        poll = msgspec.structs.replace(connector.polls["orders"], run=by_our_clock)
        return msgspec.structs.replace(connector, polls={**connector.polls, "orders": poll})

    with connecting(change) as given:
        yield given


@contextmanager
def _no_overlap() -> Iterator[None]:
    query = shopify_polls._query

    def exact(at: Any, overlap: Any) -> str:
        return query(at, overlap * 0)

    with instead(shopify_polls, _query=exact):
        yield


@contextmanager
def _swallowed() -> Iterator[None]:
    translate = verdict._translate

    def silent(world: Any, message: Any) -> Translated:
        try:
            return translate(world, message)
        except Untranslatable:
            return Translated(message, [])

    with instead(verdict, _translate=silent):
        yield


@contextmanager
def _replay_waits_for_ever() -> Iterator[None]:
    accept = MemoryStore._accept

    def later(self: MemoryStore, arrival: Any) -> Receipt:
        receipt = accept(self, arrival)
        if arrival.delivery_id.startswith("replay:") and not receipt.duplicate:
            last = self.books.agenda[-1]
            self.books.agenda[-1] = msgspec.structs.replace(last, due_at=last.due_at + timedelta(days=365))
        return receipt

    with instead(MemoryStore, _accept=later):
        yield


def _deaf(system: str, connector: Connector) -> Connector:
    if connector.webhook is None or system != house.SYSTEMS[WAREHOUSE]:
        return connector

    def refuse(headers: Any, body: Any, secrets: Any) -> None:
        raise Refused("signature_invalid", "It is not.")

    return msgspec.structs.replace(connector, webhook=msgspec.structs.replace(connector.webhook, verify=refuse))


MUTANTS = (
    Mutant(
        name="M4 dedupe after the effect",
        what="A webhook's id is kept when all that comes of it is done: one that comes again before is taken again.",
        plant=_noted_after_the_effect,
        profile="webhooks",
        within=10,
        caught_by=("I8",),
    ),
    Mutant(
        name="delivery ids not kept",
        what="A webhook that comes twice is taken twice: its id is not kept with the message.",
        plant=_ids_not_kept,
        profile="webhooks",
        within=5,
        caught_by=("I8",),
    ),
    Mutant(
        name="M5 acknowledged before the commit",
        what="The vendor is told 2xx as soon as the bytes are in memory.",
        plant=_acknowledged_first,
        profile="database",
        within=10,
        caught_by=("I8",),
    ),
    Mutant(
        name="M13 parse error swallowed",
        what="A message that cannot be read counts as one that says nothing.",
        plant=_swallowed,
        profile="drift",
        within=5,
        caught_by=("I19",),
    ),
    Mutant(
        name="delivery ids kept too briefly",
        what="Delivery ids are kept for less time than senders retry.",
        plant=_ids_kept_briefly,
        profile="webhooks",
        within=5,
        caught_by=("I8",),
    ),
    Mutant(
        name="doubtful commit counts as done",
        what="A COMMIT without an answer is taken for success, and the webhook acknowledged.",
        plant=_doubtful_is_done,
        profile="database",
        within=20,
        caught_by=("I8",),
    ),
    Mutant(
        name="signature not checked",
        what="Anybody may send orders.",
        plant=lambda: connecting(_unsigned),
        profile="forgery",
        within=5,
        caught_by=("I2", "I8"),
    ),
    Mutant(
        name="stored, then verified",
        what="A forged webhook is refused with 401, but its bytes are already on the agenda.",
        plant=_stored_then_verified,
        profile="forgery",
        within=5,
        caught_by=("I8",),
    ),
    Mutant(
        name="cursor before its page",
        what="A poll saves how far it is before what it found is durable.",
        plant=_cursor_first,
        profile="blind",
        within=60,
        caught_by=("I9", "I1a"),
    ),
    Mutant(
        name="cursor by our clock",
        what="A poll goes on from what our clock shows, not from the newest change that the vendor told.",
        plant=_own_clock_for_cursor,
        profile="blind",
        within=30,
        caught_by=("I9", "I1a"),
    ),
    Mutant(
        name="cursor without overlap",
        what="A poll begins exactly where the last one ended: what the vendor's search shows late is never found.",
        plant=_no_overlap,
        profile="blind",
        within=30,
        caught_by=("I9", "I1a"),
    ),
    Mutant(
        name="a replay waits for ever",
        what="What is told once more stays on the agenda and is never looked at.",
        plant=_replay_waits_for_ever,
        profile="calm",
        within=3,
        caught_by=("I10",),
    ),
    Mutant(
        name="deaf to one vendor",
        what="The warehouse's webhooks are refused like forged ones: polls find everything, late.",
        plant=lambda: connecting(_deaf),
        profile="calm",
        within=5,
        caught_by=("I8",),
    ),
)
