"""Coming in and going out: passwords, one-time links, sessions; each entry has its audit row."""

from ipaddress import IPv6Address, ip_address
from math import ceil

from crossdock.api.desk import Desk
from crossdock.governance import audit, people
from crossdock.governance.people import PeopleError, Person

SESSION_S = int(people.LIVES_S)


async def sign_in(desk: Desk, name: str, password: str, address: str) -> Person:
    """Who comes from this address. Raises ``PeopleError``: too_many (no account was asked), wrong, locked."""
    source = _source(address)
    if not desk.attempts.take(source):  # taken at once and given back: tries that come together count too
        raise _too_many(desk.attempts.wait_s(source))
    try:
        person = await people.verify_password(desk.pool, name, password)
    except PeopleError as error:
        # what was typed may be anything, a password too, and nobody has proven to be anybody: only accounts are named
        meant = await people.account_named(desk.pool, name)
        await audit.append(desk.pool, "nobody", "sign_in.refused", meant or "", error.code)
        raise
    desk.attempts.give_back(source)
    return person


def _source(address: str) -> str:
    """What counts as one: of IPv6, a host's whole network, as it may take any of its 2^64 addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    own = isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None
    return str(int(parsed) >> 64) if own else address


def _too_many(wait_s: float) -> PeopleError:
    when = "a minute" if wait_s <= 60 else f"{ceil(wait_s / 60)} minutes"
    return PeopleError("too_many", f"Too many wrong sign-ins from this address. Try again in {when}.", wait_s)


async def invite(desk: Desk, actor: str, role: str) -> str:
    """A one-time link's token for a new person, audited: both or neither. Raises ``PeopleError``: bad_role."""
    async with desk.pool.acquire() as connection, connection.transaction():
        token = await people.create_setup_link(connection, role)
        await audit.append_within(connection, actor, "people.invite", role)
    return token


async def link_role(desk: Desk, token: str) -> str | None:
    """The role a one-time link is for; None when it is used or over."""
    return await people.link_role(desk.pool, token)


async def join(desk: Desk, token: str, name: str, password: str) -> Person:
    """Use a link up and make the account. Raises ``PeopleError``."""
    return await people.redeem(desk.pool, token, name, password)


async def visit(desk: Desk, token: str, name: str) -> Person:
    """The demo's visitor: an account without a password; a name that is taken gets a suffix."""
    try:
        return await people.redeem(desk.pool, token, name, None)
    except PeopleError as error:
        if error.code != "name_taken":
            raise
    return await people.redeem(desk.pool, token, f"{name} {desk.unique()[:6]}", None)


async def open_session(desk: Desk, person: Person, before: str) -> str:
    """The token of a new session; the one before it on this browser ends."""
    await leave(desk, before)
    token, _ = await people.open_session(desk.pool, person.id)
    await audit.append(desk.pool, person.name, "sign_in", person.role)
    return token


async def leave(desk: Desk, token: str) -> None:
    if token:
        await people.close_session(desk.pool, token)


__all__ = ["PeopleError", "Person", "invite", "join", "leave", "link_role", "open_session", "sign_in", "visit"]
