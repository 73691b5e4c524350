"""What ``crossdock serve`` does, with the leases of simulated vendors: real ones would make every round last minutes.

Run as ``python -m chaos.serving``; the environment names the database (``DATABASE_URL``).
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import msgspec

from crossdock.app import configuration
from crossdock.serve import Serving
from crossdock.supervise import ROLES, stop_on_signals


async def serve(serving: Serving) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with serving.database(_say) as url:
        await serving.run(url, stop, _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Takes what ``crossdock serve`` takes of these."""
    options = argparse.ArgumentParser()
    options.add_argument("--config", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--intake", required=True)
    options.add_argument("--console", required=True)
    options.add_argument("--workers", type=int, default=1)
    asked = options.parse_args()
    found = configuration(asked.config)
    where = msgspec.structs.replace(found.serve, intake=asked.intake, console=asked.console)
    config = msgspec.structs.replace(found, serve=where)
    url = os.environ["DATABASE_URL"]
    asyncio.run(serve(Serving(config, list(ROLES), asked.workers, asked.data, url, 10.0, {"hurry": True})))


if __name__ == "__main__":
    main()
