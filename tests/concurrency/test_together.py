"""Eight writers, readers, closers and sealers in processes of their own: the books stay in order in every snapshot."""

from collections import Counter
from datetime import date

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import ledger
from tests.concurrency.crew import Job, together
from tests.concurrency.watchers import Closer, Sealer, closed_with, digest_now, read, verify
from tests.concurrency.writers import LateWriter, Tally, Writer, amount_fen, the_first
from tests.conftest import DatabaseUrls
from tests.profile import IS_NIGHTLY

WRITERS = 8
AUGUST, SEPTEMBER, OCTOBER = (date(2021, month, 1) for month in (8, 9, 10))
CLOSERS = (
    Closer("closer:1", (("aid", AUGUST), ("aid", OCTOBER))),
    Closer("closer:2", (("cash", SEPTEMBER), ("aid", SEPTEMBER))),
)
READERS: tuple[Job, ...] = (read, read, verify) if IS_NIGHTLY else (read, verify)
SEALERS = 3


def test_everybody_at_once(crowd_urls: DatabaseUrls, application: Engine) -> None:
    with Session(application) as session:
        ledger.post(session, the_first())
        session.commit()
    writers = [Writer(number, rounds=1500 if IS_NIGHTLY else 30) for number in range(WRITERS)]
    late = LateWriter(rounds=300 if IS_NIGHTLY else 10)
    watchers: list[Job] = [*READERS, *map(Sealer, range(SEALERS)), *CLOSERS]

    wrote, watched = together(crowd_urls.app, [*writers, late], watchers)

    snapshots, sealed, closed = watched[: len(READERS)], watched[len(READERS) : -2], watched[-2:]
    assert all(snapshots)
    assert all(sealed)
    with Session(application) as session:
        _check_what_was_written(session, [*wrote, *closed])
        _check_months(session)
        _check_seals(session)
        session.rollback()
        assert ledger.verify(session).problems == []
    _check_that_it_was_a_crowd(sum((tally.outcomes for tally in [*wrote, *closed]), Counter()))


def _check_what_was_written(session: Session, tallies: list[Tally]) -> None:
    """Every key was new to one writer only, and the total is what they say that they have brought about."""
    made = [key for tally in tallies for key in (*tally.posted_fen, *tally.reversed_fen)]
    keys = set(session.scalars(text("SELECT key FROM ledger_entry")))
    assert sorted(made) == sorted(keys - {"first"})
    assert not keys.intersection(key for tally in tallies for key in tally.refused)
    given_fen = amount_fen(the_first()) + sum(sum(tally.posted_fen.values()) for tally in tallies)
    taken_fen = sum(sum(tally.reversed_fen.values()) for tally in tallies)
    assert ledger.totals(session, book="aid", by=["partner"]).total_fen == given_fen - taken_fen


def _check_months(session: Session) -> None:
    """The months that were left closed hold what they held when they were closed."""
    for closer in CLOSERS:
        book, month = closer.months[0]
        assert closed_with(session, book, month) == digest_now(session, book, month)
    carried = session.execute(text("SELECT * FROM ledger_entry WHERE effective_on <> occurred_on")).all()
    assert all(row.effective_on == row.month > row.occurred_on for row in carried)


def _check_seals(session: Session) -> None:
    """Nothing waits for long, and all that is in the books has one seal, without a gap."""
    while ledger.seal(session, limit=1).count:
        session.commit()
    assert ledger.head(session).waiting == 0
    sealed = session.execute(text("SELECT seq, fact_id FROM ledger_seal ORDER BY seq")).all()
    assert [row.seq for row in sealed] == list(range(1, len(sealed) + 1))
    facts = session.scalars(text("SELECT id FROM ledger_entry UNION ALL SELECT id FROM ledger_period")).all()
    assert sorted(row.fact_id for row in sealed) == sorted(facts)


def _check_that_it_was_a_crowd(outcomes: Counter[str]) -> None:
    """A run in which nobody met anybody would prove nothing."""
    for outcome in ("posted", "same", "conflicting", "refused", "reversed", "AlreadyReversed", "closed"):
        assert outcomes[outcome], outcome
