"""Found by the demo: an order with a tip, paid in another currency than the shop's, could not be read at all."""

from datetime import UTC, datetime
from random import Random

import msgspec

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import LineKind
from crossdock.simulators.shopify.placing import place
from crossdock.simulators.shopify.simulator import RATES
from crossdock.simulators.shopify.traffic import Wish


def test_a_tip_that_is_told_in_the_shops_currency_only_is_the_line_of_that_worth() -> None:
    wish = Wish(presentment="USD", tip=True, paid=True, lines=2)
    body = place(Random(1), 6_000_000_000_001, 1001, "EUR", datetime(2026, 11, 2, tzinfo=UTC), wish, RATES)
    assert "total_tip_received_set" not in body
    (event,) = CONNECTOR.translate("shop", "orders/create", msgspec.json.encode(body))
    assert isinstance(event, OrderSeen)
    (tip,) = [line for line in event.order.lines if line.kind is LineKind.TIP]
    assert str(tip.unit_price.shop) == body["total_tip_received"]
    assert tip.unit_price.presentment is not None
