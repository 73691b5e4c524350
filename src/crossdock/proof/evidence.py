"""What a run leaves to be judged by: the vendors' own books, our tables, and what was seen on the way."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.domain.commands import ReadBack
from crossdock.domain.decision import StreamRef
from crossdock.domain.entries import decode_entries
from crossdock.domain.state import decode_state
from crossdock.domain.stock_state import decode_stock_entries
from crossdock.proof.asking import changes
from crossdock.proof.clock import EPOCH
from crossdock.proof.consequences import Pace
from crossdock.proof.exchanges import whole_of
from crossdock.proof.network import Serving
from crossdock.proof.plan import SHOP, OrderPlan, Scenario
from crossdock.proof.process import RUNNING
from crossdock.proof.tables import Tables
from crossdock.proof.vendors import Vendors
from crossdock.simulators.base import Request
from crossdock.store.memory_rows import Books


class Violation(msgspec.Struct, frozen=True):
    """A promise that was broken. ``order``: whose story to tell."""

    invariant: str
    order: str
    detail: str


class Stand(msgspec.Struct, frozen=True):
    """What a replay may not change, each by order: documents, where it is, and what was asked of vendors for it."""

    effects: dict[str, Any]
    states: dict[str, Any]
    commands: dict[str, frozenset[str]]


class Evidence:
    """What the invariants look at."""

    def __init__(self, scenario: Scenario, tables: Tables, vendors: Vendors) -> None:
        self.scenario, self.tables, self.vendors = scenario, tables, vendors
        self.found: list[Violation] = []
        self.stuck = False
        self._before: Stand | None = None  # as everything stood, while the inbox is replayed
        self.plans: dict[str, OrderPlan] = {}  # what people do to each order
        self.pace = Pace()
        self.rounds: list[tuple[float, float]] = []  # when a poll of all the ERP's stock began and ended
        self.ended = EPOCH
        self.gone: set[bytes] = set()  # what was taken, and lost with the time that a restored database lost
        self.forgot: set[str] = set()  # the names of such deliveries: what they said another may have said before
        self.lost: set[str] = set()  # the same of orders: those that lived in it

    @property
    def books(self) -> Books:
        """All tables, as they stand now."""
        return self.tables.books

    def seen(self, invariant: str, order: str, detail: str) -> None:
        """Something that was wrong while it happened."""
        self.found.append(Violation(invariant, order, detail))

    # -- while it runs -----------------------------------------------------------------------------------------

    def leaves(self, serving: Serving | None, vendor: str, asked: Request, now: datetime) -> None:
        """I12: what changes anything there leaves for a command only, under a committed intent and its sender's lease
        that still runs."""
        if self._before is not None and changes(asked):
            what = serving.key if serving is not None else f"{asked.method} {asked.path}"
            self.seen("I7", what.partition("/")[0], f"the replay sent {what} to {vendor}")
        if serving is None:
            if changes(asked):
                self.seen(
                    "I12", "", f"{asked.method} {asked.path} was sent to {vendor} for no command: {asked.body!r:.200}"
                )
            return
        opened = self.books.commands.get(serving.key)
        row = self.books.dispatch.get(opened.id) if opened else None
        order, process = serving.key.partition("/")[0], RUNNING.get()
        if opened is None or row is None or not row.leased:
            self.seen("I12", order, f"{serving.key} was sent without a lease")
        elif row.due_at < now:
            self.seen("I12", order, f"{serving.key} was sent after its lease had ended")
        elif process is not None and process.holds.get(opened.id) != row.fence:
            self.seen("I12", order, f"{serving.key} was sent by {process.name} under another's lease")
        else:
            leased = process.leased.get(opened.id) if process is not None else None
            self._rests(serving, vendor, row.fence, leased, (now - EPOCH).total_seconds())

    def _rests(self, serving: Serving, vendor: str, fence: int, leased: float | None, now: float) -> None:
        """I15: who was told to let a vendor rest does, tells the others, and they do."""
        order = serving.key.partition("/")[0]
        if self.pace.too_soon(vendor, (serving.key, fence), now, now if leased is None else leased):
            self.seen("I15", order, f"{serving.key} was begun while {vendor} had asked for rest")
        elif (who := self.pace.kept_to_himself(vendor, now)) is not None:
            self.seen("I15", order, f"{vendor} asked {who} for rest, who told nobody, and {serving.key} was sent")

    def polls(self, vendor: str, poll: str, now: datetime) -> None:
        """I15: no page is asked for while its vendor rests."""
        if self.pace.rests(vendor, (now - EPOCH).total_seconds()):
            self.seen("I15", vendor, f"{poll} was polled while {vendor} had asked for rest")

    def forgotten(self, before: Books) -> None:
        """The database was put back: what it had taken since is gone."""
        kept = {message.body for message in self.books.messages.values()}
        self.gone |= {message.body for message in before.messages.values()} - kept
        self.forgot |= {name for _, name in before.deliveries - self.books.deliveries}
        self.pace.forgotten()
        known = _lives(self.books)
        self.lost |= {_order_of(ref) for ref, was in _lives(before).items() if was != known.get(ref)}

    def lived_in_lost_time(self, key: str) -> bool:
        """Whether anything was done, or under way, for an order in time that a restored database lost."""
        return whole_of(key) in self.lost

    def before_replay(self) -> None:
        """From now on, nothing is to come of anything."""
        self._before = self._stand()

    def after_replay(self) -> None:
        """I7: nothing outside changed, and nothing inside. What was sent without changing anything, ``leaves`` saw."""
        before, self._before = self._before, None
        if before is None:
            return
        now = self._stand()
        for name in Stand.__struct_fields__:
            was, is_ = getattr(before, name), getattr(now, name)
            for key in sorted(was.keys() | is_.keys()):
                if was.get(key) != is_.get(key):
                    self.seen("I7", key, f"the replay changed {name}: {_apart(was.get(key), is_.get(key))}")

    def _stand(self) -> Stand:
        return Stand(self._effects(), self._states(), self._opened())

    def _opened(self) -> dict[str, frozenset[str]]:
        """Order -> keys of its commands, but for those that only read: a signal that comes again is looked into."""
        found: dict[str, set[str]] = defaultdict(set)
        for key, opened in self.books.commands.items():
            if opened.command.purpose != ReadBack.purpose:
                found[key.partition("/")[0]].add(key)
        return {key: frozenset(keys) for key, keys in found.items()}

    def _effects(self) -> dict[str, Any]:
        """Order -> the documents that each vendor has of it."""
        books = self.vendors.books()
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for one in books["shop"]["orders"]:
            found[f"{SHOP}-{one['id']}"]["fulfilments in the shop"] += len(one["fulfillments"])
        for name, key in (
            ("sales_orders", "external_id"),
            ("fulfilments", "order_external_id"),
            ("invoices", "order_external_id"),
            ("credit_memos", "memo"),
        ):
            for document in books["erp"][name]:
                found[str(document[key]).partition(" refund ")[0]][f"{name} in the ERP"] += 1
        for entry in books["erp"]["journal_entries"]:
            found[str(entry["external_id"]).replace("-SETTLEMENT-", "-")]["journal entries"] += 1
        for release in books["warehouse"]["orders"]:
            found[str(release["partner_order_id"])]["releases"] += 1
        for expected in books["warehouse"]["returns"]:
            found[str(expected["order"])]["returns at the warehouse"] += 1
        for receipt in books["erp"]["item_receipts"]:
            found[whole_of(str(receipt["external_id"]))]["receipts in the ERP"] += 1
        for sku in self.vendors.shelves.ever:
            for place, level in books["shop"]["stock"].get(sku, {}).items():
                found[sku][f"shown at {place}"] = level
            found[sku]["numbers"] = sum(key.startswith(f"stock:{sku}/") for key in self.books.commands)
        return dict(found)

    def _states(self) -> dict[str, Any]:
        return {
            row.ref.key: (row.status, row.step)
            for row in self.books.rows.values()
            if row.ref.kind == "order" and row.version
        }

    def outcome(self) -> dict[str, str]:
        """Order -> where it ended and which documents the vendors have of it, whatever the way there."""
        effects, states = self._effects(), self._states()
        return {
            key: f"{' at '.join(filter(None, states.get(key, ())))}; {dict(sorted(effects.get(key, {}).items()))}"
            for key in sorted(effects.keys() | states.keys())
        }

    # -- afterwards --------------------------------------------------------------------------------------------

    @property
    def streams_of_messages(self) -> dict[int, StreamRef]:
        return self.books.streams_of_messages

    def will_be_cured(self) -> bool:
        """Whether an order only lacks masters, and is looked at again when they come."""
        codes = self.open_problems()
        lacking = {self.books.rows[place[0]].ref.key for place in self.books.wanted}
        return any(set(codes[key]) == {"product.unknown"} for key in lacking if key in codes)

    def open_problems(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for finding in self.books.exceptions:
            if finding.settled_by is None:
                found[self.books.rows[finding.stream_id].ref.key].append(finding.problem.code)
        return found

    def kept(self) -> bytes:
        """Our journals and the vendors' books: what two equal runs have in common."""
        books = self.books
        journals = [
            (row.ref.key, [one.entries for one in books.journal.get(row.id, [])]) for row in books.rows.values()
        ]
        return repr((journals, self.vendors.books())).encode()

    def journal(self, order: str) -> list[str]:
        """One order's journal, a line for each entry."""
        books = self.books
        return [
            f"{written.version:4}  {books.messages[written.cause].topic}: {entry}"[:400]
            for row in books.rows.values()
            if row.ref.key == order and row.ref.kind in _JOURNALS
            for written in books.journal.get(row.id, [])
            for entry in _JOURNALS[row.ref.kind](written.entries)
        ]

    def states(self) -> dict[str, Any]:
        return {
            row.ref.key: decode_state(row.state)
            for row in self.books.rows.values()
            if row.ref.kind == "order" and row.state
        }


_JOURNALS: Mapping[str, Callable[[bytes], list[Any]]] = {"order": decode_entries, "stock": decode_stock_entries}


def _apart(was: Any, now: Any) -> str:
    if isinstance(now, frozenset):
        return f"{', '.join(sorted(now - (was or frozenset())))} came"
    return f"{was} became {now}"


def _lives(books: Books) -> dict[StreamRef, Any]:
    """Stream -> how far it is, and what of it is under way."""
    found: dict[StreamRef, list[Any]] = {row.ref: [row.version] for row in books.rows.values()}
    for number, ref in books.streams_of_messages.items():
        found[ref].append(number)
    keys = {opened.id: books.rows[opened.stream_id].ref for opened in books.commands.values()}
    for attempt in books.attempts:
        found[keys[attempt.command_id]].append((attempt.fence, attempt.outcome))
    for number, row in books.dispatch.items():
        # what is under way may have been done at any time: it is like nothing, not even itself
        found[keys[number]].append(object() if row.leased else (number, row.fence))
    return {ref: tuple(life) for ref, life in found.items()}


def _order_of(ref: StreamRef) -> str:
    """A signal about an order counts for the order: ``shop:order:77`` is ``shop-77``."""
    source, _, rest = ref.key.partition(":")
    return f"{source}-{rest.rpartition(':')[2]}" if ref.kind == "signal" else whole_of(ref.key)
