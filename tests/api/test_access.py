"""Who gets in: every route against every role, sessions, forged acts, lockout, hosts."""

import re
from datetime import UTC, datetime
from ipaddress import ip_network

import asyncpg
import httpx
import msgspec
import pytest
from litestar import get

from crossdock.api import entry
from crossdock.api.app import HEADERS, create_api, routes
from crossdock.api.desk import Desk
from crossdock.api.guard import LIVE
from crossdock.api.policy import ANYBODY, POLICY, ROLES, RouteWithoutPolicy, allowed
from crossdock.console.app import create_app
from crossdock.governance import audit, people
from crossdock.intake.sources import SourceLimit
from tests.console import desks
from tests.console.desks import HOST, PASSWORD, visitor
from tests.console.seed import ERP, key

FILLED = {"key": key(4), "stream": "1", "message": "1", "attempt": "1", "command": "1", "act": "1", "close": "1",
          "key_id": "1", "name": ERP, "path": "nothing", "file_path": "console.css"}  # fmt: skip


def _address(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: FILLED[found[1]], template)


@pytest.mark.parametrize("role", ["", *ROLES])
async def test_every_route_lets_in_whom_the_policy_names_and_nobody_else(desk: Desk, role: str) -> None:
    async with visitor(desk, role) as who:
        for method, template in routes(create_app(desk, watch=False)):
            answer = await who.client.request(
                method, _address(template), headers={"x-csrf-token": who.csrf, "accept": "application/json"}
            )
            problem = answer.json() if "problem+json" in answer.headers.get("content-type", "") else {}
            refused = problem.get("code") in ("not_signed_in", "not_allowed")
            assert refused != allowed(method, template, role), (method, template, role, answer.status_code)
            if method == "POST" and template == "/sign-out" and role:
                person = (await desk.pool.fetchrow("select id from users where name = $1", f"a {role}"))["id"]
                token, who.csrf = await people.open_session(desk.pool, person)
                who.client.cookies.set(desk.cookie, token)


async def test_a_route_nobody_thought_about_stops_the_start(desk: Desk) -> None:
    @get("/api/v1/secret")
    async def secret() -> str:
        return "oh"

    with pytest.raises(RouteWithoutPolicy, match="GET /api/v1/secret"):
        create_api(desk, pages=[secret])


def test_the_policy_names_only_routes_that_exist(desk: Desk) -> None:
    known = {f"{method} {template}" for method, template in routes(create_app(desk, watch=False))}
    assert set(POLICY) - known == set()
    assert {route for route, roles in POLICY.items() if roles == ANYBODY and "api" in route} == set()


async def test_an_act_needs_this_sessions_token_and_this_consoles_page(desk: Desk) -> None:
    async with visitor(desk) as who:
        path = f"/api/v1/connections/{ERP}/pause"
        for headers in (
            {"x-csrf-token": "another"},
            {"x-csrf-token": ""},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            answer = await who.post(path, {"reason": "no"}, **headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forged"), headers
        assert (await who.client.post(f"/connections/{ERP}/pause", data={"reason": "no"})).status_code == 403
        assert not (await desk.store.connections())[ERP].paused
        assert (await who.submit(f"/connections/{ERP}/pause", reason="stocktaking")).status_code == 303
        assert (await desk.store.connections())[ERP].paused


async def test_another_host_name_is_not_answered(desk: Desk) -> None:
    async with visitor(desk) as who:
        answer = await who.get("/api/v1/now", host="rebound.example")
        assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://orders.example:443", {"orders.example", "orders.example:443"}),
        ("https://orders.example", {"orders.example", "orders.example:443"}),
        ("http://orders.example:8481", {"orders.example:8481"}),
        ("http://[2001:db8::1]:80", {"[2001:db8::1]", "[2001:db8::1]:80"}),
    ],
)
def test_a_port_that_browsers_leave_out_may_be_left_out(url: str, known: set[str]) -> None:
    desk = Desk(None, None, {}, None, None, None, None, public_url=url)  # type: ignore[arg-type]
    assert desk.known_hosts == known


async def test_probes_are_answered_whatever_the_consoles_public_name_is(desk: Desk) -> None:
    behind_https = msgspec.structs.replace(desk, public_url="https://orders.example")
    async with visitor(behind_https, "") as who:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await who.get(path, host="127.0.0.1:8481")).status_code == 200, path
        assert (await who.get("/sign-in", host="127.0.0.1:8481")).status_code == 421


async def test_an_account_from_a_one_time_link_signs_in_and_out(desk: Desk) -> None:
    async with visitor(desk, "") as who:
        token = await people.create_setup_link(desk.pool, "operator")
        assert "Set up your account" in (await who.page(f"/setup?token={token}")).text
        weak = await who.submit("/setup", token=token, name="Ada", password="short")
        assert (weak.status_code, "at least 12" in weak.text) == (400, True)
        made = await who.submit("/setup", token=token, name="Ada", password=PASSWORD)
        cookie = made.headers["set-cookie"]
        assert made.status_code == 303
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        first = who.client.cookies[desk.cookie]
        assert (await who.get("/api/v1/me")).json()["role"] == "operator"
        who.csrf = (await who.get("/api/v1/me")).json()["csrf"]
        assert (await who.submit("/sign-out")).status_code == 303
        who.client.cookies.set(desk.cookie, first)
        assert (await who.get("/api/v1/me")).status_code == 401
        who.client.cookies.clear()
        assert "This link is over" in (await who.page(f"/setup?token={token}")).text
        again = await who.submit("/sign-in", name="Ada", password=PASSWORD, next="/orders?status=held")
        assert again.headers["location"] == "/orders?status=held"
        assert who.client.cookies[desk.cookie] != first


async def test_signing_out_takes_the_cookie_away_under_https_too(desk: Desk) -> None:
    """Browsers take a cookie whose name begins with __Host- only with Secure and Path=/, also one that ends it."""
    async with visitor(msgspec.structs.replace(desk, public_url="https://orders.example"), "viewer") as who:
        cookie = (await who.submit("/sign-out")).headers["set-cookie"]
        assert cookie.startswith("__Host-crossdock=")
        assert {"Secure", "HttpOnly", "Path=/", "Max-Age=0"} <= set(cookie.split("; "))


async def test_nobody_is_invited_or_joins_without_its_audit(desk: Desk) -> None:
    token = await entry.invite(desk, "ada", "admin")
    async with desks.no_audit(desk):
        for act in (entry.invite(desk, "ada", "admin"), entry.join(desk, token, "Eve", PASSWORD)):
            with pytest.raises(asyncpg.CheckViolationError):
                await act
    assert await people.accounts(desk.pool) == []
    assert await desk.pool.fetchval("select count(*) from setup_links") == 1
    assert await entry.link_role(desk, token) == "admin"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
async def test_signing_in_never_leads_elsewhere(desk: Desk, target: str) -> None:
    await people.add(desk.pool, "Ada", "viewer", PASSWORD)
    async with visitor(desk, "") as who:
        answer = await who.submit("/sign-in", name="Ada", password=PASSWORD, next=target)
        assert answer.headers["location"] == "/"


async def test_ten_wrong_passwords_lock_the_account(desk: Desk) -> None:
    await people.add(desk.pool, "Ada", "viewer", PASSWORD)
    async with visitor(desk, "") as who:
        answers = [(await who.submit("/sign-in", name="Ada", password="wrong" * 3)).status_code for _ in range(10)]
        assert answers == [401] * 9 + [429]
        refused = await who.submit("/sign-in", name="Ada", password=PASSWORD)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")


async def test_a_refused_sign_in_is_kept_without_what_was_typed(desk: Desk) -> None:
    """Nobody writes into the audit who has not signed in, nor does a password that is typed into the wrong field."""
    await people.add(desk.pool, "Ada", "viewer", PASSWORD)
    async with visitor(desk, "") as who:
        for name in (" Ada ", PASSWORD):
            assert (await who.submit("/sign-in", name=name, password="wrong" * 3)).status_code == 401
    kept = [(act.actor, act.subject, act.reason) for act in await audit.recent(desk.pool)][:2]
    assert kept == [("nobody", "", "wrong"), ("nobody", "Ada", "wrong")]


@pytest.mark.parametrize(
    "column", ["created_at = now() - interval '12 hours 1 second'", "seen_at = now() - interval '31 minutes'"]
)
async def test_a_session_ends_by_itself(desk: Desk, column: str) -> None:
    async with visitor(desk) as who:
        assert (await who.get("/api/v1/me")).status_code == 200
        await desk.pool.execute(f"update sessions set {column}")
        answer = await who.page("/orders?status=held")
        assert answer.headers["location"] == "/sign-in?next=%2Forders%3Fstatus%3Dheld"


async def test_one_address_cannot_try_its_way_through_all_accounts(desk: Desk) -> None:
    """Nor lock them all: it is refused before anybody's account is asked, until its time has come again."""
    proxied = msgspec.structs.replace(
        desk, attempts=SourceLimit(0.01, 3, lambda: 0.0), proxies=(ip_network("127.0.0.0/8"),)
    )
    for name in ("Ada", "Bob", "Eve", "Kim"):
        await people.add(desk.pool, name, "viewer", PASSWORD)
    async with visitor(proxied, "") as who:

        async def tried(name: str, password: str, address: str) -> httpx.Response:
            form = {"name": name, "password": password}
            return await who.client.post("/sign-in", data=form, headers={"x-forwarded-for": f"6.6.6.6, {address}"})

        for _ in range(5):
            assert (await tried("Eve", PASSWORD, "192.0.2.7")).status_code == 303  # who comes in has not used one up
            who.client.cookies.clear()
        spray = [(await tried(name, "Summer-2026!", "192.0.2.7")).status_code for name in ("Ada", "Bob", "Eve")]
        assert spray == [401] * 3
        refused = await tried("Kim", PASSWORD, "192.0.2.7")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "100")
        assert "Too many wrong sign-ins from this address. Try again in 2 minutes." in refused.text
        assert await desk.pool.fetchval("select failed from users where name = 'Kim'") == 0
        assert (await tried("Kim", PASSWORD, "192.0.2.8")).status_code == 303
        who.client.cookies.clear()
        for last in range(3):
            assert (await tried("Bob", "Summer-2026!", f"2001:db8:1:2::{last}")).status_code == 401
            assert (await tried("Ada", "Summer-2026!", f"::ffff:192.0.2.{last}")).status_code == 401
        another = await tried("Bob", "Summer-2026!", "2001:db8:1:2:ffff::9")
        assert another.status_code == 429, "one host has 2^64 of them"


async def test_a_page_that_asks_by_itself_does_not_keep_its_person_signed_in(desk: Desk) -> None:
    """Or a screen that somebody left alone would stay signed in until the session's last hour."""
    async with visitor(desk) as who:
        await desk.pool.execute("update sessions set seen_at = now() - interval '29 minutes'")
        left = await desk.pool.fetchval("select seen_at from sessions")
        for path in ("/now/figures", "/api/v1/now/history", f"/orders/{key(4)}"):
            assert (await who.get(path, **{LIVE: "1"})).status_code == 200, path
        assert await desk.pool.fetchval("select seen_at from sessions") == left
        assert (await who.page("/orders")).status_code == 200
        assert await desk.pool.fetchval("select seen_at from sessions") > left
        await desk.pool.execute("update sessions set seen_at = now() - interval '31 minutes'")
        assert (await who.get("/now/figures", **{LIVE: "1"})).status_code == 401  # at which the page reloads
        late = await who.submit(f"/connections/{ERP}/pause", reason="stocktaking")
        assert (late.status_code, "nothing was done" in late.text, "Sign in</a>" in late.text) == (401, True, True)


async def test_the_demos_link_signs_its_visitor_in_once(day: object, desk: Desk, database_url: str) -> None:
    async with desks.desk(desk.store, database_url, demo_user="visitor") as demo, visitor(demo, "") as who:
        token = await people.create_setup_link(demo.pool, "admin")
        assert (await who.page(f"/setup?token={token}")).headers["location"] == "/"
        assert (await who.get("/api/v1/me")).json()["name"] == "visitor"
        who.client.cookies.clear()
        assert "This link is over" in (await who.page(f"/setup?token={token}")).text


def test_over_https_the_cookie_is_bound_to_the_host(desk: Desk) -> None:
    made = Desk(desk.pool, desk.store, {}, desk.signals, lambda: datetime.now(UTC), desk.stopwatch, desk.unique,
                public_url="https://orders.example")  # fmt: skip
    assert made.cookie == "__Host-crossdock"
    assert made.origins == {"https://orders.example", "https://orders.example:443"}
    assert (
        "127.0.0.1:8481"
        in Desk(desk.pool, desk.store, {}, desk.signals, desk.clock, desk.stopwatch, desk.unique).known_hosts
    )


async def test_every_answer_is_hardened(desk: Desk) -> None:
    async with visitor(desk) as who:
        for path in ("/", "/nope", "/api/v1/now", "/api/v1/orders/none", "/healthz", "/static/console.css"):
            answer = await who.page(path)
            for name, value in HEADERS.items():
                assert answer.headers.get(name) == value, (path, name)
        assert HOST in desk.origins
