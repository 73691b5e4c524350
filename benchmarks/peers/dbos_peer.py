"""DBOS: a queue of asynchronous workflows with two steps each.

DBOS keeps a journal of its own in PostgreSQL, and a team that uses it would not write the same facts twice. So its
journal is taken as the record, in its favour: the translated order and the ERP's answer are step outputs, the outcome
is the workflow's end, the attempt is the workflow's start, which is durable before the call.
"""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import uvloop
from benchmarks.peers import job, measuring
from dbos import DBOS, DBOSClient, DBOSConfig, run_dbos_database_migrations

QUEUE = "orders"
VERSION = "1"
DONE = "from dbos.workflow_status where status = 'SUCCESS'"
FINISHED = f"select completed_at / 1000.0::float8 as at {DONE}"
RECORDED = (
    f"select count(*) {DONE}",
    "select count(distinct workflow_uuid) from dbos.operation_outputs where function_name = 'translate'",
    "select count(distinct workflow_uuid) from dbos.operation_outputs where function_name = 'book'",
)


def register(erp: aiohttp.ClientSession) -> None:
    """The workflow and its steps."""

    @DBOS.step(name="translate")
    async def translate(name: str, body: str) -> str:
        return job.request(name, body).decode()

    @DBOS.step(name="book")
    async def book(name: str, sent: str) -> tuple[int, str]:
        async with erp.put(job.path(name), data=sent.encode(), headers=job.JSON_HEAD) as answer:
            if answer.status != 204:
                raise RuntimeError(f"order {name}: the ERP answered {answer.status}")
            return answer.status, answer.headers["Location"]

    @DBOS.workflow(name="export")
    async def export(name: str, body: str) -> tuple[int, str]:
        return await book(name, await translate(name, body))


def configuration(asked: measuring.Asked, number: int) -> DBOSConfig:
    return {
        "name": "peers", "system_database_url": asked.database, "application_version": VERSION,
        "executor_id": f"worker{number}", "sys_db_pool_size": asked.settings["connections"],
        "log_level": "WARNING", "console_log_level": "WARNING",
    }  # fmt: skip


def enqueue(asked: measuring.Asked) -> None:
    """One by one, as its client has no other way; eight at a time."""
    run_dbos_database_migrations(asked.database)
    client = DBOSClient(system_database_url=asked.database, system_database_pool_size=8, application_name="peers")

    def one(order: tuple[str, str]) -> Any:
        return client.enqueue(
            {"workflow_name": "export", "queue_name": QUEUE, "workflow_id": order[0], "app_version": VERSION}, *order
        )

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(one, job.bodies(asked.first, asked.count)):
            pass
    client.destroy()


async def _work(asked: measuring.Asked, number: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{asked.erp}", connector=connector) as erp:
        DBOS(config=configuration(asked, number))
        register(erp)
        DBOS.launch()  # inside a running loop: workflows run on that loop
        await DBOS.register_queue_async(
            QUEUE, worker_concurrency=asked.settings["concurrency"], polling_interval_sec=asked.settings["polling_s"]
        )
        await ended.wait()
        await asyncio.to_thread(DBOS.destroy)


def work(asked: measuring.Asked, number: int) -> None:
    uvloop.run(_work(asked, number))


if __name__ == "__main__":
    measuring.main(measuring.Peer("benchmarks.peers.dbos_peer", enqueue, work, FINISHED, RECORDED))
