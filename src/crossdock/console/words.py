"""How values are written for people: numbers, ages, amounts, states. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.api.timeline import titled
from crossdock.domain.money import exponent

_TONES: Mapping[str, str] = {
    **dict.fromkeys(("done", "fine", "unique", "read", "settled", "good"), "good"),
    **dict.fromkeys(("open", "new", "running", "trying", "go"), "go"),
    **dict.fromkeys(("waiting", "held", "paused", "failing", "throttled", "searchable", "warn"), "warn"),
    **dict.fromkeys(("exception", "parked", "down", "unsafe", "failed", "bad"), "bad"),
}
_FAULTS = {
    "latency_s": "Added latency (s)",
    "error_503": "Answers 503",
    "rate_limited": "Answers 429",
    "lost_response": "Does it, the answer gets lost",
    "html_200": "Does it, answers 200 with HTML",
    "late_commit": "Answer lost, done later",
    "late_commit_s": "… this much later (s)",
    "slow": "Is slow",
    "slow_s": "… this slow (s)",
    "search_lag_s": "Search lag (s)",
    "duplicate_webhooks": "Webhooks sent twice",
    "dropped_webhooks": "Webhooks dropped",
    "shuffled_webhooks": "Webhooks out of order",
}


def number(value: Any) -> str:
    return "–" if value is None else f"{round(value):,}"


def count(value: Any) -> str:
    """A ``reading.Count``: ``10,000+`` when counting stopped there."""
    return f"{value.n:,}{'+' if value.capped else ''}"


def about(value: int) -> str:
    """A large number as people say it: ``about 1.2 M``."""
    if value < 20_000:
        return f"{value:,}"
    return f"about {value / 1e6:.1f} M" if value >= 1_000_000 else f"about {value / 1000:.0f} k"


def share(percent: float) -> str:
    return f"{percent:.0f} %" if percent in (0, 100) or percent < 99 else f"{percent:.1f} %"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"


def ms(value: float | None) -> str:
    return "–" if value is None else duration(value / 1000)


def ago(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    if abs(seconds) < 2:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def exactly(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def clock(at: datetime, now: datetime, fine: bool = False) -> str:
    """The time of day, with the date when it is another one."""
    at = at.astimezone(UTC)
    told = at.strftime("%H:%M:%S") + (f".{at.microsecond // 1000:03d}" if fine else "")
    return told if at.date() == now.astimezone(UTC).date() else at.strftime("%d %b ") + at.strftime("%H:%M")


def day(at: datetime) -> str:
    """An instant that lies days away: ``Tue 24 Nov 17:00 UTC``."""
    return at.astimezone(UTC).strftime("%a %d %b %H:%M UTC")


def amount(value: Decimal, currency: str) -> str:
    """An exact decimal with its currency's digits; more digits stay visible."""
    fraction = -int(value.normalize().as_tuple().exponent)
    return f"{value:,.{max(exponent(currency), fraction)}f}"


def money(value: str | None, currency: str | None) -> str:
    return "–" if value is None else f"{amount(Decimal(value), currency or '')} {currency or ''}".strip()


def tone(word: str) -> str:
    return _TONES.get(word, "")


def spoken(word: str) -> str:
    """``order_checked`` as ``Order checked``, ``erp`` as ``ERP``."""
    text = str(word).replace("_", " ")
    if text in ("erp", "wms", "sku"):
        return text.upper()
    return re.sub(r"\berp\b", "ERP", text[:1].upper() + text[1:], flags=re.IGNORECASE)


def step_title(step: str | None) -> str:
    return titled(step) if step else ""


def fault(name: str) -> str:
    return _FAULTS.get(name, spoken(name))


def trim_number(value: float) -> str:
    return f"{value:g}"


def pretty(content: Any) -> str:
    """JSON laid out for reading; text as it is."""
    if isinstance(content, str):
        return content
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def in_line(facts: Mapping[str, Any]) -> str:
    """Facts in one line, what the other system said first: ``Invalid key, field location``."""
    rest = ", ".join(f"{spoken(name).lower()} {_flat(value)}" for name, value in facts.items() if name != "detail")
    return ", ".join(filter(None, (str(facts.get("detail", "")), rest)))


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def curve(values: Sequence[float], width: int = 120, height: int = 30) -> str:
    """An SVG path through the values; empty for fewer than two."""
    if len(values) < 2:
        return ""
    top = max(*values, 1) * 1.3
    step = width / (len(values) - 1)
    points = [f"{i * step:.1f} {height - 1 - (height - 3) * v / top:.1f}" for i, v in enumerate(values)]
    return "M" + " L".join(points)


FILTERS = (
    *(number, count, about, share, duration, ms, ago, exactly, clock, day, amount, money, tone, spoken, step_title),
    *(fault, trim_number, pretty, in_line, curve),
)
