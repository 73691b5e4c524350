"""The shop's books as GraphQL sees them: each function turns a record into typed fields."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.shopify import carrying, metafields, paying, returning
from crossdock.simulators.shopify.books import Fulfilment, FulfilmentOrder, ShopBooks, Subscription
from crossdock.simulators.shopify.language import connection
from crossdock.simulators.shopify.paying import Receipt
from crossdock.simulators.shopify.refunding import sale_id

Record = Mapping[str, Any]
_FULFILMENT = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


def instant(told: str | None) -> str | None:
    """GraphQL tells instants in UTC with a Z, webhooks with the shop's offset."""
    return f"{datetime.fromisoformat(told).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if told else None


def _money(told: Record) -> dict[str, Any]:
    amount = Decimal(told["amount"]).normalize()
    text = f"{amount:f}"
    return {
        "__typename": "MoneyV2",
        "amount": text if "." in text else f"{text}.0",
        "currencyCode": told["currency_code"],
    }


def bag(told: Record | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "__typename": "MoneyBag",
        "shopMoney": _money(told["shop_money"]),
        "presentmentMoney": _money(told["presentment_money"]),
    }


def _taxes(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "__typename": "TaxLine",
            "title": tax["title"],
            "rate": tax["rate"],
            "channelLiable": tax["channel_liable"],
            "priceSet": bag(tax["price_set"]),
        }
        for tax in lines
    ]


def _application(told: Record) -> dict[str, Any]:
    if told["type"] == "discount_code":
        return {"__typename": "DiscountCodeApplication", "code": told["code"]}
    kinds = {"automatic": "AutomaticDiscountApplication", "manual": "ManualDiscountApplication"}
    return {"__typename": kinds[told["type"]], "title": told["title"]}


def _allocations(line: Record, order: Record) -> list[dict[str, Any]]:
    return [
        {
            "__typename": "DiscountAllocation",
            "allocatedAmountSet": bag(share["amount_set"]),
            "discountApplication": _application(order["discount_applications"][share["discount_application_index"]]),
        }
        for share in line.get("discount_allocations") or ()
    ]


def line_item(line: Record, order: Record) -> dict[str, Any]:
    product = line.get("product_id")
    return {
        "__typename": "LineItem",
        "id": f"gid://shopify/LineItem/{line['id']}",
        "name": line["name"],
        "title": line["title"],
        "quantity": line["quantity"],
        "currentQuantity": line["current_quantity"],
        "unfulfilledQuantity": line.get("fulfillable_quantity", line["current_quantity"]),
        "sku": line["sku"],
        "isGiftCard": line["gift_card"],
        "requiresShipping": line["requires_shipping"],
        "product": {"__typename": "Product", "id": f"gid://shopify/Product/{product}"} if product else None,
        "originalUnitPriceSet": bag(line["price_set"]),
        "taxLines": _taxes(line.get("tax_lines") or []),
        "discountAllocations": _allocations(line, order),
        "duties": [
            {
                "__typename": "Duty",
                "id": f"gid://shopify/Duty/{duty['id']}",
                "price": bag(duty),
                "taxLines": _taxes(duty["tax_lines"]),
            }
            for duty in line.get("duties") or ()
        ],
    }


def _goods(line: Record) -> bool:
    """What adds to the subtotal: neither a tip nor a gift card."""
    return line["name"] != "Tip" and not line["gift_card"]


def _shipping_line(line: Record, order: Record) -> dict[str, Any]:
    return {
        "__typename": "ShippingLine",
        "id": f"gid://shopify/ShippingLine/{line['id']}",
        "title": line["title"],
        "code": line["code"],
        "isRemoved": line["is_removed"],
        "originalPriceSet": bag(line["price_set"]),
        "taxLines": _taxes(line.get("tax_lines") or []),
        "discountAllocations": _allocations(line, order),
    }


def _address(told: Record | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "__typename": "MailingAddress",
        "name": told["name"],
        "firstName": told["first_name"],
        "lastName": told["last_name"],
        "company": told["company"],
        "address1": told["address1"],
        "address2": told["address2"],
        "city": told["city"],
        "province": told["province"],
        "provinceCode": told["province_code"],
        "zip": told["zip"],
        "countryCodeV2": told["country_code"],
        "phone": told["phone"],
    }


def _customer(told: Record | None) -> dict[str, Any] | None:
    if told is None:
        return None
    email, phone = told["email"], told["phone"]
    return {
        "__typename": "Customer",
        "id": f"gid://shopify/Customer/{told['id']}",
        "firstName": told["first_name"],
        "lastName": told["last_name"],
        "defaultEmailAddress": {"__typename": "CustomerEmailAddress", "emailAddress": email} if email else None,
        "defaultPhoneNumber": {"__typename": "CustomerPhoneNumber", "phoneNumber": phone} if phone else None,
    }


def order(told: Record, books: ShopBooks) -> dict[str, Any]:
    """An order with everything that hangs on it."""
    tips = {
        "shop_money": {"amount": told["total_tip_received"], "currency_code": told["currency"]},
        "presentment_money": {"amount": told["total_tip_received"], "currency_code": told["presentment_currency"]},
    }
    tip = next((line["price_set"] for line in told["line_items"] if line["name"] == "Tip"), tips)
    rounding = {
        "__typename": "CashRoundingAdjustment",
        "paymentSet": bag(told["total_cash_rounding_payment_adjustment_set"]),
    }
    return {
        **_order_head(told),
        "totalPriceSet": bag(told["total_price_set"]),
        "currentTotalPriceSet": bag(told.get("current_total_price_set") or told["total_price_set"]),
        "totalDiscountsSet": bag(told["total_discounts_set"]),
        "totalTaxSet": bag(told["total_tax_set"]),
        "totalOutstandingSet": bag(paying.outstanding_set(books, told)),
        "totalRefundedSet": bag(paying.refunded_set(told)),
        "totalTipReceivedSet": bag(tip),
        "originalTotalAdditionalFeesSet": bag(told["original_total_additional_fees_set"]),
        "totalCashRoundingAdjustment": rounding,
        "customer": _customer(told.get("customer")),
        "billingAddress": _address(told.get("billing_address")),
        "shippingAddress": _address(told.get("shipping_address")),
        "shippingLines": connection(
            "ShippingLineConnection", [_shipping_line(s, told) for s in told["shipping_lines"]]
        ),
        "refunds": lambda arguments: [refund(one) for one in told["refunds"]][: arguments.get("first")],
        "returns": connection(
            "ReturnConnection", [returning.view(one) for one in books.returns.values() if one.order_id == told["id"]]
        ),
        "metafield": lambda arguments: metafields.shown(books, {"ownerId": told["id"], **arguments}),
        "transactions": lambda arguments: _transactions(told, books)[: arguments.get("first")],
        "lineItems": connection("LineItemConnection", [line_item(line, told) for line in told["line_items"]]),
        "fulfillments": lambda arguments: [fulfilment(one, books) for one in books.fulfilments_of(told["id"])][
            : arguments.get("first")
        ],
        "fulfillmentOrders": connection(
            "FulfillmentOrderConnection",
            [fulfilment_order(one, books) for one in books.fulfilment_orders_of(told["id"])],
        ),
    }


def refund(told: Record) -> dict[str, Any]:
    """A refund with its parts: shipping and discrepancies lie in lists of their own here."""
    lines = [_refunded_line(row) for row in told["refund_line_items"]]
    apart = {
        kind: [one for one in told["order_adjustments"] if one["kind"] == kind]
        for kind in ("shipping_refund", "refund_discrepancy")
    }
    return {
        "__typename": "Refund",
        "id": f"gid://shopify/Refund/{told['id']}",
        "createdAt": instant(told["created_at"]),
        "processedAt": instant(told["processed_at"]),
        "note": told["note"],
        "duties": [],
        "refundLineItems": connection("RefundLineItemConnection", lines),
        "refundShippingLines": connection(
            "RefundShippingLineConnection", [_refunded_shipping(one) for one in apart["shipping_refund"]]
        ),
        "orderAdjustments": connection(
            "OrderAdjustmentConnection", [_adjustment(one) for one in apart["refund_discrepancy"]]
        ),
        "transactions": connection("OrderTransactionConnection", [_transaction(one) for one in told["transactions"]]),
    }


def _refunded_line(row: Record) -> dict[str, Any]:
    return {
        "__typename": "RefundLineItem",
        "quantity": row["quantity"],
        "restockType": row["restock_type"].upper(),
        "lineItem": {"__typename": "LineItem", "id": f"gid://shopify/LineItem/{row['line_item_id']}"},
        "subtotalSet": bag(row["subtotal_set"]),
        "totalTaxSet": bag(row["total_tax_set"]),
    }


def _refunded_shipping(told: Record) -> dict[str, Any]:
    return {
        "__typename": "RefundShippingLine",
        "subtotalAmountSet": bag(_turned(told["amount_set"])),
        "taxAmountSet": bag(_turned(told["tax_amount_set"])),
    }


def _turned(told: Record) -> Record:
    """The opposite amount: here given shipping is positive."""
    return {side: {**money, "amount": f"{Decimal(0) - Decimal(money['amount']):f}"} for side, money in told.items()}


def _adjustment(told: Record) -> dict[str, Any]:
    return {
        "__typename": "OrderAdjustment",
        "reason": "REFUND_DISCREPANCY",
        "amountSet": bag(told["amount_set"]),
        "taxAmountSet": bag(told["tax_amount_set"]),
    }


def _transactions(told: Record, books: ShopBooks) -> list[dict[str, Any]]:
    """Every payment, and what went back of it."""
    sales = [_sale(told, one) for one in books.receipts.get(told["id"], ())]
    if not sales:
        return []
    back = [
        {**_transaction(one), "createdAt": each["created_at"], "processedAt": each["processed_at"]}
        for each in told["refunds"]
        for one in each["transactions"]
    ]
    parent = {"__typename": "OrderTransaction", "id": sale_id(dict(told))}
    return [*sales, *({**one, "parentTransaction": parent} for one in back)]


def _sale(told: Record, receipt: Receipt) -> dict[str, Any]:
    currencies = {"shop_money": told["currency"], "presentment_money": told["presentment_currency"]}
    sides = {side: {"amount": receipt.sides[side], "currency_code": code} for side, code in currencies.items()}
    return {
        "__typename": "OrderTransaction",
        "id": f"gid://shopify/OrderTransaction/{receipt.id}",
        "kind": receipt.kind,
        "status": "SUCCESS",
        "gateway": (told["payment_gateway_names"] or ["manual"])[0],
        "createdAt": f"{receipt.at:%Y-%m-%dT%H:%M:%S}+00:00",
        "processedAt": f"{receipt.at:%Y-%m-%dT%H:%M:%S}+00:00",
        "amountSet": bag(sides),
        "parentTransaction": None,
    }


def _transaction(told: Record) -> dict[str, Any]:
    return {
        "__typename": "OrderTransaction",
        "id": f"gid://shopify/OrderTransaction/{told['id']}",
        "kind": told["kind"].upper(),
        "status": told["status"].upper(),
        "gateway": told["gateway"],
        "amountSet": bag(told["sides"]),
    }


def _order_head(told: Record) -> dict[str, Any]:
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{told['id']}",
        "name": told["name"],
        "createdAt": instant(told["created_at"]),
        "processedAt": instant(told["processed_at"]),
        "updatedAt": instant(told["updated_at"]),
        "currencyCode": told["currency"],
        "presentmentCurrencyCode": told["presentment_currency"],
        "taxesIncluded": told["taxes_included"],
        "dutiesIncluded": told["duties_included"],
        "test": told["test"],
        "confirmed": told["confirmed"],
        "displayFinancialStatus": told["financial_status"].upper(),
        "cancelledAt": instant(told["cancelled_at"]),
        "displayFulfillmentStatus": _FULFILMENT[told.get("fulfillment_status")],
        "currentSubtotalLineItemsQuantity": sum(
            line["current_quantity"] for line in told["line_items"] if _goods(line)
        ),
        "cancelReason": told["cancel_reason"].upper() if told["cancel_reason"] else None,
        "email": told["email"],
        "phone": told["phone"],
        "note": told["note"],
        "tags": [tag for tag in told["tags"].split(", ") if tag],
        "poNumber": told["po_number"],
        "sourceName": told["source_name"],
        "paymentGatewayNames": told["payment_gateway_names"],
    }


def fulfilment_order(told: FulfilmentOrder, books: ShopBooks) -> dict[str, Any]:
    parent = books.orders[told.order_id]
    by_id = {line["id"]: line for line in parent["line_items"]}
    lines = [
        {
            "__typename": "FulfillmentOrderLineItem",
            "id": f"gid://shopify/FulfillmentOrderLineItem/{line.id}",
            "remainingQuantity": line.remaining,
            "lineItem": line_item(by_id[line.line_id], parent),
        }
        for line in told.lines
    ]
    return {
        "__typename": "FulfillmentOrder",
        "id": f"gid://shopify/FulfillmentOrder/{told.id}",
        "status": told.status,
        "orderId": f"gid://shopify/Order/{told.order_id}",
        "assignedLocation": {
            "__typename": "FulfillmentOrderAssignedLocation",
            "location": {"__typename": "Location", "id": f"gid://shopify/Location/{told.location_id}"},
        },
        "lineItems": connection("FulfillmentOrderLineItemConnection", lines),
    }


def fulfilment(told: Fulfilment, books: ShopBooks) -> dict[str, Any]:
    parent = books.orders[told.order_id]
    by_id = {line["id"]: line for line in parent["line_items"]}
    lines = [
        {"__typename": "FulfillmentLineItem", "quantity": quantity, "lineItem": line_item(by_id[line_id], parent)}
        for line_id, quantity in told.lines
    ]
    pairs = list(zip(told.numbers, [*told.urls, *[None] * len(told.numbers)], strict=False))
    tracking = [
        {"__typename": "FulfillmentTrackingInfo", "number": number, "url": url, "company": told.company}
        for number, url in pairs
    ]
    return {
        "__typename": "Fulfillment",
        "id": f"gid://shopify/Fulfillment/{told.id}",
        "status": told.status,
        "createdAt": f"{told.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "trackingInfo": lambda arguments: tracking[: arguments.get("first")],
        "fulfillmentLineItems": connection("FulfillmentLineItemConnection", lines),
        "events": carrying.listed(told),
    }


def subscription(told: Subscription) -> dict[str, Any]:
    return {
        "__typename": "WebhookSubscription",
        "id": f"gid://shopify/WebhookSubscription/{told.id}",
        "topic": told.topic,
        "uri": told.uri,
    }
