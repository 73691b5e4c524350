"""What vendors answered when all went well: every operation and poll of every connector, with the answers it was given.

Taken once per process, by letting orders live: with Shopify, NetSuite and ShipHero in the simulation's own time, with
Amazon and Business Central in a house in memory. What no order's life comes by is asked outright.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from crossdock.domain.commands import Payload, PublishStock
from crossdock.domain.state import decode_state
from crossdock.kit.http import Response
from crossdock.kit.manifest import Call, Connector, Operation, Poll
from crossdock.proof import house as proving
from crossdock.proof.plan import OrderPlan, Scenario, scenario
from crossdock.proof.run import run
from tests.conformance.cases import Scripted, client, connector, payload
from tests.process.house import ERP, SHOP, WAREHOUSE, Vendors
from tests.process.test_businesscentral import AmazonCentralVendors, CentralVendors
from tests.properties.memory_house import MemoryHouse, memory_house

KEPT = 2  # exchanges of each: those that were told most
LONGEST = 12  # answers of one


class Exchange(msgspec.Struct):
    """One run of an operation (or poll, whose ``payload`` is its cursor) and what was answered, sign-in left out."""

    payload: Any
    answers: list[Response]

    @property
    def told(self) -> int:
        """Bytes."""
        return sum(len(answer.body) for answer in self.answers)


Name = tuple[str, str]  # system, and an operation's purpose or ``poll NAME``
Tapes = dict[Name, list[Exchange]]
_TAPE: ContextVar[list[Response] | None] = ContextVar("tape", default=None)


def signs_in(url: str) -> bool:
    return "/auth/" in url or "oauth" in url


def names(system: str) -> list[Name]:
    """All that a connector does."""
    found = connector(system)
    return [(system, name) for name in (*found.operations, *(f"poll {name}" for name in found.polls))]


class Taping:
    """An ``Http`` that keeps what is answered to whoever asks within an operation."""

    def __init__(self, http: Any) -> None:
        self._http = http

    async def request(self, method: str, url: str, **told: Any) -> Response:
        answer: Response = await self._http.request(method, url, **told)
        tape = _TAPE.get()
        if tape is not None and not signs_in(url):
            tape.append(answer)
        return answer


def _keep(tapes: Tapes, name: Name, payload: Any, answers: list[Response]) -> None:
    if answers:
        tapes.setdefault(name, []).append(Exchange(payload, answers))


def _taped(call: Callable[..., Awaitable[Any]], keep: Callable[[Any, list[Response]], None]) -> Callable[..., Any]:
    async def run(client: Any, payload: Any, *rest: Any) -> Any:
        _TAPE.set([])
        try:
            return await call(client, payload, *rest)
        finally:
            keep(payload, _TAPE.get() or [])
            _TAPE.set(None)

    return run


def taping(made: Connector, tapes: Tapes) -> Connector:
    """The connector with all that it does kept in ``tapes``."""
    system = made.manifest.system

    def operation(one: Operation) -> Operation:
        return msgspec.structs.replace(one, send=_taped(one.send, partial(_keep, tapes, (system, one.purpose))))

    def poll(name: str, one: Poll) -> Poll:
        return msgspec.structs.replace(one, run=_taped(one.run, partial(_keep, tapes, (system, f"poll {name}"))))

    return msgspec.structs.replace(
        made,
        open=lambda line: made.open(msgspec.structs.replace(line, http=Taping(line.http))),
        operations={name: operation(one) for name, one in made.operations.items()},
        polls={name: poll(name, one) for name, one in made.polls.items()},
    )


# -- Shopify, NetSuite and ShipHero: the simulation, without its faults -------------------------------------------

# A profile, seeds of it, and what the scenario's route says of payments.
STORIES = (
    ("calm", (1, 2, 3, 4, 5), ""),
    ("refunds", (1, 2), "paid"),
    ("refunds", (3,), "payment"),
    ("deposits", (1, 2), "advance"),
    ("returns", (1, 2, 3, 4), ""),
    ("payouts", (1,), ""),
    ("stock", (1, 2), ""),
)
CHANGED = OrderPlan(0.5, {"skus": ["SKU-0001", "SKU-0002"]}, ((0.6, "edit_address"),))
CALLED_OFF = OrderPlan(1.0, {"skus": ["SKU-0003"]}, ((1.2, "cancel_order"),))
RELABELLED = OrderPlan(1.5, {"skus": ["SKU-0004"]}, ((3.0, "warehouse void_label"),))
TOLD: Mapping[str, bool] = dict.fromkeys(("push_refunds", "publish_invoices", "push_tracking"), True)


@contextmanager
def _telling_everything() -> Iterator[None]:
    """The simulated route, which tells the shop all that it can be told."""
    kept = proving.POLICY
    proving.POLICY = msgspec.structs.replace(kept, **TOLD)
    try:
        yield
    finally:
        proving.POLICY = kept


def _simulated(tapes: Tapes) -> None:
    def connectors(system: str) -> Connector:
        return taping(proving.connector(system), tapes)

    with _telling_everything():
        for planned in _scenarios():
            ran = run(planned, connectors=connectors)
            assert not ran.ended, "\n".join(ran.ended)


def _scenarios() -> Iterator[Scenario]:
    yield Scenario(1, "calm", (CHANGED, CALLED_OFF, RELABELLED), edit_window_s=0.0, replayed=False)
    for profile, seeds, payments in STORIES:
        for seed in seeds:
            planned = scenario(seed, profile)
            yield msgspec.structs.replace(
                planned, rates={}, blows=(), workers=1, skews=(0.0, 0.0), search_lag_s=0.0, operator=(),
                replayed=False, payments=payments or planned.payments,
            )  # fmt: skip


# -- Amazon and Business Central, and what the simulated route does not ask of the others: a house in memory --------


class TapingHouse(MemoryHouse):
    """Everything that is called in it is kept in ``tapes``."""

    tapes: Tapes

    def _linked(self, link: Any) -> Any:
        made = super()._linked(link)
        return msgspec.structs.replace(made, connector=taping(made.connector, self.tapes))

    async def taped(self, system: str, name: str) -> None:
        """Wait until it was called."""
        await self.until(lambda: (system, name) in self.tapes, f"{system} {name}")

    async def ask(self, name: str, payload: Payload) -> None:
        """Have a connection do what no route here asks of it."""
        async with self.world(self.store, "asker") as world:  # type: ignore[arg-type]
            found = world.links[name].connector
            opened = found.open(world.links[name].line)
            await found.operations[payload.purpose].send(opened, payload, Call(f"asked/{payload.purpose}", 0))

    def finished(self, order_id: str, step: str) -> bool:
        rows = self.store.books.rows.values()
        stored = next((row.state for row in rows if row.ref.key == f"{SHOP}-{order_id}"), None)
        return stored is not None and decode_state(stored).finished(step)

    async def poll_all(self) -> None:
        for name, system in self.vendors.systems.items():
            for poll in connector(system).polls:
                await self.poll(name, poll)


class _Telling(Vendors):
    """Shopify and NetSuite, with connections that read all there is to be read."""

    def __init__(self, seed: int, shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> None:
        super().__init__(seed, {"currency": "USD", **shop}, warehouse)
        self.at_erp = msgspec.structs.replace(self.at_erp, settings={**self.at_erp.settings, "read_prices": True})

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        settings, secrets = super().shop_connection()
        return {**settings, "payouts": True, "public_url": "https://orders.example/in/shopify/shop"}, secrets


class _Central(_Telling, CentralVendors):
    """The same with Business Central."""


@asynccontextmanager
async def _house(folder: Path, accounts: type[Vendors], **settings: Mapping[str, Any]) -> AsyncIterator[TapingHouse]:
    async with memory_house(folder, made=TapingHouse, accounts=accounts, **settings) as house:
        assert isinstance(house, TapingHouse)
        yield house


BY_ITSELF: Mapping[str, Any] = {"warehouse": None, "invoice": "take"}  # the ERP ships and bills: an order stays open


async def _lived(folder: Path, tapes: Tapes) -> None:
    TapingHouse.tapes = tapes
    async with asyncio.TaskGroup() as group:
        for number, live in enumerate(LIVES):
            where = folder / str(number)
            where.mkdir()
            group.create_task(live(where))


async def _amazon(folder: Path) -> None:
    reads = {
        "settlements": True,
        "stock_levels": True,
        "seller_id": "A3SIMULATED",
        "marketplace_ids": ["ATVPDKIKX0DER"],
    }
    shop = {"connection": reads, "documents_url": f"http://{SHOP}.test"}
    async with _house(folder, AmazonCentralVendors, shop=shop) as house:
        for poll in ("orders", "settlements"):
            await house.poll(SHOP, poll)
        order, *_ = house.shop.act("place_order", {"count": 3, "discount": True, "gift_wrap": True})["ids"]
        await house.poll(SHOP, "notifications")
        await house.quiet()
        house.warehouse.act("void_label", {"order": f"shop-{order}"})
        await house.taped("amazon", "tracking.replace")
        house.shop.act("list_item", {"sku": "SKU-0001", "quantity": 3})
        await house.ask(SHOP, PublishStock("SKU-0001", "DEFAULT", 7, 1, 3))
        await house.next_second()
        house.shop.act("settle", {})
        await house.poll_all()


async def _central(folder: Path) -> None:
    """Parcels that are followed, an order that is called off, a credit of the ERP's people, a payout."""
    route = {"push_refunds": True, "push_tracking": True}
    async with _house(folder, _Central, route=route, warehouse={"pick_s": 3600.0}) as house:
        await house.poll(ERP, "subscriptions")
        first, second = house.shop.act("place_order", {"count": 2, "paid": True, "tip": False})["ids"]
        for order in (first, second):
            await house.until(lambda o=order: house.finished(str(o), "order.release"), "both orders in the warehouse")
        await house.next_second()
        house.shop.act("cancel_order", {"id": second})
        await house.taped("businesscentral", "booking.close")
        house.warehouse.act("ship_now", {"order": f"shop-{first}"})
        await house.order_is(str(first), "done")
        house.warehouse.act("pick_up", {"order": f"shop-{first}"})
        await house.poll(WAREHOUSE, "parcels")
        await house.taped("shopify", "tracking.push")
        house.erp.act("credit", {"invoice": house.erp.books()["invoices"][0]["id"], "amount": "1.37"})
        await house.poll(ERP, "credits")
        await house.taped("shopify", "refund.push")
        house.shop.act("payout", {})
        await house.poll(SHOP, "payouts")
        await house.taped("businesscentral", "settlement.post")
        await house.poll_all()


async def _central_paid(folder: Path) -> None:
    """Captures are posted as payments, and money is given back."""
    route = {"payments": "payment"}
    async with _house(folder, _Central, route=route) as house:
        (order,) = house.shop.act("place_order", {"paid": True, "tip": False, "lines": 2})["ids"]
        await house.order_is(str(order), "done")
        await house.quiet()
        await house.next_second()
        house.shop.act("refund", {"id": order, "amount": "1.00", "note": "late"})
        await house.taped("businesscentral", "refund.pay")


async def _amended(folder: Path, accounts: type[Vendors]) -> None:
    """An address that is edited while the ERP has the order and nothing has left."""
    async with _house(folder, accounts, route=BY_ITSELF) as house:
        (order,) = house.shop.act("place_order", {"paid": True, "tip": False})["ids"]
        await house.taped(accounts.systems[ERP], "order.book")
        await house.until(lambda: house.finished(str(order), "order.release"), "the booking")
        await house.next_second()
        house.shop.act("edit_address", {"id": order, "address1": "9 New Road"})
        await house.taped(accounts.systems[ERP], "booking.amend")
        await house.poll_all()


LIVES = (_amazon, _central, _central_paid, partial(_amended, accounts=_Central), partial(_amended, accounts=_Telling))


# -- what is asked outright ---------------------------------------------------------------------------------------

# Nothing above comes by these: they are asked once with the conformance suite's payload, and answered "{}" or less.
OUTRIGHT: Mapping[Name, str] = {
    **dict.fromkeys(names("portal"), "a portal's answer is its status: there is nothing in it to read"),
}


def _asked(tapes: Tapes) -> None:
    for system, purpose in OUTRIGHT:
        assert (system, purpose) not in tapes, "it has come to be lived"
        http = Taping(Scripted(Response(200, {"content-type": "application/json"}, b"{}")))
        found = taping(connector(system), tapes).operations[purpose]
        sent = found.send(client(system, http), payload(system, purpose), Call("shop-1/t/p", 1))
        asyncio.run(sent)  # type: ignore[arg-type]


@cache
def tapes() -> Tapes:
    """Exchanges by name; those that were told most, a few of each."""
    found: Tapes = {}
    _simulated(found)
    with TemporaryDirectory(prefix="crossdock-fuzz-") as folder:
        asyncio.run(_lived(Path(folder), found))
    _asked(found)
    return {name: _most(exchanges) for name, exchanges in found.items()}


def _most(found: list[Exchange]) -> list[Exchange]:
    short = [one for one in found if len(one.answers) <= LONGEST] or found[:1]
    different = {tuple(answer.body for answer in one.answers): one for one in short}
    return sorted(different.values(), key=lambda one: one.told)[-KEPT:]
