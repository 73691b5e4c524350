"""What happens in one run: made from the seed alone, kept as data so that it can be shrunk and shown."""

from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Any

import msgspec

from crossdock.proof import stock_plan
from crossdock.proof.stock_plan import StockPlan

SHOP, ERP, WAREHOUSE = "shop", "erp", "warehouse"
VENDORS = (SHOP, ERP, WAREHOUSE)

# Kinds of faults that strike by chance, per opportunity, and the most that a run may have of each.
RATES: Mapping[str, float] = {
    "webhook_duplicate": 0.5,
    "webhook_new_id": 0.4,
    "webhook_late": 0.5,
    "webhook_dropped": 0.5,
    "webhook_forged": 0.3,
    "webhook_poison": 0.3,
    "webhook_drifted": 0.3,
    "request_refused": 0.3,
    "answer_lost": 0.3,
    "answer_html": 0.25,
    "html_instead": 0.25,
    "answer_502": 0.25,
    "answer_truncated": 0.25,
    "late_commit": 0.3,
    "slow_answer": 0.3,
    "error_503": 0.3,
    "rate_limited": 0.35,
    "record_changed": 0.3,
    "record_locked": 0.5,
    "record_refused": 0.5,
    "store_refused": 0.08,
    "commit_lost": 0.08,
    "commit_doubtful": 0.08,
    "store_slow": 0.08,
    "commit_aborted": 0.08,
    "wake_lost": 0.6,
    "row_unreadable": 0.4,
}
# Kinds that are events of their own, at an instant of the run.
EVENTS = (
    "crash", "sigterm", "pause", "outage", "store_down", "token_revoked", "locked_out", "unsubscribed", "clock_jump",
)  # fmt: skip
REQUESTED = ("restored",)  # the same, of profiles that no seed draws by itself
KINDS = (*RATES, *EVENTS, "clock_skew", "search_lag")
_LATER = ("row_unreadable",)  # not among what a swarm draws from: a kind more would make every seed another run
_SWARM_KINDS = tuple(kind for kind in KINDS if kind not in _LATER)

# The vendors' side of the promise: nothing is committed later than this after a request left, or found later than
# that after it was committed. Operations' settle times and leases are longer (``house.HURRY``).
LATE_S, LAG_S = 2.0, 0.7
PRODUCTS = 12  # in the shop and in the ERP
TROUBLE_S = 16.0  # faults strike in this time; then comes the quiet tail
WARM_S = 2.0  # in which a house that has been running for long reads masters and finds its cursors


class OrderPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order in the shop. ``acts``: (seconds after it was placed, verb), the warehouse's with its name before."""

    at: float
    wish: dict[str, Any] = {}
    acts: tuple[tuple[float, str], ...] = ()


class PayoutPlan(msgspec.Struct, frozen=True):
    """The shop pays out what came since the last time. ``fate``: of ``FATES``; ``takes_s``: until it is sealed."""

    at: float
    fate: str
    takes_s: float


class Blow(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happens at an instant. ``who``: a worker's or a vendor's name."""

    at: float
    kind: str
    who: str = ""
    for_s: float = 0.0


class Scenario(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that a run is made from, but for the draws of chance, which hang on ``seed`` and the kind."""

    seed: int
    profile: str
    orders: tuple[OrderPlan, ...]
    rates: dict[str, float] = {}
    blows: tuple[Blow, ...] = ()
    workers: int = 1
    skews: tuple[float, ...] = (0.0, 0.0)
    search_lag_s: float = 0.0
    operator: tuple[tuple[float, str], ...] = ()  # retry_all, replay
    kill_at: int | None = None  # a sweep: whoever crosses this boundary, counted over all workers, dies there
    kill_again: int | None = None  # and its successor at this boundary of its own
    struck: tuple[tuple[str, str], ...] = ()  # (kind, what it strikes): for certain, once, whatever the rates
    trouble_s: float = TROUBLE_S
    warm_s: float = WARM_S  # nothing strikes before, and nothing is sold
    edit_window_s: float = 0.0
    replayed: bool = True  # at the end, the whole inbox once more
    stock: StockPlan | None = None  # the route is told stock
    payments: str = ""  # what the route says of them; none: what ``house.POLICY`` says
    payouts: tuple[PayoutPlan, ...] = ()  # of a shop that is paid by Shopify Payments, which the route enters
    returns: bool = False  # the route hands on what comes back: to the warehouse, the ERP and the shop
    rests: tuple[float, ...] = ()  # seconds that vendors name when they ask for rest; none: as their simulators do

    def random(self, kind: str) -> Random:
        """Chance for one kind of thing, the same whatever else is in the scenario."""
        return Random(f"{self.seed}/{kind}")  # noqa: S311 - text seeds are hashed with SHA-512: equal everywhere

    def kinds(self) -> set[str]:
        """The kinds of faults that may strike in it."""
        settings = {"clock_skew": any(self.skews), "search_lag": self.search_lag_s > 0}
        by_chance = {kind for kind, rate in self.rates.items() if rate}
        return by_chance | {blow.kind for blow in self.blows} | {kind for kind, has in settings.items() if has}

    def singled_out(self, kind: str, order: str) -> bool:
        """Whether a kind that strikes whole orders, to the very end, strikes this one."""
        rate = self.rates.get(kind, 0.0)
        return bool(rate) and self.random(f"{kind}/{order}").random() < rate


def _corner(*kinds: str, blows: Mapping[str, int] | None = None, **more: Any) -> Callable[[Random], dict[str, Any]]:
    """A profile that is bad in one way: these kinds at half to full strength, and these events."""

    def draw(random: Random) -> dict[str, Any]:
        rates = {kind: round(RATES[kind] * random.uniform(0.5, 1.0), 3) for kind in kinds}
        return {"rates": rates, "blows": _blows(random, blows or {}, more.get("workers", 1)), **more}

    return draw


def _blows(random: Random, wanted: Mapping[str, int], workers: int) -> tuple[Blow, ...]:
    return tuple(sorted((_blow(random, kind, workers) for kind, n in wanted.items() for _ in range(n)), key=_when))


def _when(blow: Blow) -> float:
    return blow.at


def _blow(random: Random, kind: str, workers: int) -> Blow:
    at = round(random.uniform(0.2, TROUBLE_S * 0.7), 3)
    worker = f"w{random.randint(1, workers)}"
    match kind:
        case "outage":
            return Blow(at, kind, random.choice(VENDORS), round(random.uniform(1.0, 10.0), 2))
        case "pause":
            return Blow(at, kind, worker, round(random.uniform(0.5, 14.0), 2))
        case "crash" | "sigterm":
            return Blow(at, kind, worker, round(random.uniform(0.1, 6.0), 2))
        case "store_down":
            return Blow(at, kind, "", round(random.uniform(0.5, 5.0), 2))
        case "clock_jump":
            return Blow(at, kind, worker, round(random.choice((-1, 1)) * random.uniform(60.0, 7200.0), 1))
        case "locked_out":
            return Blow(at, kind, SHOP, round(random.uniform(1.0, 8.0), 2))
        case "token_revoked":
            return Blow(at, kind, ERP)
    return Blow(at, kind, SHOP)


def _swarm(random: Random) -> dict[str, Any]:
    """Any few kinds at any strength: finds what nobody thought of."""
    return _mixed(random, random.sample(_SWARM_KINDS, random.randint(0, 6)), random.choice((1, 1, 2)), 0.0)


def _mixed(random: Random, kinds: list[str], workers: int, least: float) -> dict[str, Any]:
    """These kinds, each at ``least`` at such a part of its full strength."""
    rates = {kind: round(RATES[kind] * random.uniform(least, 1.0), 3) for kind in kinds if kind in RATES}
    wanted = {kind: random.randint(1, 3) for kind in kinds if kind in EVENTS}
    skews = tuple(round(random.uniform(-7200, 7200), 1) for _ in range(2)) if "clock_skew" in kinds else (0.0, 0.0)
    return {
        "rates": rates,
        "blows": _blows(random, wanted, workers),
        "workers": workers,
        "skews": skews,
        "search_lag_s": round(random.random() * LAG_S, 2) if "search_lag" in kinds else 0.0,
    }


def _stock(random: Random) -> dict[str, Any]:
    """A few kinds at half to full strength, and many orders for few units."""
    kinds = random.sample(_SWARM_KINDS, random.choice((0, 1, 2, 3, 4)))
    return {**_mixed(random, kinds, random.choice((1, 2)), 0.5), "orders": random.choice((2, 3, 5, 7))}


_AFTERMATH = ("answer_lost", "late_commit", "error_503", "webhook_duplicate", "webhook_late", "webhook_dropped")


FATES = ("paid", "paid", "slow", "failed", "sent back")


def _paid_out(random: Random) -> dict[str, Any]:
    """Two to four payouts, while orders are sold, paid and refunded."""
    plans = [
        PayoutPlan(round(random.uniform(2.0, 28.0), 2), random.choice(FATES), round(random.uniform(1.0, 12.0), 2))
        for _ in range(random.choice((2, 3, 4)))
    ]
    return {**_later()(random), "payouts": tuple(sorted(plans, key=lambda plan: plan.at))}


def _later(**more: Any) -> Callable[[Random], dict[str, Any]]:
    """Time and quiet enough for goods to leave, and for what comes after it."""

    def draw(random: Random) -> dict[str, Any]:
        kinds = random.sample((*_AFTERMATH, "crash", "pause"), random.choice((0, 1, 2, 3)))
        return {**_mixed(random, kinds, random.choice((1, 2)), 0.2), "trouble_s": 30.0, **more}

    return draw


def _restored(random: Random) -> dict[str, Any]:
    """One of the stories below, or an order's plain life, with trouble on the way to the vendors."""
    story = random.choice(("", "", "refunds", "deposits", "returns"))
    more: dict[str, Any] = {}
    if story == "deposits":
        more["payments"] = "advance"
    if story == "returns":
        more["returns"] = True
    kinds = random.sample((*_AFTERMATH, "search_lag", "crash"), random.choice((0, 1, 2, 3)))
    return {**_mixed(random, kinds, random.choice((1, 2)), 0.5), "trouble_s": 30.0, "story": story, **more}


def _put_back(random: Random, orders: tuple[OrderPlan, ...], later: bool) -> Blow:
    """The database is put back once: to the midst of what is done for an order, or to any moment. ``later``: the story
    goes on after the goods have left."""
    if not later and random.random() < 0.5:
        at = random.choice(orders).at + random.uniform(0.0, 0.3)
        return Blow(round(at, 3), "restored", "", round(random.uniform(0.05, 1.0), 3))
    at = random.uniform(4.0, 26.0) if later else random.uniform(0.5, 12.0)
    return Blow(round(at, 3), "restored", "", round(random.uniform(0.5, 10.0), 2))


_MEDDLING = ((8.0, "retry_all"), (8.1, "retry_all"), (12.0, "replay"))

PROFILES: Mapping[str, Callable[[Random], dict[str, Any]]] = {
    "swarm": _swarm,
    "calm": _corner(),
    "webhooks": _corner("webhook_duplicate", "webhook_new_id", "webhook_late", "webhook_dropped"),
    "forgery": _corner("webhook_forged", "webhook_poison"),
    "drift": _corner("webhook_drifted", "webhook_late"),
    "silence": _corner("webhook_dropped", "wake_lost", blows={"unsubscribed": 1}),
    "blind": _corner(
        "webhook_dropped", "store_refused", "commit_doubtful", blows={"unsubscribed": 4, "crash": 2},
        workers=2, skews=(400.0, -400.0), search_lag_s=LAG_S, orders=6,
    ),
    "answers": _corner("answer_lost", "answer_html", "answer_502", "answer_truncated"),
    "gateway": _corner("html_instead", "answer_502", "error_503"),
    "late": _corner("late_commit", blows={"crash": 2}, search_lag_s=LAG_S),
    "slow": _corner("slow_answer", "request_refused", search_lag_s=LAG_S / 2),
    "limits": _corner("rate_limited", "error_503", "record_changed", blows={"token_revoked": 1, "locked_out": 1}),
    "refusals": _corner("record_locked", "record_refused"),
    "outage": _corner("request_refused", blows={"outage": 3}),
    "crashes": _corner("answer_lost", blows={"crash": 4, "sigterm": 1}, workers=2),
    "pauses": _corner("late_commit", blows={"pause": 4}, workers=2, search_lag_s=LAG_S),
    "database": _corner(
        "store_refused", "commit_lost", "commit_doubtful", "commit_aborted", "wake_lost", blows={"store_down": 1}
    ),
    "stalls": _corner("store_slow", "slow_answer", "late_commit", workers=2),
    "torn": _corner("commit_lost", "late_commit", blows={"crash": 2, "store_down": 1}, workers=2),
    "clocks": _corner("answer_lost", "late_commit", blows={"clock_jump": 3, "crash": 1}, workers=2, skews=(0.0, 200.0)),
    "window": _corner("webhook_late", "webhook_duplicate", blows={"crash": 1}, edit_window_s=3.0),
    "cold": _corner("error_503", "request_refused", warm_s=0.0),
    "operators": _corner("answer_html", "webhook_poison", operator=_MEDDLING),
    "stock": _stock,
}  # fmt: skip
# A corner seed in so many is about stock, and a swarm in so many is told stock beside all else; all others are as if
# there were no stock.
_STOCK_CORNERS, _STOCK_SWARMS = 12, 6


# Not among what a seed may draw: a kind of story more would make every seed another run. ``--profile`` asks for it.
ON_REQUEST: Mapping[str, Callable[[Random], dict[str, Any]]] = {
    "refunds": _corner(*_AFTERMATH, blows={"crash": 2}, workers=2),
    "exchanges": _later(),
    "deposits": _later(payments="advance"),
    "returns": _later(returns=True),
    "payouts": _paid_out,
    "restored": _restored,
    "rests": _corner("rate_limited", blows={"crash": 1}, workers=3, rests=(2.0, 6.0, 12.0)),
}
AFTERWARDS = "afterwards"  # each seed one of these
REFUNDS = ("refund_all", "refund_unit", "refund_kept_unit", "refund_shipping", "refund_amount")
EXCHANGES = ("exchange_even", "exchange_cheaper", "exchange_dearer")
RETURNS = ("send_back", "send_back", "send_back_all")
AFTER_EXCHANGES = ("unexchange", "refund_unit", "refund_all", "pay_order", "tag_order", "exchange_even")


def scenario(seed: int, profile: str | None = None) -> Scenario:
    """The seed's run. Half of the seeds are a swarm, half are bad in one corner; ``AFTERWARDS``: each is one of what no
    seed draws by itself."""
    mixture, random = Random(f"{seed}/mixture"), Random(f"{seed}/plan")  # noqa: S311 - a new profile changes no other
    stock = Random(f"{seed}/stock")  # noqa: S311
    corner = mixture.choice([name for name in PROFILES if name not in ("swarm", "stock")])
    name = profile or ("swarm" if mixture.random() < 0.5 else corner)
    if profile is None and name != "swarm" and not stock.randrange(_STOCK_CORNERS):
        name = "stock"
    if name == AFTERWARDS:
        name = Random(f"{seed}/{AFTERWARDS}").choice(tuple(ON_REQUEST))  # noqa: S311
    drawn = {**PROFILES, **ON_REQUEST}[name](random)
    count, spread_s = random.choice((1, 1, 2, 3, 4)), random.choice((4.0, 4.0, 12.0))
    if "orders" in drawn:
        count, spread_s = drawn.pop("orders"), 12.0
    orders = tuple(_order(random, spread_s) for _ in range(count))
    story = drawn.pop("story", name)
    if story in ("refunds", "payouts"):
        orders = tuple(_refunded(Random(f"{seed}/refunds/{n}"), one) for n, one in enumerate(orders))  # noqa: S311
    if story == "deposits":
        orders = tuple(_captured(Random(f"{seed}/deposits/{n}"), one) for n, one in enumerate(orders))  # noqa: S311
    if story == "returns":
        orders = tuple(_sent_back(Random(f"{seed}/returns/{n}"), one) for n, one in enumerate(orders))  # noqa: S311
    if story == "exchanges":
        orders = tuple(_exchanged(Random(f"{seed}/exchanges/{n}"), one) for n, one in enumerate(orders))  # noqa: S311
    if name == "restored":
        drawn["blows"] += (_put_back(Random(f"{seed}/restored"), orders, bool(story)),)  # noqa: S311
    planned = Scenario(seed, name, orders, **drawn)
    told = name == "stock" or (name == "swarm" and not stock.randrange(_STOCK_SWARMS))
    return _stocked(stock, planned) if told else planned


@cache
def kinds_drawn(profile: str, first: int, count: int) -> frozenset[str]:
    """The kinds of faults that may strike in these seeds of a profile."""
    return frozenset(kind for seed in range(first, first + count) for kind in scenario(seed, profile).kinds())


def _stocked(random: Random, planned: Scenario) -> Scenario:
    """The same with stock switched on; what is about stock sells a few SKUs again and again."""
    names = tuple(f"SKU-{number:04}" for number in random.sample(range(1, PRODUCTS + 1), stock_plan.MOST_SKUS))
    few = names if planned.profile == "stock" else ()
    orders = tuple(
        msgspec.structs.replace(one, wish=stock_plan.wishes(random, one.wish, few)) for one in planned.orders
    )
    skus = [sku for one in orders for sku in one.wish["skus"]]
    stock, rates = stock_plan.draw(random, skus, TROUBLE_S * 0.7), dict(planned.rates)
    if random.random() < 0.3:
        rates["row_unreadable"] = round(RATES["row_unreadable"] * random.uniform(0.5, 1.0), 3)
    return msgspec.structs.replace(planned, orders=orders, stock=stock, rates=rates)


def _refunded(random: Random, plan: OrderPlan) -> OrderPlan:
    """With one to three refunds, at any time after it was placed."""
    acts = [(round(random.uniform(0.5, 14.0), 2), random.choice(REFUNDS)) for _ in range(random.choice((1, 1, 2, 3)))]
    return msgspec.structs.replace(plan, acts=tuple(sorted((*plan.acts, *acts))))


def _captured(random: Random, plan: OrderPlan) -> OrderPlan:
    """Paid at once or in parts, and with money given back."""
    acts, wish = [act for act in plan.acts if act[1] != "pay_order"], {**plan.wish, "paid": random.random() < 0.4}
    if not wish["paid"]:
        acts += [(round(random.uniform(0.1, 6.0), 2), "capture_part") for _ in range(random.choice((0, 1, 2)))]
        acts.append((round(random.uniform(0.1, 14.0), 2), "pay_order"))
    for _ in range(random.choice((0, 1, 1, 2))):
        acts.append((round(random.uniform(0.5, 20.0), 2), random.choice(REFUNDS)))
    return msgspec.structs.replace(plan, wish=wish, acts=tuple(sorted(acts)))


def _sent_back(random: Random, plan: OrderPlan) -> OrderPlan:
    """With one or two returns once goods have left; what becomes of each is drawn in the run."""
    acts = [(round(random.uniform(2.0, 14.0), 2), random.choice(RETURNS)) for _ in range(random.choice((1, 1, 2)))]
    wish = {**plan.wish, "quantity": random.choice((1, 2, 3))}
    return msgspec.structs.replace(plan, wish=wish, acts=tuple(sorted((*plan.acts, *acts))))


def _exchanged(random: Random, plan: OrderPlan) -> OrderPlan:
    """With goods exchanged once they have left, and what customers do after it."""
    at = round(random.uniform(4.0, 9.0), 2)
    acts = [(at, random.choice(EXCHANGES)), (round(at + 2.0, 2), random.choice(EXCHANGES))]
    acts += [
        (round(at + random.uniform(0.1, 6.0), 2), random.choice(AFTER_EXCHANGES))
        for _ in range(random.choice((0, 1, 1, 2)))
    ]
    wish = {**plan.wish, "presentment": "EUR"}  # the simulated shop exchanges orders of its own currency only
    return msgspec.structs.replace(plan, wish=wish, acts=tuple(sorted((*plan.acts, *acts))))


def _order(random: Random, spread_s: float) -> OrderPlan:
    skus = random.sample(range(1, PRODUCTS + 1), random.choice((1, 1, 2, 3)))
    wish: dict[str, Any] = {"skus": [f"SKU-{number:04}" for number in skus]}
    for trait, share in (("skuless", 0.04), ("test", 0.03)):
        if random.random() < share:
            wish[trait] = True
    if random.random() < 0.25:
        wish["paid"] = False
    acts = []
    if wish.get("paid") is False:
        acts.append((round(random.uniform(0.1, 8.0), 2), "pay_order"))
    for verb, share in (("edit_address", 0.15), ("tag_order", 0.15), ("cancel_order", 0.15)):
        if random.random() < share:
            acts.append((round(random.uniform(0.0, random.choice((1.0, 9.0))), 2), verb))
    for verb, share in (("hold", 0.06), ("cancel", 0.03), ("void_label", 0.05)):
        if random.random() < share:
            acts.append((round(random.uniform(1.0, 8.0), 2), f"{WAREHOUSE} {verb}"))
    return OrderPlan(round(random.uniform(0.0, spread_s), 3), wish, tuple(sorted(acts)))
