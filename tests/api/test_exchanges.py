"""An order and its exchange order: two pages that lead to each other."""

from datetime import timedelta
from decimal import Decimal

import msgspec

from crossdock.api.desk import Desk
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import OrderLine
from crossdock.domain.outcome import Done
from tests.console.desks import visitor
from tests.console.seed import ERP, Day, key, order


async def exchanged(day: Day, number: int) -> None:
    """Booked and shipped; then the channel shows a teapot more, with nothing outstanding."""
    placed = order(number)
    await day.arrive(placed)
    await day.decide()
    await day.answer(ERP, lambda command: Done({"salesOrder": "7"}) if command.key.startswith(key(number)) else None)
    await day.ship(placed)
    await day.decide()
    teapot = OrderLine("77", "Teapot", Decimal(1), Amount(Decimal("89.00")), sku="POT-07")
    totals = msgspec.structs.replace(
        placed.totals,
        total=Amount(placed.totals.total.shop + 89),
        lines=Amount(placed.totals.lines.shop + 89),
    )
    at = placed.updated_at + timedelta(days=1)
    lines = (*placed.lines, teapot)
    await day.arrive(msgspec.structs.replace(placed, updated_at=at, lines=lines, totals=totals, outstanding=ZERO))
    await day.decide()


async def test_both_pages_lead_to_the_other_order(day: Day, desk: Desk) -> None:
    await exchanged(day, 702)
    whole, part = key(702), f"{key(702)}-X1"
    async with visitor(desk, "viewer") as who:
        told = (await who.get(f"/api/v1/orders/{whole}")).json()
        assert told["kin"] == [
            {"key": part, "number": "#1702-X1", "is_part": True, "total": "89.00", "currency": "AUD"}
        ]
        text = (await who.page(f"/orders/{whole}")).text
        assert f'href="/orders/{part}"' in text
        assert "#1702-X1" in text
        told = (await who.get(f"/api/v1/orders/{part}")).json()
        assert [(one["key"], one["number"], one["is_part"]) for one in told["kin"]] == [(whole, "#1702", False)]
        assert told["whole"]["order"]["label"] == "#1702-X1"
        text = (await who.page(f"/orders/{part}")).text
        assert f'href="/orders/{whole}"' in text
        alone = (await who.get(f"/api/v1/orders/{key(1)}")).json()
        assert alone["kin"] == []
