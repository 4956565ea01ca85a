"""A book that grows, and the clock beside every operation on it. Times are seconds."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import FIRST_DAY, sales
from benchmarks.growth import clock
from benchmarks.server import new_ledger
from shop.localpg import LocalServer

PARTNERS, COUNTIES, DAYS = 40, 86, 365
DATABASE = "growing"
BATCH = 10_000
SEALS_BACK = 1_000
_FILL = 100_000
_BULKS, _SEALS = 3, 9
_WARM_UP, _POSTS, _READS, _VERIFICATIONS = 20, 300, 21, 3
_BUSY = ledger.partner_account("120000", "direct", "canteen")
_MIDDLE = FIRST_DAY + timedelta(days=DAYS // 2)

Say = Callable[[str], None]


class GrowingBook:
    """One database, filled step by step; `size` is the number of its transfers, one an entry."""

    LEAST_STEP = 1_000

    def __init__(self, server: LocalServer, *, say: Say) -> None:
        self._url = new_ledger(server, DATABASE)
        self._engine = create_engine(self._url)
        self._superuser = create_engine(server.url(role="postgres", database=DATABASE), isolation_level="AUTOCOMMIT")
        clock.prepare(self._superuser)
        self._drafts = sales(10**9, partners=PARTNERS, counties=COUNTIES, days=DAYS, prefix="sizes")
        self._say = say
        self._noon: datetime | None = None  # when the first bulk of today was posted
        self.size = 0

    def close(self) -> None:
        """Leave the database."""
        self._engine.dispose()
        self._superuser.dispose()

    def grow(self, size: int) -> dict[str, float]:
        """Fill the book until it has so many transfers, seal all, and time the last bulks and batches of seals.

        All but the last bulk is posted as if it were yesterday. Before the bulks that are timed the tables are vacuumed
        and a checkpoint is made, as the server does by itself in time.
        """
        step = size - self.size
        bulk = min(BATCH, step)
        bulks = min(_BULKS, step // bulk)
        timed_from = size - bulks * bulk
        with clock.yesterday(self._url, superuser=self._superuser) as engine:
            while self.size < timed_from:
                self._post_many(engine, min(_FILL, timed_from - self.size))
                self._seal_all()
                self._say(f"{self.size:,} of {size:,} transfers")
            self._tidy()
            times = [self._post_many(engine, bulk) for _ in range(bulks - 1)]
        times.append(self._post_many(self._engine, bulk))
        self._noon = self._noon or self._now()
        per_transfer = statistics.median(times) / bulk
        return {"post_many": per_transfer, "seal": self._seal_all()}

    def measure(self) -> dict[str, float]:
        """Time everything else, at the size that the book has. Whatever is posted to be timed stays in the book."""
        self._tidy()
        with Session(self._engine) as session:
            middle = ledger.transfers(session, account=_BUSY, since=_MIDDLE, limit=1).next_cursor
        times = {
            "post": self._post(),
            "totals": self._read(lambda session: ledger.totals(session, book="aid", by=["partner", "mode"])),
            "totals_known_at": self._read(
                lambda session: ledger.totals(session, book="aid", by=["partner", "mode"], known_at=self._noon)
            ),
            "statement": self._read(lambda session: ledger.statement(session, _BUSY)),
            "statement_deep": self._read(lambda session: ledger.statement(session, _BUSY, after=middle)),
        }
        self._seal_all()
        since = max(0, self._head() - SEALS_BACK)
        times["verify_since"] = statistics.median(self._verify(since) for _ in range(_VERIFICATIONS))
        self._say("everything else is measured; verifying the whole book")
        times["verify"] = self._verify(None)
        return times

    def _post_many(self, engine: Engine, count: int) -> float:
        drafts = list(islice(self._drafts, count))
        with Session(engine) as session:
            started = time.perf_counter()
            posted = ledger.post_many(session, drafts, by="benchmark").posted
            session.commit()
            seconds = time.perf_counter() - started
        if posted != count:
            raise RuntimeError(f"{posted} of {count} drafts were posted")
        self.size += count
        return seconds

    def _post(self) -> float:
        """Give the median of one entry a commit, by one client on a lasting connection."""
        times = []
        with self._engine.connect() as connection, Session(connection) as session:
            for draft in islice(self._drafts, _WARM_UP + _POSTS):
                started = time.perf_counter()
                ledger.post(session, draft, by="benchmark")
                session.commit()
                times.append(time.perf_counter() - started)
        self.size += len(times)
        return statistics.median(times[_WARM_UP:])

    def _seal_all(self) -> float:
        """Seal what waits, and give the time of a batch: of the last full ones, or scaled up from a rest."""
        times: list[float] = []
        rests: list[float] = [0.0]
        with Session(self._engine) as session:
            while True:
                started = time.perf_counter()
                count = ledger.seal(session, limit=BATCH).count
                session.commit()
                if not count:
                    break
                (times if count == BATCH else rests).append((time.perf_counter() - started) * BATCH / count)
        return statistics.median(times[-_SEALS:] or rests[-1:])

    def _read(self, read: Callable[[Session], object]) -> float:
        """Give the median of some readings, after one that warms up."""
        times = []
        with Session(self._engine) as session:
            for _ in range(_READS + 1):
                started = time.perf_counter()
                read(session)
                times.append(time.perf_counter() - started)
        return statistics.median(times[1:])

    def _verify(self, since: int | None) -> float:
        with Session(self._engine) as session:
            started = time.perf_counter()
            verdict = ledger.verify(session, since=since)
            seconds = time.perf_counter() - started
        if not verdict.ok:
            raise RuntimeError(f"the books are wrong: {verdict.problems}")
        return seconds

    def _head(self) -> int:
        with Session(self._engine) as session:
            return ledger.head(session).seq

    def _now(self) -> datetime:
        with Session(self._engine) as session:
            now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return now

    def _tidy(self) -> None:
        with self._superuser.connect() as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
            connection.execute(text("CHECKPOINT"))
