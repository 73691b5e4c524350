"""One settlement as people read it: its lines, what each was matched to, what is posted, and what is off."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from crossdock.api.desk import Desk
from crossdock.api.problems import Refusal
from crossdock.api.timeline import Moment, timeline
from crossdock.domain.order import order_key
from crossdock.domain.settlement import total_of
from crossdock.domain.settlement_acts import LET_GO
from crossdock.domain.settlement_entries import SettlementState, decode_settlement
from crossdock.domain.settling import MEANINGS, Posting, matches, rows_of
from crossdock.store import reading_orders, reading_settlements
from crossdock.store.reading_orders import ExceptionRow, OrderRow
from crossdock.store.reading_settlements import SettlementPage

SHOWN = 2_000  # lines that one answer carries; the sums are over all of them


class LineView(msgspec.Struct, frozen=True):
    """``status``: order, refund, kind, outside, let_go, waiting, unknown."""

    id: str
    kind: str
    told: str
    amount: Decimal
    fee: Decimal
    net: Decimal
    status: str
    posting: str
    order_id: str | None = None
    order_key: str | None = None  # where a matched order's page is
    to: str | None = None
    at: datetime | None = None


class PostingView(msgspec.Struct, frozen=True):
    posting: str
    means: str
    amount: Decimal
    lines: int


class SettlementView(msgspec.Struct, frozen=True):
    """``difference``: what the lines come to less the deposit; not zero: the settlement is held."""

    row: OrderRow
    deposit: Decimal
    total: Decimal
    difference: Decimal
    currency: str
    deposited_at: datetime
    lines: list[LineView]
    count: int
    unsettled: int
    postings: list[PostingView]
    exceptions: list[ExceptionRow]
    timeline: list[Moment]
    acts: tuple[str, ...]
    skips: tuple[str, ...]  # the steps that a person may let go
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    posted_on: date | None = None
    own_day: date | None = None
    document: dict[str, str] = {}  # the ERP's ids


async def settlements(desk: Desk, channel: str | None, below: int | None, limit: int) -> SettlementPage:
    return await reading_settlements.page(desk.pool, channel=channel, below=below, limit=limit)


async def settlement(desk: Desk, name: str) -> SettlementView:
    """By key or by the source's id. Raises ``Refusal(not_found)``."""
    stream = await reading_settlements.stream_id(desk.pool, name)
    whole = await reading_orders.whole(desk.pool, stream) if stream is not None else None
    if whole is None:
        raise Refusal("not_found", f"There is no settlement {name}.")
    state = decode_settlement(msgspec.json.encode(whole.state)) if isinstance(whole.state, dict) else None
    if state is None or state.settlement is None:
        raise Refusal("not_found", f"Settlement {name} could not be read: look at stream {stream}.")
    return _view(whole, state)


def _view(whole: reading_orders.OrderWhole, state: SettlementState) -> SettlementView:
    settlement, posted = state.settlement, state.posted
    assert settlement is not None
    matched = matches(settlement, state.orders, state.let_go)
    open_ = [one for one in whole.exceptions if one.state == "open"]
    total = total_of(settlement.lines)
    return SettlementView(
        row=whole.order,
        deposit=settlement.deposit,
        total=total,
        difference=total - settlement.deposit,
        currency=settlement.currency,
        deposited_at=settlement.deposited_at,
        lines=[
            LineView(
                line.id, line.kind.value, line.told, line.amount, line.fee, line.net, found.status,
                found.posting.value, line.order_id, _page_of(settlement.source, line.order_id, found.status), found.to,
                line.at,
            )
            for line, found in matched[:SHOWN]
        ],
        count=len(matched),
        unsettled=sum(1 for _, found in matched if not found.settled),
        postings=[
            PostingView(row.posting, MEANINGS[Posting(row.posting)], row.amount, row.lines) for row in rows_of(matched)
        ],
        exceptions=open_,
        timeline=timeline(whole),
        acts=_acts(whole, open_, state),
        skips=tuple(step for step in LET_GO if step in state.problems),
        starts_at=settlement.starts_at,
        ends_at=settlement.ends_at,
        posted_on=posted.posted_on if posted else None,
        own_day=posted.own if posted else None,
        document=posted.refs if posted else {},
    )  # fmt: skip


def _page_of(source: str, order_id: str | None, status: str) -> str | None:
    return order_key(source, order_id) if order_id is not None and status in ("order", "refund") else None


def _acts(whole: reading_orders.OrderWhole, open_: list[ExceptionRow], state: SettlementState) -> tuple[str, ...]:
    found = ["retry"] if open_ or whole.order.status == "parked" or state.left_alone is not None else []
    if any(one.key in state.problems for one in open_) and whole.order.status != "parked":
        found.append("resolve")
    if any(step in state.problems for step in LET_GO):
        found.append("skip")
    return tuple(found)


__all__ = ["SHOWN", "LineView", "PostingView", "SettlementView", "settlement", "settlements"]
