"""The simulated vendors, in one process of their own. Run as ``python -m crossdock.demo.vendors``.

Told what to be by its environment; says its addresses in one line; ends when standard input does.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from crossdock.demo.plan import ERP, SHOP, WAREHOUSE
from crossdock.simulators.base import Deliver, Surroundings
from crossdock.simulators.netsuite import NetSuiteAccount
from crossdock.simulators.netsuite.catalogue import Item
from crossdock.simulators.server import SimulatorServer
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator

VARIABLE = "CROSSDOCK_VENDORS"


class VendorsSpec(msgspec.Struct, frozen=True):
    """What the vendors are made with. ``intake``: the base URL that webhooks go to."""

    intake: str
    seed: int
    shop: dict[str, Any]
    erp: dict[str, Any]
    warehouse: dict[str, Any]
    samples: str | None = None


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


async def serve(spec: VendorsSpec) -> None:
    """Host all three until standard input ends."""
    server = SimulatorServer(random=Random(spec.seed))  # noqa: S311 - faults, not secrets
    hook = f"{spec.intake}/in"
    erp = NetSuiteAccount(ERP, server.surroundings(ERP), **spec.erp)
    if spec.samples:
        erp.items.update(sample_items(Path(spec.samples)))
    server.add(DemoShop(SHOP, server.surroundings(SHOP), webhook_url=f"{hook}/shopify/{SHOP}", **spec.shop))
    server.add(erp)
    warehouse = server.surroundings(WAREHOUSE)
    server.add(ShipHeroSimulator(WAREHOUSE, warehouse, webhook_url=f"{hook}/shiphero/{WAREHOUSE}", **spec.warehouse))
    await server.start()
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
