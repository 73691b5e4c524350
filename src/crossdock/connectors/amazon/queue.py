"""The SQS queue that Amazon's notifications go to: receive and delete, in the AWS JSON protocol. No retries.

What is received is hidden from others for ``HIDDEN_S`` and comes again unless it is deleted; a standard queue may give
a message twice all the same, and in any order. Source: docs.aws.amazon.com SQS API reference, read 2026-11.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from crossdock.connectors.amazon.answers import REQUEST_ID, Failed, lost
from crossdock.connectors.amazon.signing import Keys, signed_headers
from crossdock.domain.outcome import Misconfigured, Outcome, RateLimited, Rejected, RetryLater
from crossdock.kit.errors import excerpt
from crossdock.kit.http import Line, Response

AT_ONCE = 10  # messages per receive and per delete, SQS's most
HIDDEN_S = 120  # longer than a page takes to become durable
WAIT_S = 1  # asks all of the queue's servers, where no wait asks a few of them and may miss what is there
_REGION = re.compile(r"//(?:sqs\.|queue\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.")
_DENIED = (
    "AccessDenied",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthentication",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
)
_GONE = ("QueueDoesNotExist", "NonExistentQueue", "InvalidAddress")
_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True, rename="pascal"):
    message_id: str
    receipt_handle: str
    body: str


class _Received(msgspec.Struct, frozen=True, rename="pascal"):
    messages: tuple[Message, ...] = ()


class _Undeleted(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    code: str = ""
    sender_fault: bool = False


class _Deleted(msgspec.Struct, frozen=True, rename="pascal"):
    """``failed`` is left out by some stand-ins of SQS; an answer must say what it deleted."""

    successful: tuple[dict[str, Any], ...]
    failed: tuple[_Undeleted, ...] = ()


class _Refusal(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="__type")
    message: str = ""


class Queue:
    """The queue of one connection."""

    def __init__(self, line: Line, timeout_s: float) -> None:
        self._line, self._timeout_s = line, timeout_s
        self._url = str(line.settings["queue_url"])

    async def receive(self) -> tuple[Message, ...]:
        """Up to ten messages; empty when there are none now."""
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": AT_ONCE, "VisibilityTimeout": HIDDEN_S}
        asked["WaitTimeSeconds"] = WAIT_S
        response = await self._ask("ReceiveMessage", asked)
        found: _Received = _decoded(response, _Received)
        return found.messages

    async def delete(self, receipts: Sequence[str]) -> int:
        """Delete what was received; how many were. One whose time ran out comes again and is known by then."""
        entries = [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]
        response = await self._ask("DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries})
        done: _Deleted = _decoded(response, _Deleted)
        own = [one.code for one in done.failed if not one.sender_fault]
        if own:
            raise Failed(RetryLater(f"SQS did not delete {len(own)} messages: {own[0]}", code="not_deleted"))
        return len(done.successful)

    async def _ask(self, action: str, asked: dict[str, Any]) -> Response:
        body = _encode(asked)
        keys = self._keys()
        url = "/".join(self._url.split("/", 3)[:3]) + "/"
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
        signed = signed_headers(keys, url, headers, body, self._line.now())
        response = await self._line.http.request("POST", url, headers=signed, body=body, timeout_s=self._timeout_s)
        if response.status != 200:
            raise Failed(_refusal(response))
        if REQUEST_ID not in response.headers:  # "{}" is SQS's word for "nothing", and anybody's for everything
            raise Failed(lost("answer_unexpected", f"This is no answer of SQS's: {excerpt(response)}", False))
        return response

    def _keys(self) -> Keys:
        settings = self._line.settings
        key_id, secret = settings.get("aws_access_key_id"), self._line.secrets.get("aws_secret_access_key")
        found = _REGION.search(self._url)
        region = settings.get("aws_region") or (found.group(1) if found else "")
        if not key_id or not secret or not region:
            text = "queue_url needs aws_access_key_id, the secret aws_secret_access_key, and aws_region"
            raise Failed(Misconfigured(f"{text} where the address does not tell it.", code="settings"))
        return Keys(str(key_id), str(secret), str(region), "sqs")


def _decoded(response: Response, type_: Any) -> Any:
    try:
        return msgspec.json.decode(response.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(lost("answer_unexpected", f"SQS's answer has another shape: {error}", False)) from error


def _refusal(response: Response) -> Outcome:
    """Receiving and deleting can both be repeated: what is not understood is tried again."""
    try:
        said = msgspec.json.decode(response.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return lost(f"http_{response.status}", f"SQS answered {response.status}: {excerpt(response)}", False)
    code, text = said.kind.rpartition("#")[2], f"SQS refuses: {said.kind.rpartition('#')[2]} {said.message}"
    if any(word in code for word in _DENIED):
        return Misconfigured(text, code="queue_denied")
    if any(word in code for word in _GONE):
        return Misconfigured(f"{text}; check queue_url", code="queue_missing")
    if "Throttl" in code:
        return RateLimited(5.0, text)
    if response.status >= 500:
        return RetryLater(text, code=f"http_{response.status}")
    return Rejected("amazon.queue_refused", text)
