"""What must be true after every run, whatever struck: read from the vendors' own books and from our tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from crossdock import app
from crossdock.domain.entries import decode_entries
from crossdock.domain.lattice import AXES
from crossdock.domain.state import ordered, ships
from crossdock.engine.disposal import MAX_TRIES
from crossdock.proof.addresses import sent_elsewhere
from crossdock.proof.bulk import elements_wrong
from crossdock.proof.consequences import (
    given_up,
    left_standing,
    not_newest,
    passed_over,
    pestered,
    taken_twice,
    without_cause,
)
from crossdock.proof.deposits import kept_apart, taken_too_often
from crossdock.proof.evidence import Evidence, Violation
from crossdock.proof.exchanges import lost_parts, part_totals, placed_total, told_of, whole_of
from crossdock.proof.goods import apart, came_twice, not_expected
from crossdock.proof.ordered import ordered_otherwise
from crossdock.proof.payouts import entered_otherwise, entered_twice, unheard_of
from crossdock.proof.plan import SHOP
from crossdock.proof.refunds import credited_twice, kept_otherwise, may_be_booked
from crossdock.proof.stock_checks import stock_wrong

ZERO = Decimal(0)
_COSTS_NO_TRY = ("rate_limited", "misconfigured")  # the vendor's limit, and a connection that a person must mend

Check = Callable[[Evidence], list[tuple[str, str]]]


def violations(evidence: Evidence) -> list[Violation]:
    """All of them, those seen on the way first."""
    found = list(evidence.found)
    for name, (_, check) in INVARIANTS.items():
        if check is not None:
            found += [Violation(name, order, detail) for order, detail in check(evidence)]
    return found


def _sold(evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    return {f"{SHOP}-{one['id']}": one for one in evidence.vendors.shop.books()["orders"]}


def _by(entries: list[Any], name: str) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for entry in entries:
        grouped[str(entry[name])].append(entry)
    return grouped


def _lost(evidence: Evidence) -> list[tuple[str, str]]:
    booked = _by(evidence.vendors.erp.books()["sales_orders"], "external_id")
    problems = evidence.open_problems()
    return [
        (key, "sold, but neither in the ERP nor an open exception")
        for key, one in _sold(evidence).items()
        if not one["test"] and not one["cancelled"] and not booked.get(key) and not problems.get(key)
    ] + [*lost_parts(evidence, booked)]


def _doubled(evidence: Evidence) -> list[tuple[str, str]]:
    found = []
    for kind, name in (("sales_orders", "external_id"),):
        for key, documents in _by(evidence.vendors.erp.books()[kind], name).items():
            if len(documents) > 1:
                found.append((key, f"{len(documents)} {kind} in the ERP"))
    found += [(key, "twice in the warehouse") for key in evidence.vendors.warehouse.books()["repeated"]]
    sold = _sold(evidence)
    for key, invoices in _by(evidence.vendors.erp.books()["invoices"], "order_external_id").items():
        billed = sum((Decimal(one["total"]) for one in invoices), ZERO)
        if key in sold and billed > Decimal(sold[key]["total"]):
            found.append((key, f"invoiced {billed}, sold for {sold[key]['total']}"))
    return found + credited_twice(evidence) + taken_too_often(evidence) + came_twice(evidence) + entered_twice(evidence)


def _unequal(evidence: Evidence) -> list[tuple[str, str]]:
    sold, found = _sold(evidence), []
    for document in evidence.vendors.erp.books()["sales_orders"]:
        key = document["external_id"]
        one = sold.get(whole_of(key))
        if one is None:
            found.append((key, "in the ERP, but not in the shop"))
        elif one["test"]:
            found.append((key, "a test order was booked"))
        elif Decimal(document["total"]) not in _totals(evidence, key, one) or document["currency"] != one["currency"]:
            found.append(
                (key, f"booked {document['total']} {document['currency']}, sold {one['total']} {one['currency']}")
            )
    money = kept_otherwise(evidence) + kept_apart(evidence) + entered_otherwise(evidence)
    return found + money + ordered_otherwise(evidence) + sent_elsewhere(evidence)


def _totals(evidence: Evidence, key: str, sold: Mapping[str, Any]) -> set[Decimal]:
    if key != whole_of(key):
        return part_totals(evidence, key)
    return may_be_booked(evidence.vendors.shop.books_.orders[int(sold["id"])], placed_total(evidence, sold))


def _fell(evidence: Evidence) -> list[tuple[str, str]]:
    """I3, and that folding the journal gives the snapshot."""
    decider = app.deciders()["order"]
    found = []
    for row in evidence.books.rows.values():
        if row.ref.kind != "order" or not row.state:
            continue
        state = decider.blank()
        for written in evidence.books.journal.get(row.id, []):
            for entry in decode_entries(written.entries):
                before, state = state.axes, decider.evolve(state, [entry])
                found += [(row.ref.key, fall) for fall in _falls(before, state.axes)]
        if decider.store(state) != decider.store(decider.load(row.state)):
            found.append((row.ref.key, "folding the journal does not give the state that is kept"))
    return found


def _falls(before: Any, after: Any) -> list[str]:
    names = {"return": "returned"}
    return [
        f"{axis} fell from {was} to {now}"
        for axis, chain in AXES.items()
        if (was := getattr(before, names.get(axis, axis))) != (now := getattr(after, names.get(axis, axis)))
        and chain.index(now) < chain.index(was)
    ]


def _unbalanced(evidence: Evidence) -> list[tuple[str, str]]:
    """I4 per line, in our state, the warehouse's books and the shop's. What left before the database forgot that it was
    booked may be taken off afterwards: a person is to know."""
    found = []
    sold, problems = _sold(evidence), evidence.open_problems()
    for key, state in evidence.states().items():
        if state.order is None or whole_of(key) not in sold:
            continue
        taken: Counter[str] = Counter()
        for parcel in state.taken():
            for line in parcel.shipment.lines:
                taken[line.line_id] += int(line.quantity)
        wanted = {line.id: int(ordered(line)) for line in state.order.lines if ships(line)}
        told_of_it = evidence.lived_in_lost_time(key) and "shipment.exceeds_order" in problems.get(key, ())
        for line_id, quantity in taken.items():
            if quantity > wanted.get(line_id, 0) and not told_of_it:
                found.append((key, f"line {line_id}: {quantity} shipped of {wanted.get(line_id, 0)} ordered"))
        told = told_of(sold[whole_of(key)], (line.id for line in state.order.lines))
        if state.ended == "done" and (told != +taken or dict(+taken) != wanted):
            found.append((key, f"done, but ordered {wanted}, shipped {dict(taken)}, told the customer {dict(told)}"))
    return found + apart(evidence)


def _fences(evidence: Evidence) -> list[tuple[str, str]]:
    books = evidence.books
    keys = {opened.id: key for key, opened in books.commands.items()}
    counted = Counter((a.command_id, a.fence) for a in books.attempts if not a.fenced_out)
    return [
        (keys[command].partition("/")[0], f"{keys[command]}: {times} outcomes were taken under one fence")
        for (command, _), times in counted.items()
        if times > 1
    ]


def _not_kept(evidence: Evidence) -> list[tuple[str, str]]:
    """I8: what was answered with 2xx is there, to the byte; what was refused is not, and was no vendor's."""
    kept = {message.body for message in evidence.books.messages.values()} | evidence.gone
    found = []
    for status, delivery in evidence.vendors.post.acknowledged:
        if 200 <= status < 300 and delivery.body not in kept:
            found.append(("", f"a webhook was answered {status}, and its bytes are nowhere"))
        if 400 <= status < 500 and delivery.body in kept:
            found.append(("", f"a webhook was refused with {status}, and kept all the same"))
        if 400 <= status < 500 and delivery.body in evidence.vendors.post.genuine:
            found.append(("", f"a vendor's own webhook to {delivery.url} was refused with {status}"))
    return found + taken_twice(evidence)


def _incomplete(evidence: Evidence) -> list[tuple[str, str]]:
    rows = evidence.books.rows.values()
    known = {row.ref.key for row in rows if row.ref.kind == "order" and (row.version or row.status == "parked")}
    unknown = [(key, "the shop lists it, we never heard of it") for key in _sold(evidence) if key not in known]
    return unknown + not_expected(evidence) + unheard_of(evidence)


def _stuck(evidence: Evidence) -> list[tuple[str, str]]:
    if not evidence.stuck:
        return []
    books, found = evidence.books, []
    for row in books.rows.values():
        if row.ref.kind == "order" and row.version and row.status in ("open", "waiting"):
            found.append((row.ref.key, f"still {row.status} at {row.step}: {row.reason}"))
    found += [(one.key.partition("/")[0], f"command {one.key} still to be sent") for one in books.dispatch.values()]
    found += [(books.rows[one.stream_id].ref.key, "a message still waits") for one in books.agenda]
    return found or [("", "vendors or post never came to rest")]


def _mailed_twice(evidence: Evidence) -> list[tuple[str, str]]:
    """I18: what the shop told twice, and what it was asked to: it refuses that only while no unit is left to fulfil."""
    shop = evidence.vendors.shop
    found = [
        (one["order"], f"tracking number {one['number']} was told {one['times']} times")
        for one in shop.books()["repeated_tracking"]
    ]
    for (order, _, number), times in shop.books_.asked_again.items():
        found.append((order, f"tracking number {number} was to be told once more {times} times"))
    return [(f"{SHOP}-{order}", what) for order, what in found]


def _cancel_race(evidence: Evidence) -> list[tuple[str, str]]:
    problems, states = evidence.open_problems(), evidence.states()
    found = []
    shipped = {o["partner_order_id"] for o in evidence.vendors.warehouse.books()["orders"] if o["shipments"]}
    sold = _sold(evidence)
    for key, state in states.items():
        one = sold.get(whole_of(key))
        if one is None or not one["cancelled"] or problems.get(key):
            continue
        if state.ended == "cancelled" and key in shipped:
            found.append((key, "cancelled, but the warehouse shipped it, and nobody is told"))
        elif state.ended == "cancelled" and (left := left_standing(evidence, key)):
            found.append((key, f"cancelled, but {left}, and nobody is told"))
        elif state.ended not in ("cancelled", "ignored"):
            found.append((key, f"cancelled in the shop, here it is {state.ended}, and nobody is told"))
    return found + given_up(evidence)


def _unmapped(evidence: Evidence) -> list[tuple[str, str]]:
    booked = _by(evidence.vendors.erp.books()["sales_orders"], "external_id")
    return [
        (key, "a line without SKU was booked")
        for key, one in _sold(evidence).items()
        if any(line["ships"] and not line["sku"] for line in one["lines"]) and booked.get(key)
    ] + passed_over(evidence)


def _unbounded(evidence: Evidence) -> list[tuple[str, str]]:
    """I22. A person who retries begins anew; of the last try the worker may die, which is known when the lease ends."""
    books = evidence.books
    keys = {opened.id: key for key, opened in books.commands.items()}
    tries = (one for one in books.attempts if not one.fenced_out and one.outcome not in _COSTS_NO_TRY)
    bound = (MAX_TRIES + 1) * (1 + [act for _, act in evidence.scenario.operator].count("retry_all"))
    return [
        (keys[number].partition("/")[0], f"{keys[number]} was tried {times} times")
        for number, times in Counter(attempt.command_id for attempt in tries).items()
        if times > bound
    ]


def _books_balance(evidence: Evidence) -> list[tuple[str, str]]:
    """I23: every order that was accepted is done, an exception, held, ended, or open; counted once, with a whole
    journal; and of what is wrong with it a person is told, once."""
    books, found = evidence.books, []
    whole = [state.order for state in evidence.states().values() if state.order is not None and not state.order.part]
    counted = Counter((order.channel, order.external_id) for order in whole)
    found += [(f"{channel}-{id_}", f"it has {n} streams") for (channel, id_), n in counted.items() if n > 1]
    for row in books.rows.values():
        versions = [written.version for written in books.journal.get(row.id, [])]
        if versions != [*range(1, row.version + 1)]:
            found.append((row.ref.key, f"it is at version {row.version}, its journal has {versions}"))
    return found + _told_otherwise(evidence) + _told_twice(evidence)


def _told_otherwise(evidence: Evidence) -> list[tuple[str, str]]:
    """Statuses without an exception, and exceptions that no status shows. A late order is as far as it is."""
    books, found = evidence.books, []
    told = {one.stream_id for one in books.exceptions if one.settled_by is None and one.problem.klass != "promise"}
    for row in books.rows.values():
        says_so = row.status in ("exception", "parked", "held")
        if row.ref.kind == "order" and says_so and row.id not in told:
            found.append((row.ref.key, f"its status is {row.status}, but no exception is open"))
        elif row.ref.kind == "order" and not says_so and row.id in told:
            found.append((row.ref.key, f"an exception is open, but its status is {row.status}"))
    return found


def _told_twice(evidence: Evidence) -> list[tuple[str, str]]:
    """One cause may stop several things of an order: a problem's key names which, after a slash."""
    books = evidence.books
    counted = Counter(
        (one.stream_id, one.problem.code, one.problem.key.partition("/")[2])
        for one in books.exceptions
        if one.settled_by is None
    )
    return [
        (books.rows[stream].ref.key, f"{times} exceptions {code} are open")
        for (stream, code, _), times in counted.items()
        if times > 1
    ]


# Each is what reliability promises; None: watched while the run goes on.
INVARIANTS: Mapping[str, tuple[str, Check | None]] = {
    "I1a": ("every order that was sold is in the ERP, or is one open exception", _lost),
    "I1b": ("nothing is booked, released or invoiced twice", _doubled),
    "I1c": ("an exception has its cause in the order, in what people did, or in a refusal", without_cause),
    "I2": ("every ERP order is one of the shop's: the same goods, total, currency and address", _unequal),
    "I3": ("a status only moves up its lattice; the journal folds to the state", _fell),
    "I4": (
        "per line: shipped at most what was ordered; done means all was shipped and told; what came back is told alike",
        _unbalanced,
    ),
    "I5": (
        "stock: no number above what was there, none out of turn, none of what is unknown; right at rest",
        stock_wrong,
    ),
    "I6": ("one outcome per fence; late ones are refused", _fences),
    "I7": ("replaying the whole inbox changes nothing", None),
    "I8": ("2xx: the exact bytes are kept; 4xx: nothing is, and what a vendor sent is not refused", _not_kept),
    "I9": ("every order, return and payout that the shop lists is known, whatever webhooks were lost", _incomplete),
    "I10": ("when faults stop, everything comes to rest", _stuck),
    "I11": ("at rest, the newest view that we know is what the shop shows", not_newest),
    "I12": ("nothing is changed elsewhere without a committed intent and its sender's running lease", None),
    "I15": ("a vendor that asks for rest gets it; what it refuses for good is not sent again", pestered),
    "I17": (
        "what the shop cancels is cancelled everywhere, what it goes on selling is not given up; or a person is told",
        _cancel_race,
    ),
    "I18": ("no shipment is told to the customer twice", _mailed_twice),
    "I19": ("what cannot be read or mapped is neither booked nor passed over", _unmapped),
    "I22": ("a command is tried a bounded number of times", _unbounded),
    "I23": (
        "statuses and open exceptions agree, and none is open twice; no order has two streams; journals have no gap",
        _books_balance,
    ),
    "I24": ("of calls and pages with several elements, none is lost or doubled because of another", elements_wrong),
}

# Of I1 to I25 those that no seed is held to: named, so that nobody takes them for proven.
NOT_CHECKED: Mapping[str, str] = {
    "I13": "one tenant per installation",
    "I14": "personal data is not sealed yet",
    "I16": "people's acts come by the inbox here, and the audit log stands before it (tests/governance)",
    "I20": "no check of its own: all others hold while clocks jump and disagree (F19); a leap second is not simulated",
    "I21": "there is one version only",
    "I25": "a run has one configuration; what was translated under which version is kept in the journal, not compared",
}

# The same of clauses of those that are checked.
LEFT_OUT: Mapping[str, str] = {
    "I6": "that one command of a kind is open at most: what two would do is seen (I1b), not that there are two",
    "I12": "a hash of each request: none is kept; tables in memory keep no requests either",
    "I15": "a vendor's budget: simulated accounts have no limit of their own, and connectors run without theirs",
    "I22": "rows in queues, memory, the size of a message: at rest the queues are empty (I10), nothing else is asked",
    "I23": "that metrics equal the tables: a run has none; `tests/observe/test_sql_gauges.py`",
}
