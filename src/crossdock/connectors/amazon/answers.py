"""What an answer of Amazon's means, read from its parsed body and never from the status alone.

Errors come as ``{"errors": [{"code", "message", "details"}]}`` (published models). What is not that is no word of
Amazon's: a read is repeated, after a write the effect is unknown.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from crossdock.connectors.amazon.wire import Submitted
from crossdock.domain.outcome import Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.errors import LONGEST_WAIT_S, excerpt
from crossdock.kit.http import Response


class Failed(Exception):
    """Amazon did not do it; ``outcome`` says what must happen next."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{type(outcome).__name__}: {getattr(outcome, 'detail', '')}")
        self.outcome = outcome


class NotFound(Failed):
    """Amazon says by its own code that there is no such order."""


class Denied(Failed):
    """The access token is not taken: a new one may be."""


class Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: str | None = None


class Errors(msgspec.Struct, frozen=True):
    errors: tuple[Error, ...]


class OAuthError(msgspec.Struct, frozen=True):
    """Login with Amazon's refusals (RFC 6749, 5.2)."""

    error: str
    error_description: str = ""


_errors = msgspec.json.Decoder(Errors).decode
_oauth = msgspec.json.Decoder(OAuthError).decode
REQUEST_ID = "x-amzn-requestid"
RATE = "x-amzn-ratelimit-limit"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FASTEST_PER_S = 1000.0
# Of Login with Amazon: its own trouble, not ours.
_PASSING = ("temporarily_unavailable", "server_error", "slow_down")


def lost(code: str, detail: str, write: bool) -> Outcome:
    """No trustworthy answer: a read may be repeated, the effect of a write is unknown."""
    return OutcomeUnknown(detail, code) if write else RetryLater(detail, code=code)


def read(response: Response, type_: Any, *, rate_per_s: float) -> Any:
    """The body of a read as its type; raises ``Failed``. ``rate_per_s``: the operation's usual rate."""
    if response.status != 200:
        raise refusal(response, write=False, rate_per_s=rate_per_s)
    try:
        return msgspec.json.decode(response.body, type=type_)
    except _UNREADABLE as error:
        raise Failed(lost("answer_unexpected", f"Amazon's answer has another shape: {error}", False)) from error


def accepted(response: Response, *, rate_per_s: float) -> None:
    """``confirmShipment`` was taken: 204, nothing in it, and Amazon's own request id. Raises ``Failed`` otherwise."""
    if response.status == 204 and not response.body and REQUEST_ID in response.headers:
        return
    if 200 <= response.status < 300:
        text = f"HTTP {response.status} that is not Amazon's answer to a confirmation: {excerpt(response)}"
        raise Failed(lost("answer_unexpected", text, True))
    raise refusal(response, write=True, rate_per_s=rate_per_s)


def submitted(response: Response, *, rate_per_s: float) -> Submitted:
    """What Amazon says to a patch of a listing; raises ``Failed``. A 2xx of another shape leaves the effect unknown."""
    if not 200 <= response.status < 300:
        raise refusal(response, write=True, rate_per_s=rate_per_s)
    try:
        return msgspec.json.decode(response.body, type=Submitted)
    except _UNREADABLE as error:
        text = f"Amazon's answer to a patch has another shape: {error}"
        raise Failed(lost("answer_unexpected", text, True)) from error


def refusal(response: Response, *, write: bool, rate_per_s: float) -> Failed:
    """What a status other than 2xx means, by the error codes in its body."""
    status = response.status
    try:
        errors = _errors(response.body).errors
    except _UNREADABLE:
        errors = ()
    if not errors:
        text = f"HTTP {status} without Amazon's errors: {excerpt(response)}"
        return Failed(lost(f"http_{status}", text, write))
    text = "; ".join(_words(error) for error in errors[:3])
    codes = {error.code for error in errors}
    if status == 429 or "QuotaExceeded" in codes:
        return Failed(RateLimited(_wait_s(response, rate_per_s), f"Amazon's limit: {text}"))
    if status in (401, 403):
        return Denied(Misconfigured(f"Amazon denies it: {text}", code="access_denied"))
    if status == 503:
        return Failed(RetryLater(f"Amazon is not available: {text}", code="http_503"))
    if status >= 500:
        return Failed(lost(f"http_{status}", f"Amazon reports an error of its own: {text}", write))
    if status == 404:
        return NotFound(Rejected("amazon.not_found", text))
    return Failed(Rejected(f"amazon.{_slug(errors)}", text, hint="Look at the attempt's answer."))


def _words(error: Error) -> str:
    return f"{error.code}: {error.message}" + (f" ({error.details})" if error.details else "")


def _slug(errors: Sequence[Error]) -> str:
    letters = [f"_{c.lower()}" if c.isupper() else c for c in errors[0].code if c.isascii() and c.isalnum()]
    return "".join(letters).lstrip("_")[:60] or "refused"


def _wait_s(response: Response, usual_per_s: float) -> float:
    """One token of the bucket: by the rate that the answer tells, else by the operation's usual one."""
    try:
        told = float(response.headers[RATE])
    except (KeyError, ValueError):
        told = usual_per_s
    return 1 / (told if 1 / LONGEST_WAIT_S <= told <= _FASTEST_PER_S else usual_per_s)


class Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 3600.0


def token(response: Response) -> Token:
    """The access token of Login with Amazon's answer; raises ``Failed``."""
    if response.status == 200:
        try:
            return msgspec.json.decode(response.body, type=Token)
        except _UNREADABLE:
            raise Failed(lost("token_unreadable", "Login with Amazon answered 200 without a token.", False)) from None
    try:
        said = _oauth(response.body)
    except _UNREADABLE:
        said = None
    if said is None or response.status >= 500 or said.error in _PASSING:
        raise Failed(lost(f"http_{response.status}", f"Login with Amazon answered {response.status}.", False))
    if response.status == 429:
        raise Failed(RateLimited(5.0, "Login with Amazon limits us."))
    hint = "check client_id, client_secret (rotated every 180 days) and refresh_token"
    raise Failed(Misconfigured(f"Login with Amazon refuses: {said.error} {said.error_description}; {hint}"))
