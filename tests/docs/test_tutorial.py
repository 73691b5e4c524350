"""The tutorial's vendors fit what `crossdock init` writes, and answer."""

import os
import re
from pathlib import Path

import pytest
from docs.tutorial import practice_vendors

from crossdock import app
from crossdock.cli.template import write
from crossdock.kit.door import Door
from crossdock.simulators.server import SimulatorServer

TUTORIAL = Path(practice_vendors.__file__).with_name("first-order.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


async def test_the_vendors_are_reached_as_configured(folder: Path) -> None:
    server = SimulatorServer()
    made = practice_vendors.vendors(server, folder)
    for hosted in server._hosted.values():
        hosted.port = 0  # the tutorial's own ports may be taken on this machine
    await server.start()
    try:
        addresses = {"shop1": "api_base", "netsuite1": "base_url", "shiphero1": "base_url"}
        for name, setting in addresses.items():
            made[name]["settings"][setting] = server.url(name)
        practice_vendors.connect(folder, made)
        config = app.configuration(folder)
        assert set(config.connections) == {"shop1", "netsuite1", "shiphero1"}
        assert set(config.policies) == {"shop1"}
        assert [rule.name for rule in config.rules] == ["large-order"]
        async with Door() as http:
            for setup in config.connections.values():
                linked = app.link(setup, folder, os.environ, http)
                assert linked.connector.check is not None
                assert await linked.connector.check(linked.connector.open(linked.line))
    finally:
        await server.stop()


def test_secrets_are_ours_alone(folder: Path) -> None:
    practice_vendors.vendors(SimulatorServer(), folder)
    kept = list((folder / "secrets").iterdir())
    assert len(kept) == 6
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}


def test_another_configuration_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "crossdock.yaml").write_text("routes: []\n")
    with pytest.raises(SystemExit, match="no section 'connections'"):
        practice_vendors.connect(tmp_path, {})
    assert (tmp_path / "crossdock.yaml").read_text() == "routes: []\n"


def test_the_tutorial_speaks_of_the_ports_that_are_opened() -> None:
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", TUTORIAL.read_text("utf-8"))}
    assert ports == {practice_vendors.CONTROL}


def test_the_switch_for_guests_is_in_the_template(folder: Path) -> None:
    assert "guest_customer" in (folder / "crossdock.yaml").read_text()
