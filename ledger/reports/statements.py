"""The statement of one account: what it had, what came and went, what it has."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ledger.chart import Account
from ledger.errors import BadQuery
from ledger.reports.balances import balance, check_days, named, signed
from ledger.reports.lines import TransferRow, position, transfers, was_known
from ledger.tables import transfer_table


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A transfer as the account sees it: with the account's sign, and the balance after it."""

    transfer: TransferRow
    signed_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """A period of an account, or a page of it. `brought_fen` is the balance before the page's first row."""

    account: str
    opening_fen: int
    brought_fen: int
    rows: list[StatementLine]
    closing_fen: int
    next_cursor: str | None


def statement(  # noqa: PLR0913 -- the period and the page of one statement, each optional and named
    session: Session,
    account: str,
    *,
    book: str | None = None,
    since: date | None = None,
    until: date | None = None,
    as_of: date | None = None,
    known_at: datetime | None = None,
    after: str | None = None,
    limit: int = 100,
) -> AccountStatement:
    """State an account for the days from `since` to the day before `until`, in its own sign.

    Opening and closing balance are those of the whole period, whatever the page. In a transaction that is REPEATABLE
    READ the three agree while others post.

    Args:
        as_of: the last day of the period, in place of `until`.
        known_at: state only what was posted before this moment.
        after: the cursor that the page before gave out.
        limit: 1 to 1000 rows.

    Raises:
        AccountShapeError: the account's code is not legal.
        BadCursor: no page gave out this cursor.
        BadQuery: the page size or the range of days is impossible.
    """
    asked = named(account, book)
    if as_of is not None:
        if until is not None:
            raise BadQuery("as_of", as_of, "give either as_of or until")
        until = as_of + timedelta(days=1)
    check_days(since, until)
    opening_fen = 0 if since is None else balance(session, account, until=since, known_at=known_at)
    brought_fen = opening_fen if after is None else _balance_at(session, asked, after, known_at)
    page = transfers(session, account=account, since=since, until=until, known_at=known_at, after=after, limit=limit)
    lines = []
    running_fen = brought_fen
    for row in page.rows:
        amount_fen = row.amount_fen if row.debit_account == account else -row.amount_fen
        running_fen += signed(asked, amount_fen)
        lines.append(StatementLine(row, signed(asked, amount_fen), running_fen))
    return AccountStatement(
        account=account,
        opening_fen=opening_fen,
        brought_fen=brought_fen,
        rows=lines,
        closing_fen=balance(session, account, until=until, known_at=known_at),
        next_cursor=page.next_cursor,
    )


def _balance_at(session: Session, account: Account, cursor: str, known_at: datetime | None) -> int:
    """Give the balance after the cursor's row: the flow of the days before, and the rows of its day."""
    day, identifier = position(cursor)
    row = transfer_table.c
    is_debit = row.debit_account == account.id
    net = session.scalar(
        select(func.sum(case((is_debit, row.amount_fen), else_=-row.amount_fen))).where(
            is_debit | (row.credit_account == account.id),
            row.effective_on == day,
            row.id <= identifier,
            *([] if known_at is None else [was_known(known_at)]),
        )
    )
    return balance(session, account.code, until=day, known_at=known_at) + signed(account, int(net or 0))
