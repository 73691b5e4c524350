"""What an order's journal and state hold of its parts: lines of the channel's order that are orders of their own."""

from datetime import datetime

import msgspec


class Part(msgspec.Struct, frozen=True, gc=False):
    """A part by its lines, which stay its own for ever. ``since``: when the first view that showed it was made."""

    lines: tuple[str, ...]
    since: datetime


class PartOpened(msgspec.Struct, frozen=True, gc=False, tag="part_opened"):
    """These lines are an order of their own from now on: every later view is split by them."""

    part: str  # X1, X2 ...
    lines: tuple[str, ...]
    since: datetime
    at: datetime


class Handed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was handed over to parts last, and the channel's ids of it: settlements ask for refunds by them.

    ``parts``: those that were told of a return, for it may lose their lines.
    """

    view: str
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


class HandedOver(msgspec.Struct, frozen=True, gc=False, tag="handed_over", omit_defaults=True):
    """The channel told something of a part's lines: the part's stream was told. ``subject``: refund/4711, ..."""

    subject: str
    view: str  # names what was told: equal is told once
    parts: tuple[str, ...]
    at: datetime
    names: tuple[str, ...] = ()
