"""``/api/v1``: everything the console shows and does, as typed JSON. Thin: reads and acts live in their own modules."""

from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from crossdock.api import acts, connections, entry, orders, proof, reconciliation, settlements, simulators, unmapped
from crossdock.api.acts import Act, BulkRetry, Done, Pausing, Preview
from crossdock.api.connections import ConnectionView
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.orders import OrderView
from crossdock.api.problems import Refusal
from crossdock.api.proof import ProofReport
from crossdock.api.pulse import Beat, Now, pulse_of
from crossdock.api.settlements import SettlementView
from crossdock.api.withheld import shown
from crossdock.governance import audit, people
from crossdock.governance.audit import Act as AuditRow
from crossdock.governance.mapped import Coverage
from crossdock.governance.people import Account
from crossdock.store import reading_exceptions, reading_now, reading_orders, reading_stock
from crossdock.store.reading_exceptions import Group, MemberPage
from crossdock.store.reading_now import History, Worker
from crossdock.store.reading_orders import STATUSES, Body, Exchanged, OrderPage
from crossdock.store.reading_settlements import SettlementPage
from crossdock.store.reading_stock import StockPage, StockWhole

Asking = Request[Any, Any, Any]
T = TypeVar("T")
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Below = Annotated[int | None, QueryParameter(ge=1, description="The cursor: what the page before gave as `below`.")]


class Me(msgspec.Struct, frozen=True):
    name: str
    role: str
    csrf: str  # send it as X-CSRF-Token with every act


class HistoryAnswer(msgspec.Struct, frozen=True):
    minutes: History
    beats: list[Beat]


class Invitation(msgspec.Struct, frozen=True):
    role: str


class InvitationLink(msgspec.Struct, frozen=True):
    url: str
    expires_in_s: float


@get("/api/v1/me")
async def me(request: Asking) -> Me:
    """Who is asking, and the token that acts need."""
    caller = caller_of(request)
    return Me(caller.name, caller.role, caller.csrf)


@get("/api/v1/now")
async def now(request: Asking) -> Now:
    """Queues, rates and health at this moment (at most 1.5 s old)."""
    return await pulse_of(request).now()


@get("/api/v1/now/history")
async def now_history(request: Asking) -> HistoryAnswer:
    """Per minute over the last hour, and the figures this process remembers."""
    pulse = pulse_of(request)
    return HistoryAnswer(await pulse.history(), list(pulse.beats))


@get("/api/v1/orders")
async def list_orders(
    request: Asking,
    status: FromQuery[str | None] = None,
    channel: FromQuery[str | None] = None,
    q: Annotated[str | None, QueryParameter(description="Any id, in any system, or what the order is called.")] = None,
    late: Annotated[bool, QueryParameter(description="Only those that are forecast later than promised.")] = False,
    below: Below = None,
    limit: Limit = 50,
) -> OrderPage:
    """Orders, newest first; with ``q`` whatever knows this id."""
    pool = desk_of(request).pool
    if status and status not in STATUSES:
        raise Refusal("bad_request", f"There is no status '{status}'. Statuses: {', '.join(STATUSES)}.")
    if q and q.strip():
        return OrderPage(await reading_orders.search(pool, q, limit))
    chosen = {"status": status or None, "channel": channel or None}
    return await reading_orders.page(pool, **chosen, late=late, below=below, limit=limit)


@get("/api/v1/orders/{key:str}")
async def one_order(request: Asking, key: FromPath[str]) -> OrderView:
    """Everything about one order but the bytes of bodies and exchanges; to viewers also without states and entries."""
    return shown(caller_of(request), await orders.order_by_key(desk_of(request), key))


@get("/api/v1/streams/{stream:int}")
async def one_stream(request: Asking, stream: FromPath[int]) -> OrderView:
    """The same for any stream, by its number."""
    return shown(caller_of(request), await orders.order_by_stream(desk_of(request), stream))


@get("/api/v1/settlements")
async def list_settlements(
    request: Asking, channel: FromQuery[str | None] = None, below: Below = None, limit: Limit = 50
) -> SettlementPage:
    """Payouts and settlements, newest first."""
    return await settlements.settlements(desk_of(request), channel or None, below, limit)


@get("/api/v1/settlements/{name:str}")
async def one_settlement(request: Asking, name: FromPath[str]) -> SettlementView:
    """One settlement, by its key or its source's id: its lines and what each was matched to."""
    return await settlements.settlement(desk_of(request), name)


@get("/api/v1/messages/{message:int}")
async def one_message(request: Asking, message: FromPath[int]) -> Body:
    """A message exactly as received."""
    return found(await reading_orders.body(desk_of(request).pool, message), f"message {message}")


@get("/api/v1/attempts/{attempt:int}")
async def one_attempt(request: Asking, attempt: FromPath[int]) -> Exchanged:
    """What a call sent and got, redacted before it was stored."""
    return found(await reading_orders.exchange(desk_of(request).pool, attempt), f"attempt {attempt}")


@get("/api/v1/commands/{command:int}")
async def one_command(request: Asking, command: FromPath[int]) -> Body:
    """What a command asks, in canonical words."""
    return found(await reading_orders.payload(desk_of(request).pool, command), f"command {command}")


@post("/api/v1/orders/{key:str}/acts", status_code=202)
async def act_on_order(request: Asking, key: FromPath[str], data: JSONBody[Act]) -> Done:
    """Do something to an order: retry, release_hold, hold, link, merge, resolve, skip, cancel."""
    desk = desk_of(request)
    stream = found(await reading_orders.stream_id(desk.pool, "order", key), f"order {key}")
    return await acts.act(desk, caller_of(request), stream, data)


@post("/api/v1/streams/{stream:int}/acts", status_code=202)
async def act_on_stream(request: Asking, stream: FromPath[int], data: JSONBody[Act]) -> Done:
    """The same for any stream, by its number."""
    return await acts.act(desk_of(request), caller_of(request), stream, data)


@get("/api/v1/exceptions")
async def list_exceptions(request: Asking, owner: FromQuery[str | None] = None) -> list[Group]:
    """Open exceptions by cause, the biggest first."""
    return await reading_exceptions.groups(desk_of(request).pool, owner or None)


@get("/api/v1/exceptions/cause")
async def exception_members(
    request: Asking, fingerprint: FromQuery[str], below: Below = None, limit: Limit = 50
) -> MemberPage:
    """The open exceptions of one cause."""
    return await reading_exceptions.members(desk_of(request).pool, fingerprint, below=below, limit=limit)


@get("/api/v1/exceptions/preview")
async def preview_retry(request: Asking, fingerprint: FromQuery[str]) -> Preview:
    """What a retry of the whole cause would do. Changes nothing."""
    return await acts.preview(desk_of(request), fingerprint)


@post("/api/v1/exceptions/retry", status_code=202)
async def retry_cause(request: Asking, data: JSONBody[BulkRetry]) -> Preview:
    """Retry exactly the previewed members, as they stand now; says what was done."""
    return await acts.retry_many(desk_of(request), caller_of(request), data)


@get("/api/v1/connections")
async def list_connections(request: Asking) -> list[ConnectionView]:
    """Every connection with its health and its system's facts."""
    return await connections.connections(desk_of(request))


@get("/api/v1/unmapped")
async def list_unmapped(request: Asking) -> list[Coverage]:
    """How far the configuration maps what each system has to choose from, and what is not mapped on either side."""
    desk = desk_of(request)
    return await unmapped.unmapped(desk.pool, desk.mapped)


@post("/api/v1/connections/{name:str}/pause", status_code=200)
async def pause(request: Asking, name: FromPath[str], data: JSONBody[Pausing]) -> Done:
    """Stop sending to a connection; what is to be sent waits."""
    return await acts.pause(desk_of(request), caller_of(request), name, data.reason)


@post("/api/v1/connections/{name:str}/resume", status_code=200)
async def resume(request: Asking, name: FromPath[str]) -> Done:
    """Send again."""
    return await acts.pause(desk_of(request), caller_of(request), name, None)


@get("/api/v1/workers")
async def list_workers(request: Asking) -> list[Worker]:
    """The serving processes of the last day."""
    return await reading_now.workers(desk_of(request).pool)


@get("/api/v1/audit")
async def list_audit(request: Asking, below: Below = None, limit: Limit = 100) -> list[AuditRow]:
    """Who did what and why, newest first."""
    pool = desk_of(request).pool
    return await (audit.recent(pool, limit, below) if below else audit.recent(pool, limit))


@get("/api/v1/people")
async def list_people(request: Asking) -> list[Account]:
    """Who may sign in."""
    return await people.accounts(desk_of(request).pool)


@post("/api/v1/people/links", status_code=201)
async def invite(request: Asking, data: JSONBody[Invitation]) -> InvitationLink:
    """A one-time link for a new person of a role."""
    desk, caller = desk_of(request), caller_of(request)
    token = await entry.invite(desk, caller.name, data.role)
    return InvitationLink(f"{desk.public_url}/setup?token={token}", people.LINK_S)


@get("/api/v1/simulators")
async def list_simulators(request: Asking) -> list[simulators.Simulated]:
    """The demo's simulated vendors and their fault switches; empty outside the demo."""
    return await simulators.simulated(desk_of(request))


@post("/api/v1/simulators/{name:str}/faults", status_code=200)
async def turn_faults(
    request: Asking, name: FromPath[str], data: JSONBody[dict[str, bool | float]]
) -> simulators.Simulated:
    """Turn fault switches of a simulated vendor."""
    return await simulators.turn(desk_of(request), caller_of(request), name, data)


@get("/api/v1/proof")
async def newest_proof(request: Asking) -> ProofReport:
    """The newest report of `crossdock prove --keep`: faults injected, promises held."""
    return found(proof.newest(desk_of(request)), "report; make one with crossdock prove --keep")


@get("/api/v1/stock")
async def list_stock(
    request: Asking,
    q: Annotated[str | None, QueryParameter(description="A part of the SKU.")] = None,
    after: Annotated[str | None, QueryParameter(description="Go on after this SKU.")] = None,
    limit: Limit = 50,
) -> StockPage:
    """SKUs with what is there, what is reserved, and what each channel was told."""
    return await reading_stock.page(desk_of(request).pool, search=q or "", after=after or "", limit=limit)


@get("/api/v1/stock/item")
async def one_stock(request: Asking, sku: FromQuery[str]) -> StockWhole:
    """Everything about one SKU's stock: each published number with every term, its source and its age."""
    return found(await reading_stock.one(desk_of(request).pool, sku), f"stock known of the SKU {sku}")


@get("/healthz", include_in_schema=False, media_type="text/plain")
async def healthz() -> str:
    """This process answers."""
    return "ok\n"


@get("/readyz", include_in_schema=False, media_type="text/plain")
async def readyz(request: Asking) -> Response[str]:
    """This process can do its work; 503 names what stands in the way."""
    obstacles = await desk_of(request).obstacles()
    return Response(
        "\n".join(obstacles or ["ok"]) + "\n", status_code=503 if obstacles else 200, media_type="text/plain"
    )


@get("/metrics", include_in_schema=False)
async def metrics(request: Asking) -> Response[str]:
    """The Prometheus text."""
    return Response(desk_of(request).metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def found(value: T | None, what: str) -> T:
    """The value; raises ``Refusal(not_found)`` for none."""
    if value is None:
        raise Refusal("not_found", f"There is no {what}.")
    return value


HANDLERS = [
    list_settlements, one_settlement,
    me, now, now_history, list_orders, one_order, one_stream, one_message, one_attempt, one_command, act_on_order,
    list_stock, one_stock,
    act_on_stream, list_exceptions, exception_members, preview_retry, retry_cause, list_connections, list_unmapped,
    pause, resume, list_workers, list_audit, list_people, invite, list_simulators, turn_faults, newest_proof, healthz,
    readyz, metrics,
    *reconciliation.HANDLERS,
]  # fmt: skip
