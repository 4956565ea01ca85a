"""The session, the declarative base and `transaction()`, the only place that commits."""

import enum
import inspect
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import psycopg
import sqlalchemy as sa
from flask.sansio.app import App
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

import ledger
from shop.config import BUSINESS_TIMEZONE


class Database(SQLAlchemy):
    """The engine and the session of each application context."""

    def init_app(self, app: App) -> None:
        """Add the session to `app`."""
        super().init_app(app)
        # No async session exists here, and closing none of them would start an event loop in a thread every request.
        app.teardown_appcontext_funcs[:] = [
            close for close in app.teardown_appcontext_funcs if not inspect.iscoroutinefunction(close)
        ]


# What a use case returns is rendered after its commit, without asking the database again.
db = Database(session_options={"expire_on_commit": False})

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Fen = Annotated[int, mapped_column(sa.BigInteger)]
"""An amount of money in fen."""

Id = Annotated[UUID, mapped_column(primary_key=True, default=ledger.uuid7)]
"""A primary key that sorts by the time it was made and can be made without asking the database."""


def _values(members: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in members]


class Base(DeclarativeBase):
    """The base of every table of the shop."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {
        str: sa.Text,
        datetime: sa.DateTime(timezone=True),
        date: sa.Date,
        Decimal: sa.Numeric,
        dict[str, Any]: sa.JSON,
        enum.StrEnum: sa.Enum(
            enum.StrEnum,
            native_enum=False,
            create_constraint=True,
            validate_strings=True,
            values_callable=_values,
            length=32,
        ),
    }


@contextmanager
def transaction() -> Iterator[Session]:
    """Run a block in one database transaction: commit at its end, roll back on any exception.

    A block inside a block joins the outer one, so that an outer caller can make several use cases one unit. Of an inner
    block that fails nothing remains, even where the outer one catches the refusal and goes on to commit.
    """
    session = db.session
    if session.info.get("in_transaction"):
        with session.begin_nested():
            yield session
        return
    session.info["in_transaction"] = True
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["in_transaction"] = False


def copy_rows(session: Session, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Send rows by a COPY in the caller's transaction.

    They must all be there: while a COPY runs, its connection answers no query that would make one.

    Raises:
        DBAPIError: as SQLAlchemy raises it, an IntegrityError for one. A lost connection is known as lost.
    """
    # What the rows refer to may be new in the session.
    session.flush()
    connection = session.connection()
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(driver)
    try:
        with driver.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, connection_invalidated=driver.closed, dialect=connection.dialect
        ) from error


T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))


def fetch_page(session: Session, query: sa.Select[T], *, page: int, page_size: int) -> Page[T]:
    """Return one page of an ordered query of whole objects, with the number of all."""
    counted = query.order_by(None).with_only_columns(sa.func.count(), maintain_column_froms=True)
    total = session.scalar(counted) or 0
    items = session.scalars(query.limit(page_size).offset((page - 1) * page_size))
    return Page(list(items), total, page, page_size)


def now() -> datetime:
    """Return this instant, with its time zone."""
    return datetime.now(UTC)


def business_day(instant: datetime | None = None) -> date:
    """Return the day in China on which `instant` (by default: now) falls."""
    return (instant or now()).astimezone(BUSINESS_TIMEZONE).date()


APPEND_ONLY = frozenset({"audit_event", "receipt_move", "stock_movement"})
"""Tables of the shop that only grow; the ledger names its own."""


def grants(role: str, *, tables: Collection[str]) -> list[str]:
    """Return the SQL that gives `role` its rights in the current schema, on those of our tables that exist."""
    quoted = '"' + role.replace('"', '""') + '"'
    literal = "'" + role.replace("'", "''") + "'"
    statements = [
        # In `public` everybody has it; in a schema made for one programme nobody.
        (
            f"DO $grants$ BEGIN IF NOT has_schema_privilege({literal}, current_schema(), 'USAGE') THEN"
            f" EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident(current_schema()) || ' TO ' || quote_ident({literal});"
            " END IF; END $grants$"
        ),
        f"GRANT SELECT ON alembic_version TO {quoted}",
    ]
    for table in sorted(Base.metadata.tables.keys() & tables):
        statements.append(f'REVOKE ALL ON "{table}" FROM {quoted}')
        rights = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
        statements.append(f'GRANT {rights} ON "{table}" TO {quoted}')
    return statements
