"""What the channel and the ERP's people both changed of a booked order, for the person who chooses."""

from collections.abc import Iterable
from typing import Any

import msgspec

from crossdock.domain.cases.merged import CLASHED
from crossdock.store.reading_orders import ExceptionRow


class ClashRow(msgspec.Struct, frozen=True):
    """One field of one line. None: the line is not there on that side."""

    line: str
    field: str
    base: str | None  # what we wrote
    channel: str | None
    erp: str | None


class ClashView(msgspec.Struct, frozen=True):
    """``seen`` goes with the choice: it is for these differences and no others."""

    seen: str
    rows: tuple[ClashRow, ...]


def clash(exceptions: Iterable[ExceptionRow]) -> ClashView | None:
    """The open one, if there is one."""
    for each in exceptions:
        facts: dict[str, Any] = each.facts if isinstance(each.facts, dict) else {}
        if each.state == "open" and each.code == CLASHED and facts.get("differences"):
            return ClashView(str(facts.get("seen", "")), msgspec.convert(facts["differences"], tuple[ClashRow, ...]))
    return None
