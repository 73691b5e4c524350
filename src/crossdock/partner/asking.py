"""Questions of partners, answered from what was read of the ERP: with its age, and ``unknown`` where it is not known.

No other system is called. One that is away cannot make an answer late; what was read too long ago is no answer.
"""

from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from crossdock.domain.decision import CustomerMaster, Policy, ProductMaster
from crossdock.domain.matching import mail
from crossdock.partner.counter import Asking, Counter, counter_of, partner_of
from crossdock.partner.problems import Refusal
from crossdock.store.reading import plain, statements

MOST_SKUS = 200
Known = Literal["active", "inactive", "unknown"]
Master = TypeVar("Master", CustomerMaster, ProductMaster)


class Source(msgspec.Struct, frozen=True):
    """Where an answer comes from. ``age_s``: since what was asked for was last read there; None: never."""

    system: str
    reachable: bool  # as Crossdock's last calls found it; an answer does not depend on it
    age_s: float | None = None


class CustomerAnswer(msgspec.Struct, frozen=True):
    """Whether a buyer is a customer. ``unknown`` is no ``no``: see ``why``."""

    customer: Known
    source: Source
    as_of: datetime | None = None
    currency: str | None = None
    why: str | None = None


class ProductAnswer(msgspec.Struct, frozen=True):
    """What is known of one SKU. For its price and availability ask by those names: here they are always ``unknown``."""

    sku: str
    product: Known
    as_of: datetime | None = None
    title: str | None = None
    why: str | None = None
    price: Literal["unknown"] = "unknown"
    availability: Literal["unknown"] = "unknown"


class ProductAnswers(msgspec.Struct, frozen=True):
    products: list[ProductAnswer]
    source: Source


class CustomerQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str


class ProductQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    skus: list[str]


class Read(msgspec.Struct, frozen=True):
    """A master as it was read."""

    body: bytes
    as_of: datetime


async def customer(request: Asking, asked: CustomerQuestion) -> CustomerAnswer:
    """Whether the route's ERP has this customer. Raises ``Refusal``."""
    counter = counter_of(request)
    erp, address = policy_of(request, counter).erp, mail(asked.email)
    if not address or len(address) > 320:
        raise Refusal("request_refused", "'email' is empty or too long.")
    source = await source_of(counter, erp, "customer")
    found = (await _masters(counter, erp, "customer", [address])).get(address)
    known, master, why = _judge(counter, source, found, CustomerMaster, "customer")
    return CustomerAnswer(known, source, found.as_of if found else None, master.currency if master else None, why)


async def products(request: Asking, asked: ProductQuestion) -> ProductAnswers:
    """What is known of each SKU. Raises ``Refusal``."""
    counter = counter_of(request)
    erp = policy_of(request, counter).erp
    if not 1 <= len(asked.skus) <= MOST_SKUS or not all(1 <= len(sku) <= 200 for sku in asked.skus):
        raise Refusal("request_refused", f"Ask for 1 to {MOST_SKUS} SKUs of 1 to 200 characters.")
    source = await source_of(counter, erp, "product")
    read = await _masters(counter, erp, "product", asked.skus)
    return ProductAnswers([_product(counter, source, sku, read.get(sku)) for sku in asked.skus], source)


def _product(counter: Counter, source: Source, sku: str, found: Read | None) -> ProductAnswer:
    known, master, why = _judge(counter, source, found, ProductMaster, "item")
    return ProductAnswer(sku, known, found.as_of if found else None, master.title if master else None, why)


def policy_of(request: Asking, counter: Counter) -> Policy:
    """The route of the partner's connection. Raises ``Refusal(not_found)``."""
    connection = partner_of(request).connection
    policy = counter.policies.get(connection)
    if policy is None:
        raise Refusal("not_found", f"No route says which ERP answers for {connection}.")
    return policy


async def source_of(counter: Counter, erp: str, kind: str) -> Source:
    """How the ERP is reached, and when masters of a kind were last read there; anything, where no poll is for them."""
    poll = counter.reads.get(erp, {}).get(kind)
    row = await counter.pool.fetchrow(statements("partner").source, erp, poll)
    if row is None:
        return Source(erp, reachable=False)
    age_s = None if row["read_at"] is None else (row["now"] - row["read_at"]).total_seconds()
    return Source(erp, row["breaker"] == "closed" and not row["paused"], age_s)


async def kept(counter: Counter, erp: str, kind: str, keys: list[str]) -> list[tuple[str, Read]]:
    """Masters by key; of customers several may be under one."""
    rows: list[Any] = await counter.pool.fetch(statements("partner").masters, erp, kind, keys)
    return [(row["key"], Read(plain(row["body"]), row["as_of"])) for row in rows]


async def _masters(counter: Counter, erp: str, kind: str, keys: list[str]) -> dict[str, Read]:
    return dict(await kept(counter, erp, kind, keys))


def _judge(
    counter: Counter, source: Source, found: Read | None, kind: type[Master], word: str
) -> tuple[Known, Master | None, str | None]:
    """What may be said: a yes only of what was read, and lately enough."""
    if source.age_s is None:
        return "unknown", None, f"Nothing was read from {source.system} yet."
    if source.age_s > counter.fresh_s:
        return "unknown", None, f"{source.system} was last read {source.age_s / 3600:.0f} hours ago."
    if found is None:
        return "unknown", None, f"{source.system} had no such {word} when it was last read."
    master = msgspec.json.decode(found.body, type=kind)
    return ("active" if master.active else "inactive"), master, None
