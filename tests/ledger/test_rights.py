"""Rights: the facts are append-only because the database says so."""

from collections.abc import Callable, Iterator

import pytest
from psycopg import errors
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import ledger
from tests.conftest import DatabaseUrls
from tests.ledger.factories import a_payment, a_sale

FACTS = ["ledger_account", "ledger_entry", "ledger_transfer"]
COLUMN = {"ledger_account": "code", "ledger_entry": "memo", "ledger_transfer": "kind"}


@pytest.fixture(scope="module")
def one_role(new_database: Callable[[str], DatabaseUrls]) -> Iterator[Engine]:
    """Return an engine of a role that is both owner and application."""
    engine = create_engine(new_database("one_role").owner)
    with engine.begin() as connection:
        ledger.metadata.create_all(connection)
        for statement in ledger.grants("ganwei_owner") * 2:
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def _refused(engine: Engine, statement: str) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            return isinstance(error.orig, errors.InsufficientPrivilege)
    return False


def _changes(table: str) -> list[str]:
    return [
        f"UPDATE {table} SET {COLUMN[table]} = {COLUMN[table]}",  # noqa: S608 -- the names are ours
        f"DELETE FROM {table}",  # noqa: S608 -- the names are ours
        f"TRUNCATE {table} CASCADE",
    ]


class TestGrants:
    @pytest.mark.parametrize("table", FACTS)
    def test_let_the_application_change_no_fact(self, books_engine: Engine, table: str) -> None:
        assert [_refused(books_engine, statement) for statement in _changes(table)] == [True, True, True]

    @pytest.mark.parametrize("table", FACTS)
    def test_let_a_role_that_owns_the_tables_change_no_fact(self, one_role: Engine, table: str) -> None:
        assert [_refused(one_role, statement) for statement in _changes(table)] == [True, True, True]

    def test_give_the_application_select_and_insert_and_nothing_more(self, books_engine: Engine) -> None:
        with books_engine.connect() as connection:
            held = connection.execute(
                text(
                    "SELECT table_name, privilege_type FROM information_schema.table_privileges"
                    " WHERE grantee = 'ganwei_app'"
                    " UNION SELECT table_name, privilege_type FROM information_schema.column_privileges"
                    " WHERE grantee = 'ganwei_app'"
                )
            ).all()

        expected = {(table, right) for table in [*FACTS, "ledger_flow"] for right in ("SELECT", "INSERT")}
        assert {tuple(row) for row in held} == expected | {("ledger_flow", "UPDATE")}

    def test_let_the_flow_be_counted_up_and_not_emptied(self, books_engine: Engine) -> None:
        assert not _refused(books_engine, "UPDATE ledger_flow SET count = count")
        assert _refused(books_engine, "DELETE FROM ledger_flow")
        assert _refused(books_engine, "TRUNCATE ledger_flow")

    def test_are_enough_for_one_role_to_work_with(self, one_role: Engine) -> None:
        with Session(one_role) as session:
            ledger.post(session, a_sale("k"))
            ledger.post_many(session, [a_payment("p")])
            ledger.reverse(session, "k", new_key="r", on=a_sale().effective_on)
            session.commit()
            assert ledger.verify(session).ok

    def test_quote_the_name_of_the_role(self) -> None:
        assert any('FROM PUBLIC, "o""d\'d"' in statement for statement in ledger.grants("o\"d'd"))


class TestTables:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO ledger_account (id, book, code) VALUES (gen_random_uuid(), 'aid', 'county:621102:herb')",
            (
                "INSERT INTO ledger_entry (id, book, key, payload_hash, effective_on, posted_by, source, memo)"
                " VALUES (gen_random_uuid(), 'aid', 'k', 'short', '2021-09-03', 'x', 's', '')"
            ),
            (
                "INSERT INTO ledger_transfer VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
                " gen_random_uuid(), 0, '2021-09-03', 'sale', 's')"
            ),
            "INSERT INTO ledger_flow VALUES (gen_random_uuid(), gen_random_uuid(), '2021-09-03', 'sale', 0, 1, 1)",
            "INSERT INTO ledger_flow VALUES (gen_random_uuid(), gen_random_uuid(), '2021-09-03', 'sale', 99, 1, 1)",
        ],
    )
    def test_refuse_rows_that_no_draft_makes(self, books: Session, statement: str) -> None:
        with pytest.raises(DBAPIError) as caught:
            books.execute(text(statement))
        assert isinstance(caught.value.orig, errors.IntegrityError)
