"""`flask sales import`: what it prints, how it ends, and what it leaves."""

import contextvars
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from shop.assistance.imports import cli, service
from shop.assistance.imports.models import SaleImport
from shop.assistance.imports.work import due
from shop.assistance.imports.work import run as work
from shop.assistance.imports.work.run import run
from shop.assistance.models import Sale
from shop.db import transaction
from shop.identity.actor import Actor
from shop.identity.models import Role
from tests import factories
from tests.assistance.imports.conftest import row, sheet


class Desk:
    """A machine with a file, and somebody who types the command."""

    def __init__(self, app: Flask, session: Session, path: Path) -> None:
        """Make the person."""
        self.app, self.session, self.path = app, session, path / "sales.csv"
        who = factories.user(session, role=Role.OPERATOR)
        self.email = who.email
        session.commit()

    def type(self, data: bytes, *options: str, by: str = "") -> Result:
        """Import a file in a context of its own, as in a process of its own."""
        self.path.write_bytes(data)
        words = ["sales", "import", str(self.path), "--by", by or self.email, *options]
        return contextvars.Context().run(self.app.test_cli_runner().invoke, args=words)

    def sales(self) -> int:
        """Return how many sales there are."""
        with transaction():
            return self.session.scalar(sa.select(sa.func.count()).select_from(Sale)) or 0


@pytest.fixture
def desk(app: Flask, session: Session, tmp_path: Path) -> Desk:
    """Return such a machine."""
    return Desk(app, session, tmp_path)


def counts(result: Result) -> dict[str, int]:
    """Return the figures that were printed."""
    return {
        name: int(count) for name, _, count in (line.partition("\t") for line in result.output.splitlines()) if count
    }


def after_a_piece(do: Callable[[SaleImport], None]) -> Callable[..., None]:
    """Return the work of reading a sheet, in which something happens after each piece."""
    return lambda import_id, **_: run(import_id, on_progress=do)


def cancel(actor: Actor, one: SaleImport) -> None:
    """Cancel an import from elsewhere."""
    with transaction() as session:
        service.cancel(session, actor, one.id)


def interrupt(_: SaleImport) -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt


class TestImport:
    def test_ends_with_0_when_every_row_stands(self, desk: Desk) -> None:
        first, second = desk.type(sheet(row(), row(产品="静宁苹果"))), desk.type(sheet(row(), row(产品="静宁苹果")))

        assert (first.exit_code, second.exit_code) == (0, 0), first.output
        assert ": done" in first.output
        assert counts(first) == {"accepted": 2, "duplicate": 0, "rejected": 0, "withheld": 0}
        assert counts(second) == {"accepted": 0, "duplicate": 2, "rejected": 0, "withheld": 0}
        assert desk.sales() == 2

    def test_ends_with_1_when_a_row_is_rejected(self, desk: Desk) -> None:
        result = desk.type(sheet(row(), row(数量="many")))

        assert result.exit_code == 1
        assert counts(result) == {"accepted": 1, "duplicate": 0, "rejected": 1, "withheld": 0}
        assert desk.sales() == 1

    def test_all_or_nothing_leaves_nothing_of_a_sheet_with_a_bad_row(self, desk: Desk) -> None:
        result = desk.type(sheet(row(), row(数量="many")), "--all-or-nothing")

        assert result.exit_code == 1
        assert counts(result) == {"accepted": 0, "duplicate": 0, "rejected": 1, "withheld": 1}
        assert desk.sales() == 0

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "empty"),
            (b"%PDF-1.7", "PDF"),
            (b"PK\x03\x04 and no more", "damaged"),
            ("一,二,三\n".encode(), "headings"),
            (sheet(headings=("编号", "产品", "数量", "单位", "采购方")), "missing"),
        ],
    )
    def test_ends_with_1_and_the_reason_when_it_is_no_sheet(self, desk: Desk, data: bytes, words: str) -> None:
        result = desk.type(data)

        assert result.exit_code == 1
        assert words.lower() in result.output.lower()
        assert "Traceback" not in result.output
        assert desk.sales() == 0

    def test_ends_with_2_when_called_wrongly(self, desk: Desk) -> None:
        assert desk.type(sheet(row()), by="nobody@example.com").exit_code == 2
        assert desk.type(sheet(row()), "--all").exit_code == 2
        runner = desk.app.test_cli_runner()
        missing = contextvars.Context().run(runner.invoke, args=["sales", "import", "gone.csv", "--by", desk.email])
        assert (missing.exit_code, "does not exist" in missing.output) == (2, True)

    def test_refuses_who_may_not_report(self, desk: Desk, session: Session) -> None:
        buyer = factories.user(session).email
        session.commit()

        result = desk.type(sheet(row()), by=buyer)

        assert result.exit_code == 1
        assert "Traceback" not in result.output
        assert desk.sales() == 0

    def test_says_what_stays_when_somebody_cancels_it(
        self, desk: Desk, operator: Actor, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.commit()
        monkeypatch.setattr(work, "ROWS_A_PIECE", 1)
        monkeypatch.setattr(cli, "run", after_a_piece(lambda one: cancel(operator, one)))

        result = desk.type(sheet(row(), row()))

        assert result.exit_code == 1
        assert "Cancelled after row 2. Accepted until then, and still recorded: 1." in result.output
        assert desk.sales() == 1

    def test_ctrl_c_cancels_so_that_no_worker_goes_on(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(work, "ROWS_A_PIECE", 1)
        monkeypatch.setattr(cli, "run", after_a_piece(interrupt))

        result = desk.type(sheet(row(), row()), "--all-or-nothing")

        assert result.exit_code == 1
        assert "No row was recorded." in result.output
        assert desk.sales() == 0
        monkeypatch.setattr(due.queries, "STALE", -due.queries.STALE)
        assert due.work_off() == 0
