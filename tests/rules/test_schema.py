"""All that is ours lies in the one schema that the address names: so a database can hold several programmes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import downgrade, upgrade

import ledger
from shop import create_app
from shop.config import Settings
from shop.db import db, transaction
from tests.conftest import SCHEMA, DatabaseUrls, execute
from tests.ledger.factories import a_sale

PROGRAMMES = ("gansu_tianjin", "gansu_qingdao")

# Tables, indexes, views, sequences, types and functions. What an extension brings lies in one schema for the whole
# database; each programme's job queue has a schema of its own beside it.
ELSEWHERE = sa.text("""
    WITH thing AS (
        SELECT 'pg_class'::regclass AS class, oid, relname AS name, relnamespace AS schema FROM pg_class
        UNION ALL SELECT 'pg_type'::regclass, oid, typname, typnamespace FROM pg_type
        UNION ALL SELECT 'pg_proc'::regclass, oid, proname, pronamespace FROM pg_proc
    )
    SELECT nspname || '.' || name
    FROM thing JOIN pg_namespace ON pg_namespace.oid = thing.schema
    WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        AND nspname NOT LIKE '%!_jobs' ESCAPE '!'
        AND nspname <> ALL (:ours)
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = class AND objid = thing.oid AND deptype = 'e'
        )
    ORDER BY 1
""")


def elsewhere(connection: sa.Connection, *ours: str) -> list[str]:
    """Name what lies in no schema of ours, though neither PostgreSQL nor an extension made it."""
    return list(connection.scalars(ELSEWHERE, {"ours": list(ours)}))


class TestTheSchema:
    @pytest.mark.usefixtures("migrated_app")
    def test_of_the_address_holds_all_that_is_ours(self, superuser: sa.Engine) -> None:
        with superuser.connect() as connection:
            assert connection.scalar(sa.text("SELECT current_schema()")) == SCHEMA
            assert elsewhere(connection, SCHEMA) == []
            assert sa.inspect(connection).has_table("ledger_entry", schema=SCHEMA)

    @pytest.mark.parametrize(
        "offence",
        [
            "CREATE TABLE stray.thing (id int)",
            "CREATE TYPE stray.thing AS ENUM ('a')",
            "CREATE FUNCTION stray.thing() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE VIEW stray.thing AS SELECT 1",
        ],
    )
    def test_of_another_name_is_searched_through(self, superuser: sa.Engine, offence: str) -> None:
        with superuser.connect() as connection:
            connection.execute(sa.text("CREATE SCHEMA stray"))
            connection.execute(sa.text(offence))

            assert "stray.thing" in elsewhere(connection, SCHEMA)


@pytest.fixture(scope="module")
def database(new_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    """Return a database with an empty schema for each programme, and with `public` closed."""
    urls = new_database("programmes")
    made = [f"CREATE SCHEMA {name} AUTHORIZATION ganwei_owner" for name in PROGRAMMES]
    execute(urls.superuser, *made, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    return urls


@pytest.fixture
def programmes(database: DatabaseUrls, settings: Settings) -> Iterator[list[Flask]]:
    """Return the shop of each programme, migrated by its owner and run by the application's role."""
    apps = []
    for name in PROGRAMMES:
        urls = database.in_schema(name)
        app = create_app(replace(settings, database_url=urls.app, database_owner_url=urls.owner))
        with app.app_context():
            upgrade()
        apps.append(app)
    yield apps
    for app in apps:
        with app.app_context():
            db.engine.dispose()


class TestTwoProgrammesInOneDatabase:
    def test_keep_books_of_their_own(self, programmes: list[Flask]) -> None:
        totals_fen = []
        for count, app in enumerate(programmes, start=1):
            with app.app_context():
                with transaction() as session:
                    for number in range(count):
                        ledger.post(session, a_sale(f"sale:{number}"))
                totals_fen.append(ledger.totals(db.session, book="aid", by=["partner"]).total_fen)
                assert ledger.verify(db.session).ok

        assert totals_fen[1] == 2 * totals_fen[0] > 0

    def test_are_taken_down_one_by_one(self, programmes: list[Flask], database: DatabaseUrls) -> None:
        first, second = programmes
        with first.app_context():
            downgrade(revision="base")

        with second.app_context():
            assert ledger.verify(db.session).ok
        with sa.create_engine(database.superuser, poolclass=sa.NullPool).connect() as connection:
            assert not sa.inspect(connection).has_table("ledger_entry", schema=PROGRAMMES[0])
            assert elsewhere(connection, *PROGRAMMES) == []


def test_a_schema_that_does_not_exist_is_named(
    database: DatabaseUrls, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    urls = database.in_schema("nowhere")
    app = create_app(replace(settings, database_url=urls.app, database_owner_url=urls.owner))

    with app.app_context(), pytest.raises(SystemExit):
        upgrade()

    assert "nowhere, does not exist" in caplog.text
