"""What an answer of ShipHero means. Success is read from the parsed body, never from the status alone."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from crossdock.domain.outcome import Misconfigured, Outcome, RateLimited, Rejected
from crossdock.kit.errors import by_status, excerpt, unknown
from crossdock.kit.http import Response

T = TypeVar("T")
OUT_OF_CREDITS = 30  # GraphQL error code. Source: vendor's throttling page.

_SECONDS = re.compile(r"\d+(?:\.\d+)?")
_NOT_ALLOWED = re.compile(r"unauthori[sz]ed|not authori[sz]ed|permission|expired token|invalid token", re.IGNORECASE)
_THEIR_FAULT = re.compile(r"unexpected|internal|timed? ?out|try again", re.IGNORECASE)


class Stopped(Exception):
    """A call that came to something else than its answer. Carries what must happen next."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(getattr(outcome, "detail", ""))
        self.outcome = outcome


class GraphError(msgspec.Struct, frozen=True):
    message: str = ""
    code: int | str | None = None
    time_remaining: int | float | str | None = None
    field: str | None = None


class _Envelope(msgspec.Struct, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[GraphError] | None = None


def read(response: Response, wanted: type[T], *, writes: bool, now: Callable[[], datetime]) -> T:
    """The ``data`` of a GraphQL answer as ``wanted``; raises ``Stopped`` with the outcome of anything else."""
    envelope = _envelope(response)
    if envelope is not None and envelope.errors:
        outcome = _of_errors(envelope.errors, writes=writes)
        if writes and isinstance(outcome, Rejected) and _names_something(envelope.data):
            outcome = unknown(outcome.detail, "partial_answer", writes=True)
        raise Stopped(outcome)
    refused = by_status(response, writes=writes, now=now)
    if refused is not None:
        raise Stopped(refused)
    try:
        return msgspec.json.decode(b"" if envelope is None else envelope.data, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = f"HTTP {response.status} without the expected answer: {excerpt(response)}"
        raise Stopped(unknown(said, "unreadable", writes=writes)) from None


def _envelope(response: Response) -> _Envelope | None:
    """GraphQL answers, refusals among them, come as 200 or 400."""
    if response.status not in (200, 400):
        return None
    try:
        return msgspec.json.decode(response.body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _names_something(data: msgspec.Raw) -> bool:
    """Whether a mutation came to something beside its errors: it was made, and a part of it cannot be shown."""
    try:
        told = msgspec.json.decode(data, type=dict[str, Any] | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return any(value is not None for value in (told or {}).values())


def _of_errors(errors: list[GraphError], *, writes: bool) -> Outcome:
    first = errors[0]
    said = "; ".join(error.message for error in errors)[:500]
    if str(first.code) == str(OUT_OF_CREDITS) or "not enough credits" in said:
        return RateLimited(_wait_s(first.time_remaining), said)
    if _NOT_ALLOWED.search(said):
        return Misconfigured(said, "permission")
    if _THEIR_FAULT.search(said):
        return unknown(said, "vendor_error", writes=writes)
    code = "shiphero_refused" if first.code is None else f"shiphero_{first.code}"
    return Rejected(code, said, first.field)


def _wait_s(told: Any) -> float:
    """``time_remaining`` comes as "2 seconds" or as a number."""
    number = _SECONDS.search(str(told))
    return min(max(float(number[0]), 0.5), 600.0) if number else 2.0
