"""The shipments of one order, read because a message only said that there is something new about them."""

from crossdock.connectors.shiphero import wire
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.mapping import shipment_of
from crossdock.connectors.shiphero.polls import PAGE_SIZE
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.manifest import Follow, Result, Untranslatable


async def read_shipments(client: ShipHero, order_id: str) -> Result:
    """All of them, told to the order's stream. Raises ``Stopped``."""
    follows: list[Follow] = []
    after: str | None = None
    while True:
        variables = {"order": order_id, "first": PAGE_SIZE, "after": after}
        page = (await client.ask(wire.SHIPMENTS_OF, variables, wire.ShipmentsListed)).shipments.data
        try:
            told = [shipment_of(client.line.connection, bytes(node)) for node in page.nodes]
        except Untranslatable as error:
            return Result(Rejected(error.code, error.detail, error.field, error.hint))
        follows += [Follow("order", key, seen) for key, seen in told if key]
        after = page.following(after)
        if after is None:
            return Result(Done({"order": order_id}), tuple(follows))
