"""Reading orders and exceptions, and acting on them: the same readings and acts as the console's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import agree, as_json, note, table, when
from crossdock.cli.reach import CONFIG, DATA, JSON, REASON, YES, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.acts import Preview
    from crossdock.api.desk import Desk
    from crossdock.api.orders import OrderView, PromiseView
    from crossdock.api.parcels import ParcelView
    from crossdock.intake.replay import Plan
    from crossdock.store.reading_orders import OrderPage
    from crossdock.store.replaying import Selection


def add(app: typer.Typer) -> None:
    for command in (orders, show, exceptions, retry, link, merge, replay, backfill):
        app.command()(command)


def orders(
    search: str = typer.Argument("", help="Any id in any system, or what the order is called."),
    status: str = typer.Option(
        "", help="Only these: new, open, waiting, held, exception, parked, done, cancelled, ignored."
    ),
    channel: str = typer.Option("", help="Only orders of this channel connection."),
    late: bool = typer.Option(False, "--late", help="Only those that are forecast later than promised."),
    limit: int = typer.Option(50, min=1, max=500, help="How many at most."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """List orders, the newest first, or find one by any id."""
    from crossdock.store.reading_orders import STATUSES

    if status and status not in STATUSES:
        raise typer.BadParameter(f"There is no status '{status}'. Statuses: {', '.join(STATUSES)}.")

    async def read(desk: "Desk") -> "OrderPage":
        from crossdock.store import reading_orders

        if search:
            return reading_orders.OrderPage(await reading_orders.search(desk.pool, search, limit))
        return await reading_orders.page(
            desk.pool, status=status or None, channel=channel or None, late=late, limit=limit
        )

    page = with_desk(data, read)
    found = page.orders
    if page.below is not None:
        note("Older orders may match too: narrow it, raise --limit, or look in the console.")
    if json:
        as_json(found)
        return
    columns = ("order", "key", "status", "step", "amount", "placed", "why not finished")
    rows = [
        (o.label, o.key, o.status, o.step, f"{o.amount or ''} {o.currency or ''}", o.placed_at, o.reason) for o in found
    ]
    table(columns, rows, "No orders." if page.below is None else "None among the newest.")


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
    for problem in (one for one in view.whole.exceptions if one.state == "open"):
        typer.echo(f"  {problem.title}. {problem.hint} ({problem.owner})")
    if view.next_step:
        typer.echo(f"  next: {view.next_step}")
    for one in view.kin:
        typer.echo(f"  {'exchange order' if one.is_part else 'exchange order of'} {one.number}  ({one.key})")
    if view.promise:
        _print_promise(view.promise)
    if view.steps:
        typer.echo("")
        steps = [(step.title, step.status, step.at, step.reason) for step in view.steps]
        table(("step", "state", "since", "why"), steps, "")
    if view.parcels:
        _print_parcels(view.parcels)
    if view.clash:
        typer.echo("")
        found = [(r.line, r.field, r.base, r.channel, r.erp) for r in view.clash.rows]
        table(("line", "field", "as we wrote it", "channel", "erp"), found, "")
    typer.echo("")
    rows = [(when(m.at), m.where or m.who, m.title, m.detail) for m in view.timeline]
    table(("when", "where", "what", "detail"), rows, "Nothing has happened yet.")


def _print_promise(given: "PromiseView") -> None:
    for word, dates in (("promised", given.promised), ("forecast", given.forecast)):
        arrives = when(dates.deliver_by) if dates.deliver_by else "not told"
        typer.echo(f"  {word}: leaves by {when(dates.ship_by)}, arrives by {arrives}")
    typer.echo(f"  {'LATE' if given.late else 'in time'}: {given.cause}. {given.cure if given.late else ''}".rstrip())


def _print_parcels(found: "list[ParcelView]") -> None:
    typer.echo("")
    rows = [
        (p.shipment, p.tracking_number, p.carrier, p.word, "; ".join(f"{w.word} {when(w.at)}" for w in p.way))
        for p in found
    ]
    table(("shipment", "tracking", "carrier", "where", "its way"), rows, "")


def exceptions(
    owner: str = typer.Option("", help="Only those that this team settles."), data: Path = DATA, json: bool = JSON
) -> None:
    """List what a person must settle, grouped by cause."""

    async def read(desk: "Desk") -> list[Any]:
        from crossdock.store import reading_exceptions

        groups = await reading_exceptions.groups(desk.pool, owner or None)
        if len(groups) >= reading_exceptions.GROUPS:
            note(f"These are the {reading_exceptions.GROUPS} biggest causes; there may be more.")
        return list(groups)

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [(g.n, g.owner, g.title, g.hint, g.fingerprint) for g in found]
    none = f"No exceptions that '{owner}' settles." if owner else "No exceptions: nothing waits for a person."
    table(("orders", "owner", "what", "what to do", "cause"), rows, none)


def retry(
    what: str = typer.Argument(..., help="An order's key or id, or a cause as `crossdock exceptions` shows it."),
    yes: bool = YES,
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Try again: one order, or all open exceptions of one cause, after a preview."""

    async def look(desk: "Desk") -> "Preview | None":
        from crossdock.api import acts
        from crossdock.store import reading_exceptions

        return await acts.preview(desk, what) if await reading_exceptions.open_ids(desk.pool, what, 1) else None

    shown = with_desk(data, look)
    if shown is not None:
        agree("Go on?", shown, lambda: _show(shown), yes=yes, json=json)

    async def act(desk: "Desk") -> Any:
        from crossdock.api import acts

        if shown is None:
            return await acts.act(desk, myself(), await _one(desk, what), acts.Act("retry", reason))
        if shown.more:
            note(f"There are more than {acts.MOST_AT_ONCE} of this cause: repeat it afterwards.")
        return await acts.retry_many(desk, myself(), acts.BulkRetry(what, shown.ids, reason=reason))

    _done(with_desk(data, act), json)


def _show(shown: "Preview") -> None:
    typer.echo(
        f"{shown.post} will be tried again, {shown.settled} are settled already, {shown.needs_person} need a person."
    )


def link(
    order: str = typer.Argument(..., help="The order's key or any of its ids."),
    customer: str = typer.Argument(..., help="The ERP's id of the customer that the buyer is."),
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Say which customer of the ERP an order's buyer is. It is remembered for the buyer's later orders."""

    async def act(desk: "Desk") -> Any:
        from crossdock.api import acts

        wanted = acts.Act("link", reason, args={"customer_ref": customer})
        return await acts.act(desk, myself(), await _one(desk, order), wanted)

    _done(with_desk(data, act), json)


def merge(
    order: str = typer.Argument(..., help="The order's key or any of its ids."),
    take: str = typer.Argument(..., help="Whose line counts where both changed one: channel, erp."),
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Settle an order that the channel and the ERP's people both edited. `crossdock show` tells what differs."""
    if take not in ("channel", "erp"):
        raise typer.BadParameter(f"'{take}' is neither channel nor erp.")

    async def act(desk: "Desk") -> Any:
        from crossdock.api import acts
        from crossdock.api.orders import order_by_stream
        from crossdock.api.problems import Refusal

        stream = await _one(desk, order)
        clash = (await order_by_stream(desk, stream)).clash
        if clash is None:
            raise Refusal("bad_request", "Nothing of this order was edited on both sides.")
        wanted = acts.Act("merge", reason, args={"prefer": take, "seen": clash.seen})
        return await acts.act(desk, myself(), stream, wanted)

    _done(with_desk(data, act), json)


def replay(
    order: str = typer.Argument("", help="One order, by its key or any of its ids."),
    since: str = typer.Option("", help="Or everything that arrived from this instant on, ISO 8601."),
    until: str = typer.Option("", help="Up to this instant."),
    connection: str = typer.Option("", help="Only what came from this connection."),
    preview: bool = typer.Option(False, "--preview", "--dry-run", help="Only say how many messages it would be."),
    yes: bool = YES,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Read what arrived again, with today's mapping: one order, or many after a preview. Nothing is sent twice."""
    if not (order or since or connection):
        raise typer.BadParameter("Say what: an order, --since, or --connection.")

    async def look(desk: "Desk") -> "tuple[Selection, Plan]":
        from crossdock.intake.replay import plan
        from crossdock.store.replaying import Selection

        selection = Selection(_at(since), _at(until), await _messages(desk, order), connection or None)
        return selection, await plan(desk.pool, selection)

    selection, planned = with_desk(data, look)
    told = {"messages": planned.messages, "streams": planned.streams, "added": 0}
    count = f"{planned.messages} messages of {planned.streams} orders"
    if preview:
        as_json(told) if json else typer.echo(count)
        return
    agree("Read them again?", told, lambda: typer.echo(count), yes=yes or bool(order), json=json)
    added = with_desk(data, lambda desk: _again(desk, selection, order or connection or since, told))
    as_json({**told, "added": added}) if json else typer.echo(f"{count}, {added} are read again")


async def _again(desk: "Desk", selection: "Selection", subject: str, told: dict[str, int]) -> int:
    from crossdock.governance import audit
    from crossdock.intake.replay import replay

    await audit.append(desk.pool, myself().name, "messages.replay", subject, "", told)
    pool = desk.store.pool  # type: ignore[attr-defined]  # commands open the PostgreSQL store
    done = await replay(desk.store, pool, selection, progress=lambda p: note(f"{p.looked} of {told['messages']}"))
    return done.added


async def _messages(desk: "Desk", order: str) -> list[int] | None:
    """The messages of one order; None: no order was named."""
    from crossdock.store import reading_orders

    if not order:
        return None
    whole = await reading_orders.whole(desk.pool, await _one(desk, order))
    return [message.id for message in whole.messages] if whole else []


def backfill(
    connection: str = typer.Argument(..., help="The connection to read from."),
    since: str = typer.Option("", help="From this instant on, ISO 8601: 2026-05-01 or 2026-05-01T08:00:00Z."),
    until: str = typer.Option("", help="Up to this instant."),
    ids: str = typer.Option("", help="Only these, by the other system's ids, with commas."),
    poll: str = typer.Option("", help="Which of the connection's polls; its first when not said."),
    restart: bool = typer.Option(False, "--restart", help="Begin anew instead of going on where it stopped."),
    config: Path = CONFIG,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Fetch older orders from a system. They wait behind live orders; what is known already changes nothing."""
    from crossdock.cli.backfilling import Wanted, run

    options: dict[str, Any] = {"ids": [i for i in ids.split(",") if i]}
    options |= {name: at.isoformat() for name, text in (("since", since), ("until", until)) if (at := _at(text))}
    given = {name: value for name, value in options.items() if value}
    if not given:
        raise typer.BadParameter("Say which: --since, --until or --ids.")
    done = run(Wanted(connection, given, poll or None, restart), config, data)
    if json:
        as_json(done)
    else:
        typer.echo(f"{done.found} found, {done.new} of them new")


def _at(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not an instant such as 2026-05-01T08:00:00Z.") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


async def _one(desk: "Desk", what: str) -> int:
    """The stream that a key or id means. Raises ``Refusal`` for none or several."""
    from crossdock.api.problems import Refusal
    from crossdock.store import reading_orders

    stream = await reading_orders.stream_id(desk.pool, "order", what)
    if stream is not None:
        return stream
    found = await reading_orders.search(desk.pool, what, 5, exactly=True)
    if len(found) == 1:
        return found[0].id
    if not found:
        raise Refusal("not_found", f"No order is known by '{what}'. By a part of it: crossdock orders '{what}'")
    raise Refusal("bad_request", f"'{what}' could be any of: {', '.join(row.key for row in found)}. Give the key.")


def _done(result: Any, json: bool) -> None:
    if json:
        as_json(result)
    elif said := getattr(result, "said", ""):
        typer.echo(said)
    else:
        typer.echo(
            f"{result.post} tried again, {result.settled} were settled already, {result.needs_person} need a person"
        )
