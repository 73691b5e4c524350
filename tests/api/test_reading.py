"""What the API tells, held against what the database holds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from crossdock.api import acts
from crossdock.api.desk import Desk
from crossdock.domain.money import Amount
from crossdock.governance import audit
from crossdock.store import reading_orders
from crossdock.store.protocol import StoreUnavailable
from tests.console.desks import visitor
from tests.console.seed import ERP, SHOP, Day, fine, key, order
from tests.support.heard import Heard


async def test_now_tells_what_sql_counts(day: Day, desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        now = (await who.get("/api/v1/now")).json()
        count = desk.pool.fetchval
        assert now["waiting_messages"]["n"] == await count("select count(*) from agenda") == 4
        assert now["waiting_commands"]["n"] == await count("select count(*) from dispatch")
        assert now["exceptions"]["n"] == await count("select count(*) from exceptions where state = 'open'")
        for status, told in now["orders"].items():
            sql = "select count(*) from streams where status = $1 and kind = 'order' and finished_at is null"
            assert told["n"] == await count(sql, status), status
        assert {lag["channel"] for lag in now["lag"]} >= {SHOP}
        assert any(worker["silent"] for worker in now["workers"])
        history = (await who.get("/api/v1/now/history")).json()["minutes"]
        assert sum(minute["n"] for minute in history["calls"]) == await count("select count(*) from attempts")


SPELLINGS = (
    *("#1004", "1004", "6674573190004", "gid://shopify/Order/6674573190004", "shop-au-6674573190004"),
    *("40004", "33XT190004", "33xt190004", "shp-66745731900"),
)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_any_id_finds_the_order(desk: Desk, spelling: str) -> None:
    async with visitor(desk, "customer_service") as who:
        found = (await who.get(f"/api/v1/orders?q={quote(spelling)}")).json()["orders"]
        assert key(4) in [each["key"] for each in found]
        assert all(each["matched"] for each in found)


@pytest.mark.parametrize("spelling", ["190004", "573190004", "-x1", "#1004-x1", "1004-X1"])
async def test_a_part_of_a_number_finds_the_order_too(day: Day, desk: Desk, spelling: str) -> None:
    """The end of a number, read over the phone; the part that an exchange made."""
    later = order(4).updated_at + timedelta(minutes=1)
    part = msgspec.structs.replace(order(4), part="X1", number="#1004-X1", updated_at=later)
    await day.arrive(part)
    await day.decide()
    async with visitor(desk, "customer_service") as who:
        found = (await who.get(f"/api/v1/orders?q={quote(spelling)}")).json()["orders"]
        wanted = part.key if "x1" in spelling.lower() else key(4)
        assert wanted in [each["key"] for each in found]
        assert all(each["matched"] for each in found)


async def test_what_an_act_is_for_is_named_exactly(desk: Desk) -> None:
    """A part of a number finds; it never chooses the order that something is done to."""
    for text, exact in (("33XT190004", True), ("33xt19000", False), ("190004", False), ("#1004", True)):
        found = await reading_orders.search(desk.pool, text, 5, exactly=True)
        assert (key(4) in [row.key for row in found]) is exact, text
        assert await reading_orders.search(desk.pool, text, 5)


async def test_who_may_not_see_customers_data_sees_none_in_an_order(desk: Desk) -> None:
    stream = await desk.pool.fetchval("select id from streams where key = $1", key(4))
    for role, seen in (("viewer", False), ("customer_service", True)):
        async with visitor(desk, role) as who:
            for path in (f"/api/v1/orders/{key(4)}", f"/api/v1/streams/{stream}", f"/orders/{key(4)}"):
                answer = await who.get(path, accept="text/html, application/json")
                assert answer.status_code == 200
                told = "ada@example.com" in answer.text or "Ada Buyer" in answer.text
                assert told is (seen and path.startswith("/api")), (role, path)


async def test_the_newest_of_a_long_life_are_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SKU's stream takes hundreds of messages in days: what happened last is what people look for."""
    monkeypatch.setattr(reading_orders, "MOST", 2)
    stream = await desk.pool.fetchval("select id from streams where key = $1", key(4))
    whole = await reading_orders.whole(desk.pool, stream)
    assert whole is not None
    for name, sql in (
        ("messages", "select id from messages where stream_id = $1 order by id desc limit 2"),
        ("commands", "select id from commands where stream_id = $1 order by id desc limit 2"),
        ("journal", "select version as id from journal where stream_id = $1 order by version desc limit 2"),
    ):
        newest = [row["id"] for row in await desk.pool.fetch(sql, stream)]
        assert [getattr(one, "version" if name == "journal" else "id") for one in getattr(whole, name)] == newest[::-1]
    assert whole.older
    async with visitor(desk, "viewer") as who:
        assert "older" in (await who.page(f"/orders/{key(4)}")).text


async def test_pages_of_orders_are_whole_and_do_not_overlap(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        for query in ("", "status=held&", f"channel={SHOP}&", "status=done&"):
            seen: list[str] = []
            below = ""
            while True:
                page = (await who.get(f"/api/v1/orders?{query}limit=7{below}")).json()
                seen += [each["key"] for each in page["orders"]]
                if not page["below"]:
                    break
                below = f"&below={page['below']}"
            assert len(seen) == len(set(seen))
            status = "held" if "held" in query else "done" if "done" in query else None
            sql = "select count(*) from streams where kind = 'order' and ($1::text is null or status = $1)"
            sql += " and ($2::text is null or channel = $2)"
            assert len(seen) == await desk.pool.fetchval(sql, status, SHOP if "channel" in query else None)


async def test_one_order_tells_everything(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        told = (await who.get(f"/api/v1/orders/{key(4)}")).json()
        assert [step["status"] for step in told["steps"] if step["name"] == "order.book"] == ["done"]
        assert told["proof"]["balanced"] is True
        assert {moment["kind"] for moment in told["timeline"]} == {"message", "decision", "command", "attempt"}
        assert [m["at"] for m in told["timeline"]] == sorted(m["at"] for m in told["timeline"])
        assert "40004" in {ref["external_id"] for ref in told["whole"]["references"]}
        assert told["next_step"]
        off = (await who.get(f"/api/v1/orders/{key(21)}")).json()
        assert off["proof"]["sides"][0]["difference"] == "0.05"
        missing = await who.get("/api/v1/orders/none")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        assert missing.headers["content-type"] == "application/problem+json"


async def test_the_proof_shown_is_the_one_the_order_was_let_through_by(day: Day, desk: Desk) -> None:
    """Three cents of declared rounding: too much without a ceiling on the route, fine with one of five cents."""
    plain = order(7001)
    total = Amount(plain.totals.total.shop + Decimal("0.03"))
    rounded = msgspec.structs.replace(plain.totals, total=total, rounding=Amount(Decimal("0.03")))
    await day.arrive(msgspec.structs.replace(plain, totals=rounded))
    await day.decide()
    for role, ceilings, balanced in (("viewer", {}, False), ("operator", {SHOP: "0.05"}, True)):
        async with visitor(msgspec.structs.replace(desk, rounding_ceilings=ceilings), role) as who:
            told = (await who.get(f"/api/v1/orders/{key(7001)}")).json()
            assert told["proof"]["balanced"] is balanced, ceilings


async def test_a_cause_is_retried_as_previewed_and_only_once(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        groups = (await who.get("/api/v1/exceptions")).json()
        assert sum(group["n"] for group in groups) == await desk.pool.fetchval(
            "select count(*) from exceptions where state = 'open'"
        )
        cause = next(group for group in groups if group["klass"] == "rejected")["fingerprint"]
        preview = (await who.get(f"/api/v1/exceptions/preview?fingerprint={quote(cause)}")).json()
        assert (preview["post"], preview["settled"], preview["needs_person"]) == (3, 0, 0)
        wanted = {"fingerprint": cause, "ids": preview["ids"], "act_id": "once"}
        for _ in range(2):
            assert (await who.post("/api/v1/exceptions/retry", wanted)).status_code == 202
        assert await desk.pool.fetchval("select count(*) from messages where source = 'operator'") == 3
        await day.decide()
        await day.answer(ERP, fine)
        late = (await who.post("/api/v1/exceptions/retry", {**wanted, "act_id": "late"})).json()
        assert (late["post"], late["settled"]) == (0, 3)
        assert (await who.get(f"/api/v1/exceptions/preview?fingerprint={quote(cause)}")).status_code == 404
        told = [act for act in await audit.recent(desk.pool) if act.action == "exceptions.retry"]
        assert {act.actor for act in told} == {"a operator"}


async def test_holds_are_for_a_person_and_one_is_released_with_a_reason(day: Day, desk: Desk) -> None:
    heard = Heard()
    async with visitor(msgspec.structs.replace(desk, signals=heard), "operator") as who:
        groups = (await who.get("/api/v1/exceptions")).json()
        held = next(group for group in groups if group["klass"] == "hold")["fingerprint"]
        preview = (await who.get(f"/api/v1/exceptions/preview?fingerprint={quote(held)}")).json()
        assert (preview["post"], preview["needs_person"]) == (0, 5)
        path, args = f"/api/v1/orders/{key(7)}/acts", {"rule": "first-order-over-150"}
        assert (await who.post(path, {"action": "release_hold", "args": args})).status_code == 400
        done = await who.post(path, {"action": "release_hold", "args": args, "reason": "known customer"})
        assert done.status_code == 202
        (span,) = heard.named("act release_hold")
        assert (span.kind, span.attributes) == ("server", {"crossdock.order": key(7)})
        assert await desk.pool.fetchval("select trace from messages where source = 'operator'") == span.traceparent
        await day.decide()
        told = (await who.get(f"/api/v1/orders/{key(7)}")).json()
        assert told["whole"]["order"]["status"] != "held"
        assert "release_hold" not in told["acts"]
        verdict = await audit.verify(desk.pool)
        assert verdict.broken_at is None
        assert verdict.links == 1


async def test_a_parked_order_is_retried_by_unparking(day: Day, desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        parked = order(990).key
        assert (await who.get(f"/api/v1/orders/{parked}")).json()["parked"] == 1
        assert (await who.post(f"/api/v1/orders/{parked}/acts", {"action": "retry"})).status_code == 202
        assert (await who.get(f"/api/v1/orders/{parked}")).json()["waiting"] == 1


async def test_what_is_asked_of_a_parked_order_says_that_it_waits(desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        wanted = {"action": "cancel", "reason": "asked by phone"}
        done = await who.post(f"/api/v1/orders/{order(990).key}/acts", wanted)
        assert done.status_code == 202
        assert "parked" in done.json()["said"]
        stream = await desk.pool.fetchval("select id from streams where key = $1", order(990).key)
        seen = await who.submit(f"/streams/{stream}/acts", act_id="2", **wanted)
        assert acts.PARKED in (await who.page(seen.headers["location"])).text


@pytest.mark.parametrize("refs", ["4711", ["4711"], {"salesOrder": {"id": 1}}, 7])
async def test_refs_that_are_none_are_refused_and_park_no_order(desk: Desk, refs: Any) -> None:
    async with visitor(desk, "operator") as who:
        wanted = {"action": "resolve", "reason": "entered by hand", "args": {"problem": "order.book", "refs": refs}}
        refused = await who.post(f"/api/v1/orders/{key(5)}/acts", wanted)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
        assert "refs" in refused.json()["detail"]


async def test_an_act_stands_also_when_nobody_could_be_woken(desk: Desk) -> None:
    """It is on the agenda by then, where the deciders look every second: "unavailable" would be wrong."""

    class Deaf:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        async def wake(self, channel: str) -> None:
            raise StoreUnavailable(f"cannot wake {channel}")

    deaf = msgspec.structs.replace(desk, store=Deaf())
    async with visitor(deaf, "operator") as who:
        wanted = {"action": "cancel", "reason": "asked by phone"}
        assert (await who.post(f"/api/v1/orders/{key(42)}/acts", wanted)).status_code == 202
        assert (await who.post(f"/api/v1/connections/{ERP}/pause", {"reason": "month end"})).status_code == 200


async def test_what_waits_for_a_paused_or_silent_system_says_so(desk: Desk) -> None:
    """ "By itself" is true of a system that is asked; of a paused one nothing is sent until a person resumes it."""
    waits = await desk.pool.fetchval(
        "select s.id from dispatch d join commands c on c.id = d.command_id join streams s on s.id = c.stream_id "
        "join connections t on t.id = c.connection_id where t.name = $1 and s.kind = 'order' and s.finished_at is null "
        "and not exists (select from exceptions e where e.stream_id = s.id and e.state = 'open') limit 1", ERP,
    )  # fmt: skip
    async with visitor(desk, "operator") as who:
        path = f"/api/v1/streams/{waits}"
        assert (await who.get(path)).json()["next_step"].endswith(", by itself.")
        await who.post(f"/api/v1/connections/{ERP}/pause", {"reason": "month end"})
        assert "is paused: month end" in (await who.get(path)).json()["next_step"]
        await who.post(f"/api/v1/connections/{ERP}/resume")
        await desk.store.trip(ERP, failures=9, breaker="open", for_s=600.0)
        assert "does not answer" in (await who.get(path)).json()["next_step"]


async def test_an_acts_id_is_short_enough_to_tell_orders_apart(desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        for path, wanted in (
            ("/api/v1/exceptions/retry", {"fingerprint": "any", "ids": [1]}),
            (f"/api/v1/orders/{key(42)}/acts", {"action": "retry"}),
        ):
            refused = await who.post(path, {**wanted, "act_id": "x" * 500})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_request"), path


async def test_an_acts_id_names_one_act(desk: Desk) -> None:
    """Used again it is the same act again, or refused: another one would have been dropped in silence."""
    path, count = f"/api/v1/orders/{key(42)}/acts", "select count(*) from messages where source = 'operator'"
    retry = {"action": "retry", "act_id": "1", "args": {"problem": "order.book"}}
    async with visitor(desk, "operator") as who:
        for _ in range(2):
            assert (await who.post(path, retry)).status_code == 202
        assert await desk.pool.fetchval(count) == 1
        for other in (
            {"action": "cancel", "reason": "asked by phone", "act_id": "1"},
            {**retry, "args": {"problem": "order.release"}},
        ):
            refused = await who.post(path, other)
            assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert (await who.post(path, {"action": "cancel", "reason": "by phone", "act_id": "2"})).status_code == 202
        assert await desk.pool.fetchval(count) == 2
    told = [act.action for act in await audit.recent(desk.pool) if act.subject == key(42)]
    assert told == ["order.cancel", "order.retry", "order.retry"]


async def test_a_bulk_retrys_id_names_one_act(desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        groups = (await who.get("/api/v1/exceptions")).json()
        cause = next(group for group in groups if group["klass"] == "rejected")["fingerprint"]
        preview = (await who.get(f"/api/v1/exceptions/preview?fingerprint={quote(cause)}")).json()
        cancel = {"action": "cancel", "reason": "asked by phone", "act_id": "1"}
        assert (await who.post(f"/api/v1/orders/{key(16)}/acts", cancel)).status_code == 202
        retry = {"fingerprint": cause, "ids": preview["ids"], "act_id": "1"}
        refused = await who.post("/api/v1/exceptions/retry", retry)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert (await who.post("/api/v1/exceptions/retry", {**retry, "act_id": "2"})).status_code == 202


async def test_customer_service_may_cancel_and_no_more(day: Day, desk: Desk) -> None:
    async with visitor(desk, "customer_service") as who:
        path = f"/api/v1/orders/{key(42)}/acts"
        refused = await who.post(path, {"action": "retry"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert (await who.post(path, {"action": "cancel", "reason": "asked by phone"})).status_code == 202
        await day.decide()
        assert (await who.get(f"/api/v1/orders/{key(42)}")).json()["whole"]["order"]["status"] == "cancelled"


async def test_a_paused_connection_says_why_and_who(desk: Desk) -> None:
    async with visitor(desk, "operator") as who:
        assert (await who.post(f"/api/v1/connections/{ERP}/pause", {"reason": " "})).status_code == 400
        assert (await who.post("/api/v1/connections/none/pause", {"reason": "x"})).status_code == 404
        assert (await who.post(f"/api/v1/connections/{ERP}/pause", {"reason": "month end"})).status_code == 200
        told = {each["health"]["name"]: each for each in (await who.get("/api/v1/connections")).json()}
        assert (told[ERP]["state"], told[ERP]["health"]["paused_reason"]) == ("paused", "month end (a operator)")
        assert {o["repeat"] for o in told[ERP]["facts"]["operations"]} == {"unique", "searchable", "unsafe"}
        assert (await who.post(f"/api/v1/connections/{ERP}/resume")).status_code == 200
        assert not (await desk.store.connections())[ERP].paused


async def test_bad_requests_say_so_in_problem_json(desk: Desk) -> None:
    async with visitor(desk) as who:
        for path in (
            "/api/v1/orders?status=lost",
            "/api/v1/orders?limit=100000",
            "/api/v1/streams/abc",
            "/api/v1/orders?below=0",
        ):
            answer = await who.get(path)
            assert answer.status_code in (400, 404), path
            assert answer.json()["code"] in ("bad_request", "not_found")
        answer = await who.client.post("/api/v1/exceptions/retry", content=b"{", headers={"x-csrf-token": who.csrf})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        schema = (await who.get("/api/v1/openapi.json")).json()
        assert "/api/v1/orders/{key}" in schema["paths"]
