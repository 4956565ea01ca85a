"""The faults that strike at one message: the connection is cut, the backend or the client is killed."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.faults.ledger.harness import WRONG, Broken, Site
from tests.faults.ledger.operations import Operation
from tests.faults.ledger.proxy import PATIENCE_SECONDS, Link, Message, Trap

STATEMENT_TIMEOUT_SECONDS = 0.5


class Harm(Enum):
    """What is done."""

    CUT = "cut the connection"
    END_BACKEND = "end the backend"
    KILL_BACKEND = "kill the backend, and with it every connection"
    KILL_CLIENT = "kill the client"
    STALL = "stall until the statement's time is up"


class When(Enum):
    """When, seen from the message at which it is done."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass(frozen=True)
class Fault:
    """One harm, at one message of an operation."""

    harm: Harm
    when: When
    at: Message

    def __str__(self) -> str:
        return f"{self.harm.value} {self.when.value} {self.at}"

    @property
    def may_commit(self) -> bool:
        """Whether the message is a COMMIT that reaches the server all the same."""
        return self.at.is_commit and self.at.to_server and self.when is When.AFTER


def break_off(site: Site, operation: Operation, fault: Fault) -> bool:
    """Break an operation off, assert that it happened once or not at all, and repeat it. Say whether it had happened.

    Raises:
        Broken: it left a part, twice the same, something that was never committed, or not what the client was told.
    """
    client = _Killable() if fault.harm is Harm.KILL_CLIENT else None
    trap = Trap(fault.at, _spring(site, fault, client))
    site.prepare(operation, trap)
    try:
        with _watched(site):
            is_told = _run_elsewhere(site, operation, client) if client else _run(site, operation, fault.harm)
        assert trap.sprung.is_set(), "the fault did not happen"
        assert not site.proxy.failures, site.proxy.failures
        site.proxy.cut()
        site.wait_for_backends()
        had_happened = site.settle(operation)
    except WRONG as error:
        raise Broken(f"{operation}: {fault}: {error}") from error
    if is_told and not had_happened:
        raise Broken(f"{operation}: {fault}: the client was told that it had happened")
    if had_happened and not (site.proxy.commit_sent or fault.may_commit):
        raise Broken(f"{operation}: {fault}: it happened without a COMMIT")
    return had_happened


def in_a_hurry(operation: Operation) -> Operation:
    """Give the same operation with little time for each statement."""

    def run(session: Session) -> None:
        session.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'"))
        operation.run(session)

    return replace(operation, name=f"{operation} in a hurry", run=run)


class _Killable:
    """A client of which the process id is known a little later than it begins."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._pid = 0

    def began(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def kill(self) -> None:
        assert self._known.wait(PATIENCE_SECONDS)
        os.kill(self._pid, signal.SIGKILL)


def _spring(site: Site, fault: Fault, client: _Killable | None) -> Callable[[Link, bytes], None]:
    def spring(link: Link, data: bytes) -> None:
        if fault.harm is Harm.STALL:
            time.sleep(2 * STATEMENT_TIMEOUT_SECONDS)
        passed = {When.BEFORE: b"", When.WITHIN: data[: len(data) // 2], When.AFTER: data}[fault.when]
        link.pass_on(passed, to_server=fault.at.to_server)
        if fault.harm is Harm.END_BACKEND:
            site.end_backend(link.backend_pid)
        elif fault.harm is Harm.KILL_BACKEND:
            os.kill(link.backend_pid, signal.SIGKILL)
        elif client is not None:
            client.kill()
        if fault.harm is Harm.STALL:
            return
        # A backend's last words pass; its answer to what it has done is lost with it.
        if fault.harm in {Harm.CUT, Harm.KILL_CLIENT} or not fault.at.to_server:
            link.cut()

    return spring


@contextmanager
def _watched(site: Site) -> Iterator[None]:
    """Cut off whoever hangs, and fail."""
    has_hung = threading.Event()

    def cut() -> None:
        has_hung.set()
        site.proxy.cut()

    watch = threading.Timer(PATIENCE_SECONDS, cut)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
    assert not has_hung.is_set(), "the client hung"


def _run(site: Site, operation: Operation, harm: Harm) -> bool:
    """Run an operation in this process, and say whether the client was told that all went well.

    Whatever it was told, its session goes on after a rollback.
    """
    with Session(site.proxied) as session:
        try:
            operation.run(session)
            session.commit()
        except DBAPIError:
            session.rollback()
        else:
            return True
        if harm is not Harm.KILL_BACKEND:  # the server recovers from that for a while
            assert session.execute(text("SELECT 1")).scalar_one() == 1
        if harm is Harm.STALL:
            assert len(site.proxy.backend_pids()) == 1, "the connection should have lived"
    return False


def _run_elsewhere(site: Site, operation: Operation, client: _Killable) -> bool:
    """Run an operation in a process of its own, and see it killed."""
    url = site.proxied.url.render_as_string(hide_password=False)
    client.began(site.forks.begin_operation(url, operation.name))
    code = site.forks.end()
    assert code == -signal.SIGKILL, f"the client ended by itself with {code}"
    return False
