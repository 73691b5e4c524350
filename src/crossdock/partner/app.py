"""The partner API as an ASGI app: its routes, its OpenAPI document, its refusals."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar, Response, get, post
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, JSONBody

from crossdock.api.described import with_problems
from crossdock.partner import asking, availability, orders, pricing, returns
from crossdock.partner.asking import CustomerAnswer, CustomerQuestion, ProductAnswers, ProductQuestion
from crossdock.partner.availability import AvailabilityAnswers, AvailabilityQuestion
from crossdock.partner.counter import Asking, Counter, authorise, counter_of
from crossdock.partner.orders import OrderAnswer
from crossdock.partner.pricing import PriceAnswers, PriceQuestion
from crossdock.partner.problems import handlers
from crossdock.partner.returns import ReturnAnswer, ReturnQuestion

MAX_BODY = 1_000_000
_PLAIN = "/partner/openapi"  # where the framework shows the document without what ``document`` adds; JSON only
_ANSWERED = ResponseSpec(ReturnAnswer, description="Decided on within the time that was preferred")
_NOW = ResponseSpec(OrderAnswer, description="Decided on within the time that was preferred")


@post("/partner/v1/orders", status_code=202, opt={"scope": "orders:write"}, responses={200: _NOW})
async def place(request: Asking) -> Response[OrderAnswer]:
    """Take one order, durably before the answer. Needs `Idempotency-Key`; `Prefer: wait=2` waits for the decision."""
    return await orders.take(request)


@get("/partner/v1/orders/{external_id:str}", opt={"scope": "orders:read"})
async def order(request: Asking, external_id: FromPath[str]) -> OrderAnswer:
    """How one order stands."""
    return await orders.one(request, external_id)


@post("/partner/v1/customers/check", status_code=200, opt={"scope": "customers:read"})
async def check_customer(request: Asking, data: JSONBody[CustomerQuestion]) -> CustomerAnswer:
    """Whether a buyer is an active customer of the ERP, as it was last read."""
    return await asking.customer(request, data)


@post("/partner/v1/products/check", status_code=200, opt={"scope": "products:read"})
async def check_products(request: Asking, data: JSONBody[ProductQuestion]) -> ProductAnswers:
    """Whether SKUs are active items of the ERP, as it was last read."""
    return await asking.products(request, data)


@post("/partner/v1/price-check", status_code=200, opt={"scope": "prices:read"})
async def check_prices(request: Asking, data: JSONBody[PriceQuestion]) -> PriceAnswers:
    """What items cost a customer or anybody, as the ERP's prices were last read; `unknown` with the reason else."""
    async with asyncio.timeout(counter_of(request).answer_s):
        return await pricing.check(request, data)


@post("/partner/v1/availability", status_code=200, opt={"scope": "stock:read"})
async def check_availability(request: Asking, data: JSONBody[AvailabilityQuestion]) -> AvailabilityAnswers:
    """What is kept for this connection of each SKU, and the dates that an order would be promised now."""
    async with asyncio.timeout(counter_of(request).answer_s):
        return await availability.check(request, data)


@post("/partner/v1/returns", status_code=202, opt={"scope": "returns:write"}, responses={200: _ANSWERED})
async def ask_return(request: Asking) -> Response[ReturnAnswer]:
    """Ask whether goods of an order may come back. Needs `Idempotency-Key`; `Prefer: wait=2` waits for the answer."""
    return await returns.take(request)


@get("/partner/v1/orders/{external_id:str}/returns/{return_id:str}", opt={"scope": "returns:write"})
async def one_return(request: Asking, external_id: FromPath[str], return_id: FromPath[str]) -> ReturnAnswer:
    """What became of a request for a return."""
    return await returns.one(request, external_id, return_id)


@get("/partner/v1/order.schema.json")
async def order_schema(request: Asking) -> Mapping[str, Any]:
    """The JSON Schema of an order."""
    return counter_of(request).order_schema


@get("/partner/v1/openapi.json", include_in_schema=False)
async def openapi(request: Asking) -> Mapping[str, Any]:
    """This API's document, with every refusal, the key, and the order's own schema."""
    return document(request.app.openapi_schema.to_schema(), counter_of(request).order_schema)


@get("/healthz", include_in_schema=False, media_type="text/plain")
async def healthz() -> str:
    """This process answers."""
    return "ok\n"


HANDLERS = [
    *(place, order, check_customer, check_products, check_prices, check_availability, ask_return, one_return),
    *(order_schema, openapi, healthz),
]


def create_partner(counter: Counter, version: str) -> Litestar:
    """The ASGI app."""
    return Litestar(
        HANDLERS,
        state=State({"counter": counter}),
        guards=[authorise],
        exception_handlers=handlers(counter.signals.log),
        response_headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        openapi_config=OpenAPIConfig(
            "Crossdock partner API",
            version,
            path=_PLAIN,
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
        request_max_body_size=MAX_BODY,
    )


def document(plain: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What ``/partner/v1/openapi.json`` answers."""
    told = with_problems(plain)
    text = msgspec.json.encode(schema).replace(b"#/$defs/", b"#/components/schemas/Given")
    given = msgspec.json.decode(text)
    components = told.setdefault("components", {})
    for name, part in given.get("$defs", {}).items():
        components.setdefault("schemas", {})[f"Given{name}"] = part
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{"key": []}]
    _kept_first(told["paths"]["/partner/v1/orders"]["post"], given["$ref"])
    question = msgspec.json.schema_components([ReturnQuestion], ref_template="#/components/schemas/{name}")
    components["schemas"].update(question[1])
    _kept_first(told["paths"]["/partner/v1/returns"]["post"], question[0][0]["$ref"])
    return told


def _kept_first(operation: dict[str, Any], schema: str) -> None:
    """What is read as bytes, because it is stored as it came: its body and its headers."""
    text = {"type": "string"}
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"$ref": schema}}}}
    operation["parameters"] = [
        {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {**text, "maxLength": 200}},
        {"name": "Prefer", "in": "header", "schema": {**text, "examples": ["wait=2"]}},
    ]
