"""A privacy webhook ends with a person: what it opens, who may resolve it, and the steps that the docs give."""

import re
from pathlib import Path

from crossdock.api.desk import Desk
from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import encode_event
from crossdock.store.protocol import Arrival
from tests.console.desks import visitor
from tests.console.seed import SHOP, Day, key

BODY = (
    b'{"shop_id":954889,"shop_domain":"acme.myshopify.com","customer":{"id":191167,"email":"canary@example.com",'
    b'"phone":"555-0199"},"orders_to_redact":[299938]}'
)
SECURITY = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"


async def redact(day: Day, delivery: str) -> str:
    """What intake and translate make of the webhook; the stream's key."""
    assert CONNECTOR.webhook is not None
    headers = {"x-shopify-webhook-id": delivery, "x-shopify-topic": "customers/redact"}
    named = CONNECTOR.webhook.identify(SHOP, headers, BODY)
    [event] = CONNECTOR.translate(SHOP, "customers/redact", BODY)
    ref = StreamRef(named.stream_kind, named.stream_key)
    await day.store.accept([Arrival(SHOP, delivery, "webhook", named.topic, ref, encode_event(event))])
    await day.decide()
    return named.stream_key


async def test_it_is_an_exception_that_a_person_resolves_with_a_reason(day: Day, desk: Desk) -> None:
    told = await redact(day, "d1")
    stream = await desk.pool.fetchval("select id from streams where kind = 'privacy' and key = $1", told)
    path = f"/api/v1/streams/{stream}"
    async with visitor(desk, "operator") as who:
        view = await who.get(path)
        [problem] = view.json()["whole"]["exceptions"]
        assert (problem["code"], problem["state"]) == ("privacy.redact", "open")
        assert problem["facts"]["orders"] == [f"{SHOP}-299938"]
        assert view.json()["acts"] == ["resolve"]
        assert view.json()["next_step"] == problem["hint"]
        assert "canary" not in view.text
        assert "555-0199" not in view.text
        page = (await who.page(f"/streams/{stream}")).text
        assert "A person carries this out" in page
        assert "Say what was done" in page
        assert (await who.post(f"{path}/acts", {"action": "resolve"})).status_code == 400, "a reason is asked for"
        done = {"action": "resolve", "reason": "erased in ERP and here"}
        assert (await who.post(f"{path}/acts", done)).status_code == 202
        await day.decide()
        after = (await who.get(path)).json()
        assert [one["state"] for one in after["whole"]["exceptions"]] == ["settled"]
        assert (after["whole"]["order"]["status"], after["acts"]) == ("done", [])


async def test_two_deliveries_are_two_streams_of_one_cause(day: Day, desk: Desk) -> None:
    assert await redact(day, "d1") != await redact(day, "d2")
    async with visitor(desk, "operator") as who:
        causes = (await who.get("/api/v1/exceptions")).json()
        [cause] = [one for one in causes if one["code"] == "privacy.redact"]
        assert (cause["n"], cause["owner"]) == (2, "customer_service")


async def test_the_steps_of_the_docs_take_a_finished_order_out_and_leave_others(day: Day, desk: Desk) -> None:
    """Its state stays: a view of the order that comes later books nothing again."""
    finished, other = key(1), key(2)
    await day.store.pool.execute("update streams set finished_at = now() where key = $1", finished)
    await day.store.pool.execute("update streams set finished_at = null where key = $1", other)
    [steps] = re.findall(r"```sql\n(.*?)```", SECURITY.read_text("utf-8"), re.DOTALL)
    states = await _states(day, finished, other)
    before = await _kept(day, finished, other)
    assert all(n for row in before for n in row)
    await day.store.pool.execute(re.sub(r"key in \([^)]*\)", f"key in ('{finished}', '{other}')", steps))
    after = await _kept(day, finished, other)
    assert after == [(0, 0), before[1]]
    assert await _states(day, finished, other) == states
    assert await day.store.pool.fetchval("select count(*) from masters where kind = 'customer' and ref = 'c-9'") == 0


async def _kept(day: Day, *keys: str) -> list[tuple[int, int]]:
    """Messages and decisions of each."""
    count = "select count(*) from {} join streams s on s.id = stream_id where s.key = $1"
    return [
        tuple([await day.store.pool.fetchval(count.format(table), one) for table in ("messages", "journal")])  # type: ignore[misc]
        for one in keys
    ]


async def _states(day: Day, *keys: str) -> list[bytes]:
    return [await day.store.pool.fetchval("select state from streams where key = $1", one) for one in keys]
