"""Payouts in a run: the shop pays out, and the ERP must have one journal entry of each, to the cent, fees apart."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossdock.proof.plan import SHOP, PayoutPlan
from crossdock.simulators.netsuite.catalogue import ACCOUNTS
from crossdock.simulators.shopify import ShopifySimulator

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Found = list[tuple[str, str]]
ZERO = Decimal(0)
PAID, UNDER_WAY, FAILED = "PAID", "IN_TRANSIT", "FAILED"
_PREFIX = f"{SHOP}-SETTLEMENT-"


async def pay_out(shop: ShopifySimulator, plan: PayoutPlan, note: Callable[[str, str, str], None]) -> None:
    """Pay out what there is, if anything, and let the bank take its time, or send it back."""
    shop.payments.enter()
    if all(one.payout is not None for one in shop.payments.transactions):
        return
    first, then = {"paid": (PAID, PAID), "slow": (UNDER_WAY, PAID), "failed": (UNDER_WAY, FAILED)}.get(
        plan.fate, (PAID, FAILED)
    )
    made = str(shop.act("payout", {"status": first})["id"])
    note(SHOP, f"payout {made}: {plan.fate}", f"{SHOP}-{made}")
    await asyncio.sleep(plan.takes_s)
    if then != first:
        shop.act("settle_payout", {"id": made, "status": then})
        note(SHOP, f"payout {made} is {then}", f"{SHOP}-{made}")


def entered_twice(evidence: "Evidence") -> Found:
    """I1b: payouts with more than one journal entry."""
    counted = Counter(payout for payout, _ in _entries(evidence))
    return [(f"{SHOP}-{payout}", f"{times} journal entries") for payout, times in counted.items() if times > 1]


def entered_otherwise(evidence: "Evidence") -> Found:
    """I2: payouts that the ERP has otherwise than the shop, or not at all, and nobody is told; entries of nothing."""
    entries, problems, found = dict(_entries(evidence)), evidence.open_problems(), []
    for one in evidence.vendors.shop.books()["payouts"]:
        key, entry = f"{SHOP}-{one['id']}", entries.pop(one["id"], None)
        if problems.get(key):
            continue
        if entry is None and one["status"] == PAID:
            found.append((key, "paid out, but neither in the ERP nor an open exception"))
        elif entry is not None and one["status"] != PAID:
            found.append((key, f"it is {one['status']}, the ERP has it, and nobody is told"))
        elif entry is not None and entry != (wanted := _wanted(one)):
            found.append((key, f"the ERP has {entry}, the shop {wanted}"))
    return found + [(f"{SHOP}-{payout}", "in the ERP, but no payout of the shop's") for payout in entries]


def unheard_of(evidence: "Evidence") -> Found:
    """I9: payouts that the shop lists as paid and that we never heard of."""
    if not evidence.scenario.payouts:
        return []
    known = {row.ref.key for row in evidence.books.rows.values() if row.ref.kind == "settlement" and row.version}
    keys = [f"{SHOP}-{one['id']}" for one in evidence.vendors.shop.books()["payouts"] if one["status"] == PAID]
    return [(key, "the shop paid it out, we never heard of it") for key in keys if key not in known]


def _wanted(payout: Any) -> dict[str, Decimal]:
    """Use of an account -> debit less credit."""
    sums = {"bank": payout["net"], "fees": payout["fees"], "clearing": -Decimal(payout["gross"])}
    return {use: Decimal(amount) for use, amount in sums.items() if Decimal(amount)}


def _entries(evidence: "Evidence") -> Iterator[tuple[str, dict[str, Decimal]]]:
    """Payout's id -> what its journal entry says, as ``_wanted`` does."""
    for document in evidence.vendors.erp.books()["journal_entries"]:
        sums: dict[str, Decimal] = {}
        for row in document["lines"]:
            use = ACCOUNTS[row["account"]][0]
            sums[use] = sums.get(use, ZERO) + Decimal(row["debit"]) - Decimal(row["credit"])
        yield str(document["external_id"]).removeprefix(_PREFIX), {use: sum_ for use, sum_ in sums.items() if sum_}
