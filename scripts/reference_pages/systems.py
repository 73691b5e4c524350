"""The connected systems: what each declares, what each pair offers, and how each is connected."""

from importlib.resources import files
from typing import Any

from scripts.reference_pages.markdown import NOTE, page, table


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
        *([("customers' money", _money(manifest.books))] if manifest.books else []),
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
    parts += [table(("poll", "every, s", "backfill"), polls)] if polls else []
    parts += [table(("topic", "becomes"), topics)]
    return "\n\n".join(parts)


def _money(books: Any) -> str:
    ways = "`payments` may be " + ", ".join(f"`{one}`" for one in books.payments)
    return f"{ways}; posted in the currency of `{books.only_currency}` only" if books.only_currency else ways


def matrix() -> str:
    """From the table that ``tests/matrix`` runs."""
    from tests.matrix.table import CHANNELS, ERPS, PAIRS, ROWS

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
        "What becomes of an order's life between Shopify or Amazon and each ERP; portals are tried in `tests/partner`. "
        "`tests/matrix` runs every cell on the simulators: requests are struck and processes killed as a seed draws "
        "it, then the simulators' own books are compared, order by order, to the cent. *A person*: an exception says "
        "what to do. *No*: the vendor offers nothing, or it is not built; the reason is below, and the refusal is "
        "visible.",
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
    happens = cell.story or not cell.refused  # nothing does where the configuration is refused
    said.append(f"{ends[cell.ends]}." if happens and cell.ends in ends else "")
    said.append(f"Open: {', '.join(f'`{code}`' for code in cell.codes)}." if cell.codes else "")
    said.append(f"Reconciliation finds: {cell.books}." if cell.books != "level" else "")
    return " ".join(filter(None, said))


def connect(system: str) -> str:
    """The connector's own README, which is where it is kept up."""
    text = (files("crossdock.connectors") / system / "README.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    note = NOTE.format(source=f"`src/crossdock/connectors/{system}/README.md`")
    settings, facts = "[configuration](../reference/configuration.md)", "[connectors](../reference/connectors.md)"
    head = f"# Connect {title.removeprefix('# ')}\n\n{note} All settings: {settings}. Declared facts: {facts}.\n"
    return head + rest.rstrip() + "\n"
