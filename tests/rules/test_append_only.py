"""The shop's tables that only grow are as safe from change as the ledger's facts; `verify` says when they are not."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from ledger import Problem
from shop.config import Settings
from shop.db import APPEND_ONLY, Base
from shop.finance import agreement

TABLES = sorted(APPEND_ONLY)


@pytest.fixture
def role(settings: Settings) -> str:
    """Return the application's role."""
    return str(sa.make_url(settings.database_url).username)


@pytest.fixture
def tamperer(app: Flask, superuser: sa.Engine) -> Iterator[sa.Connection]:
    """Return a connection that may give and take rights; what is done there is undone."""
    assert app.testing
    with superuser.connect() as connection:
        yield connection


def findings(connection: sa.Connection, role: str) -> list[Problem]:
    """Verify as the application's role what the connection sees."""
    found: list[Problem] = []
    connection.execute(sa.text(f"SET LOCAL ROLE {role}"))
    with Session(connection) as session:
        agreement.verify(session, on_problem=found.append)
    return found


def held(right: str, *, row: str) -> list[Problem]:
    """Say what is found when a role has a right on each of the tables."""
    return [Problem("rights", row, f"holds {right} on {table}") for table in TABLES]


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_to_change_what_only_grows(session: Session, table: str) -> None:
    column = next(iter(Base.metadata.tables[table].columns)).name
    for change in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"UPDATE {table} SET {column} = {column}"):  # noqa: S608  # our own names
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(sa.text(change))
        session.rollback()


class TestVerify:
    def test_finds_the_rights_in_order(self, tamperer: sa.Connection, role: str) -> None:
        assert findings(tamperer, role) == []

    @pytest.mark.parametrize(("right", "named"), [("DELETE", ""), ("TRUNCATE", ""), ("UPDATE (id)", "UPDATE of id")])
    def test_names_a_right_that_was_given(self, tamperer: sa.Connection, role: str, right: str, named: str) -> None:
        for table in TABLES:
            tamperer.execute(sa.text(f"GRANT {right} ON {table} TO {role}"))

        assert findings(tamperer, role) == held(named or right, row=f"role {role}")

    def test_names_a_right_that_another_role_was_given(self, tamperer: sa.Connection, role: str) -> None:
        tamperer.execute(sa.text("CREATE ROLE ganwei_intruder LOGIN"))
        for table in TABLES:
            tamperer.execute(sa.text(f"GRANT DELETE ON {table} TO ganwei_intruder"))

        assert findings(tamperer, role) == held("DELETE", row="role ganwei_intruder")

    def test_names_a_right_that_was_taken(self, tamperer: sa.Connection, role: str) -> None:
        tamperer.execute(sa.text(f"REVOKE INSERT ON {TABLES[0]} FROM {role}"))

        assert findings(tamperer, role) == [Problem("rights", f"role {role}", f"lacks INSERT on {TABLES[0]}")]
