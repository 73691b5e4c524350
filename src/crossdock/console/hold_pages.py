"""The console's pages about holds."""

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from crossdock.api import connections, holds
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.holds import BulkRelease, HoldFilter
from crossdock.api.problems import Refusal
from crossdock.console.rendering import Asking, away, page

AGES = (("", "any time"), ("3600", "1 h or longer"), ("86400", "1 day or longer"), ("604800", "7 days or longer"))


@get("/holds", include_in_schema=False)
async def holds_page(request: Asking) -> Response[str]:
    desk = desk_of(request)
    groups = await holds.groups(desk, caller_of(request))
    return page(request, "holds.html", place="/holds", groups=groups, recent=await holds.recent(desk))


@get("/holds/preview", include_in_schema=False)
async def hold_preview_page(
    request: Asking, rule: FromQuery[str], channel: FromQuery[str] = "", older_than_s: FromQuery[str] = ""
) -> Response[str]:
    desk = desk_of(request)
    wanted = HoldFilter(rule, channel or None, _seconds(older_than_s))
    preview = None
    try:
        preview = await holds.preview(desk, caller_of(request), wanted)
    except Refusal as refused:
        if refused.code != "not_found":
            raise
    links = await connections.connections(desk)
    return page(
        request, "hold_preview.html", place="/holds", rule=rule, channel=channel, older_than_s=older_than_s,
        preview=preview, act_id=desk.unique(), ages=AGES,
        channels=[link.health.name for link in links if link.health.role == "channel"],
    )  # fmt: skip


@post("/holds/release", include_in_schema=False)
async def release(request: Asking) -> Response[Any]:
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        as_of, upto = datetime.fromisoformat(form.get("as_of", "")), int(form.get("upto", ""))
    except ValueError as error:
        raise Refusal("bad_request", "The form does not say what it was a preview of. Preview again.") from error
    wanted = BulkRelease(
        form.get("rule", ""), form.get("reason", ""), as_of, upto, form.get("act_id", ""),
        form.get("channel") or None, _seconds(form.get("older_than_s", "")),
    )  # fmt: skip
    done = await holds.release(desk_of(request), caller_of(request), wanted)
    return away(f"/holds/acts/{quote(done.act.id, safe='')}")


@get("/holds/acts/{act:str}", include_in_schema=False)
async def release_page(request: Asking, act: FromPath[str]) -> Response[str]:
    return page(request, "hold_act.html", place="/holds", p=await holds.progress(desk_of(request), act))


@post("/holds/acts/{act:str}/undo", include_in_schema=False)
async def undo(request: Asking, act: FromPath[str]) -> Response[Any]:
    form = await request.form()
    await holds.undo(desk_of(request), caller_of(request), act, str(form.get("reason", "")))
    return away(f"/holds/acts/{quote(act, safe='')}?{urlencode({'done': 'hold'})}")


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise Refusal("bad_request", "The age is a number of seconds.") from error


PAGES = [holds_page, hold_preview_page, release, release_page, undo]
