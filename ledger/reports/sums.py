"""Totals of a book by any of its dimensions: the one query behind every page, export, chart and bulletin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, case, func, select, union_all
from sqlalchemy.orm import Session

from ledger.reports.balances import check_days, days
from ledger.reports.dimensions import dimension
from ledger.reports.flows import flow_at
from ledger.tables import account_table


@dataclass(frozen=True, slots=True)
class TotalRow:
    """The sum of one combination of dimensions. `count` is a number of transfers, mirrors included."""

    key: dict[str, str]
    amount_fen: int
    count: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows in the order of their keys, and their sums."""

    rows: list[TotalRow]
    total_fen: int
    count: int


def totals(  # noqa: PLR0913 -- the choices of one report, each named
    session: Session,
    *,
    book: str,
    by: Sequence[str],
    since: date | None = None,
    until: date | None = None,
    where: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
) -> Totals:
    """Sum a book over the days from `since` to the day before `until`, grouped by dimensions.

    In `aid` an amount is net: a transfer counts plus, the mirror that takes it back minus. In `cash` a transfer appears
    on both its accounts, as debits minus credits, so all accounts together are zero and `count` counts it twice.
    The cost depends on the number of days, accounts and pairs of them, not on that of the transfers.

    Args:
        by: `DIMENSIONS[book]` holds the legal names; none gives one row.
        where: the same dimensions with the value each must have.
        known_at: count only what was posted before this moment; everything when None.

    Raises:
        BadQuery: there is no such book, the range ends before it begins, or the moment has no time zone.
        UnknownDimension: `by` or `where` has a dimension that the book has not.
    """
    check_days(since, until)
    names = list(dict.fromkeys(by))
    conditions = dict(where or {})
    found = {name: dimension(book, name) for name in [*names, *conditions]}
    # Cells are merged before their accounts are looked up, by no more than what is asked for.
    carriers = dict.fromkeys(one.carrier for one in found.values())
    flow = flow_at(known_at)
    extra = [flow.c[carrier] for carrier in carriers if carrier in {"kind", "day"}]
    facts = _FACTS[book](flow, extra, days(flow.c.day, since, until))
    values = {name: one.value(facts.c[one.carrier]) for name, one in found.items()}
    rows = session.execute(
        select(
            *(values[name].label(f"by_{name}") for name in names),
            func.coalesce(func.sum(facts.c.amount_fen), 0).label("amount_fen"),
            func.coalesce(func.sum(facts.c.count), 0).label("count"),
        )
        .where(*(values[name] == value for name, value in conditions.items()))
        .group_by(*(values[name] for name in names))
    )
    # PostgreSQL's sum of bigints is NUMERIC.
    found_rows = [
        TotalRow(dict(zip(names, key, strict=True)), int(amount_fen), int(count)) for *key, amount_fen, count in rows
    ]
    if not names and not found_rows[0].count:
        found_rows.clear()
    found_rows.sort(key=lambda row: tuple(row.key.values()))
    return Totals(
        rows=found_rows,
        total_fen=sum(row.amount_fen for row in found_rows),
        count=sum(row.count for row in found_rows),
    )


Columns = Sequence[ColumnElement[Any]]
Limits = Sequence[ColumnElement[bool]]


def _cells(flow: FromClause, keys: Columns, limits: Limits, name: str) -> Subquery:
    """Merge the flow's shards, and its days and kinds unless they are among the keys."""
    return (
        select(
            *keys,
            func.sum(flow.c.amount_fen).label("amount_fen"),
            func.sum(flow.c["count"]).label("count"),
        )
        .where(*limits)
        .group_by(*keys)
        .subquery(name)
    )


def _aid_facts(flow: FromClause, extra: Columns, limits: Limits) -> Subquery:
    """Give each cell its partner's and its county's code, and minus for a mirror."""
    cells = _cells(flow, [flow.c.debit_account, flow.c.credit_account, *extra], limits, "cells")
    debit, credit = account_table.alias("debit"), account_table.alias("credit")
    is_mirror = debit.c.kind == "county"
    return (
        select(
            case((is_mirror, credit.c.code), else_=debit.c.code).label("partner"),
            case((is_mirror, debit.c.code), else_=credit.c.code).label("county"),
            *_extra_of(cells, extra),
            case((is_mirror, -cells.c.amount_fen), else_=cells.c.amount_fen).label("amount_fen"),
            cells.c.count,
        )
        .join(debit, debit.c.id == cells.c.debit_account)
        .join(credit, credit.c.id == cells.c.credit_account)
        .where(debit.c.book == "aid")
        .subquery("facts")
    )


def _cash_facts(flow: FromClause, extra: Columns, limits: Limits) -> Subquery:
    """Show each cell on both its accounts, as plus on the debited and minus on the credited one."""
    debits = _cells(flow, [flow.c.debit_account, *extra], limits, "debits")
    credits_ = _cells(flow, [flow.c.credit_account, *extra], limits, "credits")
    sides = union_all(
        select(debits.c.debit_account.label("id"), *_extra_of(debits, extra), debits.c.amount_fen, debits.c.count),
        select(credits_.c.credit_account, *_extra_of(credits_, extra), -credits_.c.amount_fen, credits_.c.count),
    ).subquery("sides")
    return (
        select(account_table.c.code.label("account"), *_extra_of(sides, extra), sides.c.amount_fen, sides.c.count)
        .join(sides, sides.c.id == account_table.c.id)
        .where(account_table.c.book == "cash")
        .subquery("facts")
    )


def _extra_of(cells: Subquery, extra: Columns) -> list[ColumnElement[Any]]:
    return [cells.c[str(column.key)] for column in extra]


_FACTS = {"aid": _aid_facts, "cash": _cash_facts}
