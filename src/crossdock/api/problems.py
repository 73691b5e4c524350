"""Every refusal of the API as problem+json (RFC 9457) with a stable ``code``; as a page where a person is reading."""

from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from crossdock.governance.people import PeopleError
from crossdock.store.accept import BadArrival
from crossdock.store.protocol import StoreUnavailable

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # methods that change nothing
STATUS = {
    "bad_request": 400,
    "not_signed_in": 401,
    "not_allowed": 403,
    "forged": 403,
    "wrong_host": 421,
    "not_found": 404,
    "conflict": 409,
    "unavailable": 503,
    "bug": 500,
    # governance.people
    "wrong": 401,
    "locked": 429,
    "too_many": 429,
    "link_used": 410,
    "name_taken": 409,
    "weak_password": 400,
    "bad_name": 400,
    "bad_role": 400,
    "unknown_user": 404,
}
TITLES = {
    "bad_request": "The request cannot be understood",
    "not_signed_in": "Sign in first",
    "not_allowed": "Your role does not allow this",
    "forged": "The request did not come from this console's own pages",
    "wrong_host": "This server does not go by that name",
    "not_found": "There is no such thing",
    "conflict": "Things have changed meanwhile",
    "unavailable": "The database cannot answer now",
    "bug": "Something went wrong in Crossdock",
}


AWAY = (
    *(StoreUnavailable, OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError),
    *(asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError),
)


# What the database, or the store before it, cannot hold. Nothing of ours makes such values: the request brought it.
UNHEARD_OF = (asyncpg.DataError, BadArrival)


class Refusal(Exception):
    """The API says no. ``code`` is one of ``STATUS`` and part of the contract; ``detail`` is for the person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.status = STATUS[code]


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every error answer."""

    type: str
    title: str
    status: int
    code: str
    detail: str


def describe(error: Exception, *, changing: bool = False) -> ProblemDetails:
    """Any exception in the contract's words. What is not foreseen is ``bug`` and tells nothing of its inside.

    ``changing``: it struck a request that was to change something, which may have been done.
    """
    code, detail, status = _facts(error)
    if changing and code == "unavailable" and not isinstance(error, Refusal):
        detail = "It is not known whether it was done. Look, then send it again: the same act is done once."
    return ProblemDetails(f"urn:crossdock:problem:{code}", TITLES.get(code, detail), status, code, detail)


def _facts(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, Refusal | PeopleError):
        return error.code, str(error), STATUS.get(error.code, 400)
    if isinstance(error, AWAY):
        return "unavailable", "Nothing was changed. It is tried again by itself; reload in a moment.", 503
    if isinstance(error, UNHEARD_OF):
        return "bad_request", "It holds a number or a text that nothing here can have: too large, too long, NUL.", 400
    if isinstance(error, HTTPException) and error.status_code < 500:
        code = {404: "not_found", 405: "bad_request"}.get(error.status_code, "bad_request")
        detail = "There is nothing at this address." if error.status_code == 404 else error.detail
        return code, detail, error.status_code
    return "bug", "It was noted in the log. The order is not affected by this page.", 500


def problem_response(details: ProblemDetails) -> Response[bytes]:
    headers = {"Retry-After": "2"} if details.status == 503 else {}
    return Response(
        msgspec.json.encode(details), status_code=details.status, media_type="application/problem+json", headers=headers
    )


def _for_people(request: Request[Any, Any, Any]) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def note_bug(log: Any, path: str, error: Exception) -> None:
    """Say in the log what nobody is told."""
    log.error("console.bug", path=path, error=f"{type(error).__name__}: {error}")


def handlers(page: Any, note: Any) -> ExceptionHandlersMap:
    """``page(request, details) -> Response`` renders for people; ``note(request, error)`` logs what is a bug."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        details = describe(error, changing=request.method not in SAFE)
        if details.code == "bug":
            note(request, error)
        if page is not None and _for_people(request):
            rendered: Response[Any] = page(request, details)
            return rendered
        return problem_response(details)

    return {HTTPException: handle, Exception: handle}
