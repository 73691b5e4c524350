"""The config file's JSON Schema, made from the same types and manifests that check it, so that editors complete it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from crossdock.domain.decision import Policy
from crossdock.domain.holding import ESCALATE, EVENTS, RELEASE, VIEW
from crossdock.domain.promise import WEEKDAYS
from crossdock.governance.config import (
    CHOICES,
    KEEP_AT_LEAST,
    QUOTAS,
    RECONCILE_AT_LEAST,
    KeepSetup,
    ReconcileSetup,
    ServeSetup,
)
from crossdock.governance.meanings import HOLD, KEEP, PROMISE, RECONCILE, RETURNS, ROUTE, SERVE, STOCK
from crossdock.kit.manifest import Manifest, Setting

_REFERENCE = {"type": "string", "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"}
_DURATION = {"type": "string", "pattern": r"^\d+\s*[smhd]$"}
_TABLE = {"type": "string", "pattern": "^table:"}


def config_schema(manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """The schema of ``crossdock.yaml`` for these systems (JSON Schema 2020-12)."""
    connection = {"oneOf": [_connection(manifest) for _, manifest in sorted(manifests.items())]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Crossdock configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "connections": {
                "description": "Accounts at other systems, by name.",
                "type": "object",
                "propertyNames": {"pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"},
                "additionalProperties": connection,
            },
            "routes": {"description": "Which systems serve which channel.", "type": "array", "items": _route()},
            "holds": {"description": "Orders that wait for a person.", "type": "array", "items": _hold()},
            "serve": _told(_closed(msgspec.json.schema_components([ServeSetup])[1]["ServeSetup"]), SERVE),
            "keep": _keep(),
            "reconcile": _reconcile(),
        },
    }


def _connection(manifest: Manifest) -> dict[str, Any]:
    plain = [setting for setting in manifest.settings if not setting.secret]
    secret = [setting for setting in manifest.settings if setting.secret]
    properties: dict[str, dict[str, Any]] = {
        "system": {"const": manifest.system, "description": manifest.title},
        "region": {"type": "string"},
        "quota": {
            "description": "What the account grants, where it differs from the vendor's usual limits.",
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 1} for name in QUOTAS},
            "additionalProperties": False,
        },
        "settings": _settings(plain, {}),
        "secrets": _settings(secret, _REFERENCE),
    }
    needed = [name for name in ("settings", "secrets") if properties[name].get("required")]
    return {"type": "object", "properties": properties, "required": ["system", *needed], "additionalProperties": False}


def _settings(settings: list[Setting], form: Mapping[str, Any]) -> dict[str, Any]:
    properties = {s.name: {**form, **_described(s)} for s in settings}
    required = [s.name for s in settings if s.required and s.default is None]
    kind = "object" if required else ["object", "null"]  # what nothing is written below reads as null
    return {"type": kind, "properties": properties, "required": required, "additionalProperties": False}


def _described(setting: Setting) -> dict[str, Any]:
    said: dict[str, Any] = {"title": setting.title}
    if setting.help:
        said["description"] = setting.help
    if setting.default is not None:
        said["default"] = setting.default
    if setting.example is not None:
        said["examples"] = [setting.example]
    return said


def _route() -> dict[str, Any]:
    components = msgspec.json.schema_components([Policy])[1]
    route: dict[str, Any] = _inlined(_closed(components["Policy"]), components)
    for name, allowed in CHOICES.items():
        route["properties"][name] = {**route["properties"][name], "enum": list(allowed)}
    ship_methods = route["properties"]["ship_methods"]
    route["properties"]["ship_methods"] = {"anyOf": [ship_methods, _TABLE]}
    route["properties"]["promise"] = _promise(components["Promising"])
    for name, meanings in (("stock", STOCK), ("returns", RETURNS)):
        inner, nothing = route["properties"][name]["anyOf"]
        route["properties"][name] = {"anyOf": [_told(inner, meanings), nothing]}
    return _told(route, ROUTE)


def _promise(said: dict[str, Any]) -> dict[str, Any]:
    promise = _closed(said)
    for name in ("holidays", "transit_days"):
        promise["properties"][name] = {"anyOf": [promise["properties"][name], _TABLE]}
    days = promise["properties"]["working_days"]
    promise["properties"]["working_days"] = {**days, "items": {"enum": list(WEEKDAYS)}, "minItems": 1}
    return _told(promise, PROMISE)


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    """The schema with what it refers to in place, so that it stands for itself inside another one."""
    if isinstance(schema, list):
        return [_inlined(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(_closed(components[schema["$ref"].rpartition("/")[2]]), components)
    return {name: _inlined(each, components) for name, each in schema.items()}


def _keep() -> dict[str, Any]:
    keep = _closed(msgspec.json.schema_components([KeepSetup])[1]["KeepSetup"])
    for name, least in msgspec.structs.asdict(KEEP_AT_LEAST).items():
        keep["properties"][name] = {**keep["properties"][name], "minimum": least}
    return _told(keep, KEEP)


def _reconcile() -> dict[str, Any]:
    reconcile = _closed(msgspec.json.schema_components([ReconcileSetup])[1]["ReconcileSetup"])
    for name, least in RECONCILE_AT_LEAST.items():
        reconcile["properties"][name] = {**reconcile["properties"][name], "minimum": least}
    reconcile["properties"]["signing_key"] = {"anyOf": [_REFERENCE, {"type": "null"}], "default": None}
    return _told(reconcile, RECONCILE)


def _hold() -> dict[str, Any]:
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "name": text,
        "when": text,
        "owner": {**text, "default": "operations"},
        "reason": text,
        "release_by": {"type": "array", "items": text},
        "release_on": {"type": "array", "items": {**text, "enum": list(EVENTS)}, "default": [VIEW]},
        "expires": _DURATION,
        "on_expiry": {**text, "enum": [RELEASE, ESCALATE], "default": RELEASE},
        "escalate_to": text,
    }
    hold = {"type": "object", "properties": properties, "required": ["name", "when"], "additionalProperties": False}
    return _told(hold, HOLD)


def _told(schema: dict[str, Any], meanings: Mapping[str, str]) -> dict[str, Any]:
    """The schema with what each field means. Raises ``KeyError`` for one that nobody has described."""
    fields = {name: {**field, "description": meanings[name]} for name, field in schema["properties"].items()}
    return {**schema, "properties": fields}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "additionalProperties": False}
