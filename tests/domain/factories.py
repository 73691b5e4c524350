"""Orders, shipments and a small world for tests: say what matters, the rest is filled in and always balances."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from crossdock.domain.commands import Command
from crossdock.domain.decision import Context, CustomerMaster, Decision, HoldHit, Policy, ProductMaster
from crossdock.domain.entries import Entry, decode_entries
from crossdock.domain.events import (
    CommandSettled,
    Event,
    InvoiceSeen,
    OperatorActed,
    OrderSeen,
    ShipmentSeen,
    TimerFired,
)
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.money import NOTHING, Amount, exponent
from crossdock.domain.order import (
    Address,
    Charge,
    ChargeKind,
    Discount,
    LineKind,
    Order,
    OrderLine,
    Party,
    PaymentStatus,
    TaxLine,
    Totals,
)
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Done
from crossdock.domain.pricing import PriceMaster
from crossdock.domain.state import OrderState

Changed = TypeVar("Changed", bound=msgspec.Struct)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHANNEL, ERP, WAREHOUSE = "shop1", "erp1", "wms1"


def money(value: str | int | Decimal) -> Amount:
    return Amount(Decimal(value))


def line(
    id_: str = "1",
    *,
    sku: str | None = "SKU-1",
    quantity: str | int | Decimal = 1,
    price: str | Decimal = "10.00",
    discount: str | Decimal | None = None,
    tax: str | Decimal | None = None,
    rate: str | None = None,
    kind: LineKind = LineKind.ITEM,
    **more: Any,
) -> OrderLine:
    return OrderLine(
        id=id_,
        title=f"Product {id_}",
        quantity=Decimal(quantity),
        unit_price=money(price),
        sku=sku,
        kind=kind,
        discounts=() if discount is None else (Discount(money(discount)),),
        taxes=() if tax is None else (TaxLine(money(tax), "VAT", None if rate is None else Decimal(rate)),),
        requires_shipping=more.pop("requires_shipping", kind is LineKind.ITEM),
        **more,
    )


def shipping(price: str | Decimal = "5.00", *, tax: str | Decimal | None = None, code: str = "standard") -> Charge:
    taxes = () if tax is None else (TaxLine(money(tax), "VAT"),)
    return Charge(ChargeKind.SHIPPING, "Shipping", money(price), id="s1", code=code, taxes=taxes)


def totals_of(
    lines: Iterable[OrderLine], charges: Iterable[Charge], inclusive: bool, rounding: Amount = NOTHING
) -> Totals:
    """What an honest channel would state."""
    lines, charges = list(lines), list(charges)
    gross = sum((each.quantity * each.unit_price.shop for each in lines), Decimal(0))
    charged = sum((each.amount.shop for each in charges), Decimal(0))
    parts: list[OrderLine | Charge] = [*lines, *charges]
    off = sum((discount.amount.shop for each in parts for discount in each.discounts), Decimal(0))
    tax = sum((one.amount.shop for each in parts for one in each.taxes), Decimal(0))
    total = gross + charged - off + rounding.shop + (Decimal(0) if inclusive else tax)
    return Totals(Amount(total), Amount(gross), Amount(off), Amount(tax), Amount(charged), rounding)


def order(
    *,
    lines: Iterable[OrderLine] | None = None,
    charges: Iterable[Charge] | None = None,
    age_s: float = 0.0,
    inclusive: bool = False,
    totals: Totals | None = None,
    rounding: Amount = NOTHING,
    **more: Any,
) -> Order:
    """One order as its channel shows it; ``age_s``: how long after NOON this view was made."""
    lines = (line(),) if lines is None else tuple(lines)
    charges = () if charges is None else tuple(charges)
    fields: dict[str, Any] = {
        "channel": CHANNEL,
        "external_id": "1001",
        "number": "#1042",
        "placed_at": NOON,
        "updated_at": NOON + timedelta(seconds=age_s),
        "currency": "EUR",
        "payment_status": PaymentStatus.PAID,
        "customer": Party(external_id="7", name="Ada Example", email="ada@example.com"),
        "ship_to": Address(name="Ada Example", line1="1 High Street", city="Melbourne", country_code="AU"),
        "region": "AU",
    }
    fields.update(more)
    totals = totals_of(lines, charges, inclusive, rounding) if totals is None else totals
    return Order(lines=lines, charges=charges, totals=totals, tax_inclusive=inclusive, **fields)


def five_lines(**more: Any) -> Order:
    """The order that speed is measured with: five taxed, partly discounted lines and shipping."""
    lines = [
        line(str(n), sku=f"SKU-{n}", quantity=n, price="19.99", discount="1.00", tax=f"{n}.90", rate="0.1")
        for n in range(1, 6)
    ]
    return order(lines=lines, charges=[shipping(tax="0.50")], **more)


def smallest(currency: str) -> Decimal:
    return Decimal(1).scaleb(-exponent(currency))


def shipment(
    id_: str = "sh-1",
    lines: Iterable[tuple[str, int | str]] = (("1", 1),),
    *,
    tracking: Iterable[str] = ("TRACK-1",),
    sku: str | None = None,
) -> Shipment:
    shipped = tuple(ShippedLine(line_id, Decimal(quantity), sku) for line_id, quantity in lines)
    return Shipment(id_, shipped, NOON, tuple(Package(number, "UPS") for number in tracking))


def shipped(one: Shipment) -> ShipmentSeen:
    return ShipmentSeen(one, WAREHOUSE)


def invoiced(total: str, id_: str = "inv-1") -> InvoiceSeen:
    return InvoiceSeen(Invoice(id_, id_.upper(), Decimal(total), "EUR", NOON), ERP)


class FakeMasters:
    """Knows every SKU that starts with ``SKU`` and Ada, unless told otherwise."""

    def __init__(
        self,
        products: dict[str, ProductMaster] | None = None,
        customers: Iterable[str] = ("ada@example.com",),
        unlisted: Iterable[str] = (),
        priced: Iterable[PriceMaster] = (),
    ):
        self.priced = {one.sku: one for one in priced}
        self.products = products
        self.known = set(customers)
        self.unlisted = set(unlisted)  # kinds whose first whole round is not over

    def listed(self, kind: str) -> bool:
        return kind not in self.unlisted

    def product(self, sku: str) -> ProductMaster | None:
        if self.products is not None:
            return self.products.get(sku)
        return ProductMaster(sku, f"item-{sku}") if sku.startswith("SKU") else None

    def prices(self, sku: str) -> PriceMaster | None:
        return self.priced.get(sku)

    def customer(self, email: str) -> CustomerMaster | None:
        return CustomerMaster("cust-1", email) if email in self.known else None

    def customers(self, key: str) -> tuple[CustomerMaster, ...]:
        found = self.customer(key)
        return () if found is None else (found,)


def policy(**more: Any) -> Policy:
    fields: dict[str, Any] = {"channel": CHANNEL, "erp": ERP, "warehouse": WAREHOUSE}
    return Policy(**{**fields, **more})


def context(
    *,
    now: datetime = NOON,
    masters: FakeMasters | None = None,
    holds: Callable[[Order], list[HoldHit]] = lambda _: [],
    **more: Any,
) -> Context:
    """The outside world at an instant; further arguments are the route's policy."""
    return Context(now, {CHANNEL: policy(**more)}, {ERP: masters or FakeMasters()}, holds)


class Play:
    """One order's stream: tell it what happens, see what it decides. Every state is checked against its journal."""

    def __init__(self, **world: Any) -> None:
        self.world = world
        self.state: OrderState = ORDER.blank()
        self.journal: list[Entry] = []
        self.commands: dict[str, Command] = {}
        self.decisions: list[Decision] = []
        self.references: set[tuple[str, str, str]] = set()
        self.timers: dict[str, datetime] = {}
        self.wants: set[tuple[str, str, bool]] = set()  # (kind, key, unread)

    def tell(self, *events: Event, **world: Any) -> Decision:
        decision = Decision()
        for event in events:
            decision = ORDER.decide(self.state, event, context(**{**self.world, **world}))
            self._take(decision)
        return decision

    def _take(self, decision: Decision) -> None:
        self.decisions.append(decision)
        stored = ORDER.store_entries(decision.entries)
        self.state = ORDER.evolve(self.state, decision.entries)
        self.journal += decode_entries(stored)
        for command in decision.commands:
            assert command.key not in self.commands, f"opened twice: {command.key}"
            self.commands[command.key] = command
        self.references |= {(each.connection, each.type, each.external_id) for each in decision.references}
        if decision.wants is not None:
            self.wants = {(want.kind, want.key, want.unread) for want in decision.wants}
        for timer in decision.timers:
            if timer.due_at is None:
                self.timers.pop(timer.name, None)
            else:
                self.timers[timer.name] = timer.due_at

    def see(self, *, now: datetime = NOON, **more: Any) -> Decision:
        return self.tell(OrderSeen(order(**more)), now=now)

    def act(
        self, action: str, *, reason: str = "because", actor: str = "olivia", role: str = "operator", **args: Any
    ) -> Decision:
        return self.tell(OperatorActed(action, actor, reason, args, role))

    def fire(self, name: str, **world: Any) -> Decision:
        """Let an alarm go off at its time."""
        return self.tell(TimerFired(name), **{"now": self.timers[name], **world})

    def settle(self, purpose: str, outcome: Any = None, *, subject: str = "") -> Decision:
        """Settle the open command of a purpose (and shipment), by default well."""
        for key, intent in self.state.commands.items():
            command = self.commands[key]
            if command.payload.purpose == purpose and intent.status == "open" and key.endswith(subject):
                return self.tell(settled(command, outcome))
        raise AssertionError(f"no open {purpose}: {self.state.commands}")

    def settle_all(self) -> None:
        """Let every command succeed until none is open."""
        while open_ := [key for key, intent in self.state.commands.items() if intent.status == "open"]:
            self.tell(settled(self.commands[open_[0]]))

    def purposes(self) -> list[str]:
        return [command.payload.purpose for command in self.commands.values()]

    def status(self, step: str) -> str:
        return self.state.status_of(step)

    def codes(self) -> set[str]:
        return {problem.code for problem in self.state.problems.values()}

    @property
    def summary(self) -> Any:
        return ORDER.summary(self.state)


REF_TYPES = {
    "order.book": "salesOrder",
    "order.release": "order",
    "shipment.post": "itemFulfillment",
    "fulfilment.push": "fulfillment",
    "invoice.make": "invoice",
    "deposit.post": "customerDeposit",
    "deposit.apply": "depositApplication",
}


def settled(command: Command, outcome: Any = None) -> CommandSettled:
    """The target's answer to a command; by default that it is done, with an id made of the command's key."""
    purpose = command.payload.purpose
    kind = REF_TYPES.get(purpose)
    outcome = outcome or Done({kind: f"{kind}-{command.key.rsplit('/', 1)[-1]}"} if kind else {})
    return CommandSettled(command.key, purpose, command.target, outcome)


def stored_and_read(state: OrderState) -> OrderState:
    return ORDER.load(ORDER.store(state))  # type: ignore[no-any-return]


def with_changes(one: Changed, **changes: Any) -> Changed:
    """A frozen value with some fields other."""
    return msgspec.structs.replace(one, **changes)
