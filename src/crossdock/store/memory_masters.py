"""The store in memory: masters, where polls left off, and the orders that wait for masters."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from crossdock.domain.decision import StreamRef
from crossdock.domain.events import MastersCame, encode_event
from crossdock.store.customers import LINKED, keepable
from crossdock.store.memory_rows import Books
from crossdock.store.protocol import ConnectionRow, StoredMessage, StreamWrite
from crossdock.store.wanting import nameable, storable

_SHORTLY = timedelta(minutes=1)


class MemoryMasters:
    """A part of ``MemoryStore``."""

    books: Books
    _now: Callable[[], datetime]
    _known: Callable[[str], ConnectionRow]
    _queue: Callable[[StreamRef, StoredMessage, int], None]
    _made: Callable[..., StoredMessage]

    async def load_masters(self, connection: str, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        self._known(connection)
        found = {key: self.books.masters.get((connection, kind, key)) for key in keys}
        return {key: body for key, body in found.items() if body is not None}

    async def save_masters(self, connection: str, kind: str, rows: Sequence[tuple[str, bytes]]) -> None:
        self._known(connection)
        for key, body in rows:
            if nameable(key):
                self.books.masters[connection, kind, key] = body
                self.books.masters_as_of[connection, kind, key] = self._now()

    async def load_customers(self, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        self._known(connection)
        wanted = set(keys)
        return [
            (key, body)
            for (owner, key, _), body in self.books.customers.items()
            if owner == connection and key in wanted
        ]

    async def save_customers(self, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
        self._known(connection)
        kept = keepable(rows)
        refs = {ref for _, ref, _ in kept}
        for place in [p for p in self.books.customers if p[0] == connection and p[2] in refs]:
            del self.books.customers[place]
        for key, ref, body in kept:
            self.books.customers[connection, key, ref] = body
            self.books.masters_as_of[connection, "customer", key] = self._now()

    async def links(self, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        linked = [(stream, one) for stream, one in self.books.references if one.type == LINKED]
        for stream, one in sorted(linked, key=lambda pair: pair[0]):
            if one.connection == channel and one.external_id in ids:
                refs = [other.external_id for at, other in linked if at == stream and other.connection == erp]
                found.update(dict.fromkeys((one.external_id,), refs[-1]) if refs else {})
        return found

    async def save_values(self, connection: str, kind: str, rows: Sequence[tuple[str, str]]) -> None:
        self._known(connection)
        self.books.values[connection, kind] = dict(rows)

    async def masters_listed(self, connection: str, kind: str) -> bool:
        self._known(connection)
        return (connection, kind) in self.books.listed

    async def note_listed(self, connection: str, kind: str) -> None:
        self._known(connection)
        self.books.listed.add((connection, kind))

    async def look_again(
        self, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str = ""
    ) -> int:
        wanted = set(keys) if keys is not None else None
        found = [
            place
            for place in sorted(self.books.wanted)
            if place[1:3] == (connection, kind)
            and (self._missed(place) if wanted is None else place[3] in wanted)
            and place[0] not in self.books.locked
        ][:limit]
        for place in found:
            del self.books.wanted[place]
        streams = dict.fromkeys(place[0] for place in found)
        for stream_id in streams:
            made = self._made("tell", "masters_came", encode_event(MastersCame(connection, kind)), trace=trace)
            self._queue(self.books.rows[stream_id].ref, made, 0)
        return len(found)

    def _missed(self, place: tuple[int, str, str, str]) -> bool:
        unread, since = self.books.wanted[place]
        as_of = self.books.masters_as_of.get(place[1:])
        return (unread and place[1:3] in self.books.listed) or (as_of is not None and as_of > since - _SHORTLY)

    def _want(self, write: StreamWrite) -> None:
        if write.wants is None:
            return
        for place in [place for place in self.books.wanted if place[0] == write.id]:
            del self.books.wanted[place]
        for want in storable(write.wants):
            self.books.wanted[write.id, want.connection, want.kind, want.key] = (want.unread, self._now())

    async def cursor(self, connection: str, name: str) -> str | None:
        self._known(connection)
        return self.books.cursors.get((connection, name))

    async def save_cursor(self, connection: str, name: str, value: str) -> None:
        self._known(connection)
        self.books.cursors[connection, name] = value
