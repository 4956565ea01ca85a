"""Posting in bulk: one verdict on each draft, and all or nothing when asked."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import ledger
from ledger import BulkPosted, BulkRefused, Draft, EntryVerdict
from ledger.posting import bulk
from tests.ledger.factories import (
    CLEARING,
    DAY,
    LINTAO,
    TIANJIN,
    a_leg,
    a_payment,
    a_sale,
)

UNKNOWN = "county:unknown:herb"


class TestPostMany:
    def test_posts_every_draft(self, books: Session) -> None:
        drafts = [a_sale("s", a_leg(3), a_leg(4, credit=UNKNOWN)), a_payment("p", 7)]

        assert ledger.post_many(books, iter(drafts), by="import") == BulkPosted(2, 0, 0, 0)

        assert ledger.balance(books, TIANJIN) == 7
        assert ledger.balance(books, CLEARING) == 7
        books.commit()
        assert ledger.verify(books).ok

    def test_keeps_texts_as_they_are(self, books: Session) -> None:
        draft = a_sale("a\\n\\N键", source="\\", memo="tab\tline\n\\.")

        ledger.post_many(books, [draft])

        entry = ledger.find(books, draft.key)
        assert entry is not None
        assert (entry.source, entry.memo) == (draft.source, draft.memo)

    def test_judges_each_draft(self, books: Session) -> None:
        ledger.post(books, a_sale("1"))
        ledger.post(books, a_payment("closed", on=date(2021, 8, 31)))
        ledger.close_month(books, "cash", date(2021, 8, 1), by="finance")
        drafts = [
            a_sale("1"),
            a_sale("2"),
            a_sale("1", a_leg(7)),
            a_payment("3", on=date(2021, 8, 2)),
            a_sale("2"),
            a_sale("2", memo="another"),
            a_payment("closed", on=date(2021, 8, 31)),
        ]
        verdicts: list[EntryVerdict] = []

        done = ledger.post_many(books, drafts, on_verdict=verdicts.append)

        assert done == BulkPosted(posted=1, same=3, conflicting=2, refused=1)
        assert [verdict.outcome for verdict in verdicts] == [
            "same",
            "posted",
            "conflicting",
            "refused",
            "same",
            "conflicting",
            "same",
        ]
        assert [verdict.number for verdict in verdicts] == [1, 2, 3, 4, 5, 6, 7]
        assert [verdict.key for verdict in verdicts] == [draft.key for draft in drafts]
        assert verdicts[3].reason == "2021-08 of book 'cash' is closed"
        assert ledger.balance(books, LINTAO) == 2000

    def test_refuses_a_draft_whose_key_goes_to_a_later_one(self, books: Session) -> None:
        ledger.close_month(books, "aid", DAY, by="finance")
        verdicts: list[EntryVerdict] = []

        ledger.post_many(books, [a_sale("k"), a_sale("k", on=date(2021, 10, 1))], on_verdict=verdicts.append)

        assert [verdict.outcome for verdict in verdicts] == ["refused", "posted"]

    def test_counts_alike_without_being_asked_for_verdicts(self, books: Session) -> None:
        drafts = [a_sale("1"), a_sale("1"), a_sale("1", memo="x"), a_sale("2")]

        assert ledger.post_many(books, drafts) == BulkPosted(posted=2, same=1, conflicting=1, refused=0)

    def test_posts_nothing_when_all_or_nothing_is_asked_and_some_cannot_be(self, books: Session) -> None:
        ledger.post(books, a_sale("z"))
        ledger.post(books, a_sale("a"))
        drafts = [a_sale("new"), a_sale("z", a_leg(1)), a_sale("a", a_leg(1)), a_sale("a")]
        verdicts: list[EntryVerdict] = []

        with pytest.raises(BulkRefused) as caught:
            ledger.post_many(books, drafts, all_or_nothing=True, on_verdict=verdicts.append)

        assert (caught.value.conflicting, caught.value.refused, caught.value.first) == (2, 0, "z")
        assert [verdict.outcome for verdict in verdicts] == ["posted", "conflicting", "conflicting", "same"]
        assert ledger.find(books, "new") is None
        assert ledger.balance(books, LINTAO) == 2000

    def test_posts_all_when_all_or_nothing_is_asked_and_all_can_be(self, books: Session) -> None:
        done = ledger.post_many(books, [a_sale("1"), a_sale("1")], all_or_nothing=True)

        assert done == BulkPosted(posted=1, same=1, conflicting=0, refused=0)

    def test_carries_drafts_of_closed_months_forward(self, books: Session) -> None:
        ledger.close_month(books, "aid", DAY, by="finance")
        ledger.close_month(books, "aid", date(2021, 10, 1), by="finance")
        draft = a_sale("late")

        assert ledger.post_many(books, [draft], carry_forward=True).posted == 1
        assert ledger.post_many(books, [draft], carry_forward=True).same == 1

        entry = ledger.find(books, "late")
        assert entry is not None
        assert (entry.effective_on, entry.occurred_on) == (date(2021, 11, 1), DAY)

    def test_works_in_blocks(self, books: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "DRAFTS_PER_BLOCK", 3)
        keys = ["1", "2", "3", "2", "4", "5", "5"]
        steps: list[int] = []
        verdicts: list[EntryVerdict] = []

        done = ledger.post_many(
            books, (a_sale(key) for key in keys), on_progress=steps.append, on_verdict=verdicts.append
        )

        assert done == BulkPosted(posted=5, same=2, conflicting=0, refused=0)
        assert steps == [3, 6, 7]
        assert [(verdict.number, verdict.key) for verdict in verdicts] == list(enumerate(keys, start=1))
        books.commit()
        assert ledger.verify(books).ok

    def test_posts_nothing_when_its_drafts_fail_in_the_middle(
        self, books: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "DRAFTS_PER_BLOCK", 2)

        def drafts() -> Iterator[Draft]:
            yield from (a_sale("1"), a_sale("2"), a_sale("3"))
            raise RuntimeError("the file ends here")

        with pytest.raises(RuntimeError, match="ends here"):
            ledger.post_many(books, drafts())

        assert ledger.find(books, "1") is None
        assert ledger.post_many(books, [a_sale("1")]).posted == 1

    def test_takes_nothing_and_comes_again_in_one_transaction(self, books: Session) -> None:
        assert ledger.post_many(books, []) == BulkPosted(0, 0, 0, 0)
        assert ledger.post_many(books, [a_sale()]) == BulkPosted(1, 0, 0, 0)

    def test_stays_posted_when_the_caller_commits(self, books: Session) -> None:
        ledger.post_many(books, [a_sale(f"s:{number}") for number in range(1200)])
        books.commit()

        count = books.scalar(text("SELECT count(*) FROM ledger_transfer"))
        assert count == 1200
        assert ledger.totals(books, book="aid", by=[]).total_fen == 1200 * 1000
