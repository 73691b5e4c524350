"""``/api/v1/holds``: what holds orders, and a release of many with preview, progress and undo."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from crossdock.api import holds
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.holds import BulkProgress, BulkRelease, HoldFilter, HoldGroup, HoldPreview, Undoing
from crossdock.api.routes import Asking
from crossdock.store.bulk import BulkAct

OlderThan = Annotated[float | None, QueryParameter(ge=0, description="Only orders held for so many seconds or longer.")]


@get("/api/v1/holds")
async def list_holds(request: Asking) -> list[HoldGroup]:
    """The rules that hold orders: how many, why, since when, and who may release them."""
    return await holds.groups(desk_of(request), caller_of(request))


@get("/api/v1/holds/preview")
async def preview_release(
    request: Asking, rule: FromQuery[str], channel: FromQuery[str | None] = None, older_than_s: OlderThan = None
) -> HoldPreview:
    """What a release of many would do. Changes nothing; its `as_of` and `upto` go into the release."""
    wanted = HoldFilter(rule, channel or None, older_than_s)
    return await holds.preview(desk_of(request), caller_of(request), wanted)


@post("/api/v1/holds/release", status_code=202)
async def release_holds(request: Asking, data: JSONBody[BulkRelease]) -> BulkProgress:
    """Release what a preview showed; what has changed since stays held. The same `act_id` again goes on, once."""
    return await holds.release(desk_of(request), caller_of(request), data)


@get("/api/v1/holds/acts")
async def list_releases(request: Asking) -> list[BulkAct]:
    """The newest releases of many."""
    return await holds.recent(desk_of(request))


@get("/api/v1/holds/acts/{act:str}")
async def one_release(request: Asking, act: FromPath[str]) -> BulkProgress:
    """How far a release of many is."""
    return await holds.progress(desk_of(request), act)


@post("/api/v1/holds/acts/{act:str}/undo", status_code=202)
async def undo_release(request: Asking, act: FromPath[str], data: JSONBody[Undoing]) -> BulkProgress:
    """Hold again what was released and is not booked yet."""
    return await holds.undo(desk_of(request), caller_of(request), act, data.reason)


HANDLERS = [list_holds, preview_release, release_holds, list_releases, one_release, undo_release]
