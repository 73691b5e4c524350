"""Signing in, setting up an account by a one-time link, signing out."""

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie

from crossdock.api.desk import Desk
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.problems import STATUS
from crossdock.console.rendering import Asking, away, page
from crossdock.governance import audit, people
from crossdock.governance.people import PeopleError, Person


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
        person = await people.verify_password(desk.pool, name, str(form.get("password", "")))
    except PeopleError as error:
        await audit.append(desk.pool, name[:80], "sign_in.refused", error.code)
        shown = page(request, "sign_in.html", next=target, problem=str(error), name=name)
        shown.status_code = STATUS[error.code]
        return shown
    return await _enter(request, desk, person, target)


@get("/setup", include_in_schema=False)
async def setup_page(request: Asking) -> Response[Any]:
    """The form behind a one-time link; in the demo the link itself signs its visitor in."""
    desk, token = desk_of(request), request.query_params.get("token", "")
    if caller_of(request).role:
        return away("/")
    role = await people.link_role(desk.pool, token)
    if role and desk.demo_user:
        return await _enter(request, desk, await _visitor(desk, token, desk.demo_user), "/")
    return page(request, "setup.html", code=200 if role else 410, role=role, token=token, problem="", name="")


async def _visitor(desk: Desk, token: str, name: str) -> Person:
    try:
        return await people.redeem(desk.pool, token, name, None)
    except PeopleError as error:
        if error.code != "name_taken":
            raise
    return await people.redeem(desk.pool, token, f"{name} {desk.unique()[:6]}", None)


@post("/setup", include_in_schema=False)
async def setup(request: Asking) -> Response[Any]:
    """Use the link up and make the account."""
    desk, form = desk_of(request), await request.form()
    token, name = str(form.get("token", "")), str(form.get("name", ""))
    try:
        person = await people.redeem(desk.pool, token, name, str(form.get("password", "")))
    except PeopleError as error:
        role = await people.link_role(desk.pool, token)
        return page(
            request, "setup.html", code=STATUS[error.code], role=role, token=token, problem=str(error), name=name
        )
    await audit.append(desk.pool, person.name, "people.joined", person.role)
    return await _enter(request, desk, person, "/")


@post("/sign-out", include_in_schema=False)
async def sign_out(request: Asking) -> Response[Any]:
    """End this session, here and in the database."""
    desk = desk_of(request)
    await people.close_session(desk.pool, request.cookies.get(desk.cookie, ""))
    answer = away("/sign-in")
    answer.delete_cookie(desk.cookie, path="/")
    return answer


async def _enter(request: Asking, desk: Desk, person: Person, target: str) -> Response[Any]:
    before = request.cookies.get(desk.cookie, "")
    if before:
        await people.close_session(desk.pool, before)
    token, _ = await people.open_session(desk.pool, person.id)
    await audit.append(desk.pool, person.name, "sign_in", person.role)
    answer = away(target if _ours(target) else "/")
    answer.set_cookie(
        Cookie(
            key=desk.cookie, value=token, httponly=True, secure=desk.secure, samesite="lax", max_age=int(people.LIVES_S)
        )
    )
    return answer


def _ours(target: str) -> bool:
    """A path of this console: never another site (``//evil``, ``/\\evil``)."""
    return target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()


GATE = [sign_in_page, sign_in, setup_page, setup, sign_out]
