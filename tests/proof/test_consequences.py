"""What the checks make of what vendors are asked, and of their answers."""

import asyncio
from collections.abc import Callable

import pytest

from crossdock.kit.http import Response
from crossdock.proof.asking import changes
from crossdock.proof.clock import Clock, VirtualLoop
from crossdock.proof.consequences import Pace
from crossdock.proof.network import Weather
from crossdock.proof.plan import ERP, SHOP, VENDORS, scenario
from crossdock.proof.planted import PATIENCE_S
from crossdock.proof.process import RUNNING, Process
from crossdock.proof.run import run
from crossdock.proof.vendors import Vendors
from crossdock.proof.witness import Witness
from crossdock.simulators.base import Request
from tests.proof.mutants import MUTANTS


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendor_asks_for_rest_in_words_that_are_understood(vendor: str) -> None:
    loop, planned = VirtualLoop(), scenario(1, "calm")
    clock = Clock(loop)
    witness = Witness(clock.seconds)
    sold = Vendors(planned, clock, Weather(planned, witness, clock.seconds), witness)
    reply = sold.by_name[vendor].throttled(Request("POST", "/graphql", {}, {}))  # type: ignore[attr-defined]
    pace, process = Pace(), Process("w1")
    pace.answered(vendor, process, Response(reply.status, dict(reply.headers), reply.body), at=10.0)
    token = RUNNING.set(process)
    try:
        assert pace.too_soon(vendor, ("another", 1), 10.09, 10.08)
        assert not pace.too_soon(vendor, ("another", 1), 10.09, 10.08)  # its second request: it had begun
        assert not pace.too_soon(vendor, ("a later", 1), 12.1, 12.0)
        assert not pace.too_soon("others", ("another", 2), 10.09, 10.08)
    finally:
        RUNNING.reset(token)
        loop.close()


def test_a_rest_that_stands_holds_for_all_and_must_be_told() -> None:
    pace, told, other = Pace(), Process("w1"), Process("w2")
    asks = Response(429, {"retry-after": "30"}, b"")
    pace.answered(ERP, told, asks, at=10.0)
    assert pace.kept_to_himself(ERP, 11.0) is None, "there was no time yet"
    assert pace.kept_to_himself(ERP, 12.0) == "w1"
    assert pace.kept_to_himself(SHOP, 12.0) is None
    pace.told(ERP, told, 30.0, at=12.0)
    assert pace.kept_to_himself(ERP, 12.0) is None, "the database may be away"
    pace.stands(ERP, 30.0, at=12.0)
    token = RUNNING.set(other)
    try:
        assert not pace.too_soon(ERP, ("leased before", 1), 12.1, 11.9)
        assert pace.too_soon(ERP, ("leased since", 1), 12.2, 12.1)
        assert pace.rests(ERP, 41.0)
        assert not pace.too_soon(ERP, ("after it", 1), 42.1, 42.1)
    finally:
        RUNNING.reset(token)


@pytest.mark.parametrize("excuse", [Process.crash, Process.pause])
def test_who_dies_or_is_stopped_need_not_tell(excuse: Callable[[Process], None]) -> None:
    loop = asyncio.new_event_loop()
    pace, told = Pace(), Process("w1")
    pace.answered(ERP, told, Response(429, {"retry-after": "30"}, b""), at=10.0)
    loop.run_until_complete(_now(lambda: excuse(told)))
    loop.close()
    assert pace.kept_to_himself(ERP, 20.0) is None


async def _now(act: Callable[[], None]) -> None:
    act()


def test_who_sends_under_anothers_lease_is_noticed_though_a_lease_runs() -> None:
    planted = next(one for one in MUTANTS if one.name == "lease not watched")
    with planted.plant():
        ran = run(scenario(17, planted.profile), patience_s=PATIENCE_S)
    assert any(one.invariant == "I12" and "under another's lease" in one.detail for one in ran.violations)


@pytest.mark.parametrize(
    ("method", "path", "body", "would"),
    [
        ("GET", "/services/rest/record/v1/salesOrder/4711", b"", False),
        ("POST", "/services/rest/record/v1/salesOrder", b"{}", True),
        ("PATCH", "/services/rest/record/v1/salesOrder/4711", b"{}", True),
        ("POST", "/services/rest/query/v1/suiteql", b'{"q":"SELECT 1"}', False),
        ("POST", "/services/rest/auth/oauth2/v1/token", b"", False),
        ("POST", "/auth/refresh", b"{}", False),
        ("POST", "/graphql", b'{"query":"query FindOrder { orders }"}', False),
        ("POST", "/graphql", b'{"query":"mutation ReleaseOrder { order_create }"}', True),
        ("POST", "/admin/api/2026-10/graphql.json", b'{"query":"\\nmutation M { fulfillmentCreate }"}', True),
        ("POST", "/admin/api/2026-10/graphql.json", b'{"query":"mutation M { webhookSubscriptionCreate }"}', False),
    ],
)
def test_what_would_change_something_there_is_told_from_the_request(
    method: str, path: str, body: bytes, would: bool
) -> None:
    assert changes(Request(method, path, {}, {}, body)) is would
