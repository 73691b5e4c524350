"""The demo's folder: emptied at the start, and the configuration that joins the simulated vendors."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crossdock.demo.pairs import PAIRED
from crossdock.demo.plan import ERP, SHOP, WAREHOUSE, Plan

MARK = ".crossdock-demo"


class NotOurs(Exception):
    """The folder holds something else: the demo empties its folder and will not empty this one."""


def fresh(folder: Path) -> None:
    """An empty folder for the demo. Raises ``NotOurs`` for one that the demo did not make."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise NotOurs(f"{folder} is not a folder of an earlier demo and is not emptied. Give another: --folder")
        from crossdock.store.embedded import Embedded

        Embedded(folder / "data").stop()
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def write(plan: Plan, settings: Mapping[str, Mapping[str, Any]], secrets: Mapping[str, Mapping[str, str]]) -> Path:
    """The config folder; ``settings`` and ``secrets`` are by connection name. Secret files are ours alone to read."""
    folder, pair = plan.folder / "config", PAIRED[plan.pair]
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    connections = {}
    for name, system in pair.systems.items():
        references = {key: _keep(folder, f"{name}-{key}", value) for key, value in secrets[name].items()}
        connections[name] = {
            "system": system,
            "settings": dict(settings[name]),
            "secrets": references,
            "quota": dict(pair.quotas[name]),
        }
    config = {
        "connections": connections,
        "routes": [{"channel": SHOP, "erp": ERP, "warehouse": WAREHOUSE, "guest_customer": pair.guest, **pair.route}],
        "holds": [],
        "serve": {"intake": plan.intake, "console": plan.console},
    }
    (folder / "crossdock.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return folder


def _keep(folder: Path, name: str, value: str) -> str:
    path = folder / "secrets" / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    return f"file:secrets/{name}"
