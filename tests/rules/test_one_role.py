"""One role that owns and uses everything: it migrates books that hold something, and cannot change what they hold."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy.exc import ProgrammingError

import ledger
from shop import create_app
from shop.config import Settings
from shop.db import db, transaction
from tests.conftest import DatabaseUrls
from tests.ledger.factories import a_payment, a_sale

KEPT = ["audit_event", "ledger_account", "ledger_entry", "ledger_transfer"]


@pytest.fixture
def shop(new_database: Callable[[str], DatabaseUrls], settings: Settings) -> Iterator[Flask]:
    """Return the shop on a database of which one role has all."""
    url = new_database("one_role_shop").owner
    app = create_app(replace(settings, database_url=url, database_owner_url=""))
    with app.app_context():
        upgrade()
        with transaction() as session:
            ledger.post(session, a_sale("sale"))
            ledger.post_many(session, [a_payment("payment")])
            ledger.reverse(session, "sale", new_key="mirror", on=a_sale().effective_on)
        yield app
        db.session.close()
        db.engine.dispose()


def removable() -> list[str]:
    """Name the tables from which the application may remove what shall stay."""
    found = []
    for table in KEPT:
        try:
            with transaction() as session:
                session.execute(sa.text(f"DELETE FROM {table} WHERE false"))  # noqa: S608
            found.append(table)
        except ProgrammingError as error:
            if "permission denied" not in str(error):
                raise
    return found


@pytest.mark.usefixtures("shop")
class TestOneRole:
    def test_keeps_what_it_migrates_down_and_up(self) -> None:
        downgrade(revision="-1")
        assert removable() == []
        upgrade()

        assert removable() == []
        assert ledger.verify(db.session).ok
        assert ledger.totals(db.session, book="cash", by=["account"]).rows
