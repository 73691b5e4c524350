"""What the parts of the PostgreSQL store share: the pool, compression, and the connections' ids."""

from collections.abc import Mapping, Sequence

from crossdock.store.errors import UnknownConnection
from crossdock.store.named import Statements
from crossdock.store.pool import Connection, Pool
from crossdock.store.protocol import NewMessage
from crossdock.store.squeeze import Squeeze

OURSELVES = 0  # the connection id of messages that Crossdock made itself: timers and tells
_SQL = Statements("accept")
_CONNECTIONS = Statements("connections")


class Core:
    """Shared by all parts of one store."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.squeeze = Squeeze()
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {OURSELVES: ""}

    async def know(self, names: Sequence[str], connection: Connection) -> Mapping[str, int]:
        """Ids of connections by name, read once; names that are not registered are missing from the answer."""
        if any(name not in self._ids for name in names):
            await self._read(connection)
        return self._ids

    async def connection_id(self, name: str, connection: Connection) -> int:
        """The id of one connection. Raises ``UnknownConnection``."""
        try:
            return (await self.know([name], connection))[name]
        except KeyError:
            raise UnknownConnection(name) from None

    async def connection_name(self, id: int, connection: Connection) -> str:  # noqa: A002  (it is one)
        if id not in self._names:
            await self._read(connection)
        return self._names[id]

    async def _read(self, connection: Connection) -> None:
        for row in await connection.fetch(_CONNECTIONS.all):
            self._ids[row["name"]] = row["id"]
            self._names[row["id"]] = row["name"]

    async def tell(self, connection: Connection, told: Sequence[tuple[int, NewMessage]]) -> None:
        """Write messages to other streams, creating those that do not exist: the last write before a commit.

        Those that are for an ``existing`` stream only are dropped where there is none.
        """
        refs = sorted({(message.to.kind, message.to.key) for _, message in told if not message.existing})
        await connection.execute(_SQL.create_streams, [kind for kind, _ in refs], [key for _, key in refs])
        await connection.execute(
            _SQL.tell,
            [sender for sender, _ in told],
            [message.to.kind for _, message in told],
            [message.to.key for _, message in told],
            [message.topic for _, message in told],
            [self.squeeze.pack(message.body) for _, message in told],
            [message.trace for _, message in told],
            [message.priority for _, message in told],
        )
