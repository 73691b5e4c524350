"""Fills a database the way a day fills it: real decisions by the engine, other systems' answers made up here."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from crossdock.domain.decision import CustomerMaster, HoldHit, Policy, ProductMaster, StreamRef
from crossdock.domain.events import (
    CommandSettled,
    CreditSeen,
    Event,
    InvoiceSeen,
    OrderSeen,
    ParcelSeen,
    PaymentsSeen,
    RefundSeen,
    ReturnReceived,
    ReturnSeen,
    ShipmentSeen,
    decode_event,
    encode_event,
)
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.money import Amount
from crossdock.domain.order import (
    Address,
    Capture,
    Charge,
    ChargeKind,
    Order,
    OrderLine,
    Party,
    PaymentStatus,
    TaxLine,
    Totals,
    order_key,
)
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.privacy_decider import PRIVACY
from crossdock.domain.promise import Promising
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.domain.refund import Credit, Refund, RefundedLine, Restock, Return, ReturnedLine, Tender
from crossdock.domain.settlement_decider import SETTLEMENT
from crossdock.domain.signal_decider import SIGNAL
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.world import Linked, World
from crossdock.kit.http import Line
from crossdock.kit.manifest import Connector, Manifest, Operation, Poll, Quota, Repeat, Untranslatable
from crossdock.observe.signals import Silence
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Arrival, LeasedCommand, Sent

SHOP, ERP, WAREHOUSE = "shop-au", "netsuite", "shiphero"
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}"
PLACED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def _unsent(*_: Any) -> Any:
    raise AssertionError("nothing is sent in these tests")


def _translate(connection: str, topic: str, body: bytes) -> list[Event]:
    if body.startswith(b"{broken"):
        raise Untranslatable("bad_body", f"The body of {topic} is not an order: {XSS}", "line_items", "Send it again.")
    return [decode_event(body)]


def connector(system: str, title: str, role: str) -> Connector:
    """A connector of declared facts only."""
    operations = {
        "order.book": Operation("order.book", "Upsert the sales order by external id", Repeat.UNIQUE, _unsent),
        "order.release": Operation("order.release", "Create the order", Repeat.SEARCHABLE, _unsent, settle_s=30),
        "fulfilment.push": Operation("fulfilment.push", "Create the fulfilment", Repeat.UNSAFE, _unsent),
    }
    manifest = Manifest(
        system=system,
        title=title,
        role=role,
        api_version="2026-10",
        settings=(),
        mapping_version="1",
        topics={"orders/create": "order_seen", "app/uninstalled": "ignored: no orders follow"},
        quota=Quota(concurrency=5) if role == "erp" else Quota(rate_per_s=50, burst=1000),
        sunset="2027-10-01",
    )
    polls = {"orders": Poll("orders", _unsent)}
    return Connector(manifest, lambda line: line, _translate, operations, polls)


CONNECTORS = {
    SHOP: connector("shopify", "Shopify", "channel"),
    ERP: connector("netsuite", "NetSuite", "erp"),
    WAREHOUSE: connector("shiphero", "ShipHero", "warehouse"),
}


def order(number: int, *, sku: str = "MUG-01", title: str = "Mug, white", off: str = "0.00") -> Order:
    """A balanced order of two lines, shipping and tax; ``off`` puts its stated total off by so much."""
    quantity, price = Decimal(1 + number % 4), Decimal("19.95") + number % 7
    lines = quantity * price + Decimal("89.00")
    tax, shipping = (lines * Decimal("0.1")).quantize(Decimal("0.01")), Decimal("9.50")
    return Order(
        channel=SHOP,
        external_id=str(6674573190000 + number),
        number=f"#{1000 + number}",
        placed_at=PLACED + timedelta(seconds=37 * number),
        updated_at=PLACED + timedelta(seconds=37 * number + 1),
        currency="AUD",
        totals=Totals(
            total=Amount(lines + tax + shipping + Decimal(off)),
            lines=Amount(lines),
            tax=Amount(tax),
            charges=Amount(shipping),
        ),
        lines=(
            OrderLine(f"{number}1", title, quantity, Amount(price), sku=sku,
                      taxes=(TaxLine(Amount(tax), "GST", Decimal("0.1")),)),
            OrderLine(f"{number}2", "Teapot", Decimal(1), Amount(Decimal("89.00")), sku="POT-07"),
        ),
        charges=(Charge(ChargeKind.SHIPPING, "Standard", Amount(shipping), code="STD"),),
        payment_status=PaymentStatus.PAID,
        customer=Party(external_id="9", name=XSS if number == 3 else "Ada Buyer", email="ada@example.com"),
        region="AU" if number % 3 else "NZ",
    )  # fmt: skip


def _holds(seen: Order) -> list[HoldHit]:
    if seen.external_id.endswith("7"):
        return [
            HoldHit(
                "first-order-over-150", "operations", "A first order above 150 AUD is looked at", {"total": "163.35"}
            )
        ]
    return []


class Day:
    """One store with its deciding; what the other systems answer is told by the caller."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        line = Line("", {}, {}, None, None, lambda: PLACED, lambda: "x")  # type: ignore[arg-type]
        policy = Policy(SHOP, ERP, WAREHOUSE, invoice="take", settlement_wait_s=0.0)
        self.world = World(
            store=store,
            links={name: Linked(name, each, line) for name, each in CONNECTORS.items()},
            deciders={"order": ORDER, "signal": SIGNAL, "settlement": SETTLEMENT, "privacy": PRIVACY},
            policies={SHOP: policy},
            holds=_holds,
            signals=Silence(),
            random=Random(1),
            stopwatch=time.monotonic,
            worker="test",
        )
        self._loop = DecideLoop(self.world)

    async def open(self) -> None:
        """Connections and masters."""
        for name, each in CONNECTORS.items():
            manifest = each.manifest
            await self.store.register(
                name,
                manifest.system,
                role=manifest.role,
                region="AU",
                api_version=manifest.api_version,
                mapping_version="1",
            )
        products = [(sku, msgspec.json.encode(ProductMaster(sku, f"i-{sku}"))) for sku in ("MUG-01", "POT-07")]
        await self.store.save_masters(ERP, "product", products)
        await self.store.save_values(ERP, "ship_methods", [("3001", "Ground"), ("3002", f"Express {XSS}")])
        customer = CustomerMaster("c-9", "ada@example.com", currency="AUD")
        await self.store.save_customers(ERP, [("ada@example.com", customer.ref, msgspec.json.encode(customer))])

    async def arrive(self, seen: Order, *, body: bytes | None = None) -> None:
        await self.store.accept([
            Arrival(SHOP, f"d-{seen.external_id}-{seen.updated_at.isoformat()}", "webhook", "orders/create",
                    StreamRef("order", seen.key), body if body is not None else encode_event(OrderSeen(seen)))
        ])  # fmt: skip

    async def ship(self, seen: Order) -> None:
        lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in seen.lines)
        parcel = Package(f"33XT{seen.external_id[-6:]}", "Australia Post", "Parcel", lines=lines)
        event = ShipmentSeen(Shipment(f"shp-{seen.external_id}", lines, seen.placed_at, (parcel,)), WAREHOUSE)
        ref = StreamRef("order", seen.key)
        await self.store.accept(
            [Arrival(WAREHOUSE, f"s-{seen.external_id}", "webhook", "Shipment Update", ref, encode_event(event))]
        )

    async def decide(self) -> None:
        while await self._loop.round():
            pass

    async def answer(self, target: str, outcome_of: Any, limit: int = 500) -> int:
        """Answer what is to be sent: ``outcome_of(command) -> Outcome``; ``None`` leaves it in flight."""
        commands = await self.store.claim_commands(target, limit, 600.0)
        sent = [_sent(command, outcome) for command in commands if (outcome := outcome_of(command)) is not None]
        await self.store.record(sent)
        await self.decide()
        return len(commands)


def _sent(command: LeasedCommand, outcome: Outcome) -> Sent:
    tag = msgspec.to_builtins(outcome)["type"]
    again = isinstance(outcome, RetryLater) and command.tries < 1
    tries = command.tries + 1
    settled = CommandSettled(command.key, command.purpose, command.target, outcome, tries)  # type: ignore[arg-type]
    body = {"externalId": _order_key(command), "email": "[redacted]", "memo": XSS}
    address = f"https://{command.target}.example/{command.key}"
    exchange = msgspec.json.encode({"method": "PUT", "url": address, "body": body})
    return Sent(
        command.id,
        command.fence,
        tag,
        getattr(outcome, "detail", ""),
        datetime.now(UTC),
        41.7 + command.id % 90,
        request=exchange,
        response=msgspec.json.encode({"status": 204, "headers": {"location": f"/salesOrder/{command.id}"}}),
        settled=None if again else encode_event(settled),
        again_in_s=3600.0 if again else None,
    )


def _order_key(command: LeasedCommand) -> str:
    return command.key.partition("/")[0]


def _number(command: LeasedCommand) -> int:
    return int(_order_key(command).rsplit("-", 1)[-1]) - 6674573190000


def erp(command: LeasedCommand) -> Outcome | None:
    """What NetSuite says: most is booked, some is refused, some answers get lost."""
    number = _number(command)
    if command.purpose == "order.book" and number % 11 == 5:
        return Rejected(
            "INVALID_KEY_OR_REF", f"Invalid location reference key 17 {XSS}", "location", "Add the location 17."
        )
    if command.purpose == "order.book" and number % 23 == 9:
        return OutcomeUnknown("no answer within 30 s")
    if command.purpose == "order.book" and number % 19 == 2:
        return RetryLater("503 Service Unavailable", code="unavailable")
    return Done(
        {"salesOrder": str(40_000 + number)}
        if command.purpose == "order.book"
        else {"itemFulfillment": str(command.id)}
    )


def fine(command: LeasedCommand) -> Outcome | None:
    return Done({"order": f"T3JkZXI6{_number(command)}"})


async def seed(store: PostgresStore, orders: int = 48) -> Day:
    """A day with everything in it: done, on the way, held, refused, unknown, parked, unbalanced, hostile texts."""
    day = Day(store)
    await day.open()
    placed = [
        order(
            n,
            sku="NO-SUCH" if n % 17 == 8 else "MUG-01",
            title=XSS if n == 3 else "Mug, white",
            off="0.05" if n == 21 else "0.00",
        )
        for n in range(1, orders)
    ]
    for each in placed:
        await day.arrive(each)
    broken = order(990)
    await day.arrive(broken, body=b"{broken")
    await day.decide()
    await day.answer(ERP, erp)
    await day.answer(WAREHOUSE, fine, limit=orders - 14)
    for each in placed[: orders // 2]:
        await day.ship(each)
    await day.decide()
    await day.answer(ERP, erp)
    await day.answer(SHOP, fine, limit=15)
    await aftermath(day)
    for each in range(900, 904):
        await day.arrive(order(each))
    await store.trip(WAREHOUSE, failures=2, breaker="closed", for_s=None)
    await workers(store)
    return day


AFTER = 1  # the order that was edited, refunded, returned and credited by the ERP's people


async def aftermath(day: Day) -> None:
    """One order with all that may come after it: billed, a unit back, shipping given back, a credit of the ERP's."""
    seen, at = order(AFTER), PLACED + timedelta(days=1)
    total = seen.totals.total.shop
    line = seen.lines[0]
    back = RefundedLine(line.id, Decimal(1), line.unit_price, Amount(Decimal("1.00")), Restock.RETURN, line.sku)
    gross = line.unit_price.shop + 1
    refund = Refund("77", at, "AUD", (back,), tenders=(Tender("shopify_payments", Amount(gross)),))
    events: list[Event] = [
        ParcelSeen("in_transit", at, WAREHOUSE, f"shp-{seen.external_id}"),
        ParcelSeen("exception", at + timedelta(hours=1), WAREHOUSE, f"shp-{seen.external_id}", detail=XSS),
        InvoiceSeen(Invoice("inv-1", "INV1", total, "AUD", at), ERP),
        PaymentsSeen((Capture("31", "shopify_payments", Amount(total), at),), SHOP),
        RefundSeen(refund, SHOP),
        ReturnSeen(Return("ret-5", "authorised", (ReturnedLine(line.id, Decimal(1), "too small"),), at), SHOP),
        ReturnReceived(
            Receipt("wms-5", (ReceivedRow("1", Decimal(1), Decimal(1), line.id),), "ret-5", True), WAREHOUSE
        ),
        ReturnReceived(Receipt("wms-6", (ReceivedRow("9", Decimal(2), Decimal(0), None, XSS),)), WAREHOUSE),
        CreditSeen(Credit("cm-9", "CM9", Decimal("3.50"), "AUD", at), ERP),
        OrderSeen(msgspec.structs.replace(seen, note=XSS, updated_at=at, ship_to=Address(XSS, city="Hobart"))),
    ]
    ref = StreamRef("order", seen.key)
    await day.store.accept(
        [Arrival(SHOP, f"after-{n}", "webhook", "after", ref, encode_event(each)) for n, each in enumerate(events)]
    )
    await day.decide()
    await day.answer(ERP, lambda command: Done({"creditMemo": "50001"}) if command.purpose == "refund.credit" else None)


async def workers(store: PostgresStore) -> None:
    await store.pool.execute(
        "insert into workers (id, host, pid, roles, version, seen_at) values "
        "('a', 'cross-1', 4121, 'intake', '0.1.0', now()), ('b', 'cross-1', 4122, 'decide', '0.1.0', now()), "
        "('c', 'cross-2', 977, 'deliver', '0.1.0', now() - interval '4 minutes')"
    )


def key(number: int) -> str:
    return order_key(SHOP, str(6674573190000 + number))


async def late(day: Day) -> Order:
    """One more order, on a route that promises dates from now on: its channel promised what is past."""
    promise = Promising("Australia/Melbourne", default_transit_days=2)
    day.world.policies[SHOP] = Policy(SHOP, ERP, WAREHOUSE, invoice="take", promise=promise)  # type: ignore[index]
    placed = msgspec.structs.replace(order(701), ship_by=PLACED - timedelta(days=1))
    await day.arrive(placed)
    await day.decide()
    return placed


CLASH = {
    "differences": [
        {"line": f"7011 {XSS}", "field": "quantity", "base": "2", "channel": "1", "erp": "5"},
        {"line": "item SKU-9", "field": "quantity", "base": None, "channel": None, "erp": "1"},
    ],
    "seen": "abc",
}


async def clashed(day: Day, number: int) -> Order:
    """Booked on a route without a warehouse, then edited in the channel and by the ERP's people."""
    day.world.policies[SHOP] = Policy(SHOP, ERP, None, invoice="take")  # type: ignore[index]
    placed = order(number)
    await day.arrive(placed)
    await day.decide()

    def answered(command: LeasedCommand) -> Outcome | None:
        if _number(command) != number:
            return None
        amends = command.purpose == "booking.amend"
        return Conflict("edited_on_both_sides", "both", {}, "Compare.", CLASH) if amends else Done({"salesOrder": "7"})

    await day.answer(ERP, answered)
    at = placed.updated_at + timedelta(minutes=5)
    await day.arrive(msgspec.structs.replace(placed, updated_at=at, ship_to=Address("Ada", city="Hobart")))
    await day.decide()
    await day.answer(ERP, answered)
    return placed
