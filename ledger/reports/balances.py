"""Accounts and their balances, each on its own side: a growing account has a growing, positive balance."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import case, func, select, union_all
from sqlalchemy.orm import Session

from ledger import chart
from ledger.chart import Account
from ledger.errors import BadQuery
from ledger.reports.flows import days, flow_at, flow_of
from ledger.tables import account_table


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that has been used, with its balance over all time."""

    code: str
    book: str
    kind: str
    balance_fen: int


def named(code: str, book: str | None) -> Account:
    """Read an account's code, of a given book or of whichever it belongs to.

    Raises:
        AccountShapeError: the code is not legal there.
    """
    return chart.parse_any(code) if book is None else chart.parse(book, code)


def check_days(since: date | None, until: date | None) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        BadQuery: it does.
    """
    if since is not None and until is not None and until < since:
        raise BadQuery("until", until, f"is before {since}")


def balance(session: Session, account: str, *, until: date | None = None, known_at: datetime | None = None) -> int:
    """Sum up an account before a day, or over all time, in fen; as it was known at a moment, or is now.

    Debit-normal for who helped, assets and expenses; credit-normal for who was helped, liabilities and income. An
    account that was never used has zero.

    Raises:
        AccountShapeError: the code is legal in no book.
        BadQuery: the moment has no time zone.
    """
    asked = chart.parse_any(account)
    flow = flow_at(known_at).c
    is_debit = flow.debit_account == asked.id
    net = session.scalar(
        select(func.sum(case((is_debit, flow.amount_fen), else_=-flow.amount_fen))).where(
            is_debit | (flow.credit_account == asked.id), *days(flow.day, None, until)
        )
    )
    return signed(asked, int(net or 0))


def signed(account: Account, net_debit_fen: int) -> int:
    """Turn debits minus credits into the account's own sign."""
    return net_debit_fen if account.is_debit_normal else -net_debit_fen


def accounts(
    session: Session, *, book: str | None = None, prefix: str | None = None, known_at: datetime | None = None
) -> list[AccountRow]:
    """List the accounts that have been used, in the order of book and code.

    Args:
        prefix: the beginning of the codes, such as "county:621102".
        known_at: give the balances as they were known at this moment; accounts made since have zero.

    Raises:
        BadQuery: the moment has no time zone.
    """
    flow = flow_of(session, None, None, known_at=known_at).c
    sides = union_all(
        select(flow.debit_account.label("id"), func.sum(flow.amount_fen).label("net_fen")).group_by(flow.debit_account),
        select(flow.credit_account, -func.sum(flow.amount_fen)).group_by(flow.credit_account),
    ).subquery()
    nets = select(sides.c.id, func.sum(sides.c.net_fen).label("net_fen")).group_by(sides.c.id).subquery()
    query = select(account_table.c.book, account_table.c.code, nets.c.net_fen).outerjoin(
        nets, nets.c.id == account_table.c.id
    )
    if book is not None:
        query = query.where(account_table.c.book == book)
    if prefix is not None:
        query = query.where(account_table.c.code.startswith(prefix, autoescape=True))
    rows = []
    for row in session.execute(query):
        account = chart.parse(row.book, row.code)
        net_fen = signed(account, int(row.net_fen or 0))
        rows.append(AccountRow(account.code, account.book, account.kind, net_fen))
    return sorted(rows, key=lambda row: (row.book, row.code))
