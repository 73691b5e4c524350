"""What a decoding error says, apart: which field, and what is wrong with it."""

import re

_PLACE = re.compile(r" - at `\$\.?([^`]*)`")  # as msgspec words it


def told(error: Exception) -> tuple[str | None, str]:
    """The path of the field that a decoding error names (None: the whole body), and its words without the path."""
    said = str(error)
    place = _PLACE.search(said)
    return (place[1] or None) if place else None, said.split(" - at `")[0]
