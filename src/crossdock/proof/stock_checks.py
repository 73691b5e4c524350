"""I5: what the shop was told of stock, held against the ERP's books and the shop's own history.

A number that was set is **justified** if it is at most what was there, by the ERP's books at some moment since the last
round of positions that had time to arrive, less every order of the shop that is not cancelled and every sale at its
till. That goes for sales we had not heard of, too: a number is only set if the shop still shows what we know of.
ADR 0028 and the page about stock name what is not promised, and it is let pass here:

- the first number of a place overwrites what the channel had shown, and sales in it that are not known yet;
- a sale that is unknown for longer than the grace time may be taken for a change that somebody made;
- what people take away, or put on sale, is on sale or missing until it is read, and units that they put on sale hide as
  many that were sold and are not known yet.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.domain.commands import PublishStock
from crossdock.domain.events import decode_event
from crossdock.domain.stock_events import StockReserved
from crossdock.domain.stock_state import LevelTaken, PublishOpened, PublishSettled, decode_stock_entries
from crossdock.proof.bulk import positions
from crossdock.proof.clock import EPOCH
from crossdock.proof.plan import SHOP, Scenario
from crossdock.proof.shelves import units_of
from crossdock.proof.stock_plan import GRACE_S, LOCATION
from crossdock.simulators.shopify.stock import Change

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Found = list[tuple[str, str]]
_SOON_S = 3.0  # from an answered poll to a decision about it, when nothing stands still
_STANDING_STILL = ("pause", "crash", "sigterm", "store_down")
_STORE_S = 12.0  # a database that refuses or stalls, calls repeated included
_GRACE = timedelta(seconds=GRACE_S)


class Number(msgspec.Struct, frozen=True):
    """A number that was decided on. ``expected``: what the shop must be showing for it; None: whatever it shows."""

    sku: str
    version: int
    at: datetime
    expected: int | None


def stock_wrong(evidence: "Evidence") -> Found:
    """I5, all parts of it."""
    if evidence.scenario.stock is None:
        return []
    books = _Stock(evidence)
    return [*books.unjustified(), *books.overtaken(), *books.oversold(), *books.shown_otherwise()]


def waiting(evidence: "Evidence") -> bool:
    """Whether something about stock is still under way, or will be looked at again by itself."""
    if evidence.scenario.stock is None:
        return False
    books = evidence.books
    rows = [row for row in books.rows.values() if row.ref.kind == "stock" and row.version]
    # Without a position there is none that an order's booking could be seen in.
    seen = {sku for sku, _ in books.stock} - {row.ref.key for row in rows if row.status == "parked"}
    flying = any(one.committed_at is not None and one.sku in seen for one in books.reservations.values())
    return flying or any(row.status in ("open", "waiting") for row in rows)


def recoveries(evidence: "Evidence") -> Iterator[str]:
    """What the product did to come right, by its journal."""
    for entry in _entries(evidence):
        if isinstance(entry, PublishSettled) and entry.status == "stale":
            yield "stale_number_refused"
        elif isinstance(entry, LevelTaken) and entry.why == "believed":
            yield "lower_level_believed"
    yield from ("number_replaced" for one in evidence.books.commands.values() if one.command.instead_of)


def _entries(evidence: "Evidence") -> Iterator[Any]:
    books = evidence.books
    for row in books.rows.values():
        if row.ref.kind == "stock":
            for written in books.journal.get(row.id, []):
                yield from decode_stock_entries(written.entries)


def patience_s(scenario: Scenario) -> float:
    """How long what was read may take to be decided about, with everything that stands still in this run."""
    still = sum(blow.for_s + _SOON_S for blow in scenario.blows if blow.kind in _STANDING_STILL)
    store = any(kind.startswith(("store_", "commit_")) for kind in scenario.rates)
    return _SOON_S + still + _STORE_S * store


class _Stock:
    """One run's stock, from outside."""

    def __init__(self, evidence: "Evidence") -> None:
        self._evidence, self._shelves = evidence, evidence.vendors.shelves
        self._orders = {f"{SHOP}-{number}": one for number, one in evidence.vendors.shop.books_.orders.items()}
        self._changes = [one for one in evidence.vendors.shop.shelf.changes if one.location == int(LOCATION)]
        self._numbers = {(one.sku, one.version): one for one in self._decided()}
        self._heard = self._told()
        self._excused: dict[str, set[str]] = {}  # SKU -> orders that a number was allowed to pass over

    def _decided(self) -> Iterator[Number]:
        commands = self._evidence.books.commands
        for entry in _entries(self._evidence):
            if isinstance(entry, PublishOpened):
                payload = msgspec.json.decode(commands[entry.key].command.payload, type=PublishStock)
                yield Number(payload.sku, payload.version, entry.at, payload.expected)

    def _told(self) -> dict[tuple[str, str], datetime]:
        """(SKU, order) -> since when the SKU's stream can know of the order."""
        books, found = self._evidence.books, dict[tuple[str, str], datetime]()
        for number, message in sorted(books.messages.items()):
            if message.source == "tell" and books.streams_of_messages[number].kind == "stock":
                event = decode_event(message.body)
                if isinstance(event, StockReserved):
                    found.setdefault((event.sku, event.order), message.received_at)
        return found

    # -- each number -----------------------------------------------------------------------------------------------

    def unjustified(self) -> Found:
        """Numbers above what was there, and numbers about what nobody had counted."""
        known, found = positions(self._evidence), []
        for change in self._changes:
            number = self._numbers.get((change.sku, _version(change)))
            if number is None:
                found.append((change.sku, f"{change.after} was set, and never decided on ({change.document})"))
            elif change.sku not in known or known[change.sku] > number.at or change.sku in self._shelves.blank:
                found.append((change.sku, f"{change.after} was shown, though its stock is not known"))
            elif change.after > (most := max(0, self._most(number) - self._taken(change, number))):
                found.append((change.sku, f"v{number.version} showed {change.after}, no more than {most} were free"))
        return found

    def _most(self, number: Number) -> int:
        """The most that was there since the last round of positions that had time to arrive."""
        latest = (number.at - EPOCH).total_seconds() - patience_s(self._evidence.scenario)
        began = max((began for began, ended in self._evidence.rounds if ended <= latest), default=0.0)
        return self._shelves.most(number.sku, EPOCH + timedelta(seconds=began), number.at)

    def _taken(self, change: Change, number: Number) -> int:
        """What orders of the shop had taken when the number was set."""
        taken = 0
        for key, (at, units) in self._sales(change.sku).items():
            if at >= change.at:
                continue
            if self._passed_over(key, at, change, number):
                self._excused.setdefault(change.sku, set()).add(key)
            else:
                taken += self._holds(key, change.sku, units, change.at)
        return taken

    def _sales(self, sku: str) -> dict[str, tuple[datetime, int]]:
        """Orders and sales at the till: when, and how many of the SKU."""
        found = {key: (at, units) for key, (at, its, units) in self._shelves.tills.items() if its == sku}
        for key, at in self._shelves.placed.items():
            units = units_of(self._orders[key])[sku]
            if units and not self._orders[key]["test"]:
                found[key] = (at, units)
        return found

    def _passed_over(self, key: str, sold: datetime, change: Change, number: Number) -> bool:
        """Whether it is not promised that the number knows of the sale, or is refused because of it."""
        heard, restocked = self._heard.get((number.sku, key)), self._shelves.restocked.get(number.sku)
        if heard is not None and heard <= number.at:
            return False
        hidden = restocked is not None and restocked <= change.at
        return hidden or number.expected is None or sold <= number.at - _GRACE

    def _holds(self, key: str, sku: str, units: int, at: datetime) -> int:
        cancelled = self._shelves.cancelled.get(key)
        return self._shelves.left(key, sku) if cancelled is not None and cancelled <= at else units

    def overtaken(self) -> Found:
        """I5: of one place, versions only rise."""
        newest: dict[str, int] = {}
        found = []
        for change in self._changes:
            version = _version(change)
            if version <= newest.get(change.sku, 0):
                found.append((change.sku, f"v{version} was set after v{newest[change.sku]}"))
            newest[change.sku] = max(version, newest.get(change.sku, 0))
        return found

    # -- in the end ------------------------------------------------------------------------------------------------

    def oversold(self) -> Found:
        """Units sold that were not there, beyond what people took away and what is let pass. After ``unjustified``."""
        found = []
        for sku, told in self._shelves.ever.items():
            sold, now = self._sales(sku), self._evidence.ended
            over = sum(self._holds(key, sku, units, now) for key, (_, units) in sold.items()) - told[-1][1]
            let_pass = sum(sold[key][1] for key in self._excused.get(sku, ())) + self._shelves.taken_away[sku]
            if over > let_pass:
                found.append((sku, f"{over} sold that were not there; people account for {let_pass}"))
        return found

    def shown_otherwise(self) -> Found:
        """SKUs of which the shop does not show in the end what the ERP's books and open orders leave."""
        books, found = self._evidence.books, []
        settled = {row.ref.key: row.status for row in books.rows.values() if row.ref.kind == "stock" and row.version}
        if self._evidence.stuck:
            return []
        for sku in self._shelves.ever:
            shown = self._evidence.vendors.shop.shelf.levels.get((sku, int(LOCATION)))
            if shown is None or sku in self._shelves.blank or settled.get(sku) in ("parked", "exception"):
                continue
            least, most = self._free(sku)
            if not least <= shown <= most:
                found.append((sku, f"the shop shows {shown}, {most} are free"))
        return found

    def _free(self, sku: str) -> tuple[int, int]:
        """By the ERP's books and the orders that it does not have yet; the least where its word and ours differ on
        an order, which a person was told."""
        states, problems = self._evidence.states(), self._evidence.open_problems()
        reserved = doubted = 0
        for key, order in self._orders.items():
            state, units = states.get(key), units_of(order)[sku]
            if not units or state is None or state.order is None or state.ended in ("cancelled", "ignored"):
                continue
            if not self._shelves.booked(key):
                reserved += units
            elif problems.get(key):
                doubted += units
        free = (self._shelves.available(sku) - reserved).to_integral_value(ROUND_FLOOR)
        return max(0, int(free - Decimal(doubted))), max(0, int(free))


def _version(change: Change) -> int:
    return int(change.document.rpartition("/v")[2] or 0)
