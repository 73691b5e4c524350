"""What stands at the end must follow from what happened: no exception without a cause, no view older than the shop's,
nothing left of a cancelled order, nothing taken or asked for twice.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crossdock import app
from crossdock.domain.order import Order
from crossdock.engine.quota import SHARED_REST_S
from crossdock.engine.verdict import FROM_OUTSIDE
from crossdock.kit.http import Response
from crossdock.kit.manifest import Untranslatable
from crossdock.proof.exchanges import whole_of
from crossdock.proof.plan import ERP, EXCHANGES, REFUNDS, SHOP, WAREHOUSE, OrderPlan
from crossdock.proof.process import RUNNING, Process

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

# What a connector takes for granted when its vendor asks for rest and tells no time, or next to none.
UNNAMED_S: Mapping[str, float] = {ERP: 1.0, SHOP: 0.1}
ALMOST = 0.99  # hardly less counts as enough
_WITHIN_S = 1.5  # a process turns to the database with what it was told, once what it is about has ended
_REMAINING = re.compile(rb'"time_remaining": ?"(\d+) seconds"')

_TO_THE_ERP = ("order.book.", "booking.amend.", "shipment.post.", "invoice.make.", "booking.close.", "refund.credit.")
_CANCELLED = (
    "order.cancelled_after_shipment", "order.cancelled_after_invoice", "order.shipped_after_cancel",
    "release.cancel.rejected", "fulfilment.push.conflict",
)  # fmt: skip
_REFUNDED = (
    "order.edited_after_", "payment.reversed", "order.nothing_left", "return.exceeds_shipped", "refund.",
    "fulfilment.push.conflict",
)  # fmt: skip
# What somebody did to an order -> the exceptions that may come of it.
_CAUSES: Mapping[str, tuple[str, ...]] = {
    "skuless": ("product.no_sku",),
    "edit_address": ("order.edited_after_",),
    "cancel_order": (*_CANCELLED, "payment.exceeds_bill"),  # deposited, and the shop tells of no refund
    **dict.fromkeys(REFUNDS, _REFUNDED),
    **dict.fromkeys((*EXCHANGES, "unexchange"), (*_REFUNDED, *_CANCELLED)),  # what is taken off whole cancels its order
    f"{WAREHOUSE} cancel": ("release.cancelled_there",),
    "webhook_drifted": ("shopify.payment_status_unknown",),
    "row_unreadable": ("unreadable_position",),
    "refunded, then damaged": ("return.stock_differs",),  # the credit memo put them back before anybody knew
    "payout sent back": ("settlement.returned",),
    # What was told before the database forgot it is not what is true now: a person must know.
    "acted on, and forgotten": (
        "fulfilment.push.conflict", "booking.amend.conflict", "shipment.exceeds_order", "invoice.total_differs",
        "return.stock_differs", "return.post.conflict", "invoice.make.rejected",
        "deposit.apply.rejected", "payment.reversed", "refund.credit.conflict",
    ),
    "forgotten": ("payment.post.conflict", "deposit.post.conflict"),  # it has the money as the other document
    "record_locked": _TO_THE_ERP,
    "record_refused": _TO_THE_ERP,
}  # fmt: skip


class Pace:
    """Who was told to let a vendor rest and for how long, what of it stands in the database for all, what was begun."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, Process | None], tuple[float, float]] = {}  # from when, until when
        self._stands: dict[str, tuple[float, float]] = {}  # the same of what nobody may lease a command in
        # By whom the others must hear of it: from when, until when, and how often that process had been stopped.
        self._to_tell: dict[tuple[str, Process], tuple[float, float, int]] = {}
        self._told: dict[tuple[str, Process], float] = {}
        self._begun: set[tuple[str, int]] = set()

    def answered(self, vendor: str, process: Process, answer: Response, at: float) -> None:
        """A command's call of this process came home: by its answer the vendor may ask for rest."""
        if rest_s := _rest_s(vendor, answer):
            _, until = self._asked.get((vendor, process), (0.0, 0.0))
            self._asked[vendor, process] = at, max(until, at + rest_s * ALMOST)
            later_s = at + rest_s - self._told.get((vendor, process), 0.0)
            if rest_s >= SHARED_REST_S and later_s > SHARED_REST_S + _WITHIN_S:
                self._to_tell.setdefault((vendor, process), (at, at + rest_s, process.pauses))

    def told(self, vendor: str, process: Process, for_s: float, at: float) -> None:
        """The process turns to the database with it, which may be away."""
        self._to_tell.pop((vendor, process), None)
        self._told[vendor, process] = at + for_s

    def stands(self, vendor: str, for_s: float, at: float) -> None:
        """The database has it."""
        since, until = self._stands.get(vendor, (at, at))
        self._stands[vendor] = (since if until > at else at), max(until, at + for_s * ALMOST)

    def forgotten(self) -> None:
        """The database was put back, and every process died."""
        self._stands.clear()

    def too_soon(self, vendor: str, attempt: tuple[str, int], now: float, leased: float) -> bool:
        """Whether this is an attempt's first request, and the vendor should have been let rest: by its process, which
        was told so itself, or by anybody, as its command was ``leased`` when the database had it."""
        if attempt in self._begun:
            return False
        self._begun.add(attempt)
        asked, until = self._asked.get((vendor, RUNNING.get()), (0.0, 0.0))  # a successor of its name was told nothing
        since, ends = self._stands.get(vendor, (0.0, 0.0))
        return asked < now < until or since < leased <= now < ends

    def rests(self, vendor: str, now: float) -> bool:
        """Whether the database has it that the vendor is to be left alone."""
        since, ends = self._stands.get(vendor, (0.0, 0.0))
        return since < now < ends

    def kept_to_himself(self, vendor: str, now: float) -> str | None:
        """A living process that was told of a rest which goes on, had the time, and did not turn to the database."""
        for (of, process), (at, until, pauses) in list(self._to_tell.items()):
            if process.dead or process.pauses > pauses or until <= now:
                del self._to_tell[of, process]
            elif of == vendor and now - at > _WITHIN_S:
                return process.name
        return None


def _rest_s(vendor: str, answer: Response) -> float:
    """For how long a vendor asks to be left alone, in its own words; where it names no time, as its connector holds."""
    if told := _REMAINING.search(answer.body):
        return float(told[1])
    if answer.status == 429 or b'"THROTTLED"' in answer.body:
        return float(answer.headers.get("retry-after", UNNAMED_S.get(vendor, 0.0)))
    return 0.0


def without_cause(evidence: "Evidence") -> list[tuple[str, str]]:
    """Exceptions that nothing accounts for: a product that gives up at the first trouble loses no order either."""
    return [
        (key, f"the exception {code} has no cause")
        for key, codes in evidence.open_problems().items()
        for code in codes
        if not code.startswith(_excused(evidence, key))
    ]


def _excused(evidence: "Evidence", key: str) -> tuple[str, ...]:
    plan = evidence.plans.get(whole_of(key), OrderPlan(0.0))
    happened = [name for name, value in plan.wish.items() if value is True] + [verb for _, verb in plan.acts]
    happened += [kind for kind in ("record_locked", "record_refused") if evidence.scenario.singled_out(kind, key)]
    happened += ["refunded, then damaged"] if evidence.vendors.returning.came_worse(key) else []
    if evidence.lived_in_lost_time(key):
        happened += ["forgotten", "acted on, and forgotten"] if plan.acts else ["forgotten"]
    happened += ["payout sent back"] if key in evidence.vendors.sent_back() else []
    happened += ["row_unreadable"] if key in evidence.vendors.shelves.blank else []
    happened += ["webhook_drifted"] if whole_of(key) in evidence.vendors.post.drifted.values() else []
    return tuple(code for name in happened for code in _CAUSES.get(name, ()))


def not_newest(evidence: "Evidence") -> list[tuple[str, str]]:
    """I11: views older than the shop's, in what a view tells (our own fulfilments change its time only)."""
    orders, states, found = evidence.vendors.shop.books_.orders, evidence.states(), []
    parked = {row.ref.key for row in evidence.books.rows.values() if row.status == "parked"}
    for number, told in orders.items():
        state = states.get(f"{SHOP}-{number}")
        if f"{SHOP}-{number}" in parked:
            continue  # newer views wait behind the one that cannot be read
        if state is not None and state.newest is not None and (theirs := _told(told)) != (ours := _view(state.newest)):
            found.append((f"{SHOP}-{number}", f"the shop shows {theirs}, our newest view is {ours}"))
    return found


def _told(order: Mapping[str, Any]) -> tuple[Any, ...]:
    address = order["shipping_address"]
    return order["financial_status"], order["cancelled_at"] is not None, address and address["address1"]


def _view(order: Order) -> tuple[Any, ...]:
    return order.payment_status.value, order.cancelled_at is not None, order.ship_to and order.ship_to.line1


def passed_over(evidence: "Evidence") -> list[tuple[str, str]]:
    """I19: messages that cannot be read, and yet their stream goes on as if they had said nothing. Of those that the
    post made unreadable the product is not asked whether it can read them."""
    books, found = evidence.books, []
    parked = {row.ref for row in books.rows.values() if row.status == "parked"}
    translate = {name: app.connector(row.system).translate for name, row in books.connections.items()}
    for number, message in books.messages.items():
        ref = books.streams_of_messages.get(number)
        if message.source not in FROM_OUTSIDE or ref is None or ref in parked:
            continue
        if message.body in evidence.vendors.post.drifted:
            found.append((ref.key, f"message {number} ({message.topic}) was read, and nobody knows what it says"))
            continue
        try:
            translate[message.connection](message.connection, message.topic, message.body)
        except Untranslatable as unreadable:
            found.append((ref.key, f"message {number} ({message.topic}) was passed over: {unreadable}"))
    return found


def given_up(evidence: "Evidence") -> list[tuple[str, str]]:
    """I17: orders that ended here as if nobody wanted them, which the shop goes on selling, and no person is told."""
    problems, found = evidence.open_problems(), []
    for key, state in evidence.states().items():
        order = evidence.vendors.shop.books_.orders.get(_number(key))
        if state.ended not in ("cancelled", "ignored") or order is None or state.newest is None:
            continue
        ours = {line.id for line in state.newest.lines}
        wanted = [one["id"] for one in order["line_items"] if str(one["id"]) in ours and one["current_quantity"]]
        told = problems.get(key) or problems.get(whole_of(key))
        if wanted and not (order["test"] or order["cancelled_at"] or told):
            found.append((key, f"the shop goes on selling {len(wanted)} of its lines, here it is {state.ended}"))
    return found


def _number(key: str) -> int:
    """Of an order's or a part's key: the shop's number of the order."""
    return int(whole_of(key).removeprefix(f"{SHOP}-"))


def left_standing(evidence: "Evidence", key: str) -> str | None:
    """What other systems still have of an order that is cancelled here."""
    if evidence.lived_in_lost_time(key) and f"{key}/{ERP}/order.book" not in evidence.books.commands:
        return None  # it was booked in the time that was lost, and cancelled before we heard of it again: F9 tells
    for one in evidence.vendors.erp.books()["sales_orders"]:
        if one["external_id"] == key and one["status"] not in ("Cancelled", "Closed"):
            return f"its sales order is {one['status']}"
    for one in evidence.vendors.warehouse.books()["orders"]:
        if one["partner_order_id"] == key and one["status"] != "canceled":
            return f"the warehouse has it as {one['status']}"
    return None


def taken_twice(evidence: "Evidence") -> list[tuple[str, str]]:
    """I8: a delivery that was taken as new more than once, by its id."""
    taken = Counter(
        (delivery.url, delivery.headers.get("X-Shopify-Webhook-Id") or delivery.headers.get("x-shiphero-message-id"))
        for status, delivery in evidence.vendors.post.acknowledged
        if status == 202 and delivery.body not in evidence.gone
    )
    return [
        ("", f"delivery {name} was taken {times} times")
        for (_, name), times in taken.items()
        if name and times > 1 and name not in evidence.forgot
    ]


def pestered(evidence: "Evidence") -> list[tuple[str, str]]:
    """I15: commands sent again after a refusal for good, which only a person may do."""
    if evidence.scenario.operator:
        return []
    keys = {opened.id: key for key, opened in evidence.books.commands.items()}
    refused: set[int] = set()
    found = []
    for attempt in evidence.books.attempts:
        if attempt.fenced_out:
            continue  # told after its lease had ended: whoever sends next knows no more than that it had
        if attempt.command_id in refused:
            key = keys[attempt.command_id]
            found.append((key.partition("/")[0], f"{key} was refused, and sent again"))
        if attempt.outcome == "rejected":
            refused.add(attempt.command_id)
    return found
