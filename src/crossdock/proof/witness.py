"""Sees everything and says nothing to the engine: counts faults and recoveries, and keeps the run's story."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from crossdock.observe.signals import Silence, Span
from crossdock.proof.plan import ERP

LAST_STEPS = 50
POSITIONS = ("positions", "positions_all")


class Note(msgspec.Struct, frozen=True, gc=False):
    """One line of the story."""

    at: float
    who: str  # a process, a vendor, "database", "world"
    what: str
    order: str = ""  # whose story it belongs to; empty: everybody's

    def line(self) -> str:
        return f"{self.at:10.4f}  {self.who:<10} {self.what}"


class Witness:
    """One per run. ``faults`` and ``recoveries`` count by kind."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self.faults: Counter[str] = Counter()
        self.recoveries: Counter[str] = Counter()
        self.polled: dict[tuple[str, str], float] = {}  # (connection, poll) -> when it last ended well
        self.listed: dict[tuple[str, str], float] = {}  # when the last one that listed from the beginning had begun
        self.rounds: list[tuple[float, float]] = []  # polls of the ERP's stock that listed everything: began, ended
        self._asked: dict[tuple[str, str], float] = {}
        self._halfway: dict[
            tuple[str, str], bool
        ] = {}  # whether the run under way, or the next, goes on with an old one
        self.notes: list[Note] = []
        self.steps: deque[str] = deque(maxlen=LAST_STEPS)  # boundaries crossed most recently
        self._trace = hashlib.sha256()

    def step(self, who: str, what: str) -> None:
        """A process crossed a boundary: too many for the story, all in the digest."""
        told = f"{self._seconds():10.4f}  {who:<10} {what}"
        self.steps.append(told)
        self._trace.update(told.encode())

    def note(self, who: str, what: str, order: str = "") -> None:
        self.notes.append(Note(self._seconds(), who, what, order))

    def fault(self, kind: str, who: str, what: str, order: str = "") -> None:
        """A fault was injected."""
        self.faults[kind] += 1
        self.note(who, f"FAULT {kind}: {what}", order)

    def poll_began(self, connection: str, poll: str) -> None:
        """A poll asks; what it lists is no newer than now, however long the answer takes. One that goes on where a
        failed one stood lists from the middle."""
        key = (connection, poll)
        if not self._halfway.setdefault(key, False):
            self._asked[key] = self._seconds()
        self._halfway[key] = True

    def poll_ended(self, connection: str, poll: str) -> None:
        """A poll listed everything."""
        key = (connection, poll)
        self.polled[key] = self._seconds()
        self.listed[key] = self._asked.get(key, 0.0)
        if connection == ERP and poll in POSITIONS:
            self.rounds.append((self.listed[key], self.polled[key]))
        self._halfway[key] = False

    def recovered(self, kind: str) -> None:
        """The product took a recovery branch."""
        self.recoveries[kind] += 1

    def digest(self, kept: bytes = b"") -> str:
        """Equal for equal runs, to the last line and the last byte of what they ``kept``."""
        told = self._trace.copy()
        for note in self.notes:
            told.update(f"{note.at!r}|{note.who}|{note.what}|{note.order}\n".encode())
        told.update(kept)
        return told.hexdigest()

    def story(self, order: str) -> list[str]:
        """What happened to one order, with everything that struck all of them."""
        return [note.line() for note in self.notes if not note.order or note.order in (order, f"shop-{order}")]


# What the engine itself reports, where that report is a recovery at work: metric -> kind.
_RECOVERIES = {
    "crossdock.lease.expired": "lease_taken_over",
    "crossdock.fence.rejected": "late_outcome_refused",
    "crossdock.target.retries": "sent_again",
    "crossdock.target.unknown_outcomes": "outcome_unknown",
}
_LOGGED = {
    "store.unavailable": "store_waited_for",
    "stream.parked": "stream_parked",
    "wake.lost": "wake_lost",
    "webhook.refused": "webhook_refused",
    "webhook.bad_body": "bad_body_refused",
    "webhook.not_stored": "webhook_not_stored",
    "poll.failed": "poll_failed",
    "connection.paused": "connection_paused",
}


class Testimony(Silence):
    """A process's ``Signals``: what it counts and logs reaches the witness, nothing else."""

    def __init__(self, witness: Witness, process: str) -> None:
        super().__init__()
        self._witness, self._process = witness, process
        self.log = self

    def add(self, metric: str, value: float = 1, **labels: str) -> None:
        """Count up."""
        if (kind := _RECOVERIES.get(metric)) is not None:
            self._witness.recoveries[kind] += int(value)
        elif metric == "crossdock.ingest.requests" and labels.get("result") == "duplicate":
            self._witness.recovered("duplicate_prevented")
        elif metric == "crossdock.poll.runs" and labels.get("result") == "done":
            self._witness.poll_ended(labels["channel"], labels["poll"])
        elif metric == "crossdock.poll.found" and labels.get("result") == "new":
            self._witness.recovered("found_by_poll")

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: str = "internal",
        cause: str = "",
        parent: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Iterator[Span]:
        if name.startswith("poll ") and attributes:
            self._witness.poll_began(str(attributes["crossdock.connection"]), name.removeprefix("poll "))
        with super().span(name) as span:
            yield span

    def debug(self, event: str, **fields: Any) -> None: ...

    def info(self, event: str, **fields: Any) -> None:
        self._told(event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._told(event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._told(event, fields)

    def _told(self, event: str, fields: Mapping[str, Any]) -> None:
        kind = _LOGGED.get(event)
        if event == "breaker.changed":
            kind = f"breaker_{fields['state']}"
        if kind is not None:
            self._witness.recovered(kind)
        said = " ".join(f"{name}={value}" for name, value in fields.items())
        self._witness.note(self._process, f"log {event} {said}"[:300], str(fields.get("order", "")))
