"""What each answer means: by its body, never by its status alone."""

from typing import Any

import msgspec
import pytest

from crossdock.connectors.netsuite.answers import classify
from crossdock.domain.outcome import Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import Response


def answer(status: int, code: str = "", detail: str = "why", path: str | None = None, **headers: str) -> Response:
    details = [{"detail": detail, "o:errorCode": code, **({"o:errorPath": path} if path else {})}]
    body = msgspec.json.encode({"type": "x", "title": "t", "status": status, "o:errorDetails": details})
    return Response(status, headers, body)


HTML = b"<html><body>gateway</body></html>"


@pytest.mark.parametrize(
    ("response", "wrote", "expected"),
    [
        (answer(429, "CONCURRENCY_LIMIT_EXCEEDED"), True, RateLimited),
        (Response(429, {}, HTML), True, RateLimited),
        (answer(400, "SSS_REQUEST_LIMIT_EXCEEDED"), True, RateLimited),
        (answer(400, "RCRD_HAS_BEEN_CHANGED"), True, RetryLater),
        (answer(400, "INVALID_KEY_OR_REF", path="item.items[0].item"), True, Rejected),
        (answer(400, "USER_ERROR"), True, Rejected),
        (answer(400, "SOMETHING_NEW"), True, Rejected),
        (answer(404, "NONEXISTENT_ID"), True, Rejected),
        (answer(403, "INSUFFICIENT_PERMISSION"), True, Misconfigured),
        (answer(400, "INVALID_LOGIN"), True, Misconfigured),
        (answer(503, "SERVICE_UNAVAILABLE"), True, RetryLater),
        (answer(500, "UNEXPECTED_ERROR"), True, OutcomeUnknown),
        (answer(500, "UNEXPECTED_ERROR"), False, RetryLater),
        (Response(200, {}, HTML), True, OutcomeUnknown),
        (Response(200, {}, HTML), False, RetryLater),
        (Response(503, {}, HTML), True, RetryLater),
        (Response(502, {}, HTML), True, OutcomeUnknown),
        (Response(504, {}, b""), True, OutcomeUnknown),
        (Response(404, {}, HTML), False, RetryLater),
        (Response(202, {"location": "/async/v1/job/1"}, b""), True, OutcomeUnknown),
        (Response(400, {}, b'{"error":"not NetSuite"}'), True, OutcomeUnknown),
        (Response(200, {}, b'{"id":"1"}'), True, OutcomeUnknown),
    ],
)
def test_classification(response: Response, wrote: bool, expected: type[Any]) -> None:
    assert isinstance(classify(response, wrote=wrote), expected)


def test_a_rejection_names_code_field_and_what_to_do() -> None:
    outcome = classify(answer(400, "INVALID_KEY_OR_REF", "Invalid item", "item.items[0].item"), wrote=True)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field, outcome.detail) == ("invalid_key_or_ref", "item.items[0].item", "Invalid item")
    assert outcome.hint


def test_the_vendor_says_when_to_come_back() -> None:
    outcome = classify(answer(429, "CONCURRENCY_LIMIT_EXCEEDED", **{"retry-after": "7"}), wrote=True)
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == 7.0
