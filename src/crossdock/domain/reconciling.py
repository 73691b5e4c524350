"""The kinds of difference that one order may have between channel, Crossdock and ERP: a closed set, with what to do."""

from collections.abc import Mapping

import msgspec

PREFIX = "reconcile/"  # of the keys of problems that differences are
HIGH, MEDIUM, LOW = "high", "medium", "low"
SEVERITIES = (HIGH, MEDIUM, LOW)
READ_BACK, BOOK_AGAIN, ASK = "read_back", "book_again", "ask"
REPAIRS = (READ_BACK, BOOK_AGAIN, ASK)


class DifferenceKind(msgspec.Struct, frozen=True):
    """``repair``: read_back (asked of the channel by itself), book_again (a person's retry sends the booking under
    its key once more), ask (a person)."""

    says: str
    severity: str
    repair: str
    owner: str
    hint: str


DIFFERENCES: Mapping[str, DifferenceKind] = {
    "missing_here": DifferenceKind(
        "Another system has the order, Crossdock does not",
        HIGH,
        READ_BACK,
        "operations",
        "It is read from the channel by itself. If it stays: read it with crossdock backfill, and look why it failed.",
    ),
    "missing_in_channel": DifferenceKind(
        "The channel no longer has the order",
        HIGH,
        ASK,
        "customer_service",
        "It was deleted in the channel: cancel it here if it is not to be delivered, else resolve.",
    ),
    "missing_in_erp": DifferenceKind(
        "The ERP does not have the sales order",
        HIGH,
        BOOK_AGAIN,
        "finance",
        "Ask who deleted it. Retry books it again under the same key; or restore it in the ERP, then resolve.",
    ),
    "cancelled_in_channel": DifferenceKind(
        "The channel cancelled the order, Crossdock has not heard of it",
        HIGH,
        READ_BACK,
        "operations",
        "It is read from the channel by itself. If it stays: cancel the order here.",
    ),
    "cancelled_here_only": DifferenceKind(
        "The order is cancelled here, the channel still sells it",
        HIGH,
        ASK,
        "customer_service",
        "Cancel it in the channel and refund the customer there, then resolve.",
    ),
    "cancelled_in_erp": DifferenceKind(
        "The ERP closed the sales order of an order that is to be delivered",
        HIGH,
        ASK,
        "finance",
        "Ask who closed it: open it again in the ERP, or cancel the order here.",
    ),
    "open_in_erp": DifferenceKind(
        "The order is cancelled, its sales order in the ERP is still open",
        HIGH,
        ASK,
        "finance",
        "Close the sales order in the ERP, then resolve.",
    ),
    "channel_amount_differs": DifferenceKind(
        "The channel's total is another than ours",
        MEDIUM,
        READ_BACK,
        "finance",
        "The channel's newest view is read by itself. If it stays: compare both with the money proof, then resolve.",
    ),
    "channel_quantity_differs": DifferenceKind(
        "The channel's units are others than ours",
        MEDIUM,
        READ_BACK,
        "operations",
        "The channel's newest view is read by itself. If it stays: compare the lines, then resolve.",
    ),
    "erp_amount_differs": DifferenceKind(
        "The sales order comes to another amount than the order",
        HIGH,
        ASK,
        "finance",
        "Somebody changed it in the ERP: correct one of the two, then resolve. It ends by itself when they agree.",
    ),
    "erp_quantity_differs": DifferenceKind(
        "The sales order holds other units than the order",
        HIGH,
        ASK,
        "finance",
        "Somebody changed it in the ERP: correct one of the two, then resolve. It ends by itself when they agree.",
    ),
    "shipment_not_shown": DifferenceKind(
        "The order left and was told, the channel does not show it",
        MEDIUM,
        ASK,
        "customer_service",
        "The fulfilment was cancelled in the channel: enter it there again, then resolve.",
    ),
    "shipment_missing_in_erp": DifferenceKind(
        "More left than the ERP's sales order says",
        MEDIUM,
        ASK,
        "warehouse",
        "A fulfilment was taken back in the ERP: enter it there again, then resolve.",
    ),
    "invoiced_amount_differs": DifferenceKind(
        "The ERP's invoices come to another amount than those we know",
        HIGH,
        ASK,
        "finance",
        "An invoice was made, changed or deleted in the ERP: fetch it with crossdock backfill, or correct the ERP.",
    ),
}


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that differs. ``expected`` and ``found`` are amounts, counts or statuses as text."""

    kind: str
    cause: str  # what is known of why, in words
    expected: str
    found: str
    explained: bool = False  # an open problem says why: nobody is told twice
    repair: str = ASK  # of this very difference: a read-back helps only where the channel shows something newer

    @property
    def severity(self) -> str:
        return DIFFERENCES[self.kind].severity
