"""Typed facts about a portal: settings, what it tells, what is redacted."""

from crossdock.connectors.portal.mapping import PLACED, RETURN
from crossdock.kit.manifest import Manifest, Quota, Setting

MANIFEST = Manifest(
    system="portal",
    title="Partner API",
    role="channel",
    api_version="1",
    settings=(
        Setting(
            "callback_url",
            "Where the portal is told of shipments, invoices, stock and returns",
            required=False,
            example="https://portal.example.com/crossdock",
            help="Empty: the portal asks for an order's state itself and is told nothing.",
        ),
        Setting(
            "callback_secret",
            "Secret that our calls are signed with",
            secret=True,
            required=False,
            help="Needed with callback_url. At least 24 characters.",
        ),
    ),
    needs={"callback_url": ("callback_secret",)},
    mapping_version="1",
    topics={PLACED: "order_seen", RETURN: "return_asked"},
    quota=Quota(concurrency=4),
    docs="https://www.standardwebhooks.com",
    redact=("phone", "email", "name"),
)
