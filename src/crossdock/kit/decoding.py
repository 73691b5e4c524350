"""What a decoding error says, apart: which field, and what is wrong with it."""

import re

_PLACE = re.compile(r" - at `\$\.?([^`]*)`")  # as msgspec words it
_MISSING = re.compile(r"missing required field `([^`]*)`")


def told(error: Exception) -> tuple[str | None, str]:
    """The path of the field that a decoding error names, one that is missing too (None: the whole body), and its words
    without the path."""
    said = str(error)
    place, missing = _PLACE.search(said), _MISSING.search(said)
    path = ".".join(found[1] for found in (place, missing) if found and found[1])
    return path or None, said.split(" - at `")[0]
