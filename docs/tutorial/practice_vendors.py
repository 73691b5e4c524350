"""A shop, an ERP and a warehouse to practise on: `python docs/tutorial/practice_vendors.py FOLDER`.

Replaces the connections in FOLDER/crossdock.yaml (as `crossdock init` wrote it) by these three, keeps their secrets in
FOLDER/secrets, and serves until Ctrl-C. Fault switches and books: http://127.0.0.1:8493/_sim
"""

import asyncio
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials
from crossdock.simulators.server import SimulatorServer
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator

SHOP, ERP, WAREHOUSE = "shop1", "netsuite1", "shiphero1"  # the names that `crossdock init` gives
PORTS = {SHOP: 8490, ERP: 8491, WAREHOUSE: 8492}
CONTROL = 8493
INTAKE = "http://127.0.0.1:8480/in"


def connection(folder: Path, name: str, system: str, settings: dict[str, Any], secrets: dict[str, str]) -> Any:
    """One entry of `connections`; the secrets go into files that only you can read."""
    references = {}
    for key, value in secrets.items():
        path = folder / "secrets" / f"{name}-{key}.secret"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(value)
        references[key] = f"file:secrets/{path.name}"
    return {"system": system, "settings": settings, "secrets": references}


def connect(folder: Path, connections: dict[str, Any]) -> None:
    """Put the connections into the configuration and leave the rest as it is."""
    file = folder / "crossdock.yaml"
    ours = yaml.safe_dump({"connections": connections}, sort_keys=False)
    text, replaced = re.subn(
        r"(?ms)^connections:.*?(?=^# Which systems|^routes:)", lambda _: ours + "\n", file.read_text()
    )
    if not replaced:
        raise SystemExit(f"{file} is not as `crossdock init` writes it: no section 'connections' before 'routes'")
    file.write_text(text)


def vendors(server: SimulatorServer, folder: Path) -> dict[str, Any]:
    """Add the three vendors to the server; returns the connections to them."""
    token, shop_hook, hero, hero_hook = (token_hex(16) for _ in range(4))
    account = make_credentials(datetime.now(UTC))
    base = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items()}
    shop = ShopifySimulator(
        SHOP, server.surroundings(SHOP), webhook_url=f"{INTAKE}/shopify/{SHOP}", access_token=token,
        webhook_secret=shop_hook,
    )  # fmt: skip
    warehouse = ShipHeroSimulator(
        WAREHOUSE, server.surroundings(WAREHOUSE), webhook_url=f"{INTAKE}/shiphero/{WAREHOUSE}", refresh_token=hero,
        webhook_secret=hero_hook,
    )  # fmt: skip
    server.add(shop, port=PORTS[SHOP])
    server.add(NetSuiteAccount(ERP, server.surroundings(ERP), **account.account_settings()), port=PORTS[ERP])
    server.add(warehouse, port=PORTS[WAREHOUSE])
    shop_settings = {"shop_domain": "simulated.myshopify.com", "api_base": base[SHOP]}
    shop_secrets = {"access_token": token, "webhook_secret": shop_hook}
    erp_settings, erp_secrets = account.connection_settings(base[ERP]), account.connection_secrets()
    hero_secrets = {"refresh_token": hero, "webhook_secret": hero_hook}
    return {
        SHOP: connection(folder, SHOP, "shopify", shop_settings, shop_secrets),
        ERP: connection(folder, ERP, "netsuite", erp_settings, erp_secrets),
        WAREHOUSE: connection(folder, WAREHOUSE, "shiphero", {"base_url": base[WAREHOUSE]}, hero_secrets),
    }


async def serve(folder: Path) -> None:
    server = SimulatorServer()
    connect(folder, vendors(server, folder))
    await server.start(control_port=CONTROL)
    print(f"{folder}/crossdock.yaml now points at the three vendors; they serve until Ctrl-C", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(0)
