"""``differences``, ``close``, ``close-key`` and ``verify-close``: reconciliation and the day close."""

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import as_it_is, as_json, note, table
from crossdock.cli.reach import CONFIG, DATA, JSON, REASON, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.store.reading_differences import DifferencePage

_KEY_FILE = typer.Argument(..., help="Where to write the private key; the public one goes beside it, with .pub.")
_CERTIFICATE = typer.Argument(..., help="The certificate's file.")
_PUBLIC = typer.Option(..., "--key", help="The public key's file, as crossdock close-key wrote it.")
_OUT = typer.Option(None, "--out", "-o", help="Write the certificate to this file.")
_LIST_OUT = typer.Option(None, "--list", help="Write the list that the certificate's digest is of to this file.")
_LIST_IN = typer.Option(None, "--list", help="The list's file: its digest and its sums are checked too.")


def add(app: typer.Typer) -> None:
    app.command()(differences)
    app.command()(close)
    app.command("close-key")(close_key)
    app.command("verify-close")(verify_close)


def differences(
    kind: str = typer.Option("", help="Only this kind, such as missing_in_erp."),
    channel: str = typer.Option("", help="Only orders of this channel connection."),
    state: str = typer.Option("open", help="open, suspected (seen once, may be a lag) or settled."),
    limit: int = typer.Option(50, min=1, max=500, help="How many at most."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """List what channel, Crossdock and ERP tell differently, the newest first."""
    _known_words(state, kind)

    async def read(desk: "Desk") -> "DifferencePage":
        from crossdock.store import reading_differences

        return await reading_differences.page(
            desk.pool, state=state, kind=kind or None, channel=channel or None, limit=limit
        )

    page = with_desk(data, read)
    found = page.differences
    if page.below is not None:
        note("There are more: narrow it, or raise --limit.")
    if json:
        as_json(found)
        return
    columns = ("order", "kind", "severity", "expected", "found", "since", "repair", "cause")
    rows = [(d.order_key, d.kind, d.severity, d.expected, d.found, d.found_at, d.repair, d.cause) for d in found]
    table(columns, rows, "No differences: channel, Crossdock and ERP agree.")


def _known_words(state: str, kind: str) -> None:
    from crossdock.domain.reconciling import DIFFERENCES
    from crossdock.store.reading_differences import STATES

    for name, word, known in (("state", state, STATES), ("kind", kind, tuple(DIFFERENCES))):
        if word and word not in known:
            raise typer.BadParameter(f"There is no {name} '{word}'. There are: {', '.join(known)}.")


def close(
    day: str = typer.Argument(..., help="The business date: 2026-11-23."),
    replace: bool = typer.Option(False, "--replace", help="Make a new one in place of the one that stands; say why."),
    reason: str = REASON,
    out: Path = _OUT,
    listed: Path = _LIST_OUT,
    config: Path = CONFIG,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Close a business date: compare every order of it on all sides and sign the result. A date that is closed gives
    the certificate that stands. --json prints the certificate's file byte by byte, as verify-close wants it."""
    from crossdock.cli.day_closing import Wanted, run

    try:
        business_date = date.fromisoformat(day)
    except ValueError as error:
        raise typer.BadParameter(f"'{day}' is not a date such as 2026-11-23.") from error
    if replace and not reason.strip():
        raise typer.BadParameter("Say why the certificate is replaced: --reason.")
    kept = run(Wanted(business_date, replace, reason.strip()), config, data)
    _write(kept.file, out)
    _write(kept.listed, listed)
    _say(kept.file, json, printed=out is None)


def _write(content: bytes, file: Path | None) -> None:
    if file is not None:
        file.write_bytes(content)
        note(f"written: {file}")


def _say(file: bytes, json: bool, *, printed: bool) -> None:
    import msgspec

    if json:
        as_it_is(file)
        return
    _summary(msgspec.json.decode(file)["certificate"])
    if printed:
        note("Keep the certificate's file with --out; show it to nobody as proof without verify-close.")


def _summary(told: dict[str, Any]) -> None:
    typer.echo(f"{told['date']} ({told['time_zone']}), certificate {told['serial']}")
    if told["replaces"]:
        typer.echo(f"  replaces {told['replaces']['serial']}: {told['reason']}")
    rows = [
        (
            f"{one['route']} / {one['erp_name']}",
            one["currency"],
            *(f"{one[side]['orders']} · {one[side]['total']}" for side in ("channel", "crossdock", "erp")),
            one["crossdock"]["not_booked"],
            one["differing"],
        )
        for one in told["routes"]
    ]
    columns = ("route", "currency", "channel", "crossdock", "ERP", "not booked yet", "differing")
    table(columns, rows, "No orders on this date.")
    for missing in told["not_listed"]:
        typer.echo(f"  {missing}: its figures are not compared")
    typer.echo(f"  {told['differences']['open']} differences open, {told['list']['rows']} rows in the list")


def close_key(file: Path = _KEY_FILE, json: bool = JSON) -> int:
    """Make the key that signs day closes. The private one stays here; give the .pub to whoever is to verify."""
    from crossdock.reconcile import certificate

    public = file.with_name(file.name + ".pub")
    if file.exists() or public.exists():
        raise typer.BadParameter(f"{file} is there already. A key that signed something is not overwritten.")
    secret, shown = certificate.make_key()
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as private:
        private.write(secret)
    public.write_bytes(shown)
    key = certificate.key_id(certificate.public_key(shown))
    as_json({"private": file, "public": public, "key": key}) if json else typer.echo(f"{file}\n{public}\nkey {key}")
    note(f"Name it in crossdock.yaml: reconcile: {{signing_key: file:{file.absolute()}}}")
    return 0


def verify_close(file: Path = _CERTIFICATE, key: Path = _PUBLIC, listed: Path = _LIST_IN, json: bool = JSON) -> int:
    """Verify a certificate offline: that no byte of it is another than was signed by this key. Needs no database."""
    from crossdock.reconcile import certificate, summing

    told = certificate.verify(file.read_bytes(), certificate.public_key(key.read_bytes()))
    if listed is not None:
        summing.prove_list(told, listed.read_bytes())
    if json:
        as_json(told)
        return 0
    with_list = ", and the list comes to its sums" if listed is not None else ""
    typer.echo(f"Genuine: signed by the key {certificate.key_id(certificate.public_key(key.read_bytes()))}{with_list}.")
    _summary(told)
    return 0
