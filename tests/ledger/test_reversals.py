"""Reversing: linked, in full or in part, and never beyond the original."""

from datetime import date

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

import ledger
from ledger import (
    AlreadyReversed,
    EntryNotFound,
    InvalidDraft,
    IsolationRefused,
    KeyReused,
    LedgerError,
    NotReversible,
    ReversalTooLarge,
)
from ledger.posting import reversals
from tests.ledger.factories import DAY, LINTAO, TIANJIN, a_leg, a_payment, a_sale
from tests.ledger.parallel import at_once

UNKNOWN = "county:unknown:grain"
LATER = date(2021, 10, 8)
PART = (TIANJIN, LINTAO)


@pytest.fixture
def sale(books: Session) -> Session:
    """Return books with one sale: 10 yuan to one county, 5 to another."""
    ledger.post(books, a_sale("k", a_leg(1000), a_leg(500, credit=UNKNOWN)))
    return books


class TestReverse:
    def test_mirrors_every_transfer_on_its_own_day(self, sale: Session) -> None:
        ledger.reverse(sale, "k", new_key="r", on=LATER, memo="退货")

        mirror = ledger.find(sale, "r")
        original = ledger.find(sale, "k")
        assert mirror is not None
        assert original is not None
        assert (mirror.reverses, mirror.effective_on, mirror.source, mirror.memo) == ("k", LATER, "order:1", "退货")
        assert [(row.debit_account, row.credit_account, row.amount_fen) for row in mirror.transfers] == [
            (LINTAO, TIANJIN, 1000),
            (UNKNOWN, TIANJIN, 500),
        ]
        assert original.reversed_by == ("r",)
        assert [row.reversed_fen for row in original.transfers] == [1000, 500]
        assert ledger.balance(sale, TIANJIN) == 0
        assert ledger.balance(sale, TIANJIN, until=LATER) == 1500

    def test_takes_a_part_and_then_the_rest(self, sale: Session) -> None:
        ledger.reverse(sale, "k", new_key="r1", on=LATER, source="refund:1", parts={PART: 300})
        ledger.reverse(sale, "k", new_key="r2", on=LATER)

        rest = ledger.find(sale, "r2")
        assert rest is not None
        assert [row.amount_fen for row in rest.transfers] == [700, 500]
        assert ledger.balance(sale, LINTAO) == 0

    def test_leaves_out_what_is_reversed_already(self, sale: Session) -> None:
        ledger.reverse(sale, "k", new_key="r1", on=LATER, parts={PART: 1000})
        ledger.reverse(sale, "k", new_key="r2", on=LATER)

        rest = ledger.find(sale, "r2")
        assert rest is not None
        assert [(row.debit_account, row.amount_fen) for row in rest.transfers] == [(UNKNOWN, 500)]

    def test_spreads_a_part_over_the_kinds_between_its_accounts(self, books: Session) -> None:
        ledger.post(books, a_sale("k", a_leg(10), a_leg(20, kind="sale_unpaired")))
        ledger.reverse(books, "k", new_key="r", on=LATER, parts={PART: 15})

        mirror = ledger.find(books, "r")
        assert mirror is not None
        assert [(row.kind, row.amount_fen) for row in mirror.transfers] == [("sale", 10), ("sale_unpaired", 5)]

    def test_reverses_money_too(self, books: Session) -> None:
        ledger.post(books, a_payment("p", 700))
        ledger.reverse(books, "p", new_key="r", on=LATER)

        assert {row.balance_fen for row in ledger.accounts(books, book="cash")} == {0}

    @pytest.mark.parametrize("parts", [None, {PART: 300}])
    def test_does_nothing_the_second_time(self, sale: Session, parts: dict[tuple[str, str], int] | None) -> None:
        first = ledger.reverse(sale, "k", new_key="r", on=LATER, parts=parts)
        balance_fen = ledger.balance(sale, TIANJIN)

        again = ledger.reverse(sale, "k", new_key="r", on=LATER, parts=parts)

        assert (again.entry_id, again.is_new) == (first.entry_id, False)
        assert ledger.balance(sale, TIANJIN) == balance_fen

    def test_refuses_a_repeat_that_asks_for_something_else(self, sale: Session) -> None:
        ledger.reverse(sale, "k", new_key="r", on=LATER, parts={PART: 300})

        for parts in (None, {PART: 200}):
            with pytest.raises(KeyReused):
                ledger.reverse(sale, "k", new_key="r", on=LATER, parts=parts)

    @pytest.mark.parametrize(
        ("parts", "left_fen"),
        [({PART: 1001}, 1000), ({(TIANJIN, "county:621102:produce"): 1}, 0), ({(LINTAO, TIANJIN): 1}, 0)],
    )
    def test_refuses_more_than_there_is(self, sale: Session, parts: dict[tuple[str, str], int], left_fen: int) -> None:
        with pytest.raises(ReversalTooLarge) as caught:
            ledger.reverse(sale, "k", new_key="r", on=LATER, parts=parts)
        assert caught.value.left_fen == left_fen

    def test_refuses_what_cannot_be_reversed(self, sale: Session) -> None:
        with pytest.raises(EntryNotFound):
            ledger.reverse(sale, "no", new_key="r", on=LATER)
        for parts in ({}, {PART: 0}, {PART: -1}, {PART: True}):
            with pytest.raises(InvalidDraft):
                ledger.reverse(sale, "k", new_key="r", on=LATER, parts=parts)
        ledger.reverse(sale, "k", new_key="r", on=LATER)
        with pytest.raises(AlreadyReversed):
            ledger.reverse(sale, "k", new_key="r2", on=LATER)
        with pytest.raises(NotReversible):
            ledger.reverse(sale, "r", new_key="r2", on=LATER)

    def test_refuses_a_transaction_that_cannot_see_other_reversals(self, empty_books: Engine) -> None:
        with Session(empty_books) as session:
            ledger.post(session, a_sale("k"))
            session.commit()
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            with pytest.raises(IsolationRefused):
                ledger.reverse(session, "k", new_key="r", on=LATER)

    def test_never_takes_more_than_there_is_when_many_try_at_once(self, empty_books: Engine) -> None:
        assert _reverse_at_once(empty_books) == 3
        with Session(empty_books) as session:
            assert ledger.balance(session, LINTAO) == 100
            session.rollback()
            assert ledger.verify(session).ok

    def test_would_take_too_much_without_its_lock_and_verify_would_say_so(
        self, empty_books: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reversals, "_lock", lambda *_: None)

        assert _reverse_at_once(empty_books) > 3
        with Session(empty_books) as session:
            (problem,) = ledger.verify(session).problems
        assert problem.check == "reversals"


def _reverse_at_once(engine: Engine) -> int:
    """Post 1000 fen, let eight try to take back 300 each at once, and count who could."""
    with Session(engine) as session:
        ledger.post(session, a_sale("k", on=DAY))
        session.commit()

    def work(number: int) -> bool:
        with Session(engine) as session:
            session.connection()
            try:
                ledger.reverse(session, "k", new_key=f"r{number}", on=LATER, parts={PART: 300})
            except LedgerError:
                return False
            # Long enough for the others to read, short enough for a test.
            session.connection().exec_driver_sql("SELECT pg_sleep(0.05)")
            session.commit()
            return True

    return at_once(8, work).count(True)
