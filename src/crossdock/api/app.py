"""The console process's HTTP app: the API, whatever pages are given, and what every answer carries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import MutableScopeHeaders, State
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler, Message, Scope

from crossdock.api import hold_routes, masters, partner_keys
from crossdock.api.described import ProblemsToo
from crossdock.api.desk import Desk
from crossdock.api.guard import authorise
from crossdock.api.policy import demand_policies
from crossdock.api.problems import ProblemDetails, handlers, note_bug
from crossdock.api.pulse import Pulse
from crossdock.api.routes import HANDLERS

MAX_BODY = 1024 * 1024
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
EVERYTHING = (*HANDLERS, *hold_routes.HANDLERS, *masters.HANDLERS, *partner_keys.HANDLERS)
Page = Callable[[Request[Any, Any, Any], ProblemDetails], Response[Any]]


def create_api(
    desk: Desk,
    *,
    pages: Sequence[ControllerRouterHandler] = (),
    problem_page: Page | None = None,
    watch: bool = True,
) -> Litestar:
    """The ASGI app. ``pages`` are the console's; ``watch``: keep the figures' curves going in the background.

    Raises ``RouteWithoutPolicy`` for a route that ``policy.POLICY`` does not know.
    """
    pulse = Pulse(desk)
    app = Litestar(
        [*EVERYTHING, *pages],
        state=State({"desk": desk, "pulse": pulse}),
        guards=[authorise],
        exception_handlers=handlers(problem_page, _noting(desk)),
        before_send=[_hardened(desk)],
        lifespan=[_watching(pulse)] if watch else [],
        openapi_config=_described(desk),
        request_max_body_size=MAX_BODY,
    )
    demand_policies(routes(app))
    return app


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Every (method, path template) that the app answers."""
    return [
        (method, route.path_format)
        for route in app.routes
        for method in sorted(getattr(route, "http_handler_methods", getattr(route, "methods", ())))
        if method != "OPTIONS"
    ]


def _described(desk: Desk) -> OpenAPIConfig:
    """The OpenAPI document as JSON only: the usual viewers fetch from elsewhere."""
    plugin = ProblemsToo(path="/openapi.json")
    return OpenAPIConfig("Crossdock", desk.version or "0", path="/api/v1", render_plugins=[plugin])


def _noting(desk: Desk) -> Callable[[Request[Any, Any, Any], Exception], None]:
    def note(request: Request[Any, Any, Any], error: Exception) -> None:
        note_bug(desk.signals.log, request.url.path, error)

    return note


def _hardened(desk: Desk) -> Callable[[Message, Scope], Awaitable[None]]:
    """Puts the headers on every answer, also on those that no route gave."""
    extra = {"Strict-Transport-Security": "max-age=31536000"} if desk.secure else {}
    wanted = {"Cache-Control": "no-store", **HEADERS, **extra}

    async def harden(message: Message, _: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            for name, value in wanted.items():
                headers.setdefault(name, value)

    return harden


def _watching(pulse: Pulse) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def watching(_: Litestar) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(pulse.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    return watching


__all__ = ["HEADERS", "create_api", "routes"]
