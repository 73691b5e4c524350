"""The page *Configuration*: what each field of ``crossdock.yaml`` means, and what the connectors' manifests ask for."""

from collections.abc import Mapping
from typing import Any

from scripts.reference_pages.markdown import page, table

CONFIG_INTRO = """\
`crossdock.yaml` in the configuration folder, and `tables/*.csv` beside it. `crossdock init` writes a commented one,
`crossdock check` checks it, asks the database and calls every system, `crossdock config-schema` prints its JSON Schema
for editors.
Where a setting takes a mapping, `table:NAME` reads it from `tables/NAME.csv` (columns `from` and `to`).
Secrets are references: `env:NAME` or `file:/path` (relative paths start at the folder); a file that everybody can
read is refused. The folder is read when `crossdock serve` starts."""

VARIABLES = (
    ("`DATABASE_URL`", "a PostgreSQL of yours; without it the embedded one in the data directory is used"),
    ("`CROSSDOCK_CONFIG`", "the configuration folder, as `--config`"),
    ("`CROSSDOCK_DATA`", "the data directory, as `--data`"),
    ("`CROSSDOCK_LOG_LEVEL`", "`debug`, `info`, `warning`, `error`; default `info`"),
    ("`CROSSDOCK_LOG_FORMAT`", "`json`, `pretty`, or `auto` (pretty on a terminal)"),
    ("`CROSSDOCK_ENVIRONMENT`", "named on every span; default `production`"),
    ("`OTEL_EXPORTER_OTLP_ENDPOINT`", "where spans and metrics go (OTLP over HTTP); without it none leave"),
    ("`OTEL_EXPORTER_OTLP_HEADERS`", "`name=value` pairs with commas"),
)


def configuration() -> str:
    from crossdock import app
    from crossdock.governance.rules import fact_names
    from crossdock.governance.schema import config_schema

    schema = config_schema(app.Manifests())["properties"]
    route, hold = schema["routes"]["items"], schema["holds"]["items"]
    facts = ", ".join(f"`{name}`" for name in fact_names())
    note = "Amounts are approximate in conditions: compare with them, do not calculate. The order may use: "
    stock = next(one for one in route["properties"]["stock"]["anyOf"] if one.get("type") == "object")
    parts = ["## routes\n\n" + _fields(route)]
    parts.append("### A route's stock\n\n[How the number is made](../explanation/stock.md).\n\n" + _fields(stock))
    parts.append("### A route's promise\n\n" + _fields(route["properties"]["promise"]))
    returns = next(one for one in route["properties"]["returns"]["anyOf"] if one.get("type") == "object")
    parts.append("### A route's returns\n\n" + _fields(returns))
    parts += ["## holds\n\n" + _fields(hold), note + facts + "."]
    kept = "Old months go as a whole; whatever an unfinished order needs stays beyond that.\n\n"
    parts += ["## serve\n\n" + _fields(schema["serve"]), "## keep\n\n" + kept + _fields(schema["keep"])]
    parts.append("## reconcile\n\n" + _fields(schema["reconcile"]))
    parts.append(_connection_form())
    parts += [_settings(manifest) for manifest in app.Manifests().values()]
    parts.append("## Environment\n\n" + table(("variable", "meaning"), VARIABLES))
    return page("Configuration", "the configuration's JSON Schema and the connectors' manifests", CONFIG_INTRO, *parts)


def _fields(schema: Mapping[str, Any]) -> str:
    """The table of one section."""
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", field["description"], "required" if name in required else _shown(field.get("default")))
        for name, field in schema["properties"].items()
    ]
    return table(("field", "meaning", "default"), rows)


def _shown(value: object) -> str:
    import msgspec

    return "" if value in (None, "", {}) else f"`{msgspec.json.encode(value).decode()}`"


def _connection_form() -> str:
    rows = [
        ("`system`", "which connector"),
        ("`settings`, `secrets`", "see the tables of each system; a secret is a reference, never the value"),
        ("`region`", "a label for the lag figures"),
        ("`quota`", "what the account grants where it differs: `concurrency`, `rate_per_s`, `burst`"),
    ]
    return "## connections\n\nBy name: lower-case letters, digits, `_` and `-`.\n\n" + table(("field", "meaning"), rows)


def _settings(manifest: Any) -> str:
    rows = [
        (
            f"`{s.name}`" + (" (secret)" if s.secret else ""),
            f"{s.title}. {s.help}" if s.help else s.title,
            "required" if s.required and s.default is None else _shown(s.default),
        )
        for s in manifest.settings
    ]
    head = f"### {manifest.title} (`system: {manifest.system}`)"
    return head + "\n\n" + table(("setting", "meaning", "default"), rows)
