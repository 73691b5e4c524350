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


MOST_PARTS = 3


def _order(house: House, channel: Channel, erp: NetSuite | Central, order_id: str) -> list[str]:
    """One order of the channel's with its exchange orders, which the channel shows in it."""
    ids = [order_id, *(f"{order_id}-X{number + 1}" for number in range(MOST_PARTS))]
    found = [said for one in ids for said in _documents(erp, one)]
    memos = [memo for one in ids for memo in erp.memos(one)]
    net = sum((bill for one in ids for bill in erp.invoices(one).values()), ZERO)
    net -= sum((memo.total for memo in memos), ZERO)
    kept: Decimal = channel.kept(order_id)
    if net > kept:
        found.append(BILLED_MORE)
    elif net < kept:
        found.append(BILLED_LESS if all(memo.ours for memo in memos) else CREDITED_MORE)
    releases = [release for one in ids for release in released(house, one)]
    if releases and not channel.entry(order_id)["cancelled"]:
        shipments = [one for release in releases for one in release["shipments"]]
        left = sum((Decimal(li["quantity"]) for one in shipments for li in one["lines"]), ZERO)
        posted = sum((erp.units(one) for one in ids), ZERO)
        if not left == posted == channel.units(order_id):
            found.append(f"{order_id}: {left} units left, {posted} posted, {channel.units(order_id)} told")
    return found


def _documents(erp: NetSuite | Central, order_id: str) -> list[str]:
    found, bills = [], erp.invoices(order_id)
    if len(bills) > 1:
        found.append(f"{order_id} is billed {len(bills)} times")
    if not bills and erp.orders(order_id):
        found.append(f"{order_id} is booked and neither billed nor closed")
    if erp.drafts(order_id):
        found.append(f"{order_id}: a credit memo was begun and is not posted")
    return found
