"""``/api/v1/partner-keys``: keys of programs at the partner API. Made and revoked by administrators, shown once."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from crossdock.api.desk import Desk
from crossdock.api.guard import Caller, caller_of, desk_of
from crossdock.api.problems import Refusal
from crossdock.api.routes import Asking
from crossdock.governance import audit
from crossdock.partner import keys
from crossdock.partner.keys import KeyRefused, KeyRow
from crossdock.store.pool import Connection


class KeyWish(msgspec.Struct, frozen=True):
    """``days``: how long it opens; left out: until it is revoked."""

    connection: str
    name: str
    scopes: list[str]
    days: int | None = None


class NewKey(msgspec.Struct, frozen=True):
    """A key, shown this once: only its hash is kept."""

    connection: str
    name: str
    key: str


class Revoking(msgspec.Struct, frozen=True):
    reason: str = ""


@get("/api/v1/partner-keys")
async def list_keys(request: Asking) -> list[KeyRow]:
    """All keys, revoked ones too; never what opens the door."""
    return await keys.listed(desk_of(request).pool)


@post("/api/v1/partner-keys", status_code=201)
async def make_key(request: Asking, data: JSONBody[KeyWish]) -> NewKey:
    """Make a key. It is in this answer and nowhere else."""
    return await make(desk_of(request), caller_of(request), data)


@post("/api/v1/partner-keys/{key_id:int}/revoke", status_code=200)
async def revoke_key(request: Asking, key_id: FromPath[int], data: JSONBody[Revoking]) -> list[KeyRow]:
    """Take a key away: the next request with it is refused."""
    await revoke(desk_of(request), caller_of(request), key_id, data.reason)
    return await keys.listed(desk_of(request).pool)


def holders(desk: Desk) -> list[str]:
    """The connections that may have keys: those that are given orders by the partner API."""
    return sorted(name for name, found in desk.connectors.items() if keys.PLACED in found.manifest.topics)


async def make(desk: Desk, caller: Caller, wish: KeyWish) -> NewKey:
    """Make a key and record who did, both or neither. Raises ``Refusal(bad_request)``."""
    portals = holders(desk)
    if wish.connection not in portals:
        there = f"There are: {', '.join(portals)}." if portals else "There is none: add one with system: portal."
        said = f"There is no connection '{wish.connection}' that is given orders by the partner API."
        raise Refusal("bad_request", f"{said} {there}")
    subject = f"{wish.connection}/{wish.name.strip()}"
    detail = {"scopes": sorted(set(wish.scopes)), "days": wish.days}
    try:
        async with desk.pool.acquire() as connection, connection.transaction():
            key = await keys.make(connection, wish.connection, wish.name, wish.scopes, days=wish.days)
            await audit.append_within(connection, caller.name, "partner_key.make", subject, "", detail)
    except KeyRefused as refused:
        raise Refusal("bad_request", str(refused)) from refused
    return NewKey(wish.connection, wish.name.strip(), key)


async def revoke(desk: Desk, caller: Caller, key_id: int, reason: str) -> None:
    """Take a key away and record who did and why, both or neither. Raises ``Refusal``: bad_request, not_found."""
    await _revoked(desk, caller, lambda within: keys.revoke_one(within, key_id), reason)


async def revoke_named(desk: Desk, caller: Caller, connection: str, name: str, reason: str) -> None:
    """The same by a connection's name and the key's."""
    await _revoked(desk, caller, lambda within: keys.revoke(within, connection, name), reason)


async def _revoked(
    desk: Desk, caller: Caller, take_away: Callable[[Connection], Awaitable[tuple[str, str]]], reason: str
) -> None:
    if not reason.strip():
        raise Refusal("bad_request", "Say why: the reason is kept with the act.")
    try:
        async with desk.pool.acquire() as connection, connection.transaction():
            subject = "/".join(await take_away(connection))
            await audit.append_within(connection, caller.name, "partner_key.revoke", subject, reason.strip()[:300])
    except KeyRefused as refused:
        raise Refusal("not_found", str(refused)) from refused


HANDLERS = [list_keys, make_key, revoke_key]
