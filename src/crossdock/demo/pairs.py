"""Which systems the demo joins: their accounts, how Crossdock reaches them, and their books in one form.

Reconciliation (``books.py``) knows one form of books, the first pair's; each other vendor's are told in it here, from
what that vendor shows and nothing else.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from crossdock.demo.plan import ERP, PAIRS, SHOP, WAREHOUSE
from crossdock.domain.promise import WEEKDAYS

Books = Mapping[str, Any]
LARGE = {"rate_per_s": 2000, "burst": 20000}  # a large account's limits; the simulated vendors grant and watch the same
CONCURRENCY = 15
PLACE, SHELF_PLACE = "101", "1"  # where the shop sells from, and the ERP's location that feeds it
PROMISE = {  # the simulated warehouse knows no weekend
    "time_zone": "UTC",
    "cut_off": "22:00",
    "collection": "23:00",
    "working_days": list(WEEKDAYS),
    "default_transit_days": 2,
    # Minutes where a real route has hours: only what stands still just before the cut-off is late.
    "lead_minutes": 5,
    "warn_minutes": 1,
}
QUEUE_PATH = "/123456789012/order-changes"  # of Amazon's notifications, at the same host


class Account(msgspec.Struct, frozen=True):
    """One vendor's account. ``made_with``: what its simulator is made with, told to the vendors' process.
    ``settings``: of the connection, by the simulator's address."""

    made_with: dict[str, Any]
    settings: Callable[[str], dict[str, Any]]
    secrets: dict[str, str]


class Pair(msgspec.Struct, frozen=True):
    """A channel and an ERP; ``systems``, ``quotas`` and ``accounts`` by connection name. ``guest``: the ERP's customer
    for unknown buyers. ``polled``: the channel posts no webhooks, so that orders come with the next poll. ``route``:
    what else is configured of it."""

    systems: dict[str, str]
    quotas: dict[str, dict[str, int]]
    accounts: Callable[[Random], dict[str, Account]]
    guest: str
    shop_books: Callable[[Books], Books]
    erp_books: Callable[[Books], Books]
    polled: bool = False
    route: dict[str, Any] = {}  # further settings of the route


def as_told(books: Books) -> Books:
    """Books that are in the one form already."""
    return books


def _secret(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"


def _warehouse(random: Random) -> Account:
    token, webhook = _secret(random), _secret(random)
    return Account(
        {"refresh_token": token, "webhook_secret": webhook, "credits": 20000.0, "restore_per_s": 1000.0},
        lambda url: {"base_url": url},
        {"refresh_token": token, "webhook_secret": webhook},
    )


def _shopify_netsuite(random: Random) -> dict[str, Account]:
    from crossdock.simulators.netsuite import make_credentials

    token, webhook = _secret(random), _secret(random)
    shop = Account(
        {"access_token": token, "webhook_secret": webhook, "restore_rate": 2000.0, "maximum": 20000.0},
        lambda url: {
            "shop_domain": "simulated.myshopify.com",
            "api_base": url,
            "stock_locations": [PLACE],
            "payouts": True,
        },
        {"access_token": token, "webhook_secret": webhook},
    )
    known = make_credentials(datetime.now(UTC))
    erp = Account(
        {**known.account_settings(), "concurrency": CONCURRENCY},
        lambda url: {**known.connection_settings(url), "concurrency": CONCURRENCY},
        known.connection_secrets(),
    )
    return {SHOP: shop, ERP: erp, WAREHOUSE: _warehouse(random)}


def _amazon_businesscentral(random: Random) -> dict[str, Account]:
    from crossdock.simulators.businesscentral import Registration

    secret, token = _secret(random), f"Atzr|{_secret(random)}"
    client = f"amzn1.application-oa2-client.{_secret(random)}"
    queue = {"aws_region": "us-east-1", "aws_access_key_id": "AKIASIMULATED"}
    secrets = {"client_secret": secret, "refresh_token": token, "aws_secret_access_key": _secret(random)}
    shop = Account(
        # Amazon's own rates are half a call a second, and a search shows nothing of the last two minutes
        {"client_id": client, **queue, **secrets, "behind_s": 0.0, "plan": 1e6},
        lambda url: {
            "client_id": client,
            "api_base": url,
            "auth_url": f"{url}/auth/o2/token",
            "queue_url": f"{url}{QUEUE_PATH}",
            **queue,
        },
        secrets,
    )
    known = Registration(client_secret=_secret(random))
    erp = Account(
        {"registration": msgspec.to_builtins(known), "requests": 10_000_000},
        # Amazon tells no rates: its tax is a line of an account
        lambda url: {**known.connection_settings(url, tax_mode="account"), "order_prefixes": [SHOP]},
        known.connection_secrets(),
    )
    return {SHOP: shop, ERP: erp, WAREHOUSE: _warehouse(random)}


def amazon_books(books: Books) -> Books:
    """A seller's account: it has no test orders, and calls what left packages."""
    orders = [{**order, "test": False} for order in books["orders"]]
    told = {"fulfillments": books["packages"], "repeated_tracking": books["repeated_tracking"]}
    return {"orders": orders, **told}


def central_books(books: Books) -> Books:
    """A company: an order that is posted whole is no order any more, but a shipment and an invoice of its number. Keys
    are kept in capitals there. A shipment that moves no goods (it bills shipping) is none of the warehouse's. What
    was in an order that is gone is told by its shipments."""
    standing = {(_key(one), one["number"]): _amount(one) for one in books["orders"]}
    posted: dict[tuple[str, str], dict[str, Any]] = {}
    for one in books["invoices"]:
        if (order := (_key(one), one["order"])) not in standing:
            known = posted.setdefault(order, {**_amount(one), "total": "0"})
            known["total"] = str(Decimal(known["total"]) + Decimal(one["total"]))
    sales = {**standing, **posted}
    goods = [one for one in books["shipments"] if any(line["kind"] == "Item" for line in one["lines"])]
    left: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in goods:
        left.setdefault((_key(one), one["order"]), []).extend(_goods(one))
    ordered = {(_key(one), one["number"]): _goods(one) for one in books["orders"]}
    items = {line["item"] for lines in (*left.values(), *ordered.values()) for line in lines}
    return {
        "items": {number: number for number in items},  # an item's number is its SKU
        "sales_orders": [
            {"external_id": order[0], "lines": ordered.get(order, left.get(order, [])), **amount}
            for order, amount in sales.items()
        ],
        "fulfilments": [{"order_external_id": _key(one), "lines": _goods(one)} for one in goods],
        "invoices": [{"order_external_id": _key(one), **_amount(one)} for one in books["invoices"]],
    }


def _goods(document: Books) -> list[dict[str, Any]]:
    return [
        {"item": line["number"], "quantity": line["quantity"]} for line in document["lines"] if line["kind"] == "Item"
    ]


def _key(document: Books) -> str:
    return str(document["external"]).lower()


def _amount(document: Books) -> dict[str, Any]:
    return {"total": document["total"], "currency": document["currency"]}


_SHIPHERO = {"rate_per_s": 1000, "burst": 20000}
_SHOPIFY_NETSUITE = Pair(
    {SHOP: "shopify", ERP: "netsuite", WAREHOUSE: "shiphero"},
    {SHOP: LARGE, ERP: {"concurrency": CONCURRENCY}, WAREHOUSE: _SHIPHERO},
    _shopify_netsuite,
    "9001",
    as_told,
    as_told,
    route={
        "publish_invoices": True,
        # Seconds where a real route has minutes, so that a visitor sees numbers move.
        "stock": {"locations": {PLACE: {"sources": [SHELF_PLACE]}}, "grace_s": 20, "settle_s": 5},
        "promise": PROMISE,
    },
)
_AMAZON_BUSINESSCENTRAL = Pair(
    {SHOP: "amazon", ERP: "businesscentral", WAREHOUSE: "shiphero"},
    {SHOP: LARGE, ERP: {"concurrency": CONCURRENCY, **LARGE}, WAREHOUSE: _SHIPHERO},
    _amazon_businesscentral,
    "C00000",
    amazon_books,
    central_books,
    polled=True,
)
PAIRED: Mapping[str, Pair] = dict(zip(PAIRS, (_SHOPIFY_NETSUITE, _AMAZON_BUSINESSCENTRAL), strict=True))
