"""Answers of the Admin GraphQL API about refunds, typed, and their turn into the webhook's shape."""

from crossdock.connectors.shopify import wire
from crossdock.connectors.shopify.graph import Bag, PageInfo, Ref, Struct, bag, number
from crossdock.connectors.shopify.wire import Instant


class RefundLine(Struct, frozen=True):
    quantity: int
    restock_type: str
    line_item: Ref
    subtotal_set: Bag
    total_tax_set: Bag


class RefundLines(Struct, frozen=True):
    nodes: tuple[RefundLine, ...]
    page_info: PageInfo


class RefundShipping(Struct, frozen=True):
    subtotal_amount_set: Bag
    tax_amount_set: Bag


class _RefundShippings(Struct, frozen=True):
    nodes: tuple[RefundShipping, ...]


class RefundAdjustment(Struct, frozen=True):
    amount_set: Bag
    tax_amount_set: Bag
    reason: str | None = None


class _RefundAdjustments(Struct, frozen=True):
    nodes: tuple[RefundAdjustment, ...]


class Transaction(Struct, frozen=True):
    id: str
    kind: str
    status: str
    amount_set: Bag
    gateway: str | None = None


class _Transactions(Struct, frozen=True):
    nodes: tuple[Transaction, ...]


class RefundedDuty(Struct, frozen=True):
    amount_set: Bag
    original_duty: Ref | None = None


class Refund(Struct, frozen=True):
    id: str
    processed_at: Instant
    refund_line_items: RefundLines
    refund_shipping_lines: _RefundShippings
    order_adjustments: _RefundAdjustments
    transactions: _Transactions
    duties: tuple[RefundedDuty, ...]
    created_at: Instant | None = None
    note: str | None = None


def refund_as_wire(refund: Refund, lines: tuple[RefundLine, ...]) -> wire.Refund:
    """The same refund in the shape of a webhook's body. ``lines`` are all of its lines."""
    return wire.Refund(
        id=int(number(refund.id)),
        created_at=refund.created_at or refund.processed_at,
        processed_at=refund.processed_at,
        note=refund.note,
        refund_line_items=tuple(
            wire.RefundLine(
                line_item_id=int(number(line.line_item.id)),
                quantity=line.quantity,
                restock_type=line.restock_type.lower(),
                subtotal_set=bag(line.subtotal_set),
                total_tax_set=bag(line.total_tax_set),
            )
            for line in lines
        ),
        order_adjustments=(*map(_shipping_refund, refund.refund_shipping_lines.nodes), *_adjustments(refund)),
        transactions=tuple(map(_transaction, refund.transactions.nodes)),
        duties=tuple(
            wire.RefundedDuty(number(duty.original_duty.id) if duty.original_duty else "", bag(duty.amount_set))
            for duty in refund.duties
        ),
    )


def _shipping_refund(line: RefundShipping) -> wire.Adjustment:
    """A webhook tells given shipping as what the refund is to be reduced by."""
    amount, tax = bag(line.subtotal_amount_set, -1), bag(line.tax_amount_set, -1)
    return wire.Adjustment("shipping_refund", amount_set=amount, tax_amount_set=tax)


def _adjustments(refund: Refund) -> list[wire.Adjustment]:
    return [
        wire.Adjustment(
            "refund_discrepancy",
            reason=one.reason.lower() if one.reason else None,
            amount_set=bag(one.amount_set),
            tax_amount_set=bag(one.tax_amount_set),
        )
        for one in refund.order_adjustments.nodes
    ]


def _transaction(one: Transaction) -> wire.Transaction:
    return wire.Transaction(
        id=int(number(one.id)),
        kind=one.kind.lower(),
        status=one.status.lower(),
        gateway=one.gateway,
        amount_set=bag(one.amount_set),
    )
