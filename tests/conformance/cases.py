"""What the suite needs to know of each connector beyond its manifest: settings that open it, and how it signs."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib import import_module
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crossdock.domain.commands import (
    AmendBooking,
    AnnounceReturn,
    Applied,
    ApplyDeposit,
    BookOrder,
    CancelRelease,
    CloseBooking,
    CreditLine,
    CreditRefund,
    MakeInvoice,
    Payload,
    PayRefund,
    PostDeposit,
    PostPayment,
    PostReturn,
    PostSettlement,
    PostShipment,
    PublishInvoice,
    PublishStock,
    PushFulfilment,
    PushRefund,
    PushReturn,
    ReadBack,
    RecallReturn,
    ReleaseOrder,
    ReplaceTracking,
    ReturnedUnits,
    SettlementRow,
    TellTracking,
)
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.money import Amount
from crossdock.domain.order import Address, Charge, ChargeKind, Order, OrderLine, Party, PaymentStatus, TaxLine, Totals
from crossdock.domain.receipt import AnnouncedLine, Receipt, ReceivedRow
from crossdock.domain.refund import Credit
from crossdock.kit.http import AnswerLost, Http, Line, NotSent, Response
from crossdock.kit.manifest import Connector
from crossdock.kit.tokens import InProcessTokens

UNSIGNED = frozenset({"businesscentral"})  # vendors whose webhooks prove who sends, but not what
SYSTEMS = ("amazon", "businesscentral", "netsuite", "portal", "shiphero", "shopify")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET, PREVIOUS = "the-secret-that-signs", "the-secret-before"
CANARIES = (
    *("Canaryname", "Canarycompany", "Canarystreet", "Canaryunit"),
    *("canary@example.com", "+61400CANARY", "Canarynote"),
)

Sign = Callable[[bytes, str], dict[str, str]]


def connector(system: str) -> Connector:
    found = import_module(f"crossdock.connectors.{system}").CONNECTOR
    assert isinstance(found, Connector)
    return found


def _hmac_in(header: str) -> Sign:
    return lambda body, secret: {header: b64encode(hmac.digest(secret.encode(), body, sha256)).decode()}


def proven(system: str, body: bytes, secret: str) -> tuple[dict[str, str], bytes]:
    """Headers and body as the vendor sends them. Business Central signs nothing: its body repeats a word of ours."""
    if system not in UNSIGNED:
        return SIGNS[system](body, secret), body
    word = hmac.digest(secret.encode(), b"crossdock/businesscentral/clientState", "sha256").hex()
    return {}, b'{"value":[{"clientState":"%b"}]}' % word.encode()


def forged(system: str, body: bytes, signature: str) -> tuple[dict[str, str], bytes]:
    """What a stranger would send who makes the signature up."""
    if system in UNSIGNED:
        return {}, msgspec.json.encode({"value": [{"clientState": signature}]})
    return dict.fromkeys(SIGNS[system](body, SECRET), signature), body


def listed_key(system: str) -> str:
    """A key that the system could have an order under: of others nothing is asked."""
    order_ids = {"amazon": "111-0000001-0000001"}
    keys = {"businesscentral": "shop-1001"}  # an ERP knows channels by the setting order_prefixes
    return keys.get(system) or f"{system}-{order_ids.get(system, '1001')}"


SIGNS: Mapping[str, Sign] = {
    "shiphero": _hmac_in("x-shiphero-hmac-sha256"),
    "shopify": _hmac_in("x-shopify-hmac-sha256"),
}


@cache
def _private_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def settings(system: str) -> tuple[dict[str, Any], dict[str, str]]:
    """(settings, secrets) that the manifest would accept."""
    if system == "netsuite":
        given = {
            "account_id": "1234567",
            "base_url": "http://vendor.example",
            "client_id": "client",
            "certificate_id": "certificate",
            "algorithm": "ES256",
            "tax_code": "7",
            "tax_type": "8",
            "deposit_accounts": {"shop": "201"},
            "settlement_accounts": {"clearing": "121", "fees": "612"},
            "read_prices": True,
            "read_units": True,
        }
        return given, {"private_key": _private_key()}
    if system == "businesscentral":
        given = {
            "tenant": "tenant",
            "environment": "Production",
            "company_id": "company",
            "client_id": "client",
            "base_url": "http://vendor.example",
            "login_url": "http://login.example",
            "local_currency": "USD",
            "read_prices": True,
            "order_prefixes": ["shop"],
            "tax_codes": {"0": "ZERO", "5": "FIVE"},
            "shipping_account": "6410",
            "refund_account": "6450",
            "general_journal": "CROSSDOCK",
            "payment_journals": {"default": "XDPAY"},
            "deposit_accounts": {"shop": "CHECKING"},
            "settlement_accounts": {"clearing": "1130", "fees": "6710"},
            "public_url": "https://orders.example/in/businesscentral/erp",
        }
        return given, {"client_secret": "the-client-secret", "webhook_secret": SECRET}
    if system == "amazon":
        given = {
            "api_base": "http://vendor.example",
            "auth_url": "http://vendor.example/auth/o2/token",
            "client_id": "client",
            "queue_url": "http://vendor.example/1/order-changes",
            "aws_region": "us-east-1",
            "aws_access_key_id": "AKIA",
            "settlements": True,
            "seller_id": "A3",
            "marketplace_ids": ["ATVPDKIKX0DER"],
            "stock_levels": True,
        }
        return given, {"client_secret": SECRET, "refresh_token": "Atzr|r", "aws_secret_access_key": SECRET}
    if system == "portal":
        return {"callback_url": "http://vendor.example/told"}, {"callback_secret": f"{SECRET}, and more"}
    if system == "shiphero":
        return {"base_url": "http://vendor.example", "tracking_days": 14}, {
            "refresh_token": "r",
            "webhook_secret": SECRET,
        }
    given = {
        "shop_domain": "acme.myshopify.com",
        "api_base": "http://vendor.example",
        "public_url": "https://orders.example/in/shopify/shop",
        "payouts": True,
        "stock_locations": ["101"],
    }
    return given, {"access_token": "shpat_token", "webhook_secret": SECRET}


class Scripted:
    """An ``Http`` that signs everybody in and gives the same answer to everything else."""

    def __init__(self, answer: Response | Exception | Callable[[bytes], Response], *, sign_in: bool = True) -> None:
        self.answer, self.sign_in = answer, sign_in
        self.asked: list[str] = []

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        self.asked.append(f"{method} {url}")
        if self.sign_in and ("/auth/" in url or "oauth" in url):
            return Response(200, {"content-type": "application/json"}, b'{"access_token":"t","expires_in":3600}')
        if isinstance(self.answer, Exception):
            raise type(self.answer)(*self.answer.args)
        return self.answer if isinstance(self.answer, Response) else self.answer(body)


def client(system: str, http: Http) -> Any:
    given, secrets = settings(system)
    defaults = {
        s.name: s.default for s in connector(system).manifest.settings if s.default is not None and not s.secret
    }
    line = Line(
        system, {**defaults, **given}, secrets, http, InProcessTokens(lambda: 0.0), lambda: NOW, lambda: "unique"
    )
    return connector(system).open(line)


def order() -> Order:
    """An order whose every personal field holds a canary, and whose totals add up."""
    name, company, street, unit, email, phone, note = CANARIES
    there = Address(name, company, street, unit, "Town", "Victoria", "VIC", "3000", "AU", phone)
    return Order(
        channel="shop",
        external_id="1001",
        number="#1001",
        placed_at=NOW,
        updated_at=NOW,
        currency="USD",
        totals=Totals(
            total=Amount(Decimal("26.00")),
            lines=Amount(Decimal("20.00")),
            tax=Amount(Decimal("1.00")),
            charges=Amount(Decimal("5.00")),
        ),
        lines=(
            OrderLine(
                "11",
                "Thing",
                Decimal(2),
                Amount(Decimal("10.00")),
                "SKU-11",
                taxes=(TaxLine(Amount(Decimal("1.00")), "GST", Decimal("0.05")),),
            ),
        ),
        charges=(Charge(ChargeKind.SHIPPING, "Standard", Amount(Decimal("5.00"))),),
        payment_status=PaymentStatus.PAID,
        customer=Party("7", name, email, phone, company),
        bill_to=there,
        ship_to=there,
        note=f"For {note}, at the back door",
    )


def shipment() -> Shipment:
    lines = (ShippedLine("11", Decimal(2), "SKU-11"),)
    return Shipment("900", lines, NOW, (Package("1Z", "UPS", "Ground", "https://track.example/1Z", lines),), "1")


ROWS = (SettlementRow("clearing", Decimal("26.00"), 1), SettlementRow("fees", Decimal("-1.05"), 1))
CREDITED = (CreditLine("item", "Thing", Decimal(1), Decimal("10.00"), Decimal("0.50"), "11", "SKU-11", True),)
PAYLOADS: Mapping[str, Payload] = {
    payload.purpose: payload
    for payload in (
        BookOrder(order(), "42", {"SKU-11": "77"}),
        AmendBooking(order(), "4711", "42", {"SKU-11": "77"}),
        ReleaseOrder(order(), "4711"),
        CancelRelease("shop-1001", "T3JkZXI6MQ==", "changed mind"),
        CloseBooking("shop-1001", "4711"),
        PostShipment("shop-1001", "4711", shipment(), {"SKU-11": "77"}),
        PushFulfilment("1001", shipment()),
        TellTracking("1001", ("700",), "delivered", NOW),
        ReplaceTracking("1001", shipment(), ("TN0",), ("700",)),
        MakeInvoice("shop-1001", "4711", ("900",)),
        CreditRefund("shop-1001", "4711", "9", NOW, "USD", "42", CREDITED, {"SKU-11": "77"}, ("4713",)),
        PublishInvoice("1001", Invoice("4713", "INV1", Decimal("26.00"), "USD", NOW)),
        PushRefund("1001", Credit("4714", "CM1", Decimal("10.50"), "USD", NOW)),
        PayRefund("shop-1001", "4711", "9", NOW, "USD", "42", Decimal("10.50"), "4714"),
        PostPayment(
            "shop-1001",
            "4711",
            "31",
            NOW,
            "shop",
            "card",
            "USD",
            "42",
            Decimal("26.00"),
            (Applied("4713", Decimal("26.00")),),
        ),
        PostDeposit("shop-1001", "4711", "31", NOW, "shop", "card", "USD", "42", Decimal("26.00")),
        ApplyDeposit("shop-1001", "4711", "31", "4715", "4713", Decimal("26.00"), NOW),
        AnnounceReturn(
            "shop-1001",
            "shop-1001-77",
            (AnnouncedLine("11", Decimal(1), "SKU-11"),),
            "T3JkZXI6MQ==",
            "V2FyZWhvdXNlOjc2NzMz",
            order().ship_to,
        ),
        RecallReturn("shop-1001", "shop-1001-77", "T3JkZXI6MQ==", "UmV0dXJuOjE="),
        PostReturn("shop-1001", "4711", "1", NOW, (ReturnedUnits("11", Decimal(1), "SKU-11"),), True, {"SKU-11": "77"}),
        PushReturn("1001", Receipt("R-1", (ReceivedRow("1", Decimal(1), Decimal(1), "11", "SKU-11"),)), "77"),
        PostSettlement("shop-77", "shop", "77", "USD", NOW.date(), Decimal("24.95"), ROWS),
        PublishStock("SKU-11", "101", 7, 3, 9, "4400001"),
        ReadBack("order", "1001"),
    )
}

# What only one system understands, in its own words.
_OWN: Mapping[tuple[str, str], Payload] = {
    ("businesscentral", ReadBack.purpose): ReadBack("salesInvoices", NOW.isoformat()),
    ("amazon", PublishStock.purpose): PublishStock("SKU-11", "DEFAULT", 7, 3, 9),
}


def payload(system: str, purpose: str) -> Payload:
    """A payload that the system's operation understands."""
    return _OWN.get((system, purpose), PAYLOADS[purpose])


_JSON = {"content-type": "application/json"}
ANSWERS: Mapping[str, Response | Exception] = {
    "200 empty": Response(200, _JSON, b""),
    "200 {}": Response(200, _JSON, b"{}"),
    "200 null": Response(200, _JSON, b"null"),
    "200 html": Response(200, {"content-type": "text/html"}, b"<html><body>One moment</body></html>"),
    "200 other json": Response(200, _JSON, b'{"data":{"x":[1]},"items":7}'),
    "200 truncated": Response(200, _JSON, b'{"data":{"order'),
    "200 not utf-8": Response(200, _JSON, b'{"data":"\xff\xfe"}'),
    "200 deep": Response(200, _JSON, b"[" * 20_000),
    "204 no headers": Response(204, {}, b""),
    "302": Response(302, {"location": "https://elsewhere.example/"}, b""),
    "NotSent": NotSent("refused"),
    "AnswerLost": AnswerLost("reset"),
    **{
        f"{status} {kind}": Response(status, headers, body)
        for status in (400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504)
        for kind, headers, body in (
            ("json", _JSON, b'{"error":"no","message":"no"}'),
            ("html", {"content-type": "text/html"}, b"<html>no</html>"),
        )
    },
}
