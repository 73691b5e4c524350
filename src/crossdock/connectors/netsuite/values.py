"""What NetSuite has to choose from where the settings name its ids: currencies and ship methods."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.polls import asked, rows_of
from crossdock.kit.manifest import Page, Poll, Value

# kind -> the statement that lists it: SuiteQL's record types of these lists, each with its internal id and name
LISTS: Mapping[str, str] = {
    "currencies": "SELECT v.id, v.symbol AS name FROM currency v ORDER BY v.id",
    "ship_methods": "SELECT v.id, v.itemid AS name FROM shipitem v WHERE v.isinactive = 'F' ORDER BY v.id",
}


class _Row(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    name: str = ""


async def values(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """All lists, whole, every time: they are short and change rarely."""
    found = {}
    for kind, statement in LISTS.items():
        rows = rows_of((await asked(client, statement)).items, _Row)
        found[kind] = tuple(Value(str(row.id), row.name) for row in rows)
    return Page((), cursor or "", values=found)


POLL = Poll("values", values, 3600.0)
