"""Procrastinate: asynchronous workers with its psycopg connector, on uvloop."""

import aiohttp
import uvloop
from benchmarks.peers import job, measuring
from procrastinate import App, PsycopgConnector
from procrastinate.types import JSONDict
from psycopg_pool import AsyncConnectionPool

BATCH = 500


def application(asked: measuring.Asked, erp: aiohttp.ClientSession | None, own: AsyncConnectionPool | None) -> App:
    """The app with its one task; whoever only enqueues gives neither ERP nor connections."""
    app = App(connector=PsycopgConnector(conninfo=asked.database, min_size=2, max_size=asked.settings["connections"]))

    @app.task(name="export")
    async def export(name: str, body: str) -> None:
        assert erp is not None
        assert own is not None
        sent = job.request(name, body)
        async with own.connection() as db:
            await db.execute(job.RECORD_ORDER, (name, sent.decode()))
            await db.execute(job.RECORD_ATTEMPT, (name,))
        async with erp.put(job.path(name), data=sent, headers=job.JSON_HEAD) as answer:
            if answer.status != 204:
                raise RuntimeError(f"order {name}: the ERP answered {answer.status}")
            outcome = (name, answer.status, answer.headers["Location"])
        async with own.connection() as db:
            await db.execute(job.RECORD_OUTCOME, outcome)

    return app


async def _enqueue(asked: measuring.Asked) -> None:
    app = application(asked, None, None)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        export = app.tasks["export"]
        waiting: list[JSONDict] = [{"name": name, "body": body} for name, body in job.bodies(asked.first, asked.count)]
        for at in range(0, len(waiting), BATCH):
            await export.batch_defer_async(*waiting[at : at + BATCH])


async def _work(asked: measuring.Asked, number: int) -> None:
    connections = asked.settings["connections"]
    async with (
        AsyncConnectionPool(asked.database, min_size=2, max_size=connections, kwargs={"autocommit": True}) as own,
        aiohttp.ClientSession(f"http://127.0.0.1:{asked.erp}", connector=aiohttp.TCPConnector(limit=0)) as erp,
    ):
        app = application(asked, erp, own)
        async with app.open_async():
            await app.run_worker_async(
                name=f"worker{number}", concurrency=asked.settings["concurrency"], shutdown_graceful_timeout=10
            )


def enqueue(asked: measuring.Asked) -> None:
    uvloop.run(_enqueue(asked))


def work(asked: measuring.Asked, number: int) -> None:
    uvloop.run(_work(asked, number))


if __name__ == "__main__":
    measuring.main(measuring.Peer("benchmarks.peers.procrastinate_peer", enqueue, work))
