"""Running jobs in processes of their own, all beginning together, each with a connection of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier, Event
from typing import Any

from sqlalchemy import Engine, create_engine

from tests.profile import IS_NIGHTLY

# Nobody begins anything after this time, on a slow machine; and nothing goes on for longer, whatever happens.
ENOUGH_SECONDS = 240 if IS_NIGHTLY else 12
LIMIT_SECONDS = 5 * ENOUGH_SECONDS

Job = Callable[["Post"], Any]


class Post:
    """Where a job works: its engine, and whether it should go on."""

    def __init__(self, engine: Engine, end: Event) -> None:
        """Begin now."""
        self.engine = engine
        self._end = end
        self._began = time.monotonic()

    def rounds(self, most: int) -> Iterator[int]:
        """Count the rounds, from 1, of a job that is done by the piece."""
        for number in range(1, most + 1):
            yield number
            if time.monotonic() > self._began + ENOUGH_SECONDS:
                return

    def until_the_end(self) -> Iterator[int]:
        """Count the rounds, from 1, of a job that goes on until those who work by the piece are done."""
        for number in count(1):
            yield number
            if self._end.is_set():
                return
            self.check_time()

    def check_time(self) -> None:
        """Give up when it takes too long."""
        if time.monotonic() > self._began + LIMIT_SECONDS:
            raise TimeoutError


def together(url: str, workers: Sequence[Job], watchers: Sequence[Job]) -> tuple[list[Any], list[Any]]:
    """Run workers, who finish by themselves, and watchers, who go on until then; give what each returns."""
    # A server of forks imports what is needed once, and inherits none of our connections.
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.concurrency.writers", "tests.concurrency.watchers"])
    size = len(workers) + len(watchers)
    begin, end = context.Barrier(size), context.Event()
    with ProcessPoolExecutor(size, mp_context=context, initializer=_enter, initargs=(url, begin, end)) as pool:
        working = [pool.submit(_work, job) for job in workers]
        watching = [pool.submit(_work, job) for job in watchers]
        try:
            done = _results(working)
        finally:
            end.set()
        return done, _results(watching)


def _results(futures: Sequence["Future[Any]"]) -> list[Any]:
    return [future.result(timeout=2 * LIMIT_SECONDS) for future in futures]


_here: dict[str, Any] = {}


def _enter(url: str, begin: Barrier, end: Event) -> None:
    """Remember in a new process what it was started with."""
    _here.update(url=url, begin=begin, end=end)


def _work(job: Job) -> object:
    """Do a job in this process. Everybody waits for the last to be ready, so each process takes one job."""
    engine = create_engine(_here["url"], pool_size=2)
    try:
        with engine.connect():
            _here["begin"].wait(timeout=LIMIT_SECONDS)
        return job(Post(engine, _here["end"]))
    finally:
        engine.dispose()
