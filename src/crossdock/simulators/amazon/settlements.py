"""What Amazon pays out: settlements made of the seller's own books, told as reports that lie ready to be fetched.

Amazon's rules: only what has shipped is paid; a tenth is kept as a reserve, which the next settlement gives free; fees
stand in rows of their own; tax that Amazon remits is told with what the buyer paid, and taken off again.
"""

import base64
import gzip
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crossdock.simulators.amazon.books import Item, Order, Refusal, SellerBooks
from crossdock.simulators.amazon.marketplaces import ON_TOP, printed
from crossdock.simulators.amazon.views import instant

TYPE = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
COLUMNS = (
    "settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency",
    "transaction-type", "order-id", "merchant-order-id", "adjustment-id", "shipment-id", "marketplace-name",
    "amount-type", "amount-description", "amount", "fulfillment-id", "posted-date", "posted-date-time",
    "order-item-code", "merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased",
)  # fmt: skip
URL_LIFE = timedelta(minutes=5)
REFERRAL, FBA_UNIT, SUBSCRIPTION = 1500, 322, 3999  # per 10,000; minor units
_DOCUMENT = re.compile(r"/report-documents/([^/]+)")


class Refunded(msgspec.Struct, frozen=True):
    order_id: str
    item_id: str
    principal: int


class Settled(msgspec.Struct):
    """One settlement with its report."""

    id: str
    report_id: str
    document_id: str
    made_at: datetime
    currency: str
    total: int
    fees: int
    rows: int
    text: bytes
    packed: bool


class Row(msgspec.Struct, frozen=True):
    event: str
    type: str
    description: str
    amount: int
    order: Order | None = None
    item: Item | None = None


class SettlementDesk:
    """Makes settlements when told to. ``documents_url``: where reports are fetched from."""

    def __init__(self, books: SellerBooks, now: Callable[[], datetime], documents_url: str) -> None:
        self.books, self.now, self.documents_url = books, now, documents_url
        self.made: list[Settled] = []
        self.refunds: list[Refunded] = []
        self.tokens_come_round = False
        self._paid: set[str] = set()
        self._reserve: dict[str, int] = {}
        self._urls: dict[str, tuple[str, datetime]] = {}

    def refund(self, order_id: str, principal: int | None) -> None:
        """Give a buyer money back on the first item; settled with the next settlement. Raises ``Refusal``."""
        order = self.books.orders[order_id]
        item = order.items[0]
        most = item.unit * item.wanted - item.discount
        given = most if principal is None else principal
        if not 0 < given <= most - sum(one.principal for one in self.refunds if one.item_id == item.id):
            raise Refusal(f"Order {order_id} cannot be refunded {given}.")
        self.refunds.append(Refunded(order_id, item.id, given))

    def settle(self, args: Mapping[str, Any]) -> Settled:
        """Pay out what has shipped in one currency. ``reserve`` (true), ``unknown`` (minor units of a row of a kind
        nobody knows), ``packed`` (GZIP), ``decimal`` ("," as in Europe), ``off`` (minor units that the total is off).
        """
        due = [one for one in self.books.orders.values() if one.id not in self._paid and one.status == "SHIPPED"]
        currency = str(args.get("currency") or (due[0].marketplace.currency if due else "USD"))
        due = [one for one in due if one.marketplace.currency == currency]
        rows = [row for order in due for item in order.items for row in _sold(order, item)]
        rows += [row for refund in self.refunds for row in self._refunded(refund)]
        rows.append(Row("ServiceFee", "Subscription", "Subscription", -SUBSCRIPTION))
        if unknown := int(args.get("unknown", 0)):
            rows.append(Row("other-transaction", "other-transaction", "Lunar Rebate", unknown))
        rows += self._reserves(rows, currency, keep=bool(args.get("reserve", True)))
        self._paid |= {order.id for order in due}
        self.refunds.clear()
        return self._report(rows, currency, args)

    def _refunded(self, refund: Refunded) -> list[Row]:
        order = self.books.orders[refund.order_id]
        item = order.item(refund.item_id)
        back = refund.principal * REFERRAL // 10_000
        return [
            Row("Refund", "ItemPrice", "Principal", -refund.principal, order, item),
            Row("Refund", "ItemFees", "Commission", back, order, item),
            Row("Refund", "ItemFees", "RefundCommission", -(back // 5), order, item),
        ]

    def _reserves(self, rows: Iterable[Row], currency: str, *, keep: bool) -> list[Row]:
        found, before = [], self._reserve.pop(currency, 0)
        kept = max(0, sum(row.amount for row in rows) // 10) if keep else 0
        if before:
            found.append(Row("other-transaction", "other-transaction", "Previous Reserve Amount Balance", before))
        if kept:
            self._reserve[currency] = kept
            found.append(Row("other-transaction", "other-transaction", "Current Reserve Amount", -kept))
        return found

    def _report(self, rows: list[Row], currency: str, args: Mapping[str, Any]) -> Settled:
        number = len(self.made) + 1
        total = sum(row.amount for row in rows)
        fees = sum(row.amount for row in rows if row.type in ("ItemFees", "Subscription"))
        settlement_id = str(11_000_000_000 + number)
        told = _Told(settlement_id, currency, self.now(), str(args.get("decimal", ".")))
        text = told.text(total + int(args.get("off", 0)), rows)
        packed = bool(args.get("packed", False))
        document_id = f"amzn1.spdoc.1.4.na.{number:08d}"
        body = gzip.compress(text, mtime=0) if packed else text
        made = Settled(settlement_id, f"{50_000 + number}", document_id, self.now(), currency, total, fees, len(rows),
                       body, packed)  # fmt: skip
        self.made.append(made)
        return made

    def reports(self, query: Mapping[str, str]) -> dict[str, Any]:
        """``getReports``: the newest first. A token of the page before goes alone."""
        token = query.get("nextToken")
        if token is not None:
            if set(query) != {"nextToken"}:
                raise Refusal("NextToken cannot be combined with other parameters.")
            asked = _opened(token)
        else:
            if query.get("reportTypes") != TYPE:
                return {"reports": []}
            asked = {"since": query.get("createdSince", ""), "size": query.get("pageSize", "10"), "from": "0"}
        since = datetime.fromisoformat(asked["since"].replace("Z", "+00:00"))
        found = sorted((one for one in self.made if one.made_at >= since), key=lambda one: one.report_id, reverse=True)
        start, size = int(asked["from"]), int(asked["size"])
        shown = found[start : start + size]
        answer: dict[str, Any] = {"reports": [_listed(one) for one in shown]}
        if start + size < len(found) or self.tokens_come_round:
            following = start if self.tokens_come_round else start + size
            answer["nextToken"] = _closed({**asked, "from": str(following)})
        return answer

    def document(self, document_id: str, random: Any) -> dict[str, Any]:
        """``getReportDocument``: an address that is good for five minutes."""
        found = next((one for one in self.made if one.document_id == document_id), None)
        if found is None:
            raise Refusal(f"Document {document_id} not found.", "NotFound", 404)
        key = f"{random.getrandbits(96):024x}"
        self._urls[key] = (document_id, self.now() + URL_LIFE)
        answer = {"reportDocumentId": document_id, "url": f"{self.documents_url}/report-documents/{key}"}
        return {**answer, "compressionAlgorithm": "GZIP"} if found.packed else answer

    def fetch(self, path: str) -> bytes | None:
        """What lies at a presigned address; None for another path, or one whose time is over."""
        match = _DOCUMENT.fullmatch(path)
        document_id, ends = self._urls.get(match[1], ("", self.now())) if match else ("", self.now())
        if ends <= self.now():
            return None
        return next((one.text for one in self.made if one.document_id == document_id), None)

    def told(self) -> list[dict[str, Any]]:
        """JSON-ready, for whoever compares books."""
        return [
            {"id": one.id, "total": printed(one.total, one.currency), "fees": printed(one.fees, one.currency),
             "currency": one.currency, "rows": one.rows}
            for one in self.made
        ]  # fmt: skip


def _sold(order: Order, item: Item) -> list[Row]:
    """What the buyer paid for an item, what Amazon keeps of it, and the tax that it remits itself."""
    taxes = order.taxes(item)
    names = {
        "ITEM": ("Principal", "Tax"),
        "SHIPPING": ("Shipping", "ShippingTax"),
        "GIFT_WRAP": ("GiftWrap", "GiftWrapTax"),
    }
    gross = {"ITEM": item.unit * item.wanted, "SHIPPING": item.shipping, "GIFT_WRAP": item.gift_wrap}
    rows = []
    for part, (name, tax_name) in names.items():
        if gross[part]:
            rows.append(Row("Order", "ItemPrice", name, gross[part], order, item))
        if order.tax == ON_TOP and taxes.get(part):
            rows.append(Row("Order", "ItemPrice", tax_name, taxes[part], order, item))
            if order.marketplace.facilitator:
                withheld = f"MarketplaceFacilitatorTax-{name}"
                rows.append(Row("Order", "ItemWithheldTax", withheld, -taxes[part], order, item))
    for name, off in (("Principal", item.discount), ("Shipping", item.shipping_discount)):
        if off:
            rows.append(Row("Order", "Promotion", name, -off, order, item))
    rows.append(Row("Order", "ItemFees", "Commission", -(gross["ITEM"] * REFERRAL // 10_000), order, item))
    if order.afn:
        rows.append(Row("Order", "ItemFees", "FBAPerUnitFulfillmentFee", -FBA_UNIT * item.wanted, order, item))
    return rows


class _Told(msgspec.Struct, frozen=True):
    """One report being written."""

    id: str
    currency: str
    at: datetime
    decimal: str

    def text(self, total: int, rows: list[Row]) -> bytes:
        starts = self.at - timedelta(days=14)
        head = {
            "settlement-id": self.id,
            "settlement-start-date": self._instant(starts),
            "settlement-end-date": self._instant(self.at),
            "deposit-date": self._instant(self.at),
            "total-amount": self._amount(total),
            "currency": self.currency,
        }
        lines = [COLUMNS, self._cells(head), *(self._cells(self._row(row)) for row in rows)]
        return ("\n".join("\t".join(line) for line in lines) + "\n").encode()

    def _cells(self, told: Mapping[str, str]) -> list[str]:
        return [told.get(name, "") for name in COLUMNS]

    def _row(self, row: Row) -> dict[str, str]:
        told = {
            "settlement-id": self.id,
            "transaction-type": row.event,
            "amount-type": row.type,
            "amount-description": row.description,
            "amount": self._amount(row.amount),
            "posted-date": f"{self.at:%Y-%m-%d}",
            "posted-date-time": self._instant(self.at),
        }
        if row.order is not None:
            told["order-id"] = told["merchant-order-id"] = row.order.id
            told["marketplace-name"] = row.order.marketplace.name
            told["fulfillment-id"] = "AFN" if row.order.afn else "MFN"
        if row.item is not None:
            told |= {"order-item-code": row.item.id, "sku": row.item.sku, "quantity-purchased": str(row.item.wanted)}
        return told

    def _amount(self, minor: int) -> str:
        return printed(minor, self.currency).replace(".", self.decimal)

    def _instant(self, at: datetime) -> str:
        """European files write days with dots."""
        return f"{at:%d.%m.%Y %H:%M:%S} UTC" if self.decimal == "," else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _listed(one: Settled) -> dict[str, Any]:
    return {
        "reportId": one.report_id,
        "reportType": TYPE,
        "createdTime": instant(one.made_at),
        "processingStatus": "DONE",
        "reportDocumentId": one.document_id,
    }


def _closed(asked: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(asked)).decode()


def _opened(token: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=dict[str, str])
    except (msgspec.DecodeError, ValueError):
        raise Refusal("Invalid nextToken.") from None
