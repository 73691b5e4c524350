"""What people do from the command line, done for real: accounts, links, retries, and the check of every system."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from tests.cli.running import Ran, crossdock
from tests.console.seed import AFTER, Day, clashed, key, seed

from crossdock.governance import people
from crossdock.governance.people import PeopleError
from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials
from crossdock.simulators.server import SimulatorServer
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.store.postgres import PostgresStore

LONG, LONGER = "correct horse battery", "staple of another colour"
pytestmark = pytest.mark.timeout(180)


class Cli:
    """The program on one database."""

    def __init__(self, url: str) -> None:
        self._env = {"DATABASE_URL": url}

    async def __call__(self, *arguments: str, typed: str = "", code: int = 0) -> Ran:
        ran = await crossdock(*arguments, env=self._env, typed=typed)
        assert ran.code == code, (arguments, ran)
        assert "Traceback" not in ran.said
        return ran

    async def json(self, *arguments: str, typed: str = "") -> Any:
        return json.loads((await self(*arguments, "--json", typed=typed)).out)


@pytest.fixture
def cli(database_url: str) -> Cli:
    return Cli(database_url)


async def test_accounts_are_made_changed_and_taken_away(cli: Cli, store: PostgresStore) -> None:
    await cli("user", "add", "Ada", "--role", "operator", typed=f"{LONG}\n{LONG}\n")
    assert (await people.verify_password(store.pool, "Ada", LONG)).role == "operator"
    await cli("user", "add", "Ada", typed=f"{LONG}\n{LONG}\n", code=5)
    await cli("user", "add", "Bob", typed="short\nshort\n", code=5)
    await cli("user", "password", "Ada", typed=f"{LONGER}\n{LONGER}\n")
    with pytest.raises(PeopleError):
        await people.verify_password(store.pool, "Ada", LONG)
    await cli("user", "role", "Ada", "admin")
    [ada] = await cli.json("user", "list")
    assert (ada["name"], ada["role"], ada["locked"]) == ("Ada", "admin", False)
    assert (await people.verify_password(store.pool, "Ada", LONGER)).role == "admin"
    await cli("user", "remove", "Ada")
    assert await cli.json("user", "list") == []
    done = await store.pool.fetch("select action, subject from audit order by id")
    expected = ["people.add", "people.password", "people.role", "people.remove"]
    assert [(row["action"], row["subject"]) for row in done] == [(action, "Ada") for action in expected]


async def test_the_chain_of_the_audit_is_verified_against_a_kept_head(cli: Cli, store: PostgresStore) -> None:
    await cli("user", "add", "Ada", typed=f"{LONG}\n{LONG}\n")
    kept = await cli.json("verify-audit")
    assert (kept["links"], len(kept["head"])) == (1, 64)
    await cli("user", "role", "Ada", "operator")
    assert "2 acts" in (await cli("verify-audit", "--head", kept["head"])).out
    await store.pool.execute("delete from audit where id = (select max(id) from audit)")
    assert "1 act" in (await cli("verify-audit", "--head", kept["head"])).out
    await store.pool.execute("update audit set actor = 'eve'")
    assert "was changed" in (await cli("verify-audit", code=1)).said
    await store.pool.execute("delete from audit")
    assert "cut off" in (await cli("verify-audit", "--head", kept["head"], code=1)).said


async def test_rows_that_contradict_each_other_are_told_with_what_to_do(cli: Cli, store: PostgresStore) -> None:
    await seed(store)
    assert "FAIL" not in (await cli("invariants")).out
    assert {one["count"]["n"] for one in await cli.json("invariants")} == {0}
    planted = "insert into dispatch (command_id, connection_id, priority)"
    await store.pool.execute(f"{planted} select 9000 + n, 1, 0 from generate_series(1, 21) n")
    told = (await cli("invariants", code=1)).out
    assert "FAIL dispatch_without_command: What is to be sent is a command." in told
    assert "\n     9001  ready since " in told
    assert "\n     … 21 commands in all\n     Nobody knows any more what was to be sent" in told
    broken = [one for one in json.loads((await cli("invariants", "--json", code=1)).out) if one["count"]["n"]]
    assert [one["invariant"]["name"] for one in broken] == ["dispatch_without_command"]
    assert [row["id"] for row in broken[0]["broken"]] == list(range(9001, 9021))


async def test_a_setup_link_makes_one_account(cli: Cli, store: PostgresStore, tmp_path: Path) -> None:
    await cli("init", str(tmp_path / "config"))
    made = await cli.json("setup-link", "--role", "viewer", "--config", str(tmp_path / "config"))
    link = urlsplit(made["link"])
    assert (link.netloc, link.path) == ("127.0.0.1:8481", "/setup")
    [token] = parse_qs(link.query)["token"]
    assert (await people.redeem(store.pool, token, "Vera", LONG)).role == "viewer"
    with pytest.raises(PeopleError):
        await people.redeem(store.pool, token, "Mallory", LONG)
    await cli("setup-link", "--role", "emperor", "--config", str(tmp_path / "config"), code=5)


async def test_retrying_an_order_and_a_whole_cause(cli: Cli, store: PostgresStore) -> None:
    await seed(store)
    waiting = "select count(*) from agenda a join messages m on m.id = a.message_id where m.source = 'operator'"
    groups = await cli.json("exceptions")
    cause = next(group for group in groups if group["n"] > 1 and group["klass"] == "rejected")
    before = await store.pool.fetchval(waiting)
    refused = await cli("retry", cause["fingerprint"], typed="n\n", code=1)
    assert f"{cause['n']} will be tried again" in refused.out + refused.said
    assert await store.pool.fetchval(waiting) == before, "asked, and answered no"
    shown = await cli("retry", cause["fingerprint"], "--json", code=1)
    assert (json.loads(shown.out)["post"], len(json.loads(shown.out)["ids"])) == (cause["n"], cause["n"])
    assert "--yes" in shown.said
    assert await store.pool.fetchval(waiting) == before, "a program that does not say yes is shown what it would be"
    done = await cli.json("retry", cause["fingerprint"], "--yes", "--reason", "the period is open again")
    assert done["post"] == cause["n"]
    assert await store.pool.fetchval(waiting) == before + cause["n"]
    one = await cli("retry", key(4), "--reason", "once more")
    assert one.out.strip()
    await cli("retry", "nothing-of-that-name", code=5)
    reasons = {row["reason"] for row in await store.pool.fetch("select reason from audit")}
    assert {"the period is open again", "once more"} <= reasons


async def test_holds_are_released_together_and_taken_back(cli: Cli, store: PostgresStore) -> None:
    rule = "first-order-over-150"
    day = await seed(store)
    [held] = await cli.json("holds")
    assert (held["held"]["rule"], held["held"]["n"], held["yours"]) == (rule, 5, True)
    assert rule in (await cli("holds")).out
    shown = await cli.json("release", "--rule", rule, "--preview")
    assert (shown["total"], shown["go_on"], shown["changed"]) == (5, 5, 0)
    assert "5  will go on" in (await cli("release", "--rule", rule, "--preview")).out
    await cli("release", "--rule", rule, "--older-than", "9d", "--preview", code=5)
    await cli("release", "--rule", rule, "--older-than", "soon", code=2)
    await cli("release", code=2)
    await cli("release", "--rule", rule, "--reason", "looked at", code=1, typed="n\n")
    would = json.loads((await cli("release", "--rule", rule, "--reason", "looked at", "--json", code=1)).out)
    assert would["go_on"] == shown["go_on"]
    assert "say why" in (await cli("release", "--rule", rule, "--yes", code=2)).said.lower()
    done = await cli.json("release", "--rule", rule, "--reason", "looked at", "--yes")
    assert (done["act"]["told"], done["act"]["changed"]) == (5, 0)
    await day.decide()
    assert await cli.json("holds") == []
    assert "No order is held." in (await cli("holds")).out
    back = await cli("release", "--undo", done["act"]["id"], "--reason", "too fast")
    assert "Taken back" in back.out
    await day.decide()
    assert await cli.json("holds") == [], "they were booked at once: it was too late"


async def test_much_is_read_again_only_when_somebody_agrees(cli: Cli, store: PostgresStore) -> None:
    await seed(store)
    pending = "select count(*) from agenda"
    before = await store.pool.fetchval(pending)
    shown = await cli.json("replay", "--since", "2020-01-01", "--preview")
    assert shown["messages"] > shown["streams"] > 0
    assert json.loads((await cli("replay", "--since", "2020-01-01", "--json", code=1)).out) == shown
    asked = await cli("replay", "--since", "2020-01-01", typed="n\n", code=1)
    assert f"{shown['messages']} messages of {shown['streams']} orders" in asked.out
    assert await store.pool.fetchval(pending) == before
    assert (await cli.json("replay", "--since", "2020-01-01", "--yes"))["added"] > 0
    assert (await cli.json("replay", key(4)))["streams"] == 1, "one order is not asked about"


@pytest.fixture
async def vendors(tmp_path: Path) -> AsyncIterator[tuple[SimulatorServer, dict[str, Any]]]:
    """The three simulated systems over sockets, and a configuration that reaches them."""
    server, erp = SimulatorServer(random=Random(1)), make_credentials(datetime.now(UTC))
    shop_secret = {"access_token": "shpat_1", "webhook_secret": "hook-1"}
    shop = ShopifySimulator("shop", server.surroundings("shop"), **shop_secret)
    server.add(shop)
    server.add(NetSuiteAccount("erp", server.surroundings("erp"), **erp.account_settings()))
    server.add(ShipHeroSimulator("depot", server.surroundings("depot"), refresh_token="refresh-1"))
    await server.start()
    depot = {"refresh_token": "refresh-1", "webhook_secret": "hook-2"}
    parts: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
        "shop": ("shopify", {"shop_domain": "acme.myshopify.com", "api_base": server.url("shop")}, shop_secret),
        "erp": ("netsuite", erp.connection_settings(server.url("erp")), erp.connection_secrets()),
        "depot": ("shiphero", {"base_url": server.url("depot")}, depot),
    }
    config: dict[str, Any] = {"connections": {}, "routes": [{"channel": "shop", "erp": "erp", "warehouse": "depot"}]}
    for name, (system, settings, secrets) in parts.items():
        references = {each: f"file:{name}-{each}" for each in secrets}
        for each, value in secrets.items():
            path = tmp_path / f"{name}-{each}"
            path.write_text(value)
            path.chmod(0o600)
        config["connections"][name] = {"system": system, "settings": dict(settings), "secrets": references}
    (tmp_path / "crossdock.yaml").write_text(yaml.safe_dump(config))
    yield server, {**config, "simulated shop": shop}
    await server.stop()


async def test_check_reaches_every_system_and_tells_which_it_cannot(
    vendors: tuple[SimulatorServer, dict[str, Any]], tmp_path: Path
) -> None:
    fine = await crossdock("check", "--config", str(tmp_path))
    assert fine.code == 0, fine
    said = {line.split(": ", 1)[0].removeprefix("ok  ").strip(): line for line in fine.out.splitlines()}
    assert {"configuration", "shop", "erp", "depot"} <= set(said)
    assert "currencies" in said["erp"]
    assert "17 of 17 mapped" in said["erp currencies"]
    assert "0 of 3 mapped" in said["erp ship methods"]
    assert "account" in said["depot"]
    (tmp_path / "depot-refresh_token").write_text("revoked")
    wrong = await crossdock("check", "--json", "--config", str(tmp_path))
    results = {one["what"]: one for one in json.loads(wrong.out)}
    assert wrong.code == 4
    assert {name for name, one in results.items() if not one["ok"]} == {"depot"}
    assert "credentials" in results["depot"]["said"]
    assert "revoked" not in wrong.out
    await vendors[0].stop()
    away = await crossdock("check", "--json", "--config", str(tmp_path))
    assert away.code == 4
    assert {one["what"] for one in json.loads(away.out) if not one["ok"]} == {"shop", "erp", "depot"}


async def test_a_day_is_closed_read_again_and_corrected(
    cli: Cli, store: PostgresStore, vendors: tuple[SimulatorServer, dict[str, Any]], tmp_path: Path
) -> None:
    shop = vendors[1]["simulated shop"]
    day = datetime.now(UTC).date() - timedelta(days=1)
    (order_id,) = shop.act("place_order", {"paid": True})["ids"]
    shop.books_.orders[int(order_id)]["processed_at"] = f"{day}T12:00:00+00:00"
    here = ("--config", str(tmp_path))
    refused = await cli("close", str(day), *here, code=3)
    assert "close-key" in refused.said, "how to get a key"
    await cli("close-key", str(tmp_path / "keys" / "day.pem"))
    file = tmp_path / "crossdock.yaml"
    file.write_text(file.read_text() + "reconcile: {signing_key: 'file:keys/day.pem'}\n")
    early = await cli("close", str(day + timedelta(days=1)), *here, code=5)
    assert "can be closed from" in early.said
    out, listed = tmp_path / "close.json", tmp_path / "close.jsonl"
    closed = await cli("close", str(day), *here, "--out", str(out), "--list", str(listed))
    assert "1 rows in the list" in closed.out
    public = ("--key", str(tmp_path / "keys" / "day.pem.pub"))
    genuine = await crossdock("verify-close", str(out), *public, "--list", str(listed))
    assert genuine.code == 0, genuine
    told = (await cli.json("close", str(day), *here))["certificate"]
    assert told["routes"][0]["channel"]["orders"] == told["routes"][0]["differing"] == 1
    assert told["routes"][0]["crossdock"]["orders"] == 0
    again = (await cli.json("close", str(day), *here, "--replace", "--reason", "a second look"))["certificate"]
    assert again["replaces"]["serial"] == told["serial"]
    assert again["serial"] != told["serial"]
    [suspected] = await cli.json("differences", "--state", "suspected")
    assert (suspected["order_key"], suspected["kind"]) == (f"shop-{order_id}", "missing_here")
    assert "agree" in (await cli("differences")).out
    acts = await store.pool.fetch("select subject, reason from audit where action = 'day.close' order by id")
    asked = [(row["subject"], row["reason"]) for row in acts]
    assert asked == [(str(day + timedelta(days=1)), ""), (str(day), ""), (str(day), "a second look")]
    await vendors[0].stop()
    gone = await cli("close", str(day), *here, "--replace", "--reason", "again", code=4)
    assert gone.said.startswith("crossdock: shop: ")


async def test_what_is_not_mapped_is_told_before_an_order_needs_it(
    cli: Cli, vendors: tuple[SimulatorServer, dict[str, Any]], store: PostgresStore, tmp_path: Path
) -> None:
    folder = ("--config", str(tmp_path))
    unread = await cli("unmapped", *folder)
    assert "not read yet" in unread.out
    await store.register("erp", "netsuite", role="erp")
    await store.save_values("erp", "ship_methods", [("3001", "Ground")])
    [ship] = [one for one in await cli.json("unmapped", *folder) if one["kind"] == "ship_methods"]
    assert [(gap["side"], gap["code"]) for gap in ship["gaps"]] == [("theirs", "3001")]
    setup = yaml.safe_load((tmp_path / "crossdock.yaml").read_text("utf-8"))
    setup["connections"]["erp"]["settings"]["ship_methods"] = {"Boat": "9"}
    (tmp_path / "crossdock.yaml").write_text(yaml.safe_dump(setup), "utf-8")
    wrong = await cli("unmapped", *folder, code=1)
    assert "Boat is 9, which is not there" in wrong.out


async def test_an_order_that_both_sides_edited_is_shown_and_merged(cli: Cli, store: PostgresStore) -> None:
    day = Day(store)
    await day.open()
    await clashed(day, 702)
    shown = (await cli("show", key(702))).out
    for word in ("as we wrote it", "item SKU-9", "quantity"):
        assert word in shown
    await cli("merge", key(702), "ours", code=2)
    assert "amended" in (await cli("merge", key(702), "erp", "--reason", "agreed")).out
    await day.decide()
    assert "as we wrote it" not in (await cli("show", key(702))).out
    await cli("merge", key(702), "erp", "--reason", "agreed", code=5)


async def test_an_order_says_what_is_open_and_a_list_what_it_leaves_out(cli: Cli, store: PostgresStore) -> None:
    await seed(store)
    [row] = await store.pool.fetch(
        "select s.key, e.title, e.hint from exceptions e join streams s on s.id = e.stream_id "
        "where e.state = 'open' and e.class = 'rejected' order by e.id limit 1"
    )
    told = (await cli("show", row["key"])).out
    assert f"{row['title']}. {row['hint']}" in told
    assert "  next: " in told
    wrong = await cli("orders", "--status", "opne", code=2)
    assert "There is no status 'opne'" in wrong.said
    assert "may match too" in (await cli("orders", "--limit", "3")).said
    assert "may match too" not in (await cli("orders", "--status", "held")).said
    missing = await cli("retry", row["key"][-6:], code=5)
    assert "crossdock orders" in missing.said
    await cli("release", "--resume", "nothing", code=5)
    await cli("release", "--resume", "a", "--undo", "b", code=2)


async def test_an_order_shows_where_its_parcels_are(cli: Cli, store: PostgresStore) -> None:
    await seed(store)
    shown = (await cli("show", key(AFTER))).out
    for word in ("its way", "in trouble", "33XT", "Australia Post"):
        assert word in shown


async def test_a_database_that_lost_time_is_told_so_and_made_up_for(cli: Cli, store: PostgresStore) -> None:
    assert "lost no time" in (await cli("restored")).out
    assert await cli.json("restored") is None
    assert "looked for first" in (await cli("restored", "--reason", "a copy of 02:00", "--days", "2")).out
    told = await cli.json("restored")
    lasts = datetime.fromisoformat(told["doubted_until"]) - datetime.fromisoformat(told["restored_at"])
    assert lasts == timedelta(days=2)
    assert "--end" in (await cli("restored")).out
    await cli("restored", "--reason", "for ever", "--days", "0", code=5)
    await cli("restored", "--end", code=5)
    assert "--reason" in (await cli("restored", "--days", "2", code=2)).said
    await cli("restored", "--end", "--reason", "x", "--days", "2", code=2)
    assert "without a look" in (await cli("restored", "--end", "--reason", "compared")).out
    assert await cli.json("restored") is None
    acts = await store.pool.fetch("select action, reason from audit order by id")
    assert [tuple(row) for row in acts] == [
        ("database.restored", "a copy of 02:00"), ("database.made_up", "compared"),
    ]  # fmt: skip
