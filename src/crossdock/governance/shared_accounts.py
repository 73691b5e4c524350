"""Connections that are one account at their vendor: its limit of calls at once is theirs together.

The ledger of limits is kept by connection. Where a manifest names the setting that tells the account, the configuration
must divide what the account grants, else each connection would take all of it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crossdock.governance.reading import Reader
from crossdock.kit.manifest import Manifest

if TYPE_CHECKING:
    from crossdock.governance.config import ConnectionSetup


def check_accounts(
    read: Reader, connections: Mapping[str, "ConnectionSetup"], manifests: Mapping[str, Manifest]
) -> None:
    """A fault for the last of connections that together may have more calls in flight than their account grants."""
    accounts: dict[tuple[str, str], list[ConnectionSetup]] = {}
    for setup in connections.values():
        named_by = manifests[setup.system].account
        if named_by is not None and (account := setup.settings.get(named_by)) not in (None, ""):
            accounts.setdefault((setup.system, _same(account)), []).append(setup)
    for (system, account), sharing in accounts.items():
        granted = max(_granted(setup, manifests[system]) for setup in sharing)
        taken = sum(setup.quota.get("concurrency", _granted(setup, manifests[system])) for setup in sharing)
        if len(sharing) > 1 and taken > granted:
            names = ", ".join(f"'{setup.name}'" for setup in sharing)
            wrong = f"{names} are one account, {account}: together they may have {taken} calls in flight, "
            wrong += f"it grants {granted}."
            right = (
                f"Divide them: 'quota: {{concurrency: …}}' of each, {granted} in all. "
                "The setting 'concurrency' says what the whole account grants."
            )
            read.fault(("connections", sharing[-1].name, "settings", manifests[system].account or ""), wrong, right)


def _same(account: object) -> str:
    """As the vendor reads it: ``1234567_SB1`` and ``1234567-sb1`` are one."""
    return str(account).strip().lower().replace("_", "-")


def _granted(setup: "ConnectionSetup", manifest: Manifest) -> int:
    calls = setup.settings.get("concurrency")  # counts as the quota's, see ``app.link``
    return calls if isinstance(calls, int) else manifest.quota.concurrency or 0
