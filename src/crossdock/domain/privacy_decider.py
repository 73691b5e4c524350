"""How a privacy request decides: a person carries it out, by the day the channel gives, and says so.

One stream for each request as it was delivered: told again under the same delivery it is the same stream, and what a
person has settled stays settled. Only ids are kept here; the message itself has the person's data, and goes by age.
"""

import copy
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from crossdock.domain.decision import Context, Decider, Decision, Problem, Summary
from crossdock.domain.events import Event, OperatorActed, PrivacyAsked
from crossdock.domain.order import order_key
from crossdock.domain.problems import problem
from crossdock.domain.schema import upcast

VERSION = 1
KIND = "privacy"  # of stream
PROBLEM = "privacy"
NAMED_IN_FACTS = 50
WANTED: Mapping[str, str] = {
    "data_request": "wants what is kept of customer {}",
    "redact": "wants what is kept of customer {} erased",
    "shop_redact": "wants everything of the shop {} erased",
}
LABELS: Mapping[str, str] = {
    "data_request": "data of customer {}",
    "redact": "erasure of customer {}",
    "shop_redact": "erasure of shop {}",
}
UNNAMED = "(the message names none by id)"


class PrivacyRecorded(msgspec.Struct, frozen=True, tag="privacy_recorded"):
    asked: PrivacyAsked
    due_on: date
    at: datetime


class PrivacySettled(msgspec.Struct, frozen=True, tag="privacy_settled"):
    actor: str
    reason: str
    at: datetime


PrivacyEntry = PrivacyRecorded | PrivacySettled


class PrivacyState(msgspec.Struct, omit_defaults=True):
    v: int
    asked: PrivacyAsked | None = None
    due_on: date | None = None
    settled_by: str | None = None


class _StoredEntries(msgspec.Struct):
    v: int
    entries: list[PrivacyEntry]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(PrivacyState)
_entries_decoder = msgspec.json.Decoder(_StoredEntries)


def decode_privacy_entries(stored: bytes) -> list[PrivacyEntry]:
    """Read one stored decision of a privacy request."""
    return _entries_decoder.decode(stored).entries


class PrivacyDecider:
    """The ``Decider`` of streams of kind ``privacy``. Stateless."""

    kind = KIND

    def blank(self) -> PrivacyState:
        return PrivacyState(VERSION)

    def load(self, stored: bytes) -> PrivacyState:
        if stored.startswith((b'{"v":1,', b'{"v":1}')):
            return _decoder.decode(stored)
        return msgspec.convert(upcast(stored, VERSION, {}), PrivacyState)

    def store(self, state: PrivacyState) -> bytes:
        return _encoder.encode(state)

    def store_entries(self, entries: list[PrivacyEntry]) -> bytes:
        return _encoder.encode(_StoredEntries(VERSION, entries))

    def decide(self, state: PrivacyState, event: Event, context: Context) -> Decision:
        """Ask a person once; note that one has done it. Pure."""
        if isinstance(event, PrivacyAsked) and state.asked is None:
            due_on = (context.now + timedelta(days=event.within_days)).date()
            return Decision(entries=[PrivacyRecorded(event, due_on, context.now)], opened=[_problem(event, due_on)])
        if isinstance(event, OperatorActed) and event.action == "resolve" and _open(state):
            return Decision(entries=[PrivacySettled(event.actor, event.reason, context.now)], settled=[PROBLEM])
        return Decision()

    def evolve(self, state: PrivacyState, entries: list[PrivacyEntry]) -> PrivacyState:
        new = copy.copy(state)
        for entry in entries:
            if isinstance(entry, PrivacyRecorded):
                new.asked, new.due_on = entry.asked, entry.due_on
            else:
                new.settled_by = entry.actor
        return new

    def summary(self, state: PrivacyState) -> Summary:
        asked = state.asked
        if asked is None:
            return Summary("open")
        label = LABELS[asked.request].format(asked.subject or UNNAMED)
        if not _open(state):
            return Summary("done", label=label, channel=asked.source)
        return Summary("exception", PROBLEM, f"to be done by {state.due_on}", label, asked.source)

    def masters_needed(self, state: PrivacyState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        return {}


def _open(state: PrivacyState) -> bool:
    return state.asked is not None and state.settled_by is None


def _problem(asked: PrivacyAsked, due_on: date) -> Problem:
    wanted = WANTED[asked.request].format(asked.subject or UNNAMED)
    facts: dict[str, Any] = {
        "subject": asked.subject,
        "orders": [order_key(asked.source, id_) for id_ in asked.orders[:NAMED_IN_FACTS]],
        "orders_named": len(asked.orders),
        "due_on": due_on.isoformat(),
    }
    if asked.reference:
        facts["reference"] = asked.reference
    title = f"{asked.source} {wanted}, by {due_on}"
    return problem(f"privacy.{asked.request}", PROBLEM, title, asked.source, facts)


PRIVACY: Decider = PrivacyDecider()
