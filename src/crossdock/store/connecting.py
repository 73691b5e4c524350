"""One connection to PostgreSQL: which host, and how soon a host that is gone without a word is given up.

A machine that loses its power, or a firewall that forgets a connection, says nothing: no refusal, no reset. Whoever
waits for it would wait for a quarter of an hour.
"""

import re
import socket
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = Any  # asyncpg publishes no types

CONNECT_S = 10.0  # to the only host there is
HOST_S = 3.0  # to one of several: what one swallows the next must still have
# Keepalives find a silent server while an answer is waited for, the user time-out while something is sent.
_SILENT = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}


class Watched(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """A connection whose server's silence is noticed within some 14 seconds, where the kernel can tell."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        line = transport.get_extra_info("socket")
        if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
            return
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SILENT.items():
            if hasattr(socket, name):  # not every system has all of them
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def each_host(url: str) -> list[str]:
    """``postgresql://u@a:1,b:2/d`` as one URL per host."""
    scheme, _, rest = url.partition("://")
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]  # options may follow without a path, and have slashes in them
    who, at, places = netloc.rpartition("@")
    return [f"{scheme}://{who}{at}{place}{rest[len(netloc) :]}" for place in places.split(",")]


async def connect(url: str, **options: Any) -> Connection:
    """A connection to the only host, or to the first of several that takes writes, each given its own time.

    asyncpg has one time-out for all hosts together: a silent first one would use it up, every time. The session's days
    and months are UTC's, whatever the server's are.
    """
    settings = {"timezone": "UTC", **options.pop("server_settings", {})}
    options = {"connection_class": Watched, "server_settings": settings, **options}
    places = each_host(url)
    if len(places) == 1:
        return await asyncpg.connect(url, **{"timeout": CONNECT_S, **options})
    refused = []
    for number, place in enumerate(places, 1):
        try:
            return await asyncpg.connect(place, **{**options, "timeout": HOST_S, "target_session_attrs": "read-write"})
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
            refused.append(f"host {number}: {type(error).__name__}: {error}")
    raise ConnectionError(f"none of {len(places)} hosts takes writes; {'; '.join(refused)}")
