"""NetSuite as ERP: SuiteTalk REST record v1 and SuiteQL, OAuth 2.0 with a certificate.

Start at ``manifest.py`` (settings and facts), then ``mapping.py`` (how an order becomes a sales order whose total is
proven before a byte leaves) and ``operations.py``. ``answers.py`` alone decides what a vendor answer means.
"""

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.listing import LISTING
from crossdock.connectors.netsuite.manifest import MANIFEST, check, ends
from crossdock.connectors.netsuite.operations import OPERATIONS
from crossdock.connectors.netsuite.positions import POLLS, translate
from crossdock.connectors.netsuite.prices import POLL as PRICES
from crossdock.connectors.netsuite.values import POLL as VALUES
from crossdock.kit.manifest import Connector

CONNECTOR = Connector(
    manifest=MANIFEST,
    open=NetSuite,
    translate=translate,
    operations=OPERATIONS,
    polls={**POLLS, VALUES.name: VALUES, PRICES.name: PRICES},
    check=check,
    ends=ends,
    listing=LISTING,
)

__all__ = ["CONNECTOR"]
