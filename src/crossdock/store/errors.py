"""Which database errors mean "not now", "perhaps committed" and "this stream's data".

``StoreUnavailable``  nothing was acknowledged; try again later
``CommitUnknown``     the connection broke during COMMIT: the transaction may stand
``PoisonedBatch``     one stream's data cannot be stored; rolled back, the caller bisects
Anything else is a bug and passes through unchanged.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg

from crossdock.store.protocol import CommitUnknown, PoisonedBatch, StoreUnavailable

# SQLSTATE classes and codes after which the same call may succeed later, on this or another server.
_LATER_CLASSES = ("08", "53", "57P", "58")
_LATER_CODES = frozenset({"25006", "40001", "40P01", "55P03", "57014", "25P03", "25P04", "3D000", "55000", "XX000"})
# The server may already have committed when it says this to a COMMIT.
_ENDED_CLASSES = ("08", "57P")
# The data itself: wrong value, a check, an index row that is too long.
_DATA_CLASSES = ("22", "23")
_DATA_CODES = frozenset({"54000", "54001", "54023"})

_BROKEN = (
    asyncpg.exceptions.InternalClientError,
    ConnectionError,
    OSError,
    TimeoutError,
)
_GONE = ("closed", "closing", "released", "terminated")


class UnknownConnection(Exception):
    """No connection of that name is configured in the database. Register it before using it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"connection {name!r} is not registered in the database; configure it and restart the workers")
        self.name = name


def _code(error: asyncpg.PostgresError) -> str:
    return error.sqlstate or ""


def is_partition_missing(error: BaseException | None) -> bool:
    """Whether a row came for a month not made yet: no constraint is at fault, so none is named."""
    return isinstance(error, asyncpg.CheckViolationError) and not error.constraint_name


def is_later(error: BaseException) -> bool:
    """Whether the call may succeed later without any change to what was asked."""
    if is_partition_missing(error):
        return True
    if isinstance(error, asyncpg.PostgresError):
        code = _code(error)
        return code.startswith(_LATER_CLASSES) or code in _LATER_CODES
    if isinstance(error, asyncpg.InterfaceError):
        # Also raised for wrong arguments, which no waiting cures.
        return any(word in str(error) for word in _GONE)
    return isinstance(error, _BROKEN)


def is_collision(error: BaseException) -> bool:
    """Two transactions met (deadlock, serialisation); rolled back, so that repeating at once is right."""
    return isinstance(error, asyncpg.PostgresError) and _code(error) in ("40001", "40P01")


def is_data(error: BaseException) -> bool:
    """Whether what was to be stored is at fault."""
    if is_partition_missing(error):
        return False
    if isinstance(error, asyncpg.PostgresError):
        code = _code(error)
        return code.startswith(_DATA_CLASSES) or code in _DATA_CODES
    # asyncpg's own encoders refuse what PostgreSQL would: overflow, wrong type, lone surrogates.
    return isinstance(error, (asyncpg.DataError, UnicodeEncodeError, UnknownConnection))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn errors that mean "not now" into ``StoreUnavailable``."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception as error:
        if is_data(error) or not is_later(error):
            raise
        raise StoreUnavailable(
            f"could not {doing}: {type(error).__name__}: {error}; nothing was acknowledged"
        ) from error


@contextmanager
def committing(doing: str = "commit") -> Iterator[None]:
    """Around COMMIT, or a statement that is its own transaction: a broken connection leaves open whether it stands."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if _code(error).startswith(_ENDED_CLASSES):
            raise CommitUnknown(
                f"could not {doing}, as far as is known: the server ended the session: {error}"
            ) from error
        raise
    except (asyncpg.InterfaceError, *_BROKEN) as error:
        if is_data(error) or not is_later(error):
            raise
        broken = f"the connection broke: {type(error).__name__}: {error}"
        raise CommitUnknown(f"could not {doing}, as far as is known: {broken}") from error


@contextmanager
def attributable(stream_ids: Sequence[int]) -> Iterator[None]:
    """Turn what the database says about the data of one of these streams into ``PoisonedBatch``."""
    try:
        yield
    except Exception as error:
        if not is_data(error):
            raise
        raise PoisonedBatch(stream_ids, fault(error)) from error


def fault(error: Exception) -> str:
    """What was at fault and where, for people and logs: never the server's words, which quote the row and the value."""
    if isinstance(error, UnknownConnection):
        return str(error)
    told = [type(error).__name__]
    if isinstance(error, asyncpg.PostgresError):
        places = ("sqlstate", "table_name", "column_name", "data_type_name", "constraint_name")
        told += [f"{place.removesuffix('_name')} {found}" for place in places if (found := getattr(error, place, None))]
    return ", ".join(told)
