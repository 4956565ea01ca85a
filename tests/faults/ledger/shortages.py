"""The faults in which something is short: time, while somebody else holds a lock, or room on the disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import ledger
from ledger.posting import bulk
from tests.faults.ledger.harness import Site
from tests.faults.ledger.operations import LONG_BULK, WIDE_BULK, Operation

ITSELF = "the same operation, by somebody else"
_MONTH = "SELECT pg_advisory_xact_lock(ledger_month_lock('aid', date '2021-09-01'))"
_MODES = ("SHARE", "ACCESS EXCLUSIVE")
HOLDS = (
    ITSELF,
    _MONTH,
    *(f"LOCK TABLE {table} IN {mode} MODE" for table in ledger.metadata.tables for mode in _MODES),
)
LIMITS = ("lock_timeout", "statement_timeout")
_PATIENCE = "60ms"
# What PostgreSQL writes besides, above all its log, comes in files that are no larger.
_LARGEST_FILE_BYTES = 16 << 20


def lack_time(site: Site, operation: Operation, *, hold: str, limit: str) -> bool:
    """Run an operation with little time while a lock is held, and then again. Say whether its time ran out.

    The session that lost goes on, on the same connection.
    """
    site.learn(operation)
    site.prepare(operation, None)
    with Session(site.proxied) as session:
        with _held(site, operation, hold):
            error = _try(session, operation, f"SET LOCAL {limit} = '{_PATIENCE}'")
        assert error is None or isinstance(error.orig, (QueryCanceled, LockNotAvailable)), error
        assert len(site.proxy.backend_pids()) == 1, "the connection should have lived"
        had_happened = site.settle(operation, session)
    assert had_happened is (error is None)
    return error is not None


def lack_room_in_the_stage(site: Site) -> str:
    """Let no file of the backend grow beyond 16 MB, so that COPY cannot add another page to the stage's."""

    def limit(session: Session) -> None:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        site.forks.limit_files(pid, _LARGEST_FILE_BYTES)

    return _lack_room(site, WIDE_BULK, limit)


def lack_room_to_sort(site: Site) -> str:
    """Let the backend put nothing that it sorts or keeps for later into files, and little into memory."""
    with site.superuser.connect() as connection:
        database = connection.execute(text("SELECT current_database()")).scalar_one()
    role = f'ROLE ganwei_app IN DATABASE "{database}"'
    site.learn(LONG_BULK)
    _alter(site, f"ALTER {role} SET temp_file_limit = 0")
    try:
        with patch.object(bulk, "_WORK_MEM", "64kB"):
            return _lack_room(site, LONG_BULK, lambda _: None)
    finally:
        _alter(site, f"ALTER {role} RESET temp_file_limit")


def _lack_room(site: Site, operation: Operation, limit: Callable[[Session], object]) -> str:
    """Post a bulk of many lines with too little room for them, and then with enough. Give the server's words."""
    site.learn(operation)
    site.prepare(operation, None)
    with Session(site.proxied) as session:
        limit(session)
        error = _try(session, operation, "SELECT 1")
        assert error is not None, "there was room enough"
        assert len(site.proxy.backend_pids()) == 1, "the connection should have lived"
    site.proxied.dispose()
    assert site.settle(operation) is False
    return str(error.orig)


def _try(session: Session, operation: Operation, first: str) -> DBAPIError | None:
    """Run an operation after a first statement. When it fails, its session must be able to go on."""
    try:
        session.execute(text(first))
        operation.run(session)
        session.commit()
    except DBAPIError as error:
        session.rollback()
        assert session.execute(text("SELECT 1")).scalar_one() == 1
        session.rollback()
        return error
    return None


@contextmanager
def _held(site: Site, operation: Operation, hold: str) -> Iterator[None]:
    """Let somebody else hold a lock for the length of a block."""
    with Session(site.direct if hold is ITSELF else site.superuser) as holder:
        if hold is ITSELF:
            operation.run(holder)
        else:
            holder.execute(text(hold))
        yield
        holder.rollback()


def _alter(site: Site, statement: str) -> None:
    with site.superuser.begin() as connection:
        connection.execute(text(statement))
