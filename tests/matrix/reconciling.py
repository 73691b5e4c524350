"""Reconciliation of a pair from the vendors' own books: every order of the channel, to the cent, and nothing twice."""

from decimal import Decimal

from tests.matrix.sides import ZERO, Central, Channel, NetSuite
from tests.process.books import released
from tests.process.house import House

BILLED_MORE = "billed more than sold: credit the difference"
BILLED_LESS = "billed less than sold: bill what was added"
CREDITED_MORE = "credited more than paid back: pay it back"


def reconcile(house: House, channel: Channel, erp: NetSuite | Central) -> list[str]:
    """What does not agree, in words; empty when the books are level."""
    found = [f"doubled in the ERP: {each}" for each in erp.doubled()]
    found += [f"released twice: {each}" for each in house.warehouse.books()["repeated"]]
    found += [f"told the channel twice: {each}" for each in house.shop.books()["repeated_tracking"]]
    for entry in house.shop.books()["orders"]:
        found += _order(house, channel, erp, str(entry["id"]))
    return found


def _order(house: House, channel: Channel, erp: NetSuite | Central, order_id: str) -> list[str]:
    bills, memos = erp.invoices(order_id), erp.memos(order_id)
    found = []
    if len(bills) > 1:
        found.append(f"{order_id} is billed {len(bills)} times")
    if not bills and erp.orders(order_id):
        found.append(f"{order_id} is booked and neither billed nor closed")
    net = sum(bills.values(), ZERO) - sum((memo.total for memo in memos), ZERO)
    kept: Decimal = channel.kept(order_id)
    if erp.drafts(order_id):
        found.append(f"{order_id}: a credit memo was begun and is not posted")
    if net > kept:
        found.append(BILLED_MORE)
    elif net < kept:
        found.append(BILLED_LESS if all(memo.ours for memo in memos) else CREDITED_MORE)
    releases = released(house, order_id)
    if releases and not channel.entry(order_id)["cancelled"]:
        left = sum((Decimal(li["quantity"]) for one in releases[0]["shipments"] for li in one["lines"]), ZERO)
        if not left == erp.units(order_id) == channel.units(order_id):
            told = f"{erp.units(order_id)} posted, {channel.units(order_id)} told"
            found.append(f"{order_id}: {left} units left, {told}")
    return found
