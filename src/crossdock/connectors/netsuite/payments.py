"""A capture of the channel -> one customer payment, applied to the invoices. Class UNIQUE: an external id of ours.

Source: SuiteTalk REST, record ``customerPayment`` (customer, payment, account, apply), read 2026-11-26. Nothing is
applied beyond what is open of an invoice: NetSuite refuses it. What is left over stays on the customer's account.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.crediting import currency_id, still_open
from crossdock.connectors.netsuite.documents import external_id
from crossdock.connectors.netsuite.mapping import posting_date
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.sending import classified, made_once, ours
from crossdock.domain.commands import PostDeposit, PostPayment
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_customer_payment(client: NetSuite, payload: PostPayment, call: Call) -> Result | None:
    """Our customer payment, if an earlier send made it; or that the capture is there as a deposit."""
    if (found := await ours(client, "customerPayment", customer_payment_id(payload))) is not None:
        return found
    return await otherwise(client, "customerDeposit", deposit_id(payload.order_key, payload.payment_id))


async def otherwise(client: NetSuite, kind: str, key: str) -> Result | None:
    """That a database which lost time has forgotten as what it posted a capture: money is never posted twice.

    A kind of record that this role may not see, or the account does not have, it has not made either. Any other refusal
    says nothing of what is there: ``Stopped`` is raised.
    """
    there = await client.document(kind, f"eid:{key}", withheld=True)
    if there is None:
        return None
    detail = f"NetSuite has this money as {kind} {there.id} ({key}): see that it is applied there, then resolve"
    return Result(Conflict("posted_otherwise", detail, {kind: there.id}))


@made_once(find_customer_payment)
async def post_payment(client: NetSuite, payload: PostPayment, call: Call) -> Result:
    """Make the customer payment under our external id."""
    open_: dict[str, Decimal] = {}
    for applied in payload.apply:
        invoice = await client.invoice(applied.invoice)
        open_[applied.invoice] = ZERO if invoice is None else still_open(invoice)
    made = await client.create("customerPayment", render_customer_payment(payload, open_, client.settings))
    return Result(Done(refs={"customerPayment": made}))


def customer_payment_id(command: PostPayment) -> str:
    nth = f"-{command.nth}" if command.nth > 1 else ""
    return payment_id(command.order_key, f"{command.payment_id}{nth}")


def payment_id(order_key: str, capture: str) -> str:
    return external_id(order_key, f"PAY-{capture}")


def deposit_id(order_key: str, capture: str) -> str:
    return external_id(order_key, f"DEP-{capture}")


def render_customer_payment(
    command: PostPayment, open_: Mapping[str, Decimal], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The customer payment's JSON body; raises ``Unbookable`` for an account that no setting names."""
    rows = [
        {"doc": {"id": one.invoice}, "apply": True, "amount": min(one.amount, open_[one.invoice])}
        for one in command.apply
        if open_[one.invoice] > ZERO
    ]
    document: dict[str, Any] = {
        "externalId": customer_payment_id(command),
        "customer": {"id": command.customer_ref},
        "tranDate": posting_date(command.paid_at, command.posted_on, settings),
        "currency": {"id": currency_id(command.currency, settings)},
        "payment": command.amount,
        "memo": f"{command.order_key} {command.gateway} {command.payment_id}",
        "account": {"id": account_of(command, settings)},
    }
    return document | ({"apply": {"items": rows}} if rows else {})


def account_of(command: PostPayment | PostDeposit, settings: Mapping[str, Any]) -> str:
    """The gateway's own account; a gift card's is never another's, for no payout brings its money."""
    accounts = settings.get("payment_accounts") or {}
    named = accounts.get(f"{command.source}.{command.gateway}") or accounts.get(command.gateway)
    if not named and not command.gift_card:
        named = accounts.get("default") or (settings.get("settlement_accounts") or {}).get("clearing")
    if named:
        return str(named)
    detail = f"payment {command.payment_id} of {command.order_key}: `payment_accounts` names none for {command.gateway}"
    hint = "Set it on the connection, restart, then retry."
    raise Unbookable(Rejected("setting_missing", detail, f"payment_accounts.{command.gateway}", hint))
