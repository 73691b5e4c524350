"""From when on a channel's orders are ours: what was placed before its route begins was others' to book. Pure."""

from datetime import date, datetime

from crossdock.domain.decision import Policy
from crossdock.domain.posting import zone


def begins(since: str, time_zone: str) -> datetime:
    """The instant that ``since`` names: one with its offset, or the midnight with which a day begins in the time zone.

    Raises ``ValueError`` for anything else: what a clock shows is no instant without the offset that it ran by.
    """
    if _is_day(since):
        day = date.fromisoformat(since)
        return datetime(day.year, day.month, day.day, tzinfo=zone(time_zone))
    at = datetime.fromisoformat(since)
    if at.tzinfo is None:
        raise ValueError(f"{since!r} names no offset")
    return at


def too_early(policy: Policy, at: datetime, what: str = "placed") -> str | None:
    """Why an order of this route is left alone, or a settlement that was ``deposited``; None: it is the route's."""
    if policy.since is None or at >= begins(policy.since, policy.time_zone):
        return None
    where = f" in {policy.time_zone}" if _is_day(policy.since) else ""
    return f"{what} before the route begins ({policy.since}{where})"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
