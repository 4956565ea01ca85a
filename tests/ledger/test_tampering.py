# ruff: noqa: S608 - the names of our own tables and columns
"""Tampering by the database's owner, who can do anything to any row: verification fails each time, and names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.orm import Session

import ledger
from ledger import Problem
from tests.ledger.factories import DAY, LINTAO, TIANJIN, a_leg, a_payment, a_sale

TABLES = {table.name: table for table in ledger.metadata.sorted_tables}
ROLE = "ganwei_app"
ANDING = "county:621102:produce"

# Only sums over the shards say something, and a range that ends too late holds nothing more.
MEANINGLESS = {("ledger_flow", "shard"), ("ledger_unsealed", "last_fact")}
COLUMNS = [
    (table.name, column.name)
    for table in TABLES.values()
    for column in table.columns
    if column.computed is None and (table.name, column.name) not in MEANINGLESS
]
# What of a row is sealed cannot be changed behind anybody's back; a row that still waits is not the rule.
SEALED = {
    "ledger_entry": "id IN (SELECT fact_id FROM ledger_seal)",
    "ledger_transfer": "entry_id IN (SELECT fact_id FROM ledger_seal)",
}


@pytest.fixture
def kept(empty_books: Engine, tamperer: Engine) -> Engine:
    """Return the superuser's engine on books that hold something of everything, all but one entry sealed."""
    with Session(empty_books) as session:
        ledger.post(session, a_sale("one", a_leg(1000), a_leg(200, credit=ANDING)))
        ledger.post(session, a_sale("two", a_leg(30), on=date(2021, 9, 4)))
        ledger.post(session, a_payment("three", 500))
        ledger.reverse(session, "one", new_key="back", on=DAY, parts={(TIANJIN, LINTAO): 400})
        ledger.close_month(session, "aid", DAY, by="finance")
        ledger.post(session, a_sale("late", a_leg(7, credit=ANDING)), carry_forward=True)
        ledger.close_month(session, "cash", DAY, by="finance")
        ledger.reopen_month(session, "cash", DAY, by="finance", reason="a receipt was forgotten")
        session.commit()
        assert ledger.seal(session).count == 8
        session.commit()
        ledger.post(session, a_payment("waits", 9, on=date(2021, 10, 9)))
        session.commit()
        assert ledger.verify(session).ok
    return tamperer


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """Yield a connection with which everything is possible, and take back what was done with it."""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        connection.rollback()


def without_constraints(connection: Connection, table: str) -> None:
    """Drop what the database itself would say about a table's rows."""
    for kind in ("f", "c", "u", "p"):
        names = connection.scalars(
            text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass) AND contype = :kind"),
            {"table": table, "kind": kind},
        ).all()
        for name in names:
            connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE'))
    connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {TABLES[table].c.keys()[0]} DROP NOT NULL"))


def problems(connection: Connection) -> list[Problem]:
    """Verify with the application's rights what the connection sees."""
    connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
    with Session(connection) as session:
        return ledger.verify(session).problems


def changed(column: Column[object]) -> str:
    """Give an expression for another value of a column."""
    name = column.name
    if isinstance(column.type, Uuid):
        return "gen_random_uuid()"
    if isinstance(column.type, LargeBinary):
        return f"sha256(coalesce({name}, '') || '!')"
    if isinstance(column.type, DateTime):
        return f"{name} + interval '1 microsecond'"
    if isinstance(column.type, Date):
        return f"{name} + 1"
    if isinstance(column.type, BigInteger | Integer | SmallInteger | Numeric):
        return f"coalesce({name}, 0) + 1"
    return f"{name} || 'x'"


def a_row(table: str) -> str:
    """Select one row of a table, sealed if the table has such."""
    return f"ctid = (SELECT max(ctid) FROM {table} WHERE {SEALED.get(table, 'true')})"


class TestTampering:
    @pytest.mark.parametrize(("table", "column"), COLUMNS)
    def test_a_changed_value_is_found(self, kept: Engine, table: str, column: str) -> None:
        value = changed(TABLES[table].c[column])
        with tampering(kept) as connection:
            without_constraints(connection, table)
            done = connection.execute(text(f"UPDATE {table} SET {column} = {value} WHERE {a_row(table)}"))
            assert done.rowcount == 1
            found = problems(connection)
        assert found
        assert all(problem.row and problem.message for problem in found)

    @pytest.mark.parametrize("table", TABLES)
    def test_any_row_that_is_gone_is_found(self, kept: Engine, table: str) -> None:
        with kept.connect() as connection:
            rows = connection.scalars(text(f"SELECT ctid::text FROM {table}")).all()
        assert rows
        for row in rows:
            with tampering(kept) as connection:
                connection.execute(text(f"DELETE FROM {table} WHERE ctid = CAST(:row AS tid)"), {"row": row})
                assert problems(connection), row

    @pytest.mark.parametrize("table", TABLES)
    def test_a_row_that_is_there_twice_is_found(self, kept: Engine, table: str) -> None:
        names = ", ".join(column.name for column in TABLES[table].columns if column.computed is None)
        with tampering(kept) as connection:
            without_constraints(connection, table)
            connection.execute(text(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE {a_row(table)}"))
            assert problems(connection)

    @pytest.mark.parametrize("table", TABLES)
    def test_an_emptied_table_is_found(self, kept: Engine, table: str) -> None:
        with tampering(kept) as connection:
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
            assert problems(connection)

    @pytest.mark.parametrize(
        ("table", "columns"),
        [
            ("ledger_account", "id"),
            ("ledger_entry", "key"),
            ("ledger_entry", "payload_hash"),
            ("ledger_entry", "posted_at, posted_by"),
            ("ledger_transfer", "amount_fen"),
            ("ledger_transfer", "debit_account, credit_account"),
            ("ledger_transfer", "id"),
            ("ledger_flow", "amount_fen"),
            ("ledger_flow", "debit_account, credit_account"),
            ("ledger_flow_month", "amount_fen"),
            ("ledger_flow_month", "debit_account, credit_account"),
            ("ledger_period", "digest"),
            ("ledger_period", "number, state"),
            ("ledger_seal", "hash"),
            ("ledger_seal", "fact_id"),
            ("ledger_seal", "seq"),
        ],
    )
    def test_two_rows_that_are_swapped_are_found(self, kept: Engine, table: str, columns: str) -> None:
        swap = ", ".join(f"{name} = other.{name}" for name in columns.split(", "))
        with tampering(kept) as connection:
            without_constraints(connection, table)
            if columns == "posted_at, posted_by":
                connection.execute(text("UPDATE ledger_entry SET posted_by = 'x' WHERE key = 'one'"))
            done = connection.execute(
                text(f"""
                    WITH pair AS (
                        SELECT min(ctid) AS first, max(ctid) AS last FROM {table} WHERE {SEALED.get(table, "true")}
                    )
                    UPDATE {table} SET {swap}
                    FROM {table} other, pair
                    WHERE {table}.ctid IN (pair.first, pair.last) AND other.ctid IN (pair.first, pair.last)
                        AND other.ctid <> {table}.ctid
                """)
            )
            assert done.rowcount == 2
            assert problems(connection)

    @pytest.mark.parametrize("table", TABLES)
    def test_a_right_that_was_taken_or_given_is_named(self, kept: Engine, table: str) -> None:
        given = "DELETE" if table.startswith("ledger_flow") else "UPDATE"
        for statement, message in (
            (f"REVOKE INSERT ON {table} FROM {ROLE}", f"lacks INSERT on {table}"),
            (f"REVOKE SELECT ON {table} FROM {ROLE}", f"lacks SELECT on {table}"),
            (f"GRANT TRUNCATE ON {table} TO {ROLE}", f"holds TRUNCATE on {table}"),
            (f"GRANT {given} ON {table} TO {ROLE}", f"holds {given}"),
        ):
            with tampering(kept) as connection:
                connection.execute(text(statement))
                (problem,) = problems(connection)
            assert (problem.check, problem.row) == ("rights", f"role {ROLE}")
            assert message in problem.message

    @pytest.mark.parametrize(
        "body",
        [
            """
            CREATE OR REPLACE FUNCTION ledger_month_is_open(the_book text, the_month date) RETURNS boolean
            LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN true; END $$
            """,
            "ALTER FUNCTION ledger_month_is_open(text, date) STABLE",
            """
            CREATE OR REPLACE FUNCTION ledger_month_lock(the_book text, the_month date) RETURNS bigint
            LANGUAGE sql STABLE AS $$ SELECT 1 $$
            """,
            "DROP FUNCTION ledger_month_is_open(text, date)",
            """
            DO $do$ BEGIN
                EXECUTE replace(pg_get_functiondef('ledger_post'::regproc), 'THEN', 'OR the_poster = ''me'' THEN');
            END $do$
            """,
        ],
    )
    def test_a_function_that_was_replaced_is_named(self, kept: Engine, body: str) -> None:
        with tampering(kept) as connection:
            connection.execute(text(body))
            (problem,) = problems(connection)
        assert problem.check == "rights"
        assert "function ledger_" in problem.row

    def test_a_seal_that_was_written_anew_breaks_the_next_one(self, kept: Engine) -> None:
        """With a changed entry under it the seal is right in itself, but the one after it was made for another."""
        with tampering(kept) as connection:
            connection.execute(text("UPDATE ledger_seal SET hash = sha256(hash) WHERE seq = 3"))
            found = {problem.check: problem for problem in problems(connection)}
        assert found["seals"].count == 2
        assert found["seals"].row.startswith("seal 3 of ")

    def test_a_month_that_was_reopened_in_silence_is_named(self, kept: Engine) -> None:
        with tampering(kept) as connection:
            connection.execute(text("DELETE FROM ledger_period WHERE book = 'aid'"))
            found = {problem.check: problem for problem in problems(connection)}
        assert "entry late" in found["periods"].row
        assert "missing" in found["seals"].message
