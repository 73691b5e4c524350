"""The pages of stock: the list with its search and pages, and one SKU whose every number explains itself."""

from decimal import Decimal
from urllib.parse import quote

import msgspec

from crossdock.domain.pricing import Price, PriceMaster
from crossdock.store import reading_stock
from tests.console import desks
from tests.console.desks import visitor
from tests.console.seed import ERP, SHOP, XSS, Day, key
from tests.console.stocked import HOSTILE, MUG, REFUSED, stocked


async def test_an_empty_page_says_how_to_switch_it_on(day: Day, database_url: str) -> None:
    async with desks.desk(day.store, database_url) as desk, visitor(desk, "viewer") as who:
        text = (await who.page("/stock")).text
        assert "No stock is known yet" in text
        assert "nothing is published" in text
        assert (await who.page(f"/stock/item?sku={MUG}")).status_code == 404


async def test_the_list_is_searched_and_paged(day: Day, database_url: str) -> None:
    await stocked(day)
    async with desks.desk(day.store, database_url) as desk, visitor(desk, "viewer") as who:
        text = (await who.page("/stock")).text
        for sku in (MUG, REFUSED):
            assert f"/stock/item?sku={sku}" in text
        assert f"{SHOP}/101: 31" in text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text
        found = (await who.page("/stock?part=mug")).text
        assert MUG in found
        assert REFUSED not in found
        assert "No SKU contains" in (await who.page("/stock?part=zzz")).text
        first = await reading_stock.page(desk.pool, limit=2)
        rest = await reading_stock.page(desk.pool, limit=2, after=first.after or "")
        assert [line.sku for line in first.lines + rest.lines] == sorted((MUG, HOSTILE, REFUSED))
        assert rest.after is None


async def test_every_number_explains_itself(day: Day, database_url: str) -> None:
    await stocked(day)
    async with desks.desk(day.store, database_url) as desk, visitor(desk, "viewer") as who:
        whole = await reading_stock.one(desk.pool, MUG)
        assert whole is not None
        (shown,) = whole.shown
        terms = {term["name"]: term["quantity"] for term in shown.terms}
        assert terms == {"on_hand": 40, "committed": -4, "reserved": -3, "part": 33, "buffer": -2}
        assert (shown.told, shown.held, shown.status) == (31, 31, "shown")
        assert [(held.order_key, held.quantity) for held in whole.held] == [(key(4), "3")]
        text = (await who.page(f"/stock/item?sku={MUG}")).text
        for said in ("On hand", "Committed", "Reserved", "Buffer", "+40", "-4", f"1 order of {SHOP}", key(4)):
            assert said in text, said
        assert (await who.page(f"/streams/{whole.stream}")).status_code == 200
        refused = (await who.page(f"/stock/item?sku={REFUSED}")).text
        assert "refused to show the stock" in refused
        hostile = (await who.page(f"/stock/item?sku={quote(HOSTILE)}")).text
        assert "<script>alert" not in hostile
        answer = await who.get(f"/api/v1/stock/item?sku={MUG}")
        assert answer.json()["shown"][0]["told"] == 31


async def test_what_an_erp_asks_for_an_item_shows_with_its_stock(day: Day, database_url: str) -> None:
    await stocked(day)
    prices = (Price("1", "AUD", Decimal("24.50"), f"Retail {XSS}"), Price("2", "AUD", Decimal("19"), least=Decimal(12)))
    units = {"Each": Decimal(1), "Dozen": Decimal(12)}
    master = PriceMaster(MUG, "i-1", prices, "Each", "Each", units)
    await day.store.save_masters(ERP, "price", [(MUG, msgspec.json.encode(master))])
    async with desks.desk(day.store, database_url) as desk, visitor(desk, "viewer") as who:
        text = (await who.page(f"/stock/item?sku={MUG}")).text
        for said in (f"What {ERP} asks for it", "24.50 AUD", "19.00 AUD", "12 Each", "Dozen = 12"):
            assert said in text, said
        assert "<script>alert" not in text
        assert "asks for it" not in (await who.page(f"/stock/item?sku={REFUSED}")).text
        (item,) = (await who.get(f"/api/v1/masters/item?sku={MUG}")).json()
        assert [one["amount"] for one in item["prices"]] == ["24.50", "19"]
        assert (await who.get("/api/v1/masters/item?sku=nothing")).json() == []
        counts = (await who.get(f"/api/v1/connections/{ERP}/masters")).json()
        assert ("price", 1) in [(one["kind"], one["n"]) for one in counts]
        assert "Prices and units" in (await who.page(f"/connections/{ERP}/masters")).text
        assert (await who.get("/api/v1/connections/nobody/masters")).status_code == 404


async def test_a_connections_page_waits_for_no_count_of_masters(day: Day, database_url: str) -> None:
    """Counting a million takes its time; who wants to pause a system has none."""
    async with (
        desks.desk(day.store, database_url) as desk,
        visitor(desk, "operator") as who,
        day.store.pool.acquire() as other,
        other.transaction(),
    ):
        await other.execute("lock table masters")
        text = (await who.page(f"/connections/{ERP}")).text
        assert f'hx-get="/connections/{ERP}/masters"' in text
        assert ">Pause</button>" in text


async def test_who_holds_it_says_when_there_are_more(day: Day, database_url: str) -> None:
    await stocked(day)
    await day.store.pool.execute(
        "insert into reservations (sku, order_key, channel, quantity) "
        "select $1, 'more-' || n, $2, 1 from generate_series(1, $3) n", MUG, SHOP, reading_stock.MOST,
    )  # fmt: skip
    async with desks.desk(day.store, database_url) as desk, visitor(desk, "viewer") as who:
        told = (await who.get(f"/api/v1/stock/item?sku={MUG}")).json()
        assert (len(told["held"]), told["held_more"]) == (reading_stock.MOST, True)
        assert "the oldest 500; more orders hold it" in (await who.page(f"/stock/item?sku={MUG}")).text
        assert "more orders hold it" not in (await who.page(f"/stock/item?sku={REFUSED}")).text
