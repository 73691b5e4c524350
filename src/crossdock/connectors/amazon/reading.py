"""Orders of Amazon's with their packages, read just now."""

from crossdock.connectors.amazon import mapping, wire
from crossdock.connectors.amazon.client import SHIPPED, Client


async def order_of(client: Client, order_id: str) -> wire.Order | None:
    """The order with its packages; ``None``: Amazon does not show it. Raises ``Failed``, ``Untranslatable``."""
    found = await client.order(order_id, SHIPPED)
    return None if found is None else mapping.parse_order(found)
