"""What a route may say about return authorisations, and what cannot be meant."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.governance.test_stock_rules import ERP

from crossdock import app
from crossdock.domain.returning import Returning
from crossdock.governance.config import Config
from crossdock.governance.faults import ConfigError


def loaded(folder: Path, returns: Any, **route: Any) -> Config:
    portal = {"channel": "portal1", "erp": "erp", "warehouse": "wms", "returns": returns, **route}
    connections = {"portal1": {"system": "portal"}, "erp": ERP, "wms": _warehouse()}
    (folder / "crossdock.yaml").write_text(yaml.safe_dump({"connections": connections, "routes": [portal]}))
    return app.configuration(folder)


def _warehouse() -> dict[str, Any]:
    """As the manifest asks for it."""
    manifest = app.Manifests()["shiphero"]
    needed = [one for one in manifest.settings if one.required and one.default is None]
    return {
        "system": "shiphero",
        "settings": {one.name: one.example or "1" for one in needed if not one.secret},
        "secrets": {one.name: "env:SECRET" for one in needed if one.secret},
    }


def test_what_is_said_is_read_and_a_route_without_it_authorises_none(tmp_path: Path) -> None:
    said = loaded(tmp_path, {"days": 14, "reasons": ["damaged", "wrong item"]}).policies["portal1"].returns
    assert said == Returning(14, ("damaged", "wrong item"))
    assert loaded(tmp_path, {}).policies["portal1"].returns == Returning()
    assert loaded(tmp_path, None).policies["portal1"].returns is None


@pytest.mark.parametrize(
    ("returns", "route", "wrong"),
    [
        ({"days": -1}, {}, "'days' cannot be -1"),
        ({"days": 4000}, {}, "'days' cannot be 4000"),
        ({"reasons": [" "]}, {}, "These are no reasons"),
        ({"weeks": 2}, {}, "weeks"),
        ({}, {"warehouse": None}, "the route has no warehouse"),
        (None, {"warehouse": None, "announce_returns": True}, "'announce_returns' needs somebody who receives goods"),
        (None, {"warehouse": None, "post_returns": True}, "'post_returns' needs"),
        (None, {"warehouse": None, "push_returns": True}, "'push_returns' needs"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(tmp_path: Path, returns: Any, route: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, returns, **route)
    assert wrong in str(refused.value)
