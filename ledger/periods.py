"""Months of the books: closing them, opening them again, and where a fact counts that comes too late.

The state of a month is a log, so who closed and opened it stays on record. Posting asks `ledger_month_is_open` in the
database, which holds a shared lock on the month until the end of the poster's transaction; closing takes the same lock
alone. So a month is closed only when nobody is still posting into it, and then nobody can.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, DateTime, Row, Select, cast, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from ledger import chart, journal
from ledger.errors import AlreadyClosed, BadQuery, IsolationRefused, NotClosed, UnknownOrigin
from ledger.reports.flows import flow_of
from ledger.tables import account_table, period_table, unsealed_table

_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A month of a book: how it stands, who brought that about, and what it holds.

    `turnover_fen` adds up every transfer, mirrors too. Of a month that nobody ever closed `changed_at` is None.
    """

    book: str
    month: date
    state: str
    entries: int | None
    transfers: int
    turnover_fen: int
    changed_at: datetime | None
    changed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PeriodChange:
    """A closing or a reopening of a month. The figures are those that a closing put on record."""

    number: int
    state: str
    entries: int | None
    transfers: int | None
    turnover_fen: int | None
    changed_at: datetime
    changed_by: str
    reason: str


def close_month(session: Session, book: str, month: date, *, by: str, reason: str = "") -> PeriodRow:
    """Close a month of a book, with what it holds on record. Waits for all that are posting into it.

    Args:
        month: any day of it.
        by: who answers for it.

    Raises:
        AlreadyClosed: it is closed.
        UnknownOrigin: assistance up to the month's end has gone to counties that nobody has named yet.
        IsolationRefused: the transaction is not READ COMMITTED.
        BadQuery: there is no such book.
    """
    first, last = _lock(session, book, month)
    if last is not None and last.state == "closed":
        raise AlreadyClosed(book, first)
    _refuse_unknown_origin(session, book, _next(first))
    figures = session.execute(_FIGURES, {"book": book, "month": first}).one()
    return _log(session, book, first, last, {"changed_by": by, "reason": reason, **figures._mapping})  # noqa: SLF001 -- its API


def reopen_month(session: Session, book: str, month: date, *, by: str, reason: str) -> PeriodRow:
    """Open a closed month again.

    Raises:
        NotClosed: it is open.
        IsolationRefused: the transaction is not READ COMMITTED.
        BadQuery: there is no such book.
    """
    first, last = _lock(session, book, month)
    if last is None or last.state == "open":
        raise NotClosed(book, first)
    return _log(session, book, first, last, {"changed_by": by, "reason": reason})


def periods(session: Session, *, book: str) -> list[PeriodRow]:
    """List the months of a book that hold something or were closed once, the newest first.

    `entries` is known of closed months only; the other figures are those of today.

    Raises:
        BadQuery: there is no such book.
    """
    _check(book)
    return [
        PeriodRow(
            book,
            row.month,
            row.state or "open",
            row.entries,
            int(row.transfers),
            int(row.turnover_fen),
            row.changed_at,
            row.changed_by or "",
            row.reason or "",
        )
        for row in session.execute(_stands(session, book))
    ]


def period_changes(session: Session, book: str, month: date) -> list[PeriodChange]:
    """List the closings and reopenings of a month, the oldest first.

    Raises:
        BadQuery: there is no such book.
    """
    _check(book)
    log = period_table.c
    query = select(period_table).where(log.book == book, log.month == month.replace(day=1)).order_by(log.number)
    return [
        PeriodChange(
            row.number,
            row.state,
            row.entries,
            row.transfers,
            None if row.turnover_fen is None else int(row.turnover_fen),
            row.changed_at,
            row.changed_by,
            row.reason,
        )
        for row in session.execute(query)
    ]


def first_open_day(session: Session, book: str, *, after: date) -> date:
    """Give the first day of the first open month after a day's own, and keep it open until the transaction ends."""
    month = _next(after.replace(day=1))
    while not session.scalar(select(func.ledger_month_is_open(book, month))):
        month = _next(month)
    return month


def counting_day(session: Session, book: str, on: date) -> date:
    """Tell on which day a fact of a day would count if it were posted now: its own, or the first of an open month.

    Holds no month open, so what is told may have changed when the fact is posted.

    Raises:
        BadQuery: there is no such book.
    """
    _check(book)
    log, month = period_table.c, on.replace(day=1)
    # The log of a month alternates: its odd rows close it, its even rows open it again.
    is_closed = func.max(log.number) % 2 == 1
    query = select(log.month).where(log.book == book, log.month >= month).group_by(log.month).having(is_closed)
    closed = set(session.scalars(query))
    if month not in closed:
        return on
    while month in closed:
        month = _next(month)
    return month


def needs_read_committed(session: Session) -> None:
    """Refuse a transaction that does not see what others commit while it runs.

    Raises:
        IsolationRefused: it is of that kind.
    """
    isolation = session.scalar(select(func.current_setting("transaction_isolation")))
    if isolation != "read committed":
        raise IsolationRefused(str(isolation))


def needs_transaction(session: Session) -> None:
    """Refuse what would not hold a lock until its work is done: autocommit, and what `needs_read_committed` refuses.

    Raises:
        IsolationRefused: it is of that kind.
    """
    if getattr(session.connection().connection.driver_connection, "autocommit", False):
        raise IsolationRefused("autocommit")
    needs_read_committed(session)


def _stands(session: Session, book: str) -> Select[Any]:
    """Select the months of a book, with what each holds and the last row of its log."""
    flow, log = flow_of(session, None, None).c, period_table.c
    month = cast(func.date_trunc("month", cast(flow.day, DateTime)), Date).label("month")
    moved = select(month, func.sum(flow["count"]).label("transfers"), func.sum(flow.amount_fen).label("turnover_fen"))
    is_in_book = (account_table.c.id == flow.debit_account) & (account_table.c.book == book)
    held = moved.join(account_table, is_in_book).group_by(month).subquery("held")
    last = select(period_table).ext(distinct_on(log.month)).order_by(log.month, log.number.desc())
    stands = last.where(log.book == book).subquery("stands")
    first_day = func.coalesce(held.c.month, stands.c.month).label("month")
    figures = (func.coalesce(held.c[name], 0).label(name) for name in ("transfers", "turnover_fen"))
    known = (stands.c[name] for name in ("state", "entries", "changed_at", "changed_by", "reason"))
    both = held.join(stands, held.c.month == stands.c.month, full=True)
    return select(first_day, *figures, *known).select_from(both).order_by(first_day.desc())


def _next(month: date) -> date:
    if month.month == _DECEMBER:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)


def _check(book: str) -> None:
    if book not in chart.BOOKS:
        raise BadQuery("book", book, f"must be one of {', '.join(chart.BOOKS)}")


def _lock(session: Session, book: str, month: date) -> tuple[date, Row[Any] | None]:
    """Wait until nobody posts into the month or changes its state, then read how it stands."""
    _check(book)
    needs_transaction(session)
    first = month.replace(day=1)
    session.execute(select(func.pg_advisory_xact_lock(func.ledger_month_lock(book, first))))
    log = period_table.c
    last = session.execute(
        select(period_table).where(log.book == book, log.month == first).order_by(log.number.desc()).limit(1)
    ).one_or_none()
    return first, last


def _log(session: Session, book: str, month: date, last: Row[Any] | None, facts: dict[str, Any]) -> PeriodRow:
    number = 1 if last is None else last.number + 1
    state = "closed" if number % 2 else "open"
    new_id = journal.entry_id()
    session.execute(
        period_table.insert().values(id=new_id, book=book, month=month, number=number, state=state, **facts)
    )
    session.execute(unsealed_table.insert().values(first_fact=new_id, last_fact=new_id, count=1))
    return next(row for row in periods(session, book=book) if row.month == month)


CHANGE_VERSION = "ganwei.ledger.period.v1"


def change_hash(row: Row[Any]) -> bytes:
    """Hash what a row of the log says: its fields in fixed order, each with its length, a version in front.

    Who changed the month and when is added by the seal.
    """
    figures = (row.entries, row.transfers, row.turnover_fen)
    fields = [
        *(CHANGE_VERSION, row.book, row.month.isoformat(), str(row.number), row.state, row.reason),
        *("" if figure is None else str(figure) for figure in figures),
    ]
    encoded = [*(field.encode() for field in fields), row.digest or b""]
    return hashlib.sha256(b"".join(map(journal.field_bytes, encoded))).digest()


def _refuse_unknown_origin(session: Session, book: str, until: date) -> None:
    left = session.execute(_UNKNOWN, {"book": book, "until": until}).scalars().all()
    if left:
        raise UnknownOrigin(book, until, left)


_UNKNOWN = text(f"""
    SELECT account.code
    FROM ledger_account account
    JOIN ledger_flow flow ON account.id IN (flow.debit_account, flow.credit_account)
    WHERE account.book = :book AND account.code LIKE 'county:{chart.UNKNOWN_COUNTY}:%' AND flow.day < :until
    GROUP BY account.code
    HAVING sum(CASE WHEN flow.credit_account = account.id THEN flow.amount_fen ELSE -flow.amount_fen END) <> 0
    ORDER BY account.code
""")  # noqa: S608 -- our own name

# The digest of a month is that of its days, a day's that of its entries in the order of their ids: so no value grows
# with the month, and none of its entries can be changed, taken away, added or moved to another day unnoticed.
_FIGURES = text("""
    WITH days AS (
        SELECT
            effective_on, count(*) AS entries,
            sha256(string_agg(payload_hash || uuid_send(id), ''::bytea ORDER BY id)) AS digest
        FROM ledger_entry
        WHERE book = :book AND month = :month
        GROUP BY effective_on
    ), moved AS (
        SELECT coalesce(sum(flow.count), 0) AS transfers, coalesce(sum(flow.amount_fen), 0) AS turnover_fen
        FROM ledger_flow flow JOIN ledger_account account ON account.id = flow.debit_account
        WHERE account.book = :book AND flow.day >= :month AND flow.day < CAST(:month AS date) + interval '1 month'
    )
    SELECT
        (SELECT coalesce(sum(entries), 0) FROM days) AS entries, transfers, turnover_fen,
        (
            SELECT sha256(coalesce(string_agg(digest || int4send(effective_on - :month), '' ORDER BY effective_on), ''))
            FROM days
        ) AS digest
    FROM moved
""")
