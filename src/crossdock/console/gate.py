"""Signing in, setting up an account by a one-time link, signing out."""

from math import ceil
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie

from crossdock.api import entry
from crossdock.api.desk import Desk
from crossdock.api.entry import PeopleError, Person
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.problems import STATUS
from crossdock.console.rendering import Asking, away, page
from crossdock.intake.sources import source_of


@get("/sign-in", include_in_schema=False)
async def sign_in_page(request: Asking) -> Response[Any]:
    """The form; who is signed in already goes on."""
    if caller_of(request).role:
        return away("/")
    return page(request, "sign_in.html", next=request.query_params.get("next", "/"), problem="", name="")


@post("/sign-in", include_in_schema=False)
async def sign_in(request: Asking) -> Response[Any]:
    """Check the password and open a session (a new one each time: a fixed cookie is of no use)."""
    desk, form = desk_of(request), await request.form()
    name, target = str(form.get("name", "")), str(form.get("next", "/"))
    try:
        person = await entry.sign_in(desk, name, str(form.get("password", "")), _address(request, desk))
    except PeopleError as error:
        shown = page(request, "sign_in.html", code=STATUS[error.code], next=target, problem=str(error), name=name)
        if error.wait_s:
            shown.headers["Retry-After"] = str(ceil(error.wait_s))
        return shown
    return await _enter(request, desk, person, target)


@get("/setup", include_in_schema=False)
async def setup_page(request: Asking) -> Response[Any]:
    """The form behind a one-time link; in the demo the link itself signs its visitor in."""
    desk, token = desk_of(request), request.query_params.get("token", "")
    if caller_of(request).role:
        return away("/")
    role = await entry.link_role(desk, token)
    if role and desk.demo_user:
        return await _enter(request, desk, await entry.visit(desk, token, desk.demo_user), "/")
    return page(request, "setup.html", code=200 if role else 410, role=role, token=token, problem="", name="")


@post("/setup", include_in_schema=False)
async def setup(request: Asking) -> Response[Any]:
    """Use the link up and make the account."""
    desk, form = desk_of(request), await request.form()
    token, name = str(form.get("token", "")), str(form.get("name", ""))
    try:
        person = await entry.join(desk, token, name, str(form.get("password", "")))
    except PeopleError as error:
        role = await entry.link_role(desk, token)
        return page(
            request, "setup.html", code=STATUS[error.code], role=role, token=token, problem=str(error), name=name
        )
    return await _enter(request, desk, person, "/")


@post("/sign-out", include_in_schema=False)
async def sign_out(request: Asking) -> Response[Any]:
    """End this session, here and in the database."""
    desk = desk_of(request)
    await entry.leave(desk, request.cookies.get(desk.cookie, ""))
    answer = away("/sign-in")
    answer.set_cookie(_cookie(desk, "", 0))
    return answer


def _address(request: Asking, desk: Desk) -> str:
    return source_of(request.client.host if request.client else "", request.headers, desk.proxies)


async def _enter(request: Asking, desk: Desk, person: Person, target: str) -> Response[Any]:
    token = await entry.open_session(desk, person, request.cookies.get(desk.cookie, ""))
    answer = away(target if _ours(target) else "/")
    answer.set_cookie(_cookie(desk, token, entry.SESSION_S))
    return answer


def _cookie(desk: Desk, token: str, lives_s: int) -> Cookie:
    """The session's cookie. One that ends it looks the same: browsers take a ``__Host-`` cookie no other way."""
    return Cookie(key=desk.cookie, value=token, httponly=True, secure=desk.secure, samesite="lax", max_age=lives_s)


def _ours(target: str) -> bool:
    """A path of this console: never another site (``//evil``, ``/\\evil``)."""
    return target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()


GATE = [sign_in_page, sign_in, setup_page, setup, sign_out]
