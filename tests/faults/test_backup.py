"""The drill: the books are saved while in use, brought back elsewhere, and are the same books."""

import contextvars
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

import ledger
from shop import create_app
from shop.config import Settings
from shop.db import db
from shop.identity.models import Role
from shop.operations import backup
from tests import factories
from tests.conftest import DatabaseUrls, execute


@pytest.fixture
def books(app: Flask, session: Session) -> ledger.Head:
    """Return the head of books with an order, its money and a seal."""
    factories.stock(session)
    buyer = factories.bearer(session, factories.user(session))
    finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
    session.rollback()
    client = app.test_client()
    order = client.post("/api/v1/orders", json=factories.order_request(), headers=buyer).get_json()
    receipt = {
        "amount_fen": order["total_fen"],
        "paid_on": order["placed_at"][:10],
        "payer": "李梅",
        "reference": "drill-1",
        "order_number": order["number"],
    }
    assert client.post("/api/v1/bank-receipts", json=receipt, headers=finance).status_code == 201
    ledger.seal(session)
    session.commit()
    head = ledger.head(session)
    session.rollback()
    return head


@pytest.fixture
def elsewhere(new_database: Callable[[str], DatabaseUrls], settings: Settings) -> Iterator[Flask]:
    """Return the shop on an empty database."""
    urls = new_database("restored")
    one_role = settings.database_url == settings.database_owner_url
    app = create_app(
        replace(settings, database_url=urls.owner if one_role else urls.app, database_owner_url=urls.owner)
    )
    yield app
    with app.app_context():
        db.engine.dispose()


def run(app: Flask, *words: str) -> Result:
    """Run an operator's command in a context of its own, as in a process of its own."""
    return contextvars.Context().run(app.test_cli_runner().invoke, args=list(words))


class TestDrill:
    def test_brings_back_the_same_books(
        self, app: Flask, session: Session, books: ledger.Head, elsewhere: Flask, tmp_path: Path
    ) -> None:
        saved = run(app, "backup", str(tmp_path / "monday"))
        assert saved.exit_code == 0, saved.output
        restored = run(elsewhere, "restore", str(tmp_path / "monday"))

        assert restored.exit_code == 0, restored.output
        seal = f"{books.seq}:{books.hash.hex()}"
        assert saved.output.splitlines()[-1] == restored.output.splitlines()[-1] == seal
        assert "the books agree" in restored.output
        tables = sa.inspect(session.connection()).get_table_names()
        with elsewhere.app_context():
            for name in tables:
                count = sa.select(sa.func.count()).select_from(sa.table(name))
                assert db.session.scalar(count) == session.scalar(count), name
            assert ledger.verify(db.session).ok
            with pytest.raises(ProgrammingError, match="permission denied"):
                db.session.execute(sa.text("UPDATE audit_event SET action = 'other'"))

    def test_a_place_in_use_is_left_alone(self, app: Flask, books: ledger.Head, tmp_path: Path) -> None:
        assert books.seq
        assert run(app, "backup", str(tmp_path / "monday")).exit_code == 0

        refused = run(app, "restore", str(tmp_path / "monday"))

        assert refused.exit_code == 1
        assert "not empty" in refused.output

    def test_a_damaged_dump_is_refused(self, app: Flask, elsewhere: Flask, tmp_path: Path) -> None:
        assert run(app, "backup", str(tmp_path / "monday")).exit_code == 0
        dump = tmp_path / "monday" / backup.DUMP
        content = bytearray(dump.read_bytes())
        content[len(content) // 2] ^= 1
        dump.write_bytes(content)

        refused = run(elsewhere, "restore", str(tmp_path / "monday"))

        assert refused.exit_code == 1
        assert "is damaged" in refused.output

    def test_a_backup_is_not_overwritten(self, app: Flask, tmp_path: Path) -> None:
        (tmp_path / "monday").mkdir()

        refused = run(app, "backup", str(tmp_path / "monday"))

        assert refused.exit_code == 1
        assert "never overwritten" in refused.output
        assert list((tmp_path / "monday").iterdir()) == []

    def test_what_is_missing_after_a_restore_is_named(
        self, app: Flask, session: Session, books: ledger.Head, database_urls: DatabaseUrls, tmp_path: Path
    ) -> None:
        assert books.seq
        assert run(app, "backup", str(tmp_path / "monday")).exit_code == 0
        manifest = backup.read_manifest(tmp_path / "monday")
        assert backup.differences(session, manifest) == []
        session.rollback()
        execute(database_urls.superuser, "DELETE FROM audit_event")

        assert backup.differences(session, manifest) == [
            f"audit_event has 0 rows, not {manifest.rows['audit_event']}",
        ]
