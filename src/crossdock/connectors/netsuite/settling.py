"""Settlement -> one journal entry: the bank against clearing, fees, reserves and the rest. Class UNIQUE.

A journal entry and not a ``deposit`` record: it also carries a settlement that pays out nothing, or takes money back,
which a deposit cannot; and NetSuite itself refuses one whose debits are not its credits.
Source: SuiteTalk REST, "Use Case for Creating a Journal Entry", and "Journal Entry" (record ``journalentry``), read
2026-11-26.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.crediting import currency_id
from crossdock.connectors.netsuite.documents import external_id
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.sending import classified, made_once, ours
from crossdock.domain.commands import PostSettlement
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_settlement(client: NetSuite, payload: PostSettlement, call: Call) -> Result | None:
    """Our journal entry, if an earlier send made it."""
    return await ours(client, "journalEntry", settlement_id(payload))


@made_once(find_settlement)
async def post_settlement(client: NetSuite, payload: PostSettlement, call: Call) -> Result:
    """Make the journal entry under our external id."""
    made = await client.create("journalEntry", render_settlement(payload, client.settings))
    return Result(Done(refs={"journalEntry": made}))


def settlement_id(command: PostSettlement) -> str:
    return external_id(f"{command.source}-SETTLEMENT", command.settlement_id)


def render_settlement(command: PostSettlement, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The journal entry's JSON body; raises ``Unbookable`` for an account that no setting names."""
    bank = _bank(command, settings)
    rows = [_line(bank, command.deposit, f"{command.source} {command.settlement_id}")] if command.deposit else []
    for row in command.rows:
        rows.append(_line(_account(command, row.posting, settings), -row.amount, f"{row.posting}, {row.lines} lines"))
    off = sum((line.get("debit", ZERO) - line.get("credit", ZERO) for line in rows), ZERO)
    if off:
        detail = f"settlement {command.settlement_id}: the rows are {off:+f} {command.currency} off the deposit"
        raise Unbookable(Rejected("totals_differ", detail, "rows"))
    document: dict[str, Any] = {
        "externalId": settlement_id(command),
        "tranDate": command.posted_on.isoformat(),
        "currency": {"id": currency_id(command.currency, settings)},
        "memo": f"{command.source} settlement {command.settlement_id}",
        "line": {"items": rows},
    }
    if settings.get("subsidiary"):
        document["subsidiary"] = {"id": str(settings["subsidiary"])}
    return document


def _line(account: str, amount: Decimal, memo: str) -> dict[str, Any]:
    """Debits are positive: money comes to the bank, what the channel owed goes down."""
    side = {"debit": amount} if amount > ZERO else {"credit": -amount}
    return {"account": {"id": account}, **side, "memo": memo}


def _bank(command: PostSettlement, settings: Mapping[str, Any]) -> str:
    accounts = settings.get("deposit_accounts") or {}
    named = accounts.get(command.source) or accounts.get("default")
    if command.deposit and not named:
        raise _missing(command, "deposit_accounts", command.source)
    return str(named)


def _account(command: PostSettlement, posting: str, settings: Mapping[str, Any]) -> str:
    accounts = settings.get("settlement_accounts") or {}
    named = accounts.get(f"{command.source}.{posting}") or accounts.get(posting)
    if not named:
        raise _missing(command, "settlement_accounts", posting)
    return str(named)


def _missing(command: PostSettlement, setting: str, key: str) -> Unbookable:
    detail = f"settlement {command.settlement_id}: the setting `{setting}` names no account for {key}"
    hint = "Set it on the connection, restart, then retry."
    return Unbookable(Rejected("setting_missing", detail, f"{setting}.{key}", hint))
