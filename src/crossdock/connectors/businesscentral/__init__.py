"""Dynamics 365 Business Central as ERP: API v2.0, OAuth 2.0 of Microsoft Entra ID.

Start at ``manifest.py`` (settings and facts), then ``mapping.py`` (how an order becomes a sales order whose total is
proven before a byte leaves) and ``booking.py`` (how one is made of several calls without ever becoming two).
``answers.py`` alone decides what an answer means.
"""

from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.listing import LISTING
from crossdock.connectors.businesscentral.manifest import MANIFEST, check
from crossdock.connectors.businesscentral.operations import OPERATIONS
from crossdock.connectors.businesscentral.positions import POLLS, translate
from crossdock.connectors.businesscentral.prices import POLL as PRICES
from crossdock.connectors.businesscentral.values import POLL as VALUES
from crossdock.connectors.businesscentral.webhook import WEBHOOK
from crossdock.kit.manifest import Connector

CONNECTOR = Connector(
    manifest=MANIFEST,
    open=BusinessCentral,
    translate=translate,
    operations=OPERATIONS,
    polls={**POLLS, VALUES.name: VALUES, PRICES.name: PRICES},
    webhook=WEBHOOK,
    check=check,
    listing=LISTING,
)

__all__ = ["CONNECTOR"]
