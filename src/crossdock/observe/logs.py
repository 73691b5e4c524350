"""Structured log lines: JSON, or readable ones on a terminal. Only fields of the catalogue's allow-list get out.

Lines are written by a thread of their own: a full pipe or a slow disk never holds up the event loop.
"""

import queue
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from crossdock.observe.catalogue import FIELDS
from crossdock.observe.trace import is_traceparent, span_id, trace_id

LONGEST = 300
WAITING_LINES = 10_000
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# What people's data looks like in free text: addresses, quoted values, a database's (key)=(value), long numbers.
_PERSONAL = re.compile(r"\S+@\S+|'[^']*'|\"[^\"]*\"|=\s*\([^)]*\)|\+?\d[\d \-/().]{6,}\d|(?i:bearer)\s+\S+")


class LineWriter:
    """Writes lines to a stream from a thread. Full: further lines are dropped and counted, never waited for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._thread.start()

    def msg(self, line: str) -> None:
        """Take one line."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    debug = info = warning = error = msg

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, waiting at most ``timeout_s``."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # the reader of our output is gone: nobody is left to tell
                self.dropped += 1


class Scrub:
    """Drops fields that are not allowed and masks what looks personal or is a known secret in those that are."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({text for text in secrets if len(text) >= 4}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self.dropped = 0

    def __call__(self, _logger: Any, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """A structlog processor."""
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            if name == "trace" and isinstance(value, str) and is_traceparent(value):
                kept["trace_id"], kept["span_id"] = trace_id(value), span_id(value)
            elif name in FIELDS:
                kept[name] = self.clean(name, value)
            else:
                self.dropped += 1
        return kept

    def clean(self, name: str, value: Any) -> Any:
        """One field's value as it may be seen."""
        if isinstance(value, bool | int | float | None):
            return value
        text = _told(value) if isinstance(value, BaseException) else str(value)
        if self._secrets is not None:
            text = self._secrets.sub("***", text)
        if name in ("error", "reason", "doing"):
            text = _PERSONAL.sub("***", text)
        return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _told(error: BaseException) -> str:
    """An exception's type and place. Its text only where Crossdock wrote it: others may quote an order."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    place = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    words = f": {error}" if type(error).__module__.startswith("crossdock.") else ""
    return f"{type(error).__name__}{words}{f' ({place})' if place else ''}"


def make_log(
    writer: LineWriter, scrub: Scrub, *, bound: Mapping[str, Any], now: Callable[[], str], level: str, pretty: bool
) -> Any:
    """A structlog logger with ``bound`` fields on every line. ``now`` gives the ISO timestamp."""

    def stamp(_logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"timestamp": now(), "level": method, **fields}

    last = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.wrap_logger(
        writer,
        processors=[stamp, scrub, last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=False,
    ).bind(**bound)
