"""Keeps the subscription alive: Business Central ends it after three days, and after too many failed deliveries."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.webhook import KIND, client_state
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Page, Unreachable

RENEW_BEFORE = timedelta(hours=36)  # of its three days: a night's outage does not end it


async def subscriptions(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Subscribe what is not there, renew what ends soon. The page's cursor says what was done."""
    url = str(client.settings.get("public_url") or "")
    secret = client.line.secrets.get("webhook_secret")
    if not url or not secret:
        return Page((), "off: public_url or webhook_secret is not set")
    try:
        return Page((), await _kept_up(client, url, client_state(secret)))
    except Stopped as stopped:
        raise Unreachable(f"the subscription is not kept up: {stopped.outcome}") from stopped
    except (NotSent, AnswerLost) as error:  # what became of it is seen next time
        raise Unreachable(f"Business Central cannot be reached: {error}") from error


async def _kept_up(client: BusinessCentral, url: str, state: str) -> str:
    resource = f"/api/v2.0/companies({client.settings['company_id']})/{KIND}"
    ours = [
        one
        for one in await client.subscriptions()
        if one.notification_url == url and one.resource.lower().endswith(resource.lower())
    ]
    if not ours:
        await client.subscribe(resource, url, state)
        return "subscribed anew"
    soon = client.line.now() + RENEW_BEFORE
    ending = [one for one in ours if _ends(one.expiration_date_time) <= soon]
    for one in ending:
        await client.renew(one, state)
    return f"{len(ours)} subscribed, {len(ending)} of them renewed"


def _ends(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise Unreachable("a subscription's end has no time zone")
    return at
