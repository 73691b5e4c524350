"""Trains the dictionary that stored JSON is compressed with, from what the simulated shop and the domain write.

    PYTHONPATH=src python scripts/dictionary.py 2 > src/crossdock/store/dictionaries/2.zdict

Once a dictionary was released it is never changed nor removed: rows written with it need it for ever. A better one
gets the next number. The number stands in every frame.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import zstandard

from crossdock.connectors.netsuite.mapping import render_order
from crossdock.connectors.shopify.translating import translate
from crossdock.domain.commands import BookOrder
from crossdock.domain.decision import Context, Masters, Policy, ProductMaster
from crossdock.domain.events import CommandSettled, encode_event
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Done
from crossdock.simulators.shopify.placing import place
from crossdock.simulators.shopify.simulator import RATES
from crossdock.simulators.shopify.traffic import Wish

SIZE = 32 * 1024
ORDERS = 1_500
START = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = ("tax_code", "tax_type", "shipping_item", "discount_item", "gift_card_item", "tip_item", "tax_item")
ERP = dict.fromkeys((*ITEMS, "channel_tax_item", "rounding_item", "duty_item", "fee_item"), "7")
POLICIES = (
    Policy("shop1", "erp1", guest_customer="9001", invoice="take"),
    Policy("shop1", "erp1", guest_customer="9001", warehouse="wms1"),
    Policy("shop1", "erp1", guest_customer="9001", warehouse="wms1", edit_window_s=900.0),
)


class _EveryProduct:
    def product(self, sku: str) -> ProductMaster:
        return ProductMaster(sku, str(1000 + len(sku)))

    def customer(self, email: str) -> None:
        return None


def stored(random: Random, number: int) -> Iterator[bytes]:
    """What one order leaves in the database: message, state, journal, payload and outcome."""
    now = START + timedelta(seconds=random.randrange(40_000_000))
    currency = random.choice(("EUR", "USD", "GBP"))
    body = place(
        random, 6_000_000_000_000 + random.randrange(10**11), number, currency, now, Wish(presentment=currency), RATES
    )
    message = msgspec.json.encode(body)
    yield message
    masters: Masters = _EveryProduct()
    policy = random.choice(POLICIES)
    context = Context(
        now + timedelta(microseconds=random.randrange(10**6)), {"shop1": policy}, {"erp1": masters}, _free
    )
    state = ORDER.blank()
    events = translate("shop1", "orders/create", message)
    for event in events:
        decision = ORDER.decide(state, event, context)
        state = decision.after
        yield ORDER.store(state)
        yield ORDER.store_entries(decision.entries)
        for command in decision.commands:
            yield msgspec.json.encode(command.payload)
            if isinstance(command.payload, BookOrder):
                yield msgspec.json.encode(render_order(command.payload, ERP))
            refs = {"salesOrder": str(random.randrange(10**6))}
            settled = CommandSettled(command.key, command.payload.purpose, command.target, Done(refs))
            yield encode_event(settled)
            events.append(settled)


def _free(_order: object) -> list[object]:
    return []


def main() -> None:
    """Write the dictionary of the number given to standard output."""
    random = Random(1)  # noqa: S311 - no secret
    samples = [sample for number in range(1001, 1001 + ORDERS) for sample in stored(random, number)]
    trained = zstandard.train_dictionary(SIZE, samples, dict_id=int(sys.argv[1]), level=1)
    sys.stdout.buffer.write(trained.as_bytes())


if __name__ == "__main__":
    main()
