"""What the texts of a configuration must look like. Pure."""

from datetime import date
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from urllib.parse import urlsplit
from zoneinfo import ZoneInfoNotFoundError

from crossdock.domain.beginning import begins
from crossdock.domain.posting import zone


def is_name(name: str) -> bool:
    """Lower-case letters, digits, _ and -, beginning with a letter or digit."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    return 0 < len(name) <= 63 and set(name) <= allowed and name[0] not in "_-"


def is_network(text: str) -> bool:
    """An address, or a network of them."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def is_zone(name: str) -> bool:
    """A time zone that this machine knows."""
    try:
        zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a folder of the database is an OSError
        return False
    return True


def is_day(text: str) -> bool:
    """A calendar date, ``2026-10-31``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_beginning(text: str) -> bool:
    """A calendar date, or an instant with its offset: ``2026-11-02T06:00:00+01:00``."""
    try:
        begins(text, "UTC")
    except (ValueError, OverflowError):
        return False
    return True


def is_amount(text: str) -> bool:
    """An exact decimal that is not negative."""
    try:
        return Decimal(text).is_finite() and Decimal(text) >= 0
    except InvalidOperation:
        return False


def is_origin(text: str) -> bool:
    """A web address without a path, as people type it: ``https://orders.example.com``."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is no number
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and bare
