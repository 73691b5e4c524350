"""A hold of an order, and the journal entries that are about nothing else."""

from datetime import datetime
from typing import Any

import msgspec


class Hold(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A hold rule that matched this order, as it was then, and who let it go. ``seen_at``: when it saw these values."""

    rule: str
    owner: str
    reason: str
    at: datetime
    saw: dict[str, Any] = {}
    expires_at: datetime | None = None
    released_at: datetime | None = None
    released_by: str | None = None
    release_reason: str | None = None
    when: str = ""  # the rule's condition
    seen_at: datetime | None = None
    release_by: tuple[str, ...] = ()  # see ``holding.named``
    release_on: tuple[str, ...] = ("view",)  # see ``holding.EVENTS``
    on_expiry: str = "release"  # release, escalate
    escalate_to: str = ""
    escalated_at: datetime | None = None


class HoldReleased(msgspec.Struct, frozen=True, gc=False, tag="hold_released"):
    rule: str
    by: str
    reason: str
    at: datetime


class HoldEscalated(msgspec.Struct, frozen=True, gc=False, tag="hold_escalated"):
    """Its time was over and it stays: somebody else owns it now."""

    rule: str
    owner: str
    at: datetime


class HoldRestored(msgspec.Struct, frozen=True, gc=False, tag="hold_restored", omit_defaults=True):
    """A release was taken back."""

    rule: str
    by: str
    reason: str
    at: datetime
    expires_at: datetime | None = None
