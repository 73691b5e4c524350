"""An order as the Orders API 2026-01-01 shows it, by the datasets that were asked for and the roles the app holds."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from crossdock.simulators.amazon.books import Item, Order, Package
from crossdock.simulators.amazon.marketplaces import printed

DATASETS = frozenset(
    {"BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX"}
    | {"PAYMENT", "FULFILLMENT_ORDERS"}
)
_PENDING = ("PENDING", "PENDING_AVAILABILITY")
_V0 = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Canceled",
}


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def order(told: Order, included: Collection[str], roles: Collection[str]) -> dict[str, Any]:
    """Personal data is left out without a word where the role for it is not granted, and while an order is pending."""
    place = told.marketplace
    shown: dict[str, Any] = {
        "orderId": told.id,
        "createdTime": instant(told.created_at),
        "lastUpdatedTime": instant(told.updated_at),
        "programs": list(told.programs),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": place.id, "marketplaceName": place.name},
        "orderItems": [_item(told, item, included) for item in told.items],
    }
    if told.replaces:
        shown["associatedOrders"] = [{"orderId": told.replaces, "associationType": "REPLACEMENT_ORIGINAL_ID"}]
    ready = told.status not in _PENDING
    if "BUYER" in included and "BUYER" in roles and ready:
        shown["buyer"] = {name: text for name, text in told.buyer.items() if not told.afn or name != "buyerEmail"}
    if "RECIPIENT" in included and "RECIPIENT" in roles and ready:
        address = {name: text for name, text in told.address.items() if not told.afn or name != "phone"}
        shown["recipient"] = {"deliveryAddress": address}
    if "PROCEEDS" in included and ready:
        shown["proceeds"] = _proceeds(told)
    if "PAYMENT" in included and ready:
        shown["payment"] = _payment(told)
    if "FULFILLMENT" in included:
        shown["fulfillment"] = {
            "fulfillmentStatus": told.status,
            "fulfilledBy": "AMAZON" if told.afn else "MERCHANT",
            "fulfillmentServiceLevel": told.service_level,
        }
        for name, latest in (("shipByWindow", told.ship_by), ("deliverByWindow", told.deliver_by)):
            if latest is not None:
                shown["fulfillment"][name] = {"latestDateTime": instant(latest)}
    if "PACKAGES" in included and not told.afn:
        shown["packages"] = [_package(package) for package in told.packages]
    return shown


def _money(minor: int, told: Order) -> dict[str, str]:
    return {"amount": printed(minor, told.marketplace.currency), "currencyCode": told.marketplace.currency}


def _proceeds(told: Order) -> dict[str, Any]:
    sums: dict[str, int] = {}
    for item in told.items:
        for name, minor in told.money(item).items():
            sums[name] = sums.get(name, 0) + minor
    rows = [{"type": name, "subtotal": _money(minor, told)} for name, minor in sums.items() if minor]
    if told.tip:
        rows.append({"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": _money(told.tip, told)})
    return {"grandTotal": _money(told.total(), told), "breakdowns": rows}


def _payment(told: Order) -> dict[str, Any]:
    method = "CashOnDelivery" if told.cash_on_delivery else "Other"
    return {"paymentExecutions": [{"paymentMethod": method, "paymentAmount": _money(told.total(), told)}]}


def _item(told: Order, item: Item, included: Collection[str]) -> dict[str, Any]:
    product: dict[str, Any] = {"asin": f"B0{item.sku[-4:].rjust(8, '0')}", "title": item.title, "sellerSku": item.sku}
    shown: dict[str, Any] = {"orderItemId": item.id, "quantityOrdered": item.quantity, "product": product}
    if told.status not in _PENDING:
        product["price"] = {"unitPrice": _money(item.unit, told)}
        if "PROCEEDS" in included:
            shown["proceeds"] = {
                "proceedsTotal": _money(told.item_total(item), told),
                "breakdowns": _breakdowns(told, item),
            }
        if "TAX" in included and told.marketplace.facilitator:
            party = "Amazon Services, Inc."
            shown["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": party}]}
    if "PROMOTION" in included and item.promotion:
        shown["promotion"] = {"breakdowns": [{"promotionId": item.promotion}]}
    if "CANCELLATION" in included:
        shown |= _cancellation(told, item)
    if "FULFILLMENT" in included:
        gone = told.status == "CANCELLED"
        fulfillment: dict[str, Any] = {
            "quantityFulfilled": item.shipped,
            "quantityUnfulfilled": 0 if gone else item.wanted - item.shipped,
        }
        if item.gift_message:
            gift = {"giftMessage": item.gift_message, "giftWrapLevel": "PREMIUM"}
            fulfillment["packing"] = {"giftOption": gift}
        shown["fulfillment"] = fulfillment
    return shown


def _cancellation(told: Order, item: Item) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if item.cancel_requested:
        found["cancellationRequest"] = {"requester": "BUYER", "cancelReason": "Ordered by mistake"}
    if by := told.cancelled_by or item.cancelled_by:
        found["cancellationExecution"] = {"cancelledBy": by, "cancelReason": "No longer wanted"}
    return {"cancellation": found} if found else {}


def _breakdowns(told: Order, item: Item) -> list[dict[str, Any]]:
    details = {
        "TAX": told.taxes(item),
        "DISCOUNT": {"ITEM": -item.discount, "SHIPPING": -item.shipping_discount},
    }
    rows = []
    for name, minor in told.money(item).items():
        if not minor and name != "ITEM":
            continue
        row: dict[str, Any] = {"type": name, "subtotal": _money(minor, told)}
        if name in details:
            row["detailedBreakdowns"] = [
                {"subtype": subtype, "value": _money(value, told)} for subtype, value in details[name].items() if value
            ]
        rows.append(row)
    return rows


def _package(package: Package) -> dict[str, Any]:
    shown = {
        "packageReferenceId": package.reference,
        "createdTime": instant(package.created_at),
        "packageStatus": {"status": package.status},
        "carrier": package.carrier,
        "shipTime": package.ship_time,
        "shippingService": package.service,
        "trackingNumber": package.tracking,
        "packageItems": [{"orderItemId": item_id, "quantity": n} for item_id, n in package.items.items()],
    }
    return {name: value for name, value in shown.items() if value is not None}


def notification(told: Order, reason: str, ids: tuple[str, str, str], now: datetime) -> dict[str, Any]:
    """An ORDER_CHANGE notification; ``ids`` are those of seller, subscription and notification."""
    seller, subscription, notification_id = ids
    items = [
        {
            "OrderItemId": item.id,
            "SellerSKU": item.sku,
            "SupplySourceId": None,
            "OrderItemStatus": "Shipped" if item.shipped >= item.wanted else "Unshipped",
            "Quantity": item.quantity,
            "QuantityShipped": item.shipped,
            "IsBuyerRequestedCancel": item.cancel_requested,
        }
        for item in told.items
    ]
    summary = {
        "MarketplaceId": told.marketplace.id,
        "OrderStatus": _V0[told.status],
        "PurchaseDate": instant(told.created_at),
        "DestinationPostalCode": told.address["postalCode"] if told.status not in _PENDING else None,
        "FulfillmentType": "AFN" if told.afn else "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": sum(item.shipped for item in told.items),
        "NumberOfItemsUnshipped": sum(item.wanted - item.shipped for item in told.items),
        "OrderItems": items,
    }
    change = {
        "NotificationLevel": "OrderLevel",
        "SellerId": seller,
        "AmazonOrderId": told.id,
        "OrderChangeType": "BuyerRequestedChange" if reason.startswith("Buyer") else "OrderStatusChange",
        "OrderChangeTrigger": {"TimeOfOrderChange": instant(told.updated_at), "ChangeReason": reason},
        "Summary": summary,
    }
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": instant(now),
        "Payload": {"OrderChangeNotification": change},
        "NotificationMetadata": {
            "ApplicationId": "amzn1.sp.solution.simulated",
            "SubscriptionId": subscription,
            "PublishTime": instant(now),
            "NotificationId": notification_id,
        },
    }
