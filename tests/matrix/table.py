"""What happens to an order between each channel and each ERP: the one table that tests run and the page is made of.

A cell says in words what follows, how the order ends, and which exceptions a person finds on the way. What a vendor
cannot do is a cell too, with its reason: its test shows that the refusal is visible.
"""

from collections.abc import Mapping

import msgspec

CHANNELS: Mapping[str, str] = {"shopify": "Shopify", "amazon": "Amazon"}
ERPS: Mapping[str, str] = {"netsuite": "NetSuite", "businesscentral": "Business Central"}
PAIRS: tuple[tuple[str, str], ...] = tuple((channel, erp) for channel in CHANNELS for erp in ERPS)


class Cell(msgspec.Struct, frozen=True):
    """``story``: which test story shows it; empty: another row's does, or a test of the configuration.

    ``codes``: exceptions that are open at the end. ``books``: what reconciliation finds in the end: ``level``, or in
    words what is for people to even out.
    """

    what: str
    story: str
    ends: str = "done"
    codes: tuple[str, ...] = ()
    refused: str = ""  # why a vendor cannot do it, or what is not built; empty: it works
    books: str = "level"


class Row(msgspec.Struct, frozen=True):
    """One thing that happens. ``purposes``: the commands that faults may strike. ``but``: cells that differ, by
    channel, ERP, or both."""

    name: str
    title: str
    usual: Cell
    purposes: tuple[str, ...]
    but: Mapping[str, Cell] = {}
    route: Mapping[str, object] = {}
    warehouse: Mapping[str, object] = {}
    shop: Mapping[str, object] = {}  # Shopify's; Amazon's marketplace is what it is

    def cell(self, channel: str, erp: str) -> Cell:
        for key in (f"{channel}/{erp}", channel, erp):
            if key in self.but:
                return self.but[key]
        return self.usual


FORWARD = ("read_back", "order.book", "order.release", "shipment.post", "fulfilment.push", "invoice.make")
BOOKED = ("order.book",)
CREDITED = (*FORWARD, "refund.credit")
BY_ITSELF: Mapping[str, object] = {"warehouse": None, "invoice": "take"}  # the ERP ships and bills
NOT_PICKED: Mapping[str, object] = {"pick_s": 3600.0}
WINDOW: Mapping[str, object] = {"edit_window_s": 3}

_NO_REFUNDS = (
    "Amazon tells a seller no refund of an order: the Orders API has none, the finances of a settlement name amounts "
    "days later. Not taken. Credit it in the ERP; Amazon's feed gives the money back."
)
_NO_RETURNS = "Amazon tells returns in a report only, which is not read."


def _not_told(story: str, why: str) -> Cell:
    return Cell("not told by Amazon; nothing follows, and nothing pretends to", story, refused=why)


_REPLACEMENT = Cell("an order of its own, which costs nothing: booked, shipped and billed at zero", "replacement")
_AS_ABOVE = msgspec.structs.replace(_REPLACEMENT, story="")  # whatever it is exchanged for: one story shows it

_UNCONFIGURED = "such a route is refused when the configuration is read"
_NOT_IN_ADVANCE = Cell(_UNCONFIGURED, "", refused="The Orders API tells no captures; a settlement does, days later.")
_NO_DEPOSITS = Cell(_UNCONFIGURED, "", refused="Business Central's standard API knows no deposit on a sales order.")

ROWS: tuple[Row, ...] = (
    Row(
        "order",
        "An order",
        Cell("booked, released, shipped, told to the channel, billed: one document of each, to the cent", "order"),
        FORWARD,
    ),
    Row(
        "partial_shipments",
        "Two partial shipments",
        Cell("two shipments in the ERP and in the channel, one bill of the whole", "partial_shipments"),
        FORWARD,
        warehouse={"split": 1.0, "most_shipments": 2},
    ),
    Row(
        "billed_by_erp",
        "The ERP's people ship and bill",
        Cell("the invoice is found and ends the order; nothing is billed twice", "billed_by_erp"),
        BOOKED,
        route=BY_ITSELF,
    ),
    Row(
        "edit_before_booking",
        "Address edited before booking",
        Cell("the newer view is booked and shipped", "edit_before_booking"),
        FORWARD,
        route=WINDOW,
    ),
    Row(
        "edit_after_booking",
        "Address edited after booking, before release",
        Cell("the sales order is amended (`booking.amend`)", "edit_after_booking"),
        ("order.book", "booking.amend"),
        route=BY_ITSELF,
    ),
    Row(
        "units_off",
        "Units taken off after booking, before release",
        Cell("the sales order is amended and billed less; no credit memo", "units_off"),
        ("order.book", "booking.amend"),
        route=BY_ITSELF,
    ),
    Row(
        "edit_after_billing",
        "Address edited after the bill",
        Cell("an exception: what is billed is not edited; resolved, the order is done", "edit_after_billing"),
        BOOKED,
        route=BY_ITSELF,
    ),
    Row(
        "edit_after_release",
        "Address edited after release",
        Cell("an exception: a person asks the warehouse; resolved, it goes on", "edit_after_release"),
        FORWARD,
        warehouse=NOT_PICKED,
    ),
    Row(
        "line_off_after_a_part",
        "A line cancelled after a part has left",
        Cell("an exception: a person stops the warehouse; resolved, what left is billed", "line_off_after_a_part"),
        FORWARD,
        warehouse=NOT_PICKED,
    ),
    Row(
        "cancel_before_booking",
        "Cancelled before booking",
        Cell("dropped; nothing is anywhere", "cancel_before_booking", "cancelled"),
        (),
        route=WINDOW,
    ),
    Row(
        "cancel_after_booking",
        "Cancelled after booking, before release",
        Cell("the sales order is closed (`booking.close`)", "cancel_after_booking", "cancelled"),
        ("order.book", "booking.close"),
        route=BY_ITSELF,
    ),
    Row(
        "cancel_after_release",
        "Cancelled after release",
        Cell("the warehouse is stopped, then the sales order closed", "cancel_after_release", "cancelled"),
        ("order.book", "order.release", "release.cancel", "booking.close"),
        warehouse=NOT_PICKED,
    ),
    Row(
        "cancel_after_shipment",
        "Cancelled after shipment",
        Cell(
            "an exception: a person sees to the return and the credit",
            "cancel_after_shipment",
            "exception",
            ("order.cancelled_after_shipment",),
            books="billed more than sold: credit the difference",
        ),
        FORWARD,
        {
            "amazon": Cell(
                "Amazon itself refuses it",
                "cancel_after_shipment_refused",
                refused="Amazon cancels nothing that shipped.",
            )
        },
    ),
    Row(
        "partial_refund",
        "A unit refunded, not put back",
        Cell("one credit memo of the unit, set off against the invoice", "partial_refund"),
        CREDITED,
        {"amazon": _not_told("refunds_not_told", _NO_REFUNDS)},
    ),
    Row(
        "return",
        "A unit returned and put back",
        Cell("the return is noted; one credit memo of the unit, which puts it back into stock", "returned"),
        CREDITED,
        {"amazon": _not_told("refunds_not_told", _NO_RETURNS)},
    ),
    Row(
        "return_onward",
        "A unit returned to the warehouse, and refunded (`announce_returns: true`, `post_returns: true`)",
        Cell(
            "the warehouse is told of the return and counts the unit in; one credit memo of the money, one receipt "
            "that puts the unit back into stock (`return.post`)",
            "returned_onward",
        ),
        (*CREDITED, "return.announce"),
        {
            "amazon": _not_told("refunds_not_told", _NO_RETURNS),
            "shopify/businesscentral": Cell(
                "the warehouse is told of the return and counts the unit in; one credit memo of the money; that the "
                "unit is in stock is an exception for a person",
                "returned_onward_by_hand",
                "exception",
                ("return.post.rejected",),
                "Business Central's API has no document for goods without a credit: leave `post_returns: false`, and "
                "its credit memo puts them back.",
            ),
        },
        route={"announce_returns": True, "post_returns": True},
    ),
    Row(
        "exchange",
        "A unit exchanged for another product",
        Cell(
            "what came back is credited, what was added is an order of its own: booked, shipped and billed by itself; "
            "nothing is paid and nothing paid back",
            "exchange",
        ),
        CREDITED,
        {"amazon": _REPLACEMENT},
    ),
    Row(
        "exchange_cheaper",
        "The same, for a cheaper one",
        Cell("the same; the difference is paid back, and what came back is credited whole", "exchange_cheaper"),
        CREDITED,
        {"amazon": _AS_ABOVE},
    ),
    Row(
        "exchange_dearer",
        "The same, for a dearer one",
        Cell("the same, as soon as the difference is paid; until then what was added waits", "exchange_dearer"),
        CREDITED,
        {"amazon": _AS_ABOVE},
    ),
    Row(
        "exchange_paid",
        "The same, where invoices count as paid (`payments: paid`)",
        Cell(
            "both invoices count as paid, and the credit memo as paid out whole: what was set off is in both",
            "exchange_paid",
        ),
        (*CREDITED, "refund.pay"),
        {"amazon": _AS_ABOVE},
        route={"payments": "paid"},
        shop={"currency": "USD"},
    ),
    Row(
        "exchange_taken_back",
        "The same, and nothing is wanted instead after all",
        Cell("what was added is cancelled before it left; its sales order is closed", "exchange_taken_back"),
        ("order.book", "order.release", "release.cancel", "booking.close"),
        {"amazon": _AS_ABOVE},
        warehouse=NOT_PICKED,
    ),
    Row(
        "exchange_by_hand",
        "The same, where captures are posted as payments (`payments: payment`)",
        Cell(
            "what came back is credited; the line that is added is an exception: a person books it, for one payment "
            "would be for two orders",
            "exchange_by_hand",
            "exception",
            ("order.edited_after_shipment",),
            books="billed less than sold: bill what was added",
        ),
        (*FORWARD, "payment.post", "refund.credit"),
        {"amazon": _AS_ABOVE},
        route={"payments": "payment"},
        shop={"currency": "USD"},
    ),
    Row(
        "full_refund",
        "Everything refunded",
        Cell("one credit memo of the whole bill", "full_refund"),
        CREDITED,
        {"amazon": _not_told("refunds_not_told", _NO_REFUNDS)},
    ),
    Row(
        "shipping_refund",
        "Shipping refunded, nothing else",
        Cell("one credit memo of shipping and its tax", "shipping_refund"),
        CREDITED,
        {"amazon": _not_told("refunds_not_told", _NO_REFUNDS)},
    ),
    Row(
        "paid_refund",
        "A unit refunded where invoices count as paid (`payments: paid`)",
        Cell("one credit memo, paid out by one customer refund", "paid_refund"),
        (*CREDITED, "refund.pay"),
        {
            "shopify/businesscentral": Cell(
                "one credit memo, and the money on the customer's account (`refund.pay`); Business Central applies it "
                "to the memo where the customer's application method is *Apply to Oldest*, else a person does",
                "paid_refund",
            ),
            "amazon": _not_told("refunds_not_told", _NO_REFUNDS),
        },
        route={"payments": "paid"},
        shop={"currency": "USD"},
    ),
    Row(
        "paid_refund_in_another_currency",
        "The same, in another currency than the ERP's own (`payments: paid`)",
        Cell("one credit memo, paid out by one customer refund", "paid_refund"),
        (*CREDITED, "refund.pay"),
        {
            "shopify/businesscentral": Cell(
                "one credit memo; that it was paid out is an exception for a person",
                "paid_refund_by_hand",
                "exception",
                ("refund.pay.rejected",),
                refused="The journal lines of Business Central's standard API have no currency.",
            ),
            "amazon": _not_told("refunds_not_told", _NO_REFUNDS),
        },
        route={"payments": "paid"},
    ),
    Row(
        "captured",
        "Captures posted as payments (`payments: payment`)",
        Cell("one payment of what was captured, applied to the invoice (`payment.post`)", "captured"),
        (*FORWARD, "payment.post"),
        {
            "amazon": Cell(
                "an exception beside the order: the channel cannot be asked",
                "captures_not_told",
                codes=("read_back.rejected",),
                refused="The Orders API tells no captures; a settlement does, days later. Leave `payments: open`.",
            )
        },
        route={"payments": "payment"},
        shop={"currency": "USD"},
    ),
    Row(
        "deposited",
        "Captures recorded in advance (`payments: advance`)",
        Cell(
            "one deposit on the sales order of what was captured (`deposit.post`), applied to the invoice "
            "(`deposit.apply`)",
            "deposited",
        ),
        (*FORWARD, "deposit.post", "deposit.apply"),
        {"amazon": _NOT_IN_ADVANCE, "businesscentral": _NO_DEPOSITS},
        route={"payments": "advance"},
        shop={"currency": "USD"},
    ),
    Row(
        "deposited_and_refunded",
        "The same, and a unit refunded",
        Cell("one credit memo, paid out by one customer refund", "paid_refund"),
        (*CREDITED, "deposit.post", "deposit.apply", "refund.pay"),
        {"amazon": _NOT_IN_ADVANCE, "businesscentral": _NO_DEPOSITS},
        route={"payments": "advance"},
        shop={"currency": "USD"},
    ),
    Row(
        "invoice_shown",
        "The invoice shown in the channel (`publish_invoices: true`)",
        Cell("one metafield of the order with number, day and total (`invoice.publish`)", "invoice_shown"),
        (*FORWARD, "invoice.publish"),
        {
            "amazon": Cell(
                "an exception: Amazon is told of no invoice",
                "invoice_not_shown",
                "exception",
                ("invoice.publish.rejected",),
                refused="The Orders API has no place for a seller's invoice number.",
            )
        },
        route={"publish_invoices": True},
    ),
    Row(
        "credit_in_erp",
        "The ERP's people credit an invoice (`push_refunds: true`)",
        Cell("paid back in the channel once (`refund.push`), and not credited again", "credit_in_erp"),
        (*FORWARD, "refund.push"),
        {
            "amazon": Cell(
                "an exception: a person pays it back at Amazon",
                "credit_in_erp_by_hand",
                "exception",
                ("refund.push.rejected",),
                refused="`refund.push` is not offered: Amazon takes refunds through a feed, without a key.",
                books="credited more than paid back: pay it back",
            )
        },
        route={"push_refunds": True},
    ),
)
