"""What the terminal shows while the demo runs, and whether all is quiet."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from crossdock.store import reading_exceptions, reading_now

STUCK = ("exception", "parked", "held")


class Figures(msgspec.Struct, frozen=True):
    """The state of the demo at one moment. ``moving``: messages and commands under way, and orders not at rest."""

    placed: int = 0
    booked: int = 0
    shipped: int = 0
    fulfilled: int = 0
    invoiced: int = 0
    finished: int = 0
    exceptions: int = 0
    moving: int = 0
    webhooks: int = 0


async def figures(pool: Any, shop: Any, erp: Any, warehouse: Any, webhooks: int, *, polled: bool = False) -> Figures:
    """Read from the vendors' books and from Crossdock's own. ``polled``: orders that the next poll is to bring are
    under way too."""
    now = (await reading_now.rates(pool)).at
    lanes = await reading_now.lanes(pool, now)
    outbound = await reading_now.outbound(pool, now)
    statuses = await reading_now.orders_by_status(pool)
    open_exceptions, _ = await reading_now.exceptions_open(pool)
    known = await reading_now.orders_estimate(pool)  # a count, as long as a demo is watched
    rest = sum(count.n for status, count in statuses.items() if status not in STUCK)
    unheard = max(0, len(shop["orders"]) - known) if polled else 0
    waiting = sum(lane.depth.n for lane in lanes) + sum(one.depth.n for one in outbound)
    return Figures(
        placed=len(shop["orders"]),
        booked=len(erp["sales_orders"]),
        shipped=sum(len(order["shipments"]) for order in warehouse["orders"]),
        fulfilled=shop["fulfillments"],
        invoiced=len(erp["invoices"]),
        finished=max(0, known - sum(count.n for count in statuses.values())),
        exceptions=open_exceptions.n,
        moving=waiting + rest + unheard,
        webhooks=webhooks,
    )


async def exceptions_by_order(pool: Any) -> dict[str, list[str]]:
    """Order key -> the titles of its open exceptions."""
    found: dict[str, list[str]] = {}
    for group in await reading_exceptions.groups(pool):
        below: int | None = None
        while True:
            page = await reading_exceptions.members(pool, group.fingerprint, below=below, limit=500)
            for member in page.members:
                found.setdefault(_order_of(member.kind, member.stream_key), []).append(member.exception.title)
            if page.below is None:
                break
            below = page.below
    return found


def _order_of(kind: str, key: str) -> str:
    """A signal about an order counts for the order: ``shop:order:77`` is ``shop-77``."""
    parts = key.split(":")
    return f"{parts[0]}-{parts[2]}" if kind == "signal" and len(parts) == 3 and parts[1] == "order" else key


class Screen:
    """Lines of progress: a live table on a terminal, a plain line now and then elsewhere."""

    def __init__(self, live: Any | None, say: Callable[[str], None]) -> None:
        self._live, self._plain = live, say
        self._notes: list[str] = []
        self._head: list[str] = []
        self._rounds = 0

    def head(self, *lines: str) -> None:
        self._head = list(lines)
        if self._live is None:
            for line in lines:
                self._plain(line)

    def note(self, text: str) -> None:
        self._notes = [*self._notes[-5:], text]
        if self._live is None:
            self._plain(text)

    def show(self, now: Figures, doing: str) -> None:
        """Once a second or so."""
        self._rounds += 1
        if self._live is not None:
            self._live.update(_table(self._head, now, doing, self._notes))
        elif self._rounds % 5 == 1:
            self._plain(
                f"{doing}: {now.placed} orders in, {now.booked} booked, {now.shipped} shipped, {now.fulfilled} "
                f"fulfilled, {now.invoiced} invoiced, {now.exceptions} exceptions, {now.moving} under way"
            )


def _table(head: Iterable[str], now: Figures, doing: str, notes: Iterable[str]) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("orders in", "booked", "shipped", "fulfilled", "invoiced", "finished", "exceptions", "under way"):
        table.add_column(column, justify="right")
    values = (
        now.placed, now.booked, now.shipped, now.fulfilled, now.invoiced, now.finished, now.exceptions, now.moving
    )  # fmt: skip
    table.add_row(*(str(value) for value in values), style="bold")
    return Group(
        *(Text(line) for line in head), Text(""), table, Text(""), Text(doing, style="cyan"), *map(Text, notes)
    )
