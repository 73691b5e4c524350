"""The three vendors and the post between them and us, in simulated time and with the vendors' own retries."""

import asyncio
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from crossdock.proof.clock import EPOCH, Clock
from crossdock.proof.exchanges import Exchanging
from crossdock.proof.network import Weather
from crossdock.proof.plan import ERP, EXCHANGES, PRODUCTS, RETURNS, SHOP, WAREHOUSE, Scenario
from crossdock.proof.returning import Returning
from crossdock.proof.shelves import Shelves
from crossdock.proof.witness import Witness
from crossdock.simulators.base import Deliver, Simulator, Surroundings
from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials
from crossdock.simulators.netsuite.credentials import Credentials
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator, paying
from crossdock.simulators.shopify.books import UserError

TICK_S = 0.4
LISTING_LAG = 3  # lists are further behind than searches: only polls read them, and these overlap (``house.OVERLAP_S``)
TOKEN = "simulated-token"  # noqa: S105 - the simulated shop's
CONCURRENCY = 4  # calls in flight that the ERP allows
DRIFTED = "settled"  # a payment status of a later API version
HOOKS = "https://crossdock.test/in"
RETRIES_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # Shopify's eight within four hours, in our faster time
_PACE: dict[str, Any] = {"allocate_s": 0.2, "pick_s": 0.5, "ship_s": 0.5, "spread_s": 1.5}

Post = Callable[[Deliver], Awaitable[int]]


@cache
def credentials() -> Credentials:
    """One key pair for all runs of a process: signatures are in no story."""
    return make_credentials(EPOCH)


class Mail:
    """Webhooks on their way."""

    def __init__(self, scenario: Scenario, weather: Weather, witness: Witness) -> None:
        self._weather, self._witness = weather, witness
        self._random = scenario.random("post")
        self._post: Post | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.acknowledged: list[tuple[int, Deliver]] = []  # (status, what was sent)
        self.genuine: set[bytes] = set()  # bodies that a vendor meant, as it sent them
        self.drifted: dict[bytes, str] = {}  # bodies of which nobody can know what they say -> their order

    @property
    def waiting(self) -> int:
        return len(self._under_way)

    def open(self, post: Post) -> None:
        self._post = post

    def take(self, delivery: Deliver) -> None:
        """Send, as lossy and as often as the weather wants."""
        topic = delivery.headers.get("X-Shopify-Topic", "warehouse")
        if self._weather.strikes("webhook_dropped", "post", topic):
            return
        if topic.startswith("orders/") and self._weather.strikes("webhook_drifted", "post", topic):
            delivery = signed(delivery, _drifted(delivery.body))
            self.drifted[delivery.body] = f"{SHOP}-{msgspec.json.decode(delivery.body)['id']}"
        self.genuine.add(delivery.body)
        copies = [delivery]
        if self._weather.strikes("webhook_duplicate", "post", topic):
            copies.append(delivery)
        if self._weather.strikes("webhook_new_id", "post", topic):
            copies.append(self._renamed(delivery))
        if self._weather.strikes("webhook_forged", "post", topic):
            copies.append(Deliver(delivery.url, delivery.headers, delivery.body + b" "))
        if self._weather.strikes("webhook_poison", "post", topic):
            copies.append(self._poisoned(delivery))
        for copy in copies:
            late = self._weather.strikes("webhook_late", "post", topic)
            self._send(copy, self._random.uniform(1.0, 12.0) if late else self._random.uniform(0.001, 0.05))

    def _renamed(self, delivery: Deliver) -> Deliver:
        fresh = f"again-{self._random.getrandbits(64):016x}"
        names = ("X-Shopify-Webhook-Id", "X-Shopify-Event-Id", "x-shiphero-message-id")
        return Deliver(
            delivery.url, {n: fresh if n in names else v for n, v in delivery.headers.items()}, delivery.body
        )

    def _poisoned(self, delivery: Deliver) -> Deliver:
        """Signed by the vendor itself, and still nothing that anybody should take."""
        body = delivery.body
        poison = self._random.choice(
            (
                body[: len(body) // 2],
                b'{"id":NaN}',
                body[:-1] + b',"id":1,"id":2}',
                b'{"note":"\\u0000",' + body[1:],
                b"[" * 100 + b"]" * 100,
                body[:-1] + b',"note":"\xff\xfe"}',
                b"",
            )
        )
        return self._renamed(signed(delivery, poison))

    def _send(self, delivery: Deliver, after_s: float) -> None:
        self.sent += 1
        task = asyncio.get_running_loop().create_task(self._carry(delivery, after_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, delivery: Deliver, after_s: float) -> None:
        await asyncio.sleep(after_s)
        assert self._post is not None
        for wait_s in (*RETRIES_S, None):
            status = await self._post(delivery)
            self.acknowledged.append((status, delivery))
            if status < 500 or wait_s is None:
                return
            await asyncio.sleep(wait_s * self._random.uniform(0.8, 1.2))


def _drifted(body: bytes) -> bytes:
    """With a status that this vendor did not have yesterday."""
    return msgspec.json.encode({**msgspec.json.decode(body), "financial_status": DRIFTED})


def signed(delivery: Deliver, body: bytes) -> Deliver:
    """Another body under the vendor's own signature, as all of them make it: HMAC-SHA256 in base64."""
    secret = "simulated-secret" if f"/{SHOP}" in delivery.url else "shiphero-webhook-secret"
    proof = b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    names = ("X-Shopify-Hmac-Sha256", "x-shiphero-hmac-sha256")
    return Deliver(delivery.url, {n: proof if n in names else v for n, v in delivery.headers.items()}, body)


def _asked(verb: str, order: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a verb of refunding asks of the shop; ``None`` for any other verb."""
    unit = next(({"id": line["id"]} for line in order["line_items"] if line["current_quantity"]), None)
    units = [unit] if unit else []
    asked: dict[str, dict[str, Any]] = {
        "refund_all": {"lines": "all", "shipping": not order["refunds"]},
        "refund_unit": {"lines": units},
        "refund_kept_unit": {"lines": [{**unit, "restock": "no_restock"}] if unit else []},
        "refund_shipping": {"shipping": not any(each["order_adjustments"] for each in order["refunds"])},
        "refund_amount": {"amount": "0.70"},
    }
    return asked.get(verb)


class Vendors:
    """Three accounts with books of their own."""

    def __init__(self, scenario: Scenario, clock: Clock, weather: Weather, witness: Witness) -> None:
        self.post = Mail(scenario, weather, witness)
        self._scenario, self._clock, self._witness = scenario, clock, witness
        account = credentials().account_settings()
        self.shop = ShopifySimulator(
            SHOP, self._around(SHOP), webhook_url=f"{HOOKS}/shopify/{SHOP}", late_paid_s=3.0, restore_rate=1e5,
            maximum=1e5,
        )  # fmt: skip
        self.erp = NetSuiteAccount(
            ERP, self._around(ERP), **account, concurrency=CONCURRENCY, save_s=0.02, items=PRODUCTS, customers=5
        )
        self.warehouse = ShipHeroSimulator(
            WAREHOUSE, self._around(WAREHOUSE), webhook_url=f"{HOOKS}/shiphero/{WAREHOUSE}", credits=1e5,
            restore_per_s=1e5, **_PACE,
        )  # fmt: skip
        self.warehouse.faults.search_lag_s = scenario.search_lag_s
        self.shop.faults.search_lag_s = scenario.search_lag_s * LISTING_LAG
        self.erp.changed_rate = scenario.rates.get("record_changed", 0.0)
        self.exchanging = Exchanging(self.shop)
        self.returning = Returning(self.shop, self.warehouse, scenario.random("returns"), clock.now, witness.note)
        self.shelves = Shelves(scenario, self.shop, self.erp, clock.now, witness)

    def _around(self, name: str) -> Surroundings:
        return Surroundings(self._clock.now, asyncio.sleep, self._scenario.random(f"vendor {name}"), self.post.take)

    @property
    def by_name(self) -> Mapping[str, Simulator]:
        return {SHOP: self.shop, ERP: self.erp, WAREHOUSE: self.warehouse}

    def act(self, verb: str, order_id: str) -> None:
        """What somebody does to an order in the shop, or ``warehouse <verb>`` there; too late is nothing."""
        key = f"{SHOP}-{order_id}"
        where, _, there = verb.rpartition(" ")
        self._witness.note(where or SHOP, f"{there} {order_id}", key)
        if not where:
            self._in_the_shop(verb, order_id, key)
            return
        try:
            self.warehouse.act(there, {"order": key})
        except (KeyError, ValueError) as error:
            self._witness.note(where, f"{there} {order_id} was refused: {error}", key)

    def _in_the_shop(self, verb: str, order_id: str, key: str) -> None:
        asked = _asked(verb, self.shop.books_.orders[int(order_id)])
        if verb == "cancel_order":
            self.shelves.cancel(order_id)
            return
        try:
            if verb in (*EXCHANGES, "unexchange"):
                self.exchanging.act(verb, int(order_id))
            elif verb in RETURNS:
                self.returning.act(verb, int(order_id))
            elif verb == "capture_part":
                self._capture_part(order_id)
            elif asked is None:
                self.shop.act(verb, {"id": order_id})
            else:
                self.shop.act("refund", {"id": order_id, **asked})
        except UserError as error:
            self._witness.note(SHOP, f"{verb} {order_id} was refused: {error}", key)

    def _capture_part(self, order_id: str) -> None:
        """A third of what is outstanding is taken."""
        due = paying.outstanding(self.shop.books_, self.shop.books_.orders[int(order_id)])["shop_money"]
        self.shop.act("capture", {"id": order_id, "amount": f"{due / 3:.2f}"})

    def sent_back(self) -> list[str]:
        """Payouts that the bank did not take, as their settlements are called."""
        return [f"{SHOP}-{one.id}" for one in self.shop.payments.payouts.values() if one.status == "FAILED"]

    def lock_out(self) -> None:
        """Somebody gives our app in the shop another access token, and does not tell us."""
        self.shop.token = "another-token"  # noqa: S105 - a simulated vendor's

    def let_in(self) -> None:
        """What we have is right again."""
        self.shop.token = TOKEN

    def end(self) -> None:
        """The quiet tail begins: nothing strikes, and nobody holds anything up any more."""
        for order in self.warehouse.warehouse.orders.values():
            if order.hold is not None:
                self.warehouse.act("release_hold", {"order": order.id})
        self.exchanging.end()
        self.returning.end()
        self.warehouse.faults.search_lag_s = self.shop.faults.search_lag_s = self.erp.changed_rate = 0.0

    async def work(self) -> None:
        """They do by themselves what vendors do, for ever."""
        while True:
            for one in self.by_name.values():
                await one.tick()
            self.returning.work()
            for verb, order_id in (*self.exchanging.who_asks_again(), *self.returning.who_asks_again()):
                self._in_the_shop(verb, str(order_id), f"{SHOP}-{order_id}")
            await asyncio.sleep(TICK_S)

    @property
    def idle(self) -> bool:
        """Whether nothing will come from them by itself."""
        due = self.post.waiting or self.shop._to_pay or self.warehouse.warehouse._due
        return not due and self.returning.idle

    def books(self) -> dict[str, dict[str, Any]]:
        return {name: one.books() for name, one in self.by_name.items()}
