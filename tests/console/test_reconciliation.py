"""The Reconciliation page, the day closes, and their API: what is shown is what is kept; words stay words."""

import re
from datetime import date, timedelta

import pytest

from crossdock.api.desk import Desk
from crossdock.reconcile import certificate
from crossdock.reconcile.summing import prove_list
from crossdock.store import reading_differences
from tests.console.desks import visitor
from tests.console.differing import CLOSED, PUBLIC, closed, differing
from tests.console.seed import Day


async def test_without_any_the_pages_say_what_will_be_there(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        page = await who.page("/reconciliation")
        assert page.status_code == 200
        for word in ("Not compared yet", "None is open", "No day closed yet"):
            assert word in page.text
        assert "No day closed yet" in (await who.page("/closes")).text
        assert "Nothing was settled yet" in (await who.page("/reconciliation?state=settled")).text
        assert "Nothing is suspected" in (await who.page("/reconciliation?state=suspected")).text
        assert (await who.page("/closes/7")).status_code == 404


async def test_every_difference_is_reached_by_paging(desk: Desk, day: Day) -> None:
    await differing(day.store)
    async with visitor(desk) as who:
        seen: list[str] = []
        path = "/reconciliation"
        while True:
            text = (await who.page(path)).text
            seen += re.findall(r'id="d(\d+)"', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            if following is None:
                break
            path = "/reconciliation" + following[1].replace("&amp;", "&")
        listed = await reading_differences.page(desk.pool, limit=200)
        assert [int(one) for one in seen] == [one.id for one in listed.differences]
        assert len(seen) == 60


@pytest.mark.parametrize(
    "query", ["kind=missing_in_erp", "severity=medium", "age=week", "channel=shop-au&state=settled"]
)
async def test_filters_narrow_as_they_say(desk: Desk, day: Day, query: str) -> None:
    await differing(day.store)
    async with visitor(desk) as who:
        shown = set(re.findall(r'id="d(\d+)"', (await who.page(f"/reconciliation?{query}")).text))
        told = (await who.get(f"/api/v1/differences?{query}&limit=50")).json()["differences"]
        assert shown == {str(one["id"]) for one in told}
        assert shown
        name, _, value = query.partition("&")[0].partition("=")
        if name in ("kind", "severity", "channel"):
            assert {one[name] for one in told} == {value}


async def test_a_word_that_there_is_not_is_refused(desk: Desk) -> None:
    async with visitor(desk) as who:
        for query in ("kind=x", "state=x", "severity=x", "age=x"):
            assert (await who.get(f"/api/v1/differences?{query}")).status_code == 400
            assert (await who.page(f"/reconciliation?{query}")).status_code == 400


async def test_hostile_words_stay_words(desk: Desk, day: Day) -> None:
    await differing(day.store)
    first, second = await closed(day.store)
    async with visitor(desk) as who:
        found = 0
        for path in ("/reconciliation?below=10", "/reconciliation", "/closes", f"/closes/{first}", f"/closes/{second}"):
            text = (await who.page(path)).text
            assert "<script>alert" not in text
            assert "<img" not in text
            found += "&lt;script&gt;alert(1)" in text
        assert found >= 3


async def test_the_overview_counts_what_is_open(desk: Desk, day: Day) -> None:
    await differing(day.store)
    async with visitor(desk) as who:
        told = (await who.get("/api/v1/reconciliation")).json()
        assert sum(kind["n"] for kind in told["kinds"]) == 60
        assert all(kind["n"] == kind["hour"] + kind["day"] + kind["week"] + kind["older"] for kind in told["kinds"])
        assert [(route["channel"], route["error"] is None) for route in told["routes"]] == [
            ("amazon-us", False),
            ("shop-au", True),
        ]
        page = (await who.page("/reconciliation")).text
        assert "could not be compared" in page
        assert "812 orders looked at" in page


async def test_a_certificates_file_is_what_was_signed_and_its_list_fits(desk: Desk, day: Day) -> None:
    first, second = await closed(day.store)
    async with visitor(desk, "viewer") as who:
        file = await who.get(f"/api/v1/closes/{second}/file")
        told = certificate.verify(file.content, certificate.public_key(PUBLIC))
        prove_list(told, (await who.get(f"/api/v1/closes/{second}/list")).content)
        assert "attachment" in file.headers["content-disposition"]
        assert (await who.get(f"/api/v1/closes/{second}")).json()["certificate"] == told
        rows = (await who.get("/api/v1/closes")).json()
        assert [(row["id"], row["replaced"]) for row in rows] == [(second, False), (first, True)]
        page = (await who.page(f"/closes/{second}")).text
        assert f"{CLOSED}-1" in page, "it names the one it replaces"
        assert (await who.get("/api/v1/closes/999")).status_code == 404


async def test_closes_are_paged(desk: Desk, day: Day) -> None:
    for n in range(26):
        await closed(day.store, CLOSED + timedelta(days=n))
    async with visitor(desk) as who:
        first = (await who.page("/closes")).text
        assert first.count('id="close') == 50
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following is not None
        rest = (await who.page(f"/closes{following[1]}")).text
        assert rest.count('id="close') == 2
        assert str(date(2026, 11, 23)) in rest
