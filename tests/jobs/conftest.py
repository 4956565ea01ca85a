"""A queue that is empty before and after a test, and a worker that runs what waits in it."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
import sqlalchemy as sa
from flask import Flask

from shop.jobs.schema import SELECT_FOR_TRANSACTION
from shop.jobs.worker import make_queue
from tests.jobs.loops import run_to_end


class Sql(Protocol):
    """Runs a statement in the queue's schema, and returns its rows."""

    def __call__(self, statement: str, **values: object) -> list[tuple[Any, ...]]: ...


@pytest.fixture
def sql(app: Flask, superuser: sa.Engine) -> Iterator[Sql]:
    """Return a function that runs a statement in the queue's schema, which is empty."""
    assert app.testing

    def run(statement: str, **values: object) -> list[tuple[Any, ...]]:
        with superuser.begin() as connection:
            connection.execute(sa.text(SELECT_FOR_TRANSACTION))
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    empty = "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers"
    run(empty)
    yield run
    run(empty)


def work_off(app: Flask, *names: str) -> None:
    """Defer a job of each name, and let a worker of its own run until nothing waits."""
    queue = make_queue(app)

    async def run() -> None:
        async with queue.open_async():
            for name in names:
                await queue.configure_task(name).defer_async(timestamp=0)
            await queue.run_worker_async(wait=False, listen_notify=False)

    run_to_end(run())
