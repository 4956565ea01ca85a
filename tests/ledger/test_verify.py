"""Verification: what was done behind the ledger's back is found and named."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import ledger
from ledger import Verdict
from ledger.chart import account_id
from tests.ledger.factories import DAY, LINTAO, TIANJIN, a_leg, a_payment, a_sale

ANDING = "county:621102:produce"
CHECKS = {
    "rights",
    "accounts",
    "entries",
    "transfers",
    "payload",
    "keys",
    "flow",
    "flow_months",
    "margins",
    "reversals",
    "periods",
    "seals",
    "waiting",
}


@pytest.fixture
def posted(empty_books: Engine) -> Engine:
    """Return the engine of books with two sales, a payment and a partial mirror, committed and sealed."""
    with Session(empty_books) as session:
        ledger.post(session, a_sale("one", a_leg(1000), a_leg(200, credit=ANDING)))
        ledger.post(session, a_sale("two", a_leg(30)))
        ledger.post(session, a_payment("three", 500))
        ledger.reverse(session, "one", new_key="back", on=DAY, parts={(TIANJIN, LINTAO): 400})
        session.commit()
        ledger.seal(session)
        session.commit()
    return empty_books


def _verdict(engine: Engine) -> Verdict:
    with Session(engine) as session:
        return ledger.verify(session)


def _tamper(engine: Engine, *statements: str) -> None:
    """Change rows as somebody could who has the machine: without foreign keys or rights."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        ids = {row.key: row.id for row in connection.execute(text("SELECT key, id FROM ledger_entry"))}
        for statement in statements:
            assert connection.execute(text(statement), ids | {"lintao": account_id("aid", LINTAO)}).rowcount > 0


# What was done, the check that must see it, and what its problem's row must contain.
DEEDS = [
    ("UPDATE ledger_transfer SET amount_fen = 31 WHERE amount_fen = 30", "payload", "entry two"),
    ("UPDATE ledger_transfer SET amount_fen = 31 WHERE amount_fen = 30", "flow", LINTAO),
    ("UPDATE ledger_transfer SET amount_fen = 31 WHERE amount_fen = 30", "margins", "county 621124"),
    ("UPDATE ledger_transfer SET kind = 'gift' WHERE amount_fen = 30", "payload", "entry two"),
    ("UPDATE ledger_transfer SET kind = 'gift' WHERE amount_fen = 30", "flow", "gift"),
    ("UPDATE ledger_transfer SET effective_on = '2021-10-01' WHERE amount_fen = 30", "transfers", "entry two"),
    ("UPDATE ledger_transfer SET effective_on = '2021-10-01' WHERE amount_fen = 30", "flow", "2021"),
    ("UPDATE ledger_transfer SET source = 'else' WHERE amount_fen = 30", "transfers", "entry two"),
    ("UPDATE ledger_transfer SET credit_account = :lintao WHERE amount_fen = 200", "payload", "entry one"),
    ("UPDATE ledger_transfer SET debit_account = credit_account, credit_account = debit_account", "payload", "entry"),
    ("UPDATE ledger_transfer SET credit_account = gen_random_uuid() WHERE amount_fen = 30", "payload", "entry two"),
    (
        "UPDATE ledger_transfer SET entry_id = :two WHERE amount_fen = 200",
        "transfers",
        "entry two",
    ),
    ("DELETE FROM ledger_transfer WHERE amount_fen = 200", "payload", "entry one"),
    ("DELETE FROM ledger_transfer WHERE amount_fen = 30", "entries", "entry two"),
    (
        (
            "INSERT INTO ledger_transfer SELECT gen_random_uuid(), entry_id, debit_account, credit_account, 7,"
            " effective_on, 'gift', source FROM ledger_transfer WHERE amount_fen = 30"
        ),
        "payload",
        "entry two",
    ),
    (
        (
            "INSERT INTO ledger_transfer SELECT gen_random_uuid(), gen_random_uuid(), debit_account, credit_account, 7,"
            " effective_on, kind, source FROM ledger_transfer WHERE amount_fen = 30"
        ),
        "transfers",
        "transfer",
    ),
    ("UPDATE ledger_entry SET memo = 'x' WHERE key = 'two'", "payload", "entry two"),
    ("UPDATE ledger_entry SET key = 'zwei' WHERE key = 'two'", "payload", "entry zwei"),
    ("UPDATE ledger_entry SET source = 'x' WHERE key = 'two'", "payload", "entry two"),
    ("UPDATE ledger_entry SET effective_on = '2021-10-01' WHERE key = 'two'", "transfers", "entry two"),
    ("UPDATE ledger_entry SET effective_on = '2021-10-01' WHERE key = 'two'", "periods", "entry two"),
    ("UPDATE ledger_entry SET occurred_on = '2021-09-01' WHERE key = 'two'", "payload", "entry two"),
    ("UPDATE ledger_entry SET book = 'cash' WHERE key = 'two'", "payload", "entry two"),
    ("UPDATE ledger_entry SET payload_hash = sha256('x') WHERE key = 'two'", "payload", "entry two"),
    ("UPDATE ledger_entry SET reverses = NULL WHERE key = 'back'", "payload", "entry back"),
    (
        "UPDATE ledger_entry SET reverses = :two WHERE key = 'back'",
        "reversals",
        "entry back",
    ),
    (
        "UPDATE ledger_entry SET reverses = :three WHERE key = 'back'",
        "reversals",
        "entry back",
    ),
    (
        "UPDATE ledger_entry SET reverses = :one WHERE key = 'two'",
        "reversals",
        "entry two",
    ),
    ("DELETE FROM ledger_entry WHERE key = 'two'", "transfers", "transfer"),
    ("DELETE FROM ledger_entry WHERE key = 'one'", "reversals", "entry back"),
    (
        (
            "INSERT INTO ledger_entry (id, book, key, payload_hash, effective_on, occurred_on, posted_by, source, memo)"
            " VALUES (gen_random_uuid(), 'aid', 'added', sha256('x'), '2021-09-03', '2021-09-03', 'x', 's', '')"
        ),
        "entries",
        "entry added",
    ),
    ("UPDATE ledger_flow SET amount_fen = amount_fen + 1 WHERE amount_fen = 200", "flow", ANDING),
    ("UPDATE ledger_flow SET count = count + 1 WHERE amount_fen = 200", "flow", ANDING),
    ("UPDATE ledger_flow SET day = '2021-09-04' WHERE amount_fen = 200", "flow", ANDING),
    ("DELETE FROM ledger_flow WHERE amount_fen = 500", "flow", "asset:clearing:stripe"),
    (
        (
            "INSERT INTO ledger_flow SELECT debit_account, credit_account, '2021-12-31', kind, known_on, shard, 1, 1"
            " FROM ledger_flow WHERE amount_fen = 200"
        ),
        "flow",
        "2021-12-31",
    ),
    ("UPDATE ledger_flow_month SET amount_fen = amount_fen + 1 WHERE amount_fen = 200", "flow_months", ANDING),
    ("UPDATE ledger_flow_month SET amount_fen = amount_fen + 1 WHERE amount_fen = 200", "margins", "county 621102"),
    ("UPDATE ledger_flow_month SET month = '2021-10-01' WHERE amount_fen = 200", "flow_months", "flow of 2021-"),
    ("DELETE FROM ledger_flow_month WHERE amount_fen = 500", "flow_months", "asset:clearing:stripe"),
    ("DELETE FROM ledger_account WHERE code LIKE 'county:621102:%'", "payload", "entry one"),
]


class TestVerify:
    def test_finds_nothing_wrong_in_books_that_only_the_ledger_wrote(self, posted: Engine) -> None:
        verdict = _verdict(posted)

        assert verdict.ok
        assert verdict.problems == []
        assert verdict.checked.keys() == CHECKS
        assert (verdict.checked["entries"], verdict.checked["transfers"]) == (4, 5)
        empty = {check for check, rows in verdict.checked.items() if not rows}
        assert empty == {"periods", "waiting"}

    def test_finds_nothing_wrong_in_empty_books(self, empty_books: Engine) -> None:
        assert _verdict(empty_books).ok

    @pytest.mark.parametrize(("deed", "check", "row"), DEEDS)
    def test_names_the_row_that_was_touched(
        self, posted: Engine, tamperer: Engine, deed: str, check: str, row: str
    ) -> None:
        _tamper(tamperer, deed)

        verdict = _verdict(posted)

        found = {problem.check: problem for problem in verdict.problems}
        assert not verdict.ok
        assert row in found[check].row
        assert found[check].message

    @pytest.mark.usefixtures("posted")
    def test_names_an_account_that_was_moved(self, tamperer: Engine) -> None:
        """The table's own check forbids it, so it has to go first."""
        with tamperer.connect() as connection:
            connection.execute(text("ALTER TABLE ledger_account DROP CONSTRAINT ck_ledger_account_id_from_code"))
            connection.execute(text("UPDATE ledger_account SET code = 'county:621102:herb' WHERE code LIKE '%produce'"))
            with Session(connection) as session:
                problems = {problem.check: problem.row for problem in ledger.verify(session).problems}

        assert problems["accounts"] == "account aid county:621102:herb"
        assert problems["payload"] == "entry one"

    def test_names_the_first_row_and_counts_the_others(self, posted: Engine, tamperer: Engine) -> None:
        _tamper(tamperer, "UPDATE ledger_entry SET memo = 'x'")

        (problem,) = _verdict(posted).problems

        assert (problem.check, problem.row, problem.count) == ("payload", "entry one", 4)

    @pytest.mark.usefixtures("posted")
    def test_names_a_right_that_was_given_away(self, tamperer: Engine) -> None:
        for right, column in (("DELETE", ""), ("TRUNCATE", ""), ("UPDATE", ""), ("UPDATE", "(memo)")):
            with tamperer.connect() as connection:
                connection.execute(text(f"GRANT {right} {column} ON ledger_entry TO ganwei_app"))
                connection.execute(text("SET LOCAL ROLE ganwei_app"))
                with Session(connection) as session:
                    (problem,) = ledger.verify(session).problems
            assert (problem.check, problem.row) == ("rights", "role ganwei_app")
            assert right in problem.message

    @pytest.mark.usefixtures("posted")
    def test_does_not_trust_a_superuser(self, tamperer: Engine) -> None:
        assert [problem.check for problem in _verdict(tamperer).problems] == ["rights"]

    def test_reads_one_snapshot_while_others_post(self, posted: Engine) -> None:
        def post(check: str, done: int, total: int) -> None:
            assert 0 <= done <= total
            with Session(posted) as other:
                ledger.post(other, a_sale(f"{check}:{done}:{total}:{ledger.uuid7()}"))
                other.commit()

        with Session(posted) as session:
            assert ledger.verify(session, on_progress=post).ok
        assert _verdict(posted).checked["entries"] > 4

    def test_sees_what_an_open_transaction_has_written(self, posted: Engine) -> None:
        with Session(posted) as session:
            ledger.post(session, a_sale("open"))
            assert ledger.verify(session).checked["entries"] == 5
