"""What an HTTP status alone says about a call, for connectors whose vendor does not say more in the body."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from crossdock.domain.outcome import Conflict, Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import Line, Response

EXCERPT = 300
DEFAULT_WAIT_S = 2.0
LONGEST_WAIT_S = 86_400.0  # whatever a vendor asks for: beyond a day somebody should look

_REFUSED = frozenset({400, 402, 404, 405, 406, 410, 411, 413, 414, 415, 416, 421, 422, 428, 431, 451})
_NOT_NOW = frozenset({412, 423, 425, 503})  # nothing happened: changed record, lock, too early, unavailable


def by_status(response: Response, *, writes: bool, now: Callable[[], datetime]) -> Outcome | None:
    """The outcome that the status stands for; ``None`` for 2xx: read the body.

    ``writes``: whether the request may have had an effect; an internal error then leaves it unknown (500, 502, 504).
    """
    status = response.status
    said = f"HTTP {status}: {excerpt(response)}"
    if 200 <= status < 300:
        return None
    if status in (401, 407):
        return Misconfigured(said, "credentials")
    if status == 403:
        return Misconfigured(said, "permission")
    if 300 <= status < 400:
        return Misconfigured(
            f"{said} (redirected to {response.headers.get('location', '?')}: is the address right?)", "address"
        )
    if status == 409:
        return Conflict("http_409", said)
    if status == 429:
        wait_s = retry_after_s(response.headers, now)
        return RateLimited(DEFAULT_WAIT_S if wait_s is None else wait_s, said)
    if status in _NOT_NOW:
        return RetryLater(said, retry_after_s(response.headers, now), f"http_{status}")
    if status in _REFUSED:
        return Rejected(f"http_{status}", said)
    return unknown(said, f"http_{status}", writes=writes)


def unknown(detail: str, code: str, *, writes: bool) -> Outcome:
    """No trustworthy answer: for a write the effect is unknown, a read may simply be repeated."""
    return OutcomeUnknown(detail, code) if writes else RetryLater(detail, code=code)


def retry_after_s(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Seconds from a ``Retry-After`` header (seconds or an HTTP date); ``None`` when absent or unreadable. A date is
    of the clock that answered: ours, which may be hours off, counts where the answer has no ``Date``."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isascii() and value.replace(".", "", 1).isdigit():
        return min(float(value), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    return min(max(0.0, (until - (told_at(headers) or now())).total_seconds()), LONGEST_WAIT_S)


def told_at(headers: Mapping[str, str]) -> datetime | None:
    """The other side's own clock, as its answer's ``Date`` tells it; None without one that can be read."""
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return told if told.tzinfo else None


class Asking:
    """When a call is made, by the clock of the system that answers it: what it says was so no earlier.

    Our own clock may be hours off, and jump while the answer is on its way: how long it took is measured by the
    stopwatch. Else what a slow answer says would be taken for newer than it is.
    """

    def __init__(self, line: Line) -> None:
        self._line, self.sent, self._began = line, line.now(), line.stopwatch()

    def at(self, told: datetime | None) -> datetime:
        """``told``: the answer's own clock (``told_at``); without it, ours when it was asked."""
        return self.sent if told is None else told - timedelta(seconds=self._line.stopwatch() - self._began)


def excerpt(response: Response) -> str:
    """The beginning of the body as text for an error message, on one line."""
    return " ".join(response.body[: EXCERPT * 4].decode("utf-8", "replace").split())[:EXCERPT]
