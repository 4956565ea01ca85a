"""Rights: the facts are append-only because the database says so, to two roles and to one."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from sqlalchemy import Column, Engine, Table, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import ledger
from tests.conftest import DatabaseUrls
from tests.ledger.factories import DAY, a_payment, a_sale

TABLES = list(ledger.metadata.sorted_tables)

MORE_RIGHTS = {"ledger_flow": {"UPDATE"}, "ledger_flow_month": {"UPDATE"}, "ledger_unsealed": {"DELETE"}}
"""What the application may do beside SELECT and INSERT, and with what is derived only; all other tables hold facts."""

FACTS = [table for table in TABLES if table.name not in MORE_RIGHTS]
COLUMNS = [column for table in FACTS for column in table.columns]


def rights(table: Table) -> set[str]:
    """Say what the application may do with a table."""
    return {"SELECT", "INSERT"} | MORE_RIGHTS.get(table.name, set())


@pytest.fixture(scope="module")
def one_role(new_database: Callable[[str], DatabaseUrls]) -> Iterator[Engine]:
    """Return an engine of a role that is both owner and application, on books that hold something."""
    engine = create_engine(new_database("one_role").owner)
    with engine.begin() as connection:
        ledger.metadata.create_all(connection)
        for statement in ledger.grants("ganwei_owner") * 2:
            connection.execute(text(statement))
    with Session(engine) as session:
        work(session)
    yield engine
    engine.dispose()


@pytest.fixture
def two_roles(books: Session) -> Engine:
    """Return an engine of the application's role, which owns nothing, on books that hold something."""
    work(books)
    engine = books.get_bind()
    assert isinstance(engine, Engine)
    return engine


@pytest.fixture(params=["one_role", "two_roles"])
def role(request: pytest.FixtureRequest) -> Engine:
    """Return an engine of either."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def work(session: Session) -> None:
    """Do everything by which the application writes to the books."""
    ledger.post(session, a_sale("k"))
    ledger.post_many(session, [a_payment("p")])
    ledger.reverse(session, "k", new_key="r", on=DAY)
    ledger.close_month(session, "aid", DAY, by="finance")
    ledger.post(session, a_sale("late"), carry_forward=True)
    ledger.reopen_month(session, "aid", DAY, by="finance", reason="a test")
    ledger.seal(session, limit=3)
    session.commit()


def is_refused(engine: Engine, statement: str, *, keep: bool = False) -> bool:
    """Try a statement, take it back unless told to keep it, and say whether it was refused for want of a right."""
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
            if keep:
                connection.commit()
        except DBAPIError as error:
            return isinstance(error.orig, errors.InsufficientPrivilege)
    return False


def content(engine: Engine, table: Table) -> list[str]:
    """Return all rows of a table, as text."""
    with engine.connect() as connection:
        return sorted(str(row) for row in connection.execute(table.select()))


class TestGrants:
    @pytest.mark.parametrize("table", FACTS, ids=str)
    @pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"])
    def test_let_nobody_remove_a_fact(self, role: Engine, change: str, table: Table) -> None:
        assert is_refused(role, change.format(table))

    @pytest.mark.parametrize("column", COLUMNS, ids=str)
    def test_let_nobody_change_a_fact(self, role: Engine, column: Column[object]) -> None:
        before = content(role, column.table)
        is_computed = column.computed is not None
        value = "DEFAULT" if is_computed else column.name

        refused = is_refused(role, f"UPDATE {column.table} SET {column.name} = {value}", keep=True)  # noqa: S608

        # One role needs the right to set what is computed, which is to change nothing: see ledger/tables.py.
        assert refused or (is_computed and role.url.username == "ganwei_owner")
        assert content(role, column.table) == before != []

    @pytest.mark.parametrize("table", FACTS, ids=str)
    def test_let_nobody_change_a_fact_while_inserting_it_again(self, role: Engine, table: Table) -> None:
        key = next(iter(table.primary_key)).name
        column = next(c.name for c in table.columns if not c.primary_key and c.computed is None)
        names = ", ".join(c.name for c in table.columns if c.computed is None)
        keys = ", ".join(c.name for c in table.primary_key)
        again = f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}"  # noqa: S608

        assert is_refused(role, f"{again} ON CONFLICT ({keys}) DO UPDATE SET {column} = excluded.{column}")
        assert is_refused(
            role,
            f"MERGE INTO {table} USING {table} also ON also.{key} = {table}.{key} WHEN MATCHED THEN DELETE",
        )

    @pytest.mark.parametrize("table", TABLES, ids=str)
    @pytest.mark.parametrize(
        "change",
        [
            "DROP TABLE {} CASCADE",
            "ALTER TABLE {} ADD more int",
            "ALTER TABLE {} DISABLE TRIGGER ALL",
            "ALTER TABLE {} OWNER TO ganwei_app",
            "CREATE TRIGGER t BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger()",
            "CREATE RULE r AS ON INSERT TO {} DO INSTEAD NOTHING",
            "CREATE INDEX ON {} ((1))",
        ],
    )
    def test_leave_the_tables_out_of_the_applications_power(
        self, books_engine: Engine, table: Table, change: str
    ) -> None:
        assert is_refused(books_engine, change.format(table))

    @pytest.mark.parametrize(
        "change",
        ["CREATE TABLE ledger_more (id int)", "SET session_replication_role = replica", "SET ROLE ganwei_owner"],
    )
    def test_leave_no_way_around_them(self, books_engine: Engine, change: str) -> None:
        assert is_refused(books_engine, change)

    @pytest.mark.parametrize("table", FACTS, ids=str)
    def test_cannot_be_widened_by_the_application(self, books_engine: Engine, table: Table) -> None:
        with books_engine.begin() as connection:
            connection.execute(text(f"GRANT ALL ON {table} TO ganwei_app"))
        assert is_refused(books_engine, f"DELETE FROM {table}")  # noqa: S608

    def test_give_the_application_what_is_stated_and_nothing_more(self, books_engine: Engine) -> None:
        with books_engine.connect() as connection:
            held = connection.execute(
                text(
                    "SELECT table_name, privilege_type FROM information_schema.table_privileges"
                    " WHERE grantee IN ('ganwei_app', 'PUBLIC') AND table_schema = current_schema()"
                    " UNION SELECT table_name, privilege_type FROM information_schema.column_privileges"
                    " WHERE grantee IN ('ganwei_app', 'PUBLIC') AND table_schema = current_schema()"
                )
            ).all()

        assert {tuple(row) for row in held} == {(table.name, right) for table in TABLES for right in rights(table)}

    @pytest.mark.parametrize("table", [table for table in TABLES if table not in FACTS], ids=str)
    def test_let_what_is_derived_be_changed_as_stated(self, role: Engine, table: Table) -> None:
        name, column = table.name, table.columns.values()[-1].name
        changes = {
            "UPDATE": f"UPDATE {name} SET {column} = {column}",  # noqa: S608
            "DELETE": f"DELETE FROM {name}",  # noqa: S608
            "TRUNCATE": f"TRUNCATE {name}",
        }

        assert {right for right, change in changes.items() if not is_refused(role, change)} == MORE_RIGHTS[name]

    def test_are_enough_to_work_with(self, role: Engine) -> None:
        with Session(role) as session:
            assert ledger.verify(session).ok
            assert ledger.totals(session, book="aid", by=["partner"]).total_fen == a_sale().legs[0].amount_fen
            assert ledger.totals(session, book="cash", by=["account"]).rows
            assert [row.state for row in ledger.periods(session, book="aid")] == ["open", "open"]
            assert (ledger.head(session).seq, ledger.head(session).waiting) == (3, 3)  # and the two changes of a month

    def test_quote_the_name_of_the_role(self) -> None:
        assert any('FROM PUBLIC, "o""d\'d"' in statement for statement in ledger.grants("o\"d'd"))


WRONG = [
    ("ck_ledger_account_id_from_code", {"id": uuid4()}),
    ("ck_ledger_entry_book_known", {"book": "other"}),
    ("ck_ledger_entry_payload_hash_sha256", {"payload_hash": b"short"}),
    ("ck_ledger_entry_counts_no_earlier", {"occurred_on": DAY + timedelta(days=999)}),
    ("uq_ledger_entry_key", {"id": uuid4()}),
    ("fk_ledger_entry_reverses_ledger_entry", {"id": uuid4(), "key": "new", "reverses": uuid4()}),
    ("ck_ledger_transfer_amount_in_range", {"amount_fen": 0}),
    ("fk_ledger_flow_debit_account_ledger_account", {"debit_account": uuid4()}),
    ("ck_ledger_flow_shard_in_range", {"shard": 99}),
    ("ck_ledger_flow_positive", {"count": 0}),
    ("ck_ledger_flow_month_month_begins", {"month": DAY}),
    ("ck_ledger_flow_month_positive", {"amount_fen": 0}),
    ("ck_ledger_period_month_begins", {"month": DAY}),
    ("ck_ledger_period_state_turns", {"number": 2}),
    ("ck_ledger_period_figures_when_closed", {"entries": None}),
    ("ck_ledger_seal_seq_positive", {"seq": 0}),
    ("ck_ledger_seal_hash_sha256", {"hash": b"short"}),
    ("uq_ledger_seal_fact_id", {"seq": 99}),
    ("ck_ledger_unsealed_range_ordered", {"last_fact": UUID(int=0)}),
]
"""What the database refuses: a row as it is stored, but for this."""


class TestTables:
    @pytest.mark.parametrize(("constraint", "wrong"), WRONG, ids=[name for name, _ in WRONG])
    def test_refuse_rows_that_no_draft_makes(
        self, two_roles: Engine, constraint: str, wrong: dict[str, object]
    ) -> None:
        table = next(table for table in TABLES if f"_{table.name}_" in constraint)
        with two_roles.connect() as connection:
            row = connection.execute(table.select().order_by(*table.primary_key)).mappings().first()
            assert row is not None
            stored = {column.name: row[column.name] for column in table.columns if column.computed is None}
            with pytest.raises(DBAPIError) as caught:
                connection.execute(table.insert().values(stored | wrong))

        assert isinstance(caught.value.orig, errors.IntegrityError)
        assert caught.value.orig.diag.constraint_name == constraint
