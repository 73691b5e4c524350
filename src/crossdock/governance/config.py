"""The config folder as one typed value: ``crossdock.yaml`` and ``tables/*.csv``.

Everything is checked before anything starts; every fault names its file and line and what would be right.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from crossdock.domain.account import ADVANCE
from crossdock.domain.decision import HoldHit, Policy
from crossdock.domain.order import Order
from crossdock.domain.posting import HOLD, NEXT_DAY
from crossdock.domain.promise import Promising
from crossdock.domain.promise import faults as faults_of_promise
from crossdock.governance.faults import ConfigError, Fault, nearest
from crossdock.governance.forms import is_amount, is_beginning, is_day, is_name, is_network, is_origin, is_zone
from crossdock.governance.hold_rules import read_holds
from crossdock.governance.marks import Marked
from crossdock.governance.reading import KINDS, Reader, listed
from crossdock.governance.return_rules import check_returns
from crossdock.governance.rules import HoldRule, compile_rules
from crossdock.governance.secrets import is_reference
from crossdock.governance.shared_accounts import check_accounts
from crossdock.governance.stock_rules import check_stock, with_all_kits
from crossdock.governance.tables import Tables, load_tables
from crossdock.kit.manifest import Manifest

CONFIG_FILE = "crossdock.yaml"
SECTIONS = ("connections", "routes", "holds", "serve", "keep", "reconcile")
QUOTAS = ("concurrency", "rate_per_s", "burst")
CHOICES = {
    "basis": ("shop", "presentment"),
    "payment": ("paid", "authorized", "pending"),
    "invoice": ("make", "take"),
    "payments": ("open", "paid", "deposit", "payment", ADVANCE),
    "doubtful_customer": ("ask", "guest"),
    "closed_period": (NEXT_DAY, HOLD),
}


class ConnectionSetup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One account at a system. ``secrets`` holds references, never values."""

    name: str
    system: str
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    region: str | None = None
    quota: dict[str, int] = {}  # what the account grants, where it differs: concurrency, rate_per_s, burst


class ServeSetup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where Crossdock listens. Anything but loopback needs TLS files or the name of the proxy in front."""

    intake: str = "127.0.0.1:8480"
    console: str = "127.0.0.1:8481"
    partner: str | None = None  # None: no partner API
    proxy: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    public_url: str | None = None
    # what intake takes before it refuses
    max_body_bytes: int = 1_000_000
    body_timeout_s: float = 10.0
    source_rate_per_s: float = 20_000.0  # requests from one address
    source_burst: float = 40_000.0
    waiting_bound: int = 5_000  # webhooks waiting for their commit before senders are told to come again
    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For is believed


SERVE_AT_LEAST: Mapping[str, float] = {
    "max_body_bytes": 1_000,
    "body_timeout_s": 1,
    "source_rate_per_s": 1,
    "source_burst": 1,
    "waiting_bound": 1,
}


class KeepSetup(msgspec.Struct, frozen=True, omit_defaults=True):
    """For how many days what happened is kept. Whatever an unfinished order needs stays beyond that."""

    messages: int = 400  # what arrived, as received
    journal: int = 400  # every decision and what led to it
    attempts: int = 90  # calls, with what was sent and answered
    deliveries: int = (
        90  # ids that tell a repeated delivery from a new one; senders repeat for days, restores for weeks
    )


KEEP_AT_LEAST = KeepSetup(messages=30, journal=30, attempts=7, deliveries=30)


class ReconcileSetup(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often all sides are compared, and what a business date is."""

    every_s: float = 300.0
    grace_s: float = 120.0  # how long a difference must stand, beside the systems' own lag, before it is one
    time_zone: str = "UTC"  # business dates run from midnight to midnight there
    signing_key: str | None = None  # a reference to the Ed25519 key that signs day closes


RECONCILE_AT_LEAST: Mapping[str, float] = {"every_s": 1, "grace_s": 0}


class Config(msgspec.Struct, frozen=True):
    """A checked configuration. ``folder`` is where relative secret files start."""

    folder: Path
    connections: dict[str, ConnectionSetup]
    policies: dict[str, Policy]
    rules: tuple[HoldRule, ...]
    tables: Tables
    serve: ServeSetup
    keep: KeepSetup = KeepSetup()
    reconcile: ReconcileSetup = ReconcileSetup()

    def holds(self) -> Callable[[Order], list[HoldHit]]:
        """The hold rules as the function the engine asks."""
        return compile_rules(self.rules)


def load(folder: Path, manifests: Mapping[str, Manifest], *, prove_rules: bool = True) -> Config:
    """Read and check the folder. Raises ``ConfigError`` with every fault found.

    ``prove_rules=False`` leaves the hold rules' conditions unread: the rule interpreter costs a process 16 MB.
    """
    file = folder / CONFIG_FILE
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError as error:
        wrong = "There is no configuration here."
        raise ConfigError([Fault(str(file), 0, wrong, "Write one with: crossdock init")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(file), 0, f"The configuration cannot be read: {error}.")]) from error
    return _Loading(folder, Marked(str(file), text), manifests, prove_rules).config()


def line_of(folder: Path, path: tuple[str | int, ...]) -> int:
    """Where a value stands in a configuration that was read, for what shows only later; 0 where the file is gone."""
    file = folder / CONFIG_FILE
    try:
        return Marked(str(file), file.read_text("utf-8")).line(path)
    except (OSError, UnicodeDecodeError, ConfigError):
        return 0


class _Loading:
    def __init__(self, folder: Path, marked: Marked, manifests: Mapping[str, Manifest], prove_rules: bool) -> None:
        self._folder, self._manifests, self._prove_rules = folder, manifests, prove_rules
        self._tables, table_faults = load_tables(folder / "tables")
        self._read = Reader(marked, self._tables)
        self._faults = self._read.faults
        self._faults.extend(table_faults)

    def config(self) -> Config:
        top = self._read.mapping(())
        self._read.known(top, (), SECTIONS, "sections")
        connections = self._connections(self._read.mapping(("connections",)))
        policies = self._policies(self._read.items(("routes",)), connections)
        rules = read_holds(self._read, prove_rules=self._prove_rules)
        serve = self._serve() if "serve" in top else ServeSetup()
        keep = self._keep() if "keep" in top else KeepSetup()
        reconcile = self._reconcile() if "reconcile" in top else ReconcileSetup()
        if self._faults:
            raise ConfigError(sorted(self._faults, key=lambda fault: (fault.file, fault.line)))
        assert serve is not None  # a fault would have been raised
        assert keep is not None
        assert reconcile is not None
        return Config(self._folder, connections, policies, tuple(rules), self._tables, serve, keep, reconcile)

    # serve and keep ---------------------------------------------------------------------------------------------

    def _serve(self) -> ServeSetup | None:
        setup = self._read.struct(ServeSetup, ("serve",))
        if setup is not None:
            for field, least in SERVE_AT_LEAST.items():
                self._at_least(("serve", field), getattr(setup, field), least)
            for index, text in enumerate(setup.trusted_proxies):
                if not is_network(text):
                    wrong = f"'{text}' is not a network."
                    self._read.fault(("serve", "trusted_proxies", index), wrong, "Write 10.0.0.5 or 10.0.0.0/8.")
            if setup.public_url is not None and not is_origin(setup.public_url):
                wrong = f"'{setup.public_url}' is not an address that people can open the console at."
                right = "Write it without a path: https://orders.example.com."
                self._read.fault(("serve", "public_url"), wrong, right)
        return setup

    def _keep(self) -> KeepSetup | None:
        setup = self._read.struct(KeepSetup, ("keep",))
        if setup is not None:
            for field, least in msgspec.structs.asdict(KEEP_AT_LEAST).items():
                self._at_least(("keep", field), getattr(setup, field), least)
        return setup

    def _reconcile(self) -> ReconcileSetup | None:
        setup = self._read.struct(ReconcileSetup, ("reconcile",))
        if setup is not None:
            for field, least in RECONCILE_AT_LEAST.items():
                self._at_least(("reconcile", field), getattr(setup, field), least)
            if not is_zone(setup.time_zone):
                wrong = f"'{setup.time_zone}' is not a time zone that this machine knows."
                self._read.fault(("reconcile", "time_zone"), wrong, "Write one like Europe/Berlin.")
            if setup.signing_key is not None and not is_reference(setup.signing_key):
                right = "Write file:keys/day-close.pem; make it with crossdock close-key."
                self._read.fault(("reconcile", "signing_key"), "'signing_key' is not a reference.", right)
        return setup

    def _at_least(self, path: tuple[str | int, ...], value: float, least: float) -> None:
        if value < least:
            self._read.fault(path, f"'{path[-1]}' cannot be {value}.", f"Give {least} or more.")

    # connections ------------------------------------------------------------------------------------------------

    def _connections(self, given: Mapping[str, Any]) -> dict[str, ConnectionSetup]:
        made = {}
        for name in given:
            path = ("connections", name)
            if not is_name(name):
                right = "Use lower-case letters, digits, _ and -, at most 63, beginning with a letter or digit."
                self._read.fault(path, f"'{name}' cannot name a connection.", right)
            setup = self._read.struct(ConnectionSetup, path, name=name)
            self._read.known(self._read.mapping((*path, "quota")), (*path, "quota"), QUOTAS)
            if setup is not None and self._fits_manifest(setup):
                self._limits(setup)
                made[name] = msgspec.structs.replace(setup, settings=self._settings(setup))
        check_accounts(self._read, made, self._manifests)
        return made

    def _limits(self, setup: ConnectionSetup) -> None:
        """A limit below one lets nothing out, and nobody would be told."""
        for name, value in setup.quota.items():
            self._at_least(("connections", setup.name, "quota", name), value, 1)
        if isinstance(calls := setup.settings.get("concurrency"), int):  # counts as the quota's, see ``app.link``
            self._at_least(("connections", setup.name, "settings", "concurrency"), calls, 1)

    def _fits_manifest(self, setup: ConnectionSetup) -> bool:
        path = ("connections", setup.name, "system")
        if setup.system in self._manifests:
            return True
        right = nearest(setup.system, self._manifests, "Systems")
        self._read.fault(path, f"There is no system '{setup.system}'.", right)
        return False

    def _settings(self, setup: ConnectionSetup) -> dict[str, Any]:
        """Settings with the manifest's defaults filled in; faults for missing, unknown and misplaced ones."""
        manifest = self._manifests[setup.system]
        plain = {s.name: s for s in manifest.settings if not s.secret}
        secret = {s.name: s for s in manifest.settings if s.secret}
        for section, known, other in (("settings", plain, secret), ("secrets", secret, plain)):
            self._place(setup, section, known, other)
        for name, reference in setup.secrets.items():
            if not is_reference(reference):
                right = "Write env:NAME or file:/path, never the secret itself."
                self._read.fault(("connections", setup.name, "secrets", name), f"'{name}' is not a reference.", right)
        defaults = {s.name: s.default for s in plain.values() if s.default is not None}
        path = ("connections", setup.name, "settings")
        given = {
            name: self._read.table_or(value, (*path, name))
            for name, value in setup.settings.items()
            if value is not None
        }
        kinds = {name: setting.kind for name, setting in plain.items()}
        return {**defaults, **{n: self._like(setup, n, value, kinds.get(n, str)) for n, value in given.items()}}

    def _like(self, setup: ConnectionSetup, name: str, value: Any, wanted: type[Any]) -> Any:
        """A value of the setting's kind: YAML gives fractions as text (see ``marks``); one name is a list of one."""
        if wanted is list and not isinstance(value, list | dict):
            return listed(str(value))
        if wanted not in KINDS or type(value) is wanted:
            return value
        try:
            return msgspec.convert(value, wanted, strict=False)
        except msgspec.ValidationError:
            wrong = f"'{name}' cannot be '{value}'."
            self._read.fault(("connections", setup.name, "settings", name), wrong, f"Give {KINDS[wanted]}.")
            return value

    def _place(self, setup: ConnectionSetup, section: str, known: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        given: Mapping[str, Any] = getattr(setup, section)
        path = ("connections", setup.name, section)
        for name in given:
            if name in other:
                right = f"Move it to '{'secrets' if section == 'settings' else 'settings'}'."
                self._read.fault((*path, name), f"'{name}' does not belong under '{section}'.", right)
            elif name not in known:
                what = f"{setup.system} has no {section[:-1]} '{name}'."
                self._read.fault((*path, name), what, nearest(name, known))
        for name, setting in known.items():
            if setting.required and setting.default is None and given.get(name) in (None, ""):
                example = setting.example or ("env:NAME" if setting.secret else "…")
                right = f"Add '{name}: {example}' under '{section}' ({setting.title})."
                self._read.fault(path, f"'{setup.name}' has no {section[:-1]} '{name}'.", right)

    # routes -----------------------------------------------------------------------------------------------------

    def _policies(self, count: int, connections: Mapping[str, ConnectionSetup]) -> dict[str, Policy]:
        policies: dict[str, Policy] = {}
        for index in range(count):
            policy = self._read.struct(Policy, ("routes", index), without=("promise",), hidden=("promise",))
            promise = self._promise(("routes", index, "promise"), policy)
            if policy is None:
                continue
            policy = msgspec.structs.replace(policy, promise=promise)
            if policy.channel in policies:
                wrong = f"'{policy.channel}' has a route already."
                self._read.fault(("routes", index, "channel"), wrong, "Keep one route for each channel.")
            self._check_policy(policy, index, connections)
            policies[policy.channel] = policy
        check_stock(self._read, list(policies.values()), connections)
        check_returns(self._read, list(policies.values()))
        return with_all_kits(policies)

    def _promise(self, path: tuple[str | int, ...], policy: Policy | None) -> Promising | None:
        """The route's promise of dates; None where it has none, or a fault."""
        if self._read.at(path) is None:
            return None
        how = self._read.struct(Promising, path)
        if how is not None:
            for field, wrong, right in faults_of_promise(how):
                self._read.fault((*path, field), wrong, right)
        if policy is not None and policy.warehouse is None:
            right = "Name the route's warehouse, or promise nothing."
            self._read.fault(path, "Nothing is heard of what leaves: the route has no warehouse.", right)
        return how

    def _check_policy(self, policy: Policy, index: int, connections: Mapping[str, ConnectionSetup]) -> None:
        for role in ("channel", "erp", "warehouse"):
            name = getattr(policy, role)
            if name is not None:
                self._check_role(("routes", index, role), role, name, connections)
        for field, allowed in CHOICES.items():
            value = getattr(policy, field)
            if value not in allowed:
                wrong = f"'{field}' cannot be '{value}'."
                self._read.fault(("routes", index, field), wrong, nearest(value, allowed, "Allowed"))
        self._check_payments(policy, index, connections)
        if policy.edit_window_s < 0:
            self._read.fault(("routes", index, "edit_window_s"), "A wait cannot be negative.", "Give seconds, from 0.")
        if not is_amount(policy.rounding_ceiling):
            wrong = f"'{policy.rounding_ceiling}' is not an amount."
            self._read.fault(("routes", index, "rounding_ceiling"), wrong, 'Write a decimal, such as "0.05".')

        self._check_calendar(policy, ("routes", index))

    def _check_payments(self, policy: Policy, index: int, connections: Mapping[str, ConnectionSetup]) -> None:
        """What the route asks of the ERP's books must be what its API has records for."""
        books = self._manifests[connections[policy.erp].system].books if policy.erp in connections else None
        if books is not None and policy.payments in CHOICES["payments"] and policy.payments not in books.payments:
            wrong = f"{policy.erp} cannot record payments as '{policy.payments}' asks for."
            self._read.fault(("routes", index, "payments"), wrong, f"Allowed there: {', '.join(books.payments)}.")
        channel = connections.get(policy.channel)
        if policy.payments == ADVANCE and channel is not None and not self._manifests[channel.system].captures:
            wrong = f"{policy.channel} does not tell what it took for an order: its invoice would wait for that."
            self._read.fault(("routes", index, "payments"), wrong, "Write open or paid.")

    def _check_calendar(self, policy: Policy, path: tuple[str | int, ...]) -> None:
        if not is_zone(policy.time_zone):
            right = "Write it like Europe/Berlin; if it is right, this machine lacks the tzdata package."
            self._read.fault((*path, "time_zone"), f"There is no time zone '{policy.time_zone}'.", right)
        if policy.closed_through is not None and not is_day(policy.closed_through):
            self._read.fault(
                (*path, "closed_through"), f"'{policy.closed_through}' is not a day.", "Write one like 2026-10-31."
            )
        if policy.since is not None and not is_beginning(policy.since):
            right = "Write a day like 2026-11-02, or an instant with its offset: 2026-11-02T06:00:00+01:00."
            self._read.fault((*path, "since"), f"'{policy.since}' is neither a day nor an instant.", right)
        if policy.return_wait_s < 0:
            self._read.fault((*path, "return_wait_s"), "A wait cannot be negative.", "Give seconds, from 0.")
        if policy.settlement_wait_s < 0:
            self._read.fault((*path, "settlement_wait_s"), "A wait cannot be negative.", "Give seconds, from 0.")

    def _check_role(self, path: tuple[str | int, ...], role: str, name: str, connections: Mapping[str, Any]) -> None:
        if name not in connections:
            if name not in self._read.mapping(("connections",)):  # one with faults of its own was told already
                self._read.fault(path, f"There is no connection '{name}'.", nearest(name, connections, "Connections"))
            return
        real = self._manifests[connections[name].system].role
        if real != role:
            right = f"Name a connection to a system of role {role}."
            self._read.fault(path, f"'{name}' is a connection to a {real}, not a {role}.", right)
