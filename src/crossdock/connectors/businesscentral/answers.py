"""What Business Central's answers mean: the one place where a vendor error becomes an outcome.

A status alone is never believed: the body must be OData's error envelope, else a gateway spoke and, for a write, nobody
knows what happened. The codes are those of the vendor's page "dynamics error codes" (read in November 2026).
"""

from typing import TypeVar

import msgspec

from crossdock.connectors.businesscentral.wire import ErrorBody
from crossdock.domain.outcome import Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.errors import LONGEST_WAIT_S
from crossdock.kit.http import Response

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_TOLD_S = 5.0  # a 429 may lack its Retry-After (vendor facts, limits)

_error = msgspec.json.Decoder(ErrorBody)

GONE = frozenset({"Internal_RecordNotFound", "Internal_DataNotFoundFilter"})
ALREADY = frozenset({"Internal_EntityWithSameKeyExists"})
_CHANGED = frozenset({"Request_EntityChanged", "Application_LockTimeout"})
_AWAY = frozenset({"Internal_TenantUnavailable", "Internal_ServerUnavailable"})
_COMPANY = frozenset({"Internal_CompanyNotFound", "Internal_TenantNotFound"})
_HINTS = {
    "Internal_InvalidTableRelation": "An id or code does not exist there: refresh the masters or fix the setting.",
    "Application_DialogException": "Business Central refuses it: correct the record or the data there, then retry.",
    "Application_StringExceededLength": "A text is longer than Business Central keeps: shorten it in the channel.",
    "BadRequest": "Business Central does not take this as sent: is the environment's version older than 24?",
}


class Stopped(Exception):
    """An answer that ends the operation; ``outcome`` says what must happen next."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(repr(outcome))
        self.outcome = outcome


def error_of(body: bytes | msgspec.Raw) -> ErrorBody | None:
    """The OData error envelope, or None when something else answered (a gateway's page, an empty body)."""
    try:
        return _error.decode(body)
    except UNREADABLE:
        return None


def classify(response: Response, *, wrote: bool) -> Outcome:
    """The outcome of an answer that is not the success the caller expected. 401 is the client's own matter."""
    found = error_of(response.body)
    code, text = (found.error.code, found.error.message) if found else ("", "")
    status = response.status
    if status == 429:
        return RateLimited(retry_after(response) or NOT_TOLD_S, text or "Too Many Requests")
    if status == 503 or code in _AWAY:
        # Turned away at the door. Should a gateway lie, the repeat looks before it writes.
        return RetryLater(text or "Service Unavailable", retry_after(response))
    if found is None or status < 400:
        return _foreign(response, wrote)
    if code in _CHANGED or status == 412:
        return RetryLater(text, after_s=1.0, code="record_changed")
    if code in _COMPANY:
        return Misconfigured(f"{code}: {text}", code="company")
    if status == 403 or code.startswith("Authorization_"):
        return Misconfigured(f"{code}: {text}", code="permission")
    if status >= 500 or status == 408:
        return _unsure(f"{code}: {text}", "server_error", wrote)
    return Rejected(code.lower() or f"http_{status}", text, hint=_HINTS.get(code))


def retry_after(response: Response) -> float | None:
    """Seconds from ``Retry-After``; None where the header is absent or a date."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else None


def decoded(body: bytes | msgspec.Raw, kind: type[T], *, wrote: bool) -> T:
    """A success as it was told; one that cannot be read is no success."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except UNREADABLE as error:
        raise Stopped(_unsure(f"unreadable answer: {error}", "unreadable_answer", wrote)) from error


def _foreign(response: Response, wrote: bool) -> Outcome:
    kind = response.headers.get("content-type", "no type")
    return _unsure(f"HTTP {response.status} without a Business Central body ({kind})", "unreadable_answer", wrote)


def _unsure(detail: str, code: str, wrote: bool) -> Outcome:
    return OutcomeUnknown(detail, code) if wrote else RetryLater(detail, code=code)
