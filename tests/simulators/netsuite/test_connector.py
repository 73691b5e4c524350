"""The connector against an account that keeps books: sign-in, one effect per repeat, the documents of an order."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from tests.simulators.netsuite.door import BASE, START, Setup, answering, fresh_credentials

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.tests.orders import PLACED, SKUS, booking, orders, plain_line, plain_order
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.order import Order
from crossdock.domain.outcome import (
    Conflict,
    Done,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Result, Unreachable
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.netsuite import Credentials, make_credentials

FIRST, AGAIN = Call("key"), Call("key", tries=1)


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return fresh_credentials()


@pytest.fixture
def setup(credentials: Credentials) -> Setup:
    return Setup(credentials)


async def send(setup: Setup, purpose: str, payload: Any, call: Call = FIRST) -> Result:
    return await CONNECTOR.operations[purpose].send(setup.client(), payload, call)


async def booked(setup: Setup, order: Order) -> str:
    outcome = (await send(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done), outcome
    return outcome.refs["salesOrder"]


def shipment(shipment_id: str, *lines: tuple[int, str]) -> Shipment:
    shipped = tuple(ShippedLine(f"line-{n}", Decimal(quantity), f"SKU-{n:04}") for n, quantity in lines)
    return Shipment(shipment_id, shipped, PLACED, (Package("1Z999", "UPS", weight_g=Decimal(900)),))


# -- signing in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_the_assertion_is_what_netsuite_documents(algorithm: str) -> None:
    made = make_credentials(START, algorithm=algorithm)
    setup = Setup(made)
    await setup.client().sign_in()
    request = setup.door.sent[0]
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    header = jwt.get_unverified_header(form["client_assertion"])
    assert header == {"typ": "JWT", "alg": algorithm, "kid": made.certificate_id}
    key: Any = x509.load_pem_x509_certificate(made.certificate.encode()).public_key()
    claims = jwt.decode(
        form["client_assertion"],
        key,
        algorithms=[algorithm],
        audience=f"{BASE}/services/rest/auth/oauth2/v1/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == made.client_id
    assert claims["scope"] == "rest_webservices"
    assert claims["iat"] == int(START.timestamp())
    assert 0 < claims["exp"] - claims["iat"] < 3600


async def test_one_sign_in_serves_all_who_wait(setup: Setup) -> None:
    await asyncio.gather(*(send(setup, "order.book", booking(plain_order(external_id=str(n)))) for n in range(4)))
    assert len(setup.door.sign_ins()) == 1


async def test_a_revoked_token_is_replaced_and_only_a_fresh_refusal_pauses(setup: Setup) -> None:
    await booked(setup, plain_order())
    setup.account.act("revoke_tokens", {})
    first = (await send(setup, "order.book", booking(plain_order(external_id="2")))).outcome
    assert isinstance(first, RetryLater)
    assert first.code == "token_refused"
    await booked(setup, plain_order(external_id="2"))

    async def refusing(request: Request) -> Reply:
        reply = await setup.account.handle(request)
        return reply if "/oauth2/" in request.path else Reply(401)

    setup.door._answer = refusing
    outcomes = [(await send(setup, "order.book", booking(plain_order(external_id="3")))).outcome for _ in range(2)]
    assert [type(outcome) for outcome in outcomes] == [RetryLater, Misconfigured]


async def test_a_refused_assertion_is_misconfigured(credentials: Credentials) -> None:
    for wrong in ({"certificate_id": "other"}, {"client_id": "other"}, {"algorithm": "PS256"}):
        setup = Setup(credentials, wrong)
        outcome = (await send(setup, "order.book", booking(plain_order()))).outcome
        assert isinstance(outcome, Misconfigured), wrong
        assert not setup.account.books()["sales_orders"]


# -- booking ----------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=orders())
def test_the_accounts_own_arithmetic_gives_the_channels_total(credentials: Credentials, order: Order) -> None:
    async def run() -> None:
        for extra in ({}, {"tax_mode": "line"}, {"tax_mode": "item", "discount_item": "2006"}):
            setup = Setup(credentials, extra, items=10, customers=0)
            await booked(setup, order)
            (kept,) = setup.account.books()["sales_orders"]
            assert Decimal(kept["total"]) == order.totals.total.shop
            assert kept["currency"] == order.currency

    asyncio.run(run())


async def test_a_lost_answer_and_its_repeat_have_one_effect(setup: Setup) -> None:
    order = plain_order()
    setup.door.lose = "PUT"
    with pytest.raises(AnswerLost):
        await send(setup, "order.book", booking(order))
    outcome = (await send(setup, "order.book", booking(order), AGAIN)).outcome
    assert isinstance(outcome, Done)
    assert outcome.repeated
    assert setup.door.methods()[-1].startswith("GET /salesOrder/eid:")
    (kept,) = setup.account.books()["sales_orders"]
    assert len(kept["lines"]) == 3
    assert outcome.refs == {"salesOrder": kept["id"]}


async def test_a_repeat_does_not_reset_lines_that_people_edited(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    setup.account.act("edit_line", {"order": ref, "line": 1, "quantity": 5})
    assert isinstance((await send(setup, "order.book", booking(order), AGAIN)).outcome, Done)
    (kept,) = setup.account.books()["sales_orders"]
    assert kept["lines"][0]["quantity"] == "5"


async def test_even_a_second_put_does_not_double_the_lines(setup: Setup) -> None:
    order = plain_order()
    await booked(setup, order)
    await booked(setup, order)  # the look-up answered "not there" an instant before the late commit
    (kept,) = setup.account.books()["sales_orders"]
    assert len(kept["lines"]) == 3
    assert Decimal(kept["total"]) == order.totals.total.shop


async def test_look_up_tells_there_from_surely_not_there_from_unsure(setup: Setup, credentials: Credentials) -> None:
    look_up = CONNECTOR.operations["order.book"].look_up
    assert look_up is not None
    assert await look_up(setup.client(), booking(plain_order()), AGAIN) is None
    ref = await booked(setup, plain_order())
    found = await look_up(setup.client(), booking(plain_order()), AGAIN)
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert found.outcome.refs == {"salesOrder": ref}
    gateway = answering(Reply(404, b"<html>", {"content-type": "text/html"}), credentials=credentials)
    unsure = await look_up(gateway.client(), booking(plain_order()), AGAIN)
    assert unsure is not None
    assert isinstance(unsure.outcome, RetryLater)


async def test_nothing_is_sent_when_the_totals_differ(setup: Setup) -> None:
    order = plain_order()
    totals = msgspec.structs.replace(order.totals, total=type(order.totals.total)(Decimal("1.00")))
    outcome = (await send(setup, "order.book", booking(msgspec.structs.replace(order, totals=totals)))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "totals_differ"
    assert not setup.door.sent


async def test_answers_to_a_write_are_read_not_believed(credentials: Credentials) -> None:
    replies: list[tuple[Reply, type[Any]]] = [
        (Reply(204), OutcomeUnknown),
        (Reply(204, b"", {"location": "https://x/salesOrder/"}), OutcomeUnknown),
        (Reply(200, b"<html>ok</html>", {"content-type": "text/html"}), OutcomeUnknown),
        (Reply(201, b"{}"), OutcomeUnknown),
        (Reply(429, b""), RateLimited),
    ]
    for reply, expected in replies:
        setup = answering(reply, credentials=credentials)
        assert isinstance((await send(setup, "order.book", booking(plain_order()))).outcome, expected), reply


async def test_a_read_whose_answer_is_lost_changed_nothing(setup: Setup) -> None:
    setup.door.lose = "GET"
    outcome = (await send(setup, "order.book", booking(plain_order()), AGAIN)).outcome
    assert isinstance(outcome, RetryLater)
    assert not setup.account.books()["sales_orders"]


# -- what follows a booking -------------------------------------------------------------------------------------


async def test_partial_shipments_and_one_invoice(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    for part in (shipment("SH=1", (1, "2"), (2, "1")), shipment("SH2", (2, "2"))):
        payload = PostShipment(order.key, ref, part, SKUS)
        assert isinstance((await send(setup, "shipment.post", payload)).outcome, Done)
    outcome = (await send(setup, "invoice.make", MakeInvoice(order.key, ref))).outcome
    assert isinstance(outcome, Done)
    invoice = msgspec.convert(outcome.facts["invoice"], Invoice)
    assert (invoice.total, invoice.tax, invoice.currency) == (order.totals.total.shop, Decimal("3.70"), "USD")
    books = setup.account.books()
    assert [[line["quantity"] for line in done["lines"]] for done in books["fulfilments"]] == [["2", "1"], ["2"]]
    assert [done["tracking"] for done in books["fulfilments"]] == [["1Z999"], ["1Z999"]]
    assert books["sales_orders"][0]["status"] == "Billed"


@pytest.mark.parametrize("purpose", ["shipment.post", "invoice.make"])
@pytest.mark.parametrize("again", [FIRST, AGAIN])
async def test_a_transform_whose_answer_is_lost_has_one_effect(setup: Setup, purpose: str, again: Call) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    shipped = PostShipment(order.key, ref, shipment("SH1", (1, "1")), SKUS)
    payload = shipped if purpose == "shipment.post" else MakeInvoice(order.key, ref, ("SH1",))
    if purpose == "invoice.make":
        await send(setup, "shipment.post", shipped)
    setup.door.lose = "POST"
    with pytest.raises(AnswerLost):
        await send(setup, purpose, payload)
    outcome = (await send(setup, purpose, payload, again)).outcome
    assert isinstance(outcome, Done)
    assert outcome.repeated
    books = setup.account.books()
    assert len(books["fulfilments"]) == 1
    assert len(books["invoices"]) == (purpose == "invoice.make")


def twins() -> Order:
    """Two lines of one item."""
    order = plain_order()
    lines = (plain_line(1, sku="SKU-0007"), plain_line(2, sku="SKU-0007"))
    total = sum(line.unit_price.shop * line.quantity for line in lines)
    totals = type(order.totals)(type(order.totals.total)(Decimal(total)), order.totals.lines)
    return msgspec.structs.replace(order, lines=lines, charges=(), totals=totals)


def twin(order: Order, ref: str, number: int) -> PostShipment:
    """One of the two, whole."""
    lines = (ShippedLine(f"line-{number}", Decimal(2), "SKU-0007"),)
    return PostShipment(order.key, ref, Shipment(f"SH{number}", lines, PLACED), SKUS)


def fulfilled(setup: Setup) -> list[str]:
    return [line["fulfilled"] for line in setup.account.books()["sales_orders"][0]["lines"]]


async def test_lines_of_one_item_are_told_apart_by_the_line_column(credentials: Credentials) -> None:
    setup = Setup(credentials, {"line_field": "custcol_channel_line"})
    ref = await booked(setup, order := twins())
    assert isinstance((await send(setup, "shipment.post", twin(order, ref, 2))).outcome, Done)
    assert fulfilled(setup) == ["0", "2"]


async def test_of_two_parcels_of_one_item_posted_at_once_both_find_their_line(credentials: Credentials) -> None:
    """Without a line column both mean the first line: who is refused for that looks again."""
    setup = Setup(credentials, save_s=0.02)
    ref = await booked(setup, order := twins())
    parcels = [twin(order, ref, number) for number in (1, 2)]
    ended = await asyncio.gather(*(send(setup, "shipment.post", parcel) for parcel in parcels))
    late = [parcel for parcel, one in zip(parcels, ended, strict=True) if isinstance(one.outcome, RetryLater)]
    assert len(late) == 1
    assert isinstance((await send(setup, "shipment.post", late[0], AGAIN)).outcome, Done)
    assert fulfilled(setup) == ["2", "2"]


async def test_shipping_more_than_is_open_is_refused_by_line(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    outcome = (
        await send(setup, "shipment.post", PostShipment(order.key, ref, shipment("SH1", (1, "3")), SKUS))
    ).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("over_fulfilment", "lines[line-1]")
    assert not setup.account.books()["fulfilments"]


async def test_closing_closes_every_line_once(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    payload = CloseBooking(order.key, ref, "cancelled")
    first, second = [(await send(setup, "booking.close", payload)).outcome for _ in range(2)]
    assert first == Done(refs={"salesOrder": ref})
    assert second == Done(refs={"salesOrder": ref}, repeated=True)
    (kept,) = setup.account.books()["sales_orders"]
    assert kept["status"] == "Closed"
    assert len(kept["lines"]) == 3


async def test_what_the_accounts_people_billed_is_a_conflict(setup: Setup) -> None:
    order = plain_order()
    ref = await booked(setup, order)
    await send(setup, "shipment.post", PostShipment(order.key, ref, shipment("SH1", (1, "2"), (2, "3")), SKUS))
    setup.account.act("bill", {"order": ref})
    for purpose, payload in (
        ("invoice.make", MakeInvoice(order.key, ref)),
        ("booking.close", CloseBooking(order.key, ref)),
    ):
        outcome = (await send(setup, purpose, payload)).outcome
        assert isinstance(outcome, Conflict)
        assert outcome.code == "already_billed"


async def test_a_sales_order_that_is_gone_is_said_so(setup: Setup) -> None:
    outcome = (await send(setup, "booking.close", CloseBooking("shop1-1", "999999"))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "sales_order_gone"


async def test_a_concurrent_edit_and_a_full_account_are_waited_out(credentials: Credentials) -> None:
    changed = Setup(credentials, changed_rate=1.0)
    outcome = (await send(changed, "order.book", booking(plain_order()))).outcome
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "record_changed"
    full = Setup(credentials, concurrency=0)
    assert isinstance((await send(full, "order.book", booking(plain_order()))).outcome, RateLimited)


# -- check ------------------------------------------------------------------------------------------------------


async def test_check_says_who_answers_and_when_the_certificate_ends(setup: Setup, credentials: Credentials) -> None:
    assert CONNECTOR.check is not None
    assert "TSTDRV1" in await CONNECTOR.check(setup.client())
    setup.clock.forward(days=710)
    assert "DAYS LEFT" in await CONNECTOR.check(setup.client())
    setup.clock.forward(days=30)
    with pytest.raises(Unreachable, match="certificate ended"):
        await CONNECTOR.check(setup.client())
    with pytest.raises(Unreachable, match="Mars/Olympus"):
        await CONNECTOR.check(Setup(credentials, {"time_zone": "Mars/Olympus"}).client())
    wrong = Setup(credentials, {"currencies": {"USD": "4"}})
    with pytest.raises(Unreachable, match="USD: 4, there 1"):
        await CONNECTOR.check(wrong.client())
