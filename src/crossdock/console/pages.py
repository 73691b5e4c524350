"""The console's pages: each reads through the API's functions and fills one template."""

from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from crossdock.api import acts, connections, masters, orders, proof, routes, settlements, simulators
from crossdock.api.acts import Act, BulkRetry
from crossdock.api.guard import caller_of, desk_of
from crossdock.api.problems import Refusal, describe, note_bug
from crossdock.api.pulse import Beat, Now, pulse_of
from crossdock.console import reconciling
from crossdock.console.rendering import Asking, away, page
from crossdock.store.reading_exceptions import GROUPS

PAGE = 50
AUDIT_PAGE = 100


class ActWords(msgspec.Struct, frozen=True):
    word: str
    says: str
    needs_reason: bool = True


class RepeatWords(msgspec.Struct, frozen=True):
    tone: str
    says: str


ACTS = {
    "retry": ActWords("Retry", "Tries again what failed. What is done already is not done again.", False),
    "release_hold": ActWords("Release hold", "The order goes on as if the rule had not matched."),
    "hold": ActWords("Hold again", "The release is taken back: the order waits for a person again."),
    "link": ActWords(
        "Link customer", "The order is booked on this customer of the ERP, and so are the buyer's later ones."
    ),
    "merge": ActWords("Merge", "Both sides changed these lines. Lines that one side changed are not in question."),
    "resolve": ActWords("Resolve", "You settled it yourself in the other system; the order goes on from there."),
    "skip": ActWords("Skip step", "The order goes on without this step."),
    "cancel": ActWords("Cancel order", "What was done is undone as far as the other systems allow."),
}
PRIVACY_ACTS = {
    **ACTS,
    "resolve": ActWords("Resolve", "You have carried it out. Say what was done, and what stays by which law."),
}
SETTLEMENT_ACTS = {
    "retry": ActWords("Retry", "Asks again for orders that are missing, and sends again what failed.", False),
    "resolve": ActWords("Resolve", "You entered it in the ERP yourself; Crossdock posts nothing of it."),
    "skip": ActWords("Skip step", "The lines at fault are posted to suspense, the rest as usual."),
}
REPEATS = {
    "unique": RepeatWords("good", "repeated with the same key: the vendor absorbs it"),
    "searchable": RepeatWords("warn", "settles, is looked up, and only then sent again"),
    "unsafe": RepeatWords("bad", "never repeated: a person decides"),
    "read": RepeatWords("good", "repeated freely: it changes nothing"),
}


async def _figures(request: Asking) -> dict[str, Any]:
    pulse = pulse_of(request)
    now: Now | None = None
    problem = None
    try:
        now = await pulse.now()
    except Exception as error:  # noqa: BLE001 - Now is where people look when the database is away: say it there
        problem = describe(error)
        if problem.code == "bug":
            note_bug(desk_of(request).signals.log, request.url.path, error)
    return {"now": now, "problem": problem, "curves": _curves(list(pulse.beats))}


def _curves(beats: list[Beat]) -> dict[str, list[float]]:
    recent = beats[-120:]
    decided = [60 * (b.decisions - a.decisions) / max(b.clock_s - a.clock_s, 0.1) for a, b in pairwise(recent)]
    told: dict[str, list[float]] = {
        name: [float(getattr(beat, name)) for beat in recent]
        for name in ("accepted", "messages", "commands", "delivered", "exceptions")
    }
    return {**told, "decided": [max(0.0, each) for each in decided]}


@get("/", include_in_schema=False)
async def now_page(request: Asking) -> Response[str]:
    return page(request, "now.html", place="/", **await _figures(request))


@get("/now/figures", include_in_schema=False)
async def now_figures(request: Asking) -> Response[str]:
    return page(request, "now_figures.html", place="/", **await _figures(request))


@get("/orders", include_in_schema=False)
async def orders_page(
    request: Asking,
    status: FromQuery[str] = "",
    channel: FromQuery[str] = "",
    q: FromQuery[str] = "",
    late: FromQuery[bool] = False,
    below: routes.Below = None,
) -> Response[Any]:
    found = await routes.list_orders.fn(request, status or None, channel or None, q or None, late, below, PAGE)
    if q.strip() and len(found.orders) == 1:
        only = found.orders[0]
        places = {"order": f"/orders/{only.key}", "settlement": f"/settlements/{only.key}"}
        return away(places.get(only.kind, f"/streams/{only.id}"))
    links = await connections.connections(desk_of(request))
    kept = (("status", status), ("channel", channel), ("late", "true" if late else ""))
    query = urlencode({name: value for name, value in kept if value})
    return page(
        request,
        "orders.html",
        place="/orders",
        page=found,
        q=q.strip(),
        limit=PAGE,
        status=status,
        channel=channel,
        late=late,
        below=below,
        query=query,
        statuses=orders.STATUSES,
        channels=[link.health.name for link in links if link.health.role == "channel"],
    )


@get("/orders/{key:str}", include_in_schema=False)
async def order_page(request: Asking, key: FromPath[str]) -> Response[str]:
    return _order(request, await orders.order_by_key(desk_of(request), key))


@get("/streams/{stream:int}", include_in_schema=False)
async def stream_page(request: Asking, stream: FromPath[int]) -> Response[Any]:
    view = await orders.order_by_stream(desk_of(request), stream)
    row = view.whole.order
    if row.kind == "settlement" and row.status != "parked" and row.label is not None:
        done = request.query_params.get("done")
        return away(f"/settlements/{quote(row.key)}" + (f"?{urlencode({'done': done})}" if done else ""))
    return _order(request, view)


@get("/settlements", include_in_schema=False)
async def settlements_page(request: Asking, channel: FromQuery[str] = "", below: routes.Below = None) -> Response[str]:
    found = await settlements.settlements(desk_of(request), channel or None, below, PAGE)
    return page(request, "settlements.html", place="/settlements", page=found, channel=channel, below=below)


@get("/settlements/{name:str}", include_in_schema=False)
async def settlement_page(request: Asking, name: FromPath[str]) -> Response[str]:
    desk = desk_of(request)
    view = await settlements.settlement(desk, name)
    ids = {action: desk.unique() for action in view.acts}
    return page(request, "settlement.html", place="/settlements", v=view, acts=SETTLEMENT_ACTS, act_ids=ids)


def _order(request: Asking, view: orders.OrderView) -> Response[str]:
    unique = desk_of(request).unique
    return page(
        request,
        "order.html",
        place="/orders",
        v=view,
        acts=PRIVACY_ACTS if view.whole.order.kind == orders.PRIVACY else ACTS,
        act_ids={action: unique() for action in view.acts},
    )


@post("/streams/{stream:int}/acts", include_in_schema=False)
async def act(request: Asking, stream: FromPath[int]) -> Response[Any]:
    desk, form = desk_of(request), await request.form()
    text = {name: str(value).strip() for name, value in form.items()}
    args: dict[str, Any] = {
        name: text[name] for name in ("problem", "rule", "step", "prefer", "seen") if text.get(name)
    }
    if text.get("ref_id"):
        args["refs"] = {text.get("ref_type") or "salesOrder": text["ref_id"]}
    if text.get("customer_ref"):
        args["customer_ref"] = text["customer_ref"]
    wanted = Act(text.get("action", ""), text.get("reason", ""), text.get("act_id", ""), args)
    done = await acts.act(desk, caller_of(request), stream, wanted)
    return away(f"/streams/{stream}?done={'parked' if done.said == acts.PARKED else wanted.action}")


@get("/messages/{message:int}", include_in_schema=False)
async def message_page(request: Asking, message: FromPath[int]) -> Response[str]:
    body = await routes.one_message.fn(request, message)
    parts = [(f"{body.topic}, {body.size:,} bytes", body.content)]
    return page(request, "bytes.html", place="/orders", title=f"Message {message}", stream=body.stream_id, parts=parts)


@get("/attempts/{attempt:int}", include_in_schema=False)
async def attempt_page(request: Asking, attempt: FromPath[int]) -> Response[str]:
    told = await routes.one_attempt.fn(request, attempt)
    parts = [("Request (redacted)", told.request), ("Response (redacted)", told.response)]
    return page(request, "bytes.html", place="/orders", title=f"Attempt {attempt}", stream=told.stream_id, parts=parts)


@get("/commands/{command:int}", include_in_schema=False)
async def command_page(request: Asking, command: FromPath[int]) -> Response[str]:
    body = await routes.one_command.fn(request, command)
    parts = [("In canonical words", body.content)]
    return page(request, "bytes.html", place="/orders", title=f"Command {command}", stream=body.stream_id, parts=parts)


@get("/exceptions", include_in_schema=False)
async def exceptions_page(request: Asking, owner: FromQuery[str] = "") -> Response[str]:
    groups = await routes.list_exceptions.fn(request, None)
    shown = await routes.list_exceptions.fn(request, owner) if owner else groups
    return page(
        request,
        "exceptions.html",
        place="/exceptions",
        groups=shown,
        owner=owner,
        owners=sorted({group.owner for group in groups}),
        most=GROUPS,
    )


@get("/exceptions/cause", include_in_schema=False)
async def cause_page(request: Asking, fingerprint: FromQuery[str], below: routes.Below = None) -> Response[str]:
    found = await routes.exception_members.fn(request, fingerprint, below, PAGE)
    head = found.members[0].exception if found.members else None
    names = {link.health.name for link in await connections.connections(desk_of(request))}
    target = next((part for part in fingerprint.split(":") if part in names), "")
    return page(
        request, "cause.html", place="/exceptions", page=found, head=head, fingerprint=fingerprint, target=target
    )


@get("/exceptions/preview", include_in_schema=False)
async def preview_page(request: Asking, fingerprint: FromQuery[str]) -> Response[str]:
    desk = desk_of(request)
    preview = await acts.preview(desk, fingerprint)
    members = await routes.exception_members.fn(request, fingerprint, None, 1)
    head = members.members[0].exception if members.members else None
    return page(request, "preview.html", place="/exceptions", preview=preview, head=head, act_id=desk.unique())


@post("/exceptions/retry", include_in_schema=False)
async def retry(request: Asking) -> Response[Any]:
    form = await request.form()
    try:
        ids = [int(each) for each in str(form.get("ids", "")).split(",")]
    except ValueError as error:
        raise Refusal(
            "bad_request", "The list of exceptions is not one of numbers. Preview the retry again."
        ) from error
    fingerprint = str(form.get("fingerprint", ""))
    wanted = BulkRetry(fingerprint, ids, str(form.get("act_id", "")), str(form.get("reason", "")))
    await acts.retry_many(desk_of(request), caller_of(request), wanted)
    return away(f"/exceptions?{urlencode({'done': 'retried'})}")


@get("/connections", include_in_schema=False)
async def connections_page(request: Asking) -> Response[str]:
    views = await connections.connections(desk_of(request))
    covered = await routes.list_unmapped.fn(request)
    return page(request, "connections.html", place="/connections", views=views, covered=covered)


@get("/connections/{name:str}", include_in_schema=False)
async def connection_page(request: Asking, name: FromPath[str]) -> Response[str]:
    view = await connections.connection(desk_of(request), name)
    return page(request, "connection.html", place="/connections", v=view, repeats=REPEATS)


@get("/connections/{name:str}/masters", include_in_schema=False)
async def masters_page(request: Asking, name: FromPath[str]) -> Response[str]:
    """Apart from the connection's page, as counting a million masters takes its time: Pause does not wait for it."""
    kept = await masters.count_masters.fn(request, name)
    return page(request, "masters.html", place="/connections", name=name, kept=kept)


@post("/connections/{name:str}/pause", include_in_schema=False)
async def pause(request: Asking, name: FromPath[str]) -> Response[Any]:
    form = await request.form()
    await acts.pause(desk_of(request), caller_of(request), name, str(form.get("reason", "")))
    return away(f"/connections/{name}?done=pause")


@post("/connections/{name:str}/resume", include_in_schema=False)
async def resume(request: Asking, name: FromPath[str]) -> Response[Any]:
    await acts.pause(desk_of(request), caller_of(request), name, None)
    return away(f"/connections/{name}?done=resume")


@get("/simulators", include_in_schema=False)
async def simulators_page(request: Asking) -> Response[str]:
    return page(request, "simulators.html", place="/simulators", all=await simulators.simulated(desk_of(request)))


@post("/simulators/{name:str}/faults", include_in_schema=False)
async def switch(request: Asking, name: FromPath[str]) -> Response[Any]:
    form = {key: str(value) for key, value in (await request.form()).items()}
    await simulators.turn(desk_of(request), caller_of(request), name, _switches(form))
    return away("/simulators?done=switch")


def _switches(form: dict[str, str]) -> dict[str, Any]:
    if form.get("reset"):
        return {"reset": True}
    if form.get("only") == "down":
        return {"down": bool(form.get("down"))}
    try:
        return {name: float(value or 0) for name, value in form.items() if name not in ("csrf", "down", "only")}
    except ValueError as error:
        raise Refusal("bad_request", "A switch is a number from 0 to 1, or seconds.") from error


@get("/audit", include_in_schema=False)
async def audit_page(request: Asking, below: routes.Below = None) -> Response[str]:
    rows = await routes.list_audit.fn(request, below, AUDIT_PAGE + 1)
    return page(request, "audit.html", place="/audit", acts=rows, limit=AUDIT_PAGE)


@get("/proof", include_in_schema=False)
async def proof_page(request: Asking) -> Response[str]:
    return page(request, "proof.html", place="/proof", r=proof.newest(desk_of(request)))


@get("/stock", include_in_schema=False)
async def stock_page(request: Asking, part: FromQuery[str] = "", after: FromQuery[str] = "") -> Response[str]:
    found = await routes.list_stock.fn(request, part or None, after or None, PAGE)
    return page(request, "stock.html", place="/stock", page=found, part=part.strip(), after=after)


@get("/stock/item", include_in_schema=False)
async def stock_item_page(request: Asking, sku: FromQuery[str]) -> Response[str]:
    items = await masters.one_item.fn(request, sku)
    return page(request, "stock_item.html", place="/stock", v=await routes.one_stock.fn(request, sku), items=items)


PAGES = [
    *(now_page, now_figures, orders_page, order_page, stream_page, act, message_page, attempt_page, command_page),
    *(exceptions_page, cause_page, preview_page, retry, connections_page, connection_page, masters_page),
    *(pause, resume),
    *(settlements_page, settlement_page, stock_page, stock_item_page),
    *(simulators_page, switch, audit_page, proof_page),
    *reconciling.PAGES,
]
