"""The OpenAPI document, with the one answer that every route may give instead of its own: a problem (RFC 9457)."""

import copy
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin

from crossdock.api.problems import ProblemDetails

_PROBLEM = {"$ref": "#/components/responses/Problem"}


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with ``problem+json`` for every refusal, in place of what the framework would answer by itself."""
    told = copy.deepcopy(document)
    components = told.setdefault("components", {})
    schema = msgspec.json.schema(ProblemDetails)["$defs"]["ProblemDetails"]
    components.setdefault("schemas", {})["ProblemDetails"] = schema
    components.setdefault("responses", {})["Problem"] = {
        "description": "Refused or failed; `code` is stable and says which",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
    for path in told.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].pop("400", None)
                operation["responses"]["default"] = _PROBLEM
    return told


def document_of(app: Litestar) -> dict[str, Any]:
    """What ``/api/v1/openapi.json`` answers."""
    return with_problems(app.openapi_schema.to_schema())


class ProblemsToo(JsonRenderPlugin):
    """Renders the document as JSON, with every refusal in it."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, with_problems(openapi_schema))


__all__ = ["ProblemsToo", "document_of", "with_problems"]
