"""The console's page of partner keys. A new key is shown in the answer to the form, once, and on no other page."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crossdock.api import partner_keys
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.partner_keys import KeyWish, NewKey
from crossdock.api.problems import Refusal
from crossdock.console.rendering import Asking, away, page

# scope -> what it opens, in the order in which the form offers them
SCOPES = {
    "orders:write": "Give orders and edits",
    "orders:read": "Ask how its orders stand",
    "returns:write": "Ask for returns of its orders",
    "products:read": "Ask whether SKUs are active",
    "prices:read": "Ask for prices, of any customer",
    "stock:read": "Ask for availability and dates",
    "customers:read": "Ask whether somebody is a customer",
}
USUAL = ("orders:write", "orders:read")


@get("/partner-keys", include_in_schema=False)
async def keys_page(request: Asking) -> Response[str]:
    return await _page(request)


@post("/partner-keys", include_in_schema=False)
async def make(request: Asking) -> Response[Any]:
    form = await request.form()
    name, connection = str(form.get("name", "")), str(form.get("connection", ""))
    scopes, days = [str(each) for each in form.getall("scope", [])], str(form.get("days", "")).strip()
    wish = KeyWish(connection, name, scopes, int(days) if days.isdecimal() and len(days) < 9 else None)
    try:
        if days and wish.days is None:
            raise Refusal("bad_request", "The number of days is a whole number.")
        made = await partner_keys.make(desk_of(request), caller_of(request), wish)
    except Refusal as refused:
        if refused.code != "bad_request":
            raise
        return await _page(request, code=400, wish=wish, days=days, problem=refused.detail)
    return await _page(request, made=made)


@post("/partner-keys/{key_id:int}/revoke", include_in_schema=False)
async def revoke(request: Asking, key_id: FromPath[int]) -> Response[Any]:
    form = await request.form()
    await partner_keys.revoke(desk_of(request), caller_of(request), key_id, str(form.get("reason", "")))
    return away("/partner-keys?done=revoke")


async def _page(
    request: Asking,
    *,
    code: int = 200,
    wish: KeyWish | None = None,
    days: str = "",
    problem: str = "",
    made: NewKey | None = None,
) -> Response[str]:
    shown = wish or KeyWish("", "", list(USUAL))
    return page(
        request, "partner_keys.html", code=code, place="/partner-keys", keys=await partner_keys.list_keys.fn(request),
        holders=partner_keys.holders(desk_of(request)), scopes=SCOPES, wish=shown, days=days, problem=problem,
        made=made,
    )  # fmt: skip


PAGES = [keys_page, make, revoke]
