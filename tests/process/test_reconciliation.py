"""What webhooks lose and what people do in other systems: found, and set right or told, over real books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from crossdock.engine.world import World
from crossdock.kit.manifest import Connector
from crossdock.reconcile import certificate
from crossdock.reconcile.certificate import BadCertificate
from crossdock.reconcile.closing import NotOver, Signing, close
from crossdock.reconcile.rounds import ReconcileLoop, Round, RoundSettings, routes_of
from crossdock.reconcile.summing import prove_list
from crossdock.store import certificates, reading_differences
from crossdock.store.differences import Differences
from crossdock.store.pool import reading_pool
from crossdock.store.reading_differences import DifferenceRow
from tests.process.books import assert_nothing_twice, assert_untouched, assert_whole, booked, sold
from tests.process.house import ERP, SHOP, Engine, House, Vendors
from tests.support.heard import Heard

Running = Callable[..., Awaitable[tuple[House, Engine]]]
AT_ONCE = RoundSettings(every_s=0.2, grace_s=0.0)


def without_lag(connector: Connector) -> Connector:
    """Lists that show everything at once: the rule about lags is tested where the clock is ours."""
    prompt = {"lag_s": 0.0, "every_s": 0.0, "from_start": False}
    listing = connector.listing and msgspec.structs.replace(connector.listing, **prompt)
    return msgspec.structs.replace(connector, listing=listing)


@asynccontextmanager
async def prompt(house: House) -> AsyncIterator[World]:
    async with house.world(house.store, "reconciler") as world:
        links = {
            name: msgspec.structs.replace(link, connector=without_lag(link.connector))
            for name, link in world.links.items()
        }
        yield msgspec.structs.replace(world, links=links)


async def rounds(house: House, count: int = 2) -> None:
    """So many rounds: in the first a difference is suspected, in the next it is one."""
    async with prompt(house) as world:
        (route,) = routes_of(world, AT_ONCE, asyncio.sleep)
        for _ in range(count):
            heard = Heard()
            await Round(
                msgspec.structs.replace(world, signals=heard), Differences(house.store.pool), route, lambda: True
            ).run()
            assert [span.name for span in heard.spans] == [f"reconcile {SHOP}"]
    told = "select count(*) from messages where delivery_id like 'reconcile/%' and trace = ''"
    assert await house.store.pool.fetchval(told) == 0, "what a round tells is linked to it"


async def standing(house: House, state: str = "open") -> list[DifferenceRow]:
    return (await reading_differences.page(house.store.pool, state=state)).differences


async def kinds(house: House, state: str = "open") -> list[tuple[str, str]]:
    return sorted((one.order_key, one.kind) for one in await standing(house, state))


def key(order_id: str) -> str:
    return f"{SHOP}-{order_id}"


async def codes(house: House) -> list[tuple[str, str]]:
    return [(stream, code) for stream, code, _ in await house.problems()]


async def whole(house: House, count: int = 1, **wish: Any) -> list[str]:
    """Orders that went all the way."""
    ids: list[str] = house.shop.act("place_order", {"paid": True, "count": count, **wish})["ids"]
    await house.until(lambda: all(sold(house, one)["fulfillment_status"] == "fulfilled" for one in ids), "shipping")
    await house.quiet()
    return ids


async def booked_only(house: House, count: int = 1) -> list[str]:
    """Orders that are booked and released, and of which nothing has left yet."""
    ids: list[str] = house.shop.act("place_order", {"paid": True, "count": count})["ids"]
    for one in ids:
        await house.until(lambda one=one: booked(house, one), f"order {one} to be booked")
        await house.until(lambda one=one: _rests(house, one), f"order {one} to wait for its shipment")
    return ids


async def _rests(house: House, order_id: str) -> bool:
    state = await house.state(order_id)
    return state.erp_ref is not None and not any(one.status == "open" for one in state.commands.values())


SLOW = {"pick_s": 3600.0, "ship_s": 3600.0}


async def test_nothing_differs_between_books_that_agree(running: Running) -> None:
    rates = dict.fromkeys(("presentment", "discount", "shipping_discount", "gift_card_tender", "tip", "duties"), 0.5)
    house, _ = await running(shop={"rates": rates})
    ids = await whole(house, 8)
    await rounds(house, 3)
    assert await kinds(house) == await kinds(house, "suspected") == []
    for order_id in ids:
        assert_whole(house, order_id)


async def test_orders_whose_webhooks_were_all_lost_are_found_and_go_all_the_way(running: Running) -> None:
    house, _ = await running()
    house.vendors.mail.lost = True
    ids = house.shop.act("place_order", {"paid": True, "count": 3})["ids"]
    await house.next_second()  # a window ends before the second that is under way
    await rounds(house, 1)
    assert await kinds(house, "suspected") == [(key(one), "missing_here") for one in sorted(ids)]
    assert [await house.status(one) for one in ids] == [None] * 3, "seen once it may be a list that runs ahead"
    house.vendors.mail.lost = False
    await rounds(house, 1)
    await house.until(lambda: all(sold(house, one)["fulfillment_status"] == "fulfilled" for one in ids), "shipping")
    await house.quiet()
    for one in ids:
        assert_whole(house, one)
    await rounds(house, 1)
    assert await kinds(house) == []
    assert await kinds(house, "settled") == [(key(one), "missing_here") for one in sorted(ids)]
    assert_nothing_twice(house)


async def test_orders_from_before_the_route_begins_are_missed_by_nobody_and_taken_in_by_nobody(
    running: Running,
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    house, _ = await running(route={"since": tomorrow})
    (heard,) = house.shop.act("place_order", {"paid": True})["ids"]
    await house.until(lambda: _is(house, heard, "ignored"), "the order to be left alone")
    house.vendors.mail.lost = True
    (unheard,) = house.shop.act("place_order", {"paid": True})["ids"]
    await house.next_second()
    await rounds(house, 3)
    assert await kinds(house) == await kinds(house, "suspected") == []
    assert await house.status(unheard) is None, "nobody asked the shop for it"
    house.vendors.mail.lost = False
    for order_id in (heard, unheard):
        house.shop.act("tag_order", {"id": order_id, "tags": "rush"})
    await house.until(lambda: _is(house, unheard, "ignored"), "the edited one to be left alone too")
    await house.quiet()
    await rounds(house, 2)
    assert await kinds(house) == await kinds(house, "suspected") == []
    for order_id in (heard, unheard):
        assert await house.status(order_id) == "ignored"
        assert_untouched(house, order_id)
    assert await house.problems() == []


async def _is(house: House, order_id: str, status: str) -> bool:
    return await house.status(order_id) == status


async def test_a_cancellation_that_nobody_heard_of_is_read_back(running: Running) -> None:
    house, _ = await running(warehouse=SLOW)
    (order_id,) = await booked_only(house)
    await house.next_second()
    house.vendors.mail.lost = True
    house.shop.act("cancel_order", {"id": order_id})
    await house.next_second()
    await rounds(house, 2)
    house.vendors.mail.lost = False
    await house.until(lambda: booked(house, order_id)[0]["status"] == "Closed", "the sales order to be closed")
    await house.quiet()
    assert await house.status(order_id) == "cancelled"
    await rounds(house, 1)
    assert (await kinds(house), await kinds(house, "settled")) == ([], [(key(order_id), "cancelled_in_channel")])
    assert await codes(house) == []


async def test_an_order_that_was_deleted_in_the_erp_is_told_and_booked_again_by_a_retry(running: Running) -> None:
    house, _ = await running(warehouse=SLOW)
    (order_id,) = await booked_only(house)
    before = booked(house, order_id)[0]
    house.erp.act("delete", {"order": before["id"]})
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "missing_in_erp")]
    await house.until(lambda: told(house, [(key(order_id), "reconcile.missing_in_erp")]), "a person to be told")
    await rounds(house, 2)
    assert await codes(house) == [(key(order_id), "reconcile.missing_in_erp")], "once"
    assert booked(house, order_id) == [], "nothing is booked again before a person says so"
    await house.act(order_id, "retry", problem="reconcile/missing_in_erp")
    await house.until(lambda: booked(house, order_id), "the order to be booked again")
    (again,) = booked(house, order_id)
    assert (again["total"], again["external_id"]) == (before["total"], before["external_id"])
    await house.until(lambda: _rests(house, order_id), "the booking's outcome")
    assert (await house.state(order_id)).erp_ref == again["id"]
    await rounds(house, 1)
    assert (await kinds(house), await codes(house)) == ([], [])
    assert_nothing_twice(house)


async def told(house: House, wanted: list[tuple[str, str]]) -> bool:
    return await codes(house) == wanted


async def test_a_sales_order_that_was_changed_by_hand_is_told_until_it_agrees_again(running: Running) -> None:
    house, _ = await running(warehouse=SLOW)
    (order_id,) = await booked_only(house)
    (there,) = booked(house, order_id)
    line = there["lines"][0]
    house.erp.act("edit_line", {"order": there["id"], "line": line["line"], "quantity": int(line["quantity"]) + 2})
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "erp_amount_differs"), (key(order_id), "erp_quantity_differs")]
    both = [(key(order_id), "reconcile.erp_amount_differs"), (key(order_id), "reconcile.erp_quantity_differs")]
    await house.until(lambda: told(house, both), "a person to be told")
    amount = next(one for one in await standing(house) if one.kind == "erp_amount_differs")
    (changed,) = booked(house, order_id)
    assert Decimal(amount.expected.split()[0]) == Decimal(sold(house, order_id)["total"])
    assert Decimal(amount.found.split()[0]) == Decimal(changed["total"])
    house.erp.act("edit_line", {"order": there["id"], "line": line["line"], "quantity": int(line["quantity"])})
    await rounds(house, 1)
    await house.until(lambda: told(house, []), "the exceptions to be settled")
    assert await kinds(house) == []
    assert len(await kinds(house, "settled")) == 2
    assert await house.status(order_id) == "waiting"


async def test_a_sales_order_closed_or_billed_by_the_erps_own_people_is_told(running: Running) -> None:
    house, _ = await running(warehouse=SLOW)
    (order_id,) = await booked_only(house)
    house.erp.act("close", {"order": booked(house, order_id)[0]["id"]})
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "cancelled_in_erp")]
    await house.until(lambda: told(house, [(key(order_id), "reconcile.cancelled_in_erp")]), "a person to be told")


async def test_an_invoice_that_was_deleted_in_the_erp_is_told_of_a_finished_order(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await whole(house)
    ledger = house.erp.ledger
    ledger.remove(next(one for one in ledger.of("invoice")))
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "invoiced_amount_differs")]
    problem = [(key(order_id), "reconcile.invoiced_amount_differs")]
    await house.until(lambda: told(house, problem), "a person to be told")
    assert await house.status(order_id) == "exception"
    await house.act(order_id, "resolve", "entered again by finance", problem="reconcile/invoiced_amount_differs")
    await house.until(lambda: told(house, []), "the exception to be settled")
    assert await house.status(order_id) == "done"
    await rounds(house, 2)
    assert await codes(house) == [], "what a person has settled is not told again while it stays the same"
    assert len(await kinds(house)) == 1, "but it is not hidden either"


async def test_a_fulfilment_that_was_cancelled_in_the_channel_is_told(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await whole(house)
    house.shop.books_.touch(int(order_id))["fulfillment_status"] = None
    await rounds(house, 2)
    assert (key(order_id), "shipment_not_shown") in await kinds(house)


async def test_an_order_that_a_person_works_on_already_is_not_told_twice(running: Running) -> None:
    house, _ = await running(route={"guest_customer": None})
    (order_id,) = house.shop.act("place_order", {"paid": True})["ids"]
    await house.until(lambda: house.status(order_id), "the order")
    await house.until(lambda: held(house, order_id), "the order to wait for a person")
    before = await codes(house)
    await rounds(house, 3)
    assert [(one.kind, one.explained) for one in await standing(house)] == [("missing_in_erp", True)]
    assert await codes(house) == before


async def held(house: House, order_id: str) -> bool:
    return await house.status(order_id) == "exception"


async def test_an_order_in_the_erp_that_we_lost_is_asked_of_the_channel(running: Running) -> None:
    house, _ = await running(route={"warehouse": None, "invoice": "take"})
    (order_id,) = await booked_only(house)
    pool = house.store.pool
    at_rest = "select not exists (select from agenda) and not exists (select from dispatch)"
    await house.until(lambda: pool.fetchval(at_rest), "nothing to be on its way")
    for table in ("streams", "commands", "attempts", "references", "journal", "messages", "deliveries"):
        await pool.execute(f'delete from "{table}"')
    house.shop.books_.orders[int(order_id)]["updated_at"] = "2026-01-01T00:00:00+00:00"  # in no list of changes
    await house.next_second()  # the ERP tells whole seconds too
    await rounds(house, 2)
    await house.until(lambda: house.status(order_id), "the order to be here again")
    await house.until(lambda: _rests(house, order_id), "its booking to be found")
    assert len(booked(house, order_id)) == 1
    assert house.erp.books()["duplicates"] == {"external_id": 0, "other_ref": 0}


async def test_a_system_that_cannot_be_asked_is_said_and_hides_nothing(running: Running) -> None:
    house, _ = await running()
    house.erp.concurrency = 0  # it refuses every call
    async with prompt(house) as world:
        loop = ReconcileLoop(world, house.store.pool, AT_ONCE, tick_s=0.02)
        stop = asyncio.Event()
        work = asyncio.create_task(loop.run(stop))
        try:
            await house.until(lambda: failed(house, "NetSuite did not answer a query"), "the failure to be said")
            house.erp.concurrency = 15
            await house.until(lambda: succeeded(house), "a round to succeed")
            await house.store.pause(ERP, "for maintenance")
            await house.until(lambda: failed(house, "erp is paused"), "the pause to be said")
        finally:
            stop.set()
            await work
    assert await kinds(house, "suspected") == []


async def failed(house: House, said: str) -> bool:
    rows = await reading_differences.routes(house.store.pool)
    return bool(rows) and said in (rows[0].error or "")


async def succeeded(house: House) -> bool:
    rows = await reading_differences.routes(house.store.pool)
    return bool(rows) and rows[0].error is None and rows[0].succeeded_at is not None


class Yesterday(Vendors):
    """A shop whose orders were all placed a day ago: a date that has ended."""

    def open_shop(self, shop: Mapping[str, Any]) -> Any:
        around = super()._around
        behind = lambda: datetime.now(UTC) - timedelta(days=1)  # noqa: E731
        self._around = lambda: msgspec.structs.replace(around(), now=behind)  # type: ignore[method-assign]
        try:
            return super().open_shop(shop)
        finally:
            self._around = around  # type: ignore[method-assign]


async def test_a_day_is_closed_signed_and_corrected(running: Running) -> None:
    house, _ = await running(accounts=Yesterday)
    day = (house.shop.books_.now().date(), "UTC")
    ids = await whole(house, 4)
    secret, public = certificate.make_key()
    verifier = certificate.public_key(public)
    db = await reading_pool(house.url)
    try:
        async with prompt(house) as world:
            rest = (world, house.store.pool, db, AT_ONCE, day)
            today = (day[0] + timedelta(days=1), "UTC")
            with pytest.raises(NotOver, match="can be closed from"):
                await close(*rest[:4], today, _signing(secret, "early", ""), asyncio.sleep)
            first = await close(*rest, _signing(secret, "first", ""), asyncio.sleep)
            told = certificate.verify(first.file, verifier)
            prove_list(told, first.listed)
            _assert_sums(house, told, ids)
            with pytest.raises(BadCertificate, match="not the one"):
                prove_list(told, first.listed.replace(b'"booked":true', b'"booked":false'))
            house.erp.act("delete", {"order": booked(house, ids[0])[0]["id"]})
            second = await close(*rest, _signing(secret, "second", "an order was deleted"), asyncio.sleep)
        corrected = certificate.verify(second.file, verifier)
        assert corrected["replaces"] == {"serial": "first", "sha256": certificate.digest(first.file)}
        before, after = (sum(one["erp"]["orders"] for one in each["routes"]) for each in (told, corrected))
        assert (before, after) == (4, 3)
        assert sum(one["differing"] for one in corrected["routes"]) == 1
        rows = await certificates.page(db)
        assert [(row.serial, row.replaces, row.replaced) for row in rows] == [
            ("second", "first", False),
            ("first", None, True),
        ]
    finally:
        await db.close()


async def test_a_certificate_is_never_changed_and_its_chain_never_forks(running: Running) -> None:
    house, _ = await running(accounts=Yesterday)
    pool, day = house.store.pool, house.shop.books_.now().date()
    new = certificates.New(day, "UTC", "s1", "d1", b"file", b"list", None, "ada")
    kept = await certificates.keep(pool, new)
    for other in (
        msgspec.structs.replace(new, serial="s2", digest="d2"),
        msgspec.structs.replace(new, serial="s2", digest="d1", replaces=kept),
    ):
        with pytest.raises(certificates.AlreadyClosed):
            await certificates.keep(pool, other)
    await certificates.keep(pool, msgspec.structs.replace(new, serial="s2", digest="d2", replaces=kept))
    with pytest.raises(certificates.AlreadyClosed):
        await certificates.keep(pool, msgspec.structs.replace(new, serial="s3", digest="d3", replaces=kept))
    for statement in ("update certificates set made_by = 'eve'", "delete from certificates"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await pool.execute(statement)
    stands = await certificates.newest(pool, day)
    assert stands is not None
    assert (stands.serial, stands.listed) == ("s2", b"list")


def _signing(secret: bytes, serial: str, reason: str) -> Signing:
    return Signing(secret.decode(), "ada", reason, lambda: serial)


def _assert_sums(house: House, told: Mapping[str, Any], ids: list[str]) -> None:
    totals: dict[str, Decimal] = {}
    for one in ids:
        entry = sold(house, one)
        totals[entry["currency"]] = totals.get(entry["currency"], Decimal(0)) + Decimal(entry["total"])
    for route in told["routes"]:
        expected = totals[route["currency"]]
        for side in ("channel", "crossdock", "erp"):
            assert Decimal(route[side]["total"]) == expected
            assert route[side]["orders"] == len(ids)
        assert Decimal(route["erp"]["invoiced"]) == expected
        assert (route["differing"], route["crossdock"]["not_booked"]) == (0, 0)
    assert told["differences"]["open"] == 0
