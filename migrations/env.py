"""Alembic's environment: migrates as the owner of the tables, then gives the application's role its rights."""

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError
from flask import current_app

import ledger
from shop.assistance import models as _assistance  # noqa: F401  # each import fills Base.metadata
from shop.catalogue import models as _catalogue  # noqa: F401
from shop.config import Settings
from shop.db import Base, grants
from shop.identity import models as _identity  # noqa: F401
from shop.identity.organisations import models as _organisations  # noqa: F401
from shop.identity.signin import models as _signin  # noqa: F401
from shop.jobs import schema as jobs
from shop.mail import models as _mail  # noqa: F401
from shop.orders import models as _orders  # noqa: F401
from shop.orders.addresses import models as _addresses  # noqa: F401
from shop.payments import models as _payments  # noqa: F401
from shop.registry import models as _registry  # noqa: F401

ONE_MIGRATION_AT_A_TIME = 6_206_206
"""The advisory lock that two starters share: the second waits and finds the work done."""


def migrate() -> None:
    """Run the migrations and the grants in one database transaction."""
    settings: Settings = current_app.config["SETTINGS"]
    engine = sa.create_engine(settings.migration_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if connection.scalar(sa.text("SELECT current_schema()")) is None:
            path = connection.scalar(sa.text("SHOW search_path"))
            raise CommandError(f"The schema of the database's address, {path}, does not exist: make it first.")
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_MIGRATION_AT_A_TIME})
        # A migration that cannot get its lock gives up rather than stop the shop behind it.
        connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
        context.configure(
            connection=connection,
            target_metadata=[Base.metadata, ledger.metadata],
            compare_type=True,
        )
        owner = connection.scalar(sa.text("SELECT current_user"))
        role = sa.make_url(settings.database_url).username or owner
        if role == owner:
            # One role for everything gave up rights that a migration needs. Others never see that it has them here.
            for table in _our_tables(connection):
                connection.execute(sa.text(f'GRANT ALL ON "{table}" TO CURRENT_USER'))
        context.run_migrations()
        # After a downgrade to nothing there is nothing to grant.
        if tables := _our_tables(connection):
            for statement in (*grants(role, tables=tables), *ledger.grants(role, tables=tables)):
                connection.execute(sa.text(statement))
            jobs.prepare(connection, role=role)


def _our_tables(connection: sa.Connection) -> set[str]:
    """Return those that stand now: at an older revision some do not."""
    ours = Base.metadata.tables.keys() | ledger.metadata.tables.keys()
    return ours & set(sa.inspect(connection).get_table_names())


migrate()
