"""Our verification and Shopify's own published one (npm @shopify/shopify-api) agree on every delivery.

``scripts/install-vendor-code.sh`` puts the package where this looks for it; ``CROSSDOCK_NODE_MODULES`` names another
place. Without it the test is skipped on a developer's machine and fails where CI=true.
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.kit.manifest import Refused

_NODE = shutil.which("node")
_INSTALLED = Path(__file__).parents[2] / "vendor_code" / "node_modules"
_MODULES = os.environ.get("CROSSDOCK_NODE_MODULES") or str(_INSTALLED)
_HERE = bool(_NODE) and (Path(_MODULES) / "@shopify/shopify-api").is_dir()

pytestmark = pytest.mark.skipif(
    not _HERE and os.environ.get("CI") != "true",
    reason="node or npm's @shopify/shopify-api is not here: run scripts/install-vendor-code.sh",
)


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    if not _HERE:
        pytest.fail(f"no node, or no @shopify/shopify-api in {_MODULES}: run scripts/install-vendor-code.sh")


def ours(headers: dict[str, str], body: bytes) -> bool:
    assert CONNECTOR.webhook is not None
    try:
        CONNECTOR.webhook.verify({name.lower(): value for name, value in headers.items()}, body, ("simulated-secret",))
    except Refused:
        return False
    return True


def test_both_take_and_refuse_the_same_deliveries(shop: Any) -> None:
    shop.sim.act("place_order", {"count": 5})
    cases: list[tuple[dict[str, str], bytes]] = [(dict(one.headers), one.body) for one in shop.sent]
    headers, body = cases[0]
    cases += [
        (headers, body + b" "),
        (headers, body.replace(b'"currency":"EUR"', b'"currency":"USD"')),
        ({**headers, "X-Shopify-Hmac-Sha256": cases[-1][0]["X-Shopify-Hmac-Sha256"]}, body),
        ({**headers, "X-Shopify-Hmac-Sha256": "AAAA"}, body),
    ]
    asked = json.dumps([{"headers": h, "body": base64.b64encode(b).decode()} for h, b in cases])
    script = Path(__file__).with_name("vendor_verify.cjs")
    answer = subprocess.run(
        [str(_NODE), str(script), "simulated-secret"],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "NODE_PATH": _MODULES},
    )
    theirs = json.loads(answer.stdout)
    assert theirs == [ours(headers, body) for headers, body in cases]
    assert theirs[:3] == [True] * 3
    assert theirs[-4:] == [False] * 4
