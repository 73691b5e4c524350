"""What a call to another system came to, named by what must happen next.

The union is closed: the engine handles each case and there is no other. Anything a client cannot classify
is an error of ours and becomes a bounded retry, then an exception; never a success.
"""

from typing import Any

import msgspec


class Done(msgspec.Struct, frozen=True, gc=False, tag="done", omit_defaults=True):
    """The effect stands. ``refs`` are the target's ids by type (``{"salesOrder": "4711"}``); ``facts`` what it told."""

    refs: dict[str, str] = {}
    facts: dict[str, Any] = {}
    repeated: bool = False  # the target already had it: our earlier, lost answer


class RetryLater(msgspec.Struct, frozen=True, gc=False, tag="retry_later", omit_defaults=True):
    """Nothing happened there and it is safe to try again (503, lock, changed record)."""

    detail: str
    after_s: float | None = None  # where it is longer than the engine's own backoff
    code: str = "unavailable"


class RateLimited(msgspec.Struct, frozen=True, gc=False, tag="rate_limited", omit_defaults=True):
    """The vendor's limit refused it. Nothing happened there; does not count as a failed try."""

    after_s: float
    detail: str = ""


class Rejected(msgspec.Struct, frozen=True, gc=False, tag="rejected", omit_defaults=True):
    """The vendor says no and will say no again: a person must change something."""

    code: str  # stable: groups equal causes
    detail: str
    field: str | None = None
    hint: str | None = None


class Misconfigured(msgspec.Struct, frozen=True, gc=False, tag="misconfigured", omit_defaults=True):
    """Credentials, permissions or settings are wrong: pause the connection, not the order."""

    detail: str
    code: str = "credentials"


class Conflict(msgspec.Struct, frozen=True, gc=False, tag="conflict", omit_defaults=True):
    """Something else is already there, or something newer: not ours to overwrite."""

    code: str
    detail: str
    refs: dict[str, str] = {}
    hint: str | None = None
    facts: dict[str, Any] = {}  # for people: what stands against what


class OutcomeUnknown(msgspec.Struct, frozen=True, gc=False, tag="unknown", omit_defaults=True):
    """Bytes left and no trustworthy answer came. What follows is decided by the operation's idempotency class."""

    detail: str
    code: str = "no_answer"


Outcome = Done | RetryLater | RateLimited | Rejected | Misconfigured | Conflict | OutcomeUnknown
