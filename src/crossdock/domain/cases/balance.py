"""Goods left before the order was changed: what is out must still fit what is wanted."""

from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.money import ZERO
from crossdock.domain.problems import problem
from crossdock.domain.state import ordered, shipped

BALANCE = "shipment.balance"


def balance(d: Draft) -> None:
    """Open a problem when more left than the order, as it now is, wants; settle it when it fits again."""
    if not d.state.shipments:
        return
    wanted = {line.id: ordered(line) for line in d.order.lines}
    over = [
        f"line {id_}: {units(quantity)} left, {units(wanted.get(id_, ZERO))} wanted"
        for id_, quantity in shipped(d.state).items()
        if quantity > wanted.get(id_, ZERO)
    ]
    if not over:
        d.settle(BALANCE)
        return
    title = "More left than the changed order wants"
    d.open(problem("shipment.exceeds_order", BALANCE, title, "changed", {"lines": over}), "take.shipments")
