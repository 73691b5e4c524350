"""What Amazon's answers mean, and how requests to its queue are signed."""

from datetime import UTC, datetime

import pytest

from crossdock.connectors.amazon import answers
from crossdock.connectors.amazon.answers import Denied, Failed, NotFound
from crossdock.connectors.amazon.signing import Keys, signed_headers, signing_key
from crossdock.connectors.amazon.standing import ignored, ignored_change, later
from crossdock.connectors.amazon.wire import ChangeSummary, Fulfillment, Got
from crossdock.domain.outcome import (
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.kit.http import Response

ID = {"x-amzn-requestid": "r"}


def errors(code: str, message: str = "no") -> bytes:
    return f'{{"errors":[{{"code":"{code}","message":"{message}","details":"d"}}]}}'.encode()


def refusal(status: int, body: bytes, *, write: bool, headers: dict[str, str] | None = None) -> Outcome:
    return answers.refusal(Response(status, headers or {}, body), write=write, rate_per_s=0.5).outcome


@pytest.mark.parametrize(
    ("status", "code", "reading", "writing"),
    [
        (400, "InvalidInput", Rejected, Rejected),
        (401, "Unauthorized", Misconfigured, Misconfigured),
        (403, "Unauthorized", Misconfigured, Misconfigured),
        (404, "NotFound", Rejected, Rejected),
        (413, "RequestTooLarge", Rejected, Rejected),
        (429, "QuotaExceeded", RateLimited, RateLimited),
        (500, "InternalFailure", RetryLater, OutcomeUnknown),
        (503, "ServiceUnavailable", RetryLater, RetryLater),
    ],
)
def test_errors_are_classified_by_amazons_own_words(
    status: int, code: str, reading: type[Outcome], writing: type[Outcome]
) -> None:
    assert type(refusal(status, errors(code), write=False)) is reading
    assert type(refusal(status, errors(code), write=True)) is writing


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"errors":[]}', b'{"errors":"no"}', b"\xff", b"[" * 9999])
def test_what_are_not_amazons_words_says_nothing(status: int, body: bytes) -> None:
    assert type(refusal(status, body, write=False)) is RetryLater
    assert type(refusal(status, body, write=True)) is OutcomeUnknown


@pytest.mark.parametrize(
    ("told", "after_s"),
    [
        (None, 2.0),
        ("2.0", 0.5),
        ("0.0056", 1 / 0.0056),
        ("0", 2.0),
        ("nan", 2.0),
        ("inf", 2.0),
        ("-1", 2.0),
        ("x", 2.0),
    ],
)
def test_a_limit_is_waited_for_by_the_rate_that_is_told(told: str | None, after_s: float) -> None:
    headers = {} if told is None else {"x-amzn-ratelimit-limit": told}
    outcome = refusal(429, errors("QuotaExceeded"), write=True, headers=headers)
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == pytest.approx(after_s)


def test_a_denied_token_and_a_missing_order_are_told_apart() -> None:
    assert isinstance(answers.refusal(Response(403, {}, errors("Unauthorized")), write=False, rate_per_s=1), Denied)
    assert isinstance(answers.refusal(Response(404, {}, errors("NotFound")), write=False, rate_per_s=1), NotFound)


@pytest.mark.parametrize(
    ("response", "done"),
    [
        (Response(204, ID, b""), True),
        (Response(204, {}, b""), False),
        (Response(204, ID, b"x"), False),
        (Response(200, ID, b""), False),
        (Response(200, ID, b"{}"), False),
        (Response(202, ID, b""), False),
        (Response(302, ID, b""), False),
    ],
)
def test_only_amazons_own_answer_confirms(response: Response, done: bool) -> None:
    if done:
        answers.accepted(response, rate_per_s=2.0)
        return
    with pytest.raises(Failed) as failed:
        answers.accepted(response, rate_per_s=2.0)
    assert isinstance(failed.value.outcome, OutcomeUnknown)


def test_a_read_of_another_shape_is_tried_again() -> None:
    for body in (b"", b"{}", b'{"order":', b"<html>"):
        with pytest.raises(Failed) as failed:
            answers.read(Response(200, {}, body), Got, rate_per_s=1.0)
        assert isinstance(failed.value.outcome, RetryLater)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, b'{"error":"invalid_grant","error_description":"x"}', Misconfigured),
        (401, b'{"error":"invalid_client"}', Misconfigured),
        (400, b'{"error":"temporarily_unavailable"}', RetryLater),
        (429, b'{"error":"slow"}', RateLimited),
        (500, b'{"error":"server_error"}', RetryLater),
        (503, b"<html>", RetryLater),
        (400, b"<html>", RetryLater),
        (200, b"{}", RetryLater),
        (200, b"<html>", RetryLater),
    ],
)
def test_sign_in_is_classified(status: int, body: bytes, outcome: type[Outcome]) -> None:
    with pytest.raises(Failed) as failed:
        answers.token(Response(status, {}, body))
    assert type(failed.value.outcome) is outcome


def test_a_long_refusal_code_stays_a_code() -> None:
    outcome = refusal(400, errors("Invalid Input"), write=False)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "amazon.invalid_input"
    outcome = refusal(400, errors("…" * 3), write=False)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "amazon.refused"


# --- which orders are taken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "by", "book", "asked", "taken"),
    [
        ("PENDING", "MERCHANT", False, True, False),
        ("PENDING_AVAILABILITY", "MERCHANT", False, False, False),
        ("UNSHIPPED", "MERCHANT", False, False, True),
        ("PARTIALLY_SHIPPED", "MERCHANT", False, True, False),
        ("SHIPPED", "MERCHANT", False, False, False),
        ("SHIPPED", "MERCHANT", False, True, True),
        ("CANCELLED", "MERCHANT", False, False, True),
        ("UNFULFILLABLE", "MERCHANT", False, False, False),
        (
            "SOMETHING_NEW",
            "MERCHANT",
            False,
            False,
            True,
        ),  # the mapping says that it does not know it: not lost, not shipped
        ("UNSHIPPED", "AMAZON", False, True, False),
        ("SHIPPED", "AMAZON", False, True, False),
        ("UNSHIPPED", "AMAZON", True, False, False),
        ("SHIPPED", "AMAZON", True, False, True),
        ("CANCELLED", "AMAZON", True, False, True),
    ],
)
def test_which_orders_are_taken(status: str, by: str, book: bool, asked: bool, taken: bool) -> None:
    assert (ignored(Fulfillment(status, by), book_amazons=book, asked=asked) is None) is taken


@pytest.mark.parametrize(
    ("status", "by", "for_ours"),
    [
        ("PARTIALLY_SHIPPED", "MERCHANT", True),
        ("SHIPPED", "MERCHANT", True),
        ("SHIPPED", "AMAZON", False),
        ("SHIPPED", None, False),
        ("UNSHIPPED", "MERCHANT", False),
        ("CANCELLED", "MERCHANT", False),
    ],
)
def test_which_orders_are_only_for_the_one_that_is_here(status: str, by: str | None, for_ours: bool) -> None:
    assert later(Fulfillment(status, by)) is for_ours
    assert not later(None)


@pytest.mark.parametrize(
    ("status", "kind", "book", "read"),
    [
        ("Pending", "MFN", False, False),
        ("PendingAvailability", "MFN", False, False),
        ("InvoiceUnconfirmed", "MFN", False, False),
        ("Unshipped", "MFN", False, True),
        ("PartiallyShipped", "MFN", False, False),
        ("Shipped", "MFN", False, False),
        ("Canceled", "MFN", False, True),
        ("Shipped", "AFN", False, False),
        ("Shipped", "AFN", True, True),
        ("Unshipped", "AFN", True, False),
    ],
)
def test_which_notifications_are_read_back(status: str, kind: str, book: bool, read: bool) -> None:
    assert (ignored_change(ChangeSummary(status, kind), book_amazons=book) is None) is read


# --- signing --------------------------------------------------------------------------------------------------------


def test_the_signing_key_is_the_one_that_aws_publishes() -> None:
    """The example of "Deriving a signing key" in the AWS documentation."""
    keys = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam")
    wanted = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    assert signing_key(keys, "20150830").hex() == wanted


def test_a_post_is_signed_as_in_the_suite_that_aws_publishes() -> None:
    """``post-vanilla`` of the Signature Version 4 test suite: service ``service``, an empty body."""
    keys = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    told = signed_headers(keys, "https://example.amazonaws.com/", {}, b"", at)
    assert told["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )
