"""What an answer of Shopify's means, read from its parsed body and never from the status alone."""

from collections.abc import Sequence
from typing import Any

import msgspec

from crossdock.domain.outcome import (
    Conflict,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.kit.errors import LONGEST_WAIT_S
from crossdock.kit.http import Response


class Failed(Exception):
    """Shopify did not do it; ``outcome`` says what must happen next."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{type(outcome).__name__}: {getattr(outcome, 'detail', '')}")
        self.outcome = outcome


class _ErrorExtensions(msgspec.Struct, frozen=True, rename="camel"):
    code: str = ""
    required_access: str = ""


class GraphError(msgspec.Struct, frozen=True):
    message: str = ""
    path: tuple[str | int, ...] | None = None
    extensions: _ErrorExtensions | None = None

    @property
    def code(self) -> str:
        return self.extensions.code if self.extensions else ""


class _Bucket(msgspec.Struct, frozen=True, rename="camel"):
    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(msgspec.Struct, frozen=True, rename="camel"):
    """Shopify's own meter. Standard shops restore 100 points a second (shopify.dev "rate limits", read 2026-09)."""

    requested_query_cost: float = 0
    throttle_status: _Bucket | None = None

    def wait_s(self) -> float:
        """How long until a call of the same size fits again; 0 when it fits now."""
        bucket = self.throttle_status
        if bucket is None or bucket.restore_rate <= 0:
            return 0.0
        wait_s = max(0.0, self.requested_query_cost - bucket.currently_available) / bucket.restore_rate
        return min(wait_s, LONGEST_WAIT_S)

    def restored_s(self) -> float:
        """How long Shopify takes to restore what a call of this size costs."""
        bucket = self.throttle_status
        if bucket is None or bucket.restore_rate <= 0:
            return 0.0
        return min(max(0.0, self.requested_query_cost) / bucket.restore_rate, LONGEST_WAIT_S)


class Extensions(msgspec.Struct, frozen=True):
    cost: Cost | None = None


class Envelope(msgspec.Struct, frozen=True):
    """A GraphQL answer. ``data`` stays raw until the errors are read."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: tuple[GraphError, ...] = ()
    extensions: Extensions | None = None


class UserError(msgspec.Struct, frozen=True):
    message: str
    field: tuple[str, ...] | None = None
    code: str | None = None


_envelope = msgspec.json.Decoder(Envelope).decode
_RETRY_AFTER_S = 2.0


def read(response: Response, *, write: bool) -> tuple[bytes, Cost | None]:
    """The answer's ``data`` and what it cost; raises ``Failed`` for anything else."""
    if response.status != 200:
        raise Failed(_status(response, write))
    try:
        envelope = _envelope(response.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Failed(
            lost("answer_unreadable", "Shopify answered 200 with something that is not its JSON.", write)
        ) from None
    cost = envelope.extensions.cost if envelope.extensions else None
    if envelope.errors:
        raise Failed(_errors(envelope.errors, cost, write))
    whole = bytes(envelope.data)
    if whole == b"null":
        raise Failed(lost("answer_empty", "Shopify answered 200 without data and without errors.", write))
    return whole, cost


def lost(code: str, detail: str, write: bool) -> Outcome:
    """No trustworthy answer: a read may be repeated at once, the effect of a write is unknown."""
    return OutcomeUnknown(detail, code) if write else RetryLater(detail, code=code)


def _status(response: Response, write: bool) -> Outcome:
    status, wait = response.status, _retry_after(response)
    if status in (429, 430):
        return RateLimited(wait or (60.0 if status == 430 else _RETRY_AFTER_S), f"Shopify answered {status}.")
    if status in (401, 402, 403, 404, 423):
        return Misconfigured(_REFUSALS[status], code=f"http_{status}")
    if status == 503:
        return RetryLater("Shopify is not available (503).", wait)
    if status >= 500:
        return lost(f"http_{status}", f"Shopify answered {status}.", write)
    return Rejected(
        f"shopify.http_{status}", f"Shopify refused the request with {status}.", hint="Look at the attempt's answer."
    )


_REFUSALS = {
    401: "Shopify does not accept the access token: the app was removed or the token was replaced.",
    402: "The shop is frozen for an unpaid bill.",
    403: "Shopify forbids every call: the shop is closed to the app.",
    404: "There is no such shop or API version: check shop_domain.",
    423: "Shopify has locked the shop.",
}


def _retry_after(response: Response) -> float | None:
    try:
        return min(max(0.0, float(response.headers["retry-after"])), LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return None


def _errors(errors: Sequence[GraphError], cost: Cost | None, write: bool) -> Outcome:
    """The gravest error decides. A throttled query was not run at all."""
    codes = {error.code for error in errors}
    first = errors[0]
    detail = "; ".join(error.message for error in errors[:3])
    if "THROTTLED" in codes:
        return RateLimited(max(cost.wait_s() if cost else 0.0, 0.1), "Shopify's cost bucket is empty.")
    if "SHOP_INACTIVE" in codes:
        return Misconfigured(f"The shop is closed: {detail}", code="shop_inactive")
    denied = next((error for error in errors if error.code == "ACCESS_DENIED"), None)
    if denied:
        return _denied(denied, write)
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        return lost("vendor_error", f"Shopify reports an error of its own: {detail}", write)
    return Rejected(
        "shopify.graphql_" + (first.code.lower() or "error"),
        detail,
        hint="Shopify does not take this request: the API version may have been retired.",
    )


def _denied(error: GraphError, write: bool) -> Outcome:
    """The app lacks an access scope: what needs it is refused, whatever else it may do goes on.

    A mutation that is denied itself did nothing; of one that a field of its answer is denied for that is not known.
    """
    place = ".".join(part for part in error.path or () if isinstance(part, str))
    required = error.extensions.required_access if error.extensions else ""
    known = f" Required access: {required}" if required and required not in error.message else ""
    detail = f"Shopify denies {place or 'the call'}: {error.message}{known}"
    if write and "." in place:
        return lost("access_denied", detail, write)
    return Rejected(
        "shopify.access_denied",
        detail,
        field=place or None,
        hint="Give the app the access scope in the shop; then retry, all orders of one cause at once.",
    )


# Words of Shopify's user errors that mean "it changed since you read it": nothing was done, read again.
_CHANGED = ("unfulfillable status", "quantity", "does not exist", "not found", "closed", "single location")


def user_errors(errors: Sequence[UserError]) -> Outcome:
    """What a mutation's ``userErrors`` mean. Nothing was changed in the shop."""
    first = errors[0]
    text = "; ".join(error.message for error in errors[:3])
    lowered = text.lower()
    if "already" in lowered and "fulfilled" in lowered:
        return Conflict("shopify.already_fulfilled", text)
    if any(word in lowered for word in _CHANGED):
        return RetryLater(f"The fulfilment orders changed while we wrote: {text}", code="fulfilment_order_changed")
    return Rejected("shopify.user_error", text, field=".".join(first.field) if first.field else None)


def decode(whole: bytes, type_: Any, *, write: bool) -> Any:
    """``data`` as its type; an answer of another shape is no answer."""
    try:
        return msgspec.json.decode(whole, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(lost("answer_unexpected", f"Shopify's answer has another shape: {error}", write)) from error
