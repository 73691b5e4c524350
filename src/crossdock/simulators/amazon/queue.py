"""An SQS standard queue as far as a consumer uses it: receive, delete, in the JSON protocol, signed by an IAM user.

A received message is hidden for its visibility time-out and comes again unless it is deleted; order is not kept.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from crossdock.simulators.base import Reply, Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/sqs/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)
_SKEW = timedelta(minutes=15)


class Denied(Exception):
    """The request is refused: SQS's error type, and its status."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


class Held(msgspec.Struct):
    id: str
    body: str
    visible_at: datetime
    receipt: str = ""
    receives: int = 0


class SimulatedQueue:
    """One queue and the access key that may read it."""

    def __init__(self, url: str, key_id: str, secret: str, region: str, now: Callable[[], datetime], random: Random):
        self.url, self._key_id, self._secret, self._region = url, key_id, secret, region
        self._now, self._random = now, random
        self.held: dict[str, Held] = {}
        self.deleted = 0

    def put(self, body: bytes) -> None:
        one = Held(str(UUID(int=self._random.getrandbits(128))), body.decode(), self._now())
        self.held[one.id] = one

    def answer(self, request: Request) -> Reply:
        """Serve one request to the queue's endpoint."""
        try:
            self._prove(request)
            asked = msgspec.json.decode(request.body, type=dict[str, Any])
            if asked.get("QueueUrl") != self.url:
                raise Denied("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
            return self._reply(200, self._do(request.headers.get("x-amz-target", ""), asked))
        except msgspec.DecodeError as error:
            return self._reply(
                400, {"__type": "com.amazon.coral.service#SerializationException", "message": str(error)}
            )
        except Denied as denied:
            return self._reply(denied.status, {"__type": denied.kind, "message": str(denied)})

    def _do(self, target: str, asked: dict[str, Any]) -> dict[str, Any]:
        match target:
            case "AmazonSQS.ReceiveMessage":
                return self._receive(int(asked.get("MaxNumberOfMessages", 1)), int(asked.get("VisibilityTimeout", 30)))
            case "AmazonSQS.DeleteMessageBatch":
                return self._delete(list(asked.get("Entries") or ()))
        raise Denied("com.amazon.coral.service#UnknownOperationException", f"no {target!r}")

    def _receive(self, most: int, hidden_s: int) -> dict[str, Any]:
        if not 1 <= most <= 10:
            raise Denied("com.amazonaws.sqs#InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10")
        now = self._now()
        visible = [one for one in self.held.values() if one.visible_at <= now]
        self._random.shuffle(visible)
        for one in visible[:most]:
            one.visible_at, one.receives = now + timedelta(seconds=hidden_s), one.receives + 1
            one.receipt = f"{one.id}#{self._random.getrandbits(64):016x}"
        return {"Messages": [_shown(one) for one in visible[:most]]} if visible else {}

    def _delete(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        if not 1 <= len(entries) <= 10:
            raise Denied("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "between 1 and 10 entries")
        for entry in entries:
            if self.held.pop(str(entry["ReceiptHandle"]).partition("#")[0], None) is not None:
                self.deleted += 1
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    def _prove(self, request: Request) -> None:
        """Signature Version 4, as AWS checks it."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            raise Denied("com.amazon.coral.service#MissingAuthenticationTokenException", "not signed", 403)
        key_id, day, region, names, signature = found.groups()
        if key_id != self._key_id or region != self._region:
            raise Denied("com.amazon.coral.service#UnrecognizedClientException", "The security token is invalid.", 403)
        stamp = request.headers.get("x-amz-date", "")
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(at - self._now()) > _SKEW or stamp[:8] != day:
            raise Denied("com.amazon.coral.service#InvalidSignatureException", "Signature expired", 403)
        lines = [request.method, request.path or "/", ""]
        told = {"host": urlsplit(self.url).netloc, **request.headers}  # without a socket nobody says the host
        lines += [f"{name}:{told.get(name, '').strip()}" for name in names.split(";")]
        lines += ["", names, hashlib.sha256(request.body).hexdigest()]
        scope = f"{day}/{region}/sqs/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = ("AWS4" + self._secret).encode()
        for part in (day, region, "sqs", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        right = hmac.new(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
        if "host" not in names.split(";") or not hmac.compare_digest(right, signature):
            raise Denied("com.amazon.coral.service#InvalidSignatureException", "The signature does not match.", 403)

    def _reply(self, status: int, body: dict[str, Any]) -> Reply:
        request_id = str(UUID(int=self._random.getrandbits(128)))
        headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-RequestId": request_id}
        return Reply(status, msgspec.json.encode(body), headers)


def _shown(one: Held) -> dict[str, str]:
    digest = hashlib.md5(one.body.encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": one.id, "ReceiptHandle": one.receipt, "MD5OfBody": digest, "Body": one.body}
