"""Months: closing and opening them, and where a late fact counts."""

from datetime import date

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

import ledger
from ledger import AlreadyClosed, BadQuery, IsolationRefused, KeyReused, NotClosed, PeriodClosed, UnknownOrigin
from tests.ledger.factories import DAY, LINTAO, PREPAID, TIANJIN, a_leg, a_payment, a_sale

SEPTEMBER, OCTOBER = date(2021, 9, 1), date(2021, 10, 1)


class TestCloseMonth:
    def test_says_what_the_month_holds(self, books: Session) -> None:
        ledger.post(books, a_sale("one", a_leg(1000), a_leg(20, kind="gift")))
        ledger.reverse(books, "one", new_key="back", on=DAY, parts={(TIANJIN, LINTAO): 400})
        ledger.post(books, a_sale("october", on=OCTOBER))
        ledger.post(books, a_payment("other book"))

        row = ledger.close_month(books, "aid", date(2021, 9, 17), by="finance", reason="checked")

        assert (row.book, row.month, row.state) == ("aid", SEPTEMBER, "closed")
        assert (row.entries, row.transfers, row.turnover_fen) == (2, 3, 1420)
        assert (row.changed_by, row.reason) == ("finance", "checked")
        assert row.changed_at is not None
        books.commit()
        assert ledger.verify(books).ok

    def test_refuses_what_would_count_in_the_month(self, books: Session) -> None:
        ledger.post(books, a_sale("before"))
        ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        for day in (SEPTEMBER, DAY, date(2021, 9, 30)):
            with pytest.raises(PeriodClosed) as caught:
                ledger.post(books, a_sale("late", on=day))
            assert (caught.value.book, caught.value.month) == ("aid", SEPTEMBER)
            assert "2021-09" in str(caught.value)
        with pytest.raises(PeriodClosed):
            ledger.reverse(books, "before", new_key="back", on=DAY)
        assert ledger.balance(books, LINTAO) == 1000

    def test_leaves_other_months_and_the_other_book_open(self, books: Session) -> None:
        ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        assert ledger.post(books, a_sale("august", on=date(2021, 8, 31))).is_new
        assert ledger.post(books, a_sale("october", on=OCTOBER)).is_new
        assert ledger.post(books, a_payment("cash", on=DAY)).is_new

    def test_knows_a_repeat_and_a_conflict_still(self, books: Session) -> None:
        ledger.post(books, a_sale("one"))
        ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        assert not ledger.post(books, a_sale("one")).is_new
        with pytest.raises(KeyReused):
            ledger.post(books, a_sale("one", a_leg(1)))

    def test_refuses_a_month_that_is_closed(self, books: Session) -> None:
        ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        with pytest.raises(AlreadyClosed):
            ledger.close_month(books, "aid", DAY, by="finance")

    def test_refuses_while_origins_are_unknown(self, books: Session) -> None:
        unknown = ledger.county_account("unknown", "herb")
        ledger.post(books, a_sale("august", a_leg(5, credit=unknown), on=date(2021, 8, 9)))
        ledger.post(books, a_sale("october", a_leg(5, credit=ledger.county_account("unknown", "grain")), on=OCTOBER))

        with pytest.raises(UnknownOrigin) as caught:
            ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        assert caught.value.accounts == (unknown,)
        ledger.reverse(books, "august", new_key="named", on=DAY)
        assert ledger.close_month(books, "aid", SEPTEMBER, by="finance").state == "closed"

    def test_refuses_a_book_that_is_none(self, books: Session) -> None:
        with pytest.raises(BadQuery):
            ledger.close_month(books, "gold", SEPTEMBER, by="finance")

    def test_refuses_a_transaction_that_cannot_see_what_others_post(self, empty_books: Engine) -> None:
        with Session(empty_books.execution_options(isolation_level="REPEATABLE READ")) as session:
            with pytest.raises(IsolationRefused):
                ledger.close_month(session, "aid", SEPTEMBER, by="finance")
            with pytest.raises(IsolationRefused):
                ledger.post(session, a_sale())


class TestReopenMonth:
    def test_lets_the_month_take_entries_again(self, books: Session) -> None:
        ledger.post(books, a_sale("one"))
        ledger.close_month(books, "aid", SEPTEMBER, by="finance")

        row = ledger.reopen_month(books, "aid", DAY, by="boss", reason="an invoice was forgotten")

        assert (row.state, row.entries, row.changed_by) == ("open", None, "boss")
        assert row.reason == "an invoice was forgotten"
        assert ledger.post(books, a_sale("two")).is_new
        assert ledger.close_month(books, "aid", SEPTEMBER, by="finance").entries == 2
        books.commit()
        assert ledger.verify(books).ok

    def test_refuses_a_month_that_is_open(self, books: Session) -> None:
        with pytest.raises(NotClosed):
            ledger.reopen_month(books, "aid", SEPTEMBER, by="boss", reason="x")


class TestCarryForward:
    def test_lets_a_late_fact_count_in_the_first_open_month_with_its_own_day(self, books: Session) -> None:
        for month in (SEPTEMBER, OCTOBER, date(2021, 12, 1)):
            ledger.close_month(books, "cash", month, by="finance")

        ledger.post(books, a_payment("september", 3), carry_forward=True)
        ledger.post(books, a_payment("december", 5, on=date(2021, 12, 24)), carry_forward=True)

        late, later = (ledger.find(books, key) for key in ("september", "december"))
        assert late is not None
        assert later is not None
        assert (late.effective_on, late.occurred_on) == (date(2021, 11, 1), DAY)
        assert (later.effective_on, later.occurred_on) == (date(2022, 1, 1), date(2021, 12, 24))
        assert ledger.balance(books, PREPAID, until=date(2021, 11, 1)) == 0
        assert ledger.balance(books, PREPAID, until=date(2021, 12, 1)) == 3
        books.commit()
        assert ledger.verify(books).ok

    def test_changes_nothing_for_an_open_month(self, books: Session) -> None:
        ledger.post(books, a_payment("p"), carry_forward=True)

        entry = ledger.find(books, "p")
        assert entry is not None
        assert (entry.effective_on, entry.occurred_on) == (DAY, DAY)

    def test_makes_a_repeat_a_repeat_whatever_was_closed_since(self, books: Session) -> None:
        ledger.close_month(books, "cash", SEPTEMBER, by="finance")
        first = ledger.post(books, a_payment("p"), carry_forward=True)
        ledger.close_month(books, "cash", OCTOBER, by="finance")

        again = ledger.post(books, a_payment("p"), carry_forward=True)

        assert (again.entry_id, again.is_new) == (first.entry_id, False)
        assert not ledger.post(books, a_payment("p")).is_new

    def test_serves_reversals_too(self, books: Session) -> None:
        ledger.post(books, a_payment("p", 9))
        ledger.close_month(books, "cash", SEPTEMBER, by="finance")

        ledger.reverse(books, "p", new_key="back", on=DAY, carry_forward=True)

        assert ledger.balance(books, PREPAID, until=OCTOBER) == 9
        assert ledger.balance(books, PREPAID) == 0


class TestPeriods:
    def test_lists_months_that_hold_something_or_were_closed(self, books: Session) -> None:
        ledger.post(books, a_sale("one", a_leg(3)))
        ledger.post(books, a_sale("two", a_leg(4), on=date(2021, 11, 5)))
        ledger.close_month(books, "aid", OCTOBER, by="finance")
        ledger.post(books, a_payment("other book"))

        rows = ledger.periods(books, book="aid")

        assert [(row.month, row.state, row.turnover_fen) for row in rows] == [
            (date(2021, 11, 1), "open", 4),
            (OCTOBER, "closed", 0),
            (SEPTEMBER, "open", 3),
        ]

    def test_is_empty_for_empty_books(self, books: Session) -> None:
        assert ledger.periods(books, book="cash") == []
