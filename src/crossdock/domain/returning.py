"""Return authorisations: what a partner asks, what the route allows, and what was answered. The judging is in
``cases/return_asked.py``."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from crossdock.domain.refund import ReturnedLine

_MOST_DAYS = 3_650
_MOST_REASONS = 200


class Returning(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one route authorises returns. Days are counted from the last shipment that carried the line."""

    days: int = 30
    reasons: tuple[str, ...] = ()  # the reasons that are accepted; none named: any, or none given


class ReturnRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is to come back. ``id``: whoever asks calls it so; another request of the order has another one."""

    id: str
    lines: tuple[ReturnedLine, ...]


class ReturnRefusal(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a line may not come back; ``line_id`` empty: the request as a whole."""

    line_id: str
    code: str
    reason: str


class ReturnAnswer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one request: all of it under one number, or nothing of it and why."""

    request: ReturnRequest
    at: datetime
    number: str | None = None
    refusals: tuple[ReturnRefusal, ...] = ()

    @property
    def authorised(self) -> bool:
        return self.number is not None


class ReturnAnswered(msgspec.Struct, frozen=True, gc=False, tag="return_answered"):
    """A journal entry: a partner asked for a return, and was answered."""

    answer: ReturnAnswer
    source: str
    at: datetime


def faults(how: Returning) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a policy: field, what is wrong, what would be right."""
    if not 0 <= how.days <= _MOST_DAYS:
        yield "days", f"'days' cannot be {how.days}.", f"Give a whole number from 0 to {_MOST_DAYS}."
    if len(how.reasons) > _MOST_REASONS or any(not 1 <= len(one.strip()) <= 200 for one in how.reasons):
        yield "reasons", "These are no reasons.", f"Name at most {_MOST_REASONS}, each with 1 to 200 characters."
