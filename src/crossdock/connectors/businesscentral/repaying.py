"""Refund paid back -> one document in the general ledger: the customer's account against what paid it.

The standard API cannot name the credit memo that a payment to a customer settles: *customerPayments* are payments of
customers, which Business Central wants negative and applied to invoices, and journal lines have no such field. The
money is on the customer's account all the same; with the application method *Apply to Oldest* Business Central sets it
off against the open credit memo itself, else a person does. Source: pages 30055 and 30049 of the vendor's API
(github.com/microsoft/ALAppExtensions), read 2026-11-26.
"""

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.businesscentral import journals
from crossdock.connectors.businesscentral.addresses import posting_date
from crossdock.connectors.businesscentral.client import BusinessCentral, is_guid
from crossdock.connectors.businesscentral.journals import CUSTOMER, GL, Row, Voucher
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.sending import classified
from crossdock.domain.commands import PayRefund
from crossdock.domain.outcome import Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_repayment(client: BusinessCentral, payload: PayRefund, call: Call) -> Result | None:
    """Our posted document, if an earlier send made it."""
    return await journals.find(client, await _rendered(client, payload))


@classified
async def pay(client: BusinessCentral, payload: PayRefund, call: Call) -> Result:
    """Record that the customer has the money back, unless it stands."""
    return await journals.post(client, await _rendered(client, payload))


async def _rendered(client: BusinessCentral, payload: PayRefund) -> Voucher:
    number = payload.customer_ref
    if is_guid(number):
        number = await client.customer_number(number)
    return render_repayment(payload, number, client.settings)


def render_repayment(command: PayRefund, customer: str, settings: Mapping[str, Any]) -> Voucher:
    """What is to stand in the ledger; ``customer``: the customer's number. Raises ``Unbookable``."""
    about = f"refund {command.refund_id} of {command.order_key}"
    if command.credit_ref is None:
        detail = f"{about}: paying back out of a deposit on an order is not built"
        hint = "Pay the customer back in Business Central by hand, then resolve."
        raise Unbookable(Rejected("deposit_by_hand", detail, hint=hint))
    text = f"Refund {command.refund_id} paid back"
    rows = (
        Row(CUSTOMER, customer, command.amount, text),
        Row(GL, _paid_from(about, settings), -command.amount, text),
    )
    nth = (str(command.nth),) if command.nth > 1 else ()
    number = journals.document_number("refund", command.order_key, command.refund_id, *nth)
    day = posting_date(command.refunded_at, command.posted_on, settings)
    voucher = Voucher(number, command.order_key.upper(), day, command.currency, rows, about)
    return journals.proven(voucher, settings)


def _paid_from(about: str, settings: Mapping[str, Any]) -> str:
    """Where the channel's money is: the account that payouts are cleared with, unless the settings name another."""
    named = settings.get("repayment_account") or (settings.get("settlement_accounts") or {}).get("clearing")
    if not named:
        raise journals.missing(about, "repayment_account", "money paid back")
    return str(named)
