"""What must be true of the tables, whatever happened: what no foreign key watches over, and rows that must agree.

``sql/invariants.sql`` looks for the contrary, each time with bounded work: at everything that waits or is to be sent,
the oldest first, and among what was kept at the newest. What is broken stays broken, so a look once a day meets it.
"""

import asyncpg
import msgspec

from crossdock.store.errors import translated
from crossdock.store.reading import Count, Database, counted, statements

LOOKED = 20_000  # rows that each part of a check looks at
TOLD = 1_000  # rows that a check tells of at most
NAMED = 20  # of which so many by their ids


class Invariant(msgspec.Struct, frozen=True):
    """``of``: what the ids are ids of. ``do``: what a person does where it is broken."""

    name: str  # of its statement, and the metric's label
    must: str
    of: str
    do: str


INVARIANTS = (
    Invariant(
        "waiting_without_stream",
        "What waits on the agenda, is parked or has an alarm belongs to a stream that is there.",
        "streams",
        "Read what came (messages of these ids), enter it by hand where it is missing, then delete the rows: "
        "nobody will ever take them.",
    ),
    Invariant(
        "waiting_without_message",
        "What waits on the agenda or is parked has its message.",
        "messages",
        "Compare the orders of these streams with the channel; crossdock backfill reads what it still lists.",
    ),
    Invariant(
        "parked_apart",
        "Only streams that are parked have parked messages.",
        "streams",
        "Set the stream to status 'parked' with step 'parked', then retry the order: that puts its messages back.",
    ),
    Invariant(
        "dispatch_without_command",
        "What is to be sent is a command.",
        "commands",
        "Nobody knows any more what was to be sent: see crossdock differences for what its target lacks, then delete "
        "the rows of dispatch.",
    ),
    Invariant(
        "command_without_stream",
        "Every command belongs to a stream that is there.",
        "commands",
        "Look in the target for the command's key: what was made there has no order here.",
    ),
    Invariant(
        "command_never_sent",
        "A command is to be sent, or was sent.",
        "commands",
        "Its order waits for nothing. Insert it into dispatch with check_first true: the target is looked at first.",
    ),
    Invariant(
        "attempt_without_command",
        "Every call was made for a command.",
        "attempts",
        "Look in the target at what was called (the attempt has the request): what it made is noted nowhere else.",
    ),
    Invariant(
        "trouble_without_problem",
        "What waits for a person has an open exception that asks one.",
        "streams",
        "Nobody is asked. Open the order (crossdock show): its timeline tells what stopped it; act on it there.",
    ),
    Invariant(
        "problem_without_trouble",
        "An open exception belongs to a stream that is there, and an order with one says so.",
        "exceptions",
        "The order goes on without it, and acts on it change nothing. See in its timeline whether it was settled; "
        "then settle the row.",
    ),
    Invariant(
        "journal_apart",
        "A stream's journal has each of its versions once.",
        "streams",
        "What is shown may not be what was decided. Do not act on the order; compare its timeline with other systems.",
    ),
    Invariant(
        "ended_but_booking",
        "No booking is to be sent for an order that has ended.",
        "commands",
        "Pause the ERP's connection, make sure that the sales order is not wanted, delete the row of dispatch, resume.",
    ),
    Invariant(
        "sales_order_of_two",
        "A sales order of the ERP belongs to one order.",
        "streams",
        "See in the ERP whose it is. The other order has none there: book it by hand, or cancel it.",
    ),
)


class Broken(msgspec.Struct, frozen=True):
    """A row that contradicts an invariant."""

    id: int
    says: str


class Checked(msgspec.Struct, frozen=True):
    """How an invariant stands. ``count`` is None when the check did not come to its end: ``unread`` says why."""

    invariant: Invariant
    count: Count | None
    broken: list[Broken] = []  # the first of them
    unread: str = ""

    @property
    def holds(self) -> bool:
        return self.count is not None and self.count.n == 0


async def check(db: Database) -> list[Checked]:
    """Look at all of them, one after the other, so that no snapshot lasts. ``db``: a reading pool or connection, whose
    time limit holds for each. Raises ``StoreUnavailable``."""
    return [await _check(db, invariant) for invariant in INVARIANTS]


async def _check(db: Database, invariant: Invariant) -> Checked:
    statement = getattr(statements("invariants"), invariant.name)
    with translated(f"check {invariant.name}"):
        try:
            rows = await db.fetch(statement, LOOKED, TOLD)
        except asyncpg.QueryCanceledError:
            return Checked(invariant, None, unread="it took too long and was ended")
    return Checked(invariant, counted(len(rows), TOLD), [Broken(row["id"], row["says"]) for row in rows[:NAMED]])
