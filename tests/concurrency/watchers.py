"""Jobs that go on as long as the writers: readers, closers and sealers."""

import hashlib
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import ledger
from ledger import Draft, Leg, PeriodClosed
from tests.concurrency.crew import Post
from tests.concurrency.writers import COUNTIES, PARTNERS, Tally


class Grown(NamedTuple):
    """What the book of assistance was given in all, and what was taken back of it."""

    given_fen: int
    taken_fen: int


_GROWN = text("""
    SELECT
        coalesce(sum(transfer.amount_fen) FILTER (WHERE debit.kind = 'partner'), 0) AS given_fen,
        coalesce(sum(transfer.amount_fen) FILTER (WHERE debit.kind = 'county'), 0) AS taken_fen
    FROM ledger_transfer transfer JOIN ledger_account debit ON debit.id = transfer.debit_account
""")
_CELLS_THAT_DIFFER = text("""
    SELECT *
    FROM (
        SELECT debit_account, credit_account, day, kind, sum(count) AS count, sum(amount_fen) AS amount_fen
        FROM ledger_flow GROUP BY 1, 2, 3, 4
    ) flow FULL JOIN (
        SELECT debit_account, credit_account, effective_on AS day, kind, count(*), sum(amount_fen) AS amount_fen
        FROM ledger_transfer GROUP BY 1, 2, 3, 4
    ) held USING (debit_account, credit_account, day, kind, count, amount_fen)
    WHERE flow.count IS NULL OR held.count IS NULL
""")
_SEALS = text("SELECT count(*) AS count, coalesce(max(seq), 0) AS last FROM ledger_seal")


def read(post: Post) -> int:
    """Take one snapshot after the other, and find the books in agreement in each; return how many."""
    before = Grown(0, 0)
    snapshots = 0
    for _ in post.until_the_end():
        with Session(post.engine) as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            margins = {
                ledger.totals(session, book="aid", by=by).total_fen for by in ([], ["partner"], ["county"], ["month"])
            }
            now = Grown(*map(int, session.execute(_GROWN).one()))
            assert margins == {now.given_fen - now.taken_fen}
            assert now.given_fen >= before.given_fen
            assert now.taken_fen >= before.taken_fen
            assert ledger.totals(session, book="cash", by=["account"]).total_fen == 0
            assert session.execute(_CELLS_THAT_DIFFER).all() == []
            seals = session.execute(_SEALS).one()
            assert seals.count == seals.last == ledger.head(session).seq
        before = now
        snapshots += 1
    return snapshots


def verify(post: Post) -> int:
    """Verify the books again and again, all of them and then those since a seal; return how often."""
    times = 0
    for _ in post.until_the_end():
        since = None
        for _ in range(2):
            with Session(post.engine) as session:
                assert ledger.verify(session, since=since).problems == []
                since = ledger.head(session).seq // 2
        times += 1
    return times


_HELD = text("""
    SELECT effective_on, id, payload_hash FROM ledger_entry
    WHERE book = :book AND effective_on >= :month AND effective_on < CAST(:month AS date) + interval '1 month'
    ORDER BY effective_on, id
""")
_CLOSED_WITH = text("""
    SELECT digest FROM ledger_period WHERE book = :book AND month = :month ORDER BY number DESC LIMIT 1
""")


def digest_now(session: Session, book: str, month: date) -> bytes:
    """Work out the digest of what a month holds now: that of its days, each that of its entries."""
    days: dict[date, bytes] = {}
    for row in session.execute(_HELD, {"book": book, "month": month}):
        days[row.effective_on] = days.get(row.effective_on, b"") + row.payload_hash + row.id.bytes
    return hashlib.sha256(
        b"".join(hashlib.sha256(held).digest() + (day - month).days.to_bytes(4) for day, held in days.items())
    ).digest()


def closed_with(session: Session, book: str, month: date) -> bytes | None:
    """Read the digest that was put on record when a month was closed, None when it is open."""
    digest: bytes | None = session.scalar(_CLOSED_WITH, {"book": book, "month": month})
    return digest


@dataclass(frozen=True)
class Closer:
    """A process that closes months of its own and opens them again, but the first of them at last."""

    name: str
    months: tuple[tuple[str, date], ...]

    def __call__(self, post: Post) -> Tally:
        """Go round the months; in each that is closed nothing appears, and nothing can be posted."""
        tally = Tally()
        for number in post.until_the_end():
            for book, month in self.months:
                with Session(post.engine) as session:
                    ledger.close_month(session, book, month, by=self.name)
                    session.commit()
                    recorded = closed_with(session, book, month)
                    assert digest_now(session, book, month) == recorded
                    session.rollback()
                    if book == "aid":
                        self.try_to_post(session, month, f"{self.name}:{month}:{number}", tally)
                    assert digest_now(session, book, month) == recorded
                    ledger.reopen_month(session, book, month, by=self.name, reason="错账")
                    session.commit()
                tally.outcomes["closed"] += 1
        with Session(post.engine) as session:
            ledger.close_month(session, *self.months[0], by=self.name)
            session.commit()
        return tally

    def try_to_post(self, session: Session, month: date, key: str, tally: Tally) -> None:
        """Be refused, then let the same be carried forward."""
        draft = Draft("aid", key, month, key, (Leg(PARTNERS[1], COUNTIES[1], 3, "sale"),))
        with pytest.raises(PeriodClosed):
            ledger.post(session, draft)
        session.rollback()
        assert ledger.post(session, draft, carry_forward=True).is_new
        entry = ledger.find(session, key)
        assert entry is not None
        assert entry.occurred_on == month
        assert entry.effective_on.replace(day=1) == entry.effective_on > month
        session.commit()
        tally.posted_fen[key] = 3


@dataclass(frozen=True)
class Sealer:
    """A process that seals a few at a time and sometimes rolls back, until nothing waits."""

    number: int

    def __call__(self, post: Post) -> int:
        """Seal; return how many."""
        rng = Random(self.number)  # noqa: S311 -- so that a run can be repeated
        done = 0
        with Session(post.engine) as session:
            for _ in post.until_the_end():
                done += self.once(session, rng)
            while ledger.head(session).waiting:
                done += self.once(session, rng)
                post.check_time()
        return done

    def once(self, session: Session, rng: Random) -> int:
        """Seal at most seven; every sixth time for nothing."""
        count = ledger.seal(session, limit=rng.randint(1, 7)).count
        if rng.random() < 1 / 6:
            session.rollback()
            return 0
        session.commit()
        if not count:
            session.connection().exec_driver_sql("SELECT pg_sleep(0.01)")  # not to keep the machine from the others
            session.rollback()
        return count
