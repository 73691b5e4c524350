"""Holds over the API: explained, released together as previewed, once, by whom the rule names, and taken back."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from crossdock.api import holds
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.holds import BulkRelease, HoldFilter
from crossdock.domain.decision import HoldHit
from crossdock.domain.order import Order
from crossdock.engine.deciding import DecideLoop
from crossdock.governance import audit
from crossdock.store.postgres import PostgresStore
from tests.console import desks
from tests.console.desks import visitor
from tests.console.seed import SHOP, Day, key, order
from tests.support.heard import Heard

RULES: dict[str, Any] = {"release_by": ()}


def rules(seen: Order) -> list[HoldHit]:
    """``big`` holds all; ``odd`` holds those with an odd number too."""
    found = [
        HoldHit("big", "finance", "is looked at", {"total": str(seen.totals.total.shop)}, when="total > 0",
                release_by=RULES["release_by"])
    ]  # fmt: skip
    if int(seen.external_id) % 2:
        found.append(HoldHit("odd", "operations", "is odd", {"number": seen.number}))
    return found


@pytest.fixture
async def day(store: PostgresStore) -> AsyncIterator[Day]:
    """Ten held orders, five of them twice; the edit window keeps what is released from being booked."""
    made = Day(store)
    policies = {SHOP: msgspec.structs.replace(made.world.policies[SHOP], edit_window_s=10**9)}
    made.world = msgspec.structs.replace(made.world, holds=rules, policies=policies)
    made._loop = DecideLoop(made.world)
    await made.open()
    for number in range(10):
        await made.arrive(order(number))
    await made.decide()
    yield made
    RULES["release_by"] = ()


@pytest.fixture
async def desk(day: Day, database_url: str) -> AsyncIterator[Desk]:
    async with desks.desk(day.store, database_url) as made:
        yield made


async def _preview(who: Any, query: str = "rule=big") -> Any:
    return (await who.get(f"/api/v1/holds/preview?{query}")).json()


def _wanted(preview: Any, act_id: str = "once", **more: Any) -> dict[str, Any]:
    kept = {name: preview[name] for name in ("rule", "as_of", "upto", "channel", "older_than_s")}
    return {**kept, "act_id": act_id, "reason": "looked at", **more}


async def _held(desk: Desk, rule: str = "big") -> int:
    found: int = await desk.pool.fetchval(
        "select count(*) from exceptions where state = 'open' and key = $1", f"hold/{rule}"
    )
    return found


async def test_each_rule_explains_itself(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        big, odd = (await who.get("/api/v1/holds")).json()
        assert (big["held"]["rule"], big["held"]["n"], big["held"]["also_held"]) == ("big", 10, 5)
        assert (odd["held"]["rule"], odd["held"]["n"], odd["held"]["also_held"]) == ("odd", 5, 5)
        assert (big["when"], big["keepers"], big["yours"]) == (
            "total > 0", "every operator, every integrator, every admin", False,
        )  # fmt: skip
        assert big["held"]["facts"]["saw"]["total"]
        told = (await who.get(f"/api/v1/orders/{key(1)}")).json()
        assert [hold["rule"] for hold in told["holds"]] == ["big", "odd"]
        assert "no longer meets the condition" in told["holds"][0]["outlook"]


async def test_a_preview_counts_and_a_release_does_just_that_once(day: Day, desk: Desk) -> None:
    heard = Heard()
    async with visitor(msgspec.structs.replace(desk, signals=heard), "operator") as who:
        preview = await _preview(who)
        assert {name: preview[name] for name in ("total", "go_on", "also_held", "stuck", "changed", "not_yours")} == {
            "total": 10, "go_on": 5, "also_held": 5, "stuck": 0, "changed": 0, "not_yours": 0,
        }  # fmt: skip
        assert await _held(desk) == 10, "a preview changes nothing"
        for _ in range(2):
            answer = await who.post("/api/v1/holds/release", _wanted(preview))
            assert answer.status_code == 202
            assert (answer.json()["act"]["told"], answer.json()["waiting"] in (0, 10)) == (10, True)
        assert await desk.pool.fetchval("select count(*) from messages where source = 'operator'") == 10
        (span,) = heard.named("act release_hold")
        traces = await desk.pool.fetch("select distinct trace from messages where source = 'operator'")
        assert [row["trace"] for row in traces] == [span.traceparent], "one act, one trace"
        await day.decide()
        done = (await who.get("/api/v1/holds/acts/once")).json()
        assert (done["held"], done["waiting"]) == (0, 0)
        assert (await _held(desk), await _held(desk, "odd")) == (0, 5)
        assert [act.action for act in await audit.recent(desk.pool)].count("holds.release") == 1
        assert (await who.get("/api/v1/holds/preview?rule=big")).status_code == 404


async def test_what_changes_between_preview_and_release_stays_held(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        preview = await _preview(who)
        newer = order(4)
        line = msgspec.structs.replace(newer.lines[1], title="Another teapot")
        await day.arrive(msgspec.structs.replace(newer, lines=(newer.lines[0], line), number="#x", note="n"))
        other = msgspec.structs.replace(order(4, off="1.00"), updated_at=newer.updated_at.replace(year=2027))
        await day.arrive(other)
        await day.decide()
        done = (await who.post("/api/v1/holds/release", _wanted(preview))).json()
        assert (done["act"]["told"], done["act"]["changed"]) == (9, 1)
        await day.decide()
        assert await _held(desk) == 1
        again = await _preview(who)
        assert (again["total"], again["changed"], again["stuck"]) == (1, 0, 1)


async def test_what_changes_after_it_was_told_stays_held_too(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        other = msgspec.structs.replace(order(4, off="1.00"), updated_at=order(4).updated_at.replace(year=2027))
        await day.arrive(other)  # waits on the agenda, before the release
        done = (await who.post("/api/v1/holds/release", _wanted(await _preview(who)))).json()
        assert done["act"]["told"] == 10
        await day.decide()
        assert await _held(desk) == 1
        assert (await who.get("/api/v1/holds/acts/once")).json()["held"] == 1


async def test_channel_and_age_choose(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        await desk.pool.execute(
            "update exceptions set first_seen_at = first_seen_at - interval '2 hours' where key = 'hold/big' and "
            "stream_id in (select id from streams where key in ($1, $2))", key(0), key(2),
        )  # fmt: skip
        assert (await _preview(who, "rule=big&older_than_s=3600"))["total"] == 2
        assert (await _preview(who, f"rule=big&channel={SHOP}"))["total"] == 10
        assert (await who.get("/api/v1/holds/preview?rule=big&channel=other")).status_code == 404
        await who.post("/api/v1/holds/release", _wanted(await _preview(who, "rule=big&older_than_s=3600")))
        await day.decide()
        assert await _held(desk) == 8


async def test_whom_the_rule_does_not_name_is_refused_and_that_is_kept(day: Day, desk: Desk) -> None:
    RULES["release_by"] = ("customer_service", "a integrator")
    for number in range(20, 23):
        await day.arrive(order(number))
    await day.decide()
    path = f"/api/v1/orders/{key(20)}/acts"
    wanted = {"action": "release_hold", "reason": "please", "args": {"rule": "big"}}
    async with visitor(desk, "operator") as who:
        refused = await who.post(path, wanted)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert "every customer service, a integrator, every admin" in refused.json()["detail"]
        preview = await _preview(who)
        assert (preview["total"], preview["not_yours"]) == (13, 3)
        done = (await who.post("/api/v1/holds/release", _wanted(preview))).json()
        assert (done["act"]["told"], done["act"]["refused"]) == (10, 3)
    await day.decide()
    async with visitor(desk, "customer_service") as who:
        assert (await who.post(path, wanted)).status_code == 202
    await day.decide()
    async with visitor(desk, "integrator") as who:
        done = (await who.post("/api/v1/holds/release", _wanted(await _preview(who), "second"))).json()
        assert done["act"]["told"] == 2
    await day.decide()
    assert await _held(desk) == 0
    assert "order.release_hold.refused" in {act.action for act in await audit.recent(desk.pool)}


async def test_a_whole_release_by_somebody_else_is_refused_before_it_begins(day: Day, desk: Desk) -> None:
    async with visitor(desk, "customer_service") as who:
        preview = await _preview(who)
        assert preview["not_yours"] == 10
        answer = await who.post("/api/v1/holds/release", _wanted(preview))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert await desk.pool.fetchval("select count(*) from bulk_acts") == 0
        assert "holds.release.refused" in {act.action for act in await audit.recent(desk.pool)}


async def test_a_release_is_taken_back_while_nothing_is_booked(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        await who.post("/api/v1/holds/release", _wanted(await _preview(who)))
        await day.decide()
        assert await _held(desk) == 0
        assert (await who.post("/api/v1/holds/acts/once/undo", {"reason": " "})).status_code == 400
        for _ in range(2):
            assert (await who.post("/api/v1/holds/acts/once/undo", {"reason": "too fast"})).status_code == 202
        await day.decide()
        assert await _held(desk) == 10
        done = (await who.get("/api/v1/holds/acts/once")).json()
        assert (done["held"], done["act"]["undone_by"]) == (10, "a operator")
        assert [act.action for act in await audit.recent(desk.pool)].count("holds.hold_again") == 1
        assert (await who.get("/api/v1/holds/acts")).json()[0]["id"] == "once"


async def test_whom_the_rule_does_not_name_takes_nothing_back(day: Day, desk: Desk) -> None:
    """An undo is done once: one that every order refuses would leave nobody another."""
    async with visitor(desk, "operator") as who:
        await who.post("/api/v1/holds/release", _wanted(await _preview(who)))
        await day.decide()
    async with visitor(desk, "customer_service") as other:
        refused = await other.post("/api/v1/holds/acts/once/undo", {"reason": "a customer called"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert "every operator" in refused.json()["detail"]
        assert (await other.get("/api/v1/holds/acts/once")).json()["act"]["undone_by"] is None
    assert "holds.hold_again.refused" in [act.action for act in await audit.recent(desk.pool)]
    async with visitor(desk, "integrator") as boss:
        assert (await boss.post("/api/v1/holds/acts/once/undo", {"reason": "too fast"})).status_code == 202
    await day.decide()
    assert await _held(desk) == 10


async def test_a_broken_release_goes_on_where_it_was(day: Day, desk: Desk) -> None:
    boss = Caller("olivia", "operator")
    preview = await holds.preview(desk, boss, HoldFilter("big"))
    wanted = BulkRelease("big", "looked at", preview.as_of, preview.upto, "broken")
    lots: list[int] = []

    class PowerCut(Exception):
        pass

    def cut(act: Any) -> None:
        lots.append(act.told)
        raise PowerCut

    with pytest.raises(PowerCut):
        await holds.release(desk, boss, wanted, cut, lot=3)
    await day.decide()
    assert (lots, await _held(desk)) == ([3], 7)
    with pytest.raises(holds.Refusal):
        await holds.undo(desk, boss, "broken", "not yet")
    with pytest.raises(holds.Refusal):
        await holds.resume(desk, Caller("another", "operator"), "broken")
    done = await holds.resume(desk, boss, "broken", lambda act: lots.append(act.told), lot=3)
    await day.decide()
    assert (done.act.told, lots[-1], await _held(desk)) == (10, 10, 0)
    assert done.act.finished_at is not None


async def test_the_page_of_a_broken_release_lets_its_actor_go_on(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        boss = Caller("a operator", "operator")
        preview = await holds.preview(desk, boss, HoldFilter("big", SHOP, 0.0))
        wanted = BulkRelease("big", "looked at", preview.as_of, preview.upto, "broken", SHOP, 0.0)

        def cut(_: Any) -> None:
            raise KeyError

        with pytest.raises(KeyError):
            await holds.release(desk, boss, wanted, cut, lot=3)
        page = (await who.page("/holds/acts/broken")).text
        answer = await who.submit("/holds/release", **{**dict(_inputs(page)), "reason": "looked at"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/holds/acts/broken")
        await day.decide()
        assert await _held(desk) == 0
        assert 'action="/holds/release"' not in (await who.page("/holds/acts/broken")).text
    async with visitor(desk, "integrator") as other:
        assert 'action="/holds/release"' not in (await other.page("/holds/acts/broken")).text


async def test_an_acts_id_is_one_acts(desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        preview = await _preview(who)
        assert (await who.post("/api/v1/holds/release", _wanted(preview, reason="  "))).status_code == 400
        assert (await who.post("/api/v1/holds/release", _wanted(preview, act_id=""))).status_code == 400
        assert (await who.post("/api/v1/holds/release", _wanted(preview))).status_code == 202
        odd = await _preview(who, "rule=odd")
        answer = await who.post("/api/v1/holds/release", _wanted(odd))
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert (await who.get("/api/v1/holds/acts/nothing")).status_code == 404


async def test_the_pages_release_and_take_back(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        text = (await who.page("/holds")).text
        assert "total &gt; 0" in text
        assert "held by another rule too" in text
        text = (await who.page(f"/holds/preview?rule={quote('big')}&channel=&older_than_s=")).text
        hidden = dict(_inputs(text))
        assert hidden["upto"]
        answer = await who.submit("/holds/release", **{**hidden, "reason": "looked at"})
        assert answer.status_code == 303
        await day.decide()
        assert "Told to go on" in (await who.page(answer.headers["location"])).text
        assert (await who.page("/holds")).text.count("Released together") == 1
        back = await who.submit(f"{answer.headers['location']}/undo", reason="too fast")
        assert back.status_code == 303
        await day.decide()
        assert "Taken back by a operator" in (await who.page(back.headers["location"])).text
        assert await _held(desk) == 10
        assert (await who.submit("/holds/release", rule="big", reason="x")).status_code == 400
    async with visitor(desk, "customer_service") as who:
        assert "Release…" not in (await who.page("/holds")).text


def _inputs(text: str) -> list[tuple[str, str]]:
    import re

    form = text[text.index('action="/holds/release"') :]
    return re.findall(
        r'<input type="hidden" name="(rule|channel|older_than_s|as_of|upto|act_id)" value="([^"]*)"', form
    )
