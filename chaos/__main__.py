"""``python -m chaos``: real processes broken for real, and the vendors' own books at the end.

python -m chaos --rounds 20 --orders 5000     a campaign; exits 1 when a bar is broken, 2 when it is void
python -m chaos --only kill-deliver,net-eat   these faults and no others
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from random import SystemRandom
from typing import Any

import uvloop
from rich.console import Console

from chaos import plan, report
from chaos.failover import failover
from chaos.house import open_house
from chaos.rounds import campaign
from chaos.standby import follow

HELD, BROKEN, VOID = 0, 1, 2


def main() -> int:
    """Run what was asked for; 0: all held, 1: a bar is broken, 2: void."""
    asked = _options().parse_args()
    out = Console(stderr=asked.json, highlight=False, soft_wrap=True)
    seed = asked.seed if asked.seed is not None else SystemRandom().randrange(1_000_000)
    out.print(f"seed {seed}: the same plan again with --seed {seed}")
    work = _failover if asked.what == "failover" else _rounds
    said = uvloop.run(_until_told(work(seed, asked, out)))
    if asked.json:
        sys.stdout.write(json.dumps(said, indent=1) + "\n")
    kind = "behind" if asked.what == "failover" and asked.behind else asked.what
    if asked.keep:
        report.keep(kind, said)
    report.show(kind, said, out)
    return {"HELD": HELD, "VOID": VOID}.get(said["verdict"], BROKEN)


async def _until_told(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """SIGINT and SIGTERM take the house down with everybody in it."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


async def _rounds(seed: int, asked: argparse.Namespace, out: Console) -> dict[str, Any]:
    rounds = plan.draw(seed, asked.rounds, [kind for kind in asked.only.split(",") if kind])
    async with open_house(seed, workers=asked.workers, keep=asked.leave) as house:
        out.print(f"the house stands in {house.folder}")
        return report.told(await campaign(house, rounds, asked.orders, out.print))


async def _failover(seed: int, asked: argparse.Namespace, out: Console) -> dict[str, Any]:
    async with open_house(seed, workers=asked.workers, keep=asked.leave, standby=follow) as house:
        out.print(f"the house stands in {house.folder}")
        return report.followed(await failover(house, asked.orders, asked.behind, out.print))


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m chaos", description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("what", nargs="?", choices=("rounds", "failover"), default="rounds")
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--orders", type=int, default=5000, help="in all, at least")
    options.add_argument("--behind", type=float, default=0.0, help="failover: seconds that the standby does not know")
    options.add_argument("--seed", type=int, help="of the plan; drawn and printed when not given")
    options.add_argument("--only", default="", help=f"comma-separated: {', '.join(plan.KINDS)}")
    options.add_argument("--workers", type=int, default=1, help="decide and deliver processes of each serve")
    options.add_argument("--json", action="store_true", help="print the report as JSON; progress goes to stderr")
    options.add_argument("--keep", action="store_true", help="write the report to docs/proof/chaos.json and chaos.md")
    options.add_argument("--leave", action="store_true", help="leave the folder with all logs")
    return options


if __name__ == "__main__":
    sys.exit(main())
