"""The runs that a sweep kills at every boundary: short, and calm but for the one thing that each is about.

Each ends when everything is at rest and every poll ran once more, so that a sweep is not spent on idling.
"""

from collections.abc import Mapping
from typing import Any

from crossdock.proof.plan import OrderPlan, Scenario

_AT_REST_S = 6.3  # an order is done after some 4 s; the polls after that have run


def _golden(*orders: OrderPlan, seed: int = 1, **more: Any) -> Scenario:
    return Scenario(seed, "golden", orders, **{"trouble_s": _AT_REST_S, "replayed": False, **more})


def _order(*skus: int, at: float = 0.2, acts: tuple[tuple[float, str], ...] = ()) -> OrderPlan:
    return OrderPlan(at, {"skus": [f"SKU-{number:04}" for number in skus]}, acts)


GOLDEN: Mapping[str, Scenario] = {
    # two shipments of one parcel each
    "one-order": _golden(_order(1)),
    # three shipments: how many there are is the warehouse's chance
    "parcels": _golden(_order(1, 2, 3), seed=15),
    # cancelled while the ERP is booking it
    "cancelled": _golden(_order(1, acts=((0.03, "cancel_order"),))),
    # cancelled while the warehouse is taking it
    "called-back": _golden(_order(1, acts=((0.08, "cancel_order"),))),
    # the ERP booked it, and its answer never came: the doubt is waited out
    "answer-lost": _golden(_order(1), struck=(("answer_lost", "order.book"),), trouble_s=9.0),
    # every webhook comes three times, once under another id, in any order
    "webhooks": _golden(_order(1), rates={"webhook_duplicate": 1.0, "webhook_new_id": 1.0}),
    # no webhook ever comes: two workers find everything by polling
    "polls": _golden(_order(1, at=4.5), rates={"webhook_dropped": 1.0}, workers=2, trouble_s=14.0),
    # two workers share the work
    "two-workers": _golden(_order(1), workers=2),
}
