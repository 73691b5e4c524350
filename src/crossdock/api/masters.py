"""``/api/v1``: masters as last read from the ERPs."""

from litestar import get
from litestar.params import FromPath, FromQuery

from crossdock.api import connections
from crossdock.api.guard import desk_of
from crossdock.api.routes import Asking
from crossdock.store import reading_masters
from crossdock.store.reading_masters import ItemMaster, MasterCount


@get("/api/v1/connections/{name:str}/masters")
async def count_masters(request: Asking, name: FromPath[str]) -> list[MasterCount]:
    """How many masters of each kind are kept of a connection, and how old they are."""
    desk = desk_of(request)
    await connections.connection(desk, name)
    return await reading_masters.counts(desk.pool, name)


@get("/api/v1/masters/item")
async def one_item(request: Asking, sku: FromQuery[str]) -> list[ItemMaster]:
    """An item as each system has it: whether it is active, its units, its prices. Empty where none has it."""
    return await reading_masters.item(desk_of(request).pool, sku)


HANDLERS = [count_masters, one_item]
