"""Gauges that the database knows best: computed at scrape, so that they are true whatever processes died."""

from collections.abc import Mapping
from typing import Any

from crossdock.observe.tally import Sample
from crossdock.store.named import Statements

CAP = 10_000  # rows counted of one thing; beyond, "that many or more" is all one needs to know
_BREAKERS = ("closed", "open", "half_open")


class SqlGauges:
    """``read`` asks a reading pool (``asked.reading_pool``), about a dozen cheap statements in one snapshot."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._sql = Statements("gauges")

    async def read(self) -> list[Sample]:
        """All gauges of the catalogue that are marked ``sql``. Raises what the driver raises."""
        sql = self._sql
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            queues = await connection.fetch(sql.queues, CAP)
            dispatch = await connection.fetch(sql.dispatch, CAP)
            orders = await connection.fetch(sql.orders, CAP)
            exceptions = await connection.fetch(sql.exceptions, CAP)
            late = await connection.fetch(sql.late, CAP)
            lag = await connection.fetch(sql.lag, CAP)
            differences = await connection.fetch(sql.differences, CAP)
            reconciled = await connection.fetch(sql.reconciled)
            connections = await connection.fetch(sql.connections)
            credentials = await connection.fetch(sql.credentials)
            workers = await connection.fetch(sql.workers)
        found = [sample for row in queues for sample in _queue(row["name"], "due", row)]
        found += [sample for row in dispatch for sample in _queue(f"dispatch.{row['name']}", row["state"], row)]
        for row in orders:
            found.append(("crossdock.orders", {"status": row["status"]}, row["n"]))
            found.append(("crossdock.order.age.max", {"status": row["status"]}, row["age"]))
        found += [("crossdock.exceptions.open", {"class": row["class"]}, row["n"]) for row in exceptions]
        found += [("crossdock.orders.late", {"channel": row["channel"]}, row["n"]) for row in late]
        found += [("crossdock.sync.lag", {"channel": r["channel"], "region": r["region"]}, r["age"]) for r in lag]
        for row in differences:
            labels = {"channel": row["channel"], "kind": row["kind"]}
            found.append(("crossdock.reconcile.differences", labels, row["n"]))
        found += [("crossdock.reconcile.age", {"channel": row["channel"]}, row["age"]) for row in reconciled]
        found += [sample for row in connections for sample in _connection(row)]
        for row in credentials:
            labels = {"target": row["name"], "credential": row["credential"]}
            found.append(("crossdock.credential.expiry", labels, row["left_s"]))
        found += [("crossdock.worker.silence", {"worker": row["id"]}, row["silent_s"]) for row in workers]
        return found


def _queue(name: str, state: str, row: Mapping[str, Any]) -> list[Sample]:
    found: list[Sample] = [("crossdock.queue.depth", {"queue": name, "state": state}, row["depth"])]
    if state != "leased":
        found.append(("crossdock.queue.oldest_age", {"queue": name}, row["age"]))
    return found


def _connection(row: Mapping[str, Any]) -> list[Sample]:
    target = row["name"]
    found: list[Sample] = [
        ("crossdock.circuit.state", {"target": target, "state": state}, float(row["breaker"] == state))
        for state in _BREAKERS
    ]
    found.append(("crossdock.connection.paused", {"target": target}, float(row["paused"])))
    found.append(("crossdock.target.throttled", {"target": target}, row["throttled_s"]))
    return found
