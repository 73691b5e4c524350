"""Shopify Payments: what each order and refund did to the shop's balance, and payouts made of it.

The vendor's rules: a charge pays 2.9 % and 30 cents at once, a refund gives no fee back, a payout takes every
transaction that is in none yet, and its own transfer stands among them with the opposite sign.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from crossdock.simulators.shopify.books import ShopBooks
from crossdock.simulators.shopify.language import GraphError, connection

ZERO = Decimal(0)
RATE, FIXED = Decimal("0.029"), Decimal("0.30")
_SINCE = re.compile(r"issued_at:(>=|<=)'([^']+)'")
_OF_PAYOUT = re.compile(r"payments_transfer_id:(\d+)\Z")


class Transaction(msgspec.Struct):
    id: int
    type: str
    amount: Decimal
    fee: Decimal
    at: datetime
    order_id: int | None = None
    payment_id: int | None = None  # the order's transaction
    payout: int | None = None


class Payout(msgspec.Struct):
    id: int
    issued_at: datetime
    net: Decimal
    status: str


class Payments:
    """The shop's balance in its one currency. Orders are charged, and refunds taken, when somebody looks."""

    def __init__(self, books: ShopBooks, currency: str) -> None:
        self.books, self.currency = books, currency
        self.activated = True  # a shop without Shopify Payments has no account
        self.transactions: list[Transaction] = []
        self.payouts: dict[int, Payout] = {}
        self._entered: set[tuple[str, int]] = set()

    def enter(self) -> None:
        """Take what orders and refunds did since the last time."""
        for order in list(self.books.orders.values()):
            if order["test"]:
                continue  # no money moves
            if "gift_card" not in order["payment_gateway_names"]:
                for one in self.books.receipts.get(order["id"], ()):
                    self._once("CHARGE", one.id, one.sides["shop_money"], order["id"], None)
            for refund in order["refunds"]:
                for one in refund["transactions"]:
                    if one["gateway"] == "shopify_payments":
                        amount = -Decimal(one["sides"]["shop_money"]["amount"])
                        self._once("REFUND", one["id"], amount, order["id"], one["id"])

    def _once(self, kind: str, subject: int, amount: Decimal, order_id: int, payment_id: int | None) -> None:
        if (kind, subject) in self._entered:
            return
        self._entered.add((kind, subject))
        fee = self._cents(amount * RATE + FIXED) if kind == "CHARGE" else ZERO
        self._add(kind, amount, fee, order_id, payment_id)

    def _add(self, kind: str, amount: Decimal, fee: Decimal, order_id: int | None, payment_id: int | None) -> None:
        made = Transaction(self.books.fresh_id(), kind, amount, fee, self.books.now(), order_id, payment_id)
        self.transactions.append(made)

    def _cents(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)

    def pay_out(self, extra: Mapping[str, Decimal], status: str) -> Payout:
        """Everything that is in no payout yet, and lines of ``extra``: reserve, adjustment, unknown."""
        self.enter()
        if reserve := extra.get("reserve"):
            self._add("RESERVED_FUNDS" if reserve > 0 else "RESERVED_FUNDS_REVERSAL", -reserve, ZERO, None, None)
        if adjustment := extra.get("adjustment"):
            self._add("ADJUSTMENT", adjustment, ZERO, None, None)
        if unknown := extra.get("unknown"):
            self._add("MOON_TAX_REBATE", unknown, ZERO, None, None)
        taken = [one for one in self.transactions if one.payout is None]
        net = sum((one.amount - one.fee for one in taken), ZERO)
        payout = Payout(self.books.fresh_id(), self.books.now(), net, status)
        self._add("TRANSFER", -net, ZERO, None, None)
        for one in (*taken, self.transactions[-1]):
            one.payout = payout.id
        self.payouts[payout.id] = payout
        return payout

    def settle(self, payout_id: int, status: str) -> None:
        """The bank's word on a payout. What is in one that failed goes into the next."""
        self.payouts[payout_id].status = status
        if status == "FAILED":
            for one in self._of(payout_id):
                one.payout = None

    def told(self) -> list[dict[str, Any]]:
        """JSON-ready, for whoever compares books."""
        return [
            {
                "id": str(payout.id),
                "net": str(payout.net),
                "status": payout.status,
                "fees": str(sum((one.fee for one in self._of(payout.id)), ZERO)),
                "gross": str(sum((one.amount for one in self._of(payout.id)), ZERO)),
                "lines": len(self._of(payout.id)),
            }
            for payout in self.payouts.values()
        ]

    def _of(self, payout_id: int) -> list[Transaction]:
        return [one for one in self.transactions if one.payout == payout_id and one.type != "TRANSFER"]

    def money(self, amount: Decimal) -> dict[str, Any]:
        return {"__typename": "MoneyV2", "amount": str(amount), "currencyCode": self.currency}


def account(payments: Payments) -> dict[str, Any]:
    """``shopifyPaymentsAccount``, as it is asked."""
    return {
        "__typename": "ShopifyPaymentsAccount",
        "payouts": lambda a: _payouts(payments, a),
        "balanceTransactions": lambda a: _transactions(payments, a),
    }


def _payouts(payments: Payments, a: Mapping[str, Any]) -> dict[str, Any]:
    bounds = [
        (sign, datetime.fromisoformat(at.replace("Z", "+00:00"))) for sign, at in _SINCE.findall(a.get("query") or "")
    ]
    if a.get("sortKey") != "ISSUED_AT" or not bounds:
        raise GraphError("this simulator lists payouts by ISSUED_AT, within bounds of issued_at", "BAD_REQUEST")
    found = [
        payout
        for payout in sorted(payments.payouts.values(), key=lambda one: (one.issued_at, one.id))
        if all(payout.issued_at >= at if sign == ">=" else payout.issued_at <= at for sign, at in bounds)
    ]
    return connection("ShopifyPaymentsPayoutConnection", [_payout(payments, one) for one in found])(a)


def _payout(payments: Payments, payout: Payout) -> dict[str, Any]:
    return {
        "__typename": "ShopifyPaymentsPayout",
        "id": f"gid://shopify/ShopifyPaymentsPayout/{payout.id}",
        "legacyResourceId": str(payout.id),
        "issuedAt": _instant(payout.issued_at),
        "status": payout.status,
        "transactionType": "WITHDRAWAL" if payout.net < 0 else "DEPOSIT",
        "net": payments.money(payout.net),
    }


def _transactions(payments: Payments, a: Mapping[str, Any]) -> dict[str, Any]:
    asked = _OF_PAYOUT.match(a.get("query") or "")
    if asked is None:
        raise GraphError("this simulator lists balance transactions of one payout", "BAD_REQUEST")
    payments.enter()
    found = [
        one
        for one in payments.transactions
        if one.payout == int(asked[1]) and not (a.get("hideTransfers") and one.type == "TRANSFER")
    ]
    return connection("ShopifyPaymentsBalanceTransactionConnection", [_shown(payments, one) for one in found])(a)


def _shown(payments: Payments, one: Transaction) -> dict[str, Any]:
    order = payments.books.orders.get(one.order_id or -1)
    gid = f"gid://shopify/Order/{one.order_id}"
    named = {"__typename": "ShopifyPaymentsAssociatedOrder", "id": gid, "name": order["name"]} if order else None
    payout = f"gid://shopify/ShopifyPaymentsPayout/{one.payout}"
    return {
        "__typename": "ShopifyPaymentsBalanceTransaction",
        "id": f"gid://shopify/ShopifyPaymentsBalanceTransaction/{one.id}",
        "type": one.type,
        "sourceType": {"CHARGE": "CHARGE", "REFUND": "REFUND", "TRANSFER": "TRANSFER"}.get(one.type, "ADJUSTMENT"),
        "sourceOrderTransactionId": None if one.payment_id is None else str(one.payment_id),
        "transactionDate": _instant(one.at),
        "adjustmentReason": None,
        "amount": payments.money(one.amount),
        "fee": payments.money(one.fee),
        "net": payments.money(one.amount - one.fee),
        "associatedOrder": named,
        "associatedPayout": {"__typename": "ShopifyPaymentsBalanceTransactionAssociatedPayout", "id": payout},
    }


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
