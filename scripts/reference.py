"""Writes the reference pages that are made from the code: ``make docs``. With ``--check`` it writes nothing and fails
when a page differs from the code; ``tests/docs`` does the same.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOTE = "Made from {source} by `make docs`; do not edit."
Rows = Iterable[Iterable[object]]


def pages() -> dict[str, str]:
    """Every generated page: path below ``docs/`` and its text."""
    from crossdock import app
    from crossdock.observe.catalogue import markdown
    from crossdock.proof import catalogue as proof

    made = {f"reference/{name}.md": write() for name, write in PAGES.items()}
    made["reference/signals.md"] = markdown()
    made["reference/proof.md"] = proof.markdown()
    for system in app.SYSTEMS:
        made[f"howto/connect-{system}.md"] = connect(system)
    return made


def stale(docs: Path) -> list[str]:
    """The generated pages below ``docs`` that differ from the code."""
    return [
        name
        for name, text in pages().items()
        if not (docs / name).is_file() or (docs / name).read_text("utf-8") != text
    ]


def table(head: Iterable[str], rows: Rows) -> str:
    """A Markdown table."""
    columns = list(head)
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)])


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")


def page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE.format(source=source), *(part for part in parts if part)]) + "\n"


def cli() -> str:
    import typer

    from crossdock.cli.program import EPILOG, build

    program: Any = typer.main.get_command(build())
    parts = [_command(name, command) for name, command in _commands(program)]
    return page("Command line", "the program's own commands", f"{EPILOG} `--debug` shows the traceback.", *parts)


def _commands(group: Any, above: str = "crossdock") -> list[tuple[str, Any]]:
    found = []
    for name, command in group.commands.items():
        called = f"{above} {name}"
        found += _commands(command, called) if hasattr(command, "commands") else [(called, command)]
    return found


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join([name, *(p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments), "[OPTIONS]"])
    rows = [(f"`{p.name.upper()}`", p.help or "", _default(p)) for p in arguments]
    rows += [(f"`{', '.join(p.opts)}`", p.help or "", _default(p)) for p in options]
    shown = table(("argument or option", "meaning", "default"), rows) if rows else ""
    return "\n\n".join([f"## {name}", " ".join(command.help.split()), f"```\n{usage}\n```", shown])


def _default(param: Any) -> str:
    said = [f"`{param.envvar}`"] if param.envvar else []
    if param.required:
        said.append("required")
    elif param.default is not None and param.default is not False and param.default != "":
        said.append(f"`{param.default}`")
    return ", ".join(said)


CONFIG_INTRO = """\
`crossdock.yaml` in the configuration folder, and `tables/*.csv` beside it. `crossdock init` writes a commented one,
`crossdock check` checks it and calls every system, `crossdock config-schema` prints its JSON Schema for editors.
Where a setting takes a mapping, `table:NAME` reads it from `tables/NAME.csv` (columns `from` and `to`).
Secrets are references: `env:NAME` or `file:/path` (relative paths start at the folder); a file that everybody can
read is refused. The folder is read when `crossdock serve` starts."""

ROUTE = {
    "channel": "the channel connection that this route is for; one route for each",
    "erp": "the connection that orders are booked in",
    "warehouse": "the connection that orders are released to; left out: Crossdock releases nothing",
    "basis": "which amounts are booked: `shop`, or `presentment` (as the customer saw them)",
    "edit_window_s": "seconds to wait for the customer's own changes before booking",
    "payment": "the least that may be booked: `paid`, `authorized`, `pending`",
    "guest_customer": "the ERP customer for buyers that it does not know; without it they are exceptions",
    "check_products": "look every SKU up among the ERP's items before booking",
    "rounding_ceiling": "how much declared rounding may move a total before the order waits",
    "ship_methods": "the channel's code to the target's method; or `table:ship_methods`",
    "default_ship_method": "the method for codes that are not in `ship_methods`",
    "notify_customer": "whether the channel tells the customer of a shipment",
    "invoice": "`make`: Crossdock bills after the last shipment; `take`: the ERP bills by itself",
    "payments": "how the ERP has the customers' money: `open` (invoices wait for it), `paid` (invoices are paid as "
    "they are made), `deposit` (taken in advance on the sales order); decides what a refund becomes there",
    "push_refunds": "credits that the ERP's people make are paid back in the channel; else a person is asked to "
    "(no connector tells such credits yet)",
    "stock": "how the channel is told stock, see below; left out: it is not, and its orders reserve none",
}
STOCK = {
    "locations": "the channel's location to `sources`: the ERP's locations that feed it (`connection/location` for "
    "others'), and any of the fields below where it differs",
    "percent": "its part of what is free, 0 to 100; left out: an equal part of what other channels leave",
    "ring_fence": "units that are its own before anything is divided",
    "buffer": "units kept back of its part",
    "cap": "never shows more than this",
    "floor": "fewer than this are shown as none",
    "share": "shows the same units as all others that share: what they sell at once is oversold",
    "skus": "a SKU to any of the fields from `percent` to `share` where it differs",
    "kits": "a SKU to its components and how many of each; the same in all routes",
    "grace_s": "seconds until a level below ours is no longer taken for orders that are still to come",
    "settle_s": "seconds after a booking until positions that were read then are believed to hold it, clocks included",
}
HOLD = {
    "name": "the rule's name, shown with the order",
    "when": "a CEL condition over the facts below; must give true or false",
    "owner": "who settles it (default `operations`)",
    "reason": "what people read",
    "expires": "after this the hold ends by itself and the order goes on: `30m`, `48h`, `2d`; "
    "left out: it stands until a person acts",
}
SERVE = {
    "intake": "where webhooks are taken, host:port",
    "console": "where the console, its API and `/metrics` listen, host:port",
    "proxy": "the name of the proxy that ends TLS in front; needed to listen beyond this machine without TLS files",
    "tls_certificate": "PEM file, together with `tls_key`",
    "tls_key": "PEM file that only the server's user can read",
    "public_url": "the console's address as people type it",
    "max_body_bytes": "a larger webhook is refused (413)",
    "body_timeout_s": "seconds for a webhook's body to arrive",
    "source_rate_per_s": "webhooks a second from one address before it is refused (429)",
    "source_burst": "how many may come at once",
    "waiting_bound": "webhooks waiting for their commit before senders are told to come again (503)",
    "trusted_proxies": "networks whose `X-Forwarded-For` is believed when senders are told apart",
}
KEEP = {
    "messages": "days that what arrived is kept, as received",
    "journal": "days that decisions are kept, and what led to them",
    "attempts": "days that calls are kept, with their redacted exchange",
    "deliveries": "days that the ids are kept which tell a repeated delivery from a new one",
}
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
    parts = ["## routes\n\n" + _fields(route, ROUTE)]
    parts.append("### stock\n\n[How the number is made](../explanation/stock.md).\n\n" + _fields(stock, STOCK))
    parts += ["## holds\n\n" + _fields(hold, HOLD), note + facts + "."]
    kept = "Old months go as a whole; whatever an unfinished order needs stays beyond that.\n\n"
    parts += ["## serve\n\n" + _fields(schema["serve"], SERVE), "## keep\n\n" + kept + _fields(schema["keep"], KEEP)]
    parts.append(_connection_form())
    parts += [_settings(manifest) for manifest in app.Manifests().values()]
    parts.append("## Environment\n\n" + table(("variable", "meaning"), VARIABLES))
    return page("Configuration", "the configuration's JSON Schema and the connectors' manifests", CONFIG_INTRO, *parts)


def _fields(schema: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """The table of one section. Raises ``KeyError`` for a field that nobody has described."""
    required = schema.get("required", ())
    if nameless := schema["properties"].keys() - said.keys():
        raise KeyError(f"say in scripts/reference.py what these settings mean: {sorted(nameless)}")
    rows = [
        (f"`{name}`", said[name], "required" if name in required else _shown(field.get("default")))
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


PARKED = (
    ("*connector's code*", "mapping", "A stored message cannot be translated; the field is named."),
    ("`translate_failed`, `decide_failed`", "bug", "A fault of Crossdock on this message; the log has the traceback."),
    ("`decision_not_storable`", "bug", "The database refused what was decided; the facts say why."),
)


def problems() -> str:
    from crossdock.domain.problems import CATALOGUE, DEEDS, FAILURES

    rows = [(f"`{code}`", k.klass, k.owner, k.hint) for code, k in CATALOGUE.items()]
    failures = [(f"`<purpose>.{name}`", k.klass, k.owner, k.hint) for name, k in FAILURES.items()]
    head = ("code", "class", "owner", "what to do")
    purposes = "Purposes: " + ", ".join(f"`{purpose}` ({deed})" for purpose, deed in DEEDS.items()) + "."
    return page(
        "Exceptions",
        "`domain/problems.py`",
        "What a person may find under Exceptions. Equal causes share a fingerprint and are one line there. "
        "[How to work them](../howto/work-the-exceptions.md).",
        "## About an order\n\n" + table(head, rows),
        "## About a command\n\nThe code is the command's purpose and how it failed, as in `order.book.rejected`. "
        + purposes + "\n\n" + table(head, failures),
        "## About a message\n\nThe order's stream is parked: its later messages wait beside the agenda until a person "
        "retries. No other order is affected.\n\n" + table(("code", "class", "what it means"), PARKED),
    )  # fmt: skip


def http_errors() -> str:
    from crossdock.api.problems import STATUS, TITLES
    from crossdock.intake.problems import PROBLEMS

    door = [(f"`{c}`", k.status, k.title, k.hint, k.retry_after_s or "") for c, k in PROBLEMS.items()]
    api = [(f"`{code}`", status, TITLES.get(code, "said in `detail`")) for code, status in STATUS.items()]
    return page(
        "HTTP errors",
        "`intake/problems.py` and `api/problems.py`",
        "Every error answer is `application/problem+json` (RFC 9457) with a stable `code`; `type` is "
        "`urn:crossdock:problem:<code>`.",
        "## Intake\n\nNothing was stored when one of these is answered. A connector may refuse with a code of "
        "its own, with the status and hint of the nearest line.\n\n"
        + table(("code", "status", "title", "what to do", "Retry-After, s"), door),
        "## Console and API\n\n" + table(("code", "status", "title"), api),
    )


def connectors() -> str:
    from crossdock import app

    intro = (
        "What each connector declares about its system; the engine, the console and `crossdock check` use the same "
        "facts. What the classes mean: [Idempotency](../explanation/idempotency.md)."
    )
    return page("Connectors", "the connectors' manifests", intro, *(_connector(app.connector(s)) for s in app.SYSTEMS))


def _connector(connector: Any) -> str:
    manifest = connector.manifest
    quota = {name: getattr(manifest.quota, name) for name in ("concurrency", "rate_per_s", "burst")}
    facts = [
        ("system", f"`{manifest.system}`"),
        ("role", manifest.role),
        ("API", manifest.api_version + (f", ends {manifest.sunset}" if manifest.sunset else "")),
        ("mapping version", manifest.mapping_version),
        ("webhooks", "yes" if connector.webhook else "no: polls only"),
        ("limit by default", ", ".join(f"{n} {v:g}" for n, v in quota.items() if v is not None) or "none"),
        ("vendor's documentation", f"<{manifest.docs}>"),
        ("how to", f"[connect-{manifest.system}](../howto/connect-{manifest.system}.md)"),
    ]
    operations = [
        (f"`{o.purpose}`", o.title, o.repeat.value, f"{o.settle_s:g}" if o.settle_s else "", f"{o.lease_s:g}", o.cost)
        for o in connector.operations.values()
    ]
    polls = [(f"`{p.name}`", f"{p.every_s:g}", "yes" if p.backfill else "no") for p in connector.polls.values()]
    topics = [(f"`{topic}`", meaning) for topic, meaning in manifest.topics.items()]
    head = ("operation", "what it does", "class", "settle, s", "lease, s", "cost")
    parts = [f"## {manifest.title}", table(("", ""), facts), table(head, operations)]
    parts += [table(("poll", "every, s", "backfill"), polls), table(("topic", "becomes"), topics)]
    return "\n\n".join(parts)


def order_states() -> str:
    from crossdock.domain.lattice import AXES, RELEASE
    from crossdock.domain.process import PROCESS, UNDO

    axes = "\n".join(f"{axis + ':':<13}{' → '.join(chain)}" for axis, chain in AXES.items())
    head = ("step", "name", "kind", "done means", "command", "taken back by")
    steps = [(s.title, f"`{s.name}`", s.kind, s.means, s.purpose or "", s.undo or "") for s in PROCESS]
    undo = [(s.title, f"`{s.name}`", s.means, s.purpose or "") for s in UNDO]
    return page(
        "States of an order",
        "`domain/lattice.py` and `domain/process.py`",
        "## Axes\n\nAn order has several axes. Each is a chain that is only climbed: what arrives late cannot pull it "
        f"down, steps may be skipped.\n\n```\n{axes}\n```",
        "The warehouse's word tells no time, so the furthest counts:\n\n```\n" + " → ".join(RELEASE) + "\n```",
        "## Steps\n\nThe order's page shows this list with times and reasons. A step that does not apply is skipped "
        "and says why.\n\n" + table(head, steps),
        "## After a cancellation\n\nIn this order, as far as the order had come. What nobody can take back asks a "
        "person.\n\n" + table(("step", "name", "done means", "command"), undo),
    )


def refunds() -> str:
    from crossdock.domain.refunding import MEANINGS, TABLE, Billing, Document
    from crossdock.domain.shares import Share

    billing = {
        Billing.NOT_INVOICED: "the ERP has billed nothing yet, or not all",
        Billing.OPEN: "billed; the invoice stands open (`payments: open`)",
        Billing.PAID: "billed, and paid as it was billed (`payments: paid`)",
        Billing.DEPOSIT: "the money was taken in advance on the sales order (`payments: deposit`)",
    }
    share = {
        Share.UNITS_OFF: "units cancelled before they left and before they were billed",
        Share.UNITS: "units that had left, whether they come back or not; or that were billed",
        Share.CHARGE: "shipping, duty, fee, tip",
        Share.AMOUNT: "no line: goodwill, or what was kept back of lines",
    }
    rows = [(_words(one), *(_words(TABLE[one][part]) for part in share)) for one in billing]
    return page(
        "Refunds",
        "`domain/refunding.py`",
        "What the ERP is to have of a refund that the channel tells, by how the order stands there. A refund is split "
        "into its parts; each document is made once, under a business key of the channel's refund id.",
        table(("", *map(_words, share)), rows),
        "## How the order stands\n\n" + table(("", "means"), [(_words(b), said) for b, said in billing.items()]),
        "## Parts of a refund\n\n" + table(("", "means"), [(_words(one), said) for one, said in share.items()]),
        "## Documents\n\n" + table(("", "means"), [(_words(one), MEANINGS[one]) for one in Document]),
        "An order that is cancelled before it was billed has nothing to credit. A refund that does not balance, names "
        "more than was sold or more than had left is an exception and becomes no document. A credit memo that people "
        "make in the ERP is paid back in the channel with `push_refunds`, else it is an exception; what came of such a "
        "push is not credited again. No connector tells credit memos or returns, or offers `refund.push`, yet.",
    )


def _words(value: Any) -> str:
    return str(value.value).replace("_", " ")


def edits_and_cancels() -> str:
    from crossdock.domain.problems import CATALOGUE
    from crossdock.domain.rulings import MEANINGS, TABLE, Stage, Way

    stages = {
        Stage.NOT_BOOKED: "nothing was sent to the ERP",
        Stage.BOOKED: "the ERP has it, or may have it; the warehouse was told nothing",
        Stage.RELEASED: "the warehouse has it, or may have it, and may be picking",
        Stage.PARTLY_SHIPPED: "some of it has left",
        Stage.SHIPPED: "all that ships has left",
        Stage.BILLED: "nothing left, and the ERP has billed it (services, downloads, bills in advance)",
    }
    rows = [(_words(edit), *(_ruled(rulings[stage]) for stage in stages)) for edit, rulings in TABLE.items()]
    codes = sorted({one.code for row in TABLE.values() for one in row.values() if one.code})
    return page(
        "Edits and cancellations",
        "`domain/rulings.py`",
        "What an edit or a cancellation in the channel leads to, by the stage the order is in. The decider asks this "
        "very table. Where one view of an order brings several edits, the hardest ruling is the view's.",
        table(("", *map(_words, stages)), rows),
        "## Stages\n\n" + table(("stage", "means"), [(_words(stage), text) for stage, text in stages.items()]),
        "## Rulings\n\nFrom the lightest to the hardest.\n\n"
        + table(("ruling", "means"), [(_words(way), MEANINGS[way]) for way in Way]),
        "## Exceptions\n\n" + table(("code", "what to do"), [(f"`{code}`", CATALOGUE[code].hint) for code in codes]),
        "A booking whose outcome is not known counts as booked: the amendment waits for it. *Lines cancelled*: lines "
        "of which nothing is wanted any more, though the channel still shows them. An edit whose amendment the ERP "
        "refuses is the exception `booking.amend.rejected`; a cancellation that the warehouse or the ERP refuses is "
        "`release.cancel.rejected` or `booking.close.rejected`: nothing further is sent until a person acts.",
    )


def _ruled(ruling: Any) -> str:
    return f"{_words(ruling.way)}: `{ruling.code}`" if ruling.code else _words(ruling.way)


def tables() -> str:
    """From the migrations' own text: each statement's comment, columns and checks."""
    folder = files("crossdock.store") / "migrations"
    parts = []
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name):
        parts.append(f"## {file.name}\n\n```sql\n{file.read_text('utf-8').strip()}\n```")
    intro = (
        "The schema as it is applied, with its own comments. `messages`, `journal` and `attempts` are partitioned by "
        "month; partitions are made ahead by `crossdock serve`. Each migration is recorded in `schema_version` with "
        "its checksum. Bodies, states, entries and payloads are zstd-compressed."
    )
    return page("Tables", "`store/migrations/*.sql`", intro, *parts)


def api() -> str:
    from litestar import Litestar

    from crossdock.api.policy import POLICY, ROLES
    from crossdock.api.routes import HANDLERS

    rows = []
    for route in Litestar(HANDLERS, openapi_config=None).routes:
        for method, (handler, *_) in getattr(route, "route_handler_map", {}).items() or _handlers(route):
            if method == "OPTIONS":
                continue
            address = f"{method} {route.path_format}"
            roles = [role for role in ROLES if role in POLICY[address]]
            who = "anybody" if "" in POLICY[address] else "signed in" if len(roles) == len(ROLES) else ", ".join(roles)
            rows.append((f"`{address}`", _first_line(handler.fn), who))
    intro = (
        "Served by the console role. The whole contract is OpenAPI 3.1 at `GET /api/v1/openapi.json`, for whoever is "
        "signed in. A caller is a person's session (cookie) and, for every act, the header `X-CSRF-Token` with the "
        "value that `GET /api/v1/me` gives. There are no API keys yet. Errors: [HTTP errors](http-errors.md)."
    )
    return page("API", "the API's routes and its policy", intro, table(("route", "what", "who"), rows))


def _handlers(route: Any) -> list[tuple[str, tuple[Any, ...]]]:
    return [(method, (handler,)) for handler in route.route_handlers for method in sorted(handler.http_methods)]


def _first_line(function: Any) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]


def connect(system: str) -> str:
    """The connector's own README, which is where it is kept up."""
    text = (files("crossdock.connectors") / system / "README.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    note = NOTE.format(source=f"`src/crossdock/connectors/{system}/README.md`")
    settings, facts = "[configuration](../reference/configuration.md)", "[connectors](../reference/connectors.md)"
    head = f"# Connect {title.removeprefix('# ')}\n\n{note} All settings: {settings}. Declared facts: {facts}.\n"
    return head + rest.rstrip() + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "cli": cli,
    "configuration": configuration,
    "problems": problems,
    "http-errors": http_errors,
    "connectors": connectors,
    "order-states": order_states,
    "refunds": refunds,
    "edits-and-cancels": edits_and_cancels,
    "tables": tables,
    "api": api,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    asked = parser.parse_args()
    docs = ROOT / "docs"
    old = stale(docs)
    if not asked.check:
        made = pages()
        for name in old:
            (docs / name).parent.mkdir(parents=True, exist_ok=True)
            (docs / name).write_text(made[name], "utf-8")
    for name in old:
        print(f"docs/{name} {'is out of date: make docs' if asked.check else 'written'}")
    return 1 if asked.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
