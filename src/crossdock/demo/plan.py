"""What one run of the demo is asked to do, and the names it uses."""

from pathlib import Path

import msgspec

SHOP, ERP, WAREHOUSE = "shop", "erp", "warehouse"
VISITOR = "visitor"
PAIRS = ("shopify-netsuite", "amazon-businesscentral")  # the first is what the demo shows unless asked


class Plan(msgspec.Struct, frozen=True):
    """The command's options. ``orders=0``: go on until stopped; ``quiet_s``: how long to wait for quiet at the end."""

    orders: int
    rate: float
    faults: bool
    leave: bool
    json: bool
    workers: int
    samples: Path | None
    folder: Path
    intake: str
    console: str
    seed: int
    quiet_s: float
    pair: str = PAIRS[0]
