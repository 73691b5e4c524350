"""The simulated ShipHero refuses what the vendor refuses, doubles what it doubles, and ships what it took."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shiphero.webhook import verify
from crossdock.simulators.base import Deliver, Request, Surroundings
from crossdock.simulators.shiphero import ShipHeroSimulator

CREATE = "mutation ($data: CreateOrderInput!) { order_create(data: $data) { order { id partner_order_id } } }"
SECRET = "shiphero-webhook-secret"


class World:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.sent: list[Deliver] = []
        self.surroundings = Surroundings(lambda: self.at, self._sleep, Random(1), self.sent.append)

    async def _sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def topics(self) -> list[str]:
        return [msgspec.json.decode(delivery.body)["webhook_type"] for delivery in self.sent]


@pytest.fixture
def world() -> World:
    return World()


def make(world: World, **settings: Any) -> ShipHeroSimulator:
    return ShipHeroSimulator("warehouse", world.surroundings, webhook_url="http://x/", **settings)


@pytest.fixture
def simulator(world: World) -> ShipHeroSimulator:
    return make(world)


Ask = Callable[..., Awaitable[Any]]


async def ask(simulator: ShipHeroSimulator, query: str, **variables: Any) -> Any:
    claim = {"username": "api@warehouse.example", "password": "shiphero-password"}
    signed = await simulator.handle(Request("POST", "/auth/token", {}, {}, msgspec.json.encode(claim)))
    headers = {"authorization": "Bearer " + msgspec.json.decode(signed.body)["access_token"]}
    body = msgspec.json.encode({"query": query, "variables": variables})
    reply = await simulator.handle(Request("POST", "/graphql", {}, headers, body))
    assert reply.status == 200
    return msgspec.json.decode(reply.body)


def order(key: str = "shop-1", *quantities: int) -> dict[str, Any]:
    return {
        "order_number": "#1",
        "partner_order_id": key,
        "shipping_address": {"first_name": "A", "address1": "1 Road", "country": "US"},
        "line_items": [
            {"partner_line_item_id": f"L{n}", "sku": f"S{n}", "quantity": quantity, "price": "1.00"}
            for n, quantity in enumerate(quantities or (2, 1))
        ],
    }


async def work(world: World, simulator: ShipHeroSimulator, seconds: float = 10.0) -> None:
    for _ in range(int(seconds * 10)):
        world.at += timedelta(seconds=0.1)
        await simulator.tick()


async def test_wrong_credentials_and_tokens_are_refused(simulator: ShipHeroSimulator, world: World) -> None:
    for path, claim in (("/auth/token", {"username": "x", "password": "y"}), ("/auth/refresh", {"refresh_token": "z"})):
        reply = await simulator.handle(Request("POST", path, {}, {}, msgspec.json.encode(claim)))
        assert reply.status == 401
    for header in ("", "Bearer nonsense"):
        reply = await simulator.handle(Request("POST", "/graphql", {}, {"authorization": header}, b"{}"))
        assert reply.status == 401


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("{ orders { data { edges { node { id colour } } } } }", 'Cannot query field "colour" on type "Order"'),
        ("{ customers { id } }", 'Cannot query field "customers"'),
        ("{ orders(color: 1) { complexity } }", 'Unknown argument "color"'),
        ("{ orders { data(first: 1) { edges { node } } } }", "must have a selection"),
        ("{ orders { complexity { x } } }", "must not have a selection"),
        ("{ orders { complexity }", "Syntax Error"),
        ("query ($a: Int!) { orders { complexity } }", "was not provided"),
        ("{ order(id: $b) { complexity } }", "is not defined"),
    ],
)
async def test_unknown_things_are_refused(simulator: ShipHeroSimulator, query: str, says: str) -> None:
    answer = await ask(simulator, query)
    assert says in answer["errors"][0]["message"]
    assert answer["data"] is None


@pytest.mark.parametrize("change", [{"colour": 1}, {"line_items": []}, {"shipping_address": None}])
async def test_a_wrong_order_is_refused(simulator: ShipHeroSimulator, change: dict[str, Any]) -> None:
    answer = await ask(simulator, CREATE, data={**order(), **change})
    assert answer["errors"]
    assert simulator.books()["orders"] == []


async def test_the_note_for_the_packer_and_the_date_are_shown(simulator: ShipHeroSimulator) -> None:
    told = {"packing_note": "Ring twice", "required_ship_date": "2026-11-24 16:00:00"}
    query = CREATE.replace("partner_order_id }", "packing_note required_ship_date }")
    answer = await ask(simulator, query, data={**order(), **told})
    shown = answer["data"]["order_create"]["order"]
    assert {name: shown[name] for name in told} == told


async def test_the_same_order_twice_is_two_orders(simulator: ShipHeroSimulator) -> None:
    for _ in range(2):
        await ask(simulator, CREATE, data=order())
    books = simulator.books()
    assert len(books["orders"]) == 2
    assert books["repeated"] == ["shop-1"]


@pytest.mark.parametrize("seed", range(8))
async def test_everything_leaves_once_and_is_told(seed: int) -> None:
    world = World()
    world.surroundings.random.seed(seed)
    simulator = make(world, split=1.0, two_parcels=0.5)
    await ask(simulator, CREATE, data=order("shop-1", 3, 2, 1))
    await work(world, simulator)
    booked = simulator.books()["orders"][0]
    assert booked["status"] == "fulfilled"
    assert 2 <= len(booked["shipments"]) <= 3
    assert [line["shipped"] for line in booked["lines"]] == [3, 2, 1]
    told = [msgspec.json.decode(delivery.body) for delivery in world.sent]
    shipped = [hook["fulfillment"] for hook in told if hook["webhook_type"] == "Shipment Update"]
    assert {str(one["shipment_id"]) for one in shipped} == {one["id"] for one in booked["shipments"]}
    assert sum(line["quantity"] for one in shipped for line in one["line_items"]) == 6
    assert world.topics()[0] == "Order Allocated"
    for delivery in world.sent:
        verify(delivery.headers, delivery.body, [SECRET])


async def test_a_hold_stops_shipping_until_released(world: World) -> None:
    simulator = make(world, hold=1.0)
    await ask(simulator, CREATE, data=order())
    await work(world, simulator)
    assert simulator.books()["orders"][0]["hold"] == "address"
    listed = "{ orders { data(first: 1) { edges { node { fulfillment_status holds { address_hold fraud_hold } } } } } }"
    node = (await ask(simulator, listed))["data"]["orders"]["data"]["edges"][0]["node"]
    assert node == {"fulfillment_status": "pending", "holds": {"address_hold": True, "fraud_hold": False}}
    with pytest.raises(ValueError, match="no hold called"):
        simulator.act("hold", {"order": "shop-1", "reason": "bored"})
    assert simulator.books()["orders"][0]["shipments"] == []
    simulator.act("release_hold", {"order": "shop-1"})
    await work(world, simulator)
    assert simulator.books()["orders"][0]["status"] == "fulfilled"


async def test_cancel_only_before_the_pick(world: World, simulator: ShipHeroSimulator) -> None:
    cancel = "mutation ($data: CancelOrderInput!) { order_cancel(data: $data) { order { fulfillment_status } } }"
    early = (await ask(simulator, CREATE, data=order("shop-1")))["data"]["order_create"]["order"]["id"]
    answer = await ask(simulator, cancel, data={"order_id": early, "reason": "changed mind"})
    assert answer["data"]["order_cancel"]["order"]["fulfillment_status"] == "canceled"
    assert world.topics() == ["Order Canceled"]
    late = (await ask(simulator, CREATE, data=order("shop-2")))["data"]["order_create"]["order"]["id"]
    await work(world, simulator, 1.0)
    answer = await ask(simulator, cancel, data={"order_id": late})
    assert "being picked" in answer["errors"][0]["message"]


async def test_acts(world: World, simulator: ShipHeroSimulator) -> None:
    await ask(simulator, CREATE, data=order())
    simulator.act("hold", {"order": "shop-1", "reason": "fraud"})
    await work(world, simulator)
    assert simulator.books()["orders"][0]["shipments"] == []
    booked = simulator.act("ship_now", {"order": "shop-1"})
    assert booked["status"] == "fulfilled"
    before = booked["shipments"][0]["tracking_numbers"]
    assert simulator.act("void_label", {"order": "shop-1"})["shipments"][0]["tracking_numbers"] != before
    for verb, args in (("ship_now", {"order": "shop-1"}), ("fly", {"order": "shop-1"})):
        with pytest.raises(ValueError, match=r"fulfilled|fly"):
            simulator.act(verb, args)
    with pytest.raises(KeyError):
        simulator.act("hold", {"order": "nobody"})


async def test_credits_run_out_and_come_back(world: World) -> None:
    simulator = make(world, credits=12.0, restore_per_s=5.0)
    for key in ("shop-1", "shop-2"):
        assert "errors" not in await ask(simulator, CREATE, data=order(key))
    error = (await ask(simulator, CREATE, data=order("shop-3")))["errors"][0]
    assert error["code"] == 30
    assert error["time_remaining"] == "1 seconds"
    world.at += timedelta(seconds=1)
    assert "errors" not in await ask(simulator, CREATE, data=order("shop-3"))


async def test_a_search_does_not_see_what_is_younger_than_the_lag(world: World, simulator: ShipHeroSimulator) -> None:
    find = '{ orders(partner_order_id: "shop-1") { data(first: 5) { edges { node { partner_order_id } } } } }'
    simulator.faults.search_lag_s = 5.0
    await ask(simulator, CREATE, data=order())
    assert (await ask(simulator, find))["data"]["orders"]["data"]["edges"] == []
    world.at += timedelta(seconds=5)
    assert len((await ask(simulator, find))["data"]["orders"]["data"]["edges"]) == 1
