"""The worker: one process that runs the jobs of the queue, a few at a time, until it is told to stop."""

import asyncio
import signal
from typing import Any

import procrastinate
import psycopg
import sqlalchemy as sa
import structlog
from flask import Flask
from procrastinate.exceptions import ProcrastinateException
from procrastinate.middleware import AsyncCallNext, SyncCallNext
from procrastinate.worker import Worker

from shop.jobs import tasks
from shop.jobs.schema import SELECT_FOR_SESSION

log = structlog.get_logger()

CONCURRENCY = 4
GRACE_SECONDS = 5
"""How long a job may go on after the worker was told to stop, before the job is asked to break off."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def make_queue(app: Flask) -> procrastinate.App:
    """Return the queue of `app` with all its tasks. It opens no connection before it is opened."""
    url = sa.make_url(app.config["SETTINGS"].database_url).set(drivername="postgresql")
    connector = procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        configure=_find_queue,
        min_size=1,
        max_size=CONCURRENCY + 1,
        # A worker without a database ends soon, and is started again.
        timeout=5,
    )

    def in_app_context(call_next: SyncCallNext, _context: procrastinate.JobContext, _worker: Worker) -> Any:  # noqa: ANN401 - whatever the task returns
        with app.app_context():
            return call_next()

    queue = procrastinate.App(
        connector=connector,
        worker_defaults={
            "concurrency": CONCURRENCY,
            "delete_jobs": "successful",
            "shutdown_graceful_timeout": GRACE_SECONDS,
            "task_middleware": [in_app_context],
            "worker_middleware": [_told],
            "install_signal_handlers": False,
        },
    )
    tasks.register(queue)
    return queue


def run(app: Flask) -> bool:
    """Run jobs until SIGTERM or SIGINT. Returns whether it was told to stop; the log says why else it ended."""
    try:
        return asyncio.run(_run_until_told(make_queue(app)))
    except (ProcrastinateException, psycopg.Error) as error:
        log.error("worker failed", exc_info=error)  # noqa: TRY400 - structlog's words are the same
        return False


async def _run_until_told(queue: procrastinate.App) -> bool:
    async with queue.open_async():
        work = asyncio.create_task(queue.run_worker_async())
        for signum in _STOP_SIGNALS:
            # The worker takes it as: finish what runs, begin nothing.
            asyncio.get_running_loop().add_signal_handler(signum, work.cancel)
        log.info("worker started")
        await asyncio.wait([work])
        if not work.cancelled():
            work.result()
            return False
        log.info("worker stopped")
        return True


async def _find_queue(connection: psycopg.AsyncConnection) -> None:
    await connection.execute(SELECT_FOR_SESSION)
    await connection.commit()


async def _told(call_next: AsyncCallNext, context: procrastinate.JobContext, _worker: Worker) -> Any:  # noqa: ANN401 - whatever the task returns
    """Run a job so that every line of the log names it, and each of its failures is in the log."""
    job = context.job
    with structlog.contextvars.bound_contextvars(job=job.id, task=job.task_name, attempt=job.attempts + 1):
        try:
            return await call_next()
        except Exception as error:
            log.warning("job failed", exc_info=error)
            raise
