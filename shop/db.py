"""The session, the declarative base and `transaction()`, the only place that commits."""

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

import ledger
from shop.config import BUSINESS_TIMEZONE

db = SQLAlchemy()

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

    A block inside a block joins the outer one, so that an outer caller can make several use cases one unit.
    """
    session = db.session
    if session.info.get("in_transaction"):
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


def now() -> datetime:
    """Return this instant, with its time zone."""
    return datetime.now(UTC)


def business_day(instant: datetime | None = None) -> date:
    """Return the day in China on which `instant` (by default: now) falls."""
    return (instant or now()).astimezone(BUSINESS_TIMEZONE).date()
