"""One HTTP/1.1 connection to another system: a request at a time, and its answer."""

import asyncio
from typing import cast

from crossdock.kit.answers import AnswerReader, Unreadable
from crossdock.kit.http import AnswerLost, NotSent, Response


class Connection(asyncio.Protocol):
    """Made by ``loop.create_connection``. ``idle_since`` is on the loop's clock and the door's to keep."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._reader: AnswerReader | None = None
        self._open = False

    @property
    def usable(self) -> bool:
        """Whether a request can be sent on it."""
        return self._open and self._answer is None

    def send(self, request: bytes, reader: AnswerReader) -> asyncio.Future[Response]:
        """Send one request; the future brings the answer or ``AnswerLost``. ``NotSent``: the connection is gone.

        From here on bytes may have left: nothing that happens later can be ``NotSent``.
        """
        if not self._open or self._transport is None or self._transport.is_closing():
            raise NotSent("the connection was closed before the request was sent")
        self._reader = reader
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def give_up(self, why: str) -> None:
        """Wait no longer for the answer."""
        self._lose(why)

    def close(self) -> None:
        """Close it. A request in flight loses its answer."""
        self._open = False
        if self._transport is not None:
            if self._answer is None:
                self._transport.close()
            else:
                self._transport.abort()
        self._lose("the connection was closed here")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is of no such class
        self._open = True

    def data_received(self, data: bytes) -> None:
        if self._reader is None or self._answer is None:
            self.close()  # nobody asked; what follows could be taken for the next answer
            return
        try:
            answer = self._reader.feed(data)
        except Unreadable as error:
            self._lose(str(error))
        else:
            if answer is not None:
                self._settle(answer)

    def eof_received(self) -> None:
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._lose(f"{type(exc).__name__}: {exc}")
        self._ended()
        if not self.closed.done():
            self.closed.set_result(None)

    def _ended(self) -> None:
        self._open = False
        if self._reader is None or self._answer is None:
            return
        try:
            self._settle(self._reader.ended())
        except Unreadable as error:
            self._lose(str(error))

    def _settle(self, answer: Response) -> None:
        waiting, reader, transport = self._answer, self._reader, self._transport
        self._answer = self._reader = None
        # An answer may come before all of the request has left: the rest must not precede the next request.
        if not (reader and reader.reusable and transport and transport.get_write_buffer_size() == 0):
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _lose(self, why: str) -> None:
        waiting = self._answer
        self._answer = self._reader = None
        if waiting is None:
            return
        self._open = False
        if self._transport is not None:
            self._transport.abort()
        if not waiting.done():
            waiting.set_exception(AnswerLost(why))
