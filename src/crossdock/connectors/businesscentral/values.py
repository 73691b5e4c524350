"""What Business Central has to choose from where the settings name its ids and codes: shipment methods, tax groups."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Page, Poll, Unreachable, Value

PAGE_ROWS = 1000
# kind -> (entity, the field that our settings name). Source: API v2.0, shipmentMethods and taxGroups.
LISTS: Mapping[str, tuple[str, str]] = {"ship_methods": ("shipmentMethods", "id"), "tax_codes": ("taxGroups", "code")}
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Row(msgspec.Struct, rename="camel"):
    id: _Text
    code: _Text
    display_name: str = ""


async def values(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """All lists, whole, every time: they are short and change rarely."""
    found = {}
    for kind, (entity, field) in LISTS.items():
        rows = await _listed(client, entity)
        found[kind] = tuple(Value(getattr(row, field), row.display_name or row.code) for row in rows)
    return Page((), cursor or "", values=found)


async def _listed(client: BusinessCentral, entity: str) -> list[_Row]:
    try:
        listed = await client.listed(entity, page=PAGE_ROWS)
        return [msgspec.convert(row, _Row, strict=False) for row in listed.value]
    except Stopped as stopped:
        raise Unreachable(f"Business Central did not answer a poll: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"Business Central cannot be reached: {error}") from error
    except msgspec.ValidationError as error:
        raise Unreachable(f"Business Central's answer to a poll cannot be read: {error}") from error


POLL = Poll("values", values, 3600.0)
