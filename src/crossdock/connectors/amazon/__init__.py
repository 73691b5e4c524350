"""Amazon: a channel. Orders come by search and by notification, shipment confirmations go back (Selling Partner API).

Orders are read with the Orders API 2026-01-01; of Orders v0 only ``confirmShipment`` is used. Start at ``manifest.py``;
``mapping.py`` is what an order means, ``standing.py`` which orders are taken, ``operations.py`` what can be asked.
Imports ``kit`` and ``domain`` only.
"""

from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.client import Client, listed
from crossdock.connectors.amazon.listing import LISTING
from crossdock.connectors.amazon.manifest import MANIFEST
from crossdock.connectors.amazon.marketplaces import BY_ID
from crossdock.connectors.amazon.operations import OPERATIONS, open_client
from crossdock.connectors.amazon.polls import POLLS
from crossdock.connectors.amazon.translating import translate
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Connector, Unreachable


async def check(client: Client) -> str:
    """Name the seller's stores; raises ``Unreachable`` when Amazon is not reached or a marketplace is not theirs."""
    choice = client.line.settings.get("amazon_fulfilled") or "ignore"
    if choice not in ("ignore", "book"):
        raise Unreachable(f"amazon_fulfilled is ignore or book, not {choice!r}")
    try:
        found = await client.participations()
    except (Failed, NotSent, AnswerLost) as error:
        raise Unreachable(f"Amazon: {error}") from error
    taking = {one.marketplace.id: one for one in found if one.participation.is_participating}
    wanted = listed(client.line.settings.get("marketplace_ids"))
    if missing := [one for one in wanted if one not in taking]:
        raise Unreachable(f"the seller takes no part in marketplace {', '.join(missing)} at this endpoint")
    if not taking:
        raise Unreachable("the seller takes part in no marketplace at this endpoint: check api_region")
    stores = [f"{taking[one].store_name} at {taking[one].marketplace.name}" for one in wanted or sorted(taking)]
    queue = "notifications by SQS" if client.queue else "no queue: orders come by search, every 15 minutes"
    return f"{'; '.join(stores)}; {queue}"


async def sells_in(client: Client) -> tuple[str, ...]:
    """The currencies of the marketplaces that are read."""
    try:
        found = await client.participations()
    except (Failed, NotSent, AnswerLost) as error:
        raise Unreachable(f"Amazon: {error}") from error
    wanted = listed(client.line.settings.get("marketplace_ids"))
    places = [one.marketplace.id for one in found if one.participation.is_participating]
    read = [place for place in places if not wanted or place in wanted]
    return tuple(sorted({BY_ID[place].currency for place in read if place in BY_ID}))


CONNECTOR = Connector(
    manifest=MANIFEST,
    open=open_client,
    translate=translate,
    operations=OPERATIONS,
    polls=POLLS,
    check=check,
    sells_in=sells_in,
    listing=LISTING,
)
