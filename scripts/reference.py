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
    "doubtful_customer": "a buyer who may or may not be a customer: `ask` (a person links), `guest` (as if unknown)",
    "check_products": "look every SKU up among the ERP's items before booking",
    "rounding_ceiling": "how much declared rounding may move a total before the order waits",
    "ship_methods": "the channel's code to the target's method; or `table:ship_methods`",
    "default_ship_method": "the method for codes that are not in `ship_methods`",
    "notify_customer": "whether the channel tells the customer of a shipment",
    "invoice": "`make`: Crossdock bills after the last shipment; `take`: the ERP bills by itself",
    "payments": "how the ERP has the customers' money: `open` (invoices wait for it), `paid` (invoices are paid as "
    "they are made), `deposit` (taken in advance on the sales order); decides what a refund becomes there",
    "time_zone": "the company's time zone, such as `Europe/Berlin`: a posting date is a day there",
    "closed_through": "the books are closed up to and including this day, such as `2026-10-31`",
    "closed_period": "what falls into closed books: `next_day` posts it on the first open day, `hold` asks a person",
    "settlement_wait_s": "seconds that a settlement waits for orders it names before a person is asked",
    "push_tracking": "how far parcels are is told to the channel, where it offers `tracking.push`",
    "push_refunds": "credits that the ERP's people make are paid back in the channel, where it offers "
    "`refund.push`; else a person is asked to",
    "stock": "how the channel is told stock, see below; left out: it is not, and its orders reserve none",
    "promise": "when orders leave and arrive, see below; left out: no dates are promised",
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
PROMISE = {
    "time_zone": "the warehouse's: `Europe/Berlin`",
    "cut_off": "what the warehouse has before then leaves the same working day",
    "collection": "when the carrier takes the day's parcels",
    "handling_days": "working days from the day an order is taken in to the day it leaves",
    "working_days": "of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
    "holidays": "day to name, `2026-12-25: Christmas`; or `table:holidays`",
    "transit_days": "the target's shipping method to working days on the road; or a table",
    "default_transit_days": "for other methods; left out: no arrival is promised for them",
    "lead_minutes": "from acceptance until the warehouse has it, as the promise reckons",
    "warn_minutes": "an order that the warehouse does not have so long before the cut-off is forecast for the next day",
    "report_minutes": "so long after the collection the warehouse may still tell what left with it",
    "usual_hours": "how long `held`, `exception`, `backordered`, `on_hold` usually last here",
    "tells_picking": "the warehouse tells when it picks: its silence before the collection is then told of",
}
HOLD = {
    "name": "the rule's name, shown with the order",
    "when": "a CEL condition over the facts below; must give true or false",
    "owner": "the team that settles it; where it is a role of the console, only that role may release it",
    "reason": "what people read",
    "release_by": "the roles, and names of people, that may release it; left out: the owner where that is a role, "
    "else operators and integrators. Admins always may",
    "release_on": "what lets it go without a person: `view` (a newer view no longer meets the condition), `payment` "
    "(as far as the route asks for), `allocation` (the channel says where it is fulfilled from)",
    "expires": "how long it stands: `30m`, `48h`, `2d`; left out: for ever",
    "on_expiry": "then: `release` (the order goes on) or `escalate` (it stays, and is passed on)",
    "escalate_to": "to whom; left out: to the owner again",
}
SERVE = {
    "intake": "where webhooks are taken, host:port",
    "console": "where the console, its API and `/metrics` listen, host:port",
    "partner": "where the partner API listens, host:port; left out: there is none",
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
RECONCILE = {
    "every_s": "seconds between two rounds over all routes",
    "grace_s": "seconds that a difference must stand, beside the systems' own lag, before it is one",
    "time_zone": "a business date runs from midnight to midnight there",
    "signing_key": "the Ed25519 key that signs day closes, as a reference: `file:keys/day-close.pem`",
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
    parts.append(
        "### A route's stock\n\n[How the number is made](../explanation/stock.md).\n\n" + _fields(stock, STOCK)
    )
    parts.append("### A route's promise\n\n" + _fields(route["properties"]["promise"], PROMISE))
    parts += ["## holds\n\n" + _fields(hold, HOLD), note + facts + "."]
    kept = "Old months go as a whole; whatever an unfinished order needs stays beyond that.\n\n"
    parts += ["## serve\n\n" + _fields(schema["serve"], SERVE), "## keep\n\n" + kept + _fields(schema["keep"], KEEP)]
    parts.append("## reconcile\n\n" + _fields(schema["reconcile"], RECONCILE))
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
    from crossdock.partner.problems import PROBLEMS as PARTNER

    partner = [(f"`{code}`", status, title, wait_s or "") for code, (status, title, wait_s) in PARTNER.items()]
    door = [(f"`{c}`", k.status, k.title, k.hint, k.retry_after_s or "") for c, k in PROBLEMS.items()]
    api = [(f"`{code}`", status, TITLES.get(code, "said in `detail`")) for code, status in STATUS.items()]
    return page(
        "HTTP errors",
        "`intake/problems.py`, `api/problems.py` and `partner/problems.py`",
        "Every error answer is `application/problem+json` (RFC 9457) with a stable `code`; `type` is "
        "`urn:crossdock:problem:<code>`.",
        "## Intake\n\nNothing was stored when one of these is answered. A connector may refuse with a code of "
        "its own, with the status and hint of the nearest line.\n\n"
        + table(("code", "status", "title", "what to do", "Retry-After, s"), door),
        "## Partner API\n\n" + table(("code", "status", "title", "Retry-After, s"), partner),
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
        ("listing", f"yes; shows a write within {connector.listing.lag_s:g} s" if connector.listing else "no"),
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
        "push is not credited again. [The matrix](matrix.md) says what each channel and ERP offers of it.",
    )


def settlements() -> str:
    from crossdock.domain.problems import CATALOGUE
    from crossdock.domain.settling import MATCHES, MEANINGS, TABLE, Posting

    rows = [(f"`{kind.value}`", MATCHES[rule.match], f"`{rule.posting.value}`")
            for kind, rule in TABLE.items()]  # fmt: skip
    codes = [(f"`{code}`", k.owner, k.hint) for code, k in CATALOGUE.items() if code.startswith("settlement.")]
    return page(
        "Settlements",
        "`domain/settling.py`",
        "What each line of a settlement must be matched to, and which of the ERP's accounts it is posted to. The "
        "decider asks this very table. [How settlements work](../explanation/settlements.md).",
        "## Kinds of lines\n\n" + table(("kind", "matched to", "posting"), rows),
        "A fee that stands beside another line is posted to `fees`. A sale or refund of an order that the connection's "
        "settings leave alone is posted to `outside` and matched to nothing.",
        "## Postings\n\n`settlement_accounts` on the ERP's connection names the account of each; "
        "`<channel connection>.<posting>` goes before `<posting>`.\n\n"
        + table(("posting", "what stands there"), [(f"`{one.value}`", MEANINGS[one]) for one in Posting]),
        "## Exceptions\n\n" + table(("code", "owner", "what to do"), codes),
    )


def _words(value: Any) -> str:
    return str(value.value).replace("_", " ")


def matrix() -> str:
    """From the table that ``tests/matrix`` runs."""
    sys.path.insert(0, str(ROOT))
    try:
        from tests.matrix.table import CHANNELS, ERPS, PAIRS, ROWS
    finally:
        sys.path.remove(str(ROOT))
    pairs = [f"{CHANNELS[channel]} → {ERPS[erp]}" for channel, erp in PAIRS]
    short = [(row.title, *(_in_short(row.cell(*pair)) for pair in PAIRS)) for row in ROWS]
    parts = []
    for row in ROWS:
        by_cell: dict[Any, list[str]] = {}
        for pair, name in zip(PAIRS, pairs, strict=True):
            by_cell.setdefault(row.cell(*pair), []).append(name)
        told = [f"- {_where(names, pairs)}{_in_full(cell)}" for cell, names in by_cell.items()]
        parts.append(f"## {row.title}\n\n" + "\n".join(told))
    return page(
        "The matrix of channels and ERPs",
        "`tests/matrix/table.py`",
        "What becomes of an order's life between each channel and each ERP. `tests/matrix` runs every cell on the "
        "simulators: requests are struck and processes killed as a seed draws it, then the simulators' own books are "
        "compared, order by order, to the cent. *A person*: an exception says what to do. *No*: the vendor offers "
        "nothing, or it is not built; the reason is below, and the refusal is visible.",
        table(("", *pairs), short),
        *parts,
    )


def _in_short(cell: Any) -> str:
    return "no" if cell.refused else "a person" if "exception" in cell.what else "yes"


def _where(names: list[str], pairs: list[str]) -> str:
    return "" if names == pairs else f"**{', '.join(names)}**: "


def _in_full(cell: Any) -> str:
    ends = {"done": "The order ends as done", "cancelled": "The order ends as cancelled"}
    said = [cell.what[:1].upper() + cell.what[1:] + ".", cell.refused]
    said.append(f"{ends[cell.ends]}." if cell.ends in ends else "")
    said.append(f"Open: {', '.join(f'`{code}`' for code in cell.codes)}." if cell.codes else "")
    said.append(f"Reconciliation finds: {cell.books}." if cell.books != "level" else "")
    return " ".join(filter(None, said))


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
    "settlements": settlements,
    "edits-and-cancels": edits_and_cancels,
    "matrix": matrix,
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
