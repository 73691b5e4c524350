"""Typed facts about Business Central, and the check that a connection works. Sources are named in the README."""

from collections.abc import Mapping
from decimal import InvalidOperation
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from crossdock.connectors.businesscentral.addresses import company_zone
from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.mapping import tax_rates
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Books, Manifest, Quota, Setting, Unreachable, ValueList


def _account(name: str, title: str) -> Setting:
    return Setting(
        name, title, required=False, help="Number of a G/L account. An order that needs it waits without it."
    )


SETTINGS = (
    Setting("tenant", "Tenant id of Microsoft Entra ID", example="3c2b1a09-…"),
    Setting("environment", "Environment", example="Production"),
    Setting("company_id", "Company id", example="a19eca60-…", help="`crossdock check` lists them."),
    Setting("client_id", "Application (client) id", example="8a5f3c1e-…"),
    Setting("client_secret", "Client secret of the application", secret=True, example="file:/run/secrets/bc"),
    Setting("base_url", "Base URL", required=False, help="Only for a proxy or a simulator."),
    Setting("login_url", "Base URL of the sign-in", required=False, help="Only for a national cloud or a simulator."),
    Setting("local_currency", "The company's local currency (ISO code)", example="USD", help="It is never sent."),
    Setting(
        "public_url",
        "Where notifications are sent: this connection's address at intake",
        required=False,
        example="https://orders.example.com/in/businesscentral/businesscentral1",
        help="Without it nothing is subscribed, and polls find the same changes.",
    ),
    Setting("webhook_secret", "What notifications are proven by: a long random word", secret=True, required=False),
    Setting("webhook_secret_previous", "The one before, while it is being replaced", secret=True, required=False),
    Setting(
        "order_prefixes",
        "Channel connections whose orders are booked here",
        example='["shop1"]',
        help="Business Central keeps our key in capitals: by these names it is read back.",
    ),
    Setting("time_zone", "Time zone of the company", required=False, default="UTC", example="Europe/Berlin"),
    Setting(
        "tax_mode",
        "How tax is stated",
        required=False,
        default="computed",
        help="computed: Business Central computes by the line's tax code · account: one line of tax_account.",
    ),
    Setting(
        "tax_codes",
        "Rate in percent -> tax code",
        required=False,
        default={},
        example='{"0": "NOTAX", "19": "VAT19"}',
        help="The one for 0 is needed in both modes.",
    ),
    _account("tax_account", "Tax line (mode account)"),
    _account("channel_tax_account", "Tax that the channel remits"),
    _account("shipping_account", "Shipping line"),
    _account("tip_account", "Tip line"),
    _account("duty_account", "Duty line"),
    _account("fee_account", "Fee line"),
    _account("gift_card_account", "Gift card sold"),
    _account("refund_account", "Refunded without goods that come back"),
    _account("rounding_account", "Rounding line"),
    Setting(
        "general_journal",
        "Code of the general journal that Crossdock posts through",
        required=False,
        example="CROSSDOCK",
        help="A batch of its own, without number series, balancing account or digits in its name. Needed for "
        "settlements and for money paid back.",
    ),
    Setting(
        "deposit_accounts",
        "Bank account that a channel's payouts come to",
        required=False,
        default={},
        example="{shop1: CHECKING, amazon1: GIRO}",
        help="Channel connection, or `default`, -> number of a bank account. Needed to post settlements.",
    ),
    Setting(
        "settlement_accounts",
        "G/L accounts that settlements are posted to",
        required=False,
        default={},
        example="{clearing: '1130', fees: '6710', shop1.fees: '6711'}",
        help="Posting -> number of a G/L account; `connection.posting` goes before `posting`. Postings: clearing, "
        "fees, reserve, adjustments, chargebacks, taxes, transfers, outside, suspense.",
    ),
    Setting(
        "payment_journals",
        "Codes of the payment journals that customers' payments are posted through",
        required=False,
        default={},
        example="{default: XDPAY, gift_card: XDGIFT}",
        help="Gateway, or `default`, -> a cash receipt journal batch of Crossdock's own, whose balancing account has "
        "the money; `connection.gateway` goes before `gateway`. Needed with `payments: payment`; gift cards need one.",
    ),
    Setting(
        "repayment_account",
        "G/L account that customers are paid back from",
        required=False,
        help="Without it the clearing account of `settlement_accounts`.",
    ),
    Setting("ship_methods", "Ship method -> shipment method id", required=False, default={}),
    Setting(
        "sku_field",
        "Item field that holds the SKU",
        required=False,
        default="number",
        help="number or gtin.",
    ),
    Setting(
        "read_prices",
        "Read the items' prices",
        required=False,
        default=False,
        help="For price answers of the partner API. Customers' own price lists are not in the API.",
    ),
    Setting(
        "header",
        "Fields to put on every sales order",
        required=False,
        default={},
        example='{"salesperson": "JO"}',
    ),
)

_PARTY_FIELDS = ("AddressLine1", "AddressLine2", "City", "State", "PostCode", "Name", "Contact")

MANIFEST = Manifest(
    system="businesscentral",
    title="Microsoft Dynamics 365 Business Central",
    role="erp",
    api_version="v2.0",
    settings=SETTINGS,
    needs={"public_url": ("webhook_secret",)},
    mapping_version="1",
    topics={
        "invoice": "invoice_seen", "credit_memo": "credit_seen", "position": "position_seen", "notification": "signal",
    },
    quota=Quota(concurrency=20, rate_per_s=20.0, burst=200.0),
    docs="https://learn.microsoft.com/en-us/dynamics365/business-central/dev-itpro/api-reference/v2.0/",
    values=(
        ValueList("ship_methods", "Shipment methods", "ship_methods"),
        ValueList("tax_codes", "Tax groups", "tax_codes"),
    ),
    # Neither journal lines nor customer payments have a currency in API v2.0 (docs/adr/0036).
    books=Books(("open", "paid", "deposit", "payment"), only_currency="local_currency"),
    redact=(
        *(f"{party}{field}" for party in ("sellTo", "shipTo", "billTo") for field in _PARTY_FIELDS),
        "customerName", "displayName", "phoneNumber", "email", "addressLine1", "addressLine2", "city", "postalCode",
        "description",  # lines of type Comment carry what the customer wrote
        "access_token", "client_secret", "authorization", "clientState",
    ),
)  # fmt: skip


async def check(client: BusinessCentral) -> str:
    """Sign in, find the company, compare its currency and the settings with what orders will need."""
    settings = client.settings
    _time_zone(settings)
    _tax_settings(settings)
    try:
        await client.sign_in()
        companies = {str(row.get("id")): str(row.get("name")) for row in (await client.companies()).value}
        company = companies.get(str(settings["company_id"]))
        if company is None:
            there = ", ".join(f"{ref} ({name})" for ref, name in companies.items()) or "none"
            raise Unreachable(f"the setting `company_id` names no company that this application may see: {there}")
        information = await client.listed("companyInformation", page=1)
    except Stopped as stopped:
        raise Unreachable(f"Business Central refuses this connection: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"{client.api} cannot be reached: {error}") from error
    local = str(information.value[0].get("currencyCode")) if information.value else "?"
    if local != settings["local_currency"]:
        raise Unreachable(f"the setting `local_currency` is {settings['local_currency']}, the company's is {local}")
    return f"company {company}, currency {local}"


def _time_zone(settings: Mapping[str, Any]) -> None:
    try:
        company_zone(settings)
    except (ZoneInfoNotFoundError, ValueError) as error:
        hint = "write it like Europe/Berlin; if it is right, this machine lacks the tzdata package"
        raise Unreachable(f"the setting `time_zone` cannot be used ({error}): {hint}") from error


def _tax_settings(settings: Mapping[str, Any]) -> None:
    mode = settings.get("tax_mode", "computed")
    if mode not in ("computed", "account"):
        raise Unreachable(f"tax_mode {mode!r} is none of computed, account")
    try:
        rates = tax_rates(settings)
    except InvalidOperation as error:
        raise Unreachable("the setting `tax_codes` must name rates in percent, as in {'19': 'VAT19'}") from error
    if 0 not in rates:
        raise Unreachable("the setting `tax_codes` needs a code for the rate 0: charges and rounding carry no tax")
    if len(set(rates.values())) != len(rates):
        raise Unreachable("the setting `tax_codes` gives one code to two rates: orders could not be proven")
    if mode == "account" and not settings.get("tax_account"):
        raise Unreachable("tax_mode account needs the setting tax_account: orders with tax would wait")
