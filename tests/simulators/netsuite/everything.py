"""Every operation of the NetSuite connector, against the simulated account, with all that went over the wire."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from tests.simulators.netsuite.door import START, Door, Setup, fresh_credentials

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.tests.orders import PLACED, SKUS, amount, booking, make_order, plain_order
from crossdock.domain.commands import (
    AmendBooking,
    Applied,
    ApplyDeposit,
    CloseBooking,
    CreditLine,
    CreditRefund,
    Drawn,
    MakeInvoice,
    Payload,
    PayRefund,
    PostDeposit,
    PostPayment,
    PostReturn,
    PostSettlement,
    PostShipment,
    ReturnedUnits,
    SettlementRow,
)
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.order import Address, Charge, ChargeKind, Order
from crossdock.domain.outcome import Conflict, Done
from crossdock.kit.manifest import Call
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.netsuite.catalogue import SPECIAL

LEAST, WHOLE = Decimal("1.00"), Decimal("61.58")  # a part of what the plain order comes to, and all of it
SETTINGS = {
    "subsidiary": "1",
    "locations": {"yard": "2"},
    "header": {"customForm": {"id": "68"}},
    "ship_methods": {"Ground": "3001"},
    "refund_account": "221",
}
COMPANY = Address(
    "Ada Example",
    "Example Ltd",
    "1 Test Street",
    "Level 2",
    "Springfield",
    "Oregon",
    "OR",
    "97477",
    "US",
    "+1 555 0100",
)
TAX_MODES: tuple[dict[str, Any], ...] = ({}, {"tax_mode": "line", "line_field": "custcol_line"}, {"tax_mode": "item"})


@dataclass
class Exchange:
    sent: Request
    answer: Reply


@dataclass
class Everything:
    """What was done, and every exchange of it."""

    setup: Setup
    exchanges: list[Exchange] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    async def answer(self, request: Request) -> Reply:
        reply = await self.setup.account.handle(request)
        self.exchanges.append(Exchange(request, reply))
        return reply

    async def do(self, payload: Payload) -> dict[str, str]:
        """Looked for before it is there, made, made again without a look (which NetSuite may refuse), and repeated.
        What the first send made."""
        operation = CONNECTOR.operations[payload.purpose]
        client = self.setup.client()
        if operation.look_up is not None:
            assert await operation.look_up(client, payload, Call("key")) is None, payload.purpose
        outcome = (await operation.send(client, payload, Call("key"))).outcome
        assert isinstance(outcome, Done), (payload.purpose, outcome)
        await operation.send(client, payload, Call("key"))
        again = (await operation.send(client, payload, Call("key", tries=1))).outcome
        assert isinstance(again, Done | Conflict), (payload.purpose, again)
        self.done.add(payload.purpose)
        return outcome.refs

    async def book(self, order: Order) -> str:
        return (await self.do(booking(order, ship_method="Ground")))["salesOrder"]


async def everything(tax_mode: dict[str, Any]) -> Everything:
    """One life after the other."""
    run = Everything(Setup(fresh_credentials(), {**SETTINGS, **tax_mode}))
    run.setup.door = Door(run.answer)
    await _booked_with_all_in_the_header(run)
    await _amended_and_closed(run)
    await _billed_paid_and_returned(run)
    await _paid_in_advance(run)
    rows = (SettlementRow("clearing", Decimal("100.00"), 1), SettlementRow("fees", Decimal("-4.50"), 1))
    await run.do(PostSettlement("shop1-77", "shop1", "77", "USD", date(2026, 11, 30), Decimal("95.50"), rows))
    return run


async def _booked_with_all_in_the_header(run: Everything) -> None:
    """Shipping is not a line here, and discounts are."""
    discount = next(ref for ref, (name, _, _) in SPECIAL.items() if name == "discount_item")
    usual = run.setup.settings
    run.setup.settings = {**usual, "shipping_item": None, "discount_item": discount}
    charges = (Charge(ChargeKind.SHIPPING, "Standard", amount("4.90")),)
    await run.book(make_order(plain_order().lines, charges, external_id="4", ship_to=COMPANY, bill_to=COMPANY))
    run.setup.settings = usual


async def _amended_and_closed(run: Everything) -> None:
    order = plain_order(external_id="1")
    ref = await run.book(order)
    more = msgspec.structs.replace(order, note="ring twice")
    for base in (None, order):
        await run.do(AmendBooking(more, ref, "9001", SKUS, "shop", "Ground", base))
    await run.do(CloseBooking(order.key, ref))


async def _billed_paid_and_returned(run: Everything) -> None:
    order = plain_order(external_id="2")
    ref = await run.book(order)
    invoice = await _shipped_and_billed(run, order, ref)
    paid = {"payment_id": "31", "paid_at": START, "source": "shop1", "gateway": "card", "customer_ref": "9001"}
    await run.do(PostPayment(order.key, ref, currency="USD", amount=LEAST, apply=(Applied(invoice, LEAST),), **paid))  # type: ignore[arg-type]
    lines = (
        CreditLine("item", "Product 1", Decimal(1), Decimal("10.00"), Decimal("1.65"), "line-1", "SKU-0001", True),
        CreditLine("shipping", "Shipping", Decimal(1), Decimal("1.00"), Decimal("0.10")),
        CreditLine("adjustment", "restocking", Decimal(1), Decimal("-1.00"), Decimal(0)),
    )
    refund = CreditRefund(order.key, ref, "77", START, "USD", "9001", lines, SKUS, (invoice,))
    await run.do(refund)
    unapplied = msgspec.structs.replace(refund, refund_id="78", apply_to=())
    made = (await run.do(unapplied))["creditMemo"]
    await run.do(PayRefund(order.key, ref, "78", START, "USD", "9001", LEAST, made))
    for restock in (True, False):
        units = (ReturnedUnits("line-1", Decimal(1), "SKU-0001"),)
        await run.do(PostReturn(order.key, ref, f"1-{restock}", START, units, restock, SKUS))


async def _shipped_and_billed(run: Everything, order: Order, ref: str) -> str:
    lines = tuple(ShippedLine(f"line-{n}", Decimal(quantity), f"SKU-{n:04}") for n, quantity in ((1, 2), (2, 3)))
    packages = (Package("1Z999", "UPS", weight_g=Decimal(900)),)
    await run.do(PostShipment(order.key, ref, Shipment("SH1", lines, PLACED, packages, location="yard"), SKUS))
    return (await run.do(MakeInvoice(order.key, ref, ("SH1",), date(2026, 12, 1))))["invoice"]


async def _paid_in_advance(run: Everything) -> None:
    order = plain_order(external_id="3")
    ref = await run.book(order)
    paid = {"payment_id": "31", "paid_at": START, "source": "shop1", "gateway": "card", "customer_ref": "9001"}
    made = (await run.do(PostDeposit(order.key, ref, currency="USD", amount=WHOLE, **paid)))["customerDeposit"]  # type: ignore[arg-type]
    invoice = await _shipped_and_billed(run, order, ref)
    await run.do(ApplyDeposit(order.key, ref, "31", made, invoice, LEAST, START))
    drawn = (Drawn("31", made, LEAST),)
    await run.do(PayRefund(order.key, ref, "79", START, "USD", "9001", LEAST, drawn=drawn))
