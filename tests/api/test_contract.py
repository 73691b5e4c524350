"""The API against its own OpenAPI document: whatever the document allows to be asked, and what it does not, is
answered as the document says, and never by a bug. Requests are made by schemathesis, bounded and the same every time.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crossdock.api.app import create_api
from crossdock.api.described import document_of
from crossdock.api.desk import Desk
from crossdock.api.problems import STATUS
from crossdock.observe.signals import Silence
from tests.console.desks import HOST, Visitor, visitor

EXAMPLES = 12  # of each operation and mode
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


def _document() -> dict[str, Any]:
    """As the server gives it; nothing in it needs a database."""
    nowhere: Any = None
    desk = Desk(nowhere, nowhere, {}, Silence(), nowhere, time.monotonic, str)
    return document_of(create_api(desk, watch=False))


SCHEMA = schemathesis.openapi.from_dict(_document())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture
async def admin(desk: Desk) -> AsyncIterator[Visitor]:
    async with visitor(desk) as who:
        yield who


def test_the_document_is_what_the_server_answers_and_names_every_refusal() -> None:
    assert len(OPERATIONS) >= 24
    for path in _document()["paths"].values():
        for operation in path.values():
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
            assert "400" not in operation["responses"]


class Asking:
    """Sends schemathesis' cases as the signed-in person; the database belongs to the test's own loop."""

    def __init__(self, who: Visitor) -> None:
        self._who, self._loop = who, asyncio.get_running_loop()

    def __call__(self, case: schemathesis.Case) -> httpx.Response:
        """Called from hypothesis' thread."""
        return asyncio.run_coroutine_threadsafe(self._send(case), self._loop).result(30)

    async def _send(self, case: schemathesis.Case) -> httpx.Response:
        told = case.as_transport_kwargs(base_url=HOST)
        headers = {**(told.pop("headers") or {}), "x-csrf-token": self._who.csrf, "origin": HOST}
        if "data" in told:
            told["content"] = told.pop("data")
        sent = {name: value for name, value in told.items() if value is not None and name != "cookies"}
        return await self._who.client.request(headers=headers, **sent)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whatever_is_asked_is_answered_as_the_document_says(admin: Visitor, method: str) -> None:
    """In the ways the document allows, and in ways it does not. A bug that is logged fails the test too (``desk``)."""
    ask = Asking(admin)
    for label, operation in OPERATIONS.items():
        if label.startswith(method):
            cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

            @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
            @given(cases)
            def run(case: schemathesis.Case) -> None:
                case.validate_response(ask(case), checks=CHECKS)

            await asyncio.to_thread(run)  # hypothesis waits for each answer


ODD = ["nul\0", "\ud800", "x" * 3_000, "../..", "'; drop table orders; --", "-1", "0", str(2**63), str(10**40), "é"]


def requests(path: str, operation: dict[str, Any], body: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(address, body) with one value odd: of the path, the query, or the body."""
    names = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    asked = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
    plain = path.format(**dict.fromkeys(names, "1"))
    sound = json.dumps(body).encode()
    for odd in ODD:
        text = quote(odd.encode("utf-8", "surrogatepass"), safe="")
        yield from ((path.format(**{**dict.fromkeys(names, "1"), name: text}), sound) for name in names)
        yield from ((f"{plain}?{name}={text}", sound) for name in asked)
    for name, value in body.items():
        for odd in [*ODD, 2**63, -1, None, [], {}, {"a": "nul\0"}]:
            yield plain, json.dumps({**body, name: [odd] if isinstance(value, list) else odd}).encode()


BODIES: dict[str, dict[str, Any]] = {
    "acts": {"action": "retry", "reason": "because", "act_id": "a-1", "args": {"step": "order.book"}},
    "retry": {"fingerprint": "f", "ids": [1], "act_id": "b-1", "reason": "because"},
    "pause": {"reason": "because"},
    "links": {"role": "viewer"},
    "partner-keys": {"connection": "portal1", "name": "till", "scopes": ["orders:read"], "days": 3},
    "revoke": {"reason": "because"},
    "faults": {"html_200": 0.5},
}


@pytest.mark.parametrize("method", ["get", "post"])
async def test_odd_values_are_refused_or_answered_and_are_no_bug(admin: Visitor, method: str) -> None:
    """In every parameter and every text of a body: what a database cannot hold is the asker's mistake, not ours."""
    headers = {"x-csrf-token": admin.csrf, "origin": HOST, "content-type": "application/json"}
    for path, operations in _document()["paths"].items():
        if method not in operations:
            continue
        body = BODIES.get(path.rpartition("/")[2], {}) if method == "post" else {}
        for address, sent in requests(path, operations[method], body):
            answer = await admin.client.request(method, address, content=sent, headers=headers)
            assert answer.status_code < 500, (address, sent, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", address
                assert answer.json()["code"] in STATUS, address
