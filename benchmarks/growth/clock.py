"""Posting as if it were yesterday, so that a book has a past on the day on which it is filled."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, text

_SCHEMA = "yesterday"
_SET_DEFAULT = "ALTER TABLE ledger_entry ALTER posted_at SET DEFAULT {clock}"


@contextmanager
def yesterday(url: str, *, superuser: Engine) -> Iterator[Engine]:
    """Give an engine that posts with yesterday's time, in a database that `prepare` has seen.

    The ledger asks the database for the time, and nothing else can set it: so a `now()` of our own stands before
    PostgreSQL's, for these connections only, and as the default of the column. No row is changed afterwards.
    """
    path = {"options": f"-c search_path={_SCHEMA},pg_catalog,public"}
    engine = create_engine(url, connect_args=path)
    with superuser.connect() as connection:
        connection.execute(text(_SET_DEFAULT.format(clock=f"{_SCHEMA}.now()")))
        yield engine
        connection.execute(text(_SET_DEFAULT.format(clock="pg_catalog.now()")))
    engine.dispose()


def prepare(superuser: Engine) -> None:
    """Make yesterday's clock. The superuser's engine commits by itself."""
    body = "SELECT pg_catalog.now() - interval '1 day'"
    with superuser.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {_SCHEMA} TO ganwei_app"))
        connection.execute(
            text(f"CREATE FUNCTION {_SCHEMA}.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ {body} $$")
        )
