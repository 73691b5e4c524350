"""From the list of a day's orders to its counts and sums: the same function makes a certificate and checks its list."""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.money import ZERO, exactly
from crossdock.kit.listing import CANCELLED, CLOSED, Listed
from crossdock.reconcile.certificate import BadCertificate, canonical
from crossdock.reconcile.compare import Sides


class Side(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order as one side has it. Amounts in the row's currency."""

    total: Decimal
    cancelled: bool = False
    invoiced: Decimal | None = None  # the ERP
    owed: Decimal | None = None  # ours: what the ERP is to hold
    booked: bool = False  # ours


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a day's list: an order on three sides, and what differs. No person is in it."""

    key: str
    route: str  # the channel
    erp_name: str
    currency: str
    channel: Side | None = None
    crossdock: Side | None = None
    erp: Side | None = None
    differs: tuple[str, ...] = ()


def rows_of(sides: Sides, route: str, erp: str, basis: str, differs: Iterable[str]) -> list[Row]:
    """The rows of an order: one, or one for each currency in which a side has it."""
    ours = sides.ours
    found: dict[str, dict[str, Any]] = {}
    if sides.channel is not None and (shown := _on(sides.channel, basis)) is not None:
        total, currency = shown
        found.setdefault(currency, {})["channel"] = Side(total, sides.channel.status == CANCELLED)
    if ours is not None:
        side = Side(ours.stated, ours.cancelled, None, ours.owed, ours.booked)
        found.setdefault(ours.owed_currency, {})["crossdock"] = side
    if sides.erp is not None and sides.erp.total is not None:
        gone = sides.erp.status in (CANCELLED, CLOSED)
        found.setdefault(sides.erp.currency, {})["erp"] = Side(sides.erp.total, gone, sides.erp.invoiced)
    kinds = tuple(sorted(differs))
    return [Row(sides.key, route, erp, currency, differs=kinds, **found[currency]) for currency in sorted(found)]


def _on(view: Listed, basis: str) -> tuple[Decimal, str] | None:
    if basis == "presentment" and view.presentment_total is not None and view.presentment_currency is not None:
        return view.presentment_total, view.presentment_currency
    return None if view.total is None else (view.total, view.currency)


def as_list(rows: Iterable[Row]) -> bytes:
    """The list's file: a line of canonical JSON for each row, by key and currency."""
    lines = sorted(rows, key=lambda row: (row.route, row.key, row.currency))
    return b"".join(canonical(msgspec.to_builtins(row)) + b"\n" for row in lines)


def read_list(stored: bytes) -> list[Row]:
    """Raises ``msgspec.DecodeError`` for what is not such a list."""
    return [msgspec.json.decode(line, type=Row) for line in stored.splitlines()]


def list_digest(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()


def prove_list(certificate: Mapping[str, Any], stored: bytes) -> None:
    """Raises ``BadCertificate`` unless the list is the certificate's and comes to its counts and sums."""
    if list_digest(stored) != certificate["list"]["sha256"]:
        raise BadCertificate("The list is not the one that the certificate was made from, or it was changed.")
    try:
        sums = summarise(read_list(stored))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadCertificate(f"The list cannot be read: {error}.") from error
    if sums != certificate["routes"]:
        raise BadCertificate("The list does not come to the certificate's counts and sums.")


def summarise(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Counts and sums for each channel and currency on the three sides. A cancelled order is counted, not summed."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.route, row.erp_name, row.currency), []).append(row)
    return [
        {
            "route": route,
            "erp_name": erp,
            "currency": currency,
            "channel": _counted([row.channel for row in some], currency),
            "crossdock": _ours([row.crossdock for row in some], currency),
            "erp": _counted([row.erp for row in some], currency) | {"invoiced": exactly(_invoiced(some), currency)},
            "differing": sum(bool(row.differs) for row in some),
        }
        for (route, erp, currency), some in sorted(groups.items())
    ]


def _counted(sides: list[Side | None], currency: str) -> dict[str, Any]:
    there = [side for side in sides if side is not None]
    live = [side for side in there if not side.cancelled]
    return {"orders": len(live), "cancelled": len(there) - len(live), "total": exactly(_sum(live, "total"), currency)}


def _ours(sides: list[Side | None], currency: str) -> dict[str, Any]:
    live = [side for side in sides if side is not None and not side.cancelled]
    waiting = [side for side in live if not side.booked]
    return _counted(sides, currency) | {
        "owed": exactly(_sum(live, "owed"), currency),
        "not_booked": len(waiting),
        "not_booked_owed": exactly(_sum(waiting, "owed"), currency),
    }


def _sum(sides: Iterable[Side], field: str) -> Decimal:
    return sum((getattr(side, field) or ZERO for side in sides), ZERO)


def _invoiced(rows: Iterable[Row]) -> Decimal:
    return _sum([row.erp for row in rows if row.erp is not None], "invoiced")
