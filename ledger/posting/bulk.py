"""Posting many entries: COPY into a staging table, then the same statement as for one, block by block."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger import journal
from ledger.chart import account_id
from ledger.errors import BulkRefused, PeriodClosed
from ledger.journal import Draft
from ledger.periods import first_open_day, needs_transaction
from ledger.posting.one import refuse_mirror
from ledger.posting.statement import POST_STAGED, STAGE_COLUMNS, copy_in, driver

Outcome = Literal["posted", "same", "conflicting", "refused"]


@dataclass(frozen=True, slots=True)
class EntryVerdict:
    """What became of one draft. They are numbered from 1 in the order in which they came."""

    number: int
    key: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BulkPosted:
    """How many drafts were posted, were there already, had another payload's key, and were refused."""

    posted: int
    same: int
    conflicting: int
    refused: int


# A block is what the server posts in one statement, with its disk where memory does not suffice. Each block adds to the
# same rows of the flow again, so few large ones take half the time of many small ones.
DRAFTS_PER_BLOCK = 1_000_000
_WORK_MEM = "64MB"
_LINES_PER_WRITE = 500


def post_many(  # noqa: PLR0913 -- the choices of one bulk, each optional and named
    session: Session,
    drafts: Iterable[Draft],
    *,
    by: str = "system",
    carry_forward: bool = False,
    all_or_nothing: bool = False,
    on_verdict: Callable[[EntryVerdict], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> BulkPosted:
    """Post drafts in bulk. They are read once and not kept, so memory does not grow with their number.

    Whatever can be posted is. A draft whose key and payload exist already, in the books or earlier among the drafts,
    is the same; one whose key has another payload is conflicting; one whose month is closed is refused.

    Args:
        carry_forward: let drafts of closed months count in the first open month after theirs; see `post`.
        all_or_nothing: post nothing if any draft is conflicting or refused.
        on_verdict: called with the verdict on each draft, in their order. With `all_or_nothing` the verdicts hold only
            if the call returns.
        on_progress: called now and then with the number of drafts read. They are posted when the call returns.

    Raises:
        BulkRefused: `all_or_nothing` was asked, and some cannot be posted.
        InvalidDraft: a draft is a mirror. Nothing is posted then, as with whatever else the drafts' iterator raises.
        IsolationRefused: the transaction is not READ COMMITTED.
    """
    needs_transaction(session)
    bulk = _Bulk(session, by=by, carry_forward=carry_forward, on_progress=on_progress or (lambda _: None))
    first_bad = ""
    remaining = iter(drafts)
    with session.begin_nested():
        session.execute(text(f"SET LOCAL work_mem = '{_WORK_MEM}'"))
        session.execute(text(f"CREATE TEMPORARY TABLE ledger_stage ({STAGE_COLUMNS}) ON COMMIT DROP"))
        while bulk.post(islice(remaining, DRAFTS_PER_BLOCK)):
            for verdict in bulk.verdicts(every=on_verdict is not None):
                if verdict.outcome in {"conflicting", "refused"}:
                    first_bad = first_bad or verdict.key
                if on_verdict is not None:
                    on_verdict(verdict)
            session.execute(text("TRUNCATE pg_temp.ledger_stage"))
        counts = bulk.counts
        if all_or_nothing and first_bad:
            raise BulkRefused(conflicting=counts["conflicting"], refused=counts["refused"], first=first_bad)
        session.execute(text("DROP TABLE pg_temp.ledger_stage"))
    return BulkPosted(counts["posted"], counts["same"], counts["conflicting"], counts["refused"])


class _Bulk:
    """The blocks of one call: what the last one brought, and what all have so far."""

    def __init__(self, session: Session, *, by: str, carry_forward: bool, on_progress: Callable[[int], None]) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.done = 0
        self._session = session
        self._by = by
        self._carry_forward = carry_forward
        self._on_progress = on_progress
        self._entry_ids = journal.entry_ids()
        self._before = 0
        self._posted = 0
        self._refused: set[tuple[str, date]] = set()

    def post(self, drafts: Iterable[Draft]) -> bool:
        """Post a block of drafts; say whether there was any."""
        connection = self._session.connection()
        stage = _Stage(self._entry_ids)
        with copy_in(connection, "COPY pg_temp.ledger_stage FROM STDIN") as copy:
            for lines in stage.lines(drafts):
                copy.write(lines)
                self._on_progress(self.done + stage.count)
        self._before, self.done = self.done, self.done + stage.count
        if not stage.count:
            return False
        parameters = {"by": self._by, **stage.parameters(), **self._closed(stage.months)}
        with driver(connection, POST_STAGED) as found:
            ((self._posted,),) = found.cursor().execute(POST_STAGED, parameters).fetchall()
        return True

    def verdicts(self, *, every: bool) -> Iterator[EntryVerdict]:
        """Judge the drafts of the last block; only if asked, or if not all were posted."""
        if not every and self._posted == self.done - self._before:
            self.counts["posted"] += self._posted
            return
        rows = self._session.execute(_VERDICTS, execution_options={"yield_per": 5000})
        for number, row in enumerate(rows, start=self._before + 1):
            outcome: Outcome = "posted" if row.is_new else "same" if row.is_same else "conflicting"
            reason = ""
            # Its key may have gone to a later draft, whose month is open.
            if not row.is_earlier and (row.book, row.occurred_on.replace(day=1)) in self._refused:
                outcome, reason = "refused", str(PeriodClosed(row.book, row.occurred_on))
            self.counts[outcome] += 1
            yield EntryVerdict(number, row.key, outcome, reason)

    def _closed(self, months: set[tuple[str, date]]) -> dict[str, Sequence[object]]:
        """Hold the months of a block open, and give those that are closed, with the day that counts instead."""
        asked = sorted(months)
        closed = [
            (row.book, row.month)
            for row in self._session.execute(
                _CLOSED, {"books": [book for book, _ in asked], "months": [month for _, month in asked]}
            )
        ]
        days = [
            first_open_day(self._session, book, after=month) if self._carry_forward else None for book, month in closed
        ]
        self._refused = set() if self._carry_forward else set(closed)
        return {
            "closed_books": [book for book, _ in closed],
            "closed_months": [month for _, month in closed],
            "open_days": days,
        }


class _Stage:
    """Writes drafts as lines for COPY, in the order of the stage's columns, and notes what the statement needs."""

    def __init__(self, entry_ids: Iterator[int]) -> None:
        self.count = 0
        self.months: set[tuple[str, date]] = set()
        self._entry_ids = entry_ids
        self._first = self._last = 0
        self._ids: dict[tuple[str, str], str] = {}

    def lines(self, drafts: Iterable[Draft]) -> Iterator[str]:
        """Yield lines, some hundreds at a time, so that a call is worth it."""
        lines: list[str] = []
        for draft in drafts:
            refuse_mirror(draft)
            self.count += 1
            self._append(draft, lines)
            if len(lines) >= _LINES_PER_WRITE:
                yield "".join(lines)
                lines.clear()
        if lines:
            yield "".join(lines)

    def _append(self, draft: Draft, lines: list[str]) -> None:
        entry = self._last = next(self._entry_ids)
        self._first = self._first or entry
        book, key, source, day = draft.book, _escaped(draft.key), _escaped(draft.source), draft.effective_on
        self.months.add((book, day.replace(day=1)))
        # Only the first line of an entry carries what the entry's own row needs.
        digest, memo = f"\\\\x{draft.payload_hash.hex()}", _escaped(draft.memo)
        for number, leg in enumerate(draft.legs, start=1):
            lines.append(
                f"{entry:032x}\t{book}\t{key}\t{digest}\t{day}\t{source}\t{memo}"
                f"\t{entry + number:032x}\t{self._id(book, leg.debit)}\t{self._id(book, leg.credit)}"
                f"\t{leg.amount_fen}\t{leg.kind}\n"
            )
            digest = memo = "\\N"

    def _id(self, book: str, code: str) -> str:
        known = self._ids.get((book, code))
        if known is None:
            known = self._ids[book, code] = account_id(book, code).hex
        return known

    def parameters(self) -> dict[str, str | list[str]]:
        """Give the range of the ids and the accounts that the drafts use, as the statement wants them."""
        return {
            "first_entry": f"{self._first:032x}",
            "last_entry": f"{self._last:032x}",
            "account_ids": list(self._ids.values()),
            "account_books": [book for book, _ in self._ids],
            "account_codes": [code for _, code in self._ids],
        }


_CLOSED = text("""
    SELECT book, month
    FROM unnest(CAST(:books AS text[]), CAST(:months AS date[])) AS used (book, month)
    WHERE NOT ledger_month_is_open(book, month)
""")

# After a block is posted every key of it is in the books, but for those that were refused.
_VERDICTS = text("""
    SELECT
        stage.key, stage.book, stage.occurred_on,
        entry.id = stage.entry_id AS is_new, entry.id < stage.entry_id AS is_earlier,
        entry.payload_hash = stage.payload_hash AS is_same
    FROM ledger_stage stage LEFT JOIN ledger_entry entry ON entry.key = stage.key
    WHERE stage.payload_hash IS NOT NULL
    ORDER BY stage.entry_id
""")

_MEANINGFUL = re.compile(r"[\\\t\n]")


def _escaped(value: str) -> str:
    """Escape a text for COPY; texts hold no other character that means something there."""
    if _MEANINGFUL.search(value) is None:
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
