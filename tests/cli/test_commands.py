"""The command line as a person meets it: real processes, clear answers, stable exit codes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.kit.test_lacking import PEM

from crossdock.app import SYSTEMS, Manifests
from crossdock.cli.checking import Checked
from crossdock.cli.folder import mark, version
from crossdock.cli.program import build
from crossdock.domain.holding import ROLES

ROOT = Path(__file__).parents[2]


def crossdock(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})}
    environment.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "-m", "crossdock.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_init_writes_a_folder_that_check_accepts(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    assert crossdock("init", str(folder)).returncode == 0
    text = (folder / "crossdock.yaml").read_text()
    assert "# Admin API access token" in text
    assert "  # amazon:  # Amazon, channel" in text, "a system that the example route does not use is commented out"
    names = {word.strip('"') for word in text.split() if word.startswith("env:") and word != "env:NAME"}
    env = {name.removeprefix("env:"): "a-real-looking-value" for name in names}
    unreadable = crossdock("check", "--offline", "--json", "--config", str(folder), env=env)
    assert unreadable.returncode == 3
    assert [one["what"] for one in json.loads(unreadable.stdout) if not one["ok"]] == ["netsuite1"]
    env["NETSUITE1_PRIVATE_KEY"] = PEM
    done = crossdock("check", "--offline", "--json", "--config", str(folder), env=env)
    results = json.loads(done.stdout)
    assert done.returncode == 0, results
    told = {one["what"] for one in results if not one["warns"]}
    assert told == {"configuration", "exposure", "database", "shop1", "netsuite1", "shiphero1"}


@pytest.mark.parametrize("offline", [("--offline",), ()])
def test_check_tells_each_missing_secret(tmp_path: Path, offline: tuple[str, ...]) -> None:
    folder = tmp_path / "config"
    crossdock("init", str(folder))
    done = crossdock("check", *offline, "--json", "--config", str(folder))
    assert done.returncode == 3, "what is wrong here is no system that cannot be reached"
    wrong = [one for one in json.loads(done.stdout) if not one["ok"]]
    assert {one["kind"] for one in wrong} == {"configuration"}
    assert "SHOP1_WEBHOOK_SECRET is not set" in str(wrong)


def test_check_warns_of_an_api_version_that_ends_and_fails_nobody() -> None:
    shopify = Manifests()["shopify"]
    assert shopify.sunset is not None
    end = datetime.fromisoformat(f"{shopify.sunset}T00:00:00+00:00")
    assert version("shop1", shopify, end - timedelta(days=200)) is None
    told = version("shop1", shopify, end - timedelta(days=20))
    assert told is not None
    assert (told.what, told.ok, told.warns) == ("shop1 API version", True, True)
    assert f"ends on {shopify.sunset}, in 20 days. Upgrade Crossdock" in told.said
    assert "WARN" in mark(told)
    assert "ok" in mark(Checked("exposure", True, "fine"))
    assert "FAIL" in mark(Checked("shop1", False, "away"))


def test_check_names_who_may_release_and_is_no_role(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    crossdock("init", str(folder))
    file = folder / "crossdock.yaml"
    text = file.read_text().replace("    # release_by:", "    release_by:")
    roles = [word for word in re.findall(r"release_by: \[(.*?)\]", text)[0].split(", ") if word in ROLES]
    assert roles, "the example names a role of the console"
    file.write_text(text)
    told = json.loads(crossdock("check", "--offline", "--json", "--config", str(folder)).stdout)
    (said,) = [one["said"] for one in told if one["what"] == "large-order release_by"]
    assert said.startswith("ada: no role of the console")


def test_init_tells_a_program_what_it_wrote(tmp_path: Path) -> None:
    done = crossdock("init", str(tmp_path), "--json")
    written = json.loads(done.stdout)["written"]
    assert str(tmp_path / "crossdock.yaml") in written
    assert all(Path(one).is_file() for one in written)
    assert "crossdock check" in done.stderr


def commands(group: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command with its options, those of groups too."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, f"{path}{name} ")
        else:
            yield f"{path}{name}", {option for param in one.params for option in param.opts}


def test_close_key_tells_a_program_what_it_made(tmp_path: Path) -> None:
    told = json.loads(crossdock("close-key", str(tmp_path / "day.pem"), "--json").stdout)
    assert Path(told["private"]).is_file()
    assert Path(told["public"]).is_file()
    assert told["key"]


def test_json_is_offered_wherever_something_is_printed() -> None:
    """Left out: what runs until it is stopped, and what prints JSON and nothing else."""
    without = {name for name, options in commands(typer.main.get_command(build())) if "--json" not in options}
    assert without == {"serve", "config-schema"}


def test_init_does_not_overwrite(tmp_path: Path) -> None:
    assert crossdock("init", str(tmp_path)).returncode == 0
    again = crossdock("init", str(tmp_path))
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nonsense",), 2, "nonsense"),
        (("serve", "--config", "{tmp}"), 3, "crossdock init"),
        (("serve", "--roles", "decide,dance"), 2, "no role 'dance'"),
        (("orders", "--data", "{tmp}"), 2, "There is no database"),
        (("orders", "--status", "exceptions"), 2, "There is no status 'exceptions'. Statuses: new, open"),
        (("backfill", "shop1"), 2, "Say which"),
        (("replay",), 2, "Say what"),
    ],
)
def test_errors_are_one_paragraph_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = crossdock(*(a.replace("{tmp}", str(tmp_path)) for a in arguments))
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("console: 127.0.0.1:8481", "plain HTTP"),
        ("intake: 127.0.0.1:8480", "plain HTTP"),
    ],
)
def test_serve_refuses_to_be_seen_in_plain_http(tmp_path: Path, change: str, said: str) -> None:
    crossdock("init", str(tmp_path))
    config = tmp_path / "crossdock.yaml"
    config.write_text(config.read_text().replace(change, change.replace("127.0.0.1", "0.0.0.0")))
    done = crossdock("serve", "--config", str(tmp_path), "--data", str(tmp_path / "data"))
    assert done.returncode == 3
    assert said in done.stderr
    assert not (tmp_path / "data").exists()


def test_serve_refuses_debug(tmp_path: Path) -> None:
    crossdock("init", str(tmp_path))
    done = crossdock("serve", "--config", str(tmp_path), env={"DEBUG": "1"})
    assert done.returncode == 3
    assert "DEBUG is set" in done.stderr


def test_config_schema_is_json() -> None:
    schema = json.loads(crossdock("config-schema").stdout)
    systems = schema["properties"]["connections"]["additionalProperties"]["oneOf"]
    assert {one["properties"]["system"]["const"] for one in systems} == set(SYSTEMS)


def test_connectors_are_listed_with_their_classes_and_what_proves_them() -> None:
    told = {one["system"]: one for one in json.loads(crossdock("connectors", "--json").stdout)}
    assert {one["role"] for one in told.values()} == {"channel", "erp", "warehouse"}
    assert told["netsuite"]["operations"]["order.book"]["class"] == "unique"
    assert told["businesscentral"]["operations"]["order.book"]["class"] == "searchable"
    for one in told.values():
        assert one["operations"].keys() | one["polls"].keys()
        assert one["proof"]["simulator"] == f"crossdock.simulators.{one['system']}"
        assert "tests/conformance" in one["proof"]["suites"]
    assert "order.book" in crossdock("connectors", "netsuite").stdout
    refused = crossdock("connectors", "abacus")
    assert refused.returncode == 2
    assert "There are: amazon," in refused.stderr
