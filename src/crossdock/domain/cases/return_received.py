"""A warehouse told what came back: joined with what it told before, and compared with what was authorised."""

from crossdock.domain.cases.return_seen import compare
from crossdock.domain.draft import Draft
from crossdock.domain.events import ReturnReceived
from crossdock.domain.fold_returns import receipt_key
from crossdock.domain.receipt import ReceiptTaken, joined
from crossdock.domain.restocking import compare as compare_receipts


def return_received(d: Draft, event: ReturnReceived) -> None:
    """Take what is new of it; totals that are known, or behind what is, change nothing."""
    if d.state.ended == "ignored":
        d.ignore("return_received", "the order is ignored")
        return
    known = d.state.receipts.get(receipt_key(event.source, event.receipt.id))
    receipt = joined(None if known is None else known.receipt, event.receipt)
    if known is not None and receipt == known.receipt:
        return
    d.note(ReceiptTaken(receipt, event.source, d.now))
    d.refer(event.source, "return", receipt.id)
    compare(d)
    compare_receipts(d)
