"""Settlements in the console, the API and on the command line: every line says what it was matched to."""

from crossdock.api.desk import Desk
from tests.console import desks
from tests.console.desks import visitor
from tests.console.seed import SHOP, XSS, Day, key
from tests.console.settled import ODD, OFF, POSTED, UNMATCHED, settle


async def test_the_list_and_each_page_say_what_was_matched_and_what_is_off(day: Day, desk: Desk) -> None:
    await settle(day)
    async with visitor(desk) as who:
        listed = (await who.page("/settlements")).text
        assert [f"/settlements/{SHOP}-{one}" in listed for one in (POSTED, UNMATCHED, OFF, ODD)] == [True] * 4
        posted = (await who.page(f"/settlements/{SHOP}-{POSTED}")).text
        for wanted in (
            "Lines are the deposit, to the cent",
            f"/orders/{key(3)}",
            "90001",
            "Clearing",
            "383.45",
            "-50.72",
        ):
            assert wanted in posted, wanted
        unmatched = (await who.page(f"/settlements/{UNMATCHED}")).text
        assert "2 lines are not matched" in unmatched
        assert "6674573195001" in unmatched
        assert "settlement.match" in unmatched
        off = (await who.page(f"/settlements/{SHOP}-{OFF}")).text
        assert "Off by -0.01" in off
        assert "is not explained" in off
        odd = (await who.page(f"/settlements/{SHOP}-{ODD}")).text
        assert XSS not in odd
        assert "unknown kind" in odd


async def test_a_person_lets_lines_go_and_comes_back_to_the_settlement(day: Day, desk: Desk) -> None:
    await settle(day)
    stream = await desk.pool.fetchval("select id from streams where key = $1", f"{SHOP}-{UNMATCHED}")
    async with visitor(desk) as who:
        sent = await who.submit(
            f"/streams/{stream}/acts", action="skip", step="settlement.match", reason="before our time"
        )
        assert sent.headers["location"] == f"/streams/{stream}?done=skip"
        await day.decide()
        there = await who.get(f"/streams/{stream}?done=skip")
        assert there.headers["location"] == f"/settlements/{SHOP}-{UNMATCHED}?done=skip"
        shown = (await who.page(f"/settlements/{SHOP}-{UNMATCHED}")).text
        assert "let go" in shown
        assert "Suspense" in shown


async def test_without_any_the_page_says_how_they_come(desk: Desk) -> None:
    async with visitor(desk) as who:
        text = (await who.page("/settlements")).text
        assert "No settlement yet" in text
        assert "payouts: true" in text
        assert (await who.page("/settlements/none")).status_code == 404


async def test_the_api_tells_lines_matches_and_the_difference(day: Day, desk: Desk) -> None:
    await settle(day)
    async with visitor(desk, "viewer") as who:
        listed = (await who.get("/api/v1/settlements?limit=2")).json()
        assert [one["label"] for one in listed["settlements"]] == [ODD, OFF]
        rest = (await who.get(f"/api/v1/settlements?below={listed['below']}")).json()
        assert [one["label"] for one in rest["settlements"]] == [UNMATCHED, POSTED]
        assert (await who.get("/api/v1/settlements?channel=other")).json()["settlements"] == []
        one = (await who.get(f"/api/v1/settlements/{SHOP}-{POSTED}")).json()
        assert [(line["status"], line["posting"], line["order_key"]) for line in one["lines"]] == [
            ("order", "clearing", key(3)),
            ("order", "clearing", key(16)),
            ("kind", "fees", None),
            ("kind", "reserve", None),
        ]
        assert (one["deposit"], one["difference"], one["document"]) == ("312.73", "0.00", {"journalEntry": "90001"})
        assert sum(float(each["amount"]) for each in one["postings"]) == float(one["deposit"])
        off = (await who.get(f"/api/v1/settlements/{SHOP}-{OFF}")).json()
        assert off["difference"] == "-0.01"


async def test_settlements_are_found_by_the_ids_of_both_sides_and_are_no_orders(day: Day, database_url: str) -> None:
    await settle(day)
    async with desks.desk(day.store, database_url) as desk, visitor(desk) as who:
        for id_ in (POSTED, "90001"):
            assert (await who.page(f"/orders?q={id_}")).headers["location"] == f"/settlements/{SHOP}-{POSTED}"
        assert f"{SHOP}-{POSTED}" not in (await who.page("/orders")).text
