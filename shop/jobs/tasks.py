"""What runs in the background, and when. Every task may run twice, or beside itself: a worker can die in the middle."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from flask import current_app
from procrastinate import App, JobContext, RetryStrategy
from procrastinate.jobs import Status

import ledger
from shop.assistance.imports.work import due
from shop.db import business_day, now, transaction
from shop.identity.idempotency import forget_old_answers
from shop.identity.signin import guard, sessions
from shop.mail import sender
from shop.payments import expiry
from shop.procurement import delivery

log = structlog.get_logger()

MAX_SEAL_BATCHES = 100
"""After so many the rest waits for the next minute: a million entries of a bulk import are sealed in one job."""

MAX_EXPIRED = 1000
"""After so many orders the rest waits for the next minute."""

MAX_DELIVERED = 1000
"""After so many orders the rest waits for the next hour."""

MAX_ATTEMPTS = 3
KEPT_HOURS = 7 * 24
"""How long a job that failed stays to be looked at. One that succeeded goes at once; the log has told of it."""

# A job holds no lock and no place in the queue: what a killed worker held would stop all that come after it.
_RETRY = RetryStrategy(max_attempts=MAX_ATTEMPTS - 1, wait=5, linear_wait=10)


def register(queue: App) -> None:
    """Let `queue` know every task, and when the periodic ones are due."""
    queue.periodic(cron="* * * * *")(queue.task(name="seal", retry=_RETRY, pass_context=True)(_seal))
    queue.periodic(cron="* * * * *")(queue.task(name="expire", retry=_RETRY, pass_context=True)(_expire))
    queue.periodic(cron="* * * * *")(queue.task(name=due.TASK, retry=_RETRY, pass_context=True)(_import_sales))
    queue.periodic(cron="* * * * * */10")(queue.task(name="mail", pass_context=True)(_mail))
    queue.periodic(cron="*/5 * * * *")(queue.task(name="tidy", pass_context=True)(_tidy))
    queue.periodic(cron="37 * * * *")(queue.task(name="deliver", retry=_RETRY, pass_context=True)(_deliver))
    queue.periodic(cron="17 * * * *")(queue.task(name="forget", retry=_RETRY, pass_context=True)(_forget))


def seal_waiting(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Seal the ledger's waiting entries, a transaction a batch, until none is left. Returns how many it sealed.

    It ends early, with whole batches, when `should_stop` says so, and after `MAX_SEAL_BATCHES`.
    """
    count = 0
    for _ in range(MAX_SEAL_BATCHES):
        with transaction() as session:
            sealed = ledger.seal(session)
        count += sealed.count
        if not sealed.count or should_stop():
            break
    return count


def _mail(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due; what waits by now is sent
    count = sender.send_waiting(context.should_abort)
    if count:
        log.info("mail sent", mails=count)


def _seal(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due; what waits by now is sealed
    count = seal_waiting(context.should_abort)
    if count:
        log.info("ledger sealed", entries=count)


def expire_orders(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Cancel the orders whose money did not come in time, a transaction each. Returns how many it cancelled.

    It ends early when `should_stop` says so, and after `MAX_EXPIRED`.
    """
    at = now()
    for count in range(MAX_EXPIRED):
        with transaction() as session:
            number = expiry.expire_next(session, at=at)
        if number is None:
            return count
        log.info("order expired", order=number)
        if should_stop():
            return count + 1
    return MAX_EXPIRED


def _expire(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due; all that has expired goes
    expire_orders(context.should_abort)


def deliver_orders(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Confirm the delivery of what was shipped long ago, a transaction an order. Returns how many it confirmed.

    It ends early when `should_stop` says so, and after `MAX_DELIVERED`.
    """
    before = now() - timedelta(days=current_app.config["SETTINGS"].delivery_days)
    for count in range(MAX_DELIVERED):
        with transaction() as session:
            number = delivery.deliver_next(session, shipped_before=before, on=business_day())
        if number is None:
            return count
        log.info("order delivered", order=number)
        if should_stop():
            return count + 1
    return MAX_DELIVERED


def _deliver(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due; all that is old goes
    deliver_orders(context.should_abort)


def forget_answers(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Delete the stored answers to writes that nobody repeats any more, a transaction a batch. Returns how many."""
    count = 0
    while True:
        with transaction() as session:
            gone = forget_old_answers(session, at=now())
        count += gone
        if not gone or should_stop():
            return count


def _forget(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due
    count = forget_answers(context.should_abort)
    if count:
        log.info("old answers forgotten", answers=count)
    with transaction() as session:
        sessions.forget_old(session, at=now())
        guard.forget_old(session, at=now())
    sender.forget_old(at=now())


def _import_sales(context: JobContext, timestamp: int = 0) -> None:  # noqa: ARG001 - what waits by now is done
    count = due.work_off(context.should_abort)
    if count:
        log.info("sale imports worked on", imports=count)


async def _tidy(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - when it was due
    """Start again what a dead worker left unfinished, and forget what failed long ago."""
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs():
        # A job that kills its worker would kill the next one too.
        if job.attempts + 1 < MAX_ATTEMPTS:
            await jobs.retry_job(job)
            log.warning("job of a dead worker will run again", stalled_job=job.id, stalled_task=job.task_name)
        else:
            await jobs.finish_job(job, status=Status.FAILED, delete_job=False)
            log.error("job outlived its workers and is given up", stalled_job=job.id, stalled_task=job.task_name)
    await jobs.delete_old_jobs(KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True)
