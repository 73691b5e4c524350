"""The simulated vendors, in one process of their own. Run as ``python -m crossdock.demo.vendors``.

Told what to be by its environment; says its addresses in one line; ends when standard input does.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from crossdock.demo.pairs import PAIRED, QUEUE_PATH
from crossdock.demo.plan import ERP, PAIRS, SHOP, WAREHOUSE
from crossdock.simulators.amazon import AmazonSimulator
from crossdock.simulators.base import Deliver, Simulator, Surroundings
from crossdock.simulators.businesscentral import BusinessCentralCompany, Registration
from crossdock.simulators.netsuite import NetSuiteAccount
from crossdock.simulators.netsuite.catalogue import Item
from crossdock.simulators.server import SimulatorServer
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator

VARIABLE = "CROSSDOCK_VENDORS"


class VendorsSpec(msgspec.Struct, frozen=True):
    """What the vendors are made with. ``intake``: the base URL that webhooks go to. ``pair``: which systems it is."""

    intake: str
    seed: int
    shop: dict[str, Any]
    erp: dict[str, Any]
    warehouse: dict[str, Any]
    samples: str | None = None
    pair: str = PAIRS[0]


class VendorsSaid(msgspec.Struct, frozen=True):
    """Where they are: the control address, and each vendor's API by name."""

    control: str
    urls: dict[str, str]


class DemoShop(ShopifySimulator):
    """The shop, which can also tell of orders that real shops once had, byte for byte."""

    def __init__(self, name: str, surroundings: Surroundings, **settings: Any) -> None:
        super().__init__(name, surroundings, **settings)
        self._world = surroundings

    def act(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """``send_sample``: take the body of a file into the books and deliver its exact bytes."""
        if verb != "send_sample":
            return super().act(verb, args)
        raw = Path(args["file"]).read_bytes()
        body = msgspec.json.decode(raw)
        self.books_.take(body, split=False)
        self.deliver(str(args["topic"]), raw)
        return {"id": str(body["id"])}

    def deliver(self, topic: str, raw: bytes) -> None:
        """One webhook with exactly these bytes, to whoever subscribed the topic."""
        signature = base64.b64encode(hmac.digest(self.secret.encode(), raw, hashlib.sha256)).decode()
        random = self._world.random
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Shop-Domain": self.shop_domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": str(UUID(int=random.getrandbits(128))),
            "X-Shopify-Event-Id": str(UUID(int=random.getrandbits(128))),
            "X-Shopify-Triggered-At": f"{self._world.now():%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        wanted = topic.replace("/", "_").upper()
        for uri in {one.uri for one in self.books_.subscriptions if one.topic == wanted}:
            self._world.send(Deliver(uri, headers, raw))


class DemoSeller(AmazonSimulator):
    """The seller's account. Its queue's address holds the port, which is known when the door is open."""

    def open_at(self, url: str) -> None:
        assert self.queue is not None
        self.queue.url = f"{url}{QUEUE_PATH}"


def sample_items(folder: Path) -> dict[str, Item]:
    """The ERP's items for what the samples sold, so that they can go all the way."""
    now = datetime.now(UTC)
    skus = {
        line["sku"]
        for file in sorted(folder.glob("shopify_orders-*.json"))
        for line in msgspec.json.decode(file.read_bytes())["line_items"]
        if line.get("sku")
    }
    return {str(5000 + n): Item(str(5000 + n), sku, sku, "InvtPart", now) for n, sku in enumerate(sorted(skus))}


def _netsuite(spec: VendorsSpec, name: str, around: Surroundings, made_with: dict[str, Any]) -> Simulator:
    account = NetSuiteAccount(name, around, **made_with)
    if spec.samples:
        account.items.update(sample_items(Path(spec.samples)))
    return account


def _businesscentral(spec: VendorsSpec, name: str, around: Surroundings, made_with: dict[str, Any]) -> Simulator:
    registration = msgspec.convert(made_with["registration"], Registration)
    return BusinessCentralCompany(name, around, **{**made_with, "registration": registration})


def _amazon(spec: VendorsSpec, name: str, around: Surroundings, made_with: dict[str, Any]) -> Simulator:
    return DemoSeller(name, around, queue_url=QUEUE_PATH, **made_with)


def _shopify(spec: VendorsSpec, name: str, around: Surroundings, made_with: dict[str, Any]) -> Simulator:
    return DemoShop(name, around, webhook_url=f"{spec.intake}/in/shopify/{name}", **made_with)


def _shiphero(spec: VendorsSpec, name: str, around: Surroundings, made_with: dict[str, Any]) -> Simulator:
    return ShipHeroSimulator(name, around, webhook_url=f"{spec.intake}/in/shiphero/{name}", **made_with)


OPEN: Mapping[str, Callable[[VendorsSpec, str, Surroundings, dict[str, Any]], Simulator]] = {
    "amazon": _amazon,
    "businesscentral": _businesscentral,
    "netsuite": _netsuite,
    "shiphero": _shiphero,
    "shopify": _shopify,
}


async def serve(spec: VendorsSpec) -> None:
    """Host all of them until standard input ends."""
    server = SimulatorServer(random=Random(spec.seed))  # noqa: S311 - faults, not secrets
    around = {name: server.surroundings(name) for name in (ERP, SHOP, WAREHOUSE)}  # draws: the order is the seed's
    systems, sellers = PAIRED[spec.pair].systems, list[DemoSeller]()
    for name, made_with in ((SHOP, spec.shop), (ERP, spec.erp), (WAREHOUSE, spec.warehouse)):
        simulator = OPEN[systems[name]](spec, name, around[name], made_with)
        server.add(simulator)
        if isinstance(simulator, DemoSeller):
            sellers.append(simulator)
    await server.start()
    for seller in sellers:
        seller.open_at(server.url(seller.name))
    urls = {name: server.url(name) for name in (SHOP, ERP, WAREHOUSE)}
    sys.stdout.write(msgspec.json.encode(VendorsSaid(server.control_url, urls)).decode() + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(_until_told)
    await server.stop()


def _until_told() -> None:
    while os.read(sys.stdin.fileno(), 64):
        pass


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who lets the vendors end last
    asyncio.run(serve(msgspec.json.decode(os.environ[VARIABLE], type=VendorsSpec)))
