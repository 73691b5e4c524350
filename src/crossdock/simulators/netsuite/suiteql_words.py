"""The words of a SuiteQL statement."""

import re
from functools import lru_cache

from crossdock.simulators.netsuite.answers import Refusal

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(<=|>=|<>|!=|[=<>(),.]))")
WORDS = frozenset(
    ("select", "from", "join", "left", "inner", "on", "where", "and", "or", "not", "is", "null", "in", "order", "by")
) | {"asc", "desc", "as", "group"}


def refused(detail: str) -> Refusal:
    return Refusal(
        400, "INVALID_PARAMETER", f"Invalid search query. Detailed unprocessed description follows. {detail}"
    )


@lru_cache(maxsize=256)  # polls ask the same until something changes
def tokens(text: str) -> tuple[str, ...]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise refused(f"Unexpected character {text[at]!r}.")
        found.append(match.group(match.lastindex or 0))
        at = match.end()
    return tuple(found)


@lru_cache(maxsize=256)
def lowered(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)
