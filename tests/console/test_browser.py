"""The console in a real browser: pictures of every page, keys only, nothing leaves the origin."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright, expect

from crossdock.api import holds
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.holds import BulkRelease
from crossdock.governance import people
from crossdock.kit.manifest import Connector
from crossdock.store import reading_exceptions, reading_holds, reading_orders
from crossdock.store.postgres import PostgresStore
from tests.console import accessibility, desks, reports
from tests.console.chromium import chromium
from tests.console.differing import closed, differing
from tests.console.portals import with_portal
from tests.console.seed import AFTER, CONNECTORS, ERP, Day, clashed, erp, fine, key, late
from tests.console.settled import SETTLEMENTS, settle
from tests.console.stocked import MUG, stocked

CHROMIUM = chromium()
PICTURES = Path(__file__).parents[2] / "artifacts" / "console"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-default-apps", "--disable-dev-shm-usage"),
]
pytestmark = pytest.mark.skipif(
    not CHROMIUM and os.environ.get("CI") != "true",
    reason="no Chromium here: apt-get install chromium, or set CROSSDOCK_CHROMIUM",
)


class Watched:
    """A browser context that remembers every complaint and every request to elsewhere."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context, self.home = context, home
        self.complaints: list[str] = []

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("request", self._request)
        return page

    def _said(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _request(self, request: object) -> None:
        url = getattr(request, "url", "")
        if urlsplit(url).scheme in ("http", "https") and not url.startswith(self.home + "/"):
            self.complaints.append(f"left the origin: {url}")


@asynccontextmanager
async def browsing(
    day: Day,
    url: str,
    *,
    proof: Path | None = None,
    connectors: Mapping[str, Connector] = CONNECTORS,
    **context: object,
) -> AsyncIterator[tuple[Watched, Desk]]:
    port = desks.free_port()
    home = f"http://127.0.0.1:{port}"
    settings = {"public_url": home, "demo_user": "visitor", "proof": proof, "connectors": connectors}
    async with (
        desks.simulated("shop-au", "netsuite", "shiphero") as bases,
        desks.desk(day.store, url, simulators=bases, **settings) as desk,
        desks.served(desk, port),
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            opened = await browser.new_context(base_url=home, viewport={"width": 1440, "height": 900}, **context)  # type: ignore[arg-type]
            watched = Watched(opened, home)
            yield watched, desk
            await opened.close()
            assert watched.complaints == []
        finally:
            await browser.close()


async def _enter(watched: Watched, desk: Desk) -> Page:
    page = await watched.page()
    token = await people.create_setup_link(desk.pool, "admin")
    await page.goto(f"/setup?token={token}")
    await expect(page.locator(".brand")).to_be_visible()
    return page


async def _paths(desk: Desk) -> dict[str, str]:
    as_of, upto = await reading_holds.moment(desk.pool)
    boss = Caller("olivia", "operator")
    await holds.release(desk, boss, BulkRelease("nothing", "to be shown", as_of, upto, "shown"))
    groups = await reading_exceptions.groups(desk.pool)
    refused = next(group for group in groups if group.klass == "rejected")
    cause = f"fingerprint={quote(refused.fingerprint)}"
    return {
        "now": "/",
        "orders": "/orders",
        "orders-held": "/orders?status=held",
        "orders-late": "/orders?late=true",
        "orders-nothing": "/orders?q=no-such-id",
        "order": f"/orders/{key(4)}",
        "order-refused": f"/orders/{key(16)}",
        "order-hostile": f"/orders/{key(3)}",
        "order-unbalanced": f"/orders/{key(21)}",
        "order-after": f"/orders/{key(AFTER)}",
        "order-late": f"/orders/{key(701)}",
        "order-clashed": f"/orders/{key(702)}",
        "exceptions": "/exceptions",
        "cause": f"/exceptions/cause?{cause}",
        "preview": f"/exceptions/preview?{cause}",
        "holds": "/holds",
        "holds-preview": "/holds/preview?rule=first-order-over-150",
        "holds-act": "/holds/acts/shown",
        "holds-nothing": "/holds/preview?rule=nothing",
        "settlements": "/settlements",
        "settlement": f"/settlements/{SETTLEMENTS[0].key}",
        "settlement-unmatched": f"/settlements/{SETTLEMENTS[1].key}",
        "connections": "/connections",
        "connection": f"/connections/{ERP}",
        "simulators": "/simulators",
        "audit": "/audit",
        "partner-keys-nothing": "/partner-keys",
        "proof": "/proof",
        "stock": "/stock",
        "stock-nothing": "/stock?part=no-such",
        "stock-item": f"/stock/item?sku={MUG}",
        "not-found": "/nope",
        "attempt": f"/attempts/{await desk.pool.fetchval('select min(id) from attempts')}",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_drawn(day: Day, database_url: str, scheme: str, tmp_path: Path) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await stocked(day)
    proof = reports.held(tmp_path / "report.json")
    await settle(day)
    await late(day)
    await clashed(day, 702)
    async with browsing(day, database_url, proof=proof, color_scheme=scheme) as (watched, desk):
        stranger = await watched.page()
        await stranger.goto("/orders?status=held")
        await expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
        await stranger.screenshot(path=PICTURES / f"sign-in-{scheme}.png")
        found = [f"sign-in: {complaint}" for complaint in await accessibility.complaints(stranger)]
        await stranger.close()
        page = await _enter(watched, desk)
        for name, path in (await _paths(desk)).items():
            answer = await page.goto(path)
            assert answer is not None
            if path != "/nope":
                assert answer.status == 200, path
            else:
                watched.complaints.clear()  # the browser itself notes a 404
            if name == "now":
                await expect(page.locator("#chart canvas")).to_be_visible()
            if name == "order":
                await page.locator(".timeline li.attempt summary").first.click()
                await expect(page.locator(".timeline pre.bytes").first).to_be_visible()
            if name == "simulators":
                await page.get_by_role("button", name="Take it down").nth(1).click()
                await expect(page.get_by_role("button", name="Bring it back")).to_be_visible()
                await page.locator("summary", has_text="More faults").first.click()
            await page.screenshot(
                path=PICTURES / f"{name}-{scheme}.png", full_page=name.startswith(("order-", "proof"))
            )
            found += [f"{name}: {complaint}" for complaint in await accessibility.complaints(page)]
        assert not found, "\n".join(found)


async def test_retrying_a_cause_needs_no_mouse(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        await page.keyboard.press("g")
        await page.keyboard.press("e")
        await expect(page.get_by_role("heading", name="Exceptions")).to_be_visible()
        causes = page.locator("[data-row]")
        wanted = await page.locator("[data-row]").filter(has_text="INVALID_KEY_OR_REF").get_attribute("id")
        for _ in range(await causes.count()):
            await page.keyboard.press("j")
            if await page.locator("[data-row].on").get_attribute("id") == wanted:
                break
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="refused to book the order")).to_be_visible()
        await page.keyboard.press("r")
        await expect(page.get_by_role("heading", name="Retry ")).to_be_visible()
        await page.keyboard.press("r")
        await expect(page.get_by_role("status")).to_contain_text("under way")
        await day.decide()
        booked = await day.answer(ERP, fine)
        assert booked >= 1
        groups = await reading_exceptions.groups(desk.pool)
        assert not [group for group in groups if "INVALID_KEY" in group.fingerprint]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_partner_key_is_made_shown_once_and_revoked_by_keys(day: Day, database_url: str, scheme: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    connectors = await with_portal(day)
    async with browsing(day, database_url, color_scheme=scheme, connectors=connectors) as (watched, desk):
        page = await _enter(watched, desk)
        await page.keyboard.press("g")
        await page.keyboard.press("y")
        await expect(page.get_by_role("heading", name="Partner keys")).to_be_visible()
        await page.get_by_label("Who will use it").fill("till")
        await page.get_by_label("Ask for prices").check()
        await page.get_by_label("Days until it runs out").fill("30")
        await page.keyboard.press("Enter")
        shown = await page.locator("#new-key").inner_text()
        assert shown.startswith("cdk_")
        await page.screenshot(path=PICTURES / f"partner-keys-new-{scheme}.png")
        found = [f"made: {complaint}" for complaint in await accessibility.complaints(page)]
        await page.goto("/partner-keys")
        assert shown not in await page.content()
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Reason")).to_be_visible()
        await page.screenshot(path=PICTURES / f"partner-keys-{scheme}.png")
        found += [f"revoking: {complaint}" for complaint in await accessibility.complaints(page)]
        await page.get_by_label("Reason").fill("the till was stolen")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("The key is revoked")
        await expect(page.locator("[data-row]")).to_contain_text("Revoked")
        assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_reconciliation_is_drawn_and_reached_by_keys(day: Day, database_url: str, scheme: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await differing(day.store)
    _, close = await closed(day.store)
    async with browsing(day, database_url, color_scheme=scheme) as (watched, desk):
        page = await _enter(watched, desk)
        await page.keyboard.press("g")
        await page.keyboard.press("r")
        await expect(page.get_by_role("heading", name="Reconciliation")).to_be_visible()
        found = []
        for name, path in {
            "reconciliation": "/reconciliation",
            "reconciliation-nothing": "/reconciliation?state=settled&kind=open_in_erp&age=week",
            "closes": "/closes",
            "close": f"/closes/{close}",
        }.items():
            await page.goto(path)
            await page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
            found += [f"{name}: {complaint}" for complaint in await accessibility.complaints(page)]
        assert not found, "\n".join(found)
        await page.goto("/closes")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Day close")).to_be_visible()


async def test_now_lives_and_an_order_is_found_by_the_erps_number(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        await expect(page.locator("#st-new + .meter + .num")).to_have_text("4")
        await day.decide()
        await expect(page.locator("#st-new + .meter + .num")).to_have_text("0", timeout=10_000)
        await day.answer(ERP, erp)
        await page.keyboard.press("/")
        await page.keyboard.type("40004")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="#1004")).to_be_visible()


async def test_a_live_page_keeps_nobody_signed_in_and_then_leads_to_the_sign_in(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        await page.goto(f"/orders/{key(16)}")
        left = await desk.pool.fetchval("update sessions set seen_at = now() - interval '9 minutes' returning seen_at")
        async with page.expect_response(lambda answer: "/streams/" in answer.url or "/orders/" in answer.url):
            pass
        assert await desk.pool.fetchval("select seen_at from sessions") == left
        await desk.pool.execute("update sessions set seen_at = now() - interval '31 minutes'")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
        assert "next=" in page.url
        assert all("401" in complaint for complaint in watched.complaints)
        watched.complaints.clear()


async def test_keys_never_act_by_chance_and_can_be_turned_off(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        cause = next(group for group in await reading_exceptions.groups(desk.pool) if group.klass == "rejected")
        await page.goto(f"/exceptions/cause?fingerprint={quote(cause.fingerprint)}")
        await page.keyboard.down("r")
        await expect(page.get_by_role("heading", name="Retry ")).to_be_visible()
        await page.keyboard.down("r")  # held all the while: the browser repeats it
        await page.keyboard.up("r")
        await day.store.pause(ERP, "closing the books (ada)")
        await page.goto(f"/connections/{ERP}")
        await page.keyboard.press("p")
        await expect(page.get_by_role("button", name="Resume")).to_be_focused()
        assert await desk.pool.fetchval("select count(*) from messages where source = 'operator'") == 0
        await page.keyboard.press("?")
        await page.get_by_label("Letters and signs are keys").uncheck()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=PICTURES / f"keys-{scheme}.png")
        found = await accessibility.complaints(page)
        assert not found, "\n".join(found)
        await page.keyboard.press("Escape")
        await page.goto("/orders")
        for letter in "?jgn":
            await page.keyboard.press(letter)
        assert await page.locator("dialog[open], .on").count() == 0
        assert page.url.endswith("/orders")
        await page.get_by_role("button", name="Keyboard shortcuts").click()
        await page.get_by_label("Letters and signs are keys").check()
        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await expect(page.locator("[data-row].on")).to_have_count(1)


async def _drawn_anew(page: Page) -> None:
    """Until the live part, whatever it is, has been replaced by what the server tells now."""
    await page.evaluate("document.querySelector('[data-live] *').dataset.old = '1'")
    await page.wait_for_selector("[data-live]:not(:has([data-old]))")


_FOCUSED = "document.activeElement.tagName + ' ' + document.activeElement.textContent.trim().slice(0, 40)"


async def test_a_live_page_leaves_the_focus_where_it_is(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        await page.goto(f"/orders/{key(16)}")
        for place in ("#act-cancel > summary", ".note a", "[data-row] summary"):
            await page.locator(f"[data-live] {place}").last.focus()
            before = await page.evaluate(_FOCUSED)
            await _drawn_anew(page)
            assert await page.evaluate(_FOCUSED) == before
        await page.locator("#act-retry summary").evaluate("summary => { summary.id = 'gone'; summary.focus(); }")
        await _drawn_anew(page)
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_a_live_page_reads_out_what_is_news_and_only_once(day: Day, database_url: str) -> None:
    async with browsing(day, database_url) as (watched, desk):
        page = await _enter(watched, desk)
        await page.evaluate(
            "window.said = []; new MutationObserver(() => said.push(document.querySelector('#told').textContent))"
            ".observe(document.querySelector('#told'), {childList: true})"
        )
        await day.store.pause(ERP, "closing the books (ada)")
        await expect(page.locator("#told")).to_have_text(f"{ERP} is paused.", timeout=30_000)
        await _drawn_anew(page)
        assert await page.evaluate("said") == [f"{ERP} is paused."]
        await page.goto(f"/orders/{key(16)}")
        await expect(page.locator("[data-live] [data-told]").first).to_be_visible()
        assert await page.locator("[data-live] [role=alert]").count() == 0


async def test_an_order_can_be_read_without_javascript(day: Day, database_url: str) -> None:
    async with browsing(day, database_url, java_script_enabled=False) as (watched, desk):
        page = await _enter(watched, desk)
        await page.goto(f"/orders/{key(16)}")
        await expect(page.get_by_role("heading", name="#1016")).to_be_visible()
        await page.locator("details[data-act=retry] summary").click()
        await page.locator("details[data-act=retry] button").click()
        await expect(page.get_by_role("status")).to_contain_text("tried again")
        await day.decide()
        whole = await reading_orders.whole(desk.pool, await reading_orders.stream_id(desk.pool, "order", key(16)) or 0)
        assert whole is not None
        assert "CommandRetried" in str(whole.journal) or "command_retried" in str(whole.journal)


async def test_a_broken_seed_is_reached_by_keys(day: Day, database_url: str, tmp_path: Path) -> None:
    async with browsing(day, database_url, proof=reports.broken(tmp_path / "report.json")) as (watched, desk):
        page = await _enter(watched, desk)
        await page.keyboard.press("g")
        await page.keyboard.press("p")
        await expect(page.get_by_role("heading", name="Proof")).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("2 violations")
        await page.keyboard.press("j")
        await expect(page.locator("tr.on")).to_contain_text("crossdock prove --seed 4711 --seeds 1")
        await page.screenshot(path=PICTURES / "proof-broken-light.png", full_page=True)
        (tmp_path / "report.json").unlink()
        await page.reload()
        await expect(page.get_by_text("crossdock prove --keep")).to_be_visible()


async def test_light_or_dark_is_remembered(day: Day, store: PostgresStore, database_url: str) -> None:
    async with browsing(day, database_url, color_scheme="light") as (watched, desk):
        page = await _enter(watched, desk)
        await page.get_by_role("button", name="Switch between light and dark").click()
        await page.goto("/connections")
        assert await page.locator("html").get_attribute("data-theme") == "dark"
