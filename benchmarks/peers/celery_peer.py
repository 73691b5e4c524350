"""Celery on Redis: late acknowledgement, no results kept, its own connection per worker process or thread."""

import threading
from typing import Any

import psycopg
import urllib3
from benchmarks.peers import job, measuring
from celery import Celery  # type: ignore[import-untyped]


def application(asked: measuring.Asked) -> Celery:
    """The app with its one task."""
    app = Celery("peers", broker=asked.redis)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=asked.settings["prefetch"],
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    own = threading.local()

    @app.task(name="export")  # type: ignore[untyped-decorator]
    def export(name: str, body: str) -> None:
        if not hasattr(own, "db"):
            own.db = psycopg.connect(asked.database, autocommit=True)
            own.erp = urllib3.HTTPConnectionPool("127.0.0.1", asked.erp, maxsize=1)
        _export(own.db, own.erp, name, body)

    return app


def _export(db: psycopg.Connection[Any], erp: urllib3.HTTPConnectionPool, name: str, body: str) -> None:
    sent = job.request(name, body)
    db.execute(job.RECORD_ORDER, (name, sent.decode()))
    db.execute(job.RECORD_ATTEMPT, (name,))
    answer = erp.request("PUT", job.path(name), body=sent, headers=job.JSON_HEAD, retries=False)
    if answer.status != 204:
        raise RuntimeError(f"order {name}: the ERP answered {answer.status}")
    db.execute(job.RECORD_OUTCOME, (name, answer.status, answer.headers["Location"]))


def enqueue(asked: measuring.Asked) -> None:
    export = application(asked).tasks["export"]
    for name, body in job.bodies(asked.first, asked.count):
        export.apply_async((name, body))


def work(asked: measuring.Asked, number: int) -> None:
    settings = asked.settings
    application(asked).worker_main([
        "worker", "--pool", settings["pool"], "--concurrency", str(settings["concurrency"]),
        "--hostname", f"worker{number}@localhost", "--loglevel", "WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ])  # fmt: skip


if __name__ == "__main__":
    measuring.main(measuring.Peer("benchmarks.peers.celery_peer", enqueue, work))
