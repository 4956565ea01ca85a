"""The books say what the documents say, and the check names the first that does not."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.finance import agreement
from tests.finance.documents import Office, make_all

GONE = """
    DELETE FROM ledger_flow flow USING ledger_transfer transfer
    WHERE transfer.source = 'sale:T-1' AND flow.debit_account = transfer.debit_account
        AND flow.credit_account = transfer.credit_account AND flow.day = transfer.effective_on;
    DELETE FROM ledger_transfer WHERE source = 'sale:T-1';
    DELETE FROM ledger_unsealed waiting USING ledger_entry entry
    WHERE entry.key = 'sale:T-1' AND waiting.first_fact = entry.id;
    DELETE FROM ledger_entry WHERE key = 'sale:T-1'
"""


@pytest.fixture
def documents(client: FlaskClient, session: Session) -> Session:
    make_all(client, session)
    session.rollback()
    return session


class TestVerify:
    def test_finds_that_what_was_posted_is_what_the_documents_give(self, documents: Session) -> None:
        verdict = agreement.verify(documents)

        assert verdict.problems == []
        assert verdict.checked["orders"] == 11
        assert verdict.checked["receipts"] == 8 + 4
        assert verdict.checked["documents"] == 11 + 3 + 12 + 13

    @pytest.mark.parametrize(
        ("tampering", "check", "row"),
        [
            (GONE, "documents", "sale:T-1"),
            ("UPDATE sale SET amount_fen = amount_fen - 1 WHERE reference = 'T-1'", "documents", "sale:T-1"),
            ("UPDATE sale SET county_code = '620826' WHERE reference = 'T-2'", "documents", "sale:T-2"),
            ("UPDATE sale SET is_paired = NOT is_paired WHERE reference = 'T-1'", "documents", "sale:T-1"),
            ("UPDATE sale SET sold_on = sold_on - 1 WHERE reference = 'T-1'", "documents", "sale:T-1"),
            ("UPDATE sale SET status = 'confirmed' WHERE reference = 'T-3'", "documents", "sale:T-3"),
            ("UPDATE sale SET reference = 'T-9' WHERE reference = 'T-1'", "documents", "sale:T-1"),
            ("UPDATE bank_receipt SET amount_fen = amount_fen + 1 WHERE amount_fen = 4321", "documents", "receipt:"),
            ("DELETE FROM bank_receipt WHERE amount_fen = 4321", "documents", "receipt:"),
            ("UPDATE bank_receipt SET refunded_fen = 1 WHERE refunded_fen = 600", "receipts", "receipt:"),
            ("UPDATE bank_receipt SET allocated_fen = 0 WHERE allocated_fen = 500", "receipts", "receipt:"),
            ("UPDATE receipt_move SET moved_on = moved_on - 1 WHERE kind = 'returned'", "documents", "receipt:"),
            (
                "UPDATE receipt_move SET is_direct = true WHERE amount_fen = 300 AND undoes IS NULL",
                "documents",
                "receipt:",
            ),
            ("UPDATE receipt_move SET amount_fen = 601 WHERE amount_fen = 600", "receipts", "receipt:"),
            ("UPDATE order_line SET accepted_quantity = 2.006 WHERE accepted_quantity = 2.005", "orders", "order:"),
            ("""UPDATE "order" SET paid_fen = paid_fen + 1 WHERE paid_fen = 500""", "orders", "order:"),
            ("""UPDATE "order" SET partner_code = '120000' WHERE paid_fen = 500""", "documents", "order:"),
            ("""UPDATE "order" SET status = 'cancelled' WHERE paid_fen = 500""", "documents", "order:"),
            ("""UPDATE "order" SET status = 'paid' WHERE status = 'awaiting_payment'""", "documents", "order:"),
        ],
    )
    def test_names_a_document_that_the_books_do_not_follow(
        self, documents: Session, superuser: sa.Engine, tampering: str, check: str, row: str
    ) -> None:
        with superuser.begin() as connection:
            # Else PostgreSQL would look for rows that hold on to what goes, which takes a right that no owner has.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in tampering.split(";"):
                assert connection.execute(sa.text(statement)).rowcount > 0

        first = {problem.check: problem for problem in agreement.verify(documents).problems}

        assert first[check].row.startswith(row)
        assert {"orders", "receipts", "documents"}.issuperset(first), "the ledger's own rows are sound"

    def test_names_an_entry_without_a_document(self, documents: Session) -> None:
        leg = ledger.Leg("partner:120000:direct:union", "county:620826:produce", 1, "sale")
        day = documents.scalar(sa.text("SELECT sold_on FROM sale WHERE reference = 'T-1'"))
        ledger.post(documents, ledger.Draft("aid", "sale:X", day, "sale:X", (leg,)))

        (problem,) = agreement.verify(documents).problems

        assert (problem.check, problem.row, problem.count) == ("documents", "sale:X", 1)
        assert problem.message.endswith("the document gives 0 fen, the ledger holds 1 fen")


def test_holds_for_facts_of_a_closed_month(client: FlaskClient, session: Session) -> None:
    """A receipt, a confirmed sale, a reversal and a shortfall whose months are closed count later, with their day."""
    office = Office(client, session)
    order = office.order(office.buyer, ("GS001-1", 2))
    late = office.order(office.buyer, ("GS003-1", 1))
    office.sale("C-1")
    office.sale("C-2", sold_on=business_day().isoformat())
    _close_everything(session)

    office.pay(order, order["total_fen"], days_ago=40)
    office.sale("C-3")
    office.post(office.finance, "/sales/C-1/reverse", {"reason": "整单退货"})
    office.accept(office.buyer, order, "1")
    office.pay(late, late["total_fen"] + 1)
    session.rollback()

    moved = {
        row.source: row.effective_on
        for row in ledger.transfers(session, limit=1000).rows
        if row.effective_on != row.occurred_on
    }
    first_open = _next_month(business_day())
    documents = {f"receipt:{number}" for number in session.scalars(sa.text("SELECT number FROM bank_receipt"))}
    documents |= {f"order:{order['number']}", f"order:{late['number']}", "sale:C-1", "sale:C-3"}
    assert moved == dict.fromkeys(documents, first_open)
    assert agreement.verify(session).problems == []


def _close_everything(session: Session) -> None:
    """Close the current month and those before it, in both books, as the ledger allows and the shop does not."""
    for book in ledger.BOOKS:
        for days in (0, 31, 62):
            ledger.close_month(session, book, business_day().replace(day=1) - timedelta(days=days), by="test")
    session.commit()


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
