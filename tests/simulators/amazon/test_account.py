"""The simulated account by itself: Amazon's rules, refusals, limits and arithmetic."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from crossdock.simulators.amazon.books import Refusal
from crossdock.simulators.amazon.marketplaces import MARKETPLACES
from crossdock.simulators.base import Reply, Request

GRANT = {
    "grant_type": "refresh_token",
    "refresh_token": "Atzr|simulated",
    "client_id": "amzn1.application-oa2-client.simulated",
    "client_secret": "simulated-secret",
}
ORDERS = "/orders/2026-01-01/orders"


async def sign_in(seller: Any, **changed: str) -> Reply:
    body = urlencode({**GRANT, **changed}).encode()
    reply: Reply = await seller.sim.handle(Request("POST", "/auth/o2/token", {}, {}, body))
    return reply


async def ask(seller: Any, path: str, method: str = "GET", body: bytes = b"", **query: str) -> tuple[int, Any]:
    token = json.loads((await sign_in(seller)).body)["access_token"]
    reply = await seller.sim.handle(Request(method, path, query, {"x-amz-access-token": token}, body))
    return reply.status, json.loads(reply.body) if reply.body else None


def confirmation(seller: Any, order_id: str, **changed: Any) -> dict[str, Any]:
    order = seller.sim.books_.orders[order_id]
    items = [{"orderItemId": item.id, "quantity": item.quantity} for item in order.items]
    detail = {
        "packageReferenceId": "1",
        "carrierCode": "UPS",
        "trackingNumber": "1Z",
        "shipDate": "2026-11-20T12:00:00Z",
        "orderItems": items,
    }
    return {"marketplaceId": order.marketplace.id, "packageDetail": {**detail, **changed}}


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"refresh_token": "x"}, 400, "invalid_grant"),
    ],
)
async def test_sign_in_refuses_as_login_with_amazon_does(
    seller: Any, changed: dict[str, str], status: int, error: str
) -> None:
    reply = await sign_in(seller, **changed)
    assert (reply.status, json.loads(reply.body)["error"]) == (status, error)


async def test_a_token_lives_an_hour(seller: Any) -> None:
    token = json.loads((await sign_in(seller)).body)["access_token"]
    asked = Request("GET", "/sellers/v1/marketplaceParticipations", {}, {"x-amz-access-token": token})
    seller.later(3599)
    assert (await seller.sim.handle(asked)).status == 200
    seller.later(1)
    refused = await seller.sim.handle(asked)
    assert (refused.status, json.loads(refused.body)["errors"][0]["code"]) == (403, "Unauthorized")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"packageReferenceId": "0"}, "positive"),
        ({"packageReferenceId": "a1"}, "positive"),
        ({"carrierCode": ""}, "CarrierCode"),
        ({"carrierCode": "Other"}, "CarrierName"),
        ({"trackingNumber": ""}, "TrackingNumber"),
        ({"shipDate": "11/20/2026"}, "ISO 8601"),
        ({"shipDate": "2026-11-20T12:00:01Z"}, "future"),
        ({"shipDate": "2026-11-20T11:59:59Z"}, "before the order"),
        ({"orderItems": []}, "OrderItems"),
        ({"orderItems": [{"orderItemId": "1", "quantity": 1}]}, "does not belong"),
    ],
)
async def test_a_confirmation_that_breaks_a_rule_is_refused(seller: Any, changed: dict[str, Any], words: str) -> None:
    order_id = seller.place()
    body = json.dumps(confirmation(seller, order_id, **changed)).encode()
    status, told = await ask(seller, f"/orders/v0/orders/{order_id}/shipmentConfirmation", "POST", body)
    assert (status, told["errors"][0]["code"]) == (400, "InvalidInput")
    assert words in told["errors"][0]["message"]
    assert seller.entry(order_id)["status"] == "UNSHIPPED"


async def test_no_more_is_shipped_than_was_ordered(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=3)
    (item,) = seller.sim.books_.orders[order_id].items

    def told(reference: str, quantity: int) -> dict[str, Any]:
        rows = [{"orderItemId": item.id, "quantity": quantity}]
        return confirmation(seller, order_id, packageReferenceId=reference, orderItems=rows)

    with pytest.raises(Refusal, match="exceeds"):
        seller.sim.books_.confirm(order_id, told("1", 4))
    seller.sim.books_.confirm(order_id, told("1", 2))
    with pytest.raises(Refusal, match="exceeds"):
        seller.sim.books_.confirm(order_id, told("2", 2))
    assert seller.entry(order_id)["status"] == "PARTIALLY_SHIPPED"
    seller.sim.books_.confirm(order_id, told("2", 1))
    assert seller.entry(order_id)["status"] == "SHIPPED"


async def test_units_that_have_not_left_can_be_cancelled(seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=2)
    first, last = seller.sim.books_.orders[order_id].items
    seller.sim.act("ship_by_hand", {"id": order_id, "quantity": 2})
    with pytest.raises(ValueError, match="0 are left"):
        seller.sim.act("cancel_item", {"id": order_id, "item": first.id, "quantity": 1})
    before = Decimal(seller.entry(order_id)["total"])
    seller.sim.act("cancel_item", {"id": order_id, "quantity": 1})
    assert (seller.entry(order_id)["status"], last.wanted) == ("PARTIALLY_SHIPPED", 1)
    assert Decimal(seller.entry(order_id)["total"]) < before
    seller.sim.act("cancel_item", {"id": order_id})
    assert (seller.entry(order_id)["status"], last.wanted) == ("SHIPPED", 0)
    with pytest.raises(ValueError, match="which is SHIPPED"):
        seller.sim.act("cancel_item", {"id": order_id})
    whole = seller.place(lines=1)
    seller.sim.act("cancel_item", {"id": whole, "by": "AMAZON"})
    assert seller.entry(whole)["status"] == "CANCELLED", "nothing of it is wanted, and nothing has left"


async def test_another_number_for_the_same_parcel_is_taken_twice(seller: Any) -> None:
    """Amazon knows a package by its number alone: this is what a careless connector would do."""
    order_id = seller.place(lines=1, quantity=2)
    (item,) = seller.sim.books_.orders[order_id].items
    for reference in ("1", "2"):
        rows = [{"orderItemId": item.id, "quantity": 1}]
        seller.sim.books_.confirm(
            order_id, confirmation(seller, order_id, packageReferenceId=reference, orderItems=rows)
        )
    assert seller.sim.books()["repeated_tracking"] == [{"order": order_id, "number": "1Z", "times": 2}]


async def test_the_same_number_changes_the_package(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=1)
    seller.sim.books_.confirm(order_id, confirmation(seller, order_id))
    seller.sim.books_.confirm(order_id, confirmation(seller, order_id, trackingNumber="1Z-new"))
    (package,) = seller.entry(order_id)["fulfillments"]
    assert (package["tracking"], package["edited"]) == (["1Z-new"], 1)


async def test_pending_cancelled_and_amazons_own_orders_take_no_confirmation(seller: Any) -> None:
    pending, cancelled, afn = seller.place(pending=True), seller.place(), seller.place(afn=True)
    seller.sim.act("cancel_order", {"id": cancelled})
    for order_id in (pending, cancelled, afn):
        with pytest.raises(Refusal, match="cannot be confirmed"):
            seller.sim.books_.confirm(order_id, confirmation(seller, order_id))
    with pytest.raises(Refusal, match="not found"):
        seller.sim.books_.confirm("111-0000000-0000000", confirmation(seller, afn))


async def test_states_only_go_on(seller: Any) -> None:
    order_id = seller.place(pending=True)
    seller.sim.act("authorize", {"id": order_id})
    seller.sim.act("ship_by_hand", {"id": order_id})
    seller.sim.act("authorize", {"id": order_id})
    assert seller.entry(order_id)["status"] == "SHIPPED"
    with pytest.raises(ValueError, match="cannot be cancelled"):
        seller.sim.act("cancel_order", {"id": order_id})


async def test_a_pending_order_shows_neither_money_nor_person(seller: Any) -> None:
    order_id = seller.place(pending=True)
    every = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
    _, told = await ask(seller, f"{ORDERS}/{order_id}", includedData=every)
    order = told["order"]
    assert not {"buyer", "recipient", "proceeds", "payment"} & set(order)
    assert all("price" not in item["product"] and "proceeds" not in item for item in order["orderItems"])
    assert order["fulfillment"]["fulfillmentStatus"] == "PENDING"


async def test_only_what_is_asked_for_and_granted_is_shown(seller: Any) -> None:
    order_id = seller.place()
    _, told = await ask(seller, f"{ORDERS}/{order_id}")
    assert not {"buyer", "recipient", "proceeds", "packages", "fulfillment"} & set(told["order"])
    _, told = await ask(seller, f"{ORDERS}/{order_id}", includedData="BUYER,RECIPIENT")
    assert {"buyer", "recipient"} <= set(told["order"])
    seller.sim.act("grant", {"roles": ["BUYER"]})
    _, told = await ask(seller, f"{ORDERS}/{order_id}", includedData="BUYER,RECIPIENT")
    assert "buyer" in told["order"]
    assert "recipient" not in told["order"]


@pytest.mark.parametrize("place", sorted(MARKETPLACES))
async def test_every_total_is_the_sum_of_its_parts(seller: Any, place: str) -> None:
    order_id = seller.place(
        marketplace=place, lines=3, quantity=3, discount=True, shipping=True, gift_wrap=True, tip=100
    )
    _, told = await ask(seller, f"{ORDERS}/{order_id}", includedData="PROCEEDS")
    order = told["order"]
    sums = {row["type"]: Decimal(row["subtotal"]["amount"]) for row in order["proceeds"]["breakdowns"]}
    outside = sum(amount for name, amount in sums.items() if name != "TAX")
    inside = MARKETPLACES[place].tax == "included"
    assert Decimal(order["proceeds"]["grandTotal"]["amount"]) == outside + (0 if inside else sums["TAX"])
    tip = sums["DELIVERY_TIP"]
    items = [Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in order["orderItems"]]
    assert sum(items) + tip == Decimal(order["proceeds"]["grandTotal"]["amount"])
    assert ("." in order["proceeds"]["grandTotal"]["amount"]) is (place != "JP")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "Exactly one"),
        ({"createdAfter": "2026-11-20T00:00:00Z", "lastUpdatedAfter": "2026-11-20T00:00:00Z"}, "Exactly one"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "createdBefore": "2026-11-20T01:00:00Z"}, "does not go"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "lastUpdatedBefore": "2026-11-20T11:59:00Z"}, "two minutes"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00"}, "time zone"),
        ({"lastUpdatedAfter": "yesterday"}, "ISO 8601"),
        ({"lastUpdatedAfter": "2026-11-20T12:00:01Z"}, "future"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "maxResultsPerPage": "101"}, "between 1 and 100"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "includedData": "ALL"}, "includedData"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "paginationToken": "zzz"}, "paginationToken"),
        ({"lastUpdatedAfter": "2026-11-20T00:00:00Z", "since": "x"}, "Unknown"),
    ],
)
async def test_a_search_that_breaks_a_rule_is_refused(make_seller: Any, query: dict[str, str], words: str) -> None:
    seller = make_seller(behind_s=120.0)
    status, told = await ask(seller, ORDERS, **query)
    assert (status, told["errors"][0]["code"]) == (400, "InvalidInput")
    assert words in told["errors"][0]["message"]


async def test_searches_are_by_creation_state_and_fulfiller_too(seller: Any) -> None:
    early = seller.place()
    seller.later(600)
    late, afn = seller.place(), seller.place(afn=True)
    seller.sim.act("cancel_order", {"id": late})

    async def found(**query: str) -> set[str]:
        return {one["orderId"] for one in (await ask(seller, ORDERS, **query))[1]["orders"]}

    assert await found(createdAfter="2026-11-20T12:05:00Z") == {late, afn}
    assert await found(createdAfter="2026-11-20T00:00:00Z", createdBefore="2026-11-20T12:05:00Z") == {early}
    assert await found(createdAfter="2026-11-20T00:00:00Z", fulfillmentStatuses="CANCELLED") == {late}
    assert await found(createdAfter="2026-11-20T00:00:00Z", fulfilledBy="AMAZON") == {afn}
    assert await found(createdAfter="2026-11-20T00:00:00Z", marketplaceIds="A1PA6795UKMFR9") == set()


async def test_limits_are_counted_per_operation_and_fill_again(make_seller: Any) -> None:
    seller = make_seller(plan=1.0)
    order_id = seller.place()
    answers = [await ask(seller, f"{ORDERS}/{order_id}") for _ in range(31)]
    assert [status for status, _ in answers] == [200] * 30 + [429]
    assert answers[30][1]["errors"][0]["code"] == "QuotaExceeded"
    assert (await ask(seller, ORDERS, lastUpdatedAfter="2026-11-20T00:00:00Z"))[0] == 200, "a bucket of its own"
    seller.later(2)
    assert [(await ask(seller, f"{ORDERS}/{order_id}"))[0] for _ in range(2)] == [200, 429]


async def test_reads_run_behind_what_was_written(make_seller: Any) -> None:
    seller = make_seller(read_lag_s=10.0)
    order_id = seller.place()
    seller.later(20)
    seller.sim.act("ship_by_hand", {"id": order_id})

    async def packages() -> int:
        return len((await ask(seller, f"{ORDERS}/{order_id}", includedData="PACKAGES"))[1]["order"]["packages"])

    assert await packages() == 0
    seller.later(10)
    assert await packages() == 1


async def test_a_part_of_an_item_can_be_cancelled_and_its_money_goes_with_it(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=3, discount=False, shipping=False, gift_wrap=False)
    before = Decimal(seller.entry(order_id)["total"])
    seller.sim.act("reduce_item", {"id": order_id, "quantity": 1})
    assert abs(Decimal(seller.entry(order_id)["total"]) * 3 - before) <= Decimal("0.02")
    for quantity in (0, 1, 3):
        with pytest.raises(ValueError, match="cannot be reduced"):
            seller.sim.act("reduce_item", {"id": order_id, "quantity": quantity})


async def test_pending_ends_by_itself_and_amazon_ships_its_own(make_seller: Any) -> None:
    seller = make_seller(pending_s=30.0, afn_ship_s=30.0)
    own, afn = seller.place(), seller.place(afn=True)
    assert seller.sim.books()["unpaid"] == 3
    seller.later(31)
    await seller.sim.tick()
    assert {seller.entry(one)["status"] for one in (own, afn)} == {"UNSHIPPED"}
    seller.later(31)
    await seller.sim.tick()
    assert (seller.entry(own)["status"], seller.entry(afn)["status"]) == ("UNSHIPPED", "SHIPPED")


async def test_acts_name_what_there_is(seller: Any) -> None:
    with pytest.raises(LookupError, match="no verb"):
        seller.sim.act("teleport", {})
    with pytest.raises(LookupError, match="no order"):
        seller.sim.act("cancel_order", {"id": "1"})
    assert (await seller.sim.handle(Request("GET", "/elsewhere", {}, {}))).status == 403
    assert (await ask(seller, "/elsewhere"))[0] == 404


async def test_lost_and_doubled_notifications(seller: Any) -> None:
    seller.sim.faults.dropped_webhooks = 1.0
    order_id = seller.place()
    assert seller.sim.books()["waiting_notifications"] == 0
    seller.sim.faults.dropped_webhooks, seller.sim.faults.duplicate_webhooks = 0.0, 1.0
    seller.sim.act("notify", {"id": order_id})
    assert seller.sim.books()["waiting_notifications"] == 2


async def test_a_received_message_is_hidden_and_comes_again(seller: Any) -> None:
    seller.place()
    assert len(await seller.client.queue.receive()) == 1
    assert await seller.client.queue.receive() == ()
    seller.at += timedelta(seconds=121)
    (again,) = await seller.client.queue.receive()
    assert await seller.client.queue.delete([again.receipt_handle]) == 1
    seller.at += timedelta(seconds=121)
    assert await seller.client.queue.receive() == ()
