"""People who may sign in: accounts, one-time setup links, passwords (argon2id), lockout, sessions.

Tokens leave here once and are stored only as hashes. HTTP, cookies and pages are the console's.
"""

import asyncio
import functools
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from secrets import token_urlsafe
from typing import Any, TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crossdock.governance import audit
from crossdock.store.named import Statements
from crossdock.store.pool import Pool

T = TypeVar("T")
ROLES = ("viewer", "customer_service", "operator", "integrator", "admin")
LOCK_AFTER = 10  # wrong passwords in a row
LOCK_S = 15 * 60.0
LINK_S = 24 * 3600.0
IDLE_S = 30 * 60.0
LIVES_S = 12 * 3600.0
LEAST_PASSWORD = 12
CHECKS_AT_ONCE = 4  # each takes 64 MB while it lasts, and strangers may ask for as many as they like


@functools.cache
def _checking() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CHECKS_AT_ONCE, "passwords")


# For names nobody has: the same work as for a name somebody has, so that the time taken does not tell them apart.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$OJnJ1t5MrI04AH3GgpXpwQ$dHlFt8nJzRrJcKkoRZTcOcIdO0ugHJBJlfEWnWe/7K0"


@functools.cache
def _sql() -> Statements:
    return Statements("people")


class PeopleError(Exception):
    """Refused, with a sentence for the person. ``code`` is stable: link_used, name_taken, weak_password, locked,
    too_many, wrong, unknown_user, bad_role, bad_name. ``wait_s``: after which it may be tried again."""

    def __init__(self, code: str, detail: str, wait_s: float = 0.0) -> None:
        super().__init__(detail)
        self.code, self.wait_s = code, wait_s


class Person(msgspec.Struct, frozen=True):
    id: int
    name: str
    role: str


class Session(msgspec.Struct, frozen=True):
    person: Person
    csrf: str


class Account(msgspec.Struct, frozen=True):
    id: int
    name: str
    role: str
    has_password: bool
    locked: bool
    created_at: datetime


async def create_setup_link(
    pool: Pool, role: str = "admin", *, lives_s: float = LINK_S, token: Callable[[], str] = token_urlsafe
) -> str:
    """A one-time token: whoever opens the console with it sets up an account of this role."""
    _check_role(role)
    secret = token()
    await pool.execute(_sql().make_link, _hash(secret), role, lives_s)
    return secret


async def link_role(pool: Pool, token: str) -> str | None:
    """The role a link is for; None when it is unknown, used or over."""
    role: str | None = await pool.fetchval(_sql().link_role, _hash(token))
    return role


async def redeem(pool: Pool, token: str, name: str, password: str | None) -> Person:
    """Use a link up and make the account, which is audited. ``password=None`` makes one that only this link's session
    can use (the demo's visitor). Raises ``PeopleError``: link_used, name_taken, weak_password, bad_name."""
    name = _check_name(name)
    hashed = await _hashed(password) if password is not None else None
    async with pool.acquire() as connection, connection.transaction():
        role = await connection.fetchval(_sql().use_link, _hash(token))
        if role is None:
            raise PeopleError("link_used", "This link was used already or is over. Ask for a new one.")
        person = _person(await connection.fetchrow(_sql().add, name, role, hashed), name)
        if password is not None:
            await audit.append_within(connection, person.name, "people.joined", person.role)
        return person


async def add(pool: Pool, name: str, role: str, password: str) -> Person:
    """Make an account. Raises ``PeopleError``: name_taken, weak_password, bad_role, bad_name."""
    _check_role(role)
    hashed = await _hashed(password)
    return _person(await pool.fetchrow(_sql().add, _check_name(name), role, hashed), name)


async def set_password(pool: Pool, name: str, password: str) -> Person:
    """A new password; ends a lockout and all sessions of the person."""
    person = _found(await pool.fetchrow(_sql().set_password, name, await _hashed(password)), name)
    await close_sessions(pool, person.id)
    return person


async def set_role(pool: Pool, name: str, role: str) -> Person:
    _check_role(role)
    return _found(await pool.fetchrow(_sql().set_role, name, role), name)


async def remove(pool: Pool, name: str) -> Person:
    return _found(await pool.fetchrow(_sql().remove, name), name)


async def accounts(pool: Pool) -> list[Account]:
    return [Account(**row) for row in await pool.fetch(_sql().list)]


async def account_named(pool: Pool, name: str) -> str | None:
    """The name of the account that somebody means to sign in to; None: there is none."""
    row = await pool.fetchrow(_sql().for_sign_in, name.strip())
    return row and str(row["name"])


async def verify_password(pool: Pool, name: str, password: str) -> Person:
    """Sign a person in. Raises ``PeopleError``: ``wrong`` (whatever was wrong) or ``locked`` after ten in a row."""
    row = await pool.fetchrow(_sql().for_sign_in, name.strip())
    fits = await _in_turn(_fits, (row and row["password_hash"]) or _NOBODY, password)
    if row is None or row["password_hash"] is None:
        raise PeopleError("wrong", "The name or the password is wrong.")
    if row["locked"]:
        raise _locked()
    if fits:
        # asked once more: guesses that came all at once were let in before the first of them was counted
        if await pool.fetchval(_sql().forgive, row["id"]) is None:
            raise _locked()
        return Person(row["id"], row["name"], row["role"])
    if await pool.fetchval(_sql().count_failure, row["id"], LOCK_AFTER, LOCK_S):
        raise _locked()
    raise PeopleError("wrong", "The name or the password is wrong.")


async def open_session(pool: Pool, person_id: int, *, token: Callable[[], str] = token_urlsafe) -> tuple[str, str]:
    """A new session: (token for the cookie, CSRF token). Sessions that idled or lived too long are swept away."""
    secret, csrf = token(), token()
    await pool.execute(_sql().open_session, _hash(secret), person_id, csrf, IDLE_S, LIVES_S)
    return secret, csrf


async def session(pool: Pool, token: str, *, used: bool = True) -> Session | None:
    """Who is behind a cookie; None: sign in again. ``used``: the person did something, so the idle time starts anew."""
    statement = _sql().use_session if used else _sql().session
    row = await pool.fetchrow(statement, _hash(token), IDLE_S, LIVES_S)
    return Session(Person(row["id"], row["name"], row["role"]), row["csrf"]) if row else None


async def close_session(pool: Pool, token: str) -> None:
    await pool.execute(_sql().close_session, _hash(token))


async def close_sessions(pool: Pool, person_id: int) -> None:
    """Sign the person out everywhere."""
    await pool.execute(_sql().close_sessions, person_id)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _hashed(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        raise PeopleError("weak_password", f"A password has at least {LEAST_PASSWORD} characters.")
    return await _in_turn(PasswordHasher().hash, password)


async def _in_turn(work: Callable[..., T], *given: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_checking(), work, *given)


def _fits(hashed: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise PeopleError("bad_role", f"There is no role '{role}'. Roles: {', '.join(ROLES)}.")


def _check_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise PeopleError("bad_name", "A name has 1 to 80 printable characters.")
    if name.casefold() == "crossdock" or name.casefold().startswith("cli:"):
        raise PeopleError("bad_name", f"'{name}' is how journal and audit name the program itself. Choose another.")
    return name


def _person(row: Any, name: str) -> Person:
    if row is None:
        raise PeopleError("name_taken", f"There is already somebody called '{name}'. Choose another name.")
    return Person(row["id"], row["name"], row["role"])


def _found(row: Any, name: str) -> Person:
    if row is None:
        raise PeopleError("unknown_user", f"There is nobody called '{name}'. See: crossdock user list")
    return Person(row["id"], row["name"], row["role"])


def _locked() -> PeopleError:
    return PeopleError("locked", f"Too many wrong passwords. Try again in {LOCK_S / 60:.0f} minutes.", LOCK_S)
