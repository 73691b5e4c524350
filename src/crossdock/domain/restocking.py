"""Which document of the ERP puts goods that came back into stock, so that each unit goes there once: a table.

Two things may tell of the same unit: a refund, whose credit memo can put it back, and a receipt of the warehouse. Where
the ERP takes receipts (``post_returns``), units that the warehouse expects or has are left to the receipt, whatever the
refund says and whichever comes first. Where it does not, the credit memo does it, by the warehouse's word if that is
known.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import msgspec

from crossdock.domain.announcing import announced_units
from crossdock.domain.commands import PostReturn, ReturnedUnits
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import Order
from crossdock.domain.posting import moved_day
from crossdock.domain.pricing import ONE
from crossdock.domain.problems import problem
from crossdock.domain.process import CREDIT, POST_BACK
from crossdock.domain.receipt import ReceiptPosted, StockLeft, Tally
from crossdock.domain.refund import Part, Refund, RefundedLine, Restock
from crossdock.domain.state import OrderState, allowed_back, goods, goods_of

Units = dict[str, Decimal]  # line id -> quantity
UNAUTHORISED, UNKNOWN, DIFFERS = "return.unauthorised", "return.unknown_line", "return.stock_differs"
MISSING = "return.not_received"
ALARM = "returns"  # when the wait for refunded goods is over


class Goods(StrEnum):
    """What the warehouse says of units."""

    UNTOLD = "untold"
    EXPECTED = "expected"
    RESTOCKED = "restocked"
    WRITTEN_OFF = "written_off"
    UNAUTHORISED = "unauthorised"


class Asked(StrEnum):
    """What the channel says of the same units."""

    NO_REFUND = "no_refund"
    PUT_BACK = "refunded_put_back"
    NOT_PUT_BACK = "refunded_not_put_back"


class Shelf(StrEnum):
    """What puts them into the ERP's stock."""

    NOTHING = "nothing"
    CREDIT = "credit"
    LATER = "later"
    RECEIPT = "receipt"
    WRITE_OFF = "write_off"
    PERSON = "person"
    NOBODY = "nobody"


# For people. Shown in the reference.
MEANINGS: Mapping[Shelf, str] = {
    Shelf.NOTHING: "nothing: they are not in stock, and no document says so",
    Shelf.CREDIT: "the credit memo (`refund.credit`), by a line of the item",
    Shelf.LATER: "nothing yet: the receipt will, when the warehouse has them; the credit memo leaves them out",
    Shelf.RECEIPT: "a receipt (`return.post`), into stock",
    Shelf.WRITE_OFF: "a receipt (`return.post`) that writes them off",
    Shelf.PERSON: "what a refund says, as if the warehouse had told nothing; an exception asks a person",
    Shelf.NOBODY: "nobody: the ERP has no document for goods without a credit; the order's page shows them",
}

_N, _C, _L, _R, _W, _P = Shelf.NOTHING, Shelf.CREDIT, Shelf.LATER, Shelf.RECEIPT, Shelf.WRITE_OFF, Shelf.PERSON
# ``post_returns`` -> what the warehouse says -> what the channel says, in the order of ``Asked``.
TABLE: Mapping[bool, Mapping[Goods, Mapping[Asked, Shelf]]] = {
    takes: {goods: dict(zip(Asked, row, strict=True)) for goods, row in rows.items()}
    for takes, rows in {
        True: {
            Goods.UNTOLD: (_N, _C, _N),
            Goods.EXPECTED: (_L, _L, _L),
            Goods.RESTOCKED: (_R, _R, _R),
            Goods.WRITTEN_OFF: (_W, _W, _W),
            Goods.UNAUTHORISED: (_P, _P, _P),
        },
        False: {
            Goods.UNTOLD: (_N, _C, _N),
            Goods.EXPECTED: (_N, _C, _N),
            Goods.RESTOCKED: (Shelf.NOBODY, _C, Shelf.NOBODY),
            Goods.WRITTEN_OFF: (_N, _N, _N),
            Goods.UNAUTHORISED: (_P, _P, _P),
        },
    }.items()
}


def sound(state: OrderState) -> dict[str, Tally]:
    """What came back as far as it was authorised: what goes beyond is a person's."""
    allowed = allowed_back(state)
    return {line_id: _within(tally, allowed.get(line_id, ZERO)) for line_id, tally in goods(state).lines.items()}


def _within(tally: Tally, most: Decimal) -> Tally:
    """Restocked units first: what is sure comes before what is not."""
    received = min(tally.received, most)
    restocked = min(tally.restocked, received)
    return Tally(received, restocked, min(tally.written_off, received - restocked))


def by_credits(state: OrderState) -> Units:
    """Line id -> units that credit memos put back, or are about to."""
    sums: Units = {}
    for refund in _counting(state):
        if state.command_of(CREDIT, refund.id) is not None:
            left = state.stock_left.get(refund.id, {})
            for line_id, quantity in _put_back(state, refund).items():
                sums[line_id] = sums.get(line_id, ZERO) + quantity - left.get(line_id, ZERO)
    return sums


def by_refunds(state: OrderState) -> Units:
    """Line id -> units that refunds say are put back."""
    return _sum(_put_back(state, refund) for refund in _counting(state))


def by_receipts(state: OrderState, *, restock: bool) -> Units:
    """Line id -> units that receipts put back, or wrote off, or are about to."""
    return _sum(posted.lines for posted in state.posted.values() if posted.restock is restock)


def _counting(state: OrderState) -> Iterator[Refund]:
    """Refunds that we credit: what people credited by themselves is theirs to count."""
    return (
        known.refund for known in state.refunds.values() if known.refused is None and not (known.echo or known.by_hand)
    )


def _put_back(state: OrderState, refund: Refund) -> Units:
    """In the unit that the ERP counts, as all units here."""
    lines = (line for line in refund.lines if line.restock is Restock.RETURN)
    return _sum({line.line_id: goods_of(state, line.line_id, line.quantity)} for line in lines)


def _sum(parts: Iterable[Mapping[str, Decimal]]) -> Units:
    sums: Units = {}
    for part in parts:
        for line_id, quantity in part.items():
            sums[line_id] = sums.get(line_id, ZERO) + quantity
    return sums


# -- credits ---------------------------------------------------------------------------------------------------


def shelved(d: Draft, policy: Policy, refund: Refund, owed: list[Part]) -> list[Part]:
    """The parts that are to be credited, each with whether the credit memo puts it back. Noted once, when it is made.

    Units of one line may be parted: some are put back by the credit memo, some by a receipt.
    """
    if not (d.state.announced or d.state.receipts):
        return owed
    may = _left_to_credits(d.state, policy)
    kept: Units = {}
    found: list[Part] = []
    for part in owed:
        if not isinstance(part, RefundedLine) or part.restock is not Restock.RETURN:
            found.append(part)
            continue
        each = goods_of(d.state, part.line_id, ONE)
        put = min(part.quantity, _of(max(may.get(part.line_id, ZERO), ZERO), each))
        may[part.line_id] = may.get(part.line_id, ZERO) - put * each
        if put < part.quantity:
            kept[part.line_id] = kept.get(part.line_id, ZERO) + (part.quantity - put) * each
        found += _parted(d, part, put)
    if kept and d.state.command_of(CREDIT, refund.id) is None:
        d.note(StockLeft(refund.id, kept, d.now))
        if awaited(d.state) and ALARM not in d.state.timers:
            d.timer(ALARM, d.now + timedelta(seconds=policy.return_wait_s))
    return found


def _of(units: Decimal, each: Decimal) -> Decimal:
    """How many of the unit that was ordered they make: of a case no part."""
    return units if each == ONE else units // each


def _left_to_credits(state: OrderState, policy: Policy) -> Units:
    """Line id -> units that credit memos may still put back."""
    told, refunds, done = sound(state), by_refunds(state), by_credits(state)
    expected = announced_units(state) if policy.post_returns else {}
    found: Units = {}
    for line_id, quantity in refunds.items():
        tally = told.get(line_id, Tally())
        others = max(expected.get(line_id, ZERO), tally.received)
        own = max(quantity - others, ZERO) + (ZERO if policy.post_returns else min(tally.restocked, quantity))
        if not policy.post_returns:
            own += min(tally.received - tally.restocked - tally.written_off, quantity)  # not looked at yet: as told
        found[line_id] = min(own, quantity) - done.get(line_id, ZERO)
    return found


def _parted(d: Draft, part: RefundedLine, put: Decimal) -> list[Part]:
    """One part as two, to the cent: what is put back, and what is not."""
    if put == part.quantity:
        return [part]
    if put <= ZERO:
        return [msgspec.structs.replace(part, restock=Restock.NONE)]
    share = put / part.quantity
    net, tax = _share(part.net, share), _share(part.tax, share)
    one = msgspec.structs.replace(part, quantity=put, net=net, tax=tax)
    rest = msgspec.structs.replace(
        part, quantity=part.quantity - put, net=_less(part.net, net), tax=_less(part.tax, tax), restock=Restock.NONE
    )
    return [one, rest]


def _share(amount: Amount, share: Decimal) -> Amount:
    """Rounded to what the amount is told in: the other part takes the rest."""
    both = None if amount.presentment is None else _rounded(amount.presentment, share)
    return Amount(_rounded(amount.shop, share), both)


def _rounded(whole: Decimal, share: Decimal) -> Decimal:
    return (whole * share).quantize(whole, ROUND_HALF_UP)


def _less(whole: Amount, part: Amount) -> Amount:
    both = None if whole.presentment is None else whole.presentment - part.on("presentment")
    return Amount(whole.shop - part.shop, both)


# -- receipts --------------------------------------------------------------------------------------------------


def post(d: Draft, policy: Policy) -> None:
    """Tell the ERP of goods that came back and that nothing has put back yet."""
    state = d.state
    if not policy.post_returns or not state.receipts or state.erp is None or state.erp_ref is None:
        return
    if any(
        intent.step == "shipment.post" and intent.status in ("open", "failed") for intent in state.commands.values()
    ):
        return  # the ERP takes nothing back that, as it knows, has not left
    told = sound(state)
    _post(d, policy, True, {line_id: _to_put(state, line_id, tally) for line_id, tally in told.items()})
    _post(d, policy, False, {line_id: _to_write_off(state, line_id, tally) for line_id, tally in told.items()})


def _to_put(state: OrderState, line_id: str, tally: Tally) -> Decimal:
    """Units to be put back by receipts that nothing has put back yet."""
    back, off = by_receipts(state, restock=True), by_receipts(state, restock=False)
    missing = tally.restocked - back.get(line_id, ZERO) - _credited(state, line_id, tally)
    return min(missing, tally.received - back.get(line_id, ZERO) - off.get(line_id, ZERO))


def _to_write_off(state: OrderState, line_id: str, tally: Tally) -> Decimal:
    """Units to be written off by receipts that no document tells of yet."""
    back, off = by_receipts(state, restock=True), by_receipts(state, restock=False)
    left = tally.received - back.get(line_id, ZERO) - _credited(state, line_id, tally)
    return min(tally.written_off, left) - off.get(line_id, ZERO)


def _credited(state: OrderState, line_id: str, tally: Tally) -> Decimal:
    """Of the units that the warehouse has: those that credit memos put back before it told of them."""
    refunds, put = by_refunds(state).get(line_id, ZERO), by_credits(state).get(line_id, ZERO)
    expected = max(announced_units(state).get(line_id, ZERO), tally.received)
    return max(put - max(refunds - expected, ZERO), ZERO)


def _post(d: Draft, policy: Policy, restock: bool, wanted: Units) -> None:
    lines = {line_id: quantity for line_id, quantity in wanted.items() if quantity > ZERO}
    erp, ref = d.state.erp, d.state.erp_ref
    if not lines or erp is None or ref is None or _undecided(d.state):
        return
    id_ = _fresh(d.state, restock)
    skus = {line.id: line.sku for line in d.order.lines}
    payload = PostReturn(
        d.order.key,
        ref,
        id_,
        d.now,
        tuple(ReturnedUnits(line_id, quantity, skus.get(line_id)) for line_id, quantity in sorted(lines.items())),
        restock,
        d.state.item_refs,
        moved_day(policy, d.now),
    )
    d.note(ReceiptPosted(id_, restock, lines, d.now))
    d.send(POST_BACK, erp, payload, id_)


def _undecided(state: OrderState) -> bool:
    """Whether a posting is on its way, or the ERP has other goods under its number: these units may be among them."""
    sent = (state.command_of(POST_BACK, id_) for id_ in state.posted)
    return any(
        found is not None
        and (found[1].status == "open" or (found[1].status == "failed" and found[1].klass == "conflict"))
        for found in sent
    )


def _fresh(state: OrderState, restock: bool) -> str:
    """The posting's number, counted apart for each kind: a database that lost time numbers anew, and the document that
    the ERP has under a number must be of that kind at least."""
    number = 1 + sum(known.restock is restock for known in state.posted.values())
    while (id_ := str(number) if restock else f"off-{number}") in state.posted:
        number += 1  # earlier versions counted both together
    return id_


# -- what does not come --------------------------------------------------------------------------------------------


def awaited(state: OrderState) -> list[str]:
    """Units whose money went back and that a receipt was to put into stock, but that have not come: in words."""
    left, told = _sum(state.stock_left.values()), sound(state)
    return [
        f"line {line_id}: {units(quantity)} refunded early, {units(told.get(line_id, Tally()).received)} came"
        for line_id, quantity in left.items()
        if quantity > told.get(line_id, Tally()).received
    ]


def ask_for_goods(d: Draft) -> None:
    """The wait for refunded goods is over: a person is asked where they are."""
    if missing := awaited(d.state):
        title = f"Refunded goods have not come back: {'; '.join(missing)}"
        d.open(problem(MISSING, MISSING, title, "return", {"lines": missing}), POST_BACK)


# -- what does not fit -----------------------------------------------------------------------------------------


def compare(d: Draft) -> None:
    """Open a problem for what came back and was not authorised, is nobody's, or is otherwise in the ERP's stock than on
    the warehouse's shelves; settle what fits."""
    state = d.state
    if not state.receipts:
        return
    told, allowed = goods(state), allowed_back(state)
    over = [
        f"line {line_id}: {units(tally.received)} came back, {units(allowed.get(line_id, ZERO))} authorised"
        for line_id, tally in told.lines.items()
        if tally.received > allowed.get(line_id, ZERO)
    ]
    wrong = [text for line_id, tally in sound(state).items() if (text := _stock_of(state, line_id, tally))]
    if not awaited(state):
        d.settle(MISSING)
        d.timer(ALARM, None)
    _tell(d, UNAUTHORISED, "More came back than was authorised", over)
    _tell(d, UNKNOWN, "Goods came back that the order does not have", [f"SKU {sku}" for sku in told.unknown])
    _tell(d, DIFFERS, "The ERP's stock is not what came back in good order", wrong)


def compare_again(d: Draft, before: Order) -> None:
    """Another view is in force: where its products are others, what came back may be of other lines."""
    if d.state.receipts and _products(d.order) != _products(before):
        compare(d)


def _products(order: Order) -> list[tuple[str, str | None]]:
    return [(line.id, line.sku) for line in order.lines]


def _stock_of(state: OrderState, line_id: str, tally: Tally) -> str | None:
    """What is wrong with a line's stock, if anything."""
    refunds = by_refunds(state).get(line_id, ZERO)
    put = by_receipts(state, restock=True).get(line_id, ZERO) + by_credits(state).get(line_id, ZERO)
    good = tally.received - tally.written_off + max(refunds - tally.received, ZERO)
    if put > good:
        return f"line {line_id}: {units(put)} put into stock, {units(good)} came back in good order"
    off = by_receipts(state, restock=False).get(line_id, ZERO)
    if off > tally.written_off:
        return f"line {line_id}: {units(off)} written off, {units(tally.written_off)} are not in good order"
    return None


def _tell(d: Draft, code: str, title: str, what: list[str]) -> None:
    """Told once, as long as the same is wrong."""
    if not what:
        d.settle(code)
        return
    d.open(problem(code, code, f"{title}: {'; '.join(what)}", "return", {"lines": what}), POST_BACK)
