"""Refunds net to zero: what the channel gave back, what our state says and what the ERP was told are one amount."""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    Play,
    line,
    money,
    order,
    shipment,
    shipped,
    shipping,
    with_changes,
)

from crossdock.domain.commands import (
    AmendBooking,
    BookOrder,
    Command,
    CreditRefund,
    MakeInvoice,
    PayRefund,
    PostShipment,
)
from crossdock.domain.events import CommandSettled, InvoiceSeen, OrderSeen, RefundSeen
from crossdock.domain.fold_money import owed
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.money import ZERO
from crossdock.domain.order import ChargeKind, Order
from crossdock.domain.outcome import Done
from crossdock.domain.refund import (
    Adjustment,
    Refund,
    RefundedCharge,
    RefundedLine,
    Restock,
    Tender,
    gross_of,
    paid_back,
    parts_of,
    tax_of,
)
from crossdock.domain.refunding import MEANINGS, TABLE, Billing, Document
from crossdock.domain.shares import Share, credited


class Ledger:
    """An ERP with books of its own, made from nothing but the commands it was sent."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.invoices: list[Order] = []
        self.credits: list[CreditRefund] = []
        self.payouts: list[PayRefund] = []
        self.shipments: list[PostShipment] = []

    def take(self, command: Command) -> Done:
        payload = command.payload
        number = f"{payload.purpose}-{len(self.credits) + len(self.payouts) + len(self.invoices)}"
        if isinstance(payload, BookOrder | AmendBooking):
            self.order = payload.order
            return Done({"salesOrder": "so-1"})
        if isinstance(payload, MakeInvoice):
            return Done({"invoice": "inv-1"}, {"invoice": {**self.bill(), "invoiced_at": NOON}})
        if isinstance(payload, CreditRefund):
            self.credits.append(payload)
            return Done({"creditMemo": number})
        if isinstance(payload, PayRefund):
            self.payouts.append(payload)
            return Done({"customerRefund": number})
        if isinstance(payload, PostShipment):
            self.shipments.append(payload)
        return Done({})

    def bill(self) -> dict[str, Any]:
        assert self.order is not None
        self.invoices.append(self.order)
        return {"id": "inv-1", "number": "INV-1", "total": self.amount, "currency": "EUR"}

    @property
    def amount(self) -> Decimal:
        """By the ERP's own sums, not by the total that it was told."""
        sum_ = ZERO
        for each in self.invoices:
            for one in each.lines:
                sum_ += one.quantity * one.unit_price.shop - sum((off.amount.shop for off in one.discounts), ZERO)
            sum_ += sum((charge.amount.shop for charge in each.charges), ZERO)
            sum_ += ZERO if each.tax_inclusive else self.tax_of(each)
        return sum_ - sum((credit.total for credit in self.credits), ZERO)

    @staticmethod
    def tax_of(one: Order) -> Decimal:
        return sum((tax.amount.shop for part in (*one.lines, *one.charges) for tax in part.taxes), ZERO)

    @property
    def tax(self) -> Decimal:
        billed = sum((self.tax_of(each) for each in self.invoices), ZERO)
        return billed - sum((row.tax for credit in self.credits for row in credit.lines), ZERO)

    @property
    def quantities(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for each in self.invoices:
            for one in each.lines:
                found[one.id] += int(one.quantity)
        for credit in self.credits:
            for row in credit.lines:
                if row.kind == "item":
                    found[row.line_id or "?"] -= int(row.quantity)
        return +found

    @property
    def paid_out(self) -> Decimal:
        return sum((payout.amount for payout in self.payouts), ZERO)


def sold(inclusive: bool, **more: Any) -> Order:
    taxes = ("2.59", "0.64", "0.45") if inclusive else ("2.85", "0.70", "0.50")
    lines = more.pop("lines", None) or [
        line("1", sku="SKU-1", quantity=3, price="10.00", discount="1.50", tax=taxes[0]),
        line("2", sku="SKU-2", price="7.00", tax=taxes[1]),
    ]
    return order(lines=lines, charges=[shipping(tax=taxes[2])], inclusive=inclusive, **more)


def part(one: Order, id_: str, quantity: int, restock: Restock) -> RefundedLine:
    """So many units of a line, as an honest channel tells them: its share of discount and tax, rounded."""
    own = next(each for each in one.lines if each.id == id_)
    share = Decimal(quantity) / own.quantity
    tax = (sum((each.amount.shop for each in own.taxes), ZERO) * share).quantize(Decimal("0.01"))
    off = (sum((each.amount.shop for each in own.discounts), ZERO) * share).quantize(Decimal("0.01"))
    net = quantity * own.unit_price.shop - off - (tax if one.tax_inclusive else ZERO)
    return RefundedLine(id_, Decimal(quantity), money(net), money(tax), restock, own.sku)


def postage(one: Order, amount: str = "5.00") -> RefundedCharge:
    tax = one.charges[0].taxes[0].amount.shop if amount == "5.00" else ZERO
    return RefundedCharge(
        ChargeKind.SHIPPING, money(Decimal(amount) - (tax if one.tax_inclusive else ZERO)), money(tax)
    )


def refund(*parts: Any, id_: str = "r1", shares: tuple[str, ...] = ("1",), **more: Any) -> Refund:
    """Of these parts; paid back in full, in as many tenders as there are ``shares``."""
    kinds = {RefundedLine: "lines", RefundedCharge: "charges", Adjustment: "adjustments"}
    by_kind = {name: tuple(each for each in parts if type(each) is kind) for kind, name in kinds.items()}
    gross = gross_of(parts, "shop")
    amounts = [(gross * Decimal(share)).quantize(Decimal("0.01")) for share in shares]
    amounts[-1] = gross - sum(amounts[:-1], ZERO)
    gateways = ("card", "gift_card", "store_credit")
    tenders = tuple(Tender(gateways[n], money(a), f"t{n}", gift_card=n == 1) for n, a in enumerate(amounts) if a)
    fields: dict[str, Any] = {"tenders": tenders, **by_kind, **more}
    return Refund(id_, NOON, "EUR", **fields)


def unpaid(one: RefundedLine) -> Adjustment:
    return Adjustment(money(-one.net.shop), money(-one.tax.shop))


BACK, KEPT, OFF = Restock.RETURN, Restock.NONE, Restock.CANCEL
Made = Callable[[Order], list[Refund]]
KINDS: dict[str, Made] = {
    "full": lambda o: [refund(part(o, "1", 3, BACK), part(o, "2", 1, BACK), postage(o))],
    "full, nothing restocked": lambda o: [refund(part(o, "1", 3, KEPT), part(o, "2", 1, KEPT), postage(o))],
    "one unit, restocked": lambda o: [refund(part(o, "1", 1, BACK))],
    "one unit, not restocked": lambda o: [refund(part(o, "1", 1, KEPT))],
    "a line": lambda o: [refund(part(o, "2", 1, BACK))],
    "an amount": lambda o: [refund(Adjustment(money("4.00")))],
    "an amount with tax": lambda o: [refund(Adjustment(money("4.00"), money("0.40"), "damaged"))],
    "shipping": lambda o: [refund(postage(o))],
    "a part of shipping": lambda o: [refund(postage(o, "2.00"))],
    "a line, less a fee": lambda o: [refund(part(o, "2", 1, BACK), Adjustment(money("-2.00"), reason="restocking"))],
    "a line, in two tenders": lambda o: [refund(part(o, "1", 2, BACK), shares=("0.7", "0.3"))],
    "shipping and amount, in three tenders": lambda o: [
        refund(postage(o), Adjustment(money("1.00")), shares=("0.5", "0.25", "0.25"))
    ],
    "one unit after the other": lambda o: [
        refund(part(o, "1", 1, BACK)), refund(part(o, "1", 1, KEPT), id_="r2"), refund(part(o, "1", 1, BACK), id_="r3")
    ],
    "a return without money": lambda o: [refund(part(o, "2", 1, BACK), unpaid(part(o, "2", 1, BACK)))],
    "a line that never left": lambda o: [refund(part(o, "2", 1, OFF))],
    "two units that never left": lambda o: [refund(part(o, "1", 2, OFF))],
    "units that never left, and shipping": lambda o: [refund(part(o, "1", 1, OFF), postage(o))],
    "units that never left, and an amount": lambda o: [refund(part(o, "1", 1, OFF), Adjustment(money("3.00")))],
    "units that never left, then units that had": lambda o: [
        refund(part(o, "1", 1, OFF)), refund(part(o, "1", 1, BACK), id_="r2")
    ],
}  # fmt: skip
# How the order is paid in the ERP, and whether it is billed when the refund comes.
WORLDS = [(payments, when) for payments in ("open", "paid", "deposit") for when in ("before", "after")]


class World:
    """A channel, our decider and a ledger."""

    def __init__(self, payments: str, when: str, inclusive: bool) -> None:
        self.ledger = Ledger()
        self.play = Play(payments=payments, invoice="take" if when == "before" else "make")
        self.order, self.when = sold(inclusive), when

    def settle(self) -> None:
        while open_ := [key for key, intent in self.play.state.commands.items() if intent.status == "open"]:
            command = self.play.commands[open_[0]]
            self.play.tell(
                CommandSettled(command.key, command.payload.purpose, command.target, self.ledger.take(command))
            )

    def live(self, refunds: list[Refund]) -> None:
        self.play.tell(OrderSeen(self.order))
        off = Counter({one.line_id: int(one.quantity) for each in refunds for one in each.lines if one.restock is OFF})
        early = [each for each in refunds if any(one.restock is OFF for one in each.lines)]
        if self.when == "after":
            self._ship(Counter())
            self.settle()
            assert self.play.summary.status == "done"
        elif off:
            self._told(early)
            self.play.tell(OrderSeen(self._less(off)))
        self.settle()
        if self.when == "before":
            self._ship(off)
        self._told([each for each in refunds if self.when == "after" or each not in early])
        self.settle()
        if self.when == "before":
            assert self.ledger.credits == [], "nothing is billed yet: there is nothing to credit"
            bill = self.ledger.bill()
            self.play.tell(InvoiceSeen(Invoice(**bill, invoiced_at=NOON), ERP))
        self.settle()

    def _less(self, off: Counter[str]) -> Order:
        lines = [
            with_changes(one, current_quantity=one.quantity - off[one.id]) if off[one.id] else one
            for one in self.order.lines
        ]
        return sold(self.order.tax_inclusive, lines=lines, age_s=9)

    def _ship(self, off: Counter[str]) -> None:
        self.settle()
        rows = [(one.id, int(one.quantity) - off[one.id]) for one in self.order.lines]
        self.play.tell(shipped(shipment("sh-1", [row for row in rows if row[1]])))

    def _told(self, refunds: list[Refund]) -> None:
        self.play.tell(*(RefundSeen(each, CHANNEL) for each in refunds))


CASES = [
    pytest.param(kind, payments, when, inclusive, id=f"{kind}-{payments}-{when}-{'gross' if inclusive else 'net'}")
    for kind, (payments, when), inclusive in itertools.product(KINDS, WORLDS, (False, True))
]


@pytest.mark.parametrize(("kind", "payments", "when", "inclusive"), CASES)
def test_channel_state_and_erp_come_to_the_same(kind: str, payments: str, when: str, inclusive: bool) -> None:
    world = World(payments, when, inclusive)
    refunds = KINDS[kind](world.order)
    world.live(refunds)
    placed, ledger, play = world.order, world.ledger, world.play
    back = sum((paid_back(each, "shop") for each in refunds), ZERO)
    left = placed.totals.total.shop - back
    assert ledger.amount == left, "amount in the ERP"
    assert owed(placed_now(play), play.state).shop - credited(play.state, "shop") == left, "amount in our state"
    tax = Ledger.tax_of(placed) - sum((tax_of(parts_of(each), "shop") for each in refunds), ZERO)
    assert ledger.tax == tax
    sold_: Counter[str] = Counter({one.id: int(one.quantity) for one in placed.lines})
    sold_.subtract(units_of(refunds))
    assert ledger.quantities == +sold_
    assert cash(payments, ledger, placed) == left
    assert (play.codes(), play.summary.status) == (set(), "done")
    known = dict(play.commands)
    play.tell(*(RefundSeen(each, CHANNEL) for each in refunds), OrderSeen(placed_now(play)))
    assert play.commands == known, "told again, nothing is made again"


def placed_now(play: Play) -> Order:
    assert play.state.order is not None
    return play.state.order


def units_of(refunds: list[Refund]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in refunds:
        for one in each.lines:
            found[one.line_id] += int(one.quantity)
    return found


def cash(payments: str, ledger: Ledger, placed: Order) -> Decimal:
    """What the ERP's books keep of the customer's money."""
    if payments == "open":
        assert ledger.payouts == []
        assert all(credit.apply_to == ("inv-1",) for credit in ledger.credits)
        return ledger.amount
    taken = placed.totals.total.shop if payments == "deposit" else ledger.amount + credits_of(ledger)
    return taken - ledger.paid_out


def credits_of(ledger: Ledger) -> Decimal:
    return sum((credit.total for credit in ledger.credits), ZERO)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
    assert all(set(row) == set(Share) for row in TABLE.values())
    assert set(TABLE) == set(Billing)
    assert set(MEANINGS) == set(Document) == {document for row in TABLE.values() for document in row.values()}


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        ({}, [None]),
        ({"closed_through": "2026-11-22"}, [None]),
        ({"closed_through": "2026-11-23"}, [date(2026, 11, 24)]),
        ({"closed_through": "2026-11-23", "time_zone": "Pacific/Kiritimati"}, [None]),
        ({"closed_through": "2026-11-30", "closed_period": "hold"}, [None]),
    ],
    ids=["never closed", "open", "closed", "open in the company's zone", "hold"],
)
def test_what_left_and_came_back_in_closed_books_is_posted_on_the_first_open_day(
    calendar: dict[str, str], days: list[date | None]
) -> None:
    world = World("paid", "after", False)
    world.play.world |= calendar
    world.live([refund(part(world.order, "1", 1, Restock.RETURN))])
    assert [one.posted_on for one in world.ledger.credits] == days
    assert [one.posted_on for one in world.ledger.payouts] == days
    assert [one.posted_on for one in world.ledger.shipments] == days


def test_no_more_goes_out_of_others_deposit_than_the_customer_got() -> None:
    """A fee is kept back of units that never left: the deposit gave so much less."""
    play = Play(payments="deposit")
    play.tell(OrderSeen(sold(False)))
    play.settle("order.book")
    kept = refund(part(sold(False), "2", 1, OFF), Adjustment(money("-2.00"), reason="restocking"))
    play.tell(RefundSeen(kept, CHANNEL))
    [paid] = [one.payload for one in play.commands.values() if isinstance(one.payload, PayRefund)]
    assert paid.amount == paid_back(kept, "shop")
