"""Replies in NetSuite's own form."""

from typing import Any

import msgspec

from crossdock.simulators.base import Reply

_encode = msgspec.json.Encoder(decimal_format="number").encode
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
}
_JSON = {"content-type": "application/vnd.oracle.resource+json; type=singular"}


class Refusal(Exception):
    """The account says no: becomes the REST error envelope."""

    def __init__(self, status: int, code: str, detail: str, path: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.path = status, code, detail, path

    def reply(self) -> Reply:
        error: dict[str, Any] = {"detail": self.detail, "o:errorCode": self.code}
        if self.path:
            error["o:errorPath"] = self.path
        body = {
            "type": "https://www.rfc-editor.org/rfc/rfc9110.html#section-15",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "o:errorDetails": [error],
        }
        return Reply(self.status, _encode(body), {"content-type": "application/vnd.oracle.resource+json; type=error"})


def missing(kind: str, ref: str) -> Refusal:
    return Refusal(
        404, "NONEXISTENT_ID", f"The record instance does not exist. Provide a valid record instance ID. ({kind} {ref})"
    )


def bad_ref(path: str, ref: Any) -> Refusal:
    return Refusal(400, "INVALID_KEY_OR_REF", f"Invalid reference key {ref} for {path.rsplit('.', 1)[-1]}.", path)


def user_error(detail: str, path: str | None = None) -> Refusal:
    return Refusal(400, "USER_ERROR", detail, path)


def found(body: Any) -> Reply:
    return Reply(200, _encode(body), _JSON)


def created(location: str) -> Reply:
    """204 with nothing but a Location: how NetSuite acknowledges every write."""
    return Reply(204, b"", {"location": location})
