"""Payouts of Shopify Payments, and the balance transactions they are made of, as the Admin GraphQL API spells them.

Source: the 2026-10 introspection (ShopifyPaymentsPayout, ShopifyPaymentsBalanceTransaction), read 2026-11-26. Enums
stay text: Shopify adds kinds of transactions with every version.
"""

from typing import Any

import msgspec

from crossdock.connectors.shopify.graph import Money, PageInfo, Struct
from crossdock.connectors.shopify.wire import Instant


class Payout(Struct, frozen=True):
    id: str
    legacy_resource_id: int | str
    issued_at: Instant
    status: str  # SCHEDULED, IN_TRANSIT, PAID, FAILED, CANCELED
    transaction_type: str  # DEPOSIT, WITHDRAWAL
    net: Money


class PayoutPage(Struct, frozen=True):
    nodes: tuple[Payout, ...]
    page_info: PageInfo


class PayoutsAccount(Struct, frozen=True):
    payouts: PayoutPage


class PayoutsData(Struct, frozen=True):
    shopify_payments_account: PayoutsAccount | None


class AssociatedOrder(Struct, frozen=True):
    id: str
    name: str


class BalanceTransaction(Struct, frozen=True):
    id: str
    type: str
    transaction_date: Instant
    amount: Money
    net: Money
    source_type: str | None = None
    source_order_transaction_id: int | str | None = None
    adjustment_reason: str | None = None
    associated_order: AssociatedOrder | None = None
    associated_payout: dict[str, Any] | None = None


class LinesPage(Struct, frozen=True):
    nodes: tuple[BalanceTransaction, ...]
    page_info: PageInfo


class LinesAccount(Struct, frozen=True):
    balance_transactions: LinesPage


class LinesData(Struct, frozen=True):
    shopify_payments_account: LinesAccount | None


class PayoutBody(msgspec.Struct, frozen=True):
    """What the poll keeps of one payout: Shopify's own words, put together from its pages."""

    payout: Payout
    transactions: tuple[BalanceTransaction, ...]
