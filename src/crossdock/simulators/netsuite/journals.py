"""Journal entries: what the account demands of one. Debits are credits, every account exists, the period is open."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from crossdock.simulators.netsuite.answers import Refusal, bad_ref, user_error
from crossdock.simulators.netsuite.catalogue import ACCOUNTS, CURRENCIES
from crossdock.simulators.netsuite.ledger import ZERO, Document, Ledger

Body = Mapping[str, Any]


class JournalDesk:
    """``closed_through``: entries dated up to this day are refused."""

    def __init__(self, ledger: Ledger, closed_through: date | None = None) -> None:
        self._ledger = ledger
        self.closed_through = closed_through

    def enter(self, body: Body, now: datetime) -> Document:
        external_id = body.get("externalId")
        if external_id and self._ledger.find("journalEntry", f"eid:{external_id}") is not None:
            raise Refusal(400, "DUP_RCRD", "This record already exists", "externalId")
        currency = str((body.get("currency") or {}).get("id", "1"))
        if currency not in CURRENCIES:
            raise bad_ref("currency", currency)
        rows = [_row(row, f"line.items[{index}]") for index, row in enumerate(_rows(body))]
        if len(rows) < 2 or sum((row["debit"] - row["credit"] for row in rows), ZERO):
            raise user_error("The amounts in a journal entry must balance.", "line")
        day = self._day(body, now)
        document = Document(
            id=self._ledger.new_id(), type="journalEntry", number=self._ledger.number("JE"), created=now, modified=now,
            external_id=external_id, currency=currency, status="A",
            header={"memo": body.get("memo"), "tranDate": day, "rows": rows},
        )  # fmt: skip
        self._ledger.add(document)
        return document

    def _day(self, body: Body, now: datetime) -> str:
        told = body.get("tranDate", f"{now:%Y-%m-%d}")
        try:
            day = date.fromisoformat(str(told))
        except ValueError:
            raise user_error(f"Invalid date value {told!r}.", "tranDate") from None
        if self.closed_through is not None and day <= self.closed_through:
            raise user_error("The transaction date is in a closed accounting period.", "tranDate")
        return day.isoformat()


def _rows(body: Body) -> list[Any]:
    rows = (body.get("line") or {}).get("items", [])
    return rows if isinstance(rows, list) else []


def _row(row: Body, path: str) -> dict[str, Any]:
    account = str((row.get("account") or {}).get("id", ""))
    if account not in ACCOUNTS:
        raise bad_ref(f"{path}.account", account)
    sides = {side: _amount(row.get(side), f"{path}.{side}") for side in ("debit", "credit")}
    if bool(sides["debit"]) == bool(sides["credit"]) or min(sides.values()) < ZERO:
        raise user_error("Enter a debit or a credit.", path)
    return {"account": account, "memo": row.get("memo"), **sides}


def _amount(told: Any, path: str) -> Decimal:
    try:
        return Decimal(0 if told is None else told)
    except (InvalidOperation, TypeError, ValueError):
        raise user_error("Enter a number.", path) from None
