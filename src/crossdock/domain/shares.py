"""A refund's parts by what they are for: that decides which document the ERP is to have of them."""

from decimal import Decimal
from enum import StrEnum

from crossdock.domain.money import ZERO
from crossdock.domain.refund import Part, RefundedCharge, RefundedLine, Restock, gross_of, parts_of
from crossdock.domain.state import OrderState, Refunded


class Share(StrEnum):
    """What a part of a refund is for."""

    UNITS_OFF = "units_off"  # cancelled before they left, and before they were billed
    UNITS = "units"  # they left, whether they come back or not; or they were billed
    CHARGE = "charge"  # shipping, duty, fee, tip
    AMOUNT = "amount"  # no line: goodwill, or what was kept back


def shares(known: Refunded) -> dict[Share, list[Part]]:
    """The refund's parts by what they are for."""
    found: dict[Share, list[Part]] = {}
    for part in parts_of(known.refund):
        found.setdefault(_share(part, known.billed), []).append(part)
    return found


def _share(part: Part, billed: bool) -> Share:
    if isinstance(part, RefundedLine):
        return Share.UNITS_OFF if part.restock is Restock.CANCEL and not billed else Share.UNITS
    return Share.CHARGE if isinstance(part, RefundedCharge) else Share.AMOUNT


def credited(state: OrderState, basis: str) -> Decimal:
    """What the ERP has credited of the order: by our commands that are done, and by its own people."""
    sum_ = sum((known.credit.total for known in state.credits.values() if not known.ours), ZERO)
    for id_, known in state.refunds.items():
        sent = state.command_of("refund.credit", id_)
        if sent is not None and sent[1].status == "done":
            parts = [part for share, found in shares(known).items() if share is not Share.UNITS_OFF for part in found]
            sum_ += gross_of(parts, basis)
    return sum_
