"""Polls: rounds follow the vendor's pages to their end, changes come again with an overlap, nothing is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup

from crossdock.connectors.businesscentral import CONNECTOR, polls
from crossdock.connectors.businesscentral.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Call, Found, Page, Unreachable, Untranslatable
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.businesscentral.catalogue import SHIPMENT_METHODS, TAX_RATES


async def drain(setup: Setup, name: str, cursor: str | None = None, **options: Any) -> tuple[list[Page], str]:
    """Poll until there is no more; a loop that does not end fails."""
    pages: list[Page] = []
    while True:
        page = await CONNECTOR.polls[name].run(setup.client(), cursor, options)
        pages.append(page)
        cursor = page.cursor
        assert len(pages) < 50, "the page loop does not end"
        if not page.more:
            return pages, cursor


def narrow(setup: Setup, rows: int) -> None:
    """The same company with small pages."""
    full = setup.company.handle

    async def answer(request: Request) -> Reply:
        if "prefer" in request.headers:
            headers = {**request.headers, "prefer": f"odata.maxpagesize={rows}"}
            request = msgspec.structs.replace(request, headers=headers)
        return await full(request)

    setup.door.answer = answer


def skus(pages: list[Page]) -> list[str]:
    return [sku for page in pages for sku, _ in page.products]


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
async def test_items_of_one_instant_are_read_once_each(rows: int) -> None:
    setup = Setup(items=20, customers=0)
    for n, item in enumerate(setup.company.items.values()):
        item.modified -= timedelta(seconds=n // 10)
    narrow(setup, rows)
    pages, _ = await drain(setup, "items")
    assert sorted(skus(pages)) == [f"SKU-{n:04}" for n in range(1, 21)]
    assert len(pages) == -(-20 // rows)


async def test_items_become_masters_and_changes_come_again() -> None:
    setup = Setup(items=3, customers=0)
    pages, cursor = await drain(setup, "items")
    read = {sku: msgspec.json.decode(body, type=ProductMaster) for page in pages for sku, body in page.products}
    known = next(one for one in setup.company.items.values() if one.number == "SKU-0002")
    assert read["SKU-0002"] == ProductMaster("SKU-0002", known.id, True, "Product 2")
    setup.clock.forward(hours=1)
    setup.company.act("block_item", {"number": "SKU-0002"})
    pages, cursor = await drain(setup, "items", cursor)
    changed = {sku: msgspec.json.decode(body, type=ProductMaster) for page in pages for sku, body in page.products}
    assert not changed["SKU-0002"].active
    setup.clock.forward(hours=1)
    pages, _ = await drain(setup, "items", cursor)
    assert skus(pages) == ["SKU-0002"]  # the overlap


async def test_a_change_that_the_replica_shows_late_is_found() -> None:
    setup = Setup(items=3, customers=0)
    _, cursor = await drain(setup, "items")
    setup.clock.forward(hours=1)
    setup.company.act("rename_item", {"number": "SKU-0001", "name": "Early"})
    setup.company.faults.search_lag_s = 60.0
    setup.clock.forward(seconds=30)
    setup.company.act("rename_item", {"number": "SKU-0002", "name": "Late"})
    setup.clock.forward(seconds=35)
    pages, cursor = await drain(setup, "items", cursor)
    assert "SKU-0001" in skus(pages)
    assert "SKU-0002" not in skus(pages)
    setup.clock.forward(minutes=2)
    pages, _ = await drain(setup, "items", cursor)
    assert "SKU-0002" in skus(pages)


async def test_the_sku_may_be_the_gtin() -> None:
    pages, _ = await drain(Setup({"sku_field": "gtin"}, items=2, customers=0), "items")
    assert sorted(skus(pages)) == ["4000000000001", "4000000000002"]
    with pytest.raises(Unreachable, match="sku_field"):
        await drain(Setup({"sku_field": "displayName"}), "items")


async def test_customers_are_found_by_lower_case_email() -> None:
    setup = Setup(items=1, customers=2)
    ref = setup.company.act("add_customer", {"name": "Ada", "email": "Ada@Example.COM"})["id"]
    blocked = next(one for one in setup.company.customers.values() if one.number == "C00002")
    blocked.blocked = "All"
    pages, _ = await drain(setup, "customers")
    read = {known.email: known for page in pages for known in page.customers}
    assert read["ada@example.com"].ref == ref
    assert set(read) == {"ada@example.com", "buyer-1@example.com", "buyer-2@example.com", None}  # the guest has none
    assert (read["buyer-1@example.com"].currency, read["buyer-1@example.com"].active) == ("USD", True)
    assert not read["buyer-2@example.com"].active


async def test_customers_bring_their_tax_number_name_and_postcode() -> None:
    setup = Setup(items=1, customers=0)
    ref = setup.company.act("add_customer", {"name": "Ada Ltd", "postcode": "3000", "tax_number": "DE 811"})["id"]
    pages, _ = await drain(setup, "customers")
    (ada,) = [known for page in pages for known in page.customers if known.ref == ref]
    assert ada == CustomerMaster(ref, None, True, "USD", "Ada Ltd", "3000", "DE 811")


async def billed(setup: Setup, external_id: str) -> Decimal:
    order, call, client, operations = (
        plain_order(external_id=external_id),
        Call("k"),
        setup.client(),
        CONNECTOR.operations,
    )
    outcome = (await operations["order.book"].send(client, booking(order), call)).outcome
    assert isinstance(outcome, Done)
    ref = outcome.refs["salesOrder"]
    lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in order.lines)
    command = PostShipment(order.key, ref, Shipment("S", lines, PLACED), SKUS)
    assert isinstance((await operations["shipment.post"].send(client, command, call)).outcome, Done)
    assert isinstance((await operations["invoice.make"].send(client, MakeInvoice(order.key, ref), call)).outcome, Done)
    return order.totals.total.shop


def found(pages: list[Page]) -> list[Found]:
    return [one for page in pages for one in page.found]


async def test_invoices_reach_the_stream_of_their_order() -> None:
    setup = Setup()
    totals = [await billed(setup, f"10{n}") for n in range(5)]
    narrow(setup, 2)
    pages, cursor = await drain(setup, "invoices")
    messages = sorted(found(pages), key=lambda one: one.stream_key)
    assert [message.stream_key for message in messages] == [f"shop1-10{n}" for n in range(5)]  # not in capitals
    (event,) = CONNECTOR.translate("erp", messages[0].topic, messages[0].body)
    assert isinstance(event, InvoiceSeen)
    assert event.source == "erp"
    assert (event.invoice.total, event.invoice.currency, event.invoice.number) == (totals[0], "USD", "INV100001")
    assert event.invoice.invoiced_at == setup.clock.at
    again, _ = await drain(setup, "invoices", cursor)
    assert {one.delivery_id for one in found(again)} == {one.delivery_id for one in messages}  # deduplicated by id


async def test_other_peoples_invoices_and_drafts_are_left_out() -> None:
    setup = Setup({"order_prefixes": ["shop1", "shop1-eu"]})
    await billed(setup, "1")
    await billed(setup, "2")
    first, second = setup.company.ledger.of("salesInvoice")
    first.external = "PO-77"
    second.status = "Draft"
    pages, _ = await drain(setup, "invoices")
    assert not found(pages)
    second.status, second.external = "Paid", "SHOP1-EU-7"
    pages, _ = await drain(setup, "invoices")
    assert [one.stream_key for one in found(pages)] == ["shop1-eu-7"]  # the longest name that fits


async def test_rounds_that_find_nothing_do_not_wander_back() -> None:
    setup = Setup()
    _, first = await drain(setup, "invoices")
    cursor = first
    for _ in range(3):
        _, cursor = await drain(setup, "invoices", cursor)
    assert cursor == first


async def test_backfill_has_bounds() -> None:
    setup = Setup(items=4, customers=0)
    for n, item in enumerate(setup.company.items.values()):
        item.modified = datetime(2026, 11, 1, 12, n, tzinfo=UTC)
    pages, _ = await drain(setup, "items", since="2026-11-01T12:01:00+00:00", until="2026-11-01T12:02:00+00:00")
    assert skus(pages) == ["SKU-0002", "SKU-0003"]


async def test_a_link_that_the_vendor_no_longer_knows_begins_the_round_anew() -> None:
    setup = Setup(items=5, customers=0)
    narrow(setup, 2)
    page = await CONNECTOR.polls["items"].run(setup.client(), None, {})
    saved = msgspec.json.decode(page.cursor, type=polls.Cursor)
    stale = msgspec.json.encode(msgspec.structs.replace(saved, next="$skiptoken=gone")).decode()
    pages, _ = await drain(setup, "items", stale)
    assert sorted(skus(pages)) == [f"SKU-{n:04}" for n in range(1, 6)]


async def test_a_link_leads_nowhere_but_to_the_company() -> None:
    setup = Setup(items=3, customers=0)
    serve = setup.company.handle

    async def answer(request: Request) -> Reply:
        reply = await serve(request)
        return msgspec.structs.replace(
            reply, body=reply.body.replace(b"api.businesscentral.dynamics.com", b"evil.example")
        )

    setup.door.answer = answer
    narrow(setup, 2)
    await drain(setup, "items")
    assert all(sent.path.startswith("/v2.0/") for sent in setup.door.sent)


async def test_a_poll_that_cannot_read_says_so() -> None:
    with pytest.raises(Unreachable, match="did not answer"):
        await drain(Setup(concurrency=0), "items")
    for value in ([{"id": "1"}], [{"id": "1", "number": "x", "lastModifiedDateTime": "2026-11-01T12:00:00"}], [7]):
        setup = Setup()
        serve = setup.company.handle

        async def answer(request: Request, value: Any = value, serve: Any = serve) -> Reply:
            if "/oauth2/" in request.path:
                reply: Reply = await serve(request)
                return reply
            return Reply(200, msgspec.json.encode({"value": value}))

        setup.door.answer = answer
        with pytest.raises(Unreachable):
            await drain(setup, "items")


def test_an_invoice_that_cannot_be_read_names_the_field() -> None:
    good = {"id": "1", "number": "I", "total": "1.00", "currency": "USD", "invoiced_at": "2026-11-01T12:00:00Z"}
    assert len(polls.translate("erp", "invoice", msgspec.json.encode(good))) == 1
    for wrong in ({"total": "1E+999999"}, {"total": "x"}, {"invoiced_at": "2026-11-01T12:00:00"}, {"id": None}):
        with pytest.raises(Untranslatable):
            polls.translate("erp", "invoice", msgspec.json.encode(good | wrong))
    with pytest.raises(Untranslatable):
        polls.translate("erp", "nonsense", b"{}")


async def test_what_settings_choose_from_is_listed_whole() -> None:
    ((page,), _) = await drain(Setup(items=1, customers=0), "values")
    assert {value.title for value in page.values["ship_methods"]} == set(SHIPMENT_METHODS.values())
    assert {value.code for value in page.values["tax_codes"]} == set(TAX_RATES)
    assert page.values.keys() == {one.kind for one in CONNECTOR.manifest.values}
