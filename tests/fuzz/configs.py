"""The config folder: YAML, CSV and conditions, as people and their editors break them."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from crossdock import app
from crossdock.governance.config import load
from crossdock.governance.faults import ConfigError
from tests.domain.factories import order
from tests.fuzz.target import or_raised

CONFIG = """\
connections:
  shop:
    system: shopify
    settings: {shop_domain: acme.myshopify.com, page_size: 50}
    secrets: {access_token: "env:TOKEN", webhook_secret: "env:HOOK"}
  erp:
    system: netsuite
    settings: {account_id: "1234567", client_id: c, certificate_id: k, ship_methods: "table:methods", concurrency: 5}
    secrets: {private_key: "file:key.pem"}
    quota: {concurrency: 4}
routes:
  - {channel: shop, erp: erp, rounding_ceiling: "0.05", edit_window_s: 30, ship_methods: "table:methods"}
holds:
  - {name: large, when: "total > 5000 && order.currency == 'EUR'", owner: finance, reason: big, expires: 48h}
serve: {intake: "127.0.0.1:8480", max_body_bytes: 2000000, trusted_proxies: [10.0.0.0/8]}
keep: {messages: 400}
"""
TABLE = "from,to\nstandard,UPS\nexpress,DHL\n"
CONDITIONS = ("total > 5000", "currency in ['EUR', 'USD'] && size(lines) > 3", "customer.email.endsWith('@x.com')")
ODD_YAML = (
    "*a", "&a [*a]", "!!python/object:os.system {}", "!!binary aGk=", "- - - -", "{", "}", "[", "\t", "? ", "|", ">",
    "1e400", "99999999999999999999", "0o17", "0x1F", "1_000", ".nan", "~", "yes", "'", '"', "\x07", "\x85",
    "<<: {a: 1}", "%YAML 9.9", "--- a\n--- b", "#", ": ", "1" * 5000, "\ufeff", "table:", "table:none", "env:", "file:",
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, text: str, odd: Sequence[str]) -> bytes:
    """A text with tokens removed, doubled, replaced, and lines moved."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        to = min(len(text), at + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from(odd) | st.text(max_size=5) | st.sampled_from(text.split() or [""]))
        how = draw(st.sampled_from(["replace", "insert", "double", "cut", "line"]))
        if how == "line":
            lines = text.splitlines() or [""]
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
            text = "\n".join(lines)
        else:
            middle = {"replace": piece, "insert": piece + text[at:to], "double": text[at:to] * 2, "cut": ""}[how]
            text = text[:at] + middle + text[to:]
    return text.encode("utf-8", "surrogateescape" if draw(st.booleans()) else "replace")


def config(name: str, body: bytes) -> None:
    """A folder is read whole, or refused with faults that name a file."""
    with TemporaryDirectory(prefix="crossdock-fuzz-") as made:
        folder = Path(made)
        (folder / "tables").mkdir()
        (folder / "crossdock.yaml").write_bytes(body if name == "yaml" else CONFIG.encode())
        (folder / "tables" / "methods.csv").write_bytes(body if name == "csv" else TABLE.encode())
        if name == "cel":
            rule = {"name": "r", "when": body.decode("utf-8", "replace"), "owner": "o", "reason": "r"}
            text = CONFIG.split("holds:")[0] + "holds:\n  - " + json.dumps(rule) + "\n"
            (folder / "crossdock.yaml").write_text(text, "utf-8")
        found = or_raised(ConfigError, partial(load, folder, app.Manifests()))
        if isinstance(found, ConfigError):
            assert found.faults
            assert all(fault.file and fault.wrong for fault in found.faults)
            return
        for hit in found.holds()(order()):
            assert hit.rule
