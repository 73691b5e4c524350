"""When a vendor ends the API version that a connector speaks, and what people are told of it. Pure."""

from datetime import UTC, date, datetime

from crossdock.kit.manifest import Manifest

SOON_DAYS = 90  # before it ends people are told: an upgrade of Crossdock is planned, tried and made


def sunset_at(manifest: Manifest) -> datetime | None:
    """The instant from which the version is not promised any more; None where the vendor names none."""
    if manifest.sunset is None:
        return None
    day = date.fromisoformat(manifest.sunset)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def ending(manifest: Manifest, now: datetime) -> str | None:
    """What to tell people, and what to do, where the version ends soon or has ended; else None."""
    at = sunset_at(manifest)
    left = None if at is None else (at - now).days
    if left is None or left >= SOON_DAYS:
        return None
    when = f"ended on {manifest.sunset}" if left < 0 else f"ends on {manifest.sunset}, in {left} days"
    todo = "Upgrade Crossdock to a release that speaks a later one; crossdock connectors says which version one speaks."
    return f"{manifest.title}'s API version {manifest.api_version} {when}. {todo}"
