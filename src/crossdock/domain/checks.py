"""The checks before booking: all of them run over every new view, so that a person sees all that is wrong at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from crossdock.domain import entries as e
from crossdock.domain.decision import HoldHit, Masters, Policy, Problem, Want
from crossdock.domain.draft import Draft
from crossdock.domain.hold import Hold
from crossdock.domain.holding import VIEW, let_go, screening
from crossdock.domain.matching import EMAIL, LINKED, Candidate, candidates, doubtful, evidence, mail, sure
from crossdock.domain.measures import factor
from crossdock.domain.order import LineKind, Order, OrderLine, PaymentStatus
from crossdock.domain.pricing import UnitError
from crossdock.domain.problems import held, problem
from crossdock.domain.process import CHECKS
from crossdock.domain.state import ordered
from crossdock.domain.totals import balances, prove

REVALIDATE = "revalidate"  # an alarm of orders that earlier versions checked; masters wake their orders now
EDIT_WINDOW = "edit.window"
UNIT = "product.unit"
NOTHING_LEFT = "order.nothing_left"
MASTERS_STEPS = ("validate.customer", "validate.products")

_ENOUGH: Mapping[str, frozenset[PaymentStatus]] = {
    "pending": frozenset(
        {
            PaymentStatus.PENDING,
            PaymentStatus.AUTHORIZED,
            PaymentStatus.PARTIALLY_PAID,
            PaymentStatus.PAID,
            PaymentStatus.PARTIALLY_REFUNDED,
        }
    ),
    "authorized": frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED}),
    "paid": frozenset({PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED}),
}
# The usual verdicts, made once: they are values.
_FOUND = e.Verdict("validate.customer", "done")
_KNOWN = e.Verdict("validate.products", "done")
_PROVED = e.Verdict("prove.totals", "done")
_PAID = e.Verdict("confirm.payment", "done")
_CLEAR = e.Verdict("screen.holds", "done")
_NO_WINDOW = e.Verdict("edit.window", "skipped", "the route has none")

_REVERSED = frozenset({PaymentStatus.VOIDED, PaymentStatus.REFUNDED})

Check = tuple[e.Verdict, list[Problem]]


class _NoMasters:
    def product(self, sku: str) -> None:
        return None

    def prices(self, sku: str) -> None:
        return None

    def customers(self, key: str) -> tuple[()]:
        return ()

    def listed(self, kind: str) -> bool:
        return True


_NONE = _NoMasters()


def run_checks(d: Draft, policy: Policy) -> None:
    """Check the order in force; open what is wrong, settle what is right again, set the alarms."""
    order = d.order
    masters: Masters = d.context.masters.get(policy.erp, _NONE)
    skipped = _skipped_by_hand(d)
    customer_ref, customer = _customer(order, policy, masters, d.state.linked)
    item_refs, products = _products(order, policy, masters)
    per_units, products = _measures(order, masters, products, policy.erp)
    holds, screened = _holds(d, order)
    wants = _wants(order, policy, masters, customer[0], products[0]) + _unmeasured(order, policy, per_units)
    products = _something_left(order, products)
    checks = [customer, products, _totals(order, policy), _payment(order, policy), screened]
    if any(one.code in (UNIT, NOTHING_LEFT) for one in products[1]):
        skipped.pop("validate.products", None)  # nobody can say by hand how many a case holds, or what to book
    if skipped:
        checks = [(skipped[one[0].step], []) if one[0].step in skipped else one for one in checks]
        if "validate.customer" in skipped:
            customer_ref = d.state.customer_ref or customer_ref
        if "validate.products" in skipped:
            item_refs = {**item_refs, **d.state.item_refs}
    window, due_at = _edit_window(d, order, policy)
    verdicts = (*(verdict for verdict, _ in checks), window)
    if wants or d.state.wanting:
        d.decision.wants = wants
    d.note(e.OrderChecked(d.now, verdicts, customer_ref, item_refs, holds, bool(wants), per_units))
    let_go(d)
    _tell_problems(d, checks)
    _set_alarms(d, due_at)


def _skipped_by_hand(d: Draft) -> dict[str, e.Verdict]:
    steps = d.state.steps
    if not steps:
        return {}
    return {
        name: e.Verdict(name, "skipped", steps[name].reason)
        for name in CHECKS
        if name in steps and steps[name].status == "skipped"
    }


def _customer(order: Order, policy: Policy, masters: Masters, linked: str | None) -> tuple[str | None, Check]:
    step = "validate.customer"
    if linked is not None:
        return linked, (e.Verdict(step, "done", f"linked with {linked} by a person"), [])
    found = candidates(order, masters.customers)
    best = sure(found)
    if best is not None and best.active:
        by = best.reasons[0]
        why = "a person linked the buyer before" if by == LINKED else f"found by {by}"
        return best.ref, (_FOUND if by == EMAIL else e.Verdict(step, "done", why), [])
    if best is None and not masters.listed("customer") and evidence(order):
        why = f"the customers of {policy.erp} are being read for the first time"
        return None, (e.Verdict(step, "waiting", why), [])
    maybe = doubtful(found) if best is None and policy.doubtful_customer == "ask" else ()
    if best is None and not maybe and policy.guest_customer is not None:
        return policy.guest_customer, (e.Verdict(step, "done", "booked on the guest customer"), [])
    one = _unmatched(order, policy, best, maybe)
    return None, (e.Verdict(step, "failed", one.title), [one])


def _unmatched(order: Order, policy: Policy, best: Candidate | None, maybe: Sequence[Candidate]) -> Problem:
    """Why there is no customer to book on."""
    step, erp = "validate.customer", policy.erp
    if maybe:
        title = f"The buyer may be a customer of {erp}: {maybe[0].ref} by {maybe[0].reasons[0]}"
        if len(maybe) > 1:
            title = f"The buyer may be any of {len(maybe)} customers of {erp}"
        facts = {"candidates": [{"ref": c.ref, "score": c.score, "reasons": list(c.reasons)} for c in maybe[:10]]}
        return problem("customer.doubtful", step, title, erp, facts)
    if best is not None:
        return problem("customer.inactive", step, f"Customer {best.ref} is inactive in {erp}", best.ref)
    if order.customer is not None and mail(order.customer.email):
        return problem("customer.unknown", step, f"The customer is not known in {erp}", erp)
    return problem("customer.no_email", step, "The order names no customer by e-mail", order.channel)


def _products(order: Order, policy: Policy, masters: Masters) -> tuple[dict[str, str], Check]:
    step = "validate.products"
    refs: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    unread: list[str] = []
    for line in order.lines:
        sku = line.sku
        found = masters.product(sku) if sku else None
        if found is not None and sku is not None and found.active:
            refs[sku] = found.ref
        elif line.kind is LineKind.ITEM and policy.check_products:
            if not sku:
                title, facts = f"A product of {order.channel} has no SKU", {"line": line.id, "product": line.title}
                one = problem("product.no_sku", f"{step}/line {line.id}", title, f"{order.channel}:{line.title}", facts)
            elif found is None and not masters.listed("product"):
                unread.append(sku)
                continue
            elif found is None:
                title = f"SKU {sku} is not an item of {policy.erp}"
                one = problem("product.unknown", f"{step}/{sku}", title, f"{policy.erp}:{sku}", {"line": line.id})
            else:
                title = f"Item {sku} is inactive in {policy.erp}"
                one = problem("product.inactive", f"{step}/{sku}", title, f"{policy.erp}:{sku}", {"line": line.id})
            problems[one.key] = one
    if not problems:
        why = f"the items of {policy.erp} are being read for the first time; not seen yet: {', '.join(unread[:3])}"
        return refs, (e.Verdict(step, "waiting", why) if unread else _KNOWN, [])
    reason = "; ".join(one.title for one in list(problems.values())[:3])
    return refs, (e.Verdict(step, "failed", reason), list(problems.values()))


def _measures(order: Order, masters: Masters, products: Check, erp: str) -> tuple[dict[str, Decimal], Check]:
    """How many of the ERP's unit each line's unit holds, and the check with what could not be found."""
    factors: dict[str, Decimal] = {}
    problems: list[Problem] = []
    for line in order.lines:
        if line.unit is None:
            continue
        try:
            factors[line.id] = _factor(line, masters, erp)
        except UnitError as error:
            title, facts = f"Line {line.id}: {error}", {"line": line.id, "sku": line.sku, "unit": line.unit}
            key = f"validate.products/unit {line.id}"
            problems.append(problem(UNIT, key, title, f"{erp}:{line.sku}:{line.unit}", facts))
    if not problems:
        return factors, products
    verdict = e.Verdict("validate.products", "failed", (products[1] + problems)[0].title)
    return factors, (verdict, products[1] + problems)


def _something_left(order: Order, products: Check) -> Check:
    """No ERP books an order without a line. Money that went back whole says the same, and why."""
    if any(map(ordered, order.lines)) or order.payment_status in _REVERSED:
        return products
    title = "Every unit was taken off the order before it was booked"
    one = problem(NOTHING_LEFT, "validate.products/nothing_left", title, order.channel)
    return e.Verdict("validate.products", "failed", title), [*products[1], one]


def _factor(line: OrderLine, masters: Masters, erp: str) -> Decimal:
    master = masters.prices(line.sku) if line.sku else None
    unit = line.unit or ""
    if master is None:
        raise UnitError(f"the units of {line.sku or 'a product without a SKU'} are not known in {erp}: {unit}", unit)
    return factor(master, unit)


def _wants(
    order: Order, policy: Policy, masters: Masters, customer: e.Verdict, products: e.Verdict
) -> tuple[Want, ...]:
    """What the order lacks among the ERP's masters."""
    wants: list[Want] = []
    if customer.status != "done":
        unread = not masters.listed("customer")
        keys = (one.key for one in evidence(order) if one.how != LINKED)
        wants.extend(Want(policy.erp, "customer", key, unread) for key in keys)
    if products.status != "done":
        for sku in dict.fromkeys(line.sku for line in order.lines if line.sku):
            found = masters.product(sku)
            if found is None or not found.active:
                wants.append(Want(policy.erp, "product", sku, not masters.listed("product")))
    return tuple(wants)


def _unmeasured(order: Order, policy: Policy, per_units: Mapping[str, Decimal]) -> tuple[Want, ...]:
    """The items whose units the order lacks: they are read with prices."""
    skus = (line.sku for line in order.lines if line.sku and line.unit is not None and line.id not in per_units)
    return tuple(Want(policy.erp, "price", sku, unread=False) for sku in dict.fromkeys(skus))


def _totals(order: Order, policy: Policy) -> Check:
    step = "prove.totals"
    if balances(order, policy.rounding_ceiling):
        return _PROVED, []
    proof = prove(order, policy.rounding_ceiling)
    if proof.balanced:
        return _PROVED, []
    findings = proof.findings
    codes = sorted({finding.code for finding in findings})
    code = "totals.rounding" if codes == ["rounding"] else "totals.unbalanced"
    title = "The parts of the order do not come to its total"
    if code == "totals.rounding":
        title = "The order declares more rounding than the route allows"
    facts = {"findings": [finding.text for finding in findings]}
    one = problem(code, step, title, f"{order.channel}:{','.join(codes)}", facts)
    return e.Verdict(step, "failed", findings[0].text), [one]


def _payment(order: Order, policy: Policy) -> Check:
    step = "confirm.payment"
    status = order.payment_status
    if status in _REVERSED:
        title = f"The payment is {status.value}"
        one = problem("payment.reversed", step, title, f"{order.channel}:{status.value}")
        return e.Verdict(step, "failed", title), [one]
    if not order.confirmed:
        return e.Verdict(step, "waiting", "the channel has not confirmed the order yet"), []
    if status in _ENOUGH[policy.payment]:
        return _PAID, []
    return e.Verdict(step, "waiting", f"payment is {status.value}, the route asks for {policy.payment}"), []


def _plain(value: Any) -> Any:
    """What a rule saw, in a form that reads the same after it was stored."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _hold(d: Draft, hit: HoldHit) -> Hold:
    saw = _plain(hit.saw)
    known = d.state.holds.get(hit.rule)
    if known is not None and known.released_at is not None and known.saw == saw:
        return known
    stands = known if known is not None and known.released_at is None else None
    at = d.now if stands is None else stands.at
    escalated_at = None if stands is None else stands.escalated_at
    return Hold(
        rule=hit.rule,
        owner=stands.owner if stands is not None and escalated_at is not None else hit.owner,
        reason=hit.reason,
        at=at,
        saw=saw,
        expires_at=None if hit.expires_s is None else at + timedelta(seconds=hit.expires_s),
        when=hit.when,
        seen_at=(stands.seen_at or at) if stands is not None and stands.saw == saw else d.now,
        release_by=hit.release_by,
        release_on=hit.release_on,
        on_expiry=hit.on_expiry,
        escalate_to=hit.escalate_to,
        escalated_at=escalated_at,
    )


def _holds(d: Draft, order: Order) -> tuple[tuple[Hold, ...], Check]:
    hits = d.context.holds(order)
    if not hits and not d.state.holds:
        return (), (_CLEAR, [])
    holds = (*(_hold(d, hit) for hit in hits), *_kept(d, {hit.rule for hit in hits}))
    return holds, (screening(holds), [held(hold) for hold in holds if not hold.released_at])


def _kept(d: Draft, hit_now: set[str]) -> Iterator[Hold]:
    """Holds that stand although their rule no longer hits: it says that a newer view does not let them go."""
    for hold in d.state.holds.values():
        if hold.rule not in hit_now and hold.released_at is None and VIEW not in hold.release_on:
            yield hold


def _edit_window(d: Draft, order: Order, policy: Policy) -> tuple[e.Verdict, datetime | None]:
    known = d.state.steps.get(EDIT_WINDOW)
    if known is not None and known.status in ("done", "skipped"):
        return e.Verdict(EDIT_WINDOW, known.status, known.reason), None
    if not policy.edit_window_s:
        return _NO_WINDOW, None
    ends = order.placed_at + timedelta(seconds=policy.edit_window_s)
    if d.now >= ends:
        return e.Verdict(EDIT_WINDOW, "done"), None
    return e.Verdict(EDIT_WINDOW, "waiting", f"until {ends:%Y-%m-%d %H:%M:%S} UTC"), ends


def _tell_problems(d: Draft, checks: list[Check]) -> None:
    checks = [(verdict, [one for one in found if not _let_go(d, one)]) for verdict, found in checks]
    if d.state.problems:
        wanted = {one.key for _, found in checks for one in found}
        for key in [key for key, known in d.state.problems.items() if known.step in CHECKS and key not in wanted]:
            d.settle(key)
    for verdict, found in checks:
        for one in found:
            d.open(one, verdict.step, again=one.klass == "hold" and one.facts["seen_at"] == d.now.isoformat())


def _let_go(d: Draft, one: Problem) -> bool:
    hold = d.state.holds.get(one.key.removeprefix("hold/")) if one.klass == "hold" else None
    return hold is not None and hold.released_at is not None


def _set_alarms(d: Draft, window_ends: datetime | None) -> None:
    d.timer(EDIT_WINDOW, window_ends)
    d.timer(REVALIDATE, None)
    for hold in d.state.holds.values():
        over = hold.released_at is not None or hold.escalated_at is not None
        d.timer(f"hold/{hold.rule}", None if over else hold.expires_at)
    if not d.state.timers:
        return
    for name in [name for name in d.state.timers if name.startswith("hold/") and name[5:] not in d.state.holds]:
        d.timer(name, None)


def passed(d: Draft) -> bool:
    """Whether every check is done or skipped; booking may follow."""
    steps = d.state.steps
    for name in CHECKS:
        found = steps.get(name)
        if found is None or (found.status != "done" and found.status != "skipped"):
            return False
    return True
