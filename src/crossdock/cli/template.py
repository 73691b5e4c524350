"""The configuration that ``init`` writes: made from the manifests and the schema, so that it names every setting."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import msgspec

from crossdock.app import Manifests
from crossdock.governance.schema import config_schema
from crossdock.kit.manifest import Manifest, Setting

# The systems of the example route. The others are written too, commented out: their secrets would be asked for.
_NAMES = {"shopify": "shop1", "netsuite": "netsuite1", "shiphero": "shiphero1"}
_HEAD = """\
# Crossdock's configuration. Keep this folder in version control; no secret is ever in it.
# Secrets are references: env:NAME reads an environment variable, file:/path a file that only you can read.
# Check it: crossdock check --config {folder}    For your editor: crossdock config-schema

# Accounts at other systems, by name. Beside "settings" and "secrets" each may have "region: eu" (a label for the lag
# figures) and "quota: {{concurrency: 5, rate_per_s: 2, burst: 10}}" (what the account grants, where that differs).
"""
_ROUTES = """
# Which systems serve which channel, and how its orders are handled.
routes:
  - channel: {channel}
    erp: {erp}
    # Where another integration booked this channel's orders until now, say when that ends, before the first start:
    # what was placed earlier is left alone, also when it is edited later. A day begins at midnight in time_zone; an
    # instant has its offset, as 2026-11-02T06:00:00+01:00. Leave it in place afterwards.
    # since: "2026-11-02"
    warehouse: {warehouse}            # leave out: nothing is released by Crossdock
    basis: shop                     # which amounts are booked: shop, or presentment (as the customer saw them)
    edit_window_s: 0                # seconds to wait for the customer's own changes before booking
    payment: paid                   # the least that may be booked: paid, authorized, pending
    # guest_customer: "1042"        # the ERP customer for buyers it does not know; without it they are exceptions
    ship_methods: table:ship_methods  # tables/ship_methods.csv
    notify_customer: true
    invoice: make                   # make: Crossdock bills after the last shipment; take: the ERP bills by itself
{rest}
# Orders that wait for a person. Conditions are CEL over the order: total, currency, country, tags, skus, lines,
# email, guest, payment_status and more. Amounts are approximate here: compare with them, do not calculate.
holds:
  - name: large-order
    when: total > 5000
    owner: finance
    reason: Orders over 5,000 are looked at before they are booked.
    # release_by: [operator, ada]   # roles of the console, or names of people; left out: the owner where that is a role
    # release_on: [view, payment]   # what lets it go without a person: view, payment, allocation
    expires: 48h                    # left out: it stands for ever
    # on_expiry: escalate           # release (so unless you say otherwise), or escalate: it stays, and is passed on
    # escalate_to: operations

# Where Crossdock listens. Anything but this machine needs TLS files, or the name of the proxy in front.
serve:
  intake: 127.0.0.1:8480
  console: 127.0.0.1:8481
  # partner: 127.0.0.1:8482         # where partners give orders by API; keys: crossdock partner-key make
  # public_url: https://orders.example.com
  # proxy: nginx on edge1
  # tls_certificate: /etc/crossdock/tls.pem
  # tls_key: /etc/crossdock/tls.key
  # trusted_proxies: [10.0.0.0/8]  # whose X-Forwarded-For is believed when senders are told apart
  # max_body_bytes: 1000000         # a larger webhook is refused with 413
  # body_timeout_s: 10              # a body that has not arrived by then is refused
  # source_rate_per_s: 20000        # webhooks from one address before it gets 429; bursts up to source_burst
  # source_burst: 40000
  # waiting_bound: 5000             # webhooks waiting for their commit before senders are told to come again

# For how many days what happened is kept. Whatever an unfinished order needs stays beyond that.
keep:
  messages: 400                   # what arrived, as received
  journal: 400                    # every decision and what led to it
  attempts: 90                    # calls, with what was sent and answered
  deliveries: 90                  # ids that tell a repeated delivery from a new one

# Comparing channel, Crossdock and ERP, and closing business dates.
reconcile:
  every_s: 300                    # seconds between two rounds
  grace_s: 120                    # how long a difference must stand before it is one
  time_zone: UTC                  # a business date runs from midnight to midnight there: Europe/Berlin
  # signing_key: file:keys/day-close.pem  # signs day closes; make it with crossdock close-key
"""
# What is shown for a setting of a route that has no default to show
_EXAMPLES: Mapping[str, Any] = {
    "default_ship_method": "standard",
    "closed_through": "2026-10-31",
    "locations": {"61245521970": {"sources": ["1", "2"]}},
    "percent": 60,
    "cap": 50,
    "floor": 3,
    "buffer": 2,
    "ring_fence": 5,
    "share": False,
    "skus": {"SKU-1": {"cap": 10}},
    "kits": {"GIFT-BOX": {"SKU-1": 1, "SKU-2": 2}},
    "time_zone": "Europe/Berlin",
    "holidays": {"2026-12-25": "Christmas"},
    "transit_days": {"standard": 3},
    "default_transit_days": 5,
    "usual_hours": {"held": 8, "exception": 4},
    "reasons": ["damaged", "wrong item"],
}
_TABLE = "from,to,note\nstandard,standard,the channel's code on the left and the target's method on the right\n"
_IGNORE = "# Secret files, if you keep them here at all.\n*.pem\n*.key\n*.secret\n"


def write(folder: Path) -> list[Path]:
    """Write the folder; returns the files. Overwrites what is there."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    texts = {
        folder / "crossdock.yaml": _HEAD.format(folder=folder)
        + _connections()
        + _ROUTES.format(**_roles(), rest=_rest()),
        folder / "tables" / "ship_methods.csv": _TABLE,
        folder / ".gitignore": _IGNORE,
    }
    for file, text in texts.items():
        file.write_text(text, "utf-8")
    return list(texts)


def _roles() -> dict[str, str]:
    return {Manifests()[system].role: name for system, name in _NAMES.items()}


def _rest() -> str:
    """The route's settings that the text above does not name, commented out, each with what it means."""
    route = config_schema(Manifests())["properties"]["routes"]["items"]
    said = _ROUTES.partition("\nholds:")[0]
    fields = {name: field for name, field in route["properties"].items() if f" {name}:" not in said}
    return "".join(f"    {line}\n" if line.startswith("# ") else f"    # {line}\n" for line in _fields(fields))


def _fields(fields: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, field in fields.items():
        inner = next((one for one in (field, *field.get("anyOf", ())) if "properties" in one), None)
        shown = "" if inner else f" {_example(name, field)}"
        lines += [*wrap(field["description"], 110, initial_indent="# ", subsequent_indent="# "), f"{name}:{shown}"]
        lines += [f"  {line}" for line in _fields(inner["properties"])] if inner else []
    return lines


def _example(name: str, field: Mapping[str, Any]) -> str:
    value = field.get("default", field.get("anyOf", ({},))[0].get("default"))
    if value in (None, {}, []):
        value = _EXAMPLES[name]
    return msgspec.json.encode(int(value) if isinstance(value, float) and value.is_integer() else value).decode()


def _connections() -> str:
    return "connections:\n" + "\n".join(_connection(manifest) for manifest in Manifests().values())


def _connection(manifest: Manifest) -> str:
    name = _NAMES.get(manifest.system, manifest.system)
    lines = [
        f"  {name}:  # {manifest.title}, {manifest.role}, API {manifest.api_version}",
        f"    system: {manifest.system}",
    ]
    for section, secret in (("settings", False), ("secrets", True)):
        settings = [setting for setting in manifest.settings if setting.secret == secret]
        if settings:
            lines.append(f"    {section}:")
            lines.extend(line for one in settings for line in _setting(one, name, _active(one, manifest)))
    if manifest.system not in _NAMES:
        lines = [f"  # {line[2:]}" for line in lines]
    return "\n".join(lines) + "\n"


def _active(setting: Setting, manifest: Manifest) -> bool:
    """Whether it is to be filled in: it has no default, or it belongs to the usual way to sign in."""
    return (setting.required and setting.default is None) or setting.name in (manifest.one_of or ((),))[0]


def _setting(setting: Setting, connection: str, active: bool) -> list[str]:
    said = f"{setting.title}. {setting.help}" if setting.help else setting.title
    value = f"env:{connection}_{setting.name}".upper().replace("ENV:", "env:") if setting.secret else _value(setting)
    mark = "" if active else "# "
    return [f"      # {said}", f"      {mark}{setting.name}: {value}"]


def _value(setting: Setting) -> str:
    if setting.kind in (list, dict) and not setting.default and setting.example:
        return setting.example  # written as YAML already
    value: Any = setting.default if setting.default is not None else setting.example
    return msgspec.json.encode("" if value is None else value).decode()
