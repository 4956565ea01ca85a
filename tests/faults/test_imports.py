"""kill -9 of the worker in the middle of a sheet of sales: the next one goes on, and every row counts exactly once."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger
from shop.assistance.imports import queries, service
from shop.assistance.imports.models import ImportStatus, SaleImport, SaleImportRow
from shop.assistance.imports.work import due
from shop.assistance.models import Evidence, Sale, SaleStatus
from shop.config import Settings
from shop.db import transaction
from shop.finance import agreement
from shop.identity.actor import actor_for
from shop.identity.models import AuditEvent, Role
from tests import factories
from tests.assistance.imports.conftest import row, sheet
from tests.faults import dying_reader
from tests.profile import IS_NIGHTLY

ROOT = Path(__file__).parents[2]
ROWS, ROWS_A_PIECE = 50, 10
FEN = 1_234_56
ROUNDS = 50 if IS_NIGHTLY else 2
READING = (dying_reader.IN_A_PIECE, dying_reader.AFTER_A_PIECE)
CONFIRMING = (dying_reader.CONFIRMING, dying_reader.BETWEEN_CONFIRMED)


@pytest.fixture
def sent(session: Session) -> SaleImport:
    """Send a sheet in which every second row equals the one before."""
    operator = actor_for(session, factories.user(session, role=Role.OPERATOR))
    data = sheet(*[row(产品=f"苹果{number // 2}") for number in range(ROWS)])
    with transaction():
        return service.take(session, operator, io.BytesIO(data), filename="sheet.csv")


def worker(settings: Settings, sent: SaleImport, moment: str, *, rows: int = ROWS_A_PIECE) -> "subprocess.Popen[bytes]":
    """Start a worker that will die."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "GANWEI"))}
    environ |= {
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "SECURITY_PASSWORD_SALT": settings.password_salt,
        "TOTP_SECRET": settings.totp_secret,
        "GANWEI_DEMO": "1",
    }
    argv = [sys.executable, "-m", "tests.faults.dying_reader", str(sent.id), moment, str(rows)]
    return subprocess.Popen(argv, cwd=ROOT, env=environ)  # noqa: S603 - our own program


def dies(settings: Settings, sent: SaleImport, moment: str) -> None:
    """Let a worker die."""
    with worker(settings, sent, moment) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL


def stored(session: Session) -> SaleImport:
    """Return the import as it stands."""
    with transaction():
        return session.scalars(sa.select(SaleImport).execution_options(populate_existing=True)).one()


def count(session: Session, what: type, *conditions: sa.ColumnElement[bool]) -> int:
    """Return how many rows of a table there are."""
    with transaction():
        return session.scalar(sa.select(sa.func.count()).select_from(what).where(*conditions)) or 0


def confirm(session: Session, sent: SaleImport) -> None:
    """Ask for the confirmation."""
    finance = actor_for(session, factories.user(session, role=Role.FINANCE))
    with transaction():
        service.request_confirmation(session, finance, sent.id)


def assert_once(session: Session) -> None:
    """Check that every row stands once in every table that it should stand in."""
    done = stored(session)
    assert (done.status, done.accepted, done.duplicate, done.rejected) == (ImportStatus.DONE, ROWS, 0, 0)
    assert (done.confirmed, done.accepted_fen) == (ROWS, ROWS * FEN)
    for table in (Sale, Evidence, SaleImportRow):
        assert count(session, table) == ROWS
    for action in ("sale.reported", "sale.confirmed"):
        assert count(session, AuditEvent, AuditEvent.action == action) == ROWS
    with transaction():
        assert ledger.totals(session, book="aid", by=("partner",)).total_fen == ROWS * FEN
        assert ledger.verify(session).ok
        assert agreement.verify(session).problems == []


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a worker for dead at once."""
    monkeypatch.setattr(queries, "STALE", timedelta(0))


@pytest.mark.usefixtures("no_patience")
class TestKilledWorker:
    @pytest.mark.parametrize("moment", READING)
    def test_of_reading_leaves_whole_pieces_and_the_next_one_goes_on(
        self, session: Session, settings: Settings, sent: SaleImport, moment: str
    ) -> None:
        dies(settings, sent, moment)

        left = stored(session)
        pieces = 1 if moment == dying_reader.IN_A_PIECE else 2
        assert (left.status, left.accepted) == (ImportStatus.RUNNING, pieces * ROWS_A_PIECE)
        assert count(session, Sale) == count(session, SaleImportRow) == pieces * ROWS_A_PIECE
        assert due.work_off() == 1
        confirm(session, sent)
        assert due.work_off() == 1
        assert_once(session)

    @pytest.mark.parametrize("moment", CONFIRMING)
    def test_of_confirming_leaves_whole_pieces_and_the_next_one_goes_on(
        self, session: Session, settings: Settings, sent: SaleImport, moment: str
    ) -> None:
        assert due.work_off() == 1
        confirm(session, sent)
        dies(settings, sent, moment)

        pieces = 1 if moment == dying_reader.CONFIRMING else 2
        confirmed = count(session, Sale, Sale.status == SaleStatus.CONFIRMED)
        assert confirmed == stored(session).confirmed == pieces * ROWS_A_PIECE
        with transaction():
            assert ledger.totals(session, book="aid", by=("partner",)).total_fen == confirmed * FEN
        assert due.work_off() == 1
        assert_once(session)

    def test_at_any_moment_leaves_nothing_half_done(
        self, session: Session, settings: Settings, sent: SaleImport
    ) -> None:
        for number in range(ROUNDS):
            dice = random.Random(number)  # noqa: S311 -- the same moments every time
            with worker(settings, sent, dying_reader.AFTER_A_PIECE, rows=1) as process:
                seen = stored(session).position
                deadline = time.monotonic() + 120
                while process.poll() is None and stored(session).position == seen and time.monotonic() < deadline:
                    time.sleep(0.01)
                time.sleep(dice.random() / 20)
                process.kill()
            assert count(session, Sale) == stored(session).accepted == count(session, SaleImportRow)

        due.work_off()
        confirm(session, sent)
        due.work_off()
        assert_once(session)


class TestAWorkerThatMayLive:
    def test_is_left_alone_for_a_while(self, session: Session, settings: Settings, sent: SaleImport) -> None:
        dies(settings, sent, dying_reader.AFTER_A_PIECE)

        assert due.work_off() == 0

        assert stored(session).accepted == 2 * ROWS_A_PIECE
