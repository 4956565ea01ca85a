"""As it was known: what the books said at an earlier moment, whatever was posted since."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import ledger
from ledger import BadQuery, Draft
from tests.ledger.factories import DAY, LINTAO, TIANJIN, a_leg, a_payment, a_sale

NOON = datetime(2021, 10, 15, 4, tzinfo=UTC)  # 12:00 in China
MIDNIGHT = datetime(2021, 10, 15, 16, tzinfo=UTC)  # the 16th begins in China


def _post(engine: Engine, tamperer: Engine, draft: Draft, at: datetime) -> None:
    """Post, and let the books believe that it was at some moment: its own, and the day in the flow."""
    with Session(engine) as session:
        ledger.post(session, draft)
        session.commit()
    with tamperer.begin() as connection:
        connection.execute(
            text("UPDATE ledger_entry SET posted_at = :at WHERE key = :key"), {"at": at, "key": draft.key}
        )
        connection.execute(
            text("UPDATE ledger_flow SET known_on = :day WHERE known_on > '2021-12-31'"),
            {"day": (at + timedelta(hours=8)).date()},
        )


@pytest.fixture
def told(empty_books: Engine, tamperer: Engine) -> Engine:
    """Return books that learned of 100 in the morning, 20 at noon, 3 at night, and 4000 on the next day."""
    _post(empty_books, tamperer, a_sale("morning", a_leg(100, kind="morning")), NOON - timedelta(hours=2))
    _post(empty_books, tamperer, a_sale("noon", a_leg(20, kind="noon")), NOON)
    _post(
        empty_books,
        tamperer,
        a_sale("night", a_leg(3, kind="night"), on=DAY + timedelta(days=1)),
        MIDNIGHT - timedelta(minutes=1),
    )
    _post(empty_books, tamperer, a_sale("next", a_leg(4000, kind="next")), MIDNIGHT)
    return empty_books


@pytest.mark.parametrize(
    ("moment", "known_fen"),
    [
        (NOON - timedelta(days=1), 0),
        (NOON - timedelta(hours=2), 0),
        (NOON, 100),
        (NOON + timedelta(microseconds=1), 120),
        (MIDNIGHT, 123),
        (MIDNIGHT + timedelta(microseconds=1), 4123),
        (MIDNIGHT + timedelta(days=1), 4123),
        (None, 4123),
    ],
)
class TestKnownAt:
    def test_totals_count_what_was_posted_before(self, told: Engine, moment: datetime | None, known_fen: int) -> None:
        with Session(told) as session:
            for by in ([], ["partner"], ["county", "month"]):
                assert ledger.totals(session, book="aid", by=by, known_at=moment).total_fen == known_fen

    def test_balances_and_accounts_agree(self, told: Engine, moment: datetime | None, known_fen: int) -> None:
        with Session(told) as session:
            assert ledger.balance(session, LINTAO, known_at=moment) == known_fen
            balances = {row.code: row.balance_fen for row in ledger.accounts(session, known_at=moment)}
            assert balances == {LINTAO: known_fen, TIANJIN: known_fen}

    def test_the_statement_and_its_pages_agree(self, told: Engine, moment: datetime | None, known_fen: int) -> None:
        with Session(told) as session:
            running_fen, cursor = 0, None
            while True:
                page = ledger.statement(session, LINTAO, known_at=moment, after=cursor, limit=1)
                assert page.brought_fen == running_fen
                assert page.closing_fen == known_fen
                running_fen += sum(line.signed_fen for line in page.rows)
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert running_fen == known_fen

    def test_transfers_are_those_that_were_posted_before(
        self, told: Engine, moment: datetime | None, known_fen: int
    ) -> None:
        with Session(told) as session:
            rows = ledger.transfers(session, known_at=moment).rows
            assert sum(row.amount_fen for row in rows) == known_fen
            assert all(moment is None or row.posted_at < moment for row in rows)


class TestMoment:
    def test_needs_a_time_zone(self, books: Session) -> None:
        with pytest.raises(BadQuery):
            ledger.balance(books, LINTAO, known_at=datetime(2021, 10, 15))  # noqa: DTZ001 -- what is refused here

    def test_is_remembered_while_others_post(self, books: Session) -> None:
        ledger.post(books, a_payment("before", 5))
        books.commit()
        moment = books.execute(text("SELECT clock_timestamp()")).scalar_one()
        books.commit()
        ledger.post(books, a_payment("after", 7))
        books.commit()

        assert ledger.balance(books, "liability:prepaid", known_at=moment) == 5
        assert ledger.balance(books, "liability:prepaid", until=date(2021, 1, 1), known_at=moment) == 0
        assert ledger.balance(books, "liability:prepaid") == 12
