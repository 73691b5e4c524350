"""What NetSuite's answers mean: the one place where a vendor error becomes an outcome.

A status alone is never believed: the body must be NetSuite's own error envelope, else a gateway spoke and, for a
write, nobody knows what happened.
"""

import msgspec

from crossdock.connectors.netsuite.wire import ErrorBody
from crossdock.domain.outcome import Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.errors import LONGEST_WAIT_S
from crossdock.kit.http import Response

_error = msgspec.json.Decoder(ErrorBody, strict=False)

MISSING = frozenset({"NONEXISTENT_ID", "RCRD_DSNT_EXIST", "INVALID_ID"})
DUPLICATE = frozenset({"DUP_RCRD", "UNIQUE_CUST_ID_REQD", "DUPLICATE_EXTERNAL_ID"})
_LIMITS = frozenset({"CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"})
_CHANGED = frozenset({"RCRD_HAS_BEEN_CHANGED", "RECORD_LOCKED", "TRANS_IN_USE"})
_ACCESS = frozenset(
    {"INSUFFICIENT_PERMISSION", "INVALID_LOGIN", "INVALID_LOGIN_ATTEMPT", "USER_NOT_AUTHORIZED", "FEATURE_DISABLED"}
)
# The role may not see a kind of record, or the account does not have it: none of ours can be there. Source: SuiteTalk's
# StatusDetailCodeType, read 2026-11-27; tried against no account.
WITHHELD = frozenset({"INSUFFICIENT_PERMISSION", "FEATURE_DISABLED", "FEATURE_UNAVAILABLE", "INVALID_RCRD_TYPE"})
_HINTS = {
    "INVALID_KEY_OR_REF": "This id does not exist or the role may not see it: refresh the masters or fix the setting.",
    "USER_ERROR": "NetSuite or a script on the record refuses it: correct the record or the data, then retry.",
    "INVALID_CONTENT": "The account does not take this field as sent: compare it with the account's form and features.",
}


class Stopped(Exception):
    """An answer that ends the operation; ``outcome`` says what must happen next."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(repr(outcome))
        self.outcome = outcome


def error_of(response: Response) -> ErrorBody | None:
    """NetSuite's error envelope, or None when something else answered (a gateway's page, an empty body)."""
    try:
        return _error.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def classify(response: Response, *, wrote: bool) -> Outcome:
    """The outcome of an answer that is not the success the caller expected. 401 is the client's own matter."""
    error = error_of(response)
    if response.status == 429 or (error and error.code in _LIMITS):
        return RateLimited(after_s=retry_after(response) or 1.0, detail=error.text if error else "Too Many Requests")
    if response.status == 503:
        # Turned away at the door. Should a gateway lie, the repeat looks by external id before it writes.
        detail = error.text if error else "Service Unavailable"
        return RetryLater(detail=detail, after_s=retry_after(response))
    if error is None or response.status < 400:
        return _foreign(response, wrote)
    if error.code in _CHANGED:
        return RetryLater(detail=error.text, after_s=1.0, code="record_changed")
    if error.code in _ACCESS or response.status == 403:
        return Misconfigured(detail=f"{error.code or 'FORBIDDEN'}: {error.text}", code="permission")
    if response.status >= 500:
        return _server_error(error, wrote)
    return Rejected(
        code=(error.code or f"http_{response.status}").lower(),
        detail=error.text,
        field=error.path,
        hint=_HINTS.get(error.code),
    )


def retry_after(response: Response) -> float | None:
    """Seconds from ``Retry-After``; None where the header is absent or a date."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else None


def _foreign(response: Response, wrote: bool) -> Outcome:
    detail = f"HTTP {response.status} without a NetSuite body ({response.headers.get('content-type', 'no type')})"
    if wrote:
        return OutcomeUnknown(detail=detail, code="unreadable_answer")
    return RetryLater(detail=detail, code="unreadable_answer")


def _server_error(error: ErrorBody, wrote: bool) -> Outcome:
    detail = f"{error.code or error.title}: {error.text}"
    if wrote:
        return OutcomeUnknown(detail=detail, code="server_error")
    return RetryLater(detail=detail, code="server_error")
