"""The partner API against its own OpenAPI document: whatever the document allows to be asked, and what it does not, is
answered as the document says, and never by a bug. Requests are made by schemathesis, bounded and the same every time.
"""

import asyncio
import time
from typing import Any

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

from crossdock import app
from crossdock.intake.sources import SourceLimit
from crossdock.observe.signals import Silence
from crossdock.partner.app import create_partner, document
from crossdock.partner.counter import Counter
from tests.partner.house import House

EXAMPLES = 10  # of each operation and mode
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


def _document() -> dict[str, Any]:
    """As the server gives it; nothing in it needs a database."""
    nowhere: Any = None
    schema = app.portal_schema()
    sources = SourceLimit(1.0, 1.0, time.monotonic)
    counter = Counter(nowhere, nowhere, {}, frozenset(), {}, schema, Silence(), sources, time.monotonic, str)
    return document(create_partner(counter, "1").openapi_schema.to_schema(), schema)


SCHEMA = schemathesis.openapi.from_dict(_document())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


def test_the_document_names_every_operation() -> None:
    assert set(OPERATIONS) == {
        "POST /partner/v1/orders",
        "GET /partner/v1/orders/{external_id}",
        "GET /partner/v1/orders/{external_id}/returns/{return_id}",
        "POST /partner/v1/returns",
        "POST /partner/v1/customers/check",
        "POST /partner/v1/products/check",
        "POST /partner/v1/price-check",
        "POST /partner/v1/availability",
        "GET /partner/v1/order.schema.json",
    }


class Asking:
    """Sends schemathesis' cases with a key; the database belongs to the test's own loop."""

    def __init__(self, who: httpx.AsyncClient) -> None:
        self._who, self._loop = who, asyncio.get_running_loop()

    def __call__(self, case: schemathesis.Case) -> httpx.Response:
        """Called from hypothesis' thread."""
        return asyncio.run_coroutine_threadsafe(self._send(case), self._loop).result(30)

    async def _send(self, case: schemathesis.Case) -> httpx.Response:
        told = case.as_transport_kwargs(base_url="http://partner.test")
        headers = {**(told.pop("headers") or {}), "authorization": self._who.headers["authorization"]}
        if "data" in told:
            told["content"] = told.pop("data")
        sent = {name: value for name, value in told.items() if value is not None and name != "cookies"}
        return await self._who.request(**sent, headers={k: v for k, v in headers.items() if v is not None})


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", sorted(OPERATIONS))
async def test_answers_are_as_the_document_says(house: House, key: str, label: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[label]
    async with house.at(key) as who:
        asking = Asking(who)
        cases: st.SearchStrategy[schemathesis.Case] = operation.as_strategy(generation_mode=mode)

        @given(case=cases)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case: schemathesis.Case) -> None:
            case.validate_response(asking(case), checks=CHECKS)

        await asyncio.to_thread(ask)
