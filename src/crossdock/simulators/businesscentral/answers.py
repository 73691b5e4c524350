"""Replies in Business Central's own form."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from crossdock.simulators.base import Reply

encode = msgspec.json.Encoder(decimal_format="number").encode
JSON = {"content-type": "application/json; odata.metadata=minimal; odata.streaming=true", "odata-version": "4.0"}


class Refusal(Exception):
    """The company says no: becomes the OData error envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def reply(self) -> Reply:
        correlation = uuid5(NAMESPACE_URL, f"{self.code}/{self.message}")
        text = f"{self.message}  CorrelationId:  {correlation}."
        return Reply(self.status, encode({"error": {"code": self.code, "message": text}}), JSON)


class PostedAnyway(Refusal):
    """An error after the posting was committed."""


def missing() -> Refusal:
    return Refusal(
        404,
        "BadRequest_ResourceNotFound",
        "Bad Request - Error in query syntax: the resource cannot be found or is not accessible.",
    )


def gone(kind: str) -> Refusal:
    return Refusal(404, "Internal_RecordNotFound", f"The {kind} does not exist. Identification fields and values: Id.")


def dialog(message: str) -> Refusal:
    """An application error: a rule of the business logic."""
    return Refusal(400, "Application_DialogException", message)


def bad_value(message: str) -> Refusal:
    return Refusal(400, "Internal_InvalidTableRelation", message)


def changed() -> Refusal:
    """The ETag is stale."""
    message = "Another user has already changed the record. Please retry the request."
    return Refusal(412, "Request_EntityChanged", message)


def found(body: Any, status: int = 200) -> Reply:
    return Reply(status, encode(body), JSON)


def nothing() -> Reply:
    return Reply(204, b"", {"odata-version": "4.0"})
