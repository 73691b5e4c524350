"""Whether an ERP can post the money of the channels that are routed to it, known before an order needs it. Pure.

An API that posts in one currency only (``Manifest.books``) books orders in any, and refuses their payments one by one.
Told ahead, somebody can decide what the route is to do instead.
"""

from collections.abc import Mapping, Sequence

import msgspec

from crossdock.domain.decision import Policy
from crossdock.governance.config import Config
from crossdock.kit.manifest import Manifest


class MoneyAhead(msgspec.Struct, frozen=True):
    """What one route will find. ``ok``: no order of it can bring money that cannot be posted, as far as is known."""

    route: str  # channel → ERP
    ok: bool
    says: str


def money_ahead(
    config: Config, manifests: Mapping[str, Manifest], sold: Mapping[str, Sequence[str]]
) -> list[MoneyAhead]:
    """Every route whose ERP posts in one currency. ``sold``: channel -> currencies that it sells in, where it told."""
    found = []
    for policy in config.policies.values():
        at_erp, at_channel = config.connections[policy.erp], config.connections[policy.channel]
        books = manifests[at_erp.system].books
        if books is None or books.only_currency is None:
            continue
        switch = manifests[at_channel.system].settlements
        posted = _posted(policy, switch is not None and bool(at_channel.settings.get(switch)))
        if posted:
            only = str(at_erp.settings.get(books.only_currency))
            ok, says = _told(policy, posted, only, sold.get(policy.channel))
            found.append(MoneyAhead(f"{policy.channel} → {policy.erp}", ok, says))
    return found


def _posted(policy: Policy, settlements: bool) -> str:
    """What of the route's money the ERP is asked to post, in words."""
    asked = {
        "payments": policy.payments == "payment",
        "money paid back": policy.payments in ("payment", "paid"),
        "settlements": settlements,
    }
    return ", ".join(what for what, wanted in asked.items() if wanted)


def _told(policy: Policy, posted: str, only: str, sold: Sequence[str] | None) -> tuple[bool, str]:
    instead = "enter those there by hand, or let the route say payments: open"
    if policy.basis == "presentment":
        return False, f"{posted} can be posted in {only} only, and orders are booked as customers see them; {instead}"
    if sold is None:
        return True, f"{posted} in {only} only; this channel's orders name their own currency: others are exceptions"
    if others := [currency for currency in sold if currency != only]:
        return False, f"{posted} can be posted in {only} only, the channel sells in {', '.join(others)}; {instead}"
    return True, f"{posted} in {only}"
