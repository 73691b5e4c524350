"""Confirmations: one per package, once, whatever happens to the answer."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.amazon import mapping, shipping
from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.client import SHIPPED
from crossdock.domain.commands import PushFulfilment
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import AnswerLost


def lines_of(seller: Any, order_id: str, quantity: int | None = None) -> tuple[ShippedLine, ...]:
    told = seller.entry(order_id)["lines"]
    return tuple(ShippedLine(line["id"], Decimal(quantity or line["quantity"]), line["sku"]) for line in told)


def push(
    seller: Any, order_id: str, *numbers: str, id_: str = "S1", quantity: int | None = None, carrier: str = "UPS"
) -> PushFulfilment:
    """A shipment of everything (or ``quantity`` of each line); the first parcel carries it, the others tell nothing."""
    lines = lines_of(seller, order_id, quantity)
    packages = tuple(
        Package(number, carrier, "Ground", lines=() if index else lines) for index, number in enumerate(numbers)
    )
    return PushFulfilment(order_id, Shipment(id_, lines, seller.at, packages))


async def test_a_shipment_is_told_and_the_order_is_shipped(seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=2)
    result = await seller.do(push(seller, order_id, "1Z1"))
    (made,) = seller.entry(order_id)["fulfillments"]
    assert result.outcome == Done({"package": made["id"]})
    assert made["tracking"] == ["1Z1"]
    assert made["company"] == "UPS"
    assert [line["quantity"] for line in made["lines"]] == [2, 2]
    assert seller.entry(order_id)["status"] == "SHIPPED"


async def test_each_parcel_is_told_with_what_is_in_it(seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=3)
    first, second = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package("1Z2", "UPS", lines=(second,)))
    shipment = Shipment("S1", (first, second), seller.at, packages)
    result = await seller.do(PushFulfilment(order_id, shipment))
    assert isinstance(result.outcome, Done)
    made = seller.entry(order_id)["fulfillments"]
    assert [(one["tracking"], one["lines"]) for one in made] == [
        (["1Z1"], [{"id": first.line_id, "quantity": 3}]),
        (["1Z2"], [{"id": second.line_id, "quantity": 3}]),
    ]
    assert set(result.outcome.refs.values()) == {one["id"] for one in made}


async def test_boxes_under_one_tracking_number_are_one_package(seller: Any) -> None:
    """The second would change the first, and what was in that would be told nobody."""
    order_id = seller.place(lines=2, quantity=3)
    first, second = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package("1Z1", "UPS", lines=(second,)))
    payload = PushFulfilment(order_id, Shipment("S1", (first, second), seller.at, packages))
    assert isinstance((await seller.do(payload)).outcome, Done)
    (made,) = seller.entry(order_id)["fulfillments"]
    assert made["lines"] == [{"id": first.line_id, "quantity": 3}, {"id": second.line_id, "quantity": 3}]
    assert seller.entry(order_id)["status"] == "SHIPPED"


async def test_a_parcel_that_tells_nothing_of_its_lines_is_named_in_the_facts(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=2)
    result = await seller.do(push(seller, order_id, "1Z1", "1Z2"))
    assert isinstance(result.outcome, Done)
    assert result.outcome.facts == {"not_told": ["1Z2"]}
    assert [one["tracking"] for one in seller.entry(order_id)["fulfillments"]] == [["1Z1"]]


async def test_what_no_parcel_says_it_carries_goes_with_the_first(seller: Any) -> None:
    order_id = seller.place(lines=3, quantity=2)
    first, second, third = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package("1Z2", "UPS", lines=(second,)))
    await seller.do(PushFulfilment(order_id, Shipment("S1", (first, second, third), seller.at, packages)))
    told = {one["tracking"][0]: {row["id"] for row in one["lines"]} for one in seller.entry(order_id)["fulfillments"]}
    assert told == {"1Z1": {first.line_id, third.line_id}, "1Z2": {second.line_id}}
    assert seller.entry(order_id)["status"] == "SHIPPED"


async def test_what_has_no_tracking_number_goes_with_the_only_one_that_has(seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=1)
    first, second = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package(None, "UPS", lines=(second,)))
    payload = PushFulfilment(order_id, Shipment("S1", (first, second), seller.at, packages))
    assert isinstance((await seller.do(payload)).outcome, Done)
    assert seller.entry(order_id)["status"] == "SHIPPED"


async def test_a_cancelled_package_told_nobody(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=1)
    payload = push(seller, order_id, "1Z1")
    await seller.do(payload)
    seller.sim.books_.orders[order_id].packages[0].status = "CANCELLED"
    seller.sim.act("request_cancel", {"id": order_id})  # any change, so that it is shown
    assert await seller.look_up(payload) is None


async def test_parts_add_up(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=3)
    await seller.do(push(seller, order_id, "1Z1", quantity=1))
    assert seller.entry(order_id)["status"] == "PARTIALLY_SHIPPED"
    await seller.do(push(seller, order_id, "1Z2", id_="S2", quantity=2))
    assert seller.entry(order_id)["status"] == "SHIPPED"
    assert len(seller.entry(order_id)["fulfillments"]) == 2


@pytest.mark.parametrize("lost", [{1}, {2}, {1, 2}, {1, 2, 3}])
async def test_lost_answers_leave_one_package_each(lost: set[int], seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=1)
    first, second = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package("1Z2", "UPS", lines=(second,)))
    payload = PushFulfilment(order_id, Shipment("S1", (first, second), seller.at, packages))
    seller.lose = lost
    found = None
    for tries in range(6):
        found = await seller.look_up(payload) if tries else None
        if found is not None:
            break
        try:
            found = await seller.do(payload, tries)
            break
        except AnswerLost:
            continue
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert len(seller.entry(order_id)["fulfillments"]) == 2
    assert seller.sim.books()["repeated_tracking"] == []
    assert seller.sim.books()["edited_packages"] == 0, "what stood was seen and not told again"


@pytest.mark.parametrize("lost", [set(), {2}, {2, 3}])
async def test_two_shipments_under_one_number_are_two_packages(lost: set[int], seller: Any) -> None:
    """Freight. The number alone is not the parcel; equal pieces are not either, where the first one's are known."""
    order_id = seller.place(lines=1, quantity=4)
    first = (await seller.do(push(seller, order_id, "PRO-1", quantity=1))).outcome
    assert isinstance(first, Done)
    seller.lose = lost
    alike = push(seller, order_id, "PRO-1", id_="S2", quantity=1)
    for payload in (
        msgspec.structs.replace(alike, others=tuple(first.refs.values())),
        push(seller, order_id, "PRO-1", id_="S3", quantity=2),
    ):
        assert await seller.look_up(payload) is None
        found = None
        for tries in range(4):
            try:
                found = await seller.look_up(payload) or await seller.do(payload, tries)
                break
            except AnswerLost:
                continue
        assert found is not None
        assert isinstance(found.outcome, Done)
        assert (await seller.do(payload)).outcome == Done(found.outcome.refs, repeated=True)
    made = seller.entry(order_id)["fulfillments"]
    assert [one["lines"][0]["quantity"] for one in made] == [1, 1, 2]
    assert (len({one["id"] for one in made}), [one["edited"] for one in made]) == (3, [0, 0, 0])


async def test_a_package_that_does_not_tell_what_is_in_it_is_taken_by_its_number(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=2)
    seller.sim.act("ship_by_hand", {"id": order_id, "quantity": 1, "tracking": "1Z9"})
    order = mapping.parse_order(await seller.client.order(order_id, SHIPPED))
    (package,) = order.packages
    silent = msgspec.structs.replace(order, packages=(msgspec.structs.replace(package, package_items=()),))
    (parcel,) = shipping.parcels(push(seller, order_id, "1Z9", quantity=2).shipment)
    assert [shipping.standing(each, parcel) for each in (order, silent)] == [None, silent.packages[0]]


async def test_a_look_up_that_comes_before_the_read_shows_it_changes_the_same_package(make_seller: Any) -> None:
    """Amazon's reads lag: the repeat goes out, under the same number, and there is still one package."""
    seller = make_seller(read_lag_s=300.0)
    order_id = seller.place(lines=1, quantity=3)
    seller.later(600)
    payload = push(seller, order_id, "1Z1", quantity=1)
    seller.lose = {1}
    with pytest.raises(AnswerLost):
        await seller.do(payload)
    seller.later(60)
    assert await seller.look_up(payload) is None
    result = await seller.do(payload, tries=1)
    assert isinstance(result.outcome, Done)
    (made,) = seller.entry(order_id)["fulfillments"]
    assert made["edited"] == 1
    assert made["lines"][0]["quantity"] == 1


async def test_a_repeat_changes_nothing(seller: Any) -> None:
    order_id = seller.place()
    payload = push(seller, order_id, "1Z1")
    assert await seller.look_up(payload) is None
    first = (await seller.do(payload)).outcome
    again, found = (await seller.do(payload)).outcome, await seller.look_up(payload)
    assert isinstance(first, Done)
    assert again == Done(first.refs, repeated=True)
    assert found is not None
    assert found.outcome == again
    assert seller.confirmations == 1


async def test_what_was_told_in_part_is_in_doubt_and_then_completed(seller: Any) -> None:
    order_id = seller.place(lines=2, quantity=1)
    first, second = lines_of(seller, order_id)
    packages = (Package("1Z1", "UPS", lines=(first,)), Package("1Z2", "UPS", lines=(second,)))
    payload = PushFulfilment(order_id, Shipment("S1", (first, second), seller.at, packages))
    take, tokens = seller.sim.buckets.take, iter([True, True, False])
    seller.sim.buckets.take = lambda operation: next(tokens)
    told = (await seller.do(payload)).outcome
    assert isinstance(told, OutcomeUnknown)
    assert told.code == "told_in_part"
    seller.sim.buckets.take = take
    assert await seller.look_up(payload) is None
    assert isinstance((await seller.do(payload, tries=1)).outcome, Done)
    assert len(seller.entry(order_id)["fulfillments"]) == 2


async def test_goods_confirmed_by_hand_are_not_confirmed_again(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=2)
    seller.sim.act("ship_by_hand", {"id": order_id})
    refused = (await seller.do(push(seller, order_id, "1Z1"))).outcome
    assert isinstance(refused, Conflict)
    assert refused.code == "amazon.nothing_left_to_ship"
    doubtful = (await seller.do(push(seller, order_id, "1Z1"), tries=1)).outcome
    assert isinstance(doubtful, OutcomeUnknown), "an earlier try of ours may be what shipped them"
    assert seller.confirmations == 0
    by_hand = seller.place(lines=1)
    seller.sim.act("ship_by_hand", {"id": by_hand, "tracking": "1Z9"})
    assert isinstance((await seller.do(push(seller, by_hand, " 1z9 "))).outcome, Done), "the very parcel is there"


async def test_what_amazon_itself_refuses_is_an_exception(seller: Any) -> None:
    order_id = seller.place(lines=1, quantity=1)
    body = {
        "marketplaceId": "ATVPDKIKX0DER",
        "packageDetail": {
            "packageReferenceId": "5",
            "carrierCode": "UPS",
            "trackingNumber": "1Z",
            "shipDate": "2026-11-20T12:00:00Z",
            "orderItems": [{"orderItemId": seller.entry(order_id)["lines"][0]["id"], "quantity": 2}],
        },
    }
    with pytest.raises(Failed) as failed:
        await seller.client.confirm_shipment(order_id, body)
    outcome = failed.value.outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, "exceeds" in outcome.detail) == ("amazon.invalid_input", True)


async def test_orders_that_cannot_be_shipped(seller: Any) -> None:
    cancelled, afn = seller.place(), seller.place(afn=True)
    seller.sim.act("cancel_order", {"id": cancelled})
    for order_id, code in ((cancelled, "amazon.order_cancelled"), (afn, "amazon.fulfilled_by_amazon")):
        outcome = (await seller.do(push(seller, order_id, "1Z1"))).outcome
        assert isinstance(outcome, Conflict)
        assert outcome.code == code
    payload = PushFulfilment("111-0000000-0000000", push(seller, afn, "1Z1").shipment)
    unknown = (await seller.do(payload)).outcome
    assert isinstance(unknown, Rejected)
    assert unknown.code == "amazon.order_not_found"
    assert await seller.look_up(payload) is None
    assert seller.confirmations == 0


@pytest.mark.parametrize(
    ("packages", "quantity", "code"),
    [
        ((), 1, "amazon.tracking_missing"),
        ((Package(None, "UPS"),), 1, "amazon.tracking_missing"),
        ((Package("1Z", "UPS"),), "0.5", "amazon.quantity_not_whole"),
        ((Package("1Z", "UPS"),), 0, "amazon.shipment_empty"),
    ],
)
async def test_what_amazon_could_not_be_told_is_refused_before_anything_is_asked(
    seller: Any, packages: tuple[Package, ...], quantity: Any, code: str
) -> None:
    order_id = seller.place(lines=1, quantity=1)
    line = ShippedLine(seller.entry(order_id)["lines"][0]["id"], Decimal(quantity))
    outcome = (await seller.do(PushFulfilment(order_id, Shipment("S", (line,), seller.at, packages)))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert not seller.seen


async def test_a_clock_ahead_of_amazons_tells_no_date_in_the_future(seller: Any) -> None:
    order_id = seller.place()
    payload = push(seller, order_id, "1Z1")
    told = payload.shipment
    late = PushFulfilment(order_id, Shipment("S1", told.lines, seller.at.replace(hour=14), told.packages))
    assert isinstance((await seller.do(late)).outcome, Done)


async def test_carriers_are_told_in_amazons_words(seller: Any) -> None:
    seller.settings["carriers"] = {"van 7": "Other carrier code"}
    told = {}
    for carrier in ("ups", "DHL Express", "Fed Ex", "van 7", "Kurier Meyer", ""):
        order_id = seller.place(lines=1)
        assert isinstance((await seller.do(push(seller, order_id, f"T{carrier}", carrier=carrier))).outcome, Done)
        told[carrier] = seller.entry(order_id)["fulfillments"][0]["company"]
    assert told == {
        "ups": "UPS", "DHL Express": "DHL Express", "Fed Ex": "FedEx", "van 7": "Other carrier code",
        "Kurier Meyer": "Kurier Meyer", "": "Other",
    }  # fmt: skip


async def test_a_token_that_was_ended_early_is_fetched_anew(seller: Any) -> None:
    order_id = seller.place()
    payload = push(seller, order_id, "1Z1")
    assert await seller.look_up(payload) is None
    seller.sim.act("expire_tokens", {})
    outcome = (await seller.do(payload)).outcome
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "token_expired"
    assert isinstance((await seller.do(payload)).outcome, Done)
    assert seller.sign_ins == 2


@pytest.mark.parametrize(
    ("setting", "value"), [("client_secret", "old"), ("refresh_token", "Atzr|revoked"), ("client_id", "other")]
)
async def test_credentials_that_are_refused_pause_the_connection(seller: Any, setting: str, value: str) -> None:
    order_id = seller.place()
    (seller.settings if setting == "client_id" else seller.secrets)[setting] = value
    outcome = (await seller.do(push(seller, order_id, "1Z1"))).outcome
    assert isinstance(outcome, Misconfigured)
    assert "180 days" in outcome.detail


async def test_amazons_limit_is_waited_for(make_seller: Any) -> None:
    seller = make_seller(plan=1.0)
    order_id = seller.place()
    payload = push(seller, order_id, "1Z1")
    outcomes = [await seller.look_up(payload) for _ in range(31)]
    assert outcomes[:30] == [None] * 30
    limited = outcomes[30].outcome
    assert isinstance(limited, RateLimited)
    assert limited.after_s == 2.0
    seller.later(limited.after_s)
    assert isinstance((await seller.do(payload)).outcome, Done)
