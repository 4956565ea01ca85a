"""Races made certain: one transaction is held open while another runs into it. Each has its negative control.

The control takes away what prevents the race, and shows that the test would notice.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

import ledger
from ledger import PeriodClosed
from ledger.functions import FUNCTIONS
from tests.concurrency.watchers import closed_with, digest_now
from tests.conftest import DatabaseUrls, execute
from tests.ledger.databases import make_books
from tests.ledger.factories import DAY, LINTAO, a_leg, a_sale

T = TypeVar("T")
PATIENCE_SECONDS = 30
MONTH = DAY.replace(day=1)

# What `ledger_month_is_open` is not: without the lock, and with it but looking at what the caller's statement sees.
_BODY = """
CREATE OR REPLACE FUNCTION ledger_month_is_open(the_book text, the_month date) RETURNS boolean
LANGUAGE plpgsql {volatility} AS $$
BEGIN
    {lock}
    RETURN NOT EXISTS (
        SELECT FROM ledger_period WHERE book = the_book AND month = the_month HAVING max(number) % 2 = 1
    );
END
$$
"""
WITHOUT_LOCK = _BODY.format(volatility="VOLATILE", lock="")
STABLE = _BODY.format(
    volatility="STABLE", lock="PERFORM pg_advisory_xact_lock_shared(ledger_month_lock(the_book, the_month));"
)


@contextmanager
def begun(engine: Engine) -> Iterator[Session]:
    """Give a session that never waits for ever."""
    with Session(engine) as session:
        session.execute(text(f"SET lock_timeout = '{PATIENCE_SECONDS}s'"))
        session.commit()
        yield session


def while_it_waits(
    superuser: Engine, session: Session, work: Callable[[Session], T], *, until: Callable[[], object]
) -> T:
    """Begin work that has to wait for another transaction; when it does, end that one; give the work's result."""
    pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with ThreadPoolExecutor(1) as pool, superuser.connect() as watcher:
        future = pool.submit(work, session)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not watcher.scalar(text("SELECT cardinality(pg_blocking_pids(:pid))"), {"pid": pid}):
            watcher.rollback()
            if future.done() or time.monotonic() > deadline:
                pytest.fail("it does not wait")
        until()
        return future.result(PATIENCE_SECONDS)


def is_as_closed(engine: Engine) -> bool:
    """Say whether the month holds what it held when it was closed."""
    with Session(engine) as session:
        return digest_now(session, "aid", MONTH) == closed_with(session, "aid", MONTH)


def problems(engine: Engine) -> list[str]:
    """Verify the books; name the checks that fail."""
    with Session(engine) as session:
        return [problem.check for problem in ledger.verify(session).problems]


def close(session: Session) -> None:
    """Close the month."""
    ledger.close_month(session, "aid", MONTH, by="finance")
    session.commit()


class TestClosing:
    def test_waits_for_those_who_are_posting(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as poster, begun(application) as closer:
            ledger.post(poster, a_sale())
            while_it_waits(superuser, closer, close, until=poster.commit)
            (period,) = ledger.periods(closer, book="aid")

        assert (period.state, period.entries, period.turnover_fen) == ("closed", 1, 1000)
        assert is_as_closed(application)

    def test_refuses_those_who_waited_for_it(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as poster, begun(application) as closer:
            ledger.close_month(closer, "aid", MONTH, by="finance")
            with pytest.raises(PeriodClosed):
                while_it_waits(superuser, poster, lambda it: ledger.post(it, a_sale()), until=closer.commit)
            poster.rollback()
            assert ledger.find(poster, "sale:1") is None
        assert is_as_closed(application)

    def test_carries_those_forward_who_waited_for_it(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as poster, begun(application) as closer:
            ledger.close_month(closer, "aid", MONTH, by="finance")
            while_it_waits(
                superuser, poster, lambda it: ledger.post(it, a_sale(), carry_forward=True), until=closer.commit
            )
            entry = ledger.find(poster, "sale:1")
            poster.commit()
        assert entry is not None
        assert (entry.occurred_on, entry.effective_on) == (DAY, date(2021, 10, 1))
        assert is_as_closed(application)

    def test_refuses_a_bulk_that_waited_for_it(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as poster, begun(application) as closer:
            ledger.close_month(closer, "aid", MONTH, by="finance")
            drafts = [a_sale("sale:1"), a_sale("sale:2", on=date(2021, 10, 1))]
            counts = while_it_waits(superuser, poster, lambda it: ledger.post_many(it, drafts), until=closer.commit)
            poster.commit()
        assert (counts.posted, counts.refused) == (1, 1)
        assert is_as_closed(application)


@pytest.fixture
def careless(new_database: Callable[[str], DatabaseUrls]) -> Iterator[tuple[DatabaseUrls, Engine, Engine]]:
    """Return a database of its own, in which a test replaces a function."""
    urls = new_database("careless")
    make_books(urls.owner, role="ganwei_app")
    engines = create_engine(urls.app), create_engine(urls.superuser)
    yield urls, *engines
    for engine in engines:
        engine.dispose()


class TestClosingCarelessly:
    def test_without_the_lock_lets_an_entry_into_a_closed_month(
        self, careless: tuple[DatabaseUrls, Engine, Engine]
    ) -> None:
        urls, application, _ = careless
        execute(urls.owner, WITHOUT_LOCK)
        with begun(application) as poster, begun(application) as closer:
            ledger.post(poster, a_sale())
            close(closer)
            poster.commit()
        assert not is_as_closed(application)
        assert "periods" in problems(application)

    def test_with_an_old_look_lets_an_entry_into_a_closed_month(
        self, careless: tuple[DatabaseUrls, Engine, Engine]
    ) -> None:
        urls, application, superuser = careless
        execute(urls.owner, STABLE)
        with begun(application) as poster, begun(application) as closer:
            ledger.close_month(closer, "aid", MONTH, by="finance")
            while_it_waits(superuser, poster, lambda it: ledger.post(it, a_sale()), until=closer.commit)
            poster.commit()
        assert not is_as_closed(application)
        assert "periods" in problems(application)


# As a sealer would that remembers only how far it came.
BY_WATERMARK = text("""
    SELECT fact.id, fact.payload_hash, fact.effective_on, fact.posted_at, fact.posted_by
    FROM ledger_entry fact
    WHERE fact.id > ALL (SELECT fact_id FROM ledger_seal)
    ORDER BY fact.id
    LIMIT :limit
""")


class TestSealing:
    def test_passes_nobody_over_who_commits_late(self, application: Engine) -> None:
        assert _sealed_around_a_late_one(application) == ["soon", "late"]
        assert problems(application) == []

    def test_by_a_watermark_passes_over_who_commits_late(
        self, application: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Not by attribute: the function `ledger.seal` hides its module.
        monkeypatch.setattr(import_module("ledger.seal"), "_ENTRIES", BY_WATERMARK)

        assert _sealed_around_a_late_one(application) == ["soon"]
        # It neither waits nor is it sealed, so the totals have not got it either.
        assert problems(application) == ["margins", "waiting"]

    def test_queues_behind_another_sealer(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as first, begun(application) as second:
            for number in range(3):
                ledger.post(first, a_sale(f"sale:{number}"))
            first.commit()
            assert ledger.seal(first, limit=2).count == 2
            sealed = while_it_waits(superuser, second, ledger.seal, until=first.commit)
            assert (sealed.count, sealed.seq) == (1, 3)

    def test_leaves_to_the_next_what_a_sealer_rolls_back(self, application: Engine, superuser: Engine) -> None:
        with begun(application) as first, begun(application) as second:
            ledger.post(first, a_sale())
            first.commit()
            ledger.seal(first)
            sealed = while_it_waits(superuser, second, ledger.seal, until=first.rollback)
            assert (sealed.count, sealed.seq) == (1, 1)


def _sealed_around_a_late_one(engine: Engine) -> list[str]:
    """Post one entry, post and seal another, and commit the first only then; give what is sealed in the end."""
    with begun(engine) as setup:
        ledger.post(setup, a_sale("first"))  # makes the accounts, for which the others would wait
        setup.commit()
        ledger.seal(setup)
        setup.commit()
    with begun(engine) as late, begun(engine) as soon, begun(engine) as sealer:
        ledger.post(late, a_sale("late"))
        ledger.post(soon, a_sale("soon"))
        soon.commit()
        ledger.seal(sealer)
        sealer.commit()
        late.commit()
        ledger.seal(sealer)
        sealer.commit()
        return list(sealer.scalars(_SEALED_KEYS))


_SEALED_KEYS = text("""
    SELECT entry.key FROM ledger_seal seal JOIN ledger_entry entry ON entry.id = seal.fact_id
    WHERE seal.seq > 1 ORDER BY seal.seq
""")

POST = next(function.create for function in FUNCTIONS if function.signature.startswith("ledger_post("))
# Everybody in one shard, to meet on one row.
IN_ONE_SHARD = POST.replace("(pg_backend_pid() + step) % 16", "0")
# Reads what the statement saw when it began, and writes the sum.
READ_THEN_WRITE = IN_ONE_SHARD.replace(
    "held.amount_fen + excluded.amount_fen",
    """excluded.amount_fen + (
        SELECT seen.amount_fen FROM ledger_flow seen
        WHERE (seen.debit_account, seen.credit_account, seen.day, seen.kind, seen.known_on, seen.shard)
            = (held.debit_account, held.credit_account, held.day, held.kind, held.known_on, held.shard)
    )""",
)


class TestCountingTheFlow:
    def test_does_not_queue_for_a_hot_row(self, application: Engine) -> None:
        with begun(application) as first, begun(application) as second:
            ledger.post(first, a_sale("first"))
            first.commit()
            ledger.post(first, a_sale("one"))
            ledger.post(second, a_sale("other"))
            second.commit()
            first.commit()
            assert ledger.balance(second, LINTAO) == 3000

    def test_loses_nothing_on_one_row(self, careless: tuple[DatabaseUrls, Engine, Engine]) -> None:
        urls, application, superuser = careless
        assert IN_ONE_SHARD != POST
        execute(urls.owner, IN_ONE_SHARD)

        assert _post_at_once(application, superuser) == 1 + 5 + 7
        assert problems(application) == ["rights"], "nothing but the function"

    def test_by_reading_and_writing_loses_an_amount_and_verify_says_so(
        self, careless: tuple[DatabaseUrls, Engine, Engine]
    ) -> None:
        urls, application, superuser = careless
        assert READ_THEN_WRITE != IN_ONE_SHARD
        execute(urls.owner, READ_THEN_WRITE)

        assert _post_at_once(application, superuser) == 1 + 7
        assert "flow" in problems(application)


def _post_at_once(application: Engine, superuser: Engine) -> int:
    """Post 1 fen, then 5 and 7 at once to the same accounts, and give what the books make of it."""
    with begun(application) as first, begun(application) as second:
        ledger.post(first, a_sale("first", a_leg(1)))
        first.commit()
        ledger.post(first, a_sale("five", a_leg(5)))
        while_it_waits(superuser, second, lambda it: ledger.post(it, a_sale("seven", a_leg(7))), until=first.commit)
        second.commit()
        return ledger.balance(second, LINTAO)
