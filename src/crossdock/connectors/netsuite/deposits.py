"""A capture of the channel -> one customer deposit on the sales order, applied to the invoices when they are made.

Class UNIQUE: both carry an external id of ours and are looked for by it before a repeat. A deposit application can only
be made by transforming the deposit, which has no upsert. NetSuite applies a deposit that is linked with a sales order
to that order's invoice by itself where the account is set up so; what it has applied is not applied again, for an
invoice takes no more than it has open.
Source: Oracle's help, "Customer Deposit" (article 0830072110), "Deposit Application" (0830101547: transform of the
deposit, ``apply`` keyed by ``doc``), and the properties of ``customerDeposit`` in the REST API Browser 2026.1
(account, customer, currency, salesOrder, payment, memo, tranDate, externalId), read 2026-11-26; tried against no
account. That ``amount`` belongs to a line of ``apply`` is how customer payments have it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.crediting import currency_id, still_open
from crossdock.connectors.netsuite.documents import external_id
from crossdock.connectors.netsuite.mapping import posting_date
from crossdock.connectors.netsuite.payments import account_of, deposit_id, otherwise, payment_id
from crossdock.connectors.netsuite.sending import classified, made_once, ours
from crossdock.domain.commands import ApplyDeposit, PostDeposit
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.manifest import Call, Result


@classified
async def find_deposit(client: NetSuite, payload: PostDeposit, call: Call) -> Result | None:
    """Our customer deposit, if an earlier send made it; or that the capture is there as a payment."""
    if (found := await ours(client, "customerDeposit", deposit_id(payload.order_key, payload.payment_id))) is not None:
        return found
    return await otherwise(client, "customerPayment", payment_id(payload.order_key, payload.payment_id))


@made_once(find_deposit)
async def post_deposit(client: NetSuite, payload: PostDeposit, call: Call) -> Result:
    """Make the customer deposit under our external id."""
    made = await client.create("customerDeposit", render_deposit(payload, client.settings))
    return Result(Done(refs={"customerDeposit": made}))


def render_deposit(command: PostDeposit, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The customer deposit's JSON body; raises ``Unbookable`` for an account that no setting names."""
    return {
        "externalId": deposit_id(command.order_key, command.payment_id),
        "customer": {"id": command.customer_ref},
        "salesOrder": {"id": command.erp_ref},
        "tranDate": posting_date(command.paid_at, command.posted_on, settings),
        "currency": {"id": currency_id(command.currency, settings)},
        "payment": command.amount,
        "memo": f"{command.order_key} {command.gateway} {command.payment_id}",
        "account": {"id": account_of(command, settings)},
    }


@classified
async def find_application(client: NetSuite, payload: ApplyDeposit, call: Call) -> Result | None:
    """Our deposit application, if an earlier send made it."""
    return await ours(client, "depositApplication", application_id(payload))


@made_once(find_application)
async def apply_deposit(client: NetSuite, payload: ApplyDeposit, call: Call) -> Result:
    """Settle the invoice with the deposit, unless NetSuite has done so itself."""
    invoice = await client.invoice(payload.invoice)
    if invoice is None:
        hint = "It was deleted or the role may not see it: apply the deposit there by hand, then resolve."
        return Result(Rejected("invoice_gone", f"invoice {payload.invoice} is not in NetSuite", "invoice", hint))
    part = min(payload.amount, still_open(invoice))
    if part <= ZERO:
        return Result(Done(facts={"applied": "by NetSuite itself"}, repeated=True))
    ref = payload.deposit_ref or await deposit_of(client, payload.order_key, payload.payment_id)
    document = render_application(payload, part, client.settings)
    made = await client.transform(ref, "depositApplication", document, "customerDeposit")
    return Result(Done(refs={"depositApplication": made}, facts={"applied": str(part)}))


async def deposit_of(client: NetSuite, order_key: str, payment_id: str) -> str:
    """NetSuite's id of a deposit that a person said was there, without saying which; raises ``Stopped``."""
    there = await client.document("customerDeposit", f"eid:{deposit_id(order_key, payment_id)}")
    if there is None:
        hint = "Put this external id on the deposit in NetSuite, then retry; or do it there by hand and resolve."
        detail = f"there is no deposit {deposit_id(order_key, payment_id)}"
        raise Stopped(Rejected("deposit_unknown", detail, "externalId", hint))
    return there.id


def application_id(command: ApplyDeposit) -> str:
    nth = f"-{command.nth}" if command.nth > 1 else ""
    return external_id(command.order_key, f"DA-{command.payment_id}-{command.invoice}{nth}")


def render_application(command: ApplyDeposit, amount: Decimal, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the transform of the deposit."""
    return {
        "externalId": application_id(command),
        "tranDate": posting_date(command.applied_at, command.posted_on, settings),
        "memo": f"{command.order_key} {command.payment_id}",
        "apply": {"items": [{"doc": {"id": command.invoice}, "apply": True, "amount": amount}]},
    }
