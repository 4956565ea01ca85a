"""Databases with nothing but the ledger's tables."""

from sqlalchemy import Engine, create_engine, text

import ledger


def make_books(owner_url: str, *, role: str) -> None:
    """Make the tables, and give a role its rights on them."""
    engine = create_engine(owner_url)
    with engine.begin() as connection:
        ledger.metadata.create_all(connection)
        for statement in ledger.grants(role):
            connection.execute(text(statement))
    engine.dispose()


def empty_out(superuser: Engine) -> None:
    """Take away all that was posted."""
    with superuser.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(ledger.metadata.tables)}"))
