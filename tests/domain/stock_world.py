"""A small world around one SKU's stream: channels that compare and swap, an ERP that is slow, and mail that is late.

The channels and the ERP count for themselves; what they sold is compared with what was ever there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from tests.domain.factories import NOON

from crossdock.domain.commands import Command, PublishStock
from crossdock.domain.decision import Context, Decision, Policy
from crossdock.domain.events import CommandSettled, Event, TimerFired
from crossdock.domain.outcome import Conflict, Done, Outcome
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.stock_decider import STALE, STOCK
from crossdock.domain.stock_events import LevelSeen, PositionSeen, StockReserved
from crossdock.domain.stock_state import StockState, decode_stock_entries

SKU, ERP, AT = "SKU-1", "erp", "101"


def route(channel: str, stock: StockPolicy | None = None) -> Policy:
    plain = StockPolicy(locations={AT: StockLocation(sources=("1",))})
    return Policy(channel, ERP, stock=plain if stock is None else stock)


class Stream:
    """The stock stream alone. Every state is checked against its journal, as stored."""

    def __init__(self, routes: Mapping[str, Policy], sku: str = SKU) -> None:
        self.routes, self.sku = routes, sku
        self.state: StockState = STOCK.blank()
        self.now = NOON
        self.commands: dict[str, Command] = {}
        self.timers: dict[str, datetime] = {}
        self.decisions: list[Decision] = []

    def tell(self, event: Event) -> Decision:
        decision = STOCK.decide(self.state, event, Context(self.now, self.routes, {}, lambda _: []))
        entries = decode_stock_entries(STOCK.store_entries(decision.entries))
        folded = STOCK.evolve(self.state, entries)
        assert folded == decision.after
        self.state = STOCK.load(STOCK.store(folded))
        assert self.state == folded
        for command in decision.commands:
            assert command.key not in self.commands
            self.commands[command.key] = command
        for timer in decision.timers:
            assert timer.due_at is not None
            self.timers[timer.name] = timer.due_at
        self.decisions.append(decision)
        return decision

    def position(
        self, on_hand: int, committed: int = 0, location: str = "1", as_of: datetime | None = None
    ) -> Decision:
        at = self.now if as_of is None else as_of
        return self.tell(PositionSeen(ERP, location, self.sku, Decimal(on_hand), Decimal(committed), at))

    def reserve(self, order: str, quantity: int, channel: str = "a", status: str = "reserved") -> Decision:
        units = Decimal(quantity)
        return self.tell(StockReserved(self.sku, order, channel, units, status, units))

    def level(self, quantity: int, channel: str = "a", as_of: datetime | None = None) -> Decision:
        return self.tell(LevelSeen(channel, AT, self.sku, quantity, self.now if as_of is None else as_of))

    def settle(self, key: str, outcome: Outcome | None = None) -> Decision:
        return self.tell(CommandSettled(key, "stock.publish", self.commands[key].target, outcome or Done()))  # type: ignore[arg-type]

    def last(self, channel: str = "a") -> PublishStock:
        found = [command.payload for command in self.commands.values() if command.target == channel]
        assert isinstance(found[-1], PublishStock)
        return found[-1]

    def settle_last(self, channel: str = "a", outcome: Outcome | None = None) -> Decision:
        return self.settle([key for key, one in self.commands.items() if one.target == channel][-1], outcome)

    def fire(self) -> None:
        """Let time pass until the next alarm, and let it ring."""
        name = min(self.timers, key=lambda one: self.timers[one])
        self.now = max(self.now, self.timers.pop(name))
        self.tell(TimerFired(name))


class Dispatched(msgspec.Struct):
    key: str
    sent: bool = False


class World:
    """Everything around the stream. Each method is one thing that may happen next."""

    def __init__(self, on_hand: int, channels: str, stock: StockPolicy | None = None) -> None:
        self.stream = Stream({name: route(name, stock) for name in channels})
        self.on_hand, self.booked = on_hand, 0
        self.levels = dict.fromkeys(channels, 0)
        self.sold = dict.fromkeys(channels, 0)
        self.orders: list[tuple[str, str, int]] = []  # on their way to us
        self.taken: list[tuple[str, str, int]] = []  # reserved, to be booked
        self.settling: list[tuple[str, str, int]] = []  # booked; we do not know yet
        self.positions: list[PositionSeen] = []  # read; on their way to us
        self.queue: list[Dispatched] = []
        self.answers: list[tuple[str, Outcome, LevelSeen | None]] = []
        self.keys: dict[str, Outcome] = {}  # what a channel remembers of repeated calls
        self.numbers = 0

    @property
    def total(self) -> int:
        return sum(self.sold.values())

    def pass_time(self, seconds: float) -> None:
        self.stream.now += timedelta(seconds=seconds)
        for name in [name for name, at in self.stream.timers.items() if at <= self.stream.now]:
            del self.stream.timers[name]
            self.tell(TimerFired(name))

    def tell(self, event: Event) -> None:
        """What the store does with what follows: an unsent number is replaced in its place, a sent one is not."""
        for command in self.stream.tell(event).commands:
            if command.instead_of is None:
                self.queue.append(Dispatched(command.key))
            for one in self.queue:
                if one.key == command.instead_of and not one.sent:
                    one.key = command.key

    def sell(self, channel: str, quantity: int) -> None:
        part = min(quantity, self.levels[channel])
        if part:
            self.levels[channel] -= part
            self.sold[channel] += part
            self.numbers += 1
            self.orders.append((f"o{self.numbers}", channel, part))

    def order_comes(self, nth: int) -> None:
        if self.orders:
            order, channel, part = self.orders.pop(nth % len(self.orders))
            self.tell(StockReserved(SKU, order, channel, Decimal(part), "reserved", Decimal(part)))
            self.taken.append((order, channel, part))

    def book(self, nth: int) -> None:
        if self.taken:
            order = self.taken.pop(nth % len(self.taken))
            self.booked += order[2]
            self.settling.append(order)

    def booking_is_told(self, nth: int) -> None:
        if self.settling:
            order, channel, part = self.settling.pop(nth % len(self.settling))
            self.tell(StockReserved(SKU, order, channel, Decimal(part), "committed", Decimal(part)))

    def read_position(self) -> None:
        on_hand, booked = Decimal(self.on_hand), Decimal(self.booked)
        self.positions.append(PositionSeen(ERP, "1", SKU, on_hand, booked, self.stream.now))

    def position_comes(self, nth: int) -> None:
        if self.positions:
            self.tell(self.positions.pop(nth % len(self.positions)))

    def send(self, nth: int) -> None:
        """A number reaches its channel, for the first time or once more; the answer is on its way, or lost."""
        if not self.queue:
            return
        one = self.queue[nth % len(self.queue)]
        one.sent = True
        command = self.stream.commands[one.key]
        assert isinstance(command.payload, PublishStock)
        outcome = self.keys.get(one.key) or self._swap(command.target, command.payload)
        self.keys[one.key] = outcome
        seen = None
        if isinstance(outcome, Conflict):
            seen = LevelSeen(command.target, AT, SKU, self.levels[command.target], self.stream.now)
        if nth % 3:
            self.queue.remove(one)
            self.answers.append((one.key, outcome, seen))

    def _swap(self, channel: str, asked: PublishStock) -> Outcome:
        if asked.expected is not None and asked.expected != self.levels[channel]:
            return Conflict(STALE, f"shows {self.levels[channel]}, not {asked.expected}")
        self.levels[channel] = asked.quantity
        return Done()

    def answer_comes(self, nth: int) -> None:
        if self.answers:
            key, outcome, seen = self.answers.pop(nth % len(self.answers))
            target = self.stream.commands[key].target
            self.tell(CommandSettled(key, "stock.publish", target, outcome))  # type: ignore[arg-type]
            if seen is not None:
                self.tell(seen)

    def compare(self) -> None:
        """The scheduled full compare."""
        for channel, level in self.levels.items():
            self.tell(LevelSeen(channel, AT, SKU, level, self.stream.now))

    def settle_down(self) -> None:
        """Everything that is on its way arrives, nothing more is sold."""
        for _ in range(15):
            while self.orders or self.taken or self.settling or self.queue or self.answers:
                self.order_comes(0)
                self.book(0)
                self.booking_is_told(0)
                self.send(1)
                self.answer_comes(0)
            self.pass_time(70.0)
            self.read_position()
            while self.positions:
                self.position_comes(0)
            self.compare()
