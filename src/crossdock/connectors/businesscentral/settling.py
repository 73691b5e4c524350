"""Settlement -> one document in the general ledger: the bank against clearing, fees, reserves and the rest.

The bank is a bank account, so that its statement can be reconciled there; all else are G/L accounts.
"""

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.businesscentral import journals
from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.journals import BANK, GL, Row, Voucher
from crossdock.connectors.businesscentral.sending import classified
from crossdock.domain.commands import PostSettlement
from crossdock.kit.manifest import Call, Result


@classified
async def find_settlement(client: BusinessCentral, payload: PostSettlement, call: Call) -> Result | None:
    """Our posted document, if an earlier send made it."""
    return await journals.find(client, render_settlement(payload, client.settings))


@classified
async def post_settlement(client: BusinessCentral, payload: PostSettlement, call: Call) -> Result:
    """Post the settlement, unless it stands."""
    return await journals.post(client, render_settlement(payload, client.settings))


def render_settlement(command: PostSettlement, settings: Mapping[str, Any]) -> Voucher:
    """What is to stand in the ledger; raises ``Unbookable`` for an account that no setting names."""
    about = f"settlement {command.settlement_id} of {command.source}"
    rows = []
    if command.deposit:
        rows.append(Row(BANK, _bank(command, settings, about), command.deposit, f"{command.source} payout"))
    for row in command.rows:
        account = posting_account(row.posting, command.source, settings, about)
        rows.append(Row(GL, account, -row.amount, f"{command.source} {row.posting}, {row.lines} lines"))
    number = journals.document_number("settlement", command.source, command.settlement_id)
    external = f"{command.source}-{command.settlement_id}".upper()
    voucher = Voucher(number, external, command.posted_on, command.currency, tuple(rows), about)
    return journals.proven(voucher, settings)


def posting_account(posting: str, source: str, settings: Mapping[str, Any], about: str) -> str:
    """The G/L account of a posting: the channel's own before the one for all; raises ``Unbookable``."""
    accounts = settings.get("settlement_accounts") or {}
    named = accounts.get(f"{source}.{posting}") or accounts.get(posting)
    if not named:
        raise journals.missing(about, "settlement_accounts", posting)
    return str(named)


def _bank(command: PostSettlement, settings: Mapping[str, Any], about: str) -> str:
    accounts = settings.get("deposit_accounts") or {}
    named = accounts.get(command.source) or accounts.get("default")
    if not named:
        raise journals.missing(about, "deposit_accounts", command.source)
    return str(named)
