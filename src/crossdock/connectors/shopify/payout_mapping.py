"""A payout and its balance transactions to a canonical settlement. Pure; raises ``Untranslatable``.

Every transaction's ``net`` is what the payout consists of, so the fee is what lies between it and ``amount``, whatever
sign Shopify gives a fee that is returned.
"""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal

import msgspec

from crossdock.connectors.shopify.graph import Money, number
from crossdock.connectors.shopify.mapping import untranslatable
from crossdock.connectors.shopify.payout_shapes import BalanceTransaction, PayoutBody
from crossdock.domain.money import plausible
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind
from crossdock.kit.manifest import Untranslatable

_decode = msgspec.json.Decoder(PayoutBody).decode
_Kind = SettlementLineKind
STATUSES = {"PAID": "paid", "FAILED": "failed"}  # the others are on their way, or never left

# By ShopifyPaymentsTransactionType (2026-10). What is not here is unknown: kept, and told to a person.
KINDS: Mapping[str, SettlementLineKind] = {
    "CHARGE": _Kind.SALE,
    **dict.fromkeys(("REFUND", "REFUND_ADJUSTMENT", "REFUND_FAILURE"), _Kind.REFUND),
    **dict.fromkeys(
        (
            "CHARGEBACK_FEE", "CHARGEBACK_FEE_REFUND", "STRIPE_FEE", "REFERRAL_FEE", "APPLICATION_FEE_REFUND",
            "ACH_BANK_FAILURE_DEBIT_FEE", "ACH_BANK_FAILURE_DEBIT_REVERSAL_FEE", "BILLING_DEBIT",
            "BILLING_DEBIT_REVERSAL", "SHIPPING_LABEL", "SHIPPING_LABEL_ADJUSTMENT", "SHIPPING_LABEL_ADJUSTMENT_BASE",
            "SHIPPING_LABEL_ADJUSTMENT_SURCHARGE", "SHIPPING_OTHER_CARRIER_CHARGE_ADJUSTMENT",
            "SHIPPING_RETURN_TO_ORIGIN_ADJUSTMENT", "MARKETPLACE_FEE_CREDIT", "MARKETPLACE_FEE_CREDIT_REVERSAL",
            "SHOP_CASH_CAMPAIGN_BILLING_CREDIT", "SHOP_CASH_CAMPAIGN_BILLING_CREDIT_REVERSAL",
            "SHOP_CASH_CAMPAIGN_BILLING_DEBIT", "SHOP_CASH_CAMPAIGN_BILLING_DEBIT_REVERSAL",
        ),
        _Kind.FEE,
    ),
    "RESERVED_FUNDS": _Kind.RESERVE,
    **dict.fromkeys(("RESERVED_FUNDS_REVERSAL", "RESERVED_FUNDS_WITHDRAWAL"), _Kind.RESERVE_RELEASE),
    **dict.fromkeys(
        (
            "ADJUSTMENT", "CHARGE_ADJUSTMENT", "ANOMALY_CREDIT", "ANOMALY_CREDIT_REVERSAL", "ANOMALY_DEBIT",
            "ANOMALY_DEBIT_REVERSAL", "MERCHANT_GOODWILL_CREDIT", "MERCHANT_GOODWILL_CREDIT_REVERSAL",
            "PROMOTION_CREDIT", "PROMOTION_CREDIT_REVERSAL",
        ),
        _Kind.ADJUSTMENT,
    ),
    **dict.fromkeys(
        (
            "CHARGEBACK_HOLD", "CHARGEBACK_HOLD_RELEASE", "DISPUTE_WITHDRAWAL", "DISPUTE_REVERSAL", "RISK_WITHDRAWAL",
            "RISK_REVERSAL", "CHARGEBACK_PROTECTION_CREDIT", "CHARGEBACK_PROTECTION_CREDIT_REVERSAL",
            "CHARGEBACK_PROTECTION_DEBIT", "CHARGEBACK_PROTECTION_DEBIT_REVERSAL",
        ),
        _Kind.CHARGEBACK,
    ),
    **dict.fromkeys(
        (
            "IMPORT_TAX", "IMPORT_TAX_ADJUSTMENT", "IMPORT_TAX_REFUND", "CUSTOMS_DUTY", "CUSTOMS_DUTY_ADJUSTMENT",
            "REFERRAL_FEE_TAX", "TAX_ADJUSTMENT_CREDIT", "TAX_ADJUSTMENT_CREDIT_REVERSAL", "TAX_ADJUSTMENT_DEBIT",
            "TAX_ADJUSTMENT_DEBIT_REVERSAL", "VAT_REFUND_CREDIT", "VAT_REFUND_CREDIT_REVERSAL",
        ),
        _Kind.TAX,
    ),
    **dict.fromkeys(("TRANSFER", "TRANSFER_CANCEL", "TRANSFER_FAILURE", "TRANSFER_REFUND"), _Kind.TRANSFER),
}  # fmt: skip


def parse_payout(body: bytes) -> PayoutBody:
    """The typed payout that the poll kept; raises ``Untranslatable`` naming the field that is off."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise untranslatable(error) from error


def to_settlement(connection: str, body: PayoutBody) -> Settlement:
    """The canonical settlement of a payout that is paid or failed."""
    payout = body.payout
    status = STATUSES.get(payout.status)
    if status is None:
        text = f"A payout of status {payout.status} is no settlement yet."
        raise Untranslatable("shopify.payout_status", text, field="payout.status")
    net = _amount(payout.net, "payout.net")
    withdrawn = payout.transaction_type == "WITHDRAWAL"
    currency = payout.net.currency_code
    lines = tuple(_line(index, one, currency) for index, one in enumerate(body.transactions))
    return Settlement(
        source=connection,
        id=number(payout.id),
        currency=currency,
        deposit=-abs(net) if withdrawn else net,
        deposited_at=payout.issued_at.astimezone(UTC),
        lines=lines,
        starts_at=min((line.at for line in lines if line.at is not None), default=None),
        ends_at=max((line.at for line in lines if line.at is not None), default=None),
        status=status,
    )


def _line(index: int, one: BalanceTransaction, currency: str) -> SettlementLine:
    where = f"transactions[{index}]"
    amount, net = _amount(one.amount, f"{where}.amount"), _amount(one.net, f"{where}.net")
    foreign = {one.amount.currency_code, one.net.currency_code} - {currency}
    kind = KINDS.get(one.type, _Kind.UNKNOWN)
    payment = one.source_order_transaction_id
    return SettlementLine(
        id=number(one.id),
        kind=kind,
        told=one.type + (f": {one.adjustment_reason}" if one.adjustment_reason else ""),
        amount=amount,
        fee=amount - net,
        order_id=number(one.associated_order.id) if one.associated_order is not None else None,
        refund_ref=str(payment) if kind is _Kind.REFUND and payment is not None else None,
        at=one.transaction_date.astimezone(UTC),
        currency=sorted(foreign)[0] if foreign else None,
    )


def _amount(money: Money, field: str) -> Decimal:
    if not plausible(money.amount):
        raise Untranslatable("shopify.amount_unreadable", f"{field} is not an amount of money.", field=field)
    return money.amount
