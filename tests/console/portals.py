"""A portal among the console's connections: whose programs may have keys."""

from collections.abc import Mapping

from crossdock.connectors.portal import CONNECTOR
from crossdock.kit.manifest import Connector
from tests.console.seed import CONNECTORS, Day

PORTAL = "portal1"


async def with_portal(day: Day) -> Mapping[str, Connector]:
    """The connectors of a desk that knows the portal, which is registered."""
    manifest = CONNECTOR.manifest
    await day.store.register(
        PORTAL, manifest.system, role=manifest.role, region=None, api_version="1", mapping_version="1"
    )
    return {**CONNECTORS, PORTAL: CONNECTOR}
