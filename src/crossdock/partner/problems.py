"""Every refusal of the partner API as problem+json (RFC 9457) with a stable ``code``."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from crossdock.api.problems import AWAY, UNHEARD_OF, ProblemDetails
from crossdock.intake.group_commit import Overloaded
from crossdock.intake.guard import BadBody

# code -> status, title, seconds after which it may be tried again
PROBLEMS: Mapping[str, tuple[int, str, int | None]] = {
    "key_missing": (401, "No key was sent", None),
    "key_refused": (401, "The key does not open this door", None),
    "scope_missing": (403, "The key does not open this", None),
    "not_found": (404, "There is no such thing", None),
    "method_not_allowed": (405, "This is not done here", None),
    "idempotency_key_missing": (400, "It needs an idempotency key", None),
    "idempotency_key_reused": (422, "The idempotency key was used for something else", None),
    "body_refused": (400, "The body cannot be read", None),
    "slow_body": (408, "The body did not arrive in time", None),
    "too_large": (413, "The body is too large", None),
    "content_type": (415, "Unsupported content type", None),
    "return_id_reused": (422, "The return's id was used for another request", None),
    "return_refused": (422, "The request for a return is not in the form that is agreed", None),
    "order_refused": (422, "The order is not in the form that is agreed", None),
    "request_refused": (400, "The request cannot be understood", None),
    "too_many": (429, "Too many requests from this address", 1),
    "unavailable": (503, "The database cannot answer now", 2),
    "bug": (500, "Something went wrong in Crossdock", None),
}
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "content_type"}


class Refusal(Exception):
    """The partner API says no. ``code`` is one of ``PROBLEMS`` and part of the contract."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def response_of(code: str, detail: str) -> Response[bytes]:
    """One refusal as an answer."""
    status, title, retry_after_s = PROBLEMS[code]
    body = msgspec.json.encode(ProblemDetails(f"urn:crossdock:problem:{code}", title, status, code, detail))
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)


def described(error: Exception) -> tuple[str, str]:
    """Code and detail of any exception; what is not foreseen is ``bug`` and tells nothing of its inside."""
    if isinstance(error, Refusal):
        return error.code, error.detail
    if isinstance(error, BadBody):
        return "body_refused", error.detail
    if isinstance(error, (*AWAY, Overloaded, TimeoutError)):
        return "unavailable", "It is not known whether anything was stored: send it again with the same key."
    if isinstance(error, UNHEARD_OF):
        return "request_refused", "It holds a text that nothing here can have: too long, or with NUL."
    if isinstance(error, HTTPException):
        detail = "There is nothing at this address." if error.status_code == 404 else error.detail
        return _BY_STATUS.get(error.status_code, "request_refused"), detail
    return "bug", "It was noted in the log. Send it again with the same key: nothing is done twice."


def handlers(log: Any) -> ExceptionHandlersMap:
    """``log`` hears of bugs."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        code, detail = described(error)
        if code == "bug":
            log.error("partner.bug", path=request.url.path, error=f"{type(error).__name__}: {error}")
        return response_of(code, detail)

    return {HTTPException: handle, Exception: handle}
