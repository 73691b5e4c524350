"""ShipHero as warehouse: the public GraphQL API and its webhooks.

Start at ``manifest.py`` (settings and facts), then ``operations.py``. ``answers.py`` alone decides what an answer of
the vendor means; ``mapping.py`` is pure and turns webhooks and polled shipments alike into canonical events.
"""

from crossdock.connectors.shiphero.client import ShipHero, check
from crossdock.connectors.shiphero.following import FOLLOWING
from crossdock.connectors.shiphero.manifest import MANIFEST
from crossdock.connectors.shiphero.mapping import translate
from crossdock.connectors.shiphero.operations import OPERATIONS
from crossdock.connectors.shiphero.positions import POLLS
from crossdock.connectors.shiphero.returning import RETURNING
from crossdock.connectors.shiphero.webhook import WEBHOOK
from crossdock.kit.manifest import Connector

CONNECTOR = Connector(
    manifest=MANIFEST,
    open=ShipHero,
    translate=translate,
    operations=OPERATIONS,
    polls={**POLLS, **FOLLOWING, **RETURNING},
    webhook=WEBHOOK,
    check=check,
)

__all__ = ["CONNECTOR"]
