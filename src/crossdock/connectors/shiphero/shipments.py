"""The shipments of one order, read because a message only said that there is something new about them."""

from crossdock.connectors.shiphero import wire
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.mapping import shipment_of
from crossdock.connectors.shiphero.polls import PAGE_SIZE
from crossdock.domain.outcome import Done, Rejected, RetryLater
from crossdock.kit.manifest import Follow, Result, Untranslatable


async def read_shipments(client: ShipHero, order_id: str) -> Result:
    """All of them, told to the order's stream. Raises ``Stopped``.

    That there is one is known, or nobody would ask: a list that has none yet is behind, and is asked for again."""
    follows: list[Follow] = []
    after: str | None = None
    listed = 0
    while True:
        variables = {"order": order_id, "first": PAGE_SIZE, "after": after}
        page = (await client.ask(wire.SHIPMENTS_OF, variables, wire.ShipmentsListed)).shipments.data
        try:
            told = [shipment_of(client.line.connection, bytes(node)) for node in page.nodes]
        except Untranslatable as error:
            return Result(Rejected(error.code, error.detail, error.field, error.hint))
        listed += len(told)
        follows += [Follow("order", key, seen) for key, seen in told if key]
        after = page.following(after)
        if after is None and not listed:
            return Result(RetryLater(f"ShipHero lists no shipment of order {order_id} yet", code="not_listed"))
        if after is None:
            return Result(Done({"order": order_id}), tuple(follows))
