"""Orders of ours that are one order in the channel: an order and its exchange orders, each leading to the other."""

from decimal import Decimal

import msgspec

from crossdock.domain.order import order_key, part_key
from crossdock.domain.state import OrderState


class Kin(msgspec.Struct, frozen=True):
    """One that belongs to the order shown. ``is_part``: an exchange order of it; else it is one of this order."""

    key: str
    number: str
    is_part: bool
    total: Decimal | None = None  # of a part, on the shop's side
    currency: str = ""


def kin(state: OrderState | None) -> list[Kin]:
    """None of an order that nothing was told apart of."""
    newest = state.newest if state is not None else None
    if newest is None:
        return []
    if newest.part is not None:
        number = newest.number.removesuffix(f"-{newest.part}")
        return [Kin(order_key(newest.channel, newest.external_id), number, is_part=False)]
    return [
        Kin(part_key(newest.key, one.part), f"{newest.number}-{one.part}", True, one.total.shop, newest.currency)
        for one in newest.apart
    ]
