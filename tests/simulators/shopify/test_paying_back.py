"""A credit of the ERP is paid back in the shop once: by its key, by its note, and never more than was paid."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.shopify.conftest import CALL

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.answers import Failed
from crossdock.connectors.shopify.paying_back import allot
from crossdock.domain.commands import PushRefund, ReadBack
from crossdock.domain.events import RefundSeen
from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected
from crossdock.domain.refund import Credit
from crossdock.kit.http import AnswerLost


def place(shop: Any, **wish: Any) -> str:
    (order_id,) = shop.sim.act("place_order", {"lines": 2, "paid": True, **wish})["ids"]
    return str(order_id)


def credit(shop: Any, order_id: str, total: str = "3.21", ref: str = "4714") -> PushRefund:
    currency = shop.sim.books_.orders[int(order_id)]["presentment_currency"]
    return PushRefund(order_id, Credit(ref, f"CM{ref}", Decimal(total), currency, shop.at), False)


def refunds(shop: Any, order_id: str) -> list[dict[str, Any]]:
    return list(shop.sim.books_.orders[int(order_id)]["refunds"])


async def test_it_is_paid_back_and_known_as_ours(shop: Any) -> None:
    order_id = place(shop)
    outcome = (await shop.do(credit(shop, order_id))).outcome
    assert isinstance(outcome, Done), outcome
    (made,) = refunds(shop, order_id)
    assert outcome.refs == {"refund": str(made["id"])}
    assert [one["amount"] for one in made["transactions"]] == ["3.21"]
    follows = (await shop.do(ReadBack("order", order_id))).follows
    (seen,) = [one.event for one in follows if isinstance(one.event, RefundSeen)]
    assert seen.refund.made_for == "4714"


@pytest.mark.parametrize("currency", [None, "USD"])
async def test_a_repeat_finds_it(shop: Any, currency: str | None) -> None:
    order_id = place(shop, presentment=currency)
    shop.lose = {1}
    with pytest.raises(AnswerLost):
        await shop.do(credit(shop, order_id))
    for found in (await shop.do(credit(shop, order_id)), await shop.look_up(credit(shop, order_id))):
        assert found is not None
        assert isinstance(found.outcome, Done)
        assert found.outcome.repeated
    assert len(refunds(shop, order_id)) == 1


async def test_the_same_key_is_the_same_refund_though_nobody_looked(shop: Any) -> None:
    order_id = place(shop)
    order = await shop.client.refundable(order_id)
    sale = order.transactions[0]
    part = {"orderId": order.id, "parentId": sale.id, "gateway": sale.gateway, "kind": "REFUND", "amount": "1.00"}
    wanted = {"orderId": order.id, "currency": order.presentment_currency_code, "transactions": [part]}
    numbers = {await shop.client.create_refund(wanted, "key") for _ in range(2)}
    assert len(numbers) == len(refunds(shop, order_id)) == 1
    with pytest.raises(Failed, match="idempotency key"):
        await shop.client.create_refund({**wanted, "note": "another"}, "key")


async def test_another_credit_is_another_refund(shop: Any) -> None:
    order_id = place(shop)
    for ref in ("1", "12"):
        operation = CONNECTOR.operations["refund.push"]
        call = msgspec.structs.replace(CALL, key=f"{CALL.key}/{ref}")
        assert isinstance((await operation.send(shop.client, credit(shop, order_id, ref=ref), call)).outcome, Done)
    assert len(refunds(shop, order_id)) == 2


async def test_more_than_was_paid_is_a_persons(shop: Any) -> None:
    order_id = place(shop)
    total = Decimal(shop.sim.books_.orders[int(order_id)]["total_price_set"]["presentment_money"]["amount"])
    outcome = (await shop.do(credit(shop, order_id, f"{total + 1}"))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "shopify.refund_exceeds_payment"
    assert isinstance((await shop.do(credit(shop, order_id, f"{total}"))).outcome, Done)
    outcome = (await shop.do(credit(shop, order_id, "0.01", "5000"))).outcome
    assert isinstance(outcome, Rejected), "nothing is left of what was paid"
    assert len(refunds(shop, order_id)) == 1


@pytest.mark.parametrize("status", ["pending", "awaiting_response", "unknown"])
async def test_what_is_on_its_way_back_already_is_not_there_to_be_paid_back(shop: Any, status: str) -> None:
    order_id = place(shop)
    assert isinstance((await shop.do(credit(shop, order_id, "3.00"))).outcome, Done)
    total = Decimal(shop.sim.books_.orders[int(order_id)]["total_price_set"]["presentment_money"]["amount"])
    refunds(shop, order_id)[0]["transactions"][0]["status"] = status
    order = await shop.client.refundable(order_id)
    assert order is not None
    assert allot(total, order.transactions)[1] == Decimal("3.00")


async def test_another_currency_than_the_customers_is_a_persons(shop: Any) -> None:
    order_id = place(shop, presentment="USD")
    payload = credit(shop, order_id)
    foreign = msgspec.structs.replace(payload, credit=msgspec.structs.replace(payload.credit, currency="EUR"))
    outcome = (await shop.do(foreign)).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "shopify.refund_currency"
    assert refunds(shop, order_id) == []


async def test_an_order_that_is_not_there(shop: Any) -> None:
    payload = PushRefund("1", Credit("1", "CM1", Decimal(1), "EUR", shop.at))
    assert isinstance((await shop.do(payload)).outcome, Rejected)
    assert await shop.look_up(payload) is None


async def test_an_answer_without_a_refund_is_unknown(shop: Any) -> None:
    order_id = place(shop)
    handle = shop.sim.handle

    async def empty(request: Any) -> Any:
        reply = await handle(request)
        if b"refundCreate" not in request.body:
            return reply
        return msgspec.structs.replace(reply, body=b'{"data":{"refundCreate":{"refund":null,"userErrors":[]}}}')

    shop.sim.handle = empty
    assert isinstance((await shop.do(credit(shop, order_id))).outcome, OutcomeUnknown)
