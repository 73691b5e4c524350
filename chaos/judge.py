"""The judgement: the vendors' own books against what the shop was told is safe."""

from collections import Counter
from typing import Any

import msgspec

from chaos.house import House
from crossdock.demo import watching
from crossdock.demo.books import Books, reconcile
from crossdock.demo.plan import ERP, SHOP, WAREHOUSE
from crossdock.store.pool import reading_pool

# How titles of exceptions begin that a person may be told of: none. What the simulated shop sells can all be booked,
# and an order that is given up because something was away for a while is not saved, it is a person's work.
EXPECTED: tuple[str, ...] = ()


class Judgement(msgspec.Struct, frozen=True):
    """``lost``: acknowledged, and neither in the ERP nor with a person. ``wrong``: whatever else does not balance,
    orders that were never acknowledged included: a poll must have found them. ``exceptions``: cause -> orders."""

    placed: int
    acknowledged: int
    booked: int
    lost: list[str]
    doubled: list[str]
    wrong: list[str]
    exceptions: dict[str, int]

    @property
    def holds(self) -> bool:
        return not self.complaints()

    def complaints(self) -> list[str]:
        """What does not balance."""
        named = (("lost", self.lost), ("doubled", self.doubled), ("wrong", self.wrong))
        given_up = [f"with a person: {n} x {why}" for why, n in self.exceptions.items() if not why.startswith(EXPECTED)]
        return [f"{name}: {what}" for name, found in named for what in found] + given_up


def judged(shop: Books, erp: Books, warehouse: Books, told: set[str], exceptions: dict[str, list[str]]) -> Judgement:
    """``told``: the shop's ids of orders whose webhook was answered 2xx; ``exceptions``: order key -> open ones."""
    booked = Counter(str(one["external_id"]) for one in erp["sales_orders"])
    due = {str(one["id"]) for one in shop["orders"] if not one["test"] and not one["cancelled"]}
    keys = {number: f"{SHOP}-{number}" for number in told & due}
    lost = [key for key in keys.values() if not booked[key] and not exceptions.get(key)]
    doubled = [f"{key}: {times} in the ERP" for key, times in booked.items() if times > 1]
    doubled += [
        f"{key}: the same exception twice"  # several causes are several exceptions
        for key in keys.values()
        if len(exceptions.get(key, ())) != len(set(exceptions.get(key, ())))
    ]
    doubled += [f"{key}: twice in the warehouse" for key in warehouse["repeated"]]
    doubled += [f"{number}: tracking told twice" for number in shop["repeated_tracking"]]
    found = reconcile(shop, erp, warehouse, exceptions, excused=exceptions)  # they are complaints of their own
    wrong = [*found.wrong, *(f"{one.what}: {one.expected} | {one.found}" for one in found.accounts if not one.balances)]
    return Judgement(
        len(shop["orders"]), len(told), len(booked), sorted(lost), sorted(doubled), wrong, found.exceptions
    )  # fmt: skip


async def judge(house: House) -> Judgement:
    """Read everybody's books and judge. The house must be quiet."""
    shop, erp, warehouse = [await house.vendors.books(name) for name in (SHOP, ERP, WAREHOUSE)]
    told = await house.acknowledged()
    pool: Any = await reading_pool(house.server.url(), size=1)
    try:
        exceptions = await watching.exceptions_by_order(pool)
    finally:
        await pool.close()
    return judged(shop, erp, warehouse, told, exceptions)
