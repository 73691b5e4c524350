"""At the door of every route: the right host, a session, a role that may, and no forged act."""

from collections.abc import Iterable
from hmac import compare_digest
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from crossdock.api.desk import Desk
from crossdock.api.policy import allowed, may
from crossdock.api.problems import SAFE, Refusal
from crossdock.domain.holding import may_release
from crossdock.governance import people

LIVE = "x-live"  # sent by pages that ask again by themselves: nobody did anything
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # asked by address, whatever the console's public name is


class Caller(msgspec.Struct, frozen=True):
    """Who is asking: nobody (``role`` is empty) or a signed-in person."""

    name: str = ""
    role: str = ""
    csrf: str = ""
    person_id: int = 0

    def may(self, action: str) -> bool:
        return may(self.role, action)

    def releases(self, hold: Any) -> bool:
        """Whether this person may let a hold go: anything with an ``owner`` and ``release_by``."""
        return may_release(hold.owner, hold.release_by, self.name, self.role)

    def releases_any(self, holds: Iterable[Any]) -> bool:
        return any(map(self.releases, holds))

    def reaches(self, route: str) -> bool:
        """Whether this person may use a route, ``"GET /audit"``: what pages offer."""
        method, template = route.split(" ", 1)
        return allowed(method, template, self.role)


def desk_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Desk:
    desk: Desk = connection.app.state.desk
    return desk


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Whom ``authorise`` found; nobody on pages that came before it (404)."""
    found: Caller = connection.scope["state"].get("caller", Caller())
    return found


async def authorise(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """The app's one guard. Raises ``Refusal``: wrong_host, not_signed_in, not_allowed, forged."""
    desk = desk_of(connection)
    method = str(connection.scope["method"])  # type: ignore[typeddict-item]
    template = connection.scope["path_template"]
    if template not in PROBES and connection.headers.get("host", "").lower() not in desk.known_hosts:
        raise Refusal(
            "wrong_host", f"Open the console at {desk.public_url}, or make serve.public_url what people type."
        )
    if not template.startswith("/static/"):
        connection.scope["state"]["caller"] = await caller(connection, desk)
    who = caller_of(connection)
    if not allowed(method, template, who.role):
        if not who.role:
            lost = "Your session is over, and nothing was done. Sign in, then do it again."
            raise Refusal("not_signed_in", "Sign in to see this." if method in SAFE else lost)
        raise Refusal("not_allowed", f"This needs another role than '{who.role}'. Ask an administrator.")
    if method not in SAFE:
        await _not_forged(connection, desk, who)


async def caller(connection: ASGIConnection[Any, Any, Any, Any], desk: Desk) -> Caller:
    """The person behind the session cookie, or nobody."""
    token = connection.cookies.get(desk.cookie, "")
    session = await people.session(desk.pool, token, used=LIVE not in connection.headers) if token else None
    if session is None:
        return Caller()
    return Caller(session.person.name, session.person.role, session.csrf, session.person.id)


async def _not_forged(connection: ASGIConnection[Any, Any, Any, Any], desk: Desk, who: Caller) -> None:
    headers = connection.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "same-origin") or (origin is not None and origin.lower() not in desk.origins):
        raise Refusal("forged", "The request came from another site's page. Nothing was done.")
    if not who.role:
        return
    sent = headers.get("x-csrf-token") or await _form_token(connection)
    if not compare_digest(sent.encode(), who.csrf.encode()):
        raise Refusal("forged", "The page is from an earlier session. Reload it and try again; nothing was done.")


async def _form_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    if not isinstance(connection, Request) or "form" not in connection.headers.get("content-type", ""):
        return ""
    form = await connection.form()
    return str(form.get("csrf", ""))
