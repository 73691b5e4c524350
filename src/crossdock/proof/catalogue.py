"""What the simulation injects and what it holds to, in words: the reference page is made from it.

``F`` numbers are those of the fault list that the project set out with (docs/explanation/proof.md).
"""

from collections.abc import Iterable, Mapping

import msgspec

from crossdock.engine.disposal import MAX_TRIES
from crossdock.proof.campaign import REASONS, RECOVERIES
from crossdock.proof.exercised import SUBJECTS
from crossdock.proof.invariants import INVARIANTS, LEFT_OUT, NOT_CHECKED
from crossdock.proof.plan import AFTERWARDS, EVENTS, KINDS, PROFILES, RATES
from crossdock.proof.run import PATIENCE_S, REPLAY_S

NOTE = "Made from `src/crossdock/proof` by `make docs`; do not edit."


class Fault(msgspec.Struct, frozen=True):
    """``covers``: the faults of the list that it stands for, whole or in part (``PARTS``)."""

    covers: str
    says: str


FAULTS: Mapping[str, Fault] = {
    "webhook_duplicate": Fault("F1", "a webhook comes twice under one delivery id"),
    "webhook_new_id": Fault("F1", "a webhook comes again, with equal content under another delivery id"),
    "webhook_late": Fault(
        "F2 F3", "a webhook comes up to 12 s late: after the poll that found its news, or out of order"
    ),
    "webhook_dropped": Fault("F4", "a webhook never comes"),
    "webhook_forged": Fault("F5", "a webhook comes a second time, its body changed under the old signature"),
    "webhook_poison": Fault(
        "F20", "a signed webhook with a body that nobody should take: cut, NaN, doubled keys, NUL, bad bytes, too deep"
    ),
    "webhook_drifted": Fault("F21", "the shop tells of an order in a status that it did not have yesterday"),
    "request_refused": Fault("F11", "no connection: nothing left"),
    "answer_lost": Fault("F6", "the vendor did it, the connection breaks before its answer"),
    "answer_html": Fault("F6", "the vendor did it, its gateway answers 200 with a page of HTML"),
    "html_instead": Fault("F6", "a gateway answers 200 with a page of HTML, and the vendor never heard of it"),
    "answer_502": Fault("F6", "the vendor did it, its gateway answers 502"),
    "answer_truncated": Fault("F6", "the vendor did it, the connection breaks within its answer"),
    "late_commit": Fault("F7", "the connection breaks; the vendor does it up to 2 s later"),
    "slow_answer": Fault("F7 F11", "the vendor did it, its answer takes longer than we wait for it, or nearly"),
    "error_503": Fault("F10", "503, and nothing was done"),
    "rate_limited": Fault("F10", "the vendor's own 429"),
    "record_changed": Fault("F10", "the ERP refuses because the record was changed meanwhile"),
    "record_locked": Fault("F10", "the ERP refuses because somebody has the record open"),
    "record_refused": Fault("F10", "the ERP refuses a document for good"),
    "store_refused": Fault("F16", "the database's connection breaks before a call"),
    "store_slow": Fault("F16", "the database answers late"),
    "commit_lost": Fault("F16", "the transaction stands, the answer to its COMMIT is lost"),
    "commit_doubtful": Fault("F16", "the answer to a COMMIT is lost, and the transaction does not stand"),
    "commit_aborted": Fault("F16", "the database aborts the transaction at COMMIT"),
    "wake_lost": Fault("F16", "a wake-up is lost: only polling finds the work"),
    "crash": Fault("F13", "kill -9; a successor starts up to 6 s later"),
    "sigterm": Fault("F14", "a process is asked to end, finishes what it holds, and is replaced"),
    "pause": Fault(
        "F15", "a process stands still for up to 14 s, longer than its leases, and goes on as if nothing were"
    ),
    "outage": Fault("F10 F11", "a vendor is away for up to 10 s"),
    "store_down": Fault("F16", "the database is away for up to 5 s, for all processes"),
    "token_revoked": Fault("F12", "the ERP revokes every token that it gave"),
    "locked_out": Fault("F12", "the shop takes our access token no longer, until a person has seen to it"),
    "unsubscribed": Fault("F4", "the shop deletes our webhook subscriptions"),
    "clock_jump": Fault("F19", "a process's wall clock jumps by up to two hours"),
    "clock_skew": Fault("F19", "processes' wall clocks differ, by up to two hours"),
    "search_lag": Fault("F8", "what a vendor has done is found by a search up to 0.7 s later"),
    "row_unreadable": Fault("F22", "to the very end, a SKU's row in the ERP's list of stock has no quantity"),
}

# What is not a fault of the machinery but part of the orders or of people's acts.
PLANNED: Mapping[str, Fault] = {
    "operator acts": Fault(
        "F34", "everything is retried twice in a row, the inbox is replayed in the middle of the trouble"
    ),
    "replay at the end": Fault("F34", "the whole inbox once more, shuffled, after everything is at rest"),
    "edits": Fault("F26", "address and tags of an order change while it is being booked or released"),
    "cancels": Fault("F26", "an order is cancelled at any stage, also while it is being booked"),
    "late payments": Fault("F26", "an order is paid up to 8 s after it was placed"),
    "parcels": Fault("F27", "the warehouse ships in one to several parcels and shipments"),
    "the warehouse's people": Fault("F27", "they hold and cancel orders, and void labels and ship under others"),
    "stock's people": Fault(
        "F29",
        "they count, receive and lose units in the ERP, sell at the till, and put a cancelled order's back on sale",
    ),
    "unmapped": Fault("F21", "a line has no SKU; a test order comes in"),
}


class Part(msgspec.Struct, frozen=True):
    """A part of a fault of the list. ``by``: what tries it here; ``instead``: where else it is tried."""

    says: str
    by: tuple[str, ...] = ()
    instead: str = ""


_NOWHERE = "nowhere"

# What each fault of the list is made of. One with a part that nothing here tries is covered in part.
PARTS: Mapping[str, tuple[Part, ...]] = {
    "F1": (Part("under one id", ("webhook_duplicate",)), Part("equal content under another id", ("webhook_new_id",))),
    "F2": (Part("late, or after the poll that found its news", ("webhook_late",)),),
    "F3": (Part("out of order", ("webhook_late",)),),
    "F4": (Part("lost", ("webhook_dropped",)), Part("the subscription is deleted", ("unsubscribed",))),
    "F5": (
        Part("a changed body under a signature that was good", ("webhook_forged",)),
        Part("unsigned", instead="`tests/conformance`, `tests/fuzz`"),
        Part("two secrets while one follows the other", instead="`tests/conformance`"),
        Part("a good one sent once more by a stranger, or with an old timestamp", instead="as F1: ids are remembered"),
    ),
    "F6": (
        Part("the connection breaks", ("answer_lost", "answer_truncated")),
        Part("a gateway answers", ("answer_html", "html_instead", "answer_502")),
    ),
    "F7": (Part("done after our time-out", ("late_commit", "slow_answer")),),
    "F8": (Part("a search that does not see it yet", ("search_lag",)),),
    "F10": (
        Part("429", ("rate_limited",)),
        Part("503", ("error_503", "outage")),
        Part("refused for now, or for good", ("record_changed", "record_locked", "record_refused")),
        Part("500 to one order, always", instead="`tests/fuzz`, `tests/conformance`"),
    ),
    "F11": (
        Part("no connection", ("request_refused", "outage")),
        Part("an answer that takes too long", ("slow_answer",)),
        Part("names that do not resolve, certificates that have ended", instead="`tests/kit`"),
    ),
    "F12": (
        Part("revoked", ("token_revoked", "locked_out")),
        Part("two renew a token at once, or it ends in the midst", instead="`tests/kit`"),
        Part("an assertion by a clock that is off", instead="`tests/simulators`; `make chaos` moves clocks"),
    ),
    "F13": (Part("killed at any boundary", ("crash",)),),
    "F14": (Part("SIGTERM with work in flight", ("sigterm",)),),
    "F15": (Part("a holder that stands still past its lease", ("pause",)),),
    "F16": (
        Part("the connection breaks, the server is away", ("store_refused", "store_down")),
        Part("a COMMIT of which nobody knows", ("commit_lost", "commit_doubtful")),
        Part("aborted at COMMIT", ("commit_aborted",)),
        Part("slow", ("store_slow",)),
        Part("a wake-up is lost", ("wake_lost",)),
        Part("a deadlock within a transaction", instead=_NOWHERE),
        Part("no connection of the pool is free", instead=_NOWHERE),
    ),
    "F19": (
        Part("jumps", ("clock_jump",)),
        Part("differs by process", ("clock_skew",)),
        Part("daylight saving", instead="instants are UTC; vendors' local times in `tests/simulators`"),
        Part("a stopwatch that stands still", instead=_NOWHERE),
    ),
    "F20": (
        Part("cut, NaN, doubled keys, NUL, bad bytes, too deep", ("webhook_poison",)),
        Part("too large", instead="`tests/intake`"),
        Part("sound JSON that means nothing: quantities below zero, no lines", instead="`tests/fuzz`"),
    ),
    "F21": (
        Part("a status that nobody knows", ("webhook_drifted",)),
        Part("a line without SKU, a test order", ("unmapped",)),
        Part("fields that are missing, renamed or of another type", instead="`tests/fuzz`"),
        Part("a version of a vendor's API that ends", instead=_NOWHERE),
    ),
    "F22": (
        Part("a row that cannot be read", ("row_unreadable",)),
        Part("a cursor that has ended", instead=_NOWHERE),
        Part("207, with an error for some of what was asked", instead="no vendor here answers so"),
    ),
    "F26": (
        Part("edited", ("edits",)),
        Part("cancelled", ("cancels",)),
        Part("paid late", ("late payments",)),
    ),
    "F27": (
        Part("in parts", ("parcels",)),
        Part("held, cancelled, under another label", ("the warehouse's people",)),
        Part("more than was ordered, a line that nobody ordered, one number twice", instead="`tests/domain`"),
        Part("returned before it was shipped", instead="`tests/domain`"),
    ),
    "F29": (
        Part("counted, lost, sold elsewhere", ("stock's people",)),
        Part("very many numbers at once", instead="`crossdock bench stock`"),
        Part("another unit of measure", instead="`tests/domain`"),
    ),
    "F34": (
        Part("everything retried twice", ("operator acts",)),
        Part("everything replayed", ("operator acts", "replay at the end")),
        Part("a check skipped", instead="`tests/domain`"),
        Part("a payload that a person edits", instead="there is no such act"),
        Part("a year replayed", instead=_NOWHERE),
    ),
}

ELSEWHERE: Mapping[str, str] = {
    "F9": "simulated vendors over HTTP: reconciliation and merging in `tests/process`",
    "F17": "real processes: `make chaos` kills backends and the postmaster, and fails over to a standby",
    "F18": "real processes: `make chaos` fills the disk",
    "F23": "polls overlap and are deduplicated: I9; orders of one second in `tests/simulators`",
    "F24": "one version exists",
    "F25": "not simulated: configuration is read when a process starts",
    "F28": "drawn by no seed of itself: profiles `refunds`, `exchanges`, `returns`, `payouts`, `deposits`; "
    "every kind in `tests/matrix`",
    "F30": 'drawn by no seed of itself: profile `restored`; real processes: `make chaos ARGS="failover --behind 5"`; '
    "a real dump in `tests/store`",
    "F31": "benchmarks: a backlog of 100,000 beside live orders",
    "F32": "an absent collector is harmless: `tests/observe`",
    "F33": "not built: sealed personal data",
}

CHECKED: Mapping[str, str] = {
    "I1a": "the ERP's sales orders and our open exceptions, by order, and by line for what exchanges added",
    "I1b": "the ERP's and the warehouse's books, counted by order; invoices, credit memos, deposits and payments "
    "summed against what was sold, given back and received; goods taken back against what the warehouse counted",
    "I1c": "each exception against what was done to its order and what vendors refused",
    "I2": "the ERP's sales orders against the shop's, total and currency; goods and numbers of them in each sales order"
    " and each release against the shop's lines, as placed or less refunds; what it billed less what it credited, and "
    "what it took and gave back where each capture is posted, against what the shop kept; the addresses that the ERP "
    "and the warehouse have against the shop's",
    "I3": "the journal is folded anew, step by step, and compared with the kept state",
    "I4": "our state, the warehouse's shipments and what the shop told the customer, per line; of goods that came back "
    "the warehouse's count, the ERP's stock and what the shop was told",
    "I5": "every level that the shop's history says we set, against the ERP's books since the last round of positions, "
    "less what the shop had sold; its level at rest against the ERP's books less orders that are not booked",
    "I6": "the attempts kept, per command and fence",
    "I7": "at the instant a request leaves during the replay: whether it would change anything; vendors' documents, "
    "levels, our statuses and commands before and after it, of orders with an open exception too",
    "I8": "every webhook with the status it was answered with, against the kept messages' bytes and what vendors sent",
    "I9": "the shop's list of orders against our streams, its returns against what the "
    "warehouse expects, its payouts against our settlements",
    "I10": f"within {PATIENCE_S / 60:g} simulated minutes of quiet, and {REPLAY_S / 60:g} of a replay: agenda, queue "
    "and post are empty, every order rests; a connection is paused only where what it signs in with was taken from it",
    "I11": "our newest view of each order against the shop's",
    "I12": "at the instant a request leaves: the command's lease in the database, and whose it is; of a request for no "
    "command, whether it would change anything",
    "I15": "the first request of every attempt against the rest that its vendor, whichever, had asked that process "
    "for, and, as its lease and every page of a poll, against the one that stands in the database for all; what a "
    "process was told of a rest against what it told the database; refusals for good against later attempts",
    "I17": "orders cancelled in the shop against our state, the warehouse's shipments and open exceptions; orders "
    "that ended here without their goods against the shop's",
    "I18": "the shop's own count of tracking numbers told to customers, and of those it was asked to tell once more, "
    "refused or not",
    "I19": "orders with a line that has no SKU against the ERP's books; unreadable messages against open exceptions",
    "I22": f"attempts per command, but those that its vendor's limit refused: at most {MAX_TRIES}, one more where the "
    "last one's worker died, and as many again for each time that people retried",
    "I23": "the channel's ids of orders counted over streams; versions in each journal; statuses against open "
    "exceptions and these against statuses; open exceptions by order, code and what of it they are about",
    "I24": "the warehouse's shipments against what the shop told the customer of each, piece by piece; SKUs that the "
    "ERP counts, where a row cannot be read, against the positions that arrived",
}

CORNERS: Mapping[str, str] = {
    "swarm": "any few kinds of faults at any strength: half of all seeds",
    "calm": "no faults at all, only what customers do",
    "webhooks": "webhooks doubled, renamed, late and lost",
    "forgery": "forged and mutilated webhooks",
    "drift": "a vendor that speaks of statuses nobody knows yet",
    "silence": "webhooks and wake-ups lost, subscriptions deleted: polling alone finds things",
    "blind": "hardly any webhook, subscriptions deleted, crashes, many orders, clocks that disagree",
    "answers": "answers lost, cut, turned into HTML and 502",
    "gateway": "a gateway that answers in the vendor's place",
    "late": "effects that come after the connection broke, crashes, and a search that lags",
    "slow": "answers slower than our patience",
    "limits": "429, 503, records changed meanwhile, tokens revoked",
    "refusals": "records locked, and documents refused for good",
    "outage": "vendors away, one after the other",
    "crashes": "two processes, killed again and again",
    "pauses": "processes that stand still past their leases, and late effects",
    "database": "a database that refuses, aborts, and loses its answers",
    "stalls": "a slow database and slow vendors",
    "torn": "lost COMMITs, late effects and crashes together",
    "clocks": "clocks that jump and disagree, with crashes",
    "window": "an edit window, with late webhooks and crashes",
    "cold": "a house that starts with nothing, while the vendors are ill",
    "stock": "a few kinds of faults, many orders for few units, and people who move stock; so are some of the swarm",
    "operators": "people who retry everything twice and replay the inbox in the middle of it",
}


REQUESTED: Mapping[str, str] = {
    "refunds": "up to three refunds of every order, under lost answers, late commits and crashes",
    "exchanges": "goods that left are exchanged, for dearer and cheaper ones, twice; taken back, refunded, paid later",
    "returns": "goods come back, whole, damaged, in two parts or not at all, before and after the money",
    "payouts": "the shop pays out while orders are sold and refunded; the bank takes its time, or sends it back",
    "restored": "the database is put back, to the midst of an order or by up to 10 s; refunds, deposits, returns too",
    "deposits": "each capture is posted: orders paid at once or in parts, before and after the bill, and refunded",
    "rests": "vendors refuse by their limits and name rests of up to 12 s, to three processes that may die of it",
}


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    columns = list(head)
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def markdown() -> str:
    """The reference page."""
    parts = [
        "# The simulation: invariants, faults, profiles",
        NOTE,
        "How it works: [the simulation](../explanation/proof.md). To run it: `crossdock prove`.",
        "## Invariants",
        "Checked after every seed.",
        _table(("name", "promise", "read from"), [(f"`{n}`", says, CHECKED[n]) for n, (says, _) in INVARIANTS.items()]),
        "Not checked, and why:",
        _table(("name", "why"), [(f"`{name}`", why) for name, why in NOT_CHECKED.items()]),
        "Of those that are checked, what is not, and why:",
        _table(("name", "what, and why"), [(f"`{name}`", why) for name, why in LEFT_OUT.items()]),
        "## Faults",
        "By chance, per opportunity; a run draws how often, up to the share given here. Events come at an instant.",
        _table(("kind", "covers", "at most", "what happens"), [_row(kind) for kind in KINDS]),
        "Beside them, in any run:",
        _table(("what", "covers", "how"), [(name, _covers(one), one.says) for name, one in PLANNED.items()]),
        "Parts of these faults that nothing here tries:",
        _table(("fault", "what", "where instead"), _untried()),
        "Faults of the list that are not in the simulation:",
        _table(("fault", "where instead"), ELSEWHERE.items()),
        "## Profiles",
        "A seed is a swarm or bad in one corner, half and half; `--profile` chooses.",
        _table(("profile", "what it is about"), [(f"`{name}`", CORNERS[name]) for name in PROFILES]),
        "No seed draws these by itself, `--profile` does: "
        + "; ".join(f"`{name}` ({says})" for name, says in REQUESTED.items())
        + f". `--profile {AFTERWARDS}`: each seed one of them.",
        "## Recoveries",
        "What a campaign of 1,000 seeds or more must have seen at least once, as each fault kind (of a single profile, "
        "those that it draws), or it is void: "
        + ", ".join(f"`{name}`" for name in RECOVERIES) + ".",
        "The same goes for these reasons to tell a person something: "
        + ", ".join(f"`{name}`" for name in REASONS) + ".",
        "A report counts what promises had to look at, and names what they had none of: "
        + "; ".join(f"{name} ({promises.replace(' ', ', ')})" for name, (promises, _) in SUBJECTS.items()) + ".",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _row(kind: str) -> tuple[str, str, str, str]:
    most = f"{RATES[kind]:.0%}" if kind in RATES else "event" if kind in EVENTS else "setting"
    return f"`{kind}`", _covers(FAULTS[kind]), most, FAULTS[kind].says


def _covers(one: Fault) -> str:
    return ", ".join(name if _whole(name) else f"part of {name}" for name in one.covers.split())


def _whole(fault: str) -> bool:
    return all(part.by for part in PARTS[fault])


def _untried() -> Iterable[tuple[str, str, str]]:
    return [(name, part.says, part.instead) for name, parts in PARTS.items() for part in parts if not part.by]
