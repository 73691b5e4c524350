"""Templates to answers. Everything is escaped; an undefined name is an error."""

from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response

from crossdock.api.acts import PARKED
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.problems import ProblemDetails
from crossdock.console import words
from crossdock.console.static_files import address, integrity

Asking = Request[Any, Any, Any]
SAID = {
    "retry": "It is tried again now.",
    "release_hold": "The hold is released.",
    "hold": "What is not booked yet is held again.",
    "link": "The buyer is linked; the order goes on.",
    "merge": "The sales order is amended that way.",
    "resolve": "Marked as resolved.",
    "skip": "The step is skipped.",
    "cancel": "The cancellation is under way.",
    "pause": "Paused: commands wait, nothing is lost.",
    "resume": "Resumed: what waited is sent now.",
    "switch": "The switches are set.",
    "revoke": "The key is revoked: the next request with it is refused.",
    "parked": PARKED,
    "retried": "The retry is under way: what succeeds disappears from this list.",
}


@cache
def environment() -> Environment:
    """The templates with the console's filters."""
    made = Environment(
        loader=PackageLoader("crossdock.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({each.__name__: each for each in words.FILTERS})
    made.globals.update(static=address, sri=lambda name: integrity()[name])
    return made


def page(request: Asking, template: str, *, code: int = 200, place: str = "", **values: Any) -> Response[str]:
    """A whole page (or fragment) for the person who asks."""
    desk = desk_of(request)
    shown = (
        environment()
        .get_template(template)
        .render(
            who=caller_of(request),
            at=desk.clock(),
            place=place,
            q=values.pop("q", ""),
            demo=bool(desk.simulators),
            version=desk.version,
            theme=theme(request),
            done=SAID.get(request.query_params.get("done", ""), ""),
            **values,
        )
    )
    return Response(shown, status_code=code, media_type="text/html")


def theme(request: Asking) -> str:
    """Light or dark as chosen on this browser; empty: as the system says."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in ("light", "dark") else ""


def away(address: str) -> Response[Any]:
    """See another page: after an act, so that a reload repeats nothing."""
    return Response(b"", status_code=303, media_type="text/plain", headers={"Location": address})


def problem_page(request: Asking, problem: ProblemDetails) -> Response[Any]:
    """An error for a person; who is not signed in is sent to do so."""
    if problem.code == "not_signed_in" and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return away("/sign-in" if target == "/" else f"/sign-in?{urlencode({'next': target})}")
    shown = environment().get_template("problem.html").render(p=problem, theme=theme(request))
    headers = {"Retry-After": "2"} if problem.status == 503 else {}
    return Response(shown, status_code=problem.status, media_type="text/html", headers=headers)
