"""An upgrade of books that were kept before it: what it derives from them is what is derived as they are kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import downgrade, upgrade

import ledger
from shop import create_app
from shop.config import Settings
from shop.db import db, transaction
from tests.conftest import DatabaseUrls
from tests.ledger.factories import a_sale

MONTHS = sa.text("SELECT * FROM ledger_flow_month ORDER BY debit_account, credit_account, month, kind")


@pytest.fixture
def app(new_database: Callable[[str], DatabaseUrls], settings: Settings) -> Iterator[Flask]:
    """Return a shop with an empty database of its own."""
    urls = new_database("upgraded")
    app = create_app(replace(settings, database_url=urls.app, database_owner_url=urls.owner))
    with app.app_context():
        upgrade()
        engine = db.engine
        yield app
    engine.dispose()


@pytest.mark.usefixtures("app")
def test_the_sums_by_month_are_made_from_what_is_sealed() -> None:
    with transaction() as session:
        for number, day in enumerate([date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)]):
            ledger.post(session, a_sale(f"sale:{number}", on=day))
        ledger.reverse(session, "sale:0", new_key="reversal:0", on=date(2026, 4, 2))
    with transaction() as session:
        assert ledger.seal(session).count == 4
    with transaction() as session:
        ledger.post(session, a_sale("sale:waiting", on=date(2026, 3, 2)))
    with transaction() as session:
        kept = session.execute(MONTHS).all()
    assert sum(row.count for row in kept) == 4
    assert len({row.month for row in kept}) == 2

    downgrade(revision="0008")
    upgrade()

    with transaction() as session:
        assert session.execute(MONTHS).all() == kept
    assert ledger.verify(db.session).ok
