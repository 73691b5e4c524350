"""``init``, ``check`` and ``config-schema``: the configuration folder."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.checking import CALL, CONFIGURATION, Checked, database
from crossdock.cli.printing import as_json, note
from crossdock.cli.reach import CONFIG, DATA, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crossdock.governance.config import Config, ConnectionSetup
    from crossdock.kit.manifest import Manifest, Value


_WHERE = typer.Argument(Path("crossdock"), help="Where to write it.")


def add(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(check)
    app.command("config-schema")(config_schema)


def init(
    folder: Path = _WHERE,
    force: bool = typer.Option(False, "--force", help="Overwrite a configuration that is there."),
    json: bool = JSON,
) -> int:
    """Write a commented configuration folder to start from."""
    from crossdock.cli.template import write

    if (folder / "crossdock.yaml").exists() and not force:
        raise typer.BadParameter(f"{folder} has a configuration already. Choose another folder, or use --force.")
    written = write(folder)
    if json:
        as_json({"written": written})
    else:
        for file in written:
            typer.echo(str(file))
    note(f"Fill in the settings, put the secrets where it says, then: crossdock check --config {folder}")
    return 0


def config_schema() -> None:
    """Print the JSON Schema of crossdock.yaml, for editors to complete and check it."""
    from crossdock.app import Manifests
    from crossdock.governance.schema import config_schema as schema

    as_json(schema(Manifests()))


def check(
    config: Path = CONFIG,
    data: Path = DATA,
    offline: bool = typer.Option(False, "--offline", help="Do not call the other systems."),
    json: bool = JSON,
) -> int:
    """Check the configuration, the secrets, and that the database and every system can be reached. One line each."""
    from crossdock.governance.faults import ConfigError

    results: list[Checked] = []

    def tell(result: Checked) -> None:
        results.append(result)
        if not json:
            typer.echo(f"{mark(result)} {result.what}: {result.said}")

    try:
        found: Config | None = _configuration(config, tell)
    except ConfigError as error:
        for fault in error.faults:
            tell(Checked("configuration", False, str(fault)))
        found = None
    asyncio.run(_called(found, data, offline, tell))
    failed = {result.kind for result in results if not result.ok}
    code = 3 if CONFIGURATION in failed else 4 if failed else 0  # first what can be put right here
    if json:
        as_json(results)
    return code


async def _called(config: "Config | None", data: Path, offline: bool, tell: "Callable[[Checked], None]") -> None:
    """What is asked of others: the database whatever the configuration is like, the systems that it names."""
    tell(await database(data, offline=offline))
    if config is not None:
        await _connections(config, offline, tell)


def mark(result: Checked) -> str:
    if not result.ok:
        return typer.style("FAIL", fg="red")
    return typer.style("WARN", fg="yellow") if result.warns else typer.style("ok  ", fg="green")


def _configuration(folder: Path, tell: "Callable[[Checked], None]") -> "Config":
    from crossdock.app import configuration
    from crossdock.governance.exposure import Insecure, refuse_insecure

    found = configuration(folder)
    rules = f"{len(found.connections)} connections, {len(found.policies)} routes, {len(found.rules)} hold rules"
    tell(Checked("configuration", True, rules))
    try:
        refuse_insecure(found.serve, os.environ)
        tell(Checked("exposure", True, f"intake {found.serve.intake}, console {found.serve.console}"))
    except Insecure as error:
        tell(Checked("exposure", False, str(error)))
    _signing(found, tell)
    _keepers(found, tell)
    return found


def _keepers(config: "Config", tell: "Callable[[Checked], None]") -> None:
    """Names that are no roles: whether somebody has such an account only the database could tell."""
    from crossdock.domain.holding import ROLES

    for rule in config.rules:
        if names := [name for name in rule.release_by if name not in ROLES]:
            said = (
                f"{', '.join(names)}: no role of the console ({', '.join(ROLES)}), so each must be a person's account"
            )
            tell(Checked(f"{rule.name} release_by", True, said))


def _signing(config: "Config", tell: "Callable[[Checked], None]") -> None:
    """Whether the key that signs day closes is there: told now, and not at the end of the month."""
    from crossdock.governance.config import CONFIG_FILE, line_of
    from crossdock.governance.faults import Fault
    from crossdock.governance.secrets import SecretError, resolve

    if config.reconcile.signing_key is None:
        return
    try:
        resolve(config.reconcile.signing_key, os.environ, config.folder)
        tell(Checked("day close", True, f"signed with {config.reconcile.signing_key}"))
    except SecretError as error:
        line = line_of(config.folder, ("reconcile", "signing_key"))
        fault = Fault(str(config.folder / CONFIG_FILE), line, f"reconcile.signing_key: {error}")
        tell(Checked("day close", False, str(fault)))


async def _connections(config: "Config", offline: bool, tell: "Callable[[Checked], None]") -> None:
    from crossdock.app import Manifests
    from crossdock.kit.door import Door

    lists: dict[tuple[str, str], Sequence[Value]] = {}
    sold: dict[str, Sequence[str]] = {}
    async with Door() as http:
        for setup in config.connections.values():
            told = await _connection(config, setup, http, offline)
            tell(told)
            if ends := version(setup.name, Manifests()[setup.system], datetime.now(UTC)):
                tell(ends)
            if told.ok and not offline:
                lists |= await _values(config, setup, http, tell)
                sold |= await _sold(config, setup, http, tell)
    if not offline:
        _mapped(config, lists, tell)
    _money(config, sold, tell)


def version(name: str, manifest: "Manifest", now: datetime) -> Checked | None:
    """What is told where the vendor ends the API version soon, or has: nothing is wrong with the configuration."""
    from crossdock.kit.sunset import ending

    said = ending(manifest, now)
    return None if said is None else Checked(f"{name} API version", True, said, warns=True)


async def _sold(
    config: "Config", setup: "ConnectionSetup", http: object, tell: "Callable[[Checked], None]"
) -> "dict[str, Sequence[str]]":
    """The currencies that a channel sells in; told where they cannot be read."""
    from crossdock.app import link
    from crossdock.kit.manifest import Unreachable

    linked = link(setup, config.folder, os.environ, http)  # type: ignore[arg-type]
    if linked.connector.sells_in is None:
        return {}
    try:
        return {setup.name: await linked.connector.sells_in(linked.connector.open(linked.line))}
    except Unreachable as error:
        tell(Checked(f"{setup.name} currencies", False, str(error), CALL))
        return {}


def _money(config: "Config", sold: "dict[str, Sequence[str]]", tell: "Callable[[Checked], None]") -> None:
    from crossdock.app import Manifests
    from crossdock.governance.money_ahead import money_ahead

    for one in money_ahead(config, Manifests(), sold):
        tell(Checked(f"{one.route} money", one.ok, one.says))


async def _values(
    config: "Config", setup: "ConnectionSetup", http: object, tell: "Callable[[Checked], None]"
) -> "dict[tuple[str, str], Sequence[Value]]":
    """What the system has to choose from; told where it cannot be read."""
    from crossdock.app import link

    linked = link(setup, config.folder, os.environ, http)  # type: ignore[arg-type]
    poll = linked.connector.polls.get("values")
    if poll is None:
        return {}
    try:
        page = await poll.run(linked.connector.open(linked.line), None, {})
    except Exception as error:  # noqa: BLE001 - one list that cannot be read must not hide the others; it is told
        tell(Checked(f"{setup.name} values", False, str(error), CALL))
        return {}
    return {(setup.name, kind): values for kind, values in page.values.items()}


def _mapped(
    config: "Config", lists: "dict[tuple[str, str], Sequence[Value]]", tell: "Callable[[Checked], None]"
) -> None:
    from crossdock.app import Manifests
    from crossdock.cli.connections import told
    from crossdock.governance.mapped import coverage, mappings

    for one in coverage(mappings(config, Manifests()), lists):
        if one.known:
            ours = [gap.says for gap in one.gaps if gap.side == "ours"]
            what, _, how_far = told(one).partition(": ")
            tell(Checked(what, not ours, "; ".join([how_far, *ours])))


async def _connection(config: "Config", setup: "ConnectionSetup", http: object, offline: bool) -> Checked:
    from crossdock.app import link
    from crossdock.governance.faults import ConfigError
    from crossdock.kit.lacking import lacking
    from crossdock.kit.manifest import Unreachable

    try:
        linked = link(setup, config.folder, os.environ, http)  # type: ignore[arg-type]
    except ConfigError as error:
        return Checked(setup.name, False, "; ".join(map(str, error.faults)))
    if wrong := lacking(linked.connector.manifest, linked.line.settings, linked.line.secrets):
        return Checked(setup.name, False, " ".join(wrong))
    if offline or linked.connector.check is None:
        said = f"{setup.system}: settings and secrets are there" + (" (not called)" if offline else "")
        return Checked(setup.name, True, said)
    try:
        return Checked(setup.name, True, await linked.connector.check(linked.connector.open(linked.line)), CALL)
    except Unreachable as error:
        return Checked(setup.name, False, str(error), CALL)
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others; it is told
        return Checked(setup.name, False, f"the check itself failed ({type(error).__name__}: {error})", CALL)
