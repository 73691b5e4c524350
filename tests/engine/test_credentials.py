"""What ends of a connection's credentials is kept for people, and warned of before it ends."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from crossdock.engine.credentials import CredentialLoop
from crossdock.engine.world import World
from crossdock.kit.http import Line
from crossdock.kit.manifest import Repeat
from crossdock.observe.signals import Silence
from crossdock.observe.sql_gauges import SqlGauges
from crossdock.store.contacts import Contacts
from crossdock.store.postgres import PostgresStore
from crossdock.store.reading_connections import connections
from tests.engine.toy import ToySystem, connector, world

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Heard(Silence):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.shown: list[tuple[str, float, dict[str, str]]] = []
        self.log = self

    def set(self, metric: str, value: float, **labels: str) -> None:
        self.shown.append((metric, value, labels))

    def warning(self, event: str, **fields: Any) -> None:
        self.said.append((event, fields))


def _world(
    store: PostgresStore, ends: Mapping[str, datetime] | Exception, sunset: str | None = None
) -> tuple[World, Heard]:
    def told(line: Line) -> Mapping[str, datetime]:
        assert line.connection == "erp"
        if isinstance(ends, Exception):
            raise ends
        return ends

    toy = connector(ToySystem(), Repeat.UNIQUE)
    manifest = msgspec.structs.replace(toy.manifest, sunset=sunset)
    system = msgspec.structs.replace(toy, ends=told, manifest=manifest)
    heard = Heard()
    return msgspec.structs.replace(world(store, system, now=lambda: NOW), signals=heard), heard


async def test_ends_are_kept_and_only_near_ones_are_warned_of(store: PostgresStore) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    far, near, over = (NOW + timedelta(days=days) for days in (31, 29, -1))
    here, heard = _world(store, {"far": far, "near": near, "over": over})
    await CredentialLoop(here, Contacts(store.pool).note_ends).round()
    assert [(event, fields["credential"]) for event, fields in heard.said] == [
        ("credential.ending", "near"),
        ("credential.ending", "over"),
    ]
    (row,) = await connections(store.pool)
    assert row.ends == {"far": far, "near": near, "over": over}
    gauges = {labels["credential"]: left for name, labels, left in await SqlGauges(store.pool).read()
              if name == "crossdock.credential.expiry"}  # fmt: skip
    assert gauges.keys() == {"far", "near", "over"}
    assert abs(gauges["far"] - (far - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize(("sunset", "warned"), [("2027-02-01", False), ("2027-01-31", True), ("2026-11-01", True)])
async def test_the_end_of_an_api_version_is_shown_and_warned_of(
    store: PostgresStore, sunset: str, warned: bool
) -> None:
    here, heard = _world(store, {}, sunset)
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await CredentialLoop(here, Contacts(store.pool).note_ends).round()
    at = datetime.fromisoformat(f"{sunset}T00:00:00+00:00").timestamp()
    assert heard.shown == [("crossdock.api.sunset", at, {"target": "erp"})]
    version = here.links["erp"].connector.manifest.api_version
    said = ("api.ending", {"connection": "erp", "version": version, "ends": sunset})
    assert heard.said == ([said] if warned else [])


async def test_a_version_that_nobody_ends_is_not_shown(store: PostgresStore) -> None:
    here, heard = _world(store, {})
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await CredentialLoop(here, Contacts(store.pool).note_ends).round()
    assert (heard.shown, heard.said) == ([], [])


@pytest.mark.parametrize("wrong", [ValueError("no PEM"), TypeError("an algorithm that nobody knows")])
async def test_one_that_cannot_be_read_is_said_and_what_was_known_stays(store: PostgresStore, wrong: Exception) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    contacts = Contacts(store.pool)
    await contacts.note_ends("erp", {"certificate": NOW})
    here, heard = _world(store, wrong)
    await CredentialLoop(here, contacts.note_ends).round()
    assert [event for event, _ in heard.said] == ["credential.unreadable"]
    (row,) = await connections(store.pool)
    assert row.ends == {"certificate": NOW}
