"""Every GraphQL document this connector sends (Admin API 2026-10).

Page sizes keep the requested cost of each below Shopify's 1,000 points per query; a full order is therefore read
alone and never inside a list. Tests hold all of them against the vendor's published introspection.
"""

_BAG = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_SHOPS = "{ shopMoney { amount currencyCode } }"
_TAX = "taxLines { title rate channelLiable priceSet " + _BAG + " }"
_DISCOUNTS = (
    "discountAllocations { allocatedAmountSet " + _BAG + " discountApplication { __typename"
    " ... on DiscountCodeApplication { code }"
    " ... on AutomaticDiscountApplication { title }"
    " ... on ManualDiscountApplication { title }"
    " ... on ScriptDiscountApplication { title } } }"
)
_ADDRESS = "{ name firstName lastName company address1 address2 city province provinceCode zip countryCodeV2 phone }"
_LINES = (
    "nodes { id name title quantity currentQuantity unfulfilledQuantity sku isGiftCard requiresShipping product { id }"
    " originalUnitPriceSet " + _BAG + " " + _TAX + " " + _DISCOUNTS + " duties { id price " + _BAG + " " + _TAX + " } }"
    " pageInfo { hasNextPage endCursor }"
)

ORDER = (
    """query Order($id: ID!) {
  order(id: $id) {
    id name createdAt processedAt updatedAt currencyCode presentmentCurrencyCode
    taxesIncluded dutiesIncluded test confirmed
    displayFinancialStatus cancelledAt cancelReason email phone note tags poNumber sourceName paymentGatewayNames
    totalPriceSet """
    + _BAG
    + " currentTotalPriceSet "
    + _SHOPS
    + " totalOutstandingSet "
    + _SHOPS
    + " totalDiscountsSet "
    + _BAG
    + " totalTaxSet "
    + _BAG
    + " totalTipReceivedSet "
    + _BAG
    + "\n    originalTotalAdditionalFeesSet "
    + _BAG
    + " totalCashRoundingAdjustment { paymentSet "
    + _BAG
    + " }\n    customer { id firstName lastName defaultEmailAddress { emailAddress }"
    + " defaultPhoneNumber { phoneNumber } }"
    + "\n    billingAddress "
    + _ADDRESS
    + " shippingAddress "
    + _ADDRESS
    + "\n    shippingLines(first: 5) { nodes { id title code isRemoved originalPriceSet "
    + _BAG
    + " "
    + _TAX
    + " "
    + _DISCOUNTS
    + " } }\n    lineItems(first: 25) { "
    + _LINES
    + " }\n    refunds(first: 50) { id }\n  }\n}"
)

REFUND = (
    """query Refund($id: ID!, $after: String) {
  refund(id: $id) {
    id createdAt processedAt note
    duties { amountSet """
    + _BAG
    + """ originalDuty { id } }
    refundLineItems(first: 50, after: $after) {
      nodes { quantity restockType lineItem { id } subtotalSet """
    + _BAG
    + " totalTaxSet "
    + _BAG
    + """ }
      pageInfo { hasNextPage endCursor }
    }
    refundShippingLines(first: 10) { nodes { subtotalAmountSet """
    + _BAG
    + " taxAmountSet "
    + _BAG
    + " } }\n    orderAdjustments(first: 10) { nodes { reason amountSet "
    + _BAG
    + " taxAmountSet "
    + _BAG
    + " } }\n    transactions(first: 20) { nodes { id kind status gateway amountSet "
    + _BAG
    + " } }\n  }\n}"
)

ORDER_LINES = (
    "query OrderLines($id: ID!, $after: String!) {\n  order(id: $id) { lineItems(first: 25, after: $after) { "
    + _LINES
    + " } }\n}"
)

ORDERS_CHANGED = """query OrdersChanged($query: String!, $first: Int!, $after: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id updatedAt displayFinancialStatus cancelledAt note tags
      currentTotalPriceSet { shopMoney { amount } }
      totalOutstandingSet { shopMoney { amount } }
      totalRefundedSet { presentmentMoney { amount } }
      shippingAddress { name company address1 address2 city zip countryCodeV2 }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""

ORDERS_LISTED = (
    """query OrdersListed($query: String!, $first: Int!, $after: String, $sort: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sort) {
    nodes {
      id name processedAt updatedAt cancelledAt displayFulfillmentStatus currentSubtotalLineItemsQuantity
      totalPriceSet """
    + _BAG
    + """
      totalCashRoundingAdjustment { paymentSet """
    + _BAG
    + """ }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
)

_FULFILMENT_ORDER_LINES = "nodes { id remainingQuantity lineItem { id sku } } pageInfo { hasNextPage endCursor }"

FULFILMENT_STATE = (
    """query FulfilmentState($id: ID!, $after: String) {
  order(id: $id) {
    id cancelledAt
    fulfillments(first: 50) { id status createdAt trackingInfo(first: 20) { number } }
    fulfillmentOrders(first: 5, after: $after) {
      nodes { id status assignedLocation { location { id } } lineItems(first: 40) { """
    + _FULFILMENT_ORDER_LINES
    + """ } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
)

FULFILMENT_ORDER_LINES = (
    """query FulfilmentOrderLines($id: ID!, $after: String!) {
  fulfillmentOrder(id: $id) { lineItems(first: 100, after: $after) { """
    + _FULFILMENT_ORDER_LINES
    + " } }\n}"
)

FULFILMENT_LINES = """query FulfilmentLines($id: ID!, $after: String) {
  fulfillment(id: $id) {
    id
    fulfillmentLineItems(first: 100, after: $after) {
      nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor }
    }
  }
}"""

FULFILMENT_EVENTS = """query FulfilmentEvents($id: ID!, $after: String) {
  fulfillment(id: $id) {
    id status
    events(first: 100, after: $after) { nodes { id status happenedAt } pageInfo { hasNextPage endCursor } }
  }
}"""

FULFILMENT_EVENT_CREATE = """mutation FulfilmentEventCreate($event: FulfillmentEventInput!) {
  fulfillmentEventCreate(fulfillmentEvent: $event) {
    fulfillmentEvent { id status }
    userErrors { field message }
  }
}"""

FULFILMENT_ORDER = "query FulfilmentOrder($id: ID!) {\n  fulfillmentOrder(id: $id) { id orderId }\n}"

FULFILMENT_CREATE = """mutation FulfilmentCreate($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}"""

FULFILMENT_TRACKING_UPDATE = """mutation FulfilmentTracking(
  $id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean
) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: $notify) {
    fulfillment { id status }
    userErrors { field message }
  }
}"""

RETURNS = """query Returns($id: ID!) {
  order(id: $id) {
    id
    returns(first: 50) {
      nodes {
        id status createdAt closedAt
        refunds(first: 50) { nodes { id createdAt } }
        returnLineItems(first: 100) {
          nodes {
            __typename quantity processedQuantity
            ... on ReturnLineItem { fulfillmentLineItem { lineItem { id } } }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

# The newest ten of each order: an order that has more under way is listed all the same.
RETURNS_UNDER_WAY = """query ReturnsUnderWay($query: String!, $first: Int!, $after: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id returns(first: 10, reverse: true) { nodes { id status totalQuantity } } }
    pageInfo { hasNextPage endCursor }
  }
}"""

RETURN_GOODS = """query ReturnGoods($id: ID!) {
  ret: return(id: $id) {
    id status
    reverseFulfillmentOrders(first: 10) {
      nodes {
        lineItems(first: 50) {
          nodes { id totalQuantity dispositions { type quantity } fulfillmentLineItem { lineItem { id } } }
          pageInfo { hasNextPage endCursor }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

RETURN_DISPOSE = """mutation ReturnDispose($dispositions: [ReverseFulfillmentOrderDisposeInput!]!) {
  reverseFulfillmentOrderDispose(dispositionInputs: $dispositions) {
    reverseFulfillmentOrderLineItems { id }
    userErrors { code field message }
  }
}"""

REFUNDABLE = """query Refundable($id: ID!) {
  order(id: $id) {
    id
    cancelledAt
    presentmentCurrencyCode
    refunds(first: 50) { id note }
    transactions(first: 100) {
      id kind status gateway parentTransaction { id }
      amountSet { presentmentMoney { amount currencyCode } shopMoney { amount currencyCode } }
    }
  }
}"""

PAYMENTS = """query Payments($id: ID!) {
  order(id: $id) {
    id
    currencyCode
    presentmentCurrencyCode
    transactions(first: 100) {
      id kind status gateway createdAt processedAt
      amountSet { presentmentMoney { amount currencyCode } shopMoney { amount currencyCode } }
    }
  }
}"""

METAFIELD = """query Metafield($id: ID!, $namespace: String!, $key: String!) {
  order(id: $id) { id metafield(namespace: $namespace, key: $key) { id value } }
}"""

METAFIELDS_SET = """mutation MetafieldsSet($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { id }
    userErrors { field message }
  }
}"""

REFUND_CREATE = """mutation RefundCreate($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id note }
    userErrors { field message }
  }
}"""

SUBSCRIPTIONS = """query Subscriptions($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    nodes { id topic uri }
    pageInfo { hasNextPage endCursor }
  }
}"""

SUBSCRIPTION_CREATE = """mutation SubscriptionCreate(
  $topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!
) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}"""

PAYOUTS = """query Payouts($query: String!, $first: Int!, $after: String) {
  shopifyPaymentsAccount {
    payouts(first: $first, after: $after, query: $query, sortKey: ISSUED_AT) {
      nodes { id legacyResourceId issuedAt status transactionType net { amount currencyCode } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

PAYOUT_LINES = """query PayoutLines($query: String!, $after: String) {
  shopifyPaymentsAccount {
    balanceTransactions(first: 100, after: $after, query: $query, hideTransfers: true, sortKey: ID) {
      nodes {
        id type sourceType sourceOrderTransactionId transactionDate adjustmentReason
        amount { amount currencyCode } net { amount currencyCode }
        associatedOrder { id name } associatedPayout { id }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
_LEVEL = 'id sku inventoryLevel(locationId: $location) { id quantities(names: ["available"]) { name quantity } }'

INVENTORY_ITEM = (
    """query InventoryItem($query: String!, $location: ID!) {
  inventoryItems(first: 2, query: $query) { nodes { """
    + _LEVEL
    + """ } }
}"""
)

LEVELS = (
    """query Levels($first: Int!, $after: String, $location: ID!) {
  inventoryItems(first: $first, after: $after) { nodes { """
    + _LEVEL
    + """ } pageInfo { hasNextPage endCursor } }
}"""
)

INVENTORY_SET = """mutation InventorySet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    userErrors { code field message }
  }
}"""

WHOAMI = """query Whoami {
  shop { name myshopifyDomain currencyCode plan { publicDisplayName } }
  currentAppInstallation { accessScopes { handle } }
}"""

ALL = {
    "order": ORDER,
    "order_lines": ORDER_LINES,
    "refund": REFUND,
    "orders_changed": ORDERS_CHANGED,
    "orders_listed": ORDERS_LISTED,
    "fulfilment_state": FULFILMENT_STATE,
    "fulfilment_order_lines": FULFILMENT_ORDER_LINES,
    "fulfilment_lines": FULFILMENT_LINES,
    "fulfilment_order": FULFILMENT_ORDER,
    "fulfilment_create": FULFILMENT_CREATE,
    "fulfilment_events": FULFILMENT_EVENTS,
    "fulfilment_event_create": FULFILMENT_EVENT_CREATE,
    "fulfilment_tracking_update": FULFILMENT_TRACKING_UPDATE,
    "returns": RETURNS,
    "returns_under_way": RETURNS_UNDER_WAY,
    "return_goods": RETURN_GOODS,
    "return_dispose": RETURN_DISPOSE,
    "refundable": REFUNDABLE,
    "payments": PAYMENTS,
    "metafield": METAFIELD,
    "metafields_set": METAFIELDS_SET,
    "refund_create": REFUND_CREATE,
    "subscriptions": SUBSCRIPTIONS,
    "subscription_create": SUBSCRIPTION_CREATE,
    "payouts": PAYOUTS,
    "payout_lines": PAYOUT_LINES,
    "inventory_item": INVENTORY_ITEM,
    "levels": LEVELS,
    "inventory_set": INVENTORY_SET,
    "whoami": WHOAMI,
}
