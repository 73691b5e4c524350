"""The pages as HTML: hostile texts stay texts, everything comes from here, hashes fit, words are right."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from crossdock.api.desk import Desk
from crossdock.console import pages, static_files, words
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import ReturnAsked, encode_event
from crossdock.domain.refund import ReturnedLine
from crossdock.domain.returning import ReturnRequest
from crossdock.governance import audit
from crossdock.observe.signals import Silence
from crossdock.simulators.base import Faults
from crossdock.simulators.server import SimulatorServer
from crossdock.store import reading_connections, reading_exceptions
from crossdock.store.contacts import Contacts
from crossdock.store.protocol import Arrival
from crossdock.store.reading import Count
from tests.console import desks
from tests.console.desks import Vendor, visitor
from tests.console.seed import AFTER, SHOP, XSS, Day, key


async def _pages(desk: Desk) -> list[str]:
    groups = await reading_exceptions.groups(desk.pool)
    ids = {
        name: await desk.pool.fetchval(f"select min(id) from {name}") for name in ("messages", "attempts", "commands")
    }
    causes = [f"/exceptions/{page}?fingerprint={quote(g.fingerprint)}" for g in groups for page in ("cause", "preview")]
    return [
        *(
            "/",
            "/now/figures",
            "/orders",
            "/exceptions",
            "/holds",
            "/holds/preview?rule=first-order-over-150",
            "/holds/preview?rule=nothing",
            "/connections",
            "/connections/netsuite",
            "/audit",
            "/simulators",
            "/reconciliation",
            "/closes",
            "/partner-keys",
        ),
        *(f"/orders/{key(n)}" for n in (1, 3, 5, 7, 9, 16, 21, 990)),
        *(f"/{name}/{id_}" for name, id_ in ids.items()),
        f"/orders?q={quote(XSS)}",
        *causes,
    ]


async def test_hostile_texts_are_shown_and_never_run(desk: Desk) -> None:
    async with visitor(desk) as who:
        shown = 0
        for path in await _pages(desk):
            answer = await who.page(path)
            assert answer.status_code == 200, (path, answer.text[:500])
            assert "<script>alert" not in answer.text, path
            assert "<img" not in answer.text, path
            shown += "&lt;script&gt;alert(1)" in answer.text
        assert shown >= 5


async def test_an_order_shows_what_came_after_it(desk: Desk) -> None:
    """Edits, returns, refunds with the ERP's document, and what the ERP's people credited."""
    async with visitor(desk) as who:
        text = (await who.page(f"/orders/{key(AFTER)}")).text
        for heading in ("Edits", "Returns", "Refunds", "Credits made in the ERP"):
            assert f">{heading}</h2>" in text
        assert "50001" in text, "the credit memo that the refund became"
        back = ("ret-5", "1 back in stock", "Received and finished", "wms-6", "nobody authorised it")
        for told in ("back into stock", "shopify_payments", "CM9", "Not in force", *back):
            assert told in text
        plain = (await who.page(f"/orders/{key(16)}")).text
        assert ">Refunds</h2>" not in plain


async def test_an_order_shows_what_was_asked_back_and_the_answer(day: Day, desk: Desk) -> None:
    """Asked before anything left: refused by name, with a hostile reason that stays a text."""
    asked = ReturnRequest("RMA-7", (ReturnedLine("1", Decimal(1), XSS), ReturnedLine("nowhere", Decimal(2))))
    event = encode_event(ReturnAsked(asked, SHOP))
    stream = StreamRef("order", key(AFTER))
    await day.store.accept([Arrival(SHOP, "asked-7", "operator", "told", stream, event)])
    await day.decide()
    async with visitor(desk) as who:
        text = (await who.page(f"/orders/{key(AFTER)}")).text
        assert ">Return requests</h2>" in text
        assert "RMA-7" in text
        assert "Return refused" in text
        assert "No returns are authorised here" in text
        assert "<script>alert" not in text
        assert ">Return requests</h2>" not in (await who.page(f"/orders/{key(16)}")).text


async def test_an_order_shows_where_its_parcels_are(desk: Desk) -> None:
    async with visitor(desk) as who:
        text = (await who.page(f"/orders/{key(AFTER)}")).text
        assert ">Parcels</h2>" in text
        for told in ("In trouble", "In transit", "33XT", "Australia Post Parcel", "The carrier cannot deliver"):
            assert told in text
        assert "Left the warehouse" in (await who.page(f"/orders/{key(2)}")).text
        assert ">Parcels</h2>" not in (await who.page(f"/orders/{key(40)}")).text
        [parcel] = (await who.get(f"/api/v1/orders/{key(AFTER)}")).json()["parcels"]
        assert (parcel["word"], parcel["tone"], [one["word"] for one in parcel["way"]]) == (
            "in trouble", "bad", ["in transit", "in trouble"],
        )  # fmt: skip


async def test_nothing_in_a_page_is_inline_or_from_elsewhere(desk: Desk) -> None:
    async with visitor(desk) as who:
        for path in await _pages(desk):
            text = (await who.page(path)).text
            assert not re.search(r"<script(?![^>]* src=)", text), path
            assert not re.search(r"\s(style|on\w+)=\"", text), path
            for address in re.findall(r"(?:src|href|action)=\"([^\"]*)\"", text):
                assert not re.match(r"(?:[a-z]+:|//)", address), (path, address)


async def test_what_is_not_mapped_shows_with_the_connections(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        text = (await who.page("/connections")).text
        assert "Old is 9, which is not there" in text
        assert "1 of theirs that nothing leads to" in text
        assert "not read yet" in text
        ship, currencies = (await who.get("/api/v1/unmapped")).json()
        assert (ship["have"], ship["mapped"], currencies["known"]) == (2, 1, False)
        assert [(gap["side"], gap["code"]) for gap in ship["gaps"]] == [("ours", "Old"), ("theirs", "3002")]


async def test_a_certificate_that_ends_is_seen_in_time(day: Day, desk: Desk) -> None:
    name = (await reading_connections.connections(desk.pool))[0].name
    note = Contacts(day.store.pool).note_ends
    async with visitor(desk, "viewer") as who:
        for days, listed, said in (
            (400, None, "in 399 days"),
            (12, "certificate ends in 11 d", "Its certificate ends in 11 days"),
            (-3, "certificate has ended", "Its certificate has ended"),
        ):
            await note(name, {"certificate": desk.clock() + timedelta(days=days)})
            lists, page = (await who.page("/connections")).text.lower(), (await who.page(f"/connections/{name}")).text
            assert ("certificate" in lists) is (listed is not None)
            assert listed is None or listed in lists
            assert said in page
        await note(name, {})


async def test_an_api_version_that_ends_is_seen_in_time(day: Day, desk: Desk) -> None:
    shop = next(one for one in await reading_connections.connections(desk.pool) if one.role == "channel").name
    sunset = desk.connectors[shop].manifest.sunset
    assert sunset is not None
    end = datetime.fromisoformat(f"{sunset}T00:00:00+00:00")
    before = [timedelta()]
    async with visitor(msgspec.structs.replace(desk, clock=lambda: end - before[0]), "viewer") as who:
        for days, said in ((200, None), (20, f"ends on {sunset}, in 20 days"), (-3, f"ended on {sunset}")):
            before[0] = timedelta(days=days)
            lists, page = (await who.page("/connections")).text, (await who.page(f"/connections/{shop}")).text
            assert ("API version ends" in lists) is (said is not None)
            assert ("Upgrade Crossdock" in page) is (said is not None)
            assert said is None or said in page


async def test_a_limit_that_refuses_for_hours_is_seen(day: Day, desk: Desk) -> None:
    """A refusal by a limit costs no try, so no exception tells of one that never ends."""
    row = await day.store.pool.fetchrow(
        "select s.key, t.name from dispatch d join commands c on c.id = d.command_id "
        "join streams s on s.id = c.stream_id join connections t on t.id = d.connection_id "
        "where t.breaker = 'closed' and t.paused_at is null and s.kind = 'order' "
        "and not exists (select from exceptions e where e.stream_id = s.id and e.state = 'open')"
    )
    async with visitor(desk, "viewer") as who:
        for hours, state in ((2, "throttled"), (0.5, "fine")):
            await day.store.pool.execute(
                "update dispatch d set throttled_at = now() - make_interval(secs => $1) from commands c, streams s "
                "where c.id = d.command_id and s.id = c.stream_id and s.key = $2", hours * 3600, row["key"],
            )  # fmt: skip
            known = {one.name: one for one in await reading_connections.connections(desk.pool)}
            assert known[row["name"]].health == state
            if hours == 2:  # Now keeps its figures for a moment
                assert "by its limit" in (await who.page("/now/figures")).text
            assert ("Its limit has refused" in (await who.page(f"/connections/{row['name']}")).text) is (hours == 2)
            assert "the limit there lets it through" in (await who.page(f"/orders/{row['key']}")).text


async def test_a_rest_that_a_vendor_asked_for_is_seen_until_it_ends(day: Day, desk: Desk) -> None:
    name = next(one.name for one in await reading_connections.connections(desk.pool) if one.health == "fine")
    async with visitor(desk, "viewer") as who:
        for until in ("now() + interval '20 minutes'", "now() - interval '1 second'", "null"):
            await day.store.rest(name, 60.0)
            await day.store.pool.execute(f"update quotas set rest_until = {until} where account = $1", name)
            rests = "20" in until
            (known,) = [one for one in await reading_connections.connections(desk.pool) if one.name == name]
            assert (known.rests_until is not None) is rests
            assert ("It asked to be left alone until" in (await who.page(f"/connections/{name}")).text) is rests


async def test_now_says_that_the_database_lost_time_for_as_long_as_it_matters(day: Day, desk: Desk) -> None:
    for role, doubt_s in (("viewer", 3600.0), ("admin", 0.0)):
        await day.store.restored(doubt_s)
        async with visitor(desk, role) as who:  # an application of its own: Now keeps its figures for a moment
            assert ("may have lost time" in (await who.page("/now/figures")).text) is (doubt_s > 0)


async def test_a_poll_that_fails_is_seen_until_it_succeeds(day: Day, desk: Desk) -> None:
    """What else the connection does may go well: an app that lacks one access scope, say."""
    name = next(one.name for one in await reading_connections.connections(desk.pool) if one.health == "fine")
    note_poll = Contacts(day.store.pool).note_poll
    async with visitor(desk, "viewer") as who:
        for error in ("Rejected: Required access: `read_returns`", "Rejected: again", None):
            await note_poll(name, "returns", error)
            (known,) = [one for one in await reading_connections.connections(desk.pool) if one.name == name]
            assert known.health == ("fine" if error is None else "failing")
            text = (await who.page(f"/connections/{name}")).text
            assert ("Its poll returns has been failing" in text) is (error is not None)
            assert error is None or error in text
        assert known.failing_polls == {}


def test_the_vendored_files_are_the_published_ones() -> None:
    vendor = resources.files("crossdock.console") / "static" / "vendor"
    hashes = static_files.integrity()
    assert hashes
    for name, promised in hashes.items():
        assert static_files.sri((vendor / name).read_bytes()) == promised, name


async def test_only_the_consoles_own_files_are_served(desk: Desk) -> None:
    async with visitor(desk, "") as who:
        assert (await who.get("/static/console.js")).status_code == 200
        for path in (
            "vendor/hashes.json",
            "../app.py",
            "%2e%2e/app.py",
            "vendor/../../app.py",
            "nothing.css",
            "vendor",
        ):
            assert (await who.get(f"/static/{path}")).status_code in (401, 404), path


async def test_without_its_database_the_console_says_so(day: Day, database_url: str) -> None:
    async with desks.desk(day.store, database_url) as desk, visitor(desk) as who:
        await desk.pool.close()
        answer = await who.page("/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "The database cannot answer now" in answer.text


async def test_a_visitor_takes_the_erp_down_and_brings_it_back(day: Day, database_url: str) -> None:
    server, vendor = SimulatorServer(), Vendor("netsuite")
    server.add(vendor)
    await server.start()
    try:
        bases = {"netsuite": server.control_url}
        async with desks.desk(day.store, database_url, simulators=bases) as desk, visitor(desk) as who:
            assert "Take it down" in (await who.page("/simulators")).text
            assert (await who.submit("/simulators/netsuite/faults", only="down", down="on")).status_code == 303
            assert vendor.faults.down
            assert "Bring it back" in (await who.page("/simulators")).text
            await who.submit("/simulators/netsuite/faults", only="down", down="")
            await who.submit("/simulators/netsuite/faults", lost_response="0.25")
            assert (vendor.faults.down, vendor.faults.lost_response) == (False, 0.25)
            await who.submit("/simulators/netsuite/faults", reset="on")
            assert vendor.faults == Faults()
            assert (await who.submit("/simulators/netsuite/faults", nonsense="1")).status_code == 400
            assert (await who.submit("/simulators/other/faults", only="down", down="on")).status_code == 404
    finally:
        await server.stop()
    async with desks.desk(day.store, database_url, simulators=bases) as desk, visitor(desk, "viewer") as who:
        assert "does not answer" in (await who.page("/simulators")).text


async def test_the_last_page_leads_to_no_empty_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "AUDIT_PAGE", 2)
    for number in range(4):
        await audit.append(desk.pool, "Ada", "order.retry", f"shop-{number}")
    async with visitor(desk, "admin") as who:
        first = (await who.page("/audit")).text
        below = re.findall(r'href="\?below=(\d+)"', first)
        assert (len(below), "shop-3" in first, "shop-1" in first) == (1, True, False)
        last = (await who.page(f"/audit?below={below[0]}")).text
        assert ("shop-0" in last, "below=" in last) == (True, False)


async def test_a_bug_behind_the_figures_is_logged(desk: Desk) -> None:
    signals, bugs = Silence(), desks.Bugs()
    signals.log = bugs

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.pool, name)

        whole = True

        def acquire(self) -> Any:
            if self.whole:
                return desk.pool.acquire()
            raise ZeroDivisionError("oh")

    pool = Broken()
    async with visitor(msgspec.structs.replace(desk, pool=pool, signals=signals), "viewer") as who:
        pool.whole = False
        assert "Something went wrong in Crossdock" in (await who.page("/")).text
    assert [bug["event"] for bug in bugs.seen] == ["console.bug"]


def test_words() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert words.ago(now - timedelta(seconds=5), now) == "5.0 s ago"
    assert words.ago(now + timedelta(minutes=3), now) == "in 3 min"
    assert words.duration(0.0421) == "42 ms"
    assert words.count(Count(10_000, True)) == "10,000+"
    assert words.about(1_234_567) == "about 1.2 M"
    assert words.amount(Decimal("1234.5"), "AUD") == "1,234.50"
    assert words.amount(Decimal("0.125"), "AUD") == "0.125"
    assert words.money("1200", "JPY") == "1,200 JPY"
    assert words.money("1200", "XOF") == "1,200 XOF"
    assert words.money("1.5", "IQD") == "1.500 IQD"
    assert words.money(None, None) == "–"
    assert words.curve([1]) == ""
    assert words.curve([0, 10]).startswith("M0.0 29.0 L120.0 ")
