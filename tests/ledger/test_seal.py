"""Seals: a chain behind the writers, whatever the order in which they commit."""

import hashlib
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import ledger
from ledger import Head, Sealed
from ledger.seal import BEFORE_THE_FIRST, Fact, seal_hash
from tests.ledger.factories import DAY, LINTAO, a_leg, a_payment, a_sale

FIRST = Fact(
    id=UUID("0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f0000"),
    payload_hash=bytes(range(32)),
    effective_on=date(2021, 9, 3),
    posted_at=datetime(2021, 9, 3, 1, 2, 3, 456789, tzinfo=UTC),
    posted_by="财务@demo.ganwei.test",
)
SEALED_AT = datetime(2021, 9, 3, 1, 3, tzinfo=UTC)


class TestSealHash:
    """Golden vectors: they stand as long as the version does, whatever becomes of the code."""

    def test_is_what_it_was_for_the_first_seal(self) -> None:
        sealed = seal_hash(BEFORE_THE_FIRST, seq=1, fact=FIRST, sealed_at=SEALED_AT)

        assert sealed.hex() == "221614667b48fcfb78b26becb33d08fc36d6c62b9339e7b4039f34de2344c3ab"

    def test_is_what_it_was_for_the_next(self) -> None:
        first = seal_hash(BEFORE_THE_FIRST, seq=1, fact=FIRST, sealed_at=SEALED_AT)
        fact = Fact(UUID(int=FIRST.id.int + (1 << 16)), b"\xff" * 32, date(1999, 12, 31), SEALED_AT, "system")

        assert (
            seal_hash(first, seq=2, fact=fact, sealed_at=SEALED_AT).hex()
            == "58fc4010763296a9173001322e5937374ffc1486dc13c997865a9586449b3d33"
        )

    def test_is_written_out_as_its_docstring_says(self) -> None:
        """The canonical form once more, byte by byte."""
        by = "财务@demo.ganwei.test".encode()
        written = b"".join(
            (
                b"\x00\x00\x00\x15ganwei.ledger.seal.v1",
                b"\x00\x00\x00\x20" + bytes(32),
                b"\x00\x00\x00\x08" + bytes.fromhex("0000000000000001"),
                b"\x00\x00\x00\x10" + bytes.fromhex("0190a1b2c3d47e5f8a6b7c8d9e0f0000"),
                b"\x00\x00\x00\x20" + bytes(range(32)),
                b"\x00\x00\x00\x0a2021-09-03",
                b"\x00\x00\x00\x08" + bytes.fromhex("0005cb0cd8f3d115"),
                len(by).to_bytes(4) + by,
                b"\x00\x00\x00\x08" + bytes.fromhex("0005cb0cdc529900"),
            )
        )

        assert hashlib.sha256(written).digest() == seal_hash(BEFORE_THE_FIRST, seq=1, fact=FIRST, sealed_at=SEALED_AT)


class TestSeal:
    def test_seals_entries_and_changes_of_months_in_order(self, books: Session) -> None:
        ledger.post(books, a_sale("one"))
        ledger.close_month(books, "aid", DAY, by="finance")
        ledger.post_many(books, [a_payment("two"), a_payment("three")])
        books.commit()

        done = ledger.seal(books)
        books.commit()

        assert (done.count, done.seq) == (4, 4)
        names = books.scalars(
            text("""
                SELECT coalesce(entry.key, period.state)
                FROM ledger_seal seal
                LEFT JOIN ledger_entry entry ON entry.id = seal.fact_id
                LEFT JOIN ledger_period period ON period.id = seal.fact_id
                ORDER BY seq
            """)
        ).all()
        assert names == ["one", "closed", "two", "three"]
        assert ledger.seal(books) == Sealed(0, 4, done.hash)
        assert ledger.verify(books).ok

    def test_finds_nothing_in_empty_books(self, books: Session) -> None:
        assert ledger.seal(books) == Sealed(0, 0, BEFORE_THE_FIRST)
        assert ledger.head(books) == Head(0, BEFORE_THE_FIRST, None, 0, None)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    def test_goes_on_where_its_limit_has_cut(self, books: Session, limit: int) -> None:
        ledger.post_many(books, [a_sale(f"s{number}") for number in range(7)])
        ledger.post(books, a_sale("last"))
        books.commit()

        counts = []
        while (done := ledger.seal(books, limit=limit)).count:
            books.commit()
            counts.append(done.count)
            assert ledger.verify(books).ok
            books.rollback()

        assert sum(counts) == 8
        assert max(counts) == limit
        assert books.scalar(text("SELECT count(*) FROM ledger_unsealed")) == 0

    def test_leaves_out_what_is_not_committed_and_takes_it_later(self, empty_books: Engine) -> None:
        with Session(empty_books) as slow, Session(empty_books) as fast, Session(empty_books) as sealer:
            ledger.post(sealer, a_sale("first"))  # who makes the accounts lets others wait
            sealer.commit()
            ledger.post(slow, a_sale("slow"))
            ledger.post(fast, a_sale("fast", a_leg(1)))
            fast.commit()

            assert ledger.seal(sealer).count == 2
            sealer.commit()
            slow.commit()
            assert ledger.seal(sealer).count == 1
            sealer.commit()

            assert ledger.head(sealer).seq == 3
            assert ledger.verify(sealer).ok

    def test_forgets_what_was_rolled_back(self, books: Session) -> None:
        ledger.post(books, a_sale("gone"))
        books.rollback()

        assert ledger.seal(books).count == 0

    def test_is_undone_with_its_transaction(self, books: Session) -> None:
        ledger.post(books, a_sale())
        books.commit()
        ledger.seal(books)
        books.rollback()

        assert ledger.head(books).seq == 0
        assert ledger.head(books).waiting == 1
        assert ledger.verify(books).ok


class TestHead:
    def test_tells_the_last_seal_and_what_waits(self, books: Session) -> None:
        ledger.post(books, a_sale("one"))
        books.commit()
        done = ledger.seal(books)
        books.commit()
        ledger.post_many(books, [a_sale("two"), a_sale("one"), a_sale("three")])
        books.commit()

        head = ledger.head(books)

        assert (head.seq, head.hash, head.waiting) == (1, done.hash, 2)
        assert head.sealed_at is not None
        assert head.oldest_waiting_at == books.scalar(
            text("SELECT min(posted_at) FROM ledger_entry WHERE key > 'three'")
        )


class TestVerifySince:
    @pytest.fixture
    def sealed(self, books: Session) -> Session:
        """Return books of two sealed entries, one sealed after them, and one that waits."""
        ledger.post(books, a_sale("old", a_leg(1000)))
        ledger.post(books, a_sale("older", a_leg(30)))
        books.commit()
        ledger.seal(books)
        ledger.post(books, a_sale("new", a_leg(7)))
        books.commit()
        ledger.seal(books)
        ledger.reverse(books, "old", new_key="waits", on=DAY, parts={(a_leg().debit, LINTAO): 400})
        books.commit()
        return books

    def test_checks_what_came_after_the_seal(self, sealed: Session) -> None:
        verdict = ledger.verify(sealed, since=2)

        assert verdict.ok
        assert (verdict.checked["entries"], verdict.checked["transfers"]) == (2, 2)
        assert verdict.checked["reversals"] == 1

    def test_needs_the_seal_from_which_it_starts(self, sealed: Session) -> None:
        """It is gone when the end of the chain was cut off, or was never there."""
        assert ledger.verify(sealed, since=3).ok
        (problem,) = ledger.verify(sealed, since=4).problems

        assert (problem.check, problem.row) == ("seals", "seal 4")

    @pytest.mark.parametrize(
        ("deed", "finds"),
        [
            ("UPDATE ledger_entry SET memo = 'x' WHERE key = 'old'", False),
            ("UPDATE ledger_entry SET memo = 'x' WHERE key = 'new'", True),
            ("UPDATE ledger_entry SET memo = 'x' WHERE key = 'waits'", True),
            ("UPDATE ledger_entry SET posted_by = 'x' WHERE key = 'new'", True),
            ("UPDATE ledger_transfer SET amount_fen = 8 WHERE amount_fen = 7", True),
            ("UPDATE ledger_transfer SET amount_fen = 1001 WHERE amount_fen = 400", True),
            ("UPDATE ledger_seal SET hash = sha256(hash) WHERE seq = 3", True),
            ("UPDATE ledger_seal SET hash = sha256(hash) WHERE seq = 2", True),
            ("UPDATE ledger_seal SET hash = sha256(hash) WHERE seq = 1", False),
        ],
    )
    def test_takes_what_came_before_for_granted(
        self,
        sealed: Session,
        tamperer: Engine,
        deed: str,
        finds: bool,  # noqa: FBT001 -- a column of the table above
    ) -> None:
        with tamperer.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            assert connection.execute(text(deed)).rowcount == 1

        found: list[ledger.Problem] = []
        verdict = ledger.verify(sealed, since=2, on_problem=found.append)

        assert verdict.ok is not finds
        assert bool(found) is finds
        sealed.rollback()
        assert not ledger.verify(sealed).ok
