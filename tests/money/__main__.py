"""The totals proof over many orders: each is proved, rendered for NetSuite and Business Central in every way they can
be set up, and added up as the ERP would add it up. Ends with status 1 when anything is off; names the order's seed."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.money.held import Found, look_at_all

AT_ONCE = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="make money ARGS=…", description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first order")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.orders < 1 or asked.jobs < 1:
        parser.error("--orders and --jobs must be 1 or more")
    found, began = Found(), time.monotonic()
    ends = asked.seed + asked.orders
    firsts = range(asked.seed, ends, AT_ONCE)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for part in pool.map(look_at_all, firsts, [min(AT_ONCE, ends - first) for first in firsts]):
            found.add(part)
            if sys.stdout.isatty():
                print(f"\r{found.orders:,} orders, {len(found.wrong)} faults", end="", flush=True)
    print(f"\r{found.orders:,} orders, {found.renderings:,} renderings in {time.monotonic() - began:.0f} s")
    print("  " + ", ".join(f"{name} {count:,}" for name, count in sorted(found.features.items())))
    print(f"  {found.dishonest:,} tried again with a sum that is off")
    for name, count in sorted(found.refused.items()):
        print(f"  held with a reason: {count:,} by {name}")
    for sentence in found.wrong[:20]:
        print(f"  FAULT {sentence}")
    print(
        f"{len(found.wrong)} faults"
        if found.wrong
        else "Every rendering comes to its channel's total, to the minor unit."
    )
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
