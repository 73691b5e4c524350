"""Every order body that the vendor's samples hold goes through to the cent, or ends in an exception that says why."""

import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.simulators.netsuite.catalogue import Item
from tests.process.books import assert_nothing_twice, assert_untouched, booked, invoiced
from tests.process.house import ERP, Engine, House

Running = Callable[..., Awaitable[tuple[House, Engine]]]
_DEFAULT = Path(__file__).parents[3] / "shared" / "vendors" / "samples"
FOLDER = Path(os.environ.get("CROSSDOCK_VENDOR_SAMPLES") or _DEFAULT)
SAMPLES = sorted(FOLDER.glob("shopify_orders-*.json"))
OURS = sorted((Path(__file__).parents[2] / "src/crossdock/connectors/shopify/samples").glob("orders_*.json"))
WHOLE = [file for file in OURS if "edited" not in file.name]  # that topic carries a difference, not an order
ENDS = ("done", "exception", "held", "cancelled", "ignored")


@pytest.mark.skipif(not SAMPLES, reason=f"no vendor samples in {FOLDER} (CROSSDOCK_VENDOR_SAMPLES)")
@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
async def test_a_sample_of_the_vendors(running: Running, file: Path) -> None:
    topic = file.stem.split("_")[1].replace("-", "/")
    await _through(running, topic, msgspec.json.decode(file.read_bytes()))


@pytest.mark.parametrize("file", WHOLE, ids=lambda file: file.stem)
async def test_a_sample_of_our_own(running: Running, file: Path) -> None:
    sample = msgspec.json.decode(file.read_bytes())
    await _through(running, sample["topic"], sample["body"])


async def _through(running: Running, topic: str, body: dict[str, Any]) -> None:
    house, _ = await running()
    await _stock(house, {line["sku"] for line in body["line_items"] if line.get("sku")})
    order_id = house.shop.act("import_order", {"body": body, "topic": topic})["id"]

    async def rests() -> bool:
        row = await house.store.pool.fetchrow("select status, step from streams where key = $1", f"shop-{order_id}")
        if row is None or house.vendors.mail.waiting:
            return False
        return row["status"] in ENDS or (row["status"], row["step"]) == ("waiting", "confirm.payment")

    await house.until(rests, "the order to come to rest")
    status = await house.status(order_id)
    total = Decimal(body["total_price"])
    assert {Decimal(one["total"]) for one in booked(house, order_id)} <= {total}
    if status == "done":
        assert len(booked(house, order_id)) == 1
        assert [Decimal(one["total"]) for one in invoiced(house, order_id)] == [total]
        assert await house.problems() == []
    else:
        await _assert_explained(house, order_id, status or "", body)
    assert_nothing_twice(house)


async def _stock(house: House, skus: set[str]) -> None:
    for number, sku in enumerate(sorted(skus - {item.itemid for item in house.erp.items.values()})):
        ref = str(5000 + number)
        house.erp.items[ref] = Item(ref, sku, sku, "InvtPart", house.erp.now)
    await house.poll(ERP, "items")


async def _assert_explained(house: House, order_id: str, status: str, body: dict[str, Any]) -> None:
    """Why it did not go through: an exception, or what the body itself says."""
    if status != "exception":
        assert_untouched(house, order_id)
    if status == "ignored":
        assert body["test"] is True
    elif status == "cancelled":
        assert body["cancelled_at"]
    elif status == "waiting":
        assert body["financial_status"] in ("pending", "authorized", "partially_paid")
    else:
        problems = await house.problems()
        assert [key for key, _, _ in problems if key == f"shop-{order_id}"]
        assert all(code and title for _, code, title in problems)
