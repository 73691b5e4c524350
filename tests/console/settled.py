"""Settlements of the seeded day: one posted, one whose orders are not known, one off by a cent, and an odd one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from crossdock.domain.decision import StreamRef
from crossdock.domain.events import SettlementSeen, encode_event
from crossdock.domain.outcome import Done, Outcome
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind, total_of
from crossdock.store.protocol import Arrival, LeasedCommand
from tests.console.seed import ERP, PLACED, SHOP, XSS, Day

Kind = SettlementLineKind
POSTED, UNMATCHED, OFF, ODD = "7001", "7002", "7003", "7004"


def _line(id_: str, kind: Kind, amount: str, order: int | None = None, fee: str = "0", **more: Any) -> SettlementLine:
    order_id = None if order is None else str(6674573190000 + order)
    told = more.pop("told", f"Order / {kind.value}")
    return SettlementLine(id_, kind, told, Decimal(amount), Decimal(fee), order_id=order_id, **more)


def _settlement(id_: str, *lines: SettlementLine, off: str = "0") -> Settlement:
    return Settlement(
        SHOP, id_, "AUD", total_of(lines) + Decimal(off), PLACED + timedelta(days=3), lines,
        PLACED - timedelta(days=1), PLACED + timedelta(days=2),
    )  # fmt: skip


SETTLEMENTS = (
    _settlement(
        POSTED,
        _line("1", Kind.SALE, "163.35", 3, "5.04"),
        _line("2", Kind.SALE, "220.10", 16, "6.68"),
        _line("3", Kind.FEE, "-39.00", told="ServiceFee / Subscription"),
        _line("4", Kind.RESERVE, "-20.00", told="other-transaction / Current Reserve Amount"),
    ),
    _settlement(UNMATCHED, _line("1", Kind.SALE, "99.00", 5001), _line("2", Kind.SALE, "41.00", 5002)),
    _settlement(OFF, _line("1", Kind.SALE, "163.35", 3), off="0.01"),
    _settlement(ODD, _line("1", Kind.UNKNOWN, "7.00", told=XSS)),
)


async def settle(day: Day) -> None:
    """Let them arrive, wait out the wait, and have the ERP post what is asked for."""
    for one in SETTLEMENTS:
        await _tell(day, one.key, "seen", encode_event(SettlementSeen(one)))
    await day.decide()
    await day.store.move_timers(100)
    await day.decide()
    await day.answer(ERP, posted)


async def _tell(day: Day, key: str, name: str, body: bytes) -> None:
    ref = StreamRef("settlement", key)
    await day.store.accept([Arrival(SHOP, f"{name}-{key}", "poll", "settlement", ref, body)])


def posted(command: LeasedCommand) -> Outcome | None:
    """The ERP enters settlements, and leaves everything else in flight."""
    return Done({"journalEntry": "90001"}) if command.purpose == "settlement.post" else None
