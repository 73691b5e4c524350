"""What each line of a settlement is matched to, and where the ERP posts it: a table, and the rows it leads to. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from crossdock.domain.commands import SettlementRow
from crossdock.domain.money import ZERO
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind


class Posting(StrEnum):
    """Which of the ERP's accounts a line goes to; the connection's settings name them."""

    CLEARING = "clearing"
    FEES = "fees"
    RESERVE = "reserve"
    ADJUSTMENTS = "adjustments"
    CHARGEBACKS = "chargebacks"
    TAXES = "taxes"
    TRANSFERS = "transfers"
    OUTSIDE = "outside"
    SUSPENSE = "suspense"


class Match(StrEnum):
    """What a line must be matched to before it is posted."""

    ORDER = "order"
    REFUND = "refund"
    ORDER_IF_NAMED = "order_if_named"
    NOTHING = "nothing"
    PERSON = "person"


class Rule(NamedTuple):
    match: Match
    posting: Posting


_Kind = SettlementLineKind
TABLE: Mapping[SettlementLineKind, Rule] = {
    _Kind.SALE: Rule(Match.ORDER, Posting.CLEARING),
    _Kind.REFUND: Rule(Match.REFUND, Posting.CLEARING),
    _Kind.FEE: Rule(Match.NOTHING, Posting.FEES),
    _Kind.RESERVE: Rule(Match.NOTHING, Posting.RESERVE),
    _Kind.RESERVE_RELEASE: Rule(Match.NOTHING, Posting.RESERVE),
    _Kind.ADJUSTMENT: Rule(Match.NOTHING, Posting.ADJUSTMENTS),
    _Kind.CHARGEBACK: Rule(Match.ORDER_IF_NAMED, Posting.CHARGEBACKS),
    _Kind.TAX: Rule(Match.NOTHING, Posting.TAXES),
    _Kind.TRANSFER: Rule(Match.NOTHING, Posting.TRANSFERS),
    _Kind.UNKNOWN: Rule(Match.PERSON, Posting.SUSPENSE),
}

# For people. Shown in the reference.
MEANINGS: Mapping[Posting, str] = {
    Posting.CLEARING: "what the channel owes for orders and takes back for refunds; invoices and credits meet it there",
    Posting.FEES: "what the channel keeps for its service; also the fee beside any other line",
    Posting.RESERVE: "money held back, and given free again by a later settlement",
    Posting.ADJUSTMENTS: "credits and debits that belong to no order",
    Posting.CHARGEBACKS: "payments that buyers dispute, and those that were won",
    Posting.TAXES: "tax that the channel withholds and remits itself",
    Posting.TRANSFERS: "payouts that failed and came back, and the like",
    Posting.OUTSIDE: "sales and refunds of orders that the connection's settings leave alone",
    Posting.SUSPENSE: "what a person let go unmatched, with a reason",
}
MATCHES: Mapping[Match, str] = {
    Match.ORDER: "its order; waits for it, then a person is asked",
    Match.REFUND: "its refund where the source names one, else its order; waits, then a person is asked",
    Match.ORDER_IF_NAMED: "its order, where one is named",
    Match.NOTHING: "nothing: the kind says all",
    Match.PERSON: "a person looks first",
}


class OrderFacts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an order's stream told of itself. ``refunds``: ids of its refunds and of the payments that went back."""

    number: str
    refunds: tuple[str, ...] = ()


class Matched(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of one line. ``status``: order, refund, kind, outside, let_go; or waiting, unknown."""

    status: str
    posting: Posting
    to: str | None = None  # the order's number, or the refund's id

    @property
    def settled(self) -> bool:
        return self.status not in ("waiting", "unknown")


def needs(line: SettlementLine) -> Match:
    """What this line must be matched to: by its kind, whether it is of an order of ours, and what it names."""
    rule = TABLE[line.kind].match
    if rule is Match.ORDER_IF_NAMED:
        rule = Match.NOTHING if line.order_id is None else Match.ORDER
    if not line.ours and rule in (Match.ORDER, Match.REFUND):
        return Match.NOTHING
    return Match.ORDER if rule is Match.REFUND and line.refund_ref is None else rule


def orders_named(settlement: Settlement) -> tuple[str, ...]:
    """The orders whose streams are asked, by the channel's id, sorted."""
    named = {line.order_id for line in settlement.lines if needs(line) in (Match.ORDER, Match.REFUND)}
    return tuple(sorted(name for name in named if name))


def match(line: SettlementLine, orders: Mapping[str, OrderFacts], let_go: Sequence[str]) -> Matched:
    """What is known of a line by now. ``let_go``: what a person said may be posted without (``match``, ``kinds``)."""
    posting, wanted = TABLE[line.kind].posting, needs(line)
    if wanted is Match.PERSON:
        return Matched("let_go", Posting.SUSPENSE) if "kinds" in let_go else Matched("unknown", posting)
    if wanted is Match.NOTHING:
        outside = not line.ours and TABLE[line.kind].match in (Match.ORDER, Match.REFUND)
        return Matched("outside", Posting.OUTSIDE) if outside else Matched("kind", posting)
    found = orders.get(line.order_id or "")
    if found is not None and wanted is Match.ORDER:
        return Matched("order", posting, found.number)
    if found is not None and line.refund_ref in found.refunds:
        return Matched("refund", posting, line.refund_ref)
    return Matched("let_go", Posting.SUSPENSE) if "match" in let_go else Matched("waiting", posting)


def matches(
    settlement: Settlement, orders: Mapping[str, OrderFacts], let_go: Sequence[str]
) -> list[tuple[SettlementLine, Matched]]:
    """Every line with what became of it."""
    return [(line, match(line, orders, let_go)) for line in settlement.lines]


def rows_of(matched: Sequence[tuple[SettlementLine, Matched]]) -> tuple[SettlementRow, ...]:
    """What the ERP posts beside the bank: one row for each posting, fees apart. The rows come to the deposit."""
    parts = [(found.posting, line.amount) for line, found in matched]
    parts += [(Posting.FEES, -line.fee) for line, _ in matched if line.fee]
    sums: dict[Posting, Decimal] = {}
    counts: dict[Posting, int] = {}
    for posting, amount in parts:
        sums[posting] = sums.get(posting, ZERO) + amount
        counts[posting] = counts.get(posting, 0) + 1
    return tuple(SettlementRow(one.value, sums[one], counts[one]) for one in Posting if sums.get(one))
