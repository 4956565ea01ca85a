"""Posting: once, whole, and never over what is there."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import ledger
from ledger import InvalidDraft, IsolationRefused, KeyReused, PeriodClosed, Posted
from tests.ledger.factories import DAY, LINTAO, PREPAID, TIANJIN, a_leg, a_payment, a_sale
from tests.ledger.parallel import at_once

UNKNOWN = "county:unknown:grain"


class TestPost:
    def test_stores_the_entry_and_its_transfers(self, books: Session) -> None:
        draft = a_sale("k", a_leg(1000), a_leg(500, credit=UNKNOWN, kind="sale_unpaired"), memo="三箱\n百合")

        posted = ledger.post(books, draft, by="finance")

        entry = ledger.find(books, "k")
        assert entry is not None
        assert posted == Posted(entry.id, is_new=True)
        assert (entry.book, entry.source, entry.memo, entry.posted_by) == ("aid", "order:1", "三箱\n百合", "finance")
        assert (entry.effective_on, entry.reverses, entry.reversed_by) == (draft.effective_on, None, ())
        assert [(row.debit_account, row.credit_account, row.amount_fen, row.kind) for row in entry.transfers] == [
            (TIANJIN, LINTAO, 1000, "sale"),
            (TIANJIN, UNKNOWN, 500, "sale_unpaired"),
        ]

    def test_is_one_statement_and_so_whole_without_a_transaction_around_it(self, empty_books: Engine) -> None:
        with Session(empty_books.execution_options(isolation_level="AUTOCOMMIT")) as session:
            ledger.post(session, a_sale("s", a_leg(1), a_leg(2, credit=UNKNOWN)))
        with Session(empty_books) as session:
            tables = ("account", "entry", "transfer", "flow", "unsealed")
            rows = " UNION ALL ".join(f"SELECT xmin::text FROM ledger_{table}" for table in tables)  # noqa: S608 -- ours
            writers = session.scalars(text(rows)).all()

        assert len(writers) == 3 + 1 + 2 + 2 + 1
        assert len(set(writers)) == 1

    def test_serves_in_autocommit_as_in_a_transaction(self, empty_books: Engine) -> None:
        autocommit = empty_books.execution_options(isolation_level="AUTOCOMMIT")
        with Session(autocommit) as session, Session(empty_books) as finance:
            assert ledger.post(session, a_sale("s")).is_new
            assert not ledger.post(session, a_sale("s")).is_new
            with pytest.raises(KeyReused):
                ledger.post(session, a_sale("s", memo="another"))
            ledger.close_month(finance, "aid", DAY, by="finance")
            finance.commit()
            with pytest.raises(PeriodClosed):
                ledger.post(session, a_sale("t"))
            assert ledger.post(session, a_sale("t"), carry_forward=True).is_new
            assert ledger.verify(finance).ok

    def test_is_the_only_thing_that_serves_in_autocommit(self, empty_books: Engine) -> None:
        """What takes a lock and then acts needs a transaction that holds it."""
        with Session(empty_books.execution_options(isolation_level="AUTOCOMMIT")) as session:
            ledger.post(session, a_sale("s"))
            for refused in (
                lambda: ledger.post_many(session, [a_sale("t")]),
                lambda: ledger.reverse(session, "s", new_key="back", on=DAY),
                lambda: ledger.close_month(session, "aid", DAY, by="finance"),
                lambda: ledger.seal(session),
            ):
                with pytest.raises(IsolationRefused, match="AUTOCOMMIT"):
                    refused()

    def test_does_nothing_the_second_time(self, books: Session) -> None:
        first = ledger.post(books, a_sale(), by="one")
        again = ledger.post(books, a_sale(), by="another")

        assert again == Posted(first.entry_id, is_new=False)
        assert ledger.balance(books, TIANJIN) == 1000

    def test_refuses_a_key_with_another_payload_and_writes_nothing(self, books: Session) -> None:
        ledger.post(books, a_sale("k"))

        with pytest.raises(KeyReused) as caught:
            ledger.post(books, a_sale("k", a_leg(1, credit=UNKNOWN)))

        assert caught.value.key == "k"
        assert [row.code for row in ledger.accounts(books)] == [LINTAO, TIANJIN]

    def test_refuses_a_mirror(self, books: Session) -> None:
        posted = ledger.post(books, a_sale())
        mirror = ledger.Draft(
            "aid",
            "m",
            a_sale().effective_on,
            "s",
            (a_leg(debit=LINTAO, credit=TIANJIN),),
            reverses=posted.entry_id,
        )

        with pytest.raises(InvalidDraft):
            ledger.post(books, mirror)
        with pytest.raises(InvalidDraft):
            ledger.post_many(books, [mirror])

    def test_leaves_the_end_of_the_transaction_to_its_caller(self, books: Session) -> None:
        ledger.post(books, a_sale())
        books.rollback()

        assert ledger.find(books, "sale:1") is None
        assert ledger.accounts(books) == []

    def test_takes_effect_once_when_many_post_at_once(self, empty_books: Engine) -> None:
        def work(_: int) -> Posted:
            with Session(empty_books) as session:
                posted = ledger.post(session, a_sale("same"))
                session.commit()
                return posted

        done = at_once(8, work)

        assert [posted.is_new for posted in done].count(True) == 1
        assert len({posted.entry_id for posted in done}) == 1
        with Session(empty_books) as session:
            assert ledger.balance(session, LINTAO) == 1000

    def test_loses_nothing_on_a_hot_account(self, empty_books: Engine) -> None:
        def work(number: int) -> None:
            with Session(empty_books) as session:
                for turn in range(10):
                    # The two books in changing order: writers of one row neither queue nor deadlock.
                    drafts = [a_sale(f"s:{number}:{turn}"), a_payment(f"p:{number}:{turn}")]
                    for draft in drafts if number % 2 else reversed(drafts):
                        ledger.post(session, draft)
                session.commit()

        at_once(12, work)

        with Session(empty_books) as session:
            assert ledger.balance(session, LINTAO) == 120 * 1000
            assert ledger.balance(session, PREPAID) == 120 * 1000
            assert ledger.verify(session).ok
