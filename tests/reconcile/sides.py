"""Views that agree on all sides, to be changed one fact at a time."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.kit.listing import Listed
from crossdock.reconcile.compare import Sides
from crossdock.reconcile.views import Ours

PLACED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SEEN = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEY = "shop-1001"

OURS = Ours(
    key=KEY,
    channel="shop",
    external_id="1001",
    number="#1001",
    placed_at=PLACED,
    updated_at=SEEN,
    total=Decimal("110.00"),
    currency="EUR",
    stated=Decimal("110.00"),
    owed=Decimal("110.00"),
    owed_currency="EUR",
    wanted=Decimal(3),
    goods=Decimal(3),
    left=Decimal(0),
    fulfilment="none",
    told=False,
    invoiced=Decimal(0),
    credited=False,
    booked=True,
    cancelled=False,
    ended=None,
    moving=False,
    waits=None,
    troubles={},
)
CHANNEL = Listed(
    KEY, "1001", "#1001", "open", Decimal("110.0"), "EUR", SEEN, PLACED, quantity=Decimal(3), fulfilment="none"
)
ERP = Listed(
    KEY,
    "4712",
    "SO1",
    "open",
    Decimal(110),
    "EUR",
    SEEN,
    PLACED,
    quantity=Decimal(3),
    shipped=Decimal(0),
    invoiced=Decimal(0),
)


def sides(
    ours: dict[str, Any] | None = {},  # noqa: B006 - read only; None: that side does not have it
    channel: dict[str, Any] | None = {},  # noqa: B006
    erp: dict[str, Any] | None = {},  # noqa: B006
    **asked: bool,
) -> Sides:
    """All three agree but for what is given."""
    changed = (
        None if change is None else msgspec.structs.replace(view, **change)  # type: ignore[type-var]
        for view, change in ((OURS, ours), (CHANNEL, channel), (ERP, erp))
    )
    return Sides(KEY, *changed, **asked)  # type: ignore[arg-type]
