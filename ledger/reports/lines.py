"""Transfers, page by page, in an order that later postings do not disturb."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, tuple_, union_all
from sqlalchemy.orm import Session

from ledger.errors import BadCursor, BadQuery, UnknownDimension
from ledger.reports.balances import check_days, named
from ledger.reports.dimensions import DIMENSIONS, Carrier, Dimension, dimension
from ledger.reports.flows import days
from ledger.tables import account_table, entry_table, transfer_table

MAX_PAGE = 1000

_transfer = transfer_table.c
_debit = account_table.alias("debit")
_credit = account_table.alias("credit")
_original = entry_table.alias("original")


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One transfer with its entry. `reverses` is the key of the original entry of a mirror.

    It counts on `effective_on`; its own day is `occurred_on`, which is earlier when that day's month was closed.
    """

    id: UUID
    entry_id: UUID
    entry_key: str
    book: str
    debit_account: str
    credit_account: str
    amount_fen: int
    effective_on: date
    occurred_on: date
    posted_at: datetime
    kind: str
    source: str
    reverses: str | None
    memo: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some transfers, and the cursor after which the next page begins, if there is one."""

    rows: list[TransferRow]
    next_cursor: str | None


def transfers(  # noqa: PLR0913 -- the filters of one list, each optional and named
    session: Session,
    *,
    book: str | None = None,
    account: str | None = None,
    since: date | None = None,
    until: date | None = None,
    source: str | None = None,
    where: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """List transfers, the oldest business date first, then in the order of their ids.

    What is posted between two pages appears on a later page or not at all; no row is shown twice or left out.

    Args:
        since, until: business dates, from and before.
        where: dimensions of the book and the value of each, as in `totals`; of the first
            book that has them when no book is given.
        known_at: only what was posted before this moment.
        after: the cursor that the page before gave out.
        limit: 1 to 1000 rows.

    Raises:
        AccountShapeError: the account's code is not legal.
        UnknownDimension: the book has no such dimension.
        BadCursor: no page gave out this cursor.
        BadQuery: the page size, the book or the range of days is impossible.
    """
    check_days(since, until)
    if not 1 <= limit <= MAX_PAGE:
        raise BadQuery("limit", limit, f"must be 1 to {MAX_PAGE}")
    conditions = dict(where or {})
    found = {name: _dimension(book, name) for name in conditions}
    limits = [*days(_transfer.effective_on, since, until), *_own_limits(found, conditions)]
    if source is not None:
        limits.append(_transfer.source == source)
    if known_at is not None:
        limits.append(was_known(known_at))
    if after is not None:
        limits.append(tuple_(_transfer.effective_on, _transfer.id) > position(after))
    branches = _branches(book, account, found, conditions)
    rows = session.execute(_page_query([[*limits, *branch] for branch in branches], limit + 1)).all()
    page = [_row(row) for row in rows[:limit]]
    return Page(page, cursor_after(page[-1]) if len(rows) > limit else None)


def was_known(known_at: datetime) -> ColumnElement[bool]:
    """Limit transfers to those that were posted before a moment."""
    return (
        select(entry_table.c.id)
        .where(entry_table.c.id == _transfer.entry_id, entry_table.c.posted_at < known_at)
        .correlate(transfer_table)
        .exists()
    )


def cursor_after(row: TransferRow) -> str:
    """Make the cursor behind which the row's successor is found."""
    return f"{row.effective_on.isoformat()}.{row.id.hex}"


def position(cursor: str) -> tuple[date, UUID]:
    """Read a cursor.

    Raises:
        BadCursor: it is none.
    """
    day, _, identifier = cursor.partition(".")
    try:
        return date.fromisoformat(day), UUID(identifier)
    except ValueError:
        raise BadCursor(cursor) from None


def _dimension(book: str | None, name: str) -> Dimension:
    """Find a dimension in its book, or in the first that has it."""
    if book is not None:
        return dimension(book, name)
    for candidate, legal in DIMENSIONS.items():
        if name in legal:
            return dimension(candidate, name)
    raise UnknownDimension(name, dict.fromkeys(chain(*DIMENSIONS.values())))


def _own_limits(found: Mapping[str, Dimension], conditions: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Filter by what the transfer's own columns carry."""
    day = _transfer.effective_on
    own: dict[Carrier, ColumnElement[Any]] = {"kind": _transfer.kind, "month": day, "year": day}
    return [one.value(own[one.carrier]) == conditions[name] for name, one in found.items() if one.carrier in own]


Branch = tuple[ColumnElement[bool], ...]


def _branches(
    book: str | None,
    account: str | None,
    found: Mapping[str, Dimension],
    conditions: Mapping[str, str],
) -> list[Branch]:
    """Filter by accounts: alternatives that exclude each other, so that each can use its own index."""
    options: list[list[Branch]] = []
    if book is not None:
        if book not in DIMENSIONS:
            raise BadQuery("book", book, f"must be one of {', '.join(DIMENSIONS)}")
        options.append([(_transfer.debit_account.in_(_ids(account_table.c.book == book)),)])
    if account is not None:
        options.append(_on_either_side(named(account, book).id))
    if any(one.carrier == "account" for one in found.values()):
        options.append(_on_either_side(named(conditions["account"], "cash").id))
    partners = _members("partner", found, conditions)
    counties = _members("county", found, conditions)
    if partners is not None or counties is not None:
        options.append([_between(partners, counties), _between(counties, partners)])
    return [tuple(chain(*choice)) for choice in product(*options)]


def _on_either_side(identifier: UUID) -> list[Branch]:
    return [(_transfer.debit_account == identifier,), (_transfer.credit_account == identifier,)]


def _between(debits: Select[Any] | None, credits_: Select[Any] | None) -> Branch:
    limits: list[ColumnElement[bool]] = []
    if debits is not None:
        limits.append(_transfer.debit_account.in_(debits))
    if credits_ is not None:
        limits.append(_transfer.credit_account.in_(credits_))
    return tuple(limits)


def _members(kind: Carrier, found: Mapping[str, Dimension], conditions: Mapping[str, str]) -> Select[Any] | None:
    """Select the partners' or the counties' accounts that the conditions leave, None when they leave all."""
    limits = [one.value(account_table.c.code) == conditions[name] for name, one in found.items() if one.carrier == kind]
    return _ids(account_table.c.kind == kind, *limits) if limits else None


def _ids(*limits: ColumnElement[bool]) -> Select[Any]:
    return select(account_table.c.id).where(*limits)


def _page_query(branches: Sequence[Sequence[ColumnElement[bool]]], limit: int) -> Select[Any]:
    """Choose the page's transfers first, and look up the names for these alone."""
    order = (_transfer.effective_on, _transfer.id)
    candidates = union_all(
        *(select(*order).where(*branch).order_by(*order).limit(limit) for branch in branches)
    ).subquery()
    chosen = select(candidates.c.id).order_by(candidates.c.effective_on, candidates.c.id).limit(limit).subquery()
    return (
        select(
            transfer_table,
            _debit.c.code.label("debit_code"),
            _credit.c.code.label("credit_code"),
            entry_table.c.key,
            entry_table.c.book,
            entry_table.c.posted_at,
            entry_table.c.occurred_on,
            entry_table.c.memo,
            _original.c.key.label("original_key"),
        )
        .join(chosen, chosen.c.id == _transfer.id)
        .join(entry_table, entry_table.c.id == _transfer.entry_id)
        .join(_debit, _debit.c.id == _transfer.debit_account)
        .join(_credit, _credit.c.id == _transfer.credit_account)
        .outerjoin(_original, _original.c.id == entry_table.c.reverses)
        .order_by(*order)
    )


def _row(row: Row[Any]) -> TransferRow:
    return TransferRow(
        id=row.id,
        entry_id=row.entry_id,
        entry_key=row.key,
        book=row.book,
        debit_account=row.debit_code,
        credit_account=row.credit_code,
        amount_fen=row.amount_fen,
        effective_on=row.effective_on,
        occurred_on=row.occurred_on,
        posted_at=row.posted_at,
        kind=row.kind,
        source=row.source,
        reverses=row.original_key,
        memo=row.memo,
    )
