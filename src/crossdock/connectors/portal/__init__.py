"""A portal: any program of yours that gives orders in the canonical model, through the partner API.

There is no vendor: what is sent, and what a portal must answer, is ours and stands in ``README.md``. Start at
``wire.py`` (the order as it is given) and ``mapping.py``. Imports ``kit`` and ``domain`` only.
"""

from crossdock.connectors.portal.client import Portal, check
from crossdock.connectors.portal.manifest import MANIFEST
from crossdock.connectors.portal.mapping import translate
from crossdock.connectors.portal.operations import OPERATIONS
from crossdock.kit.manifest import Connector

CONNECTOR = Connector(manifest=MANIFEST, open=Portal, translate=translate, operations=OPERATIONS, check=check)
