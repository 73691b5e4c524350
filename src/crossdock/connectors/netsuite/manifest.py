"""Typed facts about NetSuite, and the check that a connection works. Sources are named in the README."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.mapping import DEFAULT_CURRENCIES, account_zone
from crossdock.kit.http import Line, NotSent
from crossdock.kit.manifest import ENDS_SOON_DAYS, Books, Manifest, Quota, Setting, Unreachable, ValueList


def _item(name: str, title: str) -> Setting:
    return Setting(
        name,
        title,
        required=False,
        help="Internal id of an 'other charge' item. An order that needs it waits without it.",
    )


SETTINGS = (
    Setting("account_id", "Account id", example="1234567_SB1"),
    Setting(
        "base_url", "Base URL", required=False, help="Only for a proxy or a simulator; else made from the account id."
    ),
    Setting("client_id", "Client id of the integration record", example="0f9a…"),
    Setting("certificate_id", "Certificate id from the M2M mapping", example="HDh…"),
    Setting(
        "algorithm",
        "Signing algorithm",
        required=False,
        default="PS256",
        help="PS256/384/512 for RSA, ES256/384/512 for EC keys.",
    ),
    Setting(
        "private_key",
        "Private key (PEM) that belongs to the certificate",
        secret=True,
        example="file:/run/secrets/netsuite.pem",
        private_key=True,
    ),
    Setting("certificate", "The certificate (PEM), to warn before it ends", secret=True, required=False),
    Setting("time_zone", "Time zone of the account", required=False, default="UTC", example="America/Los_Angeles"),
    Setting(
        "concurrency",
        "Calls in flight, for the whole account",
        required=False,
        default=5,
        help="What the account's tier grants to this integration.",
    ),
    Setting("currencies", "ISO code -> internal id", required=False, default=dict(DEFAULT_CURRENCIES)),
    Setting(
        "tax_mode",
        "How tax is stated",
        required=False,
        default="details",
        help="details: SuiteTax override · line: legacy taxCode and tax1Amt · item: one line of tax_item.",
    ),
    Setting("tax_code", "Tax code's internal id", required=False),
    Setting("tax_codes", "Tax title -> tax code", required=False, default={}),
    Setting("tax_type", "Tax type's internal id (mode details)", required=False),
    _item("tax_item", "Tax line (mode item)"),
    _item("channel_tax_item", "Tax that the channel remits"),
    _item("shipping_item", "Shipping line; without it the header's shipping cost is used"),
    _item("tip_item", "Tip line"),
    _item("duty_item", "Duty line"),
    _item("fee_item", "Fee line"),
    _item("gift_card_item", "Gift card sold"),
    _item("rounding_item", "Rounding line"),
    Setting(
        "refund_item",
        "Line of a credit memo that moves no goods",
        required=False,
        help="Internal id of an 'other charge' item: refunds without goods, goods that do not come back, fees kept.",
    ),
    Setting("refund_account", "Account that customer refunds are paid from", required=False, example="221"),
    Setting(
        "deposit_accounts",
        "Bank account that a channel's payouts come to",
        required=False,
        default={},
        example="{shop1: '201', amazon1: '202'}",
        help="Channel connection, or `default`, -> account's internal id. Needed to post settlements.",
    ),
    Setting(
        "settlement_accounts",
        "Accounts that settlements are posted to",
        required=False,
        default={},
        example="{clearing: '121', fees: '612', shop1.fees: '613'}",
        help="Posting -> account's internal id; `connection.posting` goes before `posting`. Postings: clearing, fees, "
        "reserve, adjustments, chargebacks, taxes, transfers, outside, suspense.",
    ),
    Setting(
        "payment_accounts",
        "Accounts that customers' payments and deposits go to",
        required=False,
        default={},
        example="{default: '121', gift_card: '231'}",
        help="Gateway, or `default`, -> account's internal id; `connection.gateway` goes before `gateway`. Without it "
        "the clearing account of `settlement_accounts`; gift cards need one of their own.",
    ),
    Setting("subsidiary", "Subsidiary of journal entries (OneWorld)", required=False, example="1"),
    Setting(
        "discount_item",
        "Discount line",
        required=False,
        help="With it, discounts are negative lines; without, net rates.",
    ),
    Setting("ship_methods", "Ship method -> internal id", required=False, default={}),
    Setting(
        "locations",
        "Where a warehouse ships from -> location's internal id",
        required=False,
        default={},
        example="{V2FyZWhvdXNlOjc2NzMz: '2'}",
        help="By the warehouse's own name for the place. One that is not named is left to the sales order's line.",
    ),
    Setting("line_field", "Custom column for the channel's line id", required=False, example="custcol_channel_line"),
    Setting("sku_field", "Item column that holds the SKU", required=False, default="itemid"),
    Setting(
        "customer_tax_field",
        "Customer column that holds the tax number",
        required=False,
        example="vatregnumber",
        help="Buyers are then matched by it too.",
    ),
    Setting(
        "customer_address",
        "Match buyers by name and postcode too",
        required=False,
        default=False,
        help="Reads the default billing address of customers.",
    ),
    Setting(
        "read_prices",
        "Read prices, price levels and customers' price levels",
        required=False,
        default=False,
        help="For price answers of the partner API. Needs the features Multiple Prices and Multiple Currencies.",
    ),
    Setting(
        "read_units",
        "Read units of measure",
        required=False,
        default=False,
        help="Beside read_prices. Needs the feature Multiple Units of Measure.",
    ),
    Setting(
        "read_own_prices",
        "Read what was agreed with customers for single items",
        required=False,
        default=False,
        help="Beside read_prices; else such an item's price is unknown for that customer.",
    ),
    Setting(
        "order_prefixes",
        "Channel connections whose orders are ours",
        required=False,
        default=[],
        example='["shop1"]',
        help="Empty: whatever carries an external id. Name them where other programs set external ids too.",
    ),
    Setting(
        "weight_unit",
        "Unit of package weights",
        required=False,
        default="lb",
        help="lb, oz, kg or g, as the account has it.",
    ),
    Setting(
        "header",
        "Fields to put on every sales order",
        required=False,
        default={},
        example='{"customForm": {"id": "68"}}',
    ),
)

MANIFEST = Manifest(
    system="netsuite",
    title="Oracle NetSuite",
    role="erp",
    api_version="record/v1 2026.1",
    settings=SETTINGS,
    mapping_version="1",
    topics={"invoice": "invoice_seen", "credit_memo": "credit_seen", "position": "position_seen"},
    quota=Quota(concurrency=5),
    account="account_id",
    docs="https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/chapter_1540391670.html",
    values=(
        ValueList("currencies", "Currencies", "currencies", DEFAULT_CURRENCIES),
        ValueList("ship_methods", "Ship methods", "ship_methods"),
    ),
    books=Books(("open", "paid", "deposit", "payment", "advance")),
    redact=(
        "shippingAddress", "billingAddress",  # whole: one value to remove instead of ten
        "addressee", "attention", "addr1", "addr2", "city", "zip", "state", "addrPhone", "email", "phone", "memo",
        "access_token", "client_assertion", "authorization",
    ),
)  # fmt: skip


async def check(client: NetSuite) -> str:
    """Sign in, read the currencies, compare them with the settings, and look at the certificate's end."""
    warning = _certificate(client)
    _time_zone(client.settings)
    try:
        await client.sign_in()
        page = await client.query("SELECT c.id, c.symbol FROM currency c ORDER BY c.id")
    except Stopped as stopped:
        raise Unreachable(f"NetSuite refuses this connection: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"{client.base} cannot be reached: {error}") from error
    symbols = {row["symbol"]: str(row["id"]) for row in page.items}
    _compare(client.settings.get("currencies") or DEFAULT_CURRENCIES, symbols)
    _tax_settings(client.settings)
    return f"account {client.settings['account_id']}, currencies {', '.join(sorted(symbols))}{warning}"


def _time_zone(settings: Mapping[str, Any]) -> None:
    try:
        account_zone(settings)
    except (ZoneInfoNotFoundError, ValueError) as error:
        hint = "write it like America/Los_Angeles; if it is right, this machine lacks the tzdata package"
        raise Unreachable(f"the setting `time_zone` cannot be used ({error}): {hint}") from error


def _compare(ours: Mapping[str, Any], theirs: Mapping[str, str]) -> None:
    wrong = [
        f"{code}: {ref}, there {theirs[code]}"
        for code, ref in ours.items()
        if code in theirs and theirs[code] != str(ref)
    ]
    if wrong:
        raise Unreachable(f"the setting `currencies` does not fit the account ({'; '.join(wrong)}): correct it")


def _tax_settings(settings: Mapping[str, Any]) -> None:
    needed = {"details": ("tax_code", "tax_type"), "line": ("tax_code",), "item": ("tax_item",)}
    mode = settings.get("tax_mode", "details")
    if mode not in needed:
        raise Unreachable(f"tax_mode {mode!r} is none of {', '.join(needed)}")
    missing = [name for name in needed[mode] if not settings.get(name)]
    if missing:
        raise Unreachable(f"tax_mode {mode} needs the setting {' and '.join(missing)}: orders with tax would wait")


def ends(line: Line) -> Mapping[str, datetime]:
    """When the certificate ends (at most two years after it was made). Raises ``ValueError`` when it is none."""
    pem = line.secrets.get("certificate")
    if not pem:
        return {}
    from cryptography import x509  # not in the processes that never look

    return {"certificate": x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc}


def _certificate(client: NetSuite) -> str:
    """How long the certificate still lives. Empty without one."""
    try:
        end = ends(client.line).get("certificate")
    except ValueError as error:
        raise Unreachable(f"the secret `certificate` is not a PEM certificate: {error}") from error
    if end is None:
        return ""
    days = (end - client.line.now()).days
    if days < 0:
        raise Unreachable(
            f"the certificate ended on {end.date()}: upload a new one and set certificate_id and private_key"
        )
    soon = f": ONLY {days} DAYS LEFT, replace it" if days < ENDS_SOON_DAYS else ""
    return f", certificate ends {end.date()}{soon}"
