"""Each way Shopify can fail is classified by what must happen next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import (
    Conflict,
    Done,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.kit.http import AnswerLost, Line, NotSent, Response
from crossdock.kit.manifest import Call, Unreachable
from crossdock.kit.tokens import InProcessTokens

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CALL = Call("shop1-42/shop1/fulfilment.push/S1")
Answer = Response | Exception


class Script:
    """A door that gives prepared answers and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = []

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        self.asked.append((url, headers, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(script: Script, *, fixed: bool = True) -> Any:
    secrets = {"access_token": "shpat_1"} if fixed else {"client_secret": "cs"}
    settings = {"shop_domain": "a.myshopify.com", "client_id": "ci"}
    tokens = InProcessTokens(lambda: 0.0)
    return CONNECTOR.open(Line("shop1", settings, secrets, script, tokens, lambda: NOW, lambda: "u"))


def ok(whole: Any, cost: Any = None) -> Response:
    return Response(200, {}, msgspec.json.encode({"data": whole, "extensions": {"cost": cost}}))


def errors(code: str, *, cost: Any = None, path: Any = None) -> Response:
    told = {"message": "no", "path": path, "extensions": {"code": code}}
    return Response(200, {}, msgspec.json.encode({"errors": [told], "extensions": {"cost": cost}}))


def meter(requested: float, available: float) -> dict[str, Any]:
    status = {"maximumAvailable": 2000, "currentlyAvailable": available, "restoreRate": 100}
    return {"requestedQueryCost": requested, "throttleStatus": status}


_LINE = {
    "id": "gid://shopify/FulfillmentOrderLineItem/5",
    "remainingQuantity": 2,
    "lineItem": {"id": "x/1", "sku": "A"},
}
_END = {"hasNextPage": False, "endCursor": None}


def state(status: str = "OPEN", remaining: int = 2, cancelled: str | None = None) -> Response:
    lines = {"nodes": [_LINE | {"remainingQuantity": remaining}], "pageInfo": _END}
    one = {
        "id": "gid://shopify/FulfillmentOrder/3",
        "status": status,
        "assignedLocation": {"location": {"id": "gid://shopify/Location/9"}},
        "lineItems": lines,
    }
    orders = {"nodes": [one], "pageInfo": _END}
    return ok({"order": {"id": "o/42", "cancelledAt": cancelled, "fulfillments": [], "fulfillmentOrders": orders}})


def created(*messages: str) -> Response:
    told = [{"field": ["fulfillment"], "message": message} for message in messages]
    made = None if messages else {"id": "gid://shopify/Fulfillment/77", "status": "SUCCESS"}
    return ok({"fulfillmentCreate": {"fulfillment": made, "userErrors": told}})


def push_of(quantity: str = "2") -> PushFulfilment:
    lines = (ShippedLine("1", Decimal(quantity)),)
    return PushFulfilment("42", Shipment("S1", lines, NOW, (Package("TN1", "DHL"),)))


async def push(*answers: Answer, quantity: str = "2") -> Outcome:
    result = await CONNECTOR.operations["fulfilment.push"].send(client(Script(*answers)), push_of(quantity), CALL)
    return result.outcome


async def read(*answers: Answer) -> Outcome:
    result = await CONNECTOR.operations["read_back"].send(client(Script(*answers)), ReadBack("order", "42"), CALL)
    return result.outcome


HTML = Response(200, {}, b"<html>One moment</html>")
CUT = Response(200, {}, b'{"data":{"order":')
STATUSES = [
    (401, Misconfigured, Misconfigured),
    (402, Misconfigured, Misconfigured),
    (403, Misconfigured, Misconfigured),
    (404, Misconfigured, Misconfigured),
    (423, Misconfigured, Misconfigured),
    (400, Rejected, Rejected),
    (429, RateLimited, RateLimited),
    (430, RateLimited, RateLimited),
    (500, OutcomeUnknown, RetryLater),
    (502, OutcomeUnknown, RetryLater),
    (503, RetryLater, RetryLater),
    (504, OutcomeUnknown, RetryLater),
]


@pytest.mark.parametrize(("status", "write", "reading"), STATUSES)
async def test_statuses(status: int, write: type, reading: type) -> None:
    answer = Response(status, {}, b"{}")
    assert type(await push(state(), answer)) is write
    assert type(await read(answer)) is reading


@pytest.mark.parametrize("answer", [HTML, CUT, Response(200, {}, b""), ok(None), Response(200, {}, b"[]")])
async def test_a_200_that_is_no_answer(answer: Response) -> None:
    assert type(await push(state(), answer)) is OutcomeUnknown
    assert type(await read(answer)) is RetryLater


async def test_an_answer_of_another_shape() -> None:
    assert type(await push(state(), ok({"fulfillmentCreate": {"surprise": 1}}))) is OutcomeUnknown
    assert (
        type(await push(state(), ok({"fulfillmentCreate": {"fulfillment": None, "userErrors": []}}))) is OutcomeUnknown
    )


@pytest.mark.parametrize(
    ("code", "write", "reading"),
    [
        ("ACCESS_DENIED", Rejected, Rejected),
        ("SHOP_INACTIVE", Misconfigured, Misconfigured),
        ("INTERNAL_SERVER_ERROR", OutcomeUnknown, RetryLater),
        ("MAX_COST_EXCEEDED", Rejected, Rejected),
        ("undefinedField", Rejected, Rejected),
    ],
)
async def test_graphql_errors(code: str, write: type, reading: type) -> None:
    assert type(await push(state(), errors(code))) is write
    assert type(await read(errors(code))) is reading


async def test_a_denied_field_is_named_and_pauses_nothing_else() -> None:
    outcome = await read(errors("ACCESS_DENIED", path=["order", "lineItems", "nodes", 3, "product"]))
    assert isinstance(outcome, Rejected)
    assert outcome.field == "order.lineItems.nodes.product", "one cause, whichever line"
    assert outcome.field in outcome.detail


async def test_a_mutation_whose_answer_is_denied_may_have_been_done() -> None:
    assert type(await push(state(), errors("ACCESS_DENIED", path=["fulfillmentCreate"]))) is Rejected
    inner = errors("ACCESS_DENIED", path=["fulfillmentCreate", "fulfillment"])
    assert type(await push(state(), inner)) is OutcomeUnknown


async def test_throttled_waits_until_the_bucket_holds_enough() -> None:
    assert await push(state(), errors("THROTTLED", cost=meter(300, 50))) == RateLimited(
        2.5, "Shopify's cost bucket is empty."
    )


async def test_retry_after_is_obeyed() -> None:
    outcome = await read(Response(429, {"retry-after": "4.0"}, b""))
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == 4.0


async def test_the_meter_throttles_the_next_call() -> None:
    script = Script(ok({"order": None}, meter(200, 100)))
    result = await CONNECTOR.operations["read_back"].send(client(script), ReadBack("order", "42"), CALL)
    assert result.throttle_s == 1.0


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Fulfillment order does not exist.", RetryLater),
        ("Fulfillment order 3 has an unfulfillable status= closed.", RetryLater),
        ("Invalid fulfillment order line item quantity requested.", RetryLater),
        ("All fulfillment orders must be assigned to a single location.", RetryLater),
        ("The order is already fulfilled", Conflict),
        ("Tracking company is too long", Rejected),
    ],
)
async def test_user_errors_in_a_200_are_no_success(message: str, kind: type) -> None:
    assert type(await push(state(), created(message))) is kind


async def test_a_push_is_done() -> None:
    assert await push(state(), created()) == Done({"fulfillment": "77"}, {"locations": ["9"]})


async def test_what_is_sent_names_orders_lines_tracking_and_the_customer() -> None:
    script = Script(state(), created())
    await CONNECTOR.operations["fulfilment.push"].send(client(script), push_of("1"), CALL)
    url, headers, body = script.asked[1]
    assert url == "https://a.myshopify.com/admin/api/2026-10/graphql.json"
    assert headers["x-shopify-access-token"] == "shpat_1"
    assert msgspec.json.decode(body)["variables"]["fulfillment"] == {
        "lineItemsByFulfillmentOrder": [
            {
                "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/3",
                "fulfillmentOrderLineItems": [{"id": "gid://shopify/FulfillmentOrderLineItem/5", "quantity": 1}],
            }
        ],
        "notifyCustomer": True,
        "trackingInfo": {"company": "DHL", "numbers": ["TN1"]},
    }


@pytest.mark.parametrize(
    ("answer", "quantity", "kind", "code"),
    [
        (state("ON_HOLD"), "2", Rejected, "shopify.fulfilment_on_hold"),
        (state("SCHEDULED"), "2", Rejected, "shopify.fulfilment_on_hold"),
        (state("CLOSED", 0), "2", Conflict, "shopify.nothing_left_to_fulfil"),
        (state(remaining=1), "2", Conflict, "shopify.nothing_left_to_fulfil"),
        (state(cancelled="2026-11-20T09:00:00Z"), "2", Conflict, "shopify.order_cancelled"),
        (ok({"order": None}), "2", Rejected, "shopify.order_not_found"),
    ],
)
async def test_what_the_shop_does_not_let_us_fulfil(answer: Response, quantity: str, kind: type, code: str) -> None:
    outcome = await push(answer, quantity=quantity)
    assert isinstance(outcome, Rejected | Conflict)
    assert (type(outcome), outcome.code) == (kind, code)


async def test_half_a_piece_is_refused_before_any_call() -> None:
    outcome = await push(quantity="0.5")
    assert isinstance(outcome, Rejected)
    assert outcome.code == "shopify.quantity_not_whole"


@pytest.mark.parametrize("error", [AnswerLost("cut"), NotSent("refused")])
async def test_a_lost_answer_is_left_to_the_engine(error: Exception) -> None:
    with pytest.raises(type(error)):
        await push(state(), error)


GRANT = Response(200, {}, b'{"access_token":"t1","expires_in":86399,"scope":"read_orders"}')
GONE = ok({"order": None})


async def test_client_credentials_are_fetched_once_and_used() -> None:
    script = Script(GRANT, GONE, GONE)
    shop = client(script, fixed=False)
    await shop.order("1")
    await shop.order("2")
    assert [url.rpartition("/")[2] for url, _, _ in script.asked] == ["access_token", "graphql.json", "graphql.json"]
    assert script.asked[1][1]["x-shopify-access-token"] == "t1"


async def test_a_token_that_ended_early_is_fetched_again() -> None:
    script = Script(GRANT, GONE, Response(401, {}, b"{}"), GRANT, GONE)
    shop = client(script, fixed=False)
    operation = CONNECTOR.operations["read_back"]
    outcomes = [(await operation.send(shop, ReadBack("order", "42"), CALL)).outcome for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Rejected, RetryLater, Rejected]


async def test_a_fresh_token_that_is_refused_pauses_the_connection() -> None:
    shop = client(Script(GRANT, Response(401, {}, b"{}")), fixed=False)
    result = await CONNECTOR.operations["read_back"].send(shop, ReadBack("order", "42"), CALL)
    assert type(result.outcome) is Misconfigured


@pytest.mark.parametrize(("status", "kind"), [(400, Misconfigured), (401, Misconfigured), (503, RetryLater)])
async def test_a_refused_grant(status: int, kind: type) -> None:
    shop = client(Script(Response(status, {}, b"{}")), fixed=False)
    result = await CONNECTOR.operations["read_back"].send(shop, ReadBack("order", "42"), CALL)
    assert type(result.outcome) is kind


async def test_a_lost_grant_means_the_call_was_not_sent() -> None:
    shop = client(Script(AnswerLost("cut")), fixed=False)
    with pytest.raises(NotSent):
        await CONNECTOR.operations["fulfilment.push"].send(shop, push_of(), CALL)


async def test_check_names_what_is_missing() -> None:
    shop = {"name": "Acme", "myshopifyDomain": "a.myshopify.com", "currencyCode": "EUR"}
    whole = {
        "shop": shop | {"plan": {"publicDisplayName": "Basic"}},
        "currentAppInstallation": {"accessScopes": [{"handle": "read_products"}]},
    }
    assert CONNECTOR.check is not None
    with pytest.raises(
        Unreachable, match="read_orders and read_customers and read_locations and write_merchant_managed"
    ):
        await CONNECTOR.check(client(Script(ok(whole))))
    with pytest.raises(Unreachable, match="access token"):
        await CONNECTOR.check(client(Script(Response(401, {}, b""))))


async def test_what_cannot_be_read_back_is_refused() -> None:
    result = await CONNECTOR.operations["read_back"].send(client(Script()), ReadBack("cart", "1"), CALL)
    assert isinstance(result.outcome, Rejected)
