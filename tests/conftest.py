"""What every test may use: a real PostgreSQL.

``database_url``      an empty, migrated database; shared by the tests of one process, one after the other
``own_database_url``  a database of its own, for tests that change its settings or end its sessions
``store``             a ``PostgresStore`` on ``database_url`` (no connections registered)
``server``            the embedded server itself; shared by all test processes: never stop it
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from crossdock.store.embedded import Embedded
from crossdock.store.postgres import PostgresStore
from tests.support import database


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with database.shared_server() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Embedded) -> str:
    return database.template(server)


@pytest.fixture(scope="session")
def _database(server: Embedded, template: str) -> Iterator[str]:
    with database.cloned(server, template) as url:
        yield url


@pytest.fixture
def database_url(_database: str) -> str:
    database.empty(_database)
    return _database


@pytest.fixture
def own_database_url(server: Embedded, template: str) -> Iterator[str]:
    with database.cloned(server, template) as url:
        yield url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(database_url)
    yield opened
    await opened.close()
