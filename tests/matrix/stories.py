"""What happens in each row of the table, told with people's acts. Each story ends when nothing moves any more.

Waiting may look at Crossdock's own state; what is right is only ever read from the vendors' books.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import msgspec
import pytest

from crossdock import app
from crossdock.domain.state import came_back
from tests.matrix.sides import Central, Channel, NetSuite
from tests.process.books import released
from tests.process.house import House

NEW_STREET = "9 New Road"


class Scene:
    """One order between a channel and an ERP."""

    def __init__(self, house: House, channel: Channel, erp: NetSuite | Central) -> None:
        self.house, self.channel, self.erp = house, channel, erp
        self.order_id = ""

    def place(self, **wish: object) -> None:
        self.order_id = self.channel.place(**wish)

    async def at(self, status: str) -> None:
        async def reached() -> bool:
            return await self.house.status(self.order_id) == status

        await self.house.until(reached, f"order {self.order_id} to be {status}")

    async def part_at(self, part: str, status: str) -> None:
        """``part``: the order's number and the part's name, as in ``6000-X1``."""

        async def reached() -> bool:
            return await self.house.status(part) == status

        await self.house.until(reached, f"order {part} to be {status}")

    async def done(self) -> None:
        """Shipped, billed and at rest; the next change will have another second."""
        self.place()
        await self.at("done")
        await self.house.quiet()
        await self.house.next_second()

    async def booked(self) -> None:
        """The ERP has it, and nothing else has: it ships by itself."""
        self.place()

        async def there() -> bool:
            return bool(self.erp.orders(self.order_id)) and await self.finished("order.release")

        await self.house.until(there, "the booking")
        await self.house.next_second()

    async def released(self) -> None:
        self.place()
        await self.at_the_warehouse()

    async def at_the_warehouse(self) -> None:
        async def there() -> bool:
            return bool(released(self.house, self.order_id)) and await self.finished("order.release")

        await self.house.until(there, "the release")
        await self.house.next_second()

    async def finished(self, step: str) -> bool:
        if await self.house.status(self.order_id) is None:
            return False
        return (await self.house.state(self.order_id)).finished(step)

    async def told(self, code: str) -> None:
        """Until the exception is there for people to see."""

        async def there() -> bool:
            return code in [found for _, found, _ in await self.house.problems()]

        await self.house.until(there, f"the exception {code}")

    async def amended(self) -> None:
        async def there() -> bool:
            order = await self.house.state(self.order_id)
            return order.latest is None and order.status_of("booking.amend") == "done"

        await self.house.until(there, "the amendment")

    async def shipped_and_billed_by_people(self) -> None:
        self.erp.ship_and_bill(self.order_id)
        await self.at("done")

    async def credited(self) -> None:
        await self.house.until(lambda: self.erp.memos(self.order_id), "the credit memo")
        await self.at("done")


async def order(s: Scene) -> None:
    s.place()
    await s.at("done")
    assert s.erp.units(s.order_id) > 0


async def partial_shipments(s: Scene) -> None:
    await order(s)
    assert s.erp.shipments(s.order_id) == 2
    assert len(released(s.house, s.order_id)[0]["shipments"]) == 2


async def billed_by_erp(s: Scene) -> None:
    await s.booked()
    await s.shipped_and_billed_by_people()


async def edit_before_booking(s: Scene) -> None:
    s.place()
    await s.at("waiting")
    await s.house.next_second()
    s.channel.move(s.order_id, NEW_STREET)
    await s.at("done")
    assert s.erp.street(s.order_id) == NEW_STREET


async def edit_after_booking(s: Scene) -> None:
    await s.booked()
    s.channel.move(s.order_id, NEW_STREET)
    await s.amended()
    assert s.erp.street(s.order_id) == NEW_STREET
    await s.shipped_and_billed_by_people()


async def units_off(s: Scene) -> None:
    await s.booked()
    (before,) = s.erp.orders(s.order_id)
    s.channel.take_off(s.order_id)
    await s.amended()
    (after,) = s.erp.orders(s.order_id)
    assert after < before
    await s.shipped_and_billed_by_people()
    assert s.erp.memos(s.order_id) == []


async def edit_after_billing(s: Scene) -> None:
    await billed_by_erp(s)
    await s.house.next_second()
    s.channel.move(s.order_id, NEW_STREET)
    await s.told("order.edited_after_invoice")
    assert s.erp.street(s.order_id) != NEW_STREET
    await s.house.act(s.order_id, "resolve", problem="order.edited")
    await s.at("done")


async def edit_after_release(s: Scene) -> None:
    await s.released()
    s.channel.move(s.order_id, NEW_STREET)
    await s.told("order.edited_after_booking")
    s.house.warehouse.act("ship_now", {"order": f"shop-{s.order_id}"})
    await s.house.act(s.order_id, "resolve", problem="order.edited")
    await s.at("done")


async def line_off_after_a_part(s: Scene) -> None:
    s.place(**s.channel.goods_only)
    await s.at_the_warehouse()
    kept, gone = (line["id"] for line in s.channel.entry(s.order_id)["lines"])
    s.house.warehouse.act("ship_line", {"order": f"shop-{s.order_id}", "line": kept})
    await s.house.until(lambda: s.channel.units(s.order_id), "the channel to be told of the first line")
    await s.house.next_second()
    s.channel.take_line_off(s.order_id, gone)
    await s.told("order.edited_after_booking")
    s.house.warehouse.act("take_off", {"order": f"shop-{s.order_id}", "line": gone})
    await s.house.act(s.order_id, "resolve", problem="order.edited")
    await s.at("done")
    (release,) = released(s.house, s.order_id)
    assert [line["line_id"] for one in release["shipments"] for line in one["lines"]] == [kept]


async def cancel_before_booking(s: Scene) -> None:
    s.place()
    await s.at("waiting")
    s.channel.cancel(s.order_id)
    await s.at("cancelled")
    assert s.erp.orders(s.order_id) == []
    assert released(s.house, s.order_id) == []


async def cancel_after_booking(s: Scene) -> None:
    await s.booked()
    s.channel.cancel(s.order_id)
    await s.at("cancelled")
    assert s.erp.orders(s.order_id) == []


async def cancel_after_release(s: Scene) -> None:
    await s.released()
    s.channel.cancel(s.order_id)
    await s.at("cancelled")
    assert [one["status"] for one in released(s.house, s.order_id)] == ["canceled"]
    assert s.erp.orders(s.order_id) == []


async def cancel_after_shipment(s: Scene) -> None:
    await s.done()
    s.channel.cancel(s.order_id)
    await s.told("order.cancelled_after_shipment")


async def cancel_after_shipment_refused(s: Scene) -> None:
    await s.done()
    with pytest.raises(ValueError, match="cannot be cancelled"):
        s.channel.cancel(s.order_id)


async def partial_refund(s: Scene) -> None:
    await s.done()
    line = s.channel.line(s.order_id)
    s.channel.refund(s.order_id, lines=[{"id": line["id"], "quantity": 1, "restock": "no_restock"}])
    await s.credited()
    (memo,) = s.erp.memos(s.order_id)
    assert (memo.ours, memo.applied, memo.restocked) == (True, True, 0)


async def returned(s: Scene) -> None:
    """The goods are announced, come back, and are paid back: one return and one refund of the same unit."""
    await s.done()
    rows = [{"id": s.channel.line(s.order_id)["id"], "quantity": 1}]
    ref = s.house.shop.act("open_return", {"id": s.order_id, "lines": rows})["return"]
    s.house.shop.act("close_return", {"return": ref})
    s.channel.refund(s.order_id, lines=[{**rows[0], "restock": "return"}], **{"return": ref})
    await s.credited()
    (memo,) = s.erp.memos(s.order_id)
    assert (memo.ours, memo.applied, memo.restocked) == (True, True, 1)

    async def received() -> bool:
        state = await s.house.state(s.order_id)
        return [one.status for one in state.returns.values()] == ["received"]

    await s.house.until(received, "the return to be known as received")
    assert came_back(await s.house.state(s.order_id)) == {str(rows[0]["id"]): 1}


async def _sent_back(s: Scene) -> None:
    """Announced, counted in and refunded: the warehouse has the unit, the credit memo the money and not the unit."""
    await s.done()
    line = s.channel.line(s.order_id)
    rows = [{"id": line["id"], "quantity": 1}]
    ref = s.house.shop.act("open_return", {"id": s.order_id, "lines": rows})["return"]
    key = f"shop-{s.order_id}"

    def expected() -> list[object]:
        return [one for one in s.house.warehouse.books()["returns"] if one["order"] == key]

    await s.house.until(expected, "the warehouse to expect it")
    s.house.warehouse.act("receive_return", {"order": key, "sku": line["sku"], "quantity": 1, "finish": True})
    s.channel.refund(s.order_id, lines=[{**rows[0], "restock": "return"}], **{"return": ref})
    await s.house.until(lambda: s.erp.memos(s.order_id), "the credit memo")
    (memo,) = s.erp.memos(s.order_id)
    assert (memo.ours, memo.applied, memo.restocked) == (True, True, 0)
    assert len(expected()) == 1
    assert s.house.warehouse.books()["returns_repeated"] == []


async def returned_onward(s: Scene) -> None:
    await _sent_back(s)
    await s.house.until(lambda: s.house.erp.books()["item_receipts"], "the receipt")
    await s.at("done")
    await s.house.quiet()
    (receipt,) = s.house.erp.books()["item_receipts"]
    assert [(line["quantity"], line["restock"]) for line in receipt["lines"]] == [("1", True)]
    assert sum(map(Decimal, s.house.erp.books()["restocked"].values())) == 1


async def returned_onward_by_hand(s: Scene) -> None:
    await _sent_back(s)
    await s.told("return.post.rejected")


async def exchange(s: Scene) -> None:
    part = await _exchanged(s, Decimal(1))
    await s.part_at(part, "done")
    await s.credited()
    assert s.channel.entry(s.order_id)["refunds"] == 1
    assert Decimal(s.channel.entry(s.order_id)["refunded"]) == 0
    _credited_whole(s, part)


async def exchange_cheaper(s: Scene) -> None:
    part = await _exchanged(s, Decimal("0.5"))
    await s.part_at(part, "done")
    await s.credited()
    assert Decimal(s.channel.entry(s.order_id)["refunded"]) > 0
    _credited_whole(s, part)


async def exchange_dearer(s: Scene) -> None:
    part = await _exchanged(s, Decimal(2))
    await s.part_at(part, "waiting")
    await s.credited()
    assert s.erp.orders(part) == []
    assert released(s.house, part) == []
    await s.house.next_second()
    s.house.shop.act("pay_order", {"id": s.order_id})
    await s.part_at(part, "done")
    _credited_whole(s, part)


async def exchange_paid(s: Scene) -> None:
    part = await _exchanged(s, Decimal("0.5"))
    await s.part_at(part, "done")
    await s.house.until(lambda: _paid(s), "the customer refund")
    await s.at("done")
    (memo,) = s.erp.memos(s.order_id)
    assert _paid(s) == memo.total, "what pays for the other order counts as paid out"
    assert s.erp.paid_out(part) == 0


async def exchange_taken_back(s: Scene) -> None:
    await s.released()
    s.house.warehouse.act("ship_now", {"order": f"shop-{s.order_id}"})
    await s.at("done")
    await s.house.quiet()
    await s.house.next_second()
    part = await _exchange(s, Decimal("0.5"))

    async def there() -> bool:
        if not released(s.house, part) or await s.house.status(part) is None:
            return False
        return (await s.house.state(part)).finished("order.release")

    await s.house.until(there, "the release of what was added")
    await s.house.next_second()
    (line,) = (await s.house.state(part)).order.lines  # type: ignore[union-attr]
    s.house.shop.act("unexchange", {"id": s.order_id, "line": line.id})
    await s.part_at(part, "cancelled")
    await s.credited()
    assert s.erp.orders(part) == []
    assert [one["status"] for one in released(s.house, part)] == ["canceled"]


async def exchange_by_hand(s: Scene) -> None:
    part = await _exchanged(s, Decimal(2))
    await s.told("order.edited_after_shipment")
    await s.house.until(lambda: s.erp.memos(s.order_id), "the credit memo")
    assert await s.house.status(part) is None
    assert s.erp.orders(part) == []


async def _exchanged(s: Scene, dearer: Decimal) -> str:
    """An order that is done, and a unit of it exchanged. Gives the number by which the house calls what was added."""
    s.place(quantity=1, discount=False)
    await s.at("done")
    await s.house.quiet()
    await s.house.next_second()
    return await _exchange(s, dearer)


async def _exchange(s: Scene, dearer: Decimal) -> str:
    line = s.channel.line(s.order_id)
    price = (Decimal(line["price"]) * dearer).quantize(Decimal("0.01"))
    s.house.shop.act(
        "exchange",
        {
            "id": s.order_id,
            "lines": [{"id": line["id"], "quantity": 1}],
            "new": [{"sku": "SKU-0042", "price": price}],
        },
    )
    return f"{s.order_id}-X1"


def _credited_whole(s: Scene, part: str) -> None:
    """What came back is credited whole, what was added billed whole, each once; both to the channel's cent."""
    (memo,) = s.erp.memos(s.order_id)
    assert (memo.ours, memo.applied, memo.restocked) == (True, True, 1)
    assert s.erp.memos(part) == []
    (bill,) = s.erp.invoices(s.order_id).values()
    (added,) = s.erp.invoices(part).values()
    assert bill + added == Decimal(s.channel.entry(s.order_id)["total"])
    assert s.erp.units(part) == 1
    assert s.channel.entry(s.order_id)["fulfillment_status"] == "fulfilled"


async def replacement(s: Scene) -> None:
    await s.done()
    first = s.order_id
    s.place(replaces=first, discount=False, shipping=False)
    await s.at("done")
    assert s.order_id != first
    assert Decimal(s.channel.entry(s.order_id)["total"]) == 0
    assert s.erp.units(s.order_id) > 0
    assert sum(s.erp.invoices(s.order_id).values()) == 0


async def full_refund(s: Scene) -> None:
    await s.done()
    s.channel.refund(s.order_id, lines="all", shipping=True)
    await s.credited()
    assert s.channel.kept(s.order_id) == 0


async def shipping_refund(s: Scene) -> None:
    await s.done()
    s.channel.refund(s.order_id, shipping=True)
    await s.credited()
    (memo,) = s.erp.memos(s.order_id)
    assert memo.restocked == 0


async def paid_refund(s: Scene) -> None:
    await partial_refund_of_paid(s)
    await s.house.until(lambda: _paid(s), "the customer refund")
    await s.at("done")
    assert _paid(s) == Decimal(s.channel.entry(s.order_id)["refunded"])


def _paid(s: Scene) -> Decimal:
    return s.erp.paid_out(s.order_id)


async def paid_refund_by_hand(s: Scene) -> None:
    await partial_refund_of_paid(s)
    await s.told("refund.pay.rejected")


async def partial_refund_of_paid(s: Scene) -> None:
    await s.done()
    line = s.channel.line(s.order_id)
    s.channel.refund(s.order_id, lines=[{"id": line["id"], "quantity": 1, "restock": "return"}])
    await s.house.until(lambda: s.erp.memos(s.order_id), "the credit memo")
    (memo,) = s.erp.memos(s.order_id)
    assert not memo.applied, "it is paid out, not set off"


async def captured(s: Scene) -> None:
    s.place()
    await s.house.until(lambda: s.erp.received(s.order_id), "the payment")
    await s.at("done")
    total = Decimal(s.channel.entry(s.order_id)["total"])
    assert s.erp.received(s.order_id) == [(total, total)]


async def deposited(s: Scene) -> None:
    s.place()
    total = Decimal(s.channel.entry(s.order_id)["total"])
    await s.house.until(lambda: s.erp.deposited(s.order_id) == [(total, total)], "the deposit to be applied")
    await s.at("done")
    assert s.erp.received(s.order_id) == []


async def captures_not_told(s: Scene) -> None:
    s.place()
    await s.at("done")
    await s.told("read_back.rejected")
    assert s.erp.received(s.order_id) == []


async def invoice_shown(s: Scene) -> None:
    s.place()
    await s.house.until(lambda: s.house.shop.books_.metafields, "the metafield")
    await s.at("done")
    (value,) = s.house.shop.books_.metafields.values()
    assert [Decimal(msgspec.json.decode(value)["total"])] == list(s.erp.invoices(s.order_id).values())


async def invoice_not_shown(s: Scene) -> None:
    s.place()
    await s.told("invoice.publish.rejected")


async def credit_in_erp(s: Scene) -> None:
    await s.done()
    s.erp.credit(s.order_id, "1.37")

    async def echoed() -> bool:
        return any(known.echo for known in (await s.house.state(s.order_id)).refunds.values())

    await s.house.until(echoed, "the refund to come back as an echo")
    await s.at("done")
    entry = s.channel.entry(s.order_id)
    assert (entry["refunds"], Decimal(entry["refunded"])) == (1, Decimal("1.37"))
    assert [memo.ours for memo in s.erp.memos(s.order_id)] == [False]


async def credit_in_erp_by_hand(s: Scene) -> None:
    await s.done()
    s.erp.credit(s.order_id, "1.37")
    await s.told("refund.push.rejected")


async def refunds_not_told(s: Scene) -> None:
    """The connector says so itself, and nothing of Amazon's can make the ERP credit anything."""
    await s.done()
    found = app.connector(s.channel.system)
    assert not {"refund_seen", "return_seen"} & set(found.manifest.topics.values())
    assert "refund.push" not in found.operations
    s.channel.refund(s.order_id, shipping=True)
    await s.house.quiet()
    assert s.erp.memos(s.order_id) == []


STORIES: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    story.__name__: story
    for story in (
        order, partial_shipments, billed_by_erp, edit_before_booking, edit_after_booking, units_off, edit_after_billing,
        edit_after_release, line_off_after_a_part, cancel_before_booking, cancel_after_booking, cancel_after_release,
        cancel_after_shipment,
        cancel_after_shipment_refused, partial_refund, returned, returned_onward, returned_onward_by_hand,
        exchange, exchange_cheaper, exchange_dearer,
        exchange_paid, exchange_taken_back, exchange_by_hand, replacement, full_refund,
        shipping_refund, paid_refund,
        paid_refund_by_hand, captured, deposited, captures_not_told, invoice_shown, invoice_not_shown,
        credit_in_erp, credit_in_erp_by_hand, refunds_not_told,
    )
}  # fmt: skip
