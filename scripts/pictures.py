"""Takes the console's pictures for the README and the docs from a running demo: ``make pictures``.

Starts the demo without faults, lets orders go through, makes some exceptions (products without a SKU, or unknown to the
ERP), loses the ERP's answers for a few seconds, runs ``crossdock prove`` unless a campaign is kept, and walks Chromium
through the pages, light and dark. Writes ``docs/pictures/*.png``.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml
from playwright.async_api import BrowserContext, async_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
SHOP, ERP = "shop", "erp"  # what the demo calls them
SKU = "SKU-0001"  # one that the demo's ERP counts
SIZE = {"width": 1360, "height": 850}
READY_S = 180.0


def _chromium() -> str:
    """Where it is; empty where there is none."""
    finder = Path(__file__).with_name("find-browser.sh")
    done = subprocess.run([finder], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own script
    return done.stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """A running demo; yields the link that signs in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crossdock.cli", "demo", "--rate", "2", "--seed", "7", "--folder", str(folder),
        "--intake", f"127.0.0.1:{free_port()}", "--console", f"127.0.0.1:{free_port()}",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        yield await asyncio.wait_for(_link(process.stderr), READY_S)
    finally:
        process.send_signal(signal.SIGINT)
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would keep it from ending
        await asyncio.wait_for(process.wait(), 60)
        await reading


async def _link(lines: asyncio.StreamReader) -> str:
    """The console's link from what the demo says. Raises ``RuntimeError`` with all of it when it ends instead."""
    said = []
    while line := (await lines.readline()).decode():
        said.append(line)
        if line.startswith("console "):
            return line.split()[1]
    raise RuntimeError("the demo did not start:\n" + "".join(said))


async def act(control: str, name: str, path: str, body: dict[str, Any]) -> Any:
    """Speak to the simulated vendors' own control address."""
    async with aiohttp.ClientSession() as session, session.post(f"{control}/_sim/{name}/{path}", json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


async def until(what: str, found: Callable[[], Awaitable[Any]], limit_s: float = 90.0) -> Any:
    """What ``found`` gives as soon as it gives something."""
    async with asyncio.timeout(limit_s):
        while True:
            if value := await found():
                return value
            await asyncio.sleep(0.5)


class Walk:
    """One signed-in visitor who asks the console's API."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self._context, self.home = context, home

    async def ask(self, path: str) -> Any:
        return await (await self._context.request.get(f"{self.home}/api/v1/{path}")).json()

    async def act(self, path: str, body: dict[str, Any]) -> None:
        token = (await self.ask("me"))["csrf"]
        headers = {"X-CSRF-Token": token, "Origin": self.home}
        answer = await self._context.request.post(f"{self.home}/api/v1/{path}", data=body, headers=headers)
        if not answer.ok:
            raise RuntimeError(f"{path}: {await answer.text()}")

    async def done(self) -> list[Any]:
        found: list[Any] = (await self.ask("orders?status=done&limit=100"))["orders"]
        return found


async def events(walk: Walk, vendors: str, seconds: float) -> str:
    """Let some things happen; returns the key of the order that took the most tries."""
    await until("thirty finished orders", lambda: _finished(walk, 30))
    await act(vendors, SHOP, "act", {"verb": "place_order", "args": {"skuless": True, "paid": True}})
    wish = {"count": 5, "skus": ["SKU-NEW-1"], "lines": 1, "paid": True}
    await act(vendors, SHOP, "act", {"verb": "place_order", "args": wish})
    await walk.act(f"simulators/{ERP}/faults", {"lost_response": 1.0})
    await asyncio.sleep(2.0)
    await walk.act(f"simulators/{ERP}/faults", {"lost_response": 0.0})
    await asyncio.sleep(12.0)
    tries = {order["key"]: await _tries(walk, order["key"]) for order in await walk.done()}
    await asyncio.sleep(seconds)  # a curve of some minutes
    return max(tries, key=lambda key: tries[key])


async def _finished(walk: Walk, many: int) -> bool:
    return len(await walk.done()) >= many


async def _tries(walk: Walk, key: str) -> tuple[int, int]:
    """How often the booking was tried; of equals, the order with fewer tries in all is the better picture."""
    whole = (await walk.ask(f"orders/{key}"))["whole"]
    booking = {command["id"] for command in whole["commands"] if command["purpose"] == "order.book"}
    return sum(one["command_id"] in booking for one in whole["attempts"]), -len(whole["attempts"])


async def take(walk: Walk, context: BrowserContext, order: str, theme: str) -> None:
    """Every page once."""
    group = next(iter(await walk.ask("exceptions")), None)
    pages = {"now": "/", "orders": "/orders", "order": f"/orders/{order}", "exceptions": "/exceptions"}
    pages |= {"connections": "/connections", "simulators": "/simulators", "proof": "/proof"}
    pages |= {"stock": "/stock", "settlements": "/settlements", "reconciliation": "/reconciliation"}
    pages["stock-item"] = f"/stock/item?sku={SKU}"
    if group is not None:
        pages["cause"] = f"/exceptions/cause?fingerprint={quote(group['fingerprint'])}"
    for name, path in pages.items():
        page = await context.new_page()
        await page.goto(walk.home + path, wait_until="networkidle" if name != "now" else "load")
        await page.wait_for_timeout(2500 if name == "now" else 600)
        await page.screenshot(path=PICTURES / f"{name}-{theme}.png")
        await page.close()


async def proven(data: Path) -> None:
    """What the page Proof shows: the campaign that is kept in docs/proof, or else a small one of now."""
    kept = ROOT / "docs" / "proof" / "campaign.json"
    if kept.exists():
        (data / "proof").mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, data / "proof" / "report.json")
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crossdock.cli", "prove", "--seeds", "200", "--keep", "--data", str(data),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.wait()


async def run(chromium: str, seconds: float) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="crossdock-pictures-") as scratch:
        folder = Path(scratch) / "demo"
        async with demo(folder) as link, async_playwright() as playwright:
            home = link.partition("/setup")[0]
            browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            context = await browser.new_context(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
            page = await context.new_page()
            await page.goto(link)
            await page.close()
            walk = Walk(context, home)
            config = yaml.safe_load((folder / "config" / "crossdock.yaml").read_text("utf-8"))
            vendors = config["connections"][SHOP]["settings"]["api_base"]  # each vendor's port answers /_sim for all
            await proven(folder / "data")
            order = await events(walk, vendors, seconds)
            await take(walk, context, order, "light")
            state = await context.storage_state()
            dark = await browser.new_context(viewport=SIZE, color_scheme="dark", storage_state=state)  # type: ignore[arg-type]
            await take(Walk(dark, home), dark, order, "dark")
            await browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default=_chromium())
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to trade before the pictures")
    asked = parser.parse_args()
    if not asked.chromium:
        print("There is no Chromium: install one, or name it with --chromium.", file=sys.stderr)
        return 1
    asyncio.run(run(asked.chromium, asked.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
