"""Vendor limits shared by all workers: quota booked ahead on the database's clock, rests, and concurrency slots."""

from crossdock.store.core import Core
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import transaction
from crossdock.store.protocol import REST_AT_MOST_S, Grant, Turns
from crossdock.store.sharing import Holder, lease_of, share, turn

_SQL = Statements("limits")
_AHEAD_S = 1.0


async def book(core: Core, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
    """See ``Store.book``. Nothing is booked when the account is more than a second ahead already, or rests."""
    if rate_per_s <= 0 or units <= 0:
        raise ValueError(f"cannot book {units} units at {rate_per_s} per second from {account!r}")
    with translated("book quota"):
        async with core.pool.acquire() as connection:
            wait = await connection.fetchval(_SQL.book, account, units / rate_per_s, burst / rate_per_s)
            if wait is None:
                known = await connection.fetchrow(_SQL.ahead, account)
                if known is not None and known["rest_s"] > 0:
                    return Grant(0, known["rest_s"], rests=True)
                if known is not None:
                    return Grant(0, max(known["ahead_s"] - _AHEAD_S, 0.01))
                await connection.execute(_SQL.open_account, account)
                wait = await connection.fetchval(_SQL.book, account, units / rate_per_s, burst / rate_per_s)
    return Grant(units, max(wait, 0.0)) if wait is not None else Grant(0, _AHEAD_S)


async def rest(core: Core, account: str, for_s: float) -> None:
    """See ``Store.rest``."""
    with translated("let an account rest"):
        async with core.pool.acquire() as connection:
            await connection.execute(_SQL.rest, account, min(for_s, REST_AT_MOST_S))


async def resting_s(core: Core, account: str) -> float:
    """See ``Store.resting_s``."""
    with translated("ask whether an account rests"):
        async with core.pool.acquire() as connection:
            known = await connection.fetchrow(_SQL.ahead, account)
    return float(known["rest_s"]) if known is not None else 0.0


async def hold_slots(
    core: Core, account: str, worker: str, want: int, limit: int, lease_s: float, using: int, turns: Turns | None
) -> int:
    """See ``Store.acquire_slots``. The lock is a statement of its own: counting needs a snapshot from after it."""
    async with transaction(core.pool, "acquire slots") as connection:
        await connection.execute(_SQL.lock_slots, account)
        rows = await connection.fetch(_SQL.living_slots, account)
        living = [Holder(**dict(row)) for row in rows]
        passes = turns == "passes"
        free = turn(worker, passes, living) if turns and limit == 1 else share(worker, want, living, limit)
        held = max(free, using)
        await connection.execute(_SQL.hold_slots, account, worker, want, held, lease_of(held, lease_s), passes)
        return free


async def release_slots(core: Core, account: str, worker: str) -> None:
    with translated("release slots"):
        async with core.pool.acquire() as connection:
            await connection.execute(_SQL.release_slots, account, worker)
