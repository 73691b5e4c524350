"""What is kept of a parcel's way: per milestone of ``lattice.PARCEL`` the earliest instant that was told."""

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Mark(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, order=True):
    """When a parcel was first said to be so far, and what was said."""

    at: datetime
    detail: str = ""
    source: str = ""


class ParcelMoved(msgspec.Struct, frozen=True, gc=False, tag="parcel_moved", omit_defaults=True):
    """A carrier's word that was not known yet. ``parcel``: see ``tracking.key_of``."""

    parcel: str
    status: str
    happened_at: datetime
    source: str
    at: datetime
    detail: str | None = None


def marked(marks: Mapping[str, Mark], entry: ParcelMoved) -> dict[str, Mark]:
    """The marks with one more word of the carrier: the earliest of each milestone stays."""
    told = Mark(entry.happened_at, entry.detail or "", entry.source)
    return {**marks, entry.status: min(marks.get(entry.status, told), told)}
