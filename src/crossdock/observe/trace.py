"""W3C trace context: make, read and continue a ``traceparent``. Cheap enough to run for every message."""

import re
from random import Random

_ODD = frozenset("13579bdf")  # last digits of flags with the lowest bit set
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def new_trace(random: Random, *, sampled: bool = True) -> str:
    """The traceparent of a new trace."""
    return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-{'01' if sampled else '00'}"


def is_traceparent(text: str) -> bool:
    """Whether ``text`` is a version 00 traceparent that may be continued."""
    return _FORM.fullmatch(text) is not None


def child_of(traceparent: str, random: Random) -> str:
    """The same trace, a new span id. ``traceparent`` must be a valid one."""
    return f"{traceparent[:36]}{random.getrandbits(64) or 1:016x}{traceparent[52:]}"


def trace_id(traceparent: str) -> str:
    """The 32 hex digits of the trace, or an empty string when there is none."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """The 16 hex digits of the span, or an empty string when there is none."""
    return traceparent[36:52]


def falls_in_sample(traceparent: str, share: float) -> bool:
    """Whether this trace belongs to the sampled share (0 to 1): the same answer in every process that sees it."""
    return int(traceparent[21:35], 16) < share * (1 << 56)


def is_sampled(traceparent: str) -> bool:
    """What was decided of this trace where it began."""
    return traceparent[54:] in _ODD


def marked(traceparent: str, *, sampled: bool) -> str:
    """The same context with that decision."""
    return f"{traceparent[:53]}{'01' if sampled else '00'}"
