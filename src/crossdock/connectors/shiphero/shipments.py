"""The shipments of one order, read because a message only said that there is something new about them."""

from crossdock.connectors.shiphero import wire
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.mapping import shipment_of
from crossdock.connectors.shiphero.polls import PAGE_SIZE
from crossdock.domain.outcome import Done, Rejected, RetryLater
from crossdock.kit.manifest import Follow, Result, Untranslatable


async def read_shipments(client: ShipHero, named: str) -> Result:
    """All of the order's, told to its stream. ``named``: ShipHero's order, and the shipment that somebody heard of; a
    list without that one is behind, and is asked for again. Raises ``Stopped``."""
    order_id, _, shipment_id = named.rpartition("/")
    follows: list[Follow] = []
    listed: set[str] = set()
    after: str | None = None
    while True:
        variables = {"order": order_id, "first": PAGE_SIZE, "after": after}
        page = (await client.ask(wire.SHIPMENTS_OF, variables, wire.ShipmentsListed)).shipments.data
        try:
            told = [shipment_of(client.line.connection, bytes(node)) for node in page.nodes]
        except Untranslatable as error:
            return Result(Rejected(error.code, error.detail, error.field, error.hint))
        listed |= {seen.shipment.id for _, seen in told}
        follows += [Follow("order", key, seen) for key, seen in told if key]
        after = page.following(after)
        if after is not None:
            continue
        if shipment_id not in listed:
            detail = f"ShipHero does not list shipment {shipment_id} of order {order_id} yet"
            return Result(RetryLater(detail, code="not_listed"))
        return Result(Done({"order": order_id}), tuple(follows))
