"""Signing in, the check, and answers that are read and not believed."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup, answering
from tests.simulators.businesscentral.steps import again, booked, send

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import (
    booking,
    plain_order,
)
from crossdock.domain.outcome import Done, Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.manifest import Unreachable
from crossdock.simulators.base import Reply, Request


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_the_sign_in_is_entra_ids(setup: Setup) -> None:
    asked: list[Request] = []
    serve = setup.company.handle

    async def noting(request: Request) -> Reply:
        asked.append(request)
        return await serve(request)

    setup.door.answer = noting
    await asyncio.gather(*(send(setup, "order.book", booking(plain_order(external_id=str(n)))) for n in range(3)))
    (sign_in,) = [one for one in asked if "/oauth2/" in one.path]
    form = {name: values[0] for name, values in parse_qs(sign_in.body.decode()).items()}
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://api.businesscentral.dynamics.com/.default"


async def test_a_revoked_token_is_replaced_and_only_a_fresh_refusal_pauses(setup: Setup) -> None:
    await booked(setup, plain_order())
    setup.company.act("revoke_tokens", {})
    first = (await send(setup, "order.book", booking(plain_order(external_id="2")))).outcome
    assert isinstance(first, RetryLater)
    assert first.code == "token_refused"
    await booked(setup, plain_order(external_id="2"))
    serve = setup.company.handle

    async def refusing(request: Request) -> Reply:
        reply = await serve(request)
        return reply if "/oauth2/" in request.path else Reply(401)

    setup.door.answer = refusing
    outcomes = [(await send(setup, "order.book", booking(plain_order(external_id="3")))).outcome for _ in range(2)]
    assert [type(outcome) for outcome in outcomes] == [RetryLater, Misconfigured]


@pytest.mark.parametrize("wrong", [{"client_id": "other"}, {"tenant": "other"}])
async def test_a_refused_application_is_misconfigured(wrong: dict[str, str]) -> None:
    setup = Setup(wrong)
    outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, Misconfigured)
    assert not setup.books()["orders"]


async def test_a_full_company_is_waited_out() -> None:
    for full in ({"concurrency": 0}, {"requests": 0}):
        outcome = (await send(Setup(**full), "order.book", booking(plain_order()))).outcome
        assert isinstance(outcome, RateLimited)


async def test_answers_to_a_creation_are_read_not_believed() -> None:
    nothing = {"id": "1", "status": 200, "headers": {}, "body": {"value": []}}
    found = Reply(200, msgspec.json.encode({"responses": [nothing | {"id": str(n)} for n in (1, 2, 3)]}))
    replies: list[tuple[Reply, type[Any]]] = [
        (Reply(204), OutcomeUnknown),
        (Reply(201, b"<html>ok</html>", {"content-type": "text/html"}), OutcomeUnknown),
        (Reply(201, b"{}"), OutcomeUnknown),
        (Reply(200, b'{"id":"x"}'), OutcomeUnknown),
        (Reply(500, b'{"error":{"code":"Internal_ServerError","message":"x"}}'), OutcomeUnknown),
        (Reply(429, b""), RateLimited),
        (Reply(503, b""), RetryLater),
        (Reply(412, b'{"error":{"code":"Request_EntityChanged","message":"x"}}'), RetryLater),
        (Reply(404, b'{"error":{"code":"Internal_CompanyNotFound","message":"x"}}'), Misconfigured),
        (Reply(400, b'{"error":{"code":"Application_DialogException","message":"x"}}'), Rejected),
    ]
    for reply, expected in replies:
        setup = answering(found, reply)
        outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
        assert isinstance(outcome, expected), (reply, outcome)


async def test_a_batch_that_is_answered_in_part_is_no_success() -> None:
    nothing = {"id": "1", "status": 200, "headers": {}, "body": {"value": []}}
    for parts in ([], [nothing], [nothing | {"id": "2"}, nothing]):
        setup = answering(Reply(200, msgspec.json.encode({"responses": parts})))
        assert isinstance((await send(setup, "order.book", booking(plain_order()))).outcome, RetryLater)
        assert len(setup.door.sent) == 1


async def test_check_says_who_answers_and_what_does_not_fit(setup: Setup) -> None:
    assert CONNECTOR.check is not None
    assert await CONNECTOR.check(setup.client()) == "company CRONUS, currency USD"
    for wrong, said in (
        ({"company_id": "other"}, "CRONUS"),
        ({"local_currency": "EUR"}, "local_currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"tax_mode": "guess"}, "tax_mode"),
        ({"tax_codes": {"19": "T19"}}, "rate 0"),
        ({"tax_codes": {"0": "T", "19": "T"}}, "two rates"),
        ({"tax_codes": {"low": "T"}}, "percent"),
        ({"tax_mode": "account", "tax_account": None}, "tax_account"),
        ({"client_id": "other"}, "client_id"),
    ):
        with pytest.raises(Unreachable, match=said):
            await CONNECTOR.check(Setup(wrong).client())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E+999999"])
async def test_what_is_no_number_of_trade_is_no_success(setup: Setup, number: str) -> None:
    order, serve = plain_order(), setup.company.handle

    async def odd(request: Request) -> Reply:
        reply = await serve(request)
        if b"salesOrderLines" not in request.body:
            return reply
        body = msgspec.json.decode(reply.body)
        body["responses"][-1]["body"]["totalAmountIncludingTax"] = number
        return msgspec.structs.replace(reply, body=msgspec.json.encode(body))

    setup.door.answer = odd
    assert isinstance((await send(setup, "order.book", booking(order))).outcome, OutcomeUnknown)
    setup.door.answer = serve
    assert isinstance((await again(setup, "order.book", booking(order))).outcome, Done)
