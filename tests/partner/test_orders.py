"""An order is durable before it is answered; whoever waits hears what was decided, or where to ask."""

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from crossdock.domain.decision import StreamRef
from crossdock.domain.events import InvoiceSeen, encode_event
from crossdock.domain.fulfilment import Invoice
from crossdock.intake.sources import SourceLimit
from crossdock.partner import keys
from crossdock.partner.app import HANDLERS
from crossdock.partner.counter import OPEN
from crossdock.store.protocol import Arrival, StoreUnavailable
from tests.partner.house import ALL, ERP, LONGER, OTHER, PORTAL, House, body, sent
from tests.support.heard import Heard

BILLED_AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
ORDERS = "/partner/v1/orders"


async def place(who: httpx.AsyncClient, given: bytes, key: str, prefer: str = "") -> httpx.Response:
    return await who.post(ORDERS, content=given, headers=sent(key, prefer))


async def kept(house: House) -> int:
    return int(await house.pool.fetchval("select count(*) from messages where source = 'api'"))


async def test_an_order_is_kept_and_the_answer_says_where_to_ask(house: House, key: str) -> None:
    given = body()
    async with house.at(key) as who:
        answer = await place(who, given, "k1")
        assert (answer.status_code, answer.json()["decision"]) == (202, "kept")
        assert await kept(house) == 1
        await house.decide()
        told = (await who.get(answer.headers["location"])).json()
    assert (told["decision"], told["status"], told["step"]) == ("accepted", "open", "order.book")
    assert told["order"] == f"{PORTAL}-{told['external_id']}"
    purposes = await house.pool.fetch("select purpose from commands")
    assert [row["purpose"] for row in purposes] == ["order.book"]


async def test_the_answer_names_what_the_erp_billed(house: House, key: str) -> None:
    async with house.at(key) as who:
        answer = await place(who, body(), "k1")
        await house.decide()
        told = (await who.get(answer.headers["location"])).json()
        assert told["invoices"] == []
        bill = InvoiceSeen(Invoice("4713", "INV1", Decimal("26.00"), "AUD", BILLED_AT), ERP)
        ref = StreamRef("order", told["order"])
        await house.store.accept([Arrival(ERP, "invoice:4713", "outcome", "invoice_seen", ref, encode_event(bill))])
        await house.decide()
        told = (await who.get(answer.headers["location"])).json()
    [invoice] = told["invoices"]
    assert (invoice["number"], invoice["total"], invoice["currency"]) == ("INV1", "26.00", "AUD")
    assert datetime.fromisoformat(invoice["invoiced_at"]) == BILLED_AT


async def answered_while_waiting(house: House, key: str, given: bytes) -> httpx.Response:
    """The answer to somebody who waits while the deciders work."""
    async with house.at(key) as who:
        waiting = asyncio.create_task(place(who, given, "k1", "wait=10"))
        while not waiting.done():
            await house.decide()
            await asyncio.sleep(0.01)
        return await waiting


@pytest.mark.parametrize(
    ("changes", "decision", "codes"),
    [
        ({}, "accepted", []),
        ({"note": "call before"}, "held", ["order.held"]),
        ({"total": "126.51"}, "held", ["totals.unbalanced"]),
        ({"customer": {"email": "nobody@example.com"}}, "held", ["customer.unknown"]),
        ({"payment_status": "pending"}, "accepted", []),
        ({"cancelled_at": "2026-11-23T10:00:00Z"}, "rejected", []),
    ],
)
async def test_whoever_waits_hears_what_was_decided(
    house: House, key: str, changes: dict[str, Any], decision: str, codes: list[str]
) -> None:
    answer = await answered_while_waiting(house, key, body(**changes))
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=10")
    told = answer.json()
    assert (told["decision"], [each["code"] for each in told.get("problems", [])]) == (decision, codes)
    assert not codes or told["reason"]


async def test_when_the_time_is_over_the_order_is_kept_all_the_same(house: House, key: str) -> None:
    slept: list[float] = []
    now = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    async with house.at(key, sleep=sleep, stopwatch=lambda: now[0]) as who:
        answer = await place(who, body(), "k1", "respond-async, wait=2")
    assert (answer.status_code, answer.json()["decision"]) == (202, "kept")
    assert "preference-applied" not in answer.headers
    assert sum(slept) == pytest.approx(2.0)
    assert await kept(house) == 1


async def test_nobody_waits_longer_than_the_house_lets_them_nor_when_it_is_full(house: House, key: str) -> None:
    async with house.at(key, most_waiting=0) as who:
        assert (await place(who, body(), "k1", "wait=999999")).status_code == 202
    async with house.at(key, longest_wait_s=0.0) as who:
        assert (await place(who, body(), "k2", "wait=9")).status_code == 202
    assert await kept(house) == 2


async def test_the_same_order_with_the_same_key_is_one_order(house: House, key: str) -> None:
    given, heard = body(), Heard()
    async with house.at(key, signals=heard) as who:
        first = await place(who, given, "k1")
        await house.decide()
        (span,) = heard.named("POST /partner/v1/orders")
        assert await house.pool.fetchval("select trace from messages where source = 'api'") == span.traceparent
        again = await place(who, msgspec.json.format(given, indent=2), "k1", "wait=1")
        assert (again.status_code, again.json()["repeated"]) == (200, True)
        assert again.json()["order"] == first.json()["order"]
        both = await asyncio.gather(*(place(who, given, "k1") for _ in range(8)))
        assert {each.status_code for each in both} == {202}
    await house.decide()
    assert heard.counted["crossdock.duplicates.prevented", (("where", "api"),)] == 9
    assert await kept(house) == 1
    assert await house.pool.fetchval("select count(*) from commands") == 1


@pytest.mark.parametrize("same_id", [True, False])
async def test_another_order_with_the_same_key_is_refused(house: House, key: str, same_id: bool) -> None:
    given = msgspec.json.decode(body())
    other = {**given, "po_number": "another"} if same_id else {**given, "external_id": "PO-other"}
    async with house.at(key) as who:
        await place(who, msgspec.json.encode(given), "k1")
        refused = await place(who, msgspec.json.encode(other), "k1")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert refused.headers["content-type"] == "application/problem+json"
    assert await kept(house) == 1


async def test_an_edit_has_a_key_of_its_own(house: House, key: str) -> None:
    given = msgspec.json.decode(body(payment_status="pending"))
    edited = {**given, "updated_at": "2026-11-23T09:05:00+11:00", "note": "call before"}
    async with house.at(key) as who:
        await place(who, msgspec.json.encode(given), "k1")
        await place(who, msgspec.json.encode(edited), "k2")
        await house.decide()
        told = (await who.get(f"{ORDERS}/{given['external_id']}")).json()
    assert (told["decision"], told["problems"][0]["code"]) == ("held", "order.held")


@pytest.mark.parametrize(
    ("given", "status", "code", "says"),
    [
        (b"", 400, "body_refused", "empty"),
        (b"{", 400, "body_refused", ""),
        (b'{"external_id":"a","external_id":"b"}', 400, "body_refused", "twice"),
        (b'{"total": NaN}', 400, "body_refused", ""),
        (b"[" * 100_000, 400, "body_refused", "deep"),
        (b"{}", 422, "order_refused", "external_id"),
        (body(shipto={}), 422, "order_refused", "shipto"),
        (body(external_id="a/b"), 422, "order_refused", "external_id"),
        (body(total="12.345"), 422, "order_refused", "AUD has 2 decimals"),
        (body(total="1e400"), 422, "order_refused", "total"),
        (body(lines=[]), 422, "order_refused", "lines"),
        (body(placed_at="2026-11-23T09:00:00"), 422, "order_refused", "placed_at"),
        (body(currency="aud"), 422, "order_refused", "currency"),
        (body(payment_status="maybe"), 422, "order_refused", "payment_status"),
    ],
)
async def test_what_is_not_an_order_is_refused_by_name_and_not_kept(
    house: House, key: str, given: bytes, status: int, code: str, says: str
) -> None:
    async with house.at(key) as who:
        refused = await place(who, given, "k1")
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert says in refused.json()["detail"]
    assert await kept(house) == 0


async def test_a_request_that_cannot_be_is_refused(house: House, key: str) -> None:
    async with house.at(key) as who:
        for headers, code in (
            ({"content-type": "application/json"}, "idempotency_key_missing"),
            ({"content-type": "text/xml", "idempotency-key": "k"}, "content_type"),
        ):
            refused = await who.post(ORDERS, content=body(), headers=headers)
            assert refused.json()["code"] == code
        assert (await place(who, body(note="x" * 1_100_000), "k")).status_code == 413
        assert (await who.get("/partner/v1/elsewhere")).json()["code"] == "not_found"
        assert (await who.delete(ORDERS)).json()["code"] == "method_not_allowed"
    assert await kept(house) == 0


async def test_a_key_opens_what_it_is_for_and_nothing_once_it_is_revoked(house: House, key: str) -> None:
    reads = await keys.make(house.pool, PORTAL, "screen", ["orders:read"])
    elsewhere = await keys.make(house.pool, OTHER, "shop floor", ["orders:read"])
    given = body()
    async with house.at(key) as who:
        where = (await place(who, given, "k1")).headers["location"]
    expected = {"": (401, "key_missing"), key[:-1]: (401, "key_refused"), "cdk_": (401, "key_refused"),
                "x" * 5000: (401, "key_refused"), reads: (403, "scope_missing")}  # fmt: skip
    for tried, (status, code) in expected.items():
        async with house.at(tried) as who:
            refused = await place(who, body(), "k2")
            assert (refused.status_code, refused.json()["code"]) == (status, code)
    for tried, status in ((reads, 200), (elsewhere, 404)):
        async with house.at(tried) as who:
            assert (await who.get(where)).status_code == status
    await keys.revoke(house.pool, PORTAL, "shop floor")
    async with house.at(key) as who:
        refused = await who.get(where)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert await kept(house) == 1


async def test_no_partner_can_name_another_s_order(house: House, key: str) -> None:
    """Order b-7 of portal1 and order 7 of portal1-b would have one key."""
    theirs = await keys.make(house.pool, LONGER, "till", ALL)
    async with house.at(theirs) as who:
        assert (await place(who, body(external_id="7"), "k1")).json()["order"] == "portal1-b-7"
        await house.decide()
        assert (await who.get(f"{ORDERS}/7")).status_code == 200
    async with house.at(key) as who:
        assert (await who.get(f"{ORDERS}/b-7")).json()["code"] == "not_found"
        refused = await place(who, body(external_id="b-7"), "k1")
        assert (refused.status_code, refused.json()["code"]) == (422, "order_refused")
    async with house.at(key, connections=frozenset({PORTAL})) as who:  # after the other one was taken out
        assert (await who.get(f"{ORDERS}/b-7")).json()["code"] == "not_found"
    assert await kept(house) == 1


def test_every_route_names_its_scope_or_is_open_to_all() -> None:
    for handler in HANDLERS:
        scope = handler.opt.get("scope")
        assert (scope in keys.SCOPES) != (set(handler.paths) <= OPEN), handler.paths


async def test_no_key_is_stored_as_it_is(house: House, key: str) -> None:
    rows = await house.pool.fetch("select * from partner_keys")
    assert key.removeprefix(keys.PREFIX) not in repr([dict(row) for row in rows])
    with pytest.raises(keys.KeyRefused, match="has a key 'shop floor' already"):
        await keys.make(house.pool, PORTAL, "shop floor", ["orders:read"])
    for scopes in ([], ["orders:delete"]):
        with pytest.raises(keys.KeyRefused, match="scope"):
            await keys.make(house.pool, PORTAL, "other", scopes)


async def test_a_store_that_is_away_takes_nothing_and_says_so(house: House, key: str) -> None:
    class Away:
        async def commit(self, _: object) -> None:
            raise StoreUnavailable("away")

    async with house.at(key, commits=Away()) as who:
        refused = await place(who, body(), "k1", "wait=2")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "unavailable", "2")


async def test_a_database_that_goes_away_after_the_commit_leaves_the_order_kept(house: House, key: str) -> None:
    class Leaves:
        """Finds the key, then answers nothing."""

        async def fetchrow(self, query: str, *args: Any) -> Any:
            if "partner_keys" in query:
                return await house.pool.fetchrow(query, *args)
            raise ConnectionResetError("the database went away")

    async with house.at(key, pool=Leaves()) as who:
        answer = await place(who, body(), "k1", "wait=1")
    assert (answer.status_code, answer.json()["decision"]) == (202, "kept")
    assert await kept(house) == 1


async def test_callers_behind_a_trusted_proxy_are_told_apart(house: House, key: str) -> None:
    sources = SourceLimit(0.001, 1, time.monotonic)

    async def ask(who: httpx.AsyncClient, caller: str) -> int:
        given = {**sent(f"k-{uuid4().hex}"), "x-forwarded-for": f"1.1.1.1, {caller}"}
        return (await who.post(ORDERS, content=body(), headers=given)).status_code

    async with house.at(key, sources=sources, proxies=[ip_network("127.0.0.0/8")]) as who:
        answers = [await ask(who, caller) for caller in ("203.0.113.1", "203.0.113.2", "203.0.113.1")]
    assert answers == [202, 202, 429]
    async with house.at(key, sources=SourceLimit(0.001, 1, time.monotonic)) as who:  # nobody is trusted: one sender
        assert [await ask(who, caller) for caller in ("203.0.113.1", "203.0.113.2")] == [202, 429]


async def test_too_many_from_one_address_are_told_to_wait(house: House, key: str) -> None:
    class Full:
        def take(self, _: str) -> bool:
            return False

    async with house.at(key, sources=Full()) as who:
        refused = await place(who, body(), "k1")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.mark.parametrize(("given", "parent"), [(CALLER, CALLER), ("nonsense", "")])
async def test_an_order_is_in_its_callers_trace_if_that_is_one(house: House, key: str, given: str, parent: str) -> None:
    heard = Heard()
    async with house.at(key, signals=heard) as who:
        who.headers["traceparent"] = given
        assert (await place(who, body(), "k1")).status_code == 202
    (span,) = heard.spans
    assert (span.kind, span.parent) == ("server", parent)
    assert span.attributes["crossdock.dedup"] == "new"
