"""A portal's house: its connection, an ERP's masters, and deciders that work when a test says so."""

import time
import uuid
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
from litestar import Litestar

import crossdock.connectors.portal
from crossdock.connectors.portal import CONNECTOR
from crossdock.domain.decision import CustomerMaster, HoldHit, Policy, ProductMaster
from crossdock.domain.order import Order
from crossdock.domain.order_decider import ORDER
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.world import Linked, World
from crossdock.intake.group_commit import GroupCommitter
from crossdock.kit.http import Line
from crossdock.observe.signals import Silence
from crossdock.partner import keys
from crossdock.partner.app import create_partner
from crossdock.partner.counter import Counter
from crossdock.partner_role import counter_for
from crossdock.store.postgres import PostgresStore
from tests.console.seed import CONNECTORS, ERP, WAREHOUSE

PORTAL, OTHER, LONGER = "portal1", "portal2", "portal1-b"
SAMPLE = Path(crossdock.connectors.portal.__file__).parent / "samples" / "order.placed.json"
ALL = list(keys.SCOPES)
_numbers = count(1)


def body(**changes: Any) -> bytes:
    """The sample order, with other fields and an id of its own."""
    given = msgspec.json.decode(SAMPLE.read_bytes())
    return msgspec.json.encode({**given, "external_id": f"PO-{next(_numbers)}", **changes})


def _holds(seen: Order) -> list[HoldHit]:
    return [HoldHit("noted", "finance", "it has a note")] if seen.note else []


class House:
    """One store with a portal. ``decide`` is the deciders' turn; ``counter`` is the partner API's."""

    def __init__(self, store: PostgresStore, pool: Any) -> None:
        self.store, self.pool = store, pool
        line = Line("", {}, {}, None, None, lambda: datetime.now(UTC), lambda: uuid.uuid4().hex)  # type: ignore[arg-type]
        linked = {
            PORTAL: CONNECTOR,
            OTHER: CONNECTOR,
            LONGER: CONNECTOR,
            ERP: CONNECTORS[ERP],
            WAREHOUSE: CONNECTORS[WAREHOUSE],
        }
        self.world = World(
            store=store,
            links={name: Linked(name, each, line) for name, each in linked.items()},
            deciders={"order": ORDER},
            policies={name: Policy(name, ERP, WAREHOUSE, payment="authorized") for name in (PORTAL, OTHER, LONGER)},
            holds=_holds,
            signals=Silence(),
            random=Random(1),
            stopwatch=time.monotonic,
            worker="test",
        )
        self._loop = DecideLoop(self.world)
        self.counter: Counter = counter_for(self.world, pool, GroupCommitter(store, self.world.signals))

    async def open(self) -> None:
        for name, link in self.world.links.items():
            manifest = link.connector.manifest
            await self.store.register(
                name, manifest.system, role=manifest.role, region=None, api_version="1", mapping_version="1"
            )

    async def read_masters(self) -> None:
        """The ERP's polls have run."""
        products = [ProductMaster("SKU-0001", "i-1", title="Crate"), ProductMaster("SKU-0002", "i-2"),
                    ProductMaster("SKU-OLD", "i-3", active=False)]  # fmt: skip
        await self.store.save_masters(ERP, "product", [(each.sku, msgspec.json.encode(each)) for each in products])
        buyer = CustomerMaster("c-9", "buyer@example.com", currency="AUD")
        await self.store.save_masters(ERP, "customer", [("buyer@example.com", msgspec.json.encode(buyer))])
        await self.store.save_cursor(ERP, "items", "1")

    async def decide(self) -> None:
        while await self._loop.round():
            pass

    def app(self, **changes: Any) -> Litestar:
        return create_partner(msgspec.structs.replace(self.counter, **changes), "1")

    def at(self, key: str = "", **changes: Any) -> httpx.AsyncClient:
        """A program with a key at the partner API."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(app=self.app(**changes))
        return httpx.AsyncClient(transport=transport, base_url="http://partner.test", headers=headers)


def sent(idempotency_key: str = "", prefer: str = "") -> dict[str, str]:
    """The headers of an order."""
    wanted = {"content-type": "application/json", "idempotency-key": idempotency_key, "prefer": prefer}
    return {name: value for name, value in wanted.items() if value}
