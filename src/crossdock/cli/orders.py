"""Reading orders and exceptions, and acting on them: the same readings and acts as the console's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from crossdock.cli.printing import as_json, note, table, when
from crossdock.cli.reach import CONFIG, DATA, JSON, REASON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.api.orders import OrderView
    from crossdock.store.reading_orders import OrderRow


def add(app: typer.Typer) -> None:
    for command in (orders, show, exceptions, retry, replay, backfill):
        app.command()(command)


def orders(
    search: str = typer.Argument("", help="Any id in any system, or what the order is called."),
    status: str = typer.Option("", help="Only these: open, waiting, held, exception, parked, done, cancelled, ignored."),
    channel: str = typer.Option("", help="Only orders of this channel connection."),
    limit: int = typer.Option(50, min=1, max=500, help="How many at most."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """List orders, the newest first, or find one by any id."""

    async def read(desk: "Desk") -> "list[OrderRow]":
        from crossdock.store import reading_orders

        if search:
            return await reading_orders.search(desk.pool, search, limit)
        page = await reading_orders.page(desk.pool, status=status or None, channel=channel or None, limit=limit)
        return page.orders

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    columns = ("order", "key", "status", "step", "amount", "placed", "why not finished")
    rows = [
        (o.label, o.key, o.status, o.step, f"{o.amount or ''} {o.currency or ''}", o.placed_at, o.reason) for o in found
    ]
    table(columns, rows, "No orders.")


def show(
    order: str = typer.Argument(..., help="The order's key or any of its ids."), data: Path = DATA, json: bool = JSON
) -> None:
    """Show one order: its steps, its open problems, and everything that happened to it."""

    async def read(desk: "Desk") -> "OrderView":
        from crossdock.api.orders import order_by_stream

        return await order_by_stream(desk, await _one(desk, order))

    view = with_desk(data, read)
    if json:
        as_json(view)
    else:
        _print(view)


def _print(view: "OrderView") -> None:
    row = view.whole.order
    typer.echo(f"{row.label or row.key}  {row.status}  {row.amount or ''} {row.currency or ''}  ({row.key})")
    if row.reason:
        typer.echo(f"  {row.reason}")
    steps = [msgspec.to_builtins(step) for step in view.steps]
    columns = [name for name in ("title", "name", "state", "at", "reason") if any(step.get(name) for step in steps)]
    if steps:
        typer.echo("")
        table(columns, [[step.get(name) for name in columns] for step in steps], "")
    typer.echo("")
    rows = [(when(m.at), m.where or m.who, m.title, m.detail) for m in view.timeline]
    table(("when", "where", "what", "detail"), rows, "Nothing has happened yet.")


def exceptions(
    owner: str = typer.Option("", help="Only those that this team settles."), data: Path = DATA, json: bool = JSON
) -> None:
    """List what a person must settle, grouped by cause."""

    async def read(desk: "Desk") -> list[Any]:
        from crossdock.store import reading_exceptions

        return list(await reading_exceptions.groups(desk.pool, owner or None))

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [(g.n, g.owner, g.title, g.hint, g.fingerprint) for g in found]
    table(("orders", "owner", "what", "what to do", "cause"), rows, "No exceptions: nothing waits for a person.")


def retry(
    what: str = typer.Argument(..., help="An order's key or id, or a cause as `crossdock exceptions` shows it."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before retrying all orders of a cause."),
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Try again: one order, or all open exceptions of one cause."""

    async def act(desk: "Desk") -> Any:
        from crossdock.api import acts
        from crossdock.store import reading_exceptions

        if await reading_exceptions.open_ids(desk.pool, what, 1):
            shown = await acts.preview(desk, what)
            if not yes and not json:
                typer.confirm(f"{shown.post} will be tried again, {shown.needs_person} need a person. Go on?", abort=True)
            return await acts.retry_many(desk, myself(), acts.BulkRetry(what, shown.ids, reason=reason))
        return await acts.act(desk, myself(), await _one(desk, what), acts.Act("retry", reason))

    _done(with_desk(data, act), json)


def replay(
    order: str = typer.Argument(..., help="The order's key or any of its ids."), data: Path = DATA, json: bool = JSON
) -> None:
    """Read everything that ever arrived about an order again, with today's mapping. Nothing is sent twice."""

    async def act(desk: "Desk") -> dict[str, Any]:
        from crossdock.governance import audit
        from crossdock.store import reading_orders
        from crossdock.store.protocol import Arrival
        from crossdock.domain.decision import StreamRef
        from crossdock.store.reading import plain, statements

        whole = await reading_orders.whole(desk.pool, await _one(desk, order))
        assert whole is not None  # _one found it
        arrivals, run = [], desk.unique()
        for message in whole.messages:
            if message.connection is None or message.source not in ("webhook", "poll", "api", "file"):
                continue
            row = await desk.pool.fetchrow(statements("reading_orders").message_body, message.id)
            ref = StreamRef(whole.order.kind, whole.order.key)
            delivery = f"replay:{run}:{message.id}"
            arrivals.append(
                Arrival(message.connection, delivery, message.source, message.topic, ref, plain(row["body"]))
            )
        await audit.append(desk.pool, myself().name, "order.replay", whole.order.key, "", {"messages": len(arrivals)})
        await desk.store.accept(arrivals)
        await desk.store.wake("decide")
        return {"order": whole.order.key, "messages": len(arrivals)}

    done = with_desk(data, act)
    as_json(done) if json else typer.echo(f"{done['order']}: {done['messages']} messages are read again")


def backfill(
    connection: str = typer.Argument(..., help="The connection to read from."),
    since: str = typer.Option("", help="From this instant on, ISO 8601: 2026-05-01 or 2026-05-01T08:00:00Z."),
    until: str = typer.Option("", help="Up to this instant."),
    ids: str = typer.Option("", help="Only these, by the other system's ids, with commas."),
    config: Path = CONFIG,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Fetch older orders from a system. They wait behind live orders; what is known already changes nothing."""
    from crossdock.cli.backfilling import run

    options = {"since": _instant(since), "until": _instant(until), "ids": [i for i in ids.split(",") if i]}
    given = {name: value for name, value in options.items() if value}
    if not given:
        raise typer.BadParameter("Say which: --since, --until or --ids.")
    done = run(connection, given, config, data)
    as_json(done) if json else note(f"{done['found']} found, {done['new']} of them new")


def _instant(text: str) -> str:
    from datetime import UTC, datetime

    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not an instant such as 2026-05-01T08:00:00Z.") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


async def _one(desk: "Desk", what: str) -> int:
    """The stream that a key or id means. Raises ``Refusal`` for none or several."""
    from crossdock.api.problems import Refusal
    from crossdock.store import reading_orders

    stream = await reading_orders.stream_id(desk.pool, "order", what)
    if stream is not None:
        return stream
    found = await reading_orders.search(desk.pool, what, 5)
    if len(found) == 1:
        return found[0].id
    if not found:
        raise Refusal("not_found", f"No order is known by '{what}'.")
    raise Refusal("bad_request", f"'{what}' could be any of: {', '.join(row.key for row in found)}. Give the key.")


def _done(result: Any, json: bool) -> None:
    if json:
        as_json(result)
    elif said := getattr(result, "said", ""):
        typer.echo(said)
    else:
        typer.echo(f"{result.post} tried again, {result.settled} were settled already, {result.needs_person} need a person")
