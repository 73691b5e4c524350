"""SuiteQL polls: pages end, rows of one timestamp are neither missed nor repeated, clocks that go back lose nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.door import Setup, fresh_credentials

from crossdock.connectors.netsuite import CONNECTOR, polls
from crossdock.connectors.netsuite.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.matching import keys_of
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Call, Found, Page, Unreachable, Untranslatable
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.netsuite import Credentials
from crossdock.simulators.netsuite.catalogue import CURRENCIES, SHIP_ITEMS


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


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
    """The same account with small pages."""
    full = setup.account.handle

    async def answer(request: Request) -> Reply:
        if request.query.get("limit"):
            query: Mapping[str, str] = {**request.query, "limit": str(rows)}
            request = msgspec.structs.replace(request, query=query)
        return await full(request)

    setup.door._answer = answer


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
async def test_items_of_one_timestamp_are_read_once_each(credentials: Credentials, rows: int) -> None:
    setup = Setup(credentials, items=20, customers=0)
    for n, item in enumerate(setup.account.items.values()):
        item.modified -= timedelta(seconds=n // 10)
    narrow(setup, rows)
    pages, _ = await drain(setup, "items")
    skus = [sku for page in pages for sku, _ in page.products]
    assert len(skus) == len(set(skus)) == len(setup.account.items)


async def test_a_round_that_was_interrupted_is_followed_by_one_from_where_it_began(credentials: Credentials) -> None:
    """What was not committed yet when the first page was read has an earlier time than what the last page shows."""
    setup = Setup(credentials, items=6, customers=0)
    narrow(setup, 4)
    first = await CONNECTOR.polls["items"].run(setup.client(), None, {})
    began = setup.clock()
    setup.clock.forward(hours=2)  # the next page fails all that time
    setup.account.act("deactivate_item", {"id": "1006"})
    rest, cursor = await drain(setup, "items", first.cursor)
    assert "SKU-0006" in [sku for page in rest for sku, _ in page.products]
    setup.account.items["1001"].modified = began - timedelta(minutes=4)
    pages, _ = await drain(setup, "items", cursor)
    assert "SKU-0001" in [sku for page in pages for sku, _ in page.products]


async def test_items_become_masters_and_changes_come_again(credentials: Credentials) -> None:
    setup = Setup(credentials, items=3, customers=0)
    pages, cursor = await drain(setup, "items")
    read = {sku: msgspec.json.decode(body, type=ProductMaster) for page in pages for sku, body in page.products}
    assert read["SKU-0002"] == ProductMaster("SKU-0002", "1002", True, "Product 2")
    setup.clock.forward(hours=1)
    setup.account.act("deactivate_item", {"id": "1002"})
    pages, cursor = await drain(setup, "items", cursor)
    changed = {sku: msgspec.json.decode(body, type=ProductMaster) for page in pages for sku, body in page.products}
    assert not changed["SKU-0002"].active
    setup.clock.forward(hours=1)
    pages, _ = await drain(setup, "items", cursor)
    assert [sku for page in pages for sku, _ in page.products] == ["SKU-0002"]  # the overlap


async def test_customers_are_found_by_lower_case_email(credentials: Credentials) -> None:
    setup = Setup(credentials, items=1, customers=2)
    ref = setup.account.act("add_customer", {"name": "Ada", "email": "Ada@Example.COM"})["id"]
    pages, _ = await drain(setup, "customers")
    read = {known.email: known for page in pages for known in page.customers}
    assert read["ada@example.com"].ref == ref
    assert set(read) == {"ada@example.com", "buyer-1@example.com", "buyer-2@example.com", None}  # the guest has none
    assert read["buyer-1@example.com"].currency == "USD"


async def test_customers_bring_what_the_settings_ask_for(credentials: Credentials) -> None:
    setup = Setup(credentials, items=1, customers=0)
    told = {"name": "Ada Ltd", "postcode": "3000", "tax_number": "DE 811", "external_id": "shop1-7"}
    ref = setup.account.act("add_customer", told)["id"]
    pages, _ = await drain(setup, "customers")
    (ada,) = [known for page in pages for known in page.customers if known.ref == ref]
    assert ada == CustomerMaster(ref, None, True, "USD", external_id="shop1-7")

    more = {"customer_tax_field": "vatregnumber", "customer_address": True}
    setup = Setup(credentials, more, items=1, customers=0)
    ref = setup.account.act("add_customer", told)["id"]
    pages, _ = await drain(setup, "customers")
    (ada,) = [known for page in pages for known in page.customers if known.ref == ref]
    assert ada == CustomerMaster(ref, None, True, "USD", "Ada Ltd", "3000", "DE 811", "shop1-7")
    assert set(keys_of(ada)) == {f"REF:{ref}", "AT:ada ltd|3000", "TAX:DE811", "ID:shop1-7"}


async def test_a_setting_that_is_no_column_is_refused(credentials: Credentials) -> None:
    setup = Setup(credentials, {"customer_tax_field": "x FROM y"}, items=1, customers=0)
    with pytest.raises(Unreachable, match="customer_tax_field"):
        await drain(setup, "customers")


async def billed(setup: Setup, external_id: str) -> Decimal:
    order = plain_order(external_id=external_id)
    call = Call("k")
    client = setup.client()
    operations = CONNECTOR.operations
    outcome = (await operations["order.book"].send(client, booking(order), call)).outcome
    assert isinstance(outcome, Done)
    ref = outcome.refs["salesOrder"]
    lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in order.lines)
    await operations["shipment.post"].send(
        client, PostShipment(order.key, ref, Shipment("S", lines, PLACED), SKUS), call
    )
    assert isinstance((await operations["invoice.make"].send(client, MakeInvoice(order.key, ref), call)).outcome, Done)
    return order.totals.total.shop


def found(pages: list[Page]) -> list[Found]:
    return [one for page in pages for one in page.found]


async def test_invoices_reach_the_stream_of_their_order(credentials: Credentials) -> None:
    setup = Setup(credentials, {"time_zone": "America/Los_Angeles"}, time_zone="America/Los_Angeles")
    totals = [await billed(setup, f"10{n}") for n in range(5)]
    narrow(setup, 2)
    pages, cursor = await drain(setup, "invoices")
    messages = found(pages)
    assert [message.stream_key for message in messages] == [f"shop1-10{n}" for n in range(5)]
    (event,) = CONNECTOR.translate("erp", messages[0].topic, messages[0].body)
    assert isinstance(event, InvoiceSeen)
    assert event.source == "erp"
    assert (event.invoice.total, event.invoice.currency, event.invoice.number) == (totals[0], "USD", "INV000001")
    assert event.invoice.invoiced_at == setup.clock.at
    again, _ = await drain(setup, "invoices", cursor)
    assert {m.delivery_id for m in found(again)} == {
        m.delivery_id for m in messages
    }  # the overlap is deduplicated by id


async def test_invoices_of_other_peoples_orders_are_left_out(credentials: Credentials) -> None:
    setup = Setup(credentials, {"order_prefixes": ["shop2"]})
    await billed(setup, "1")
    pages, _ = await drain(setup, "invoices")
    assert not found(pages)


async def test_clocks_that_go_back_lose_nothing(credentials: Credentials) -> None:
    zone = "America/Los_Angeles"
    setup = Setup(credentials, {"time_zone": zone}, time_zone=zone, items=2, customers=0)
    for item in setup.account.items.values():
        item.modified = datetime(2026, 10, 1, tzinfo=UTC)
    setup.clock.at = datetime(2026, 11, 1, 8, 58, tzinfo=UTC)  # 01:58, the first time
    setup.account.act("rename_item", {"id": "1001", "name": "One"})
    _, cursor = await drain(setup, "items")
    setup.clock.at = datetime(2026, 11, 1, 9, 10, tzinfo=UTC)  # 01:10, the second time
    setup.account.act("rename_item", {"id": "1002", "name": "Two"})
    pages, _ = await drain(setup, "items", cursor)
    assert "SKU-0002" in [sku for page in pages for sku, _ in page.products]


async def test_rounds_that_find_nothing_do_not_wander_back(credentials: Credentials) -> None:
    setup = Setup(credentials)
    _, first = await drain(setup, "invoices")
    cursor = first
    for _ in range(3):
        _, cursor = await drain(setup, "invoices", cursor)
    assert cursor == first
    await billed(setup, "1")
    pages, cursor = await drain(setup, "invoices", cursor)
    assert len(found(pages)) == 1
    setup.account.ledger.remove(setup.account.ledger.of("invoice")[0])
    assert (await drain(setup, "invoices", cursor))[1] == cursor


async def test_backfill_has_bounds(credentials: Credentials) -> None:
    setup = Setup(credentials, items=4, customers=0)
    for n, item in enumerate(setup.account.items.values()):
        item.modified = datetime(2026, 11, 1, 12, n, tzinfo=UTC)
    options = {"since": "2026-11-01T12:01:00+00:00", "until": "2026-11-01T12:02:00+00:00"}
    pages, _ = await drain(setup, "items", **options)
    assert [sku for page in pages for sku, _ in page.products] == ["SKU-0002", "SKU-0003"]


async def test_a_poll_that_cannot_read_says_so(credentials: Credentials) -> None:
    setup = Setup(credentials, concurrency=0)
    with pytest.raises(Unreachable, match="did not answer"):
        await drain(setup, "items")
    setup = Setup(credentials, {"sku_field": "itemid FROM item --"})
    with pytest.raises(Unreachable, match="sku_field"):
        await drain(setup, "items")


def test_an_invoice_that_cannot_be_read_names_the_field() -> None:
    with pytest.raises(Untranslatable):
        polls.translate("erp", "invoice", b'{"id":"1"}')
    with pytest.raises(Untranslatable):
        polls.translate("erp", "nonsense", b"{}")


async def test_what_settings_choose_from_is_listed_whole(credentials: Credentials) -> None:
    setup = Setup(credentials, items=1, customers=0)
    ((page,), _) = await drain(setup, "values")
    assert {value.code: value.title for value in page.values["ship_methods"]} == SHIP_ITEMS
    assert {value.code: value.title for value in page.values["currencies"]} == CURRENCIES
    assert page.values.keys() == {one.kind for one in CONNECTOR.manifest.values}
