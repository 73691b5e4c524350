"""Keys of the partner API on the console: for portals only, shown once, revoked with a reason, all of it audited."""

import re
from datetime import timedelta

import asyncpg
import pytest

from crossdock.api import partner_keys
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.partner_keys import KeyWish
from crossdock.governance import audit
from crossdock.partner import keys
from tests.console import desks
from tests.console.desks import Visitor, visitor
from tests.console.portals import PORTAL, with_portal
from tests.console.seed import SHOP, XSS, Day


async def opens(desk: Desk, key: str) -> bool:
    return await keys.find(desk.pool, key) is not None


async def made(who: Visitor, **fields: str) -> str:
    """The key that the form's answer shows."""
    answer = await who.submit(
        "/partner-keys", **{"connection": PORTAL, "name": "till", "scope": "orders:read", **fields}
    )
    assert answer.status_code == 200, answer.text
    found = re.search(r'id="new-key">(cdk_[^<]+)<', answer.text)
    assert found is not None
    return found[1]


async def test_a_key_is_shown_once_and_opens_until_it_is_revoked(day: Day, database_url: str) -> None:
    connectors = await with_portal(day)
    async with desks.desk(day.store, database_url, connectors=connectors) as desk, visitor(desk) as who:
        assert "No keys yet" in (await who.page("/partner-keys")).text
        key = await made(who, days="30")
        assert await opens(desk, key)
        text = (await who.page("/partner-keys")).text
        assert key not in text
        assert "till" in text
        (row,) = (await who.get("/api/v1/partner-keys")).json()
        assert (row["state"], row["scopes"], row["connection"]) == ("open", ["orders:read"], PORTAL)
        assert "key_hash" not in row
        no_reason = await who.post(f"/api/v1/partner-keys/{row['id']}/revoke", {})
        assert (no_reason.status_code, no_reason.json()["code"]) == (400, "bad_request")
        answer = await who.submit(f"/partner-keys/{row['id']}/revoke", reason="the till was stolen")
        assert (answer.status_code, answer.headers["location"]) == (303, "/partner-keys?done=revoke")
        assert not await opens(desk, key)
        assert (await who.submit(f"/partner-keys/{row['id']}/revoke", reason="again")).status_code == 404
        acts = {act.action: act for act in await audit.recent(desk.pool)}
    assert acts["partner_key.make"].detail == {"scopes": ["orders:read"], "days": 30}
    assert acts["partner_key.revoke"].reason == "the till was stolen"
    assert key not in str(acts)


async def test_no_key_is_made_or_taken_away_without_its_audit(day: Day, database_url: str) -> None:
    connectors = await with_portal(day)
    boss = Caller("ada", "admin")
    async with desks.desk(day.store, database_url, connectors=connectors) as desk:
        key = (await partner_keys.make(desk, boss, KeyWish(PORTAL, "till", ["orders:read"]))).key
        (kept,) = await keys.listed(desk.pool)
        async with desks.no_audit(desk):
            for act in (
                partner_keys.make(desk, boss, KeyWish(PORTAL, "other", ["orders:read"])),
                partner_keys.revoke(desk, boss, kept.id, "stolen"),
                partner_keys.revoke_named(desk, boss, PORTAL, "till", "stolen"),
            ):
                with pytest.raises(asyncpg.CheckViolationError):
                    await act
        assert await keys.listed(desk.pool) == [kept]
        assert await opens(desk, key)


async def test_a_key_that_ran_out_opens_nothing_and_says_so(day: Day, database_url: str) -> None:
    connectors = await with_portal(day)
    async with desks.desk(day.store, database_url, connectors=connectors) as desk, visitor(desk) as who:
        key = await made(who, days="1")
        await desk.pool.execute("update partner_keys set expires_at = now() - $1::interval", timedelta(seconds=1))
        assert not await opens(desk, key)
        assert "Expired" in (await who.page("/partner-keys")).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "1 to 80 printable characters"),
        ({"scope": "orders:delete"}, "There is no scope orders:delete"),
        ({"connection": "nobody"}, "There is no connection"),
        ({"connection": SHOP}, f"There are: {PORTAL}."),
        ({"days": "0"}, "1 to 3650 days"),
        ({"days": "soon"}, "whole number"),
        ({"name": "taken"}, "has a key &#39;taken&#39; already"),
    ],
)
async def test_what_cannot_be_a_key_is_refused_and_the_form_keeps_what_was_given(
    day: Day, database_url: str, fields: dict[str, str], says: str
) -> None:
    connectors = await with_portal(day)
    async with desks.desk(day.store, database_url, connectors=connectors) as desk, visitor(desk) as who:
        await keys.make(desk.pool, PORTAL, "taken", ["orders:read"])
        given = {"connection": PORTAL, "name": XSS[:80], "scope": "orders:read", **fields}
        answer = await who.submit("/partner-keys", **given)
        assert (answer.status_code, says in answer.text) == (400, True), answer.text
        assert "<script>alert" not in answer.text
        assert len(await keys.listed(desk.pool)) == 1


async def test_a_house_without_a_portal_says_what_to_add(desk: Desk) -> None:
    async with visitor(desk) as who:
        text = (await who.page("/partner-keys")).text
        assert "system: portal" in text
        assert f"<option>{SHOP}" not in text


@pytest.mark.parametrize("role", ["operator", "integrator", "viewer"])
async def test_nobody_but_an_administrator_comes_near(desk: Desk, role: str) -> None:
    async with visitor(desk, role) as who:
        assert (await who.page("/partner-keys")).status_code == 403
        assert "/partner-keys" not in (await who.page("/")).text
        assert (await who.post("/api/v1/partner-keys", {})).status_code == 403
