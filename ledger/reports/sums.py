"""Totals of a book by any of its dimensions: the one query behind every page, export, chart and bulletin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, case, func, select, union_all
from sqlalchemy.orm import Session

from ledger.reports.balances import check_days
from ledger.reports.dimensions import Carrier, carried, dimension
from ledger.reports.flows import flow_of
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
    The cost depends on the number of months, accounts and pairs of them, not on that of the transfers.

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
    carriers = list(dict.fromkeys(one.carrier for one in found.values()))
    facts = _FACTS[book](flow_of(session, since, until, known_at=known_at), carriers)
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


Carriers = Sequence[Carrier]

# Rows of the flow merge by no more than what is asked for, before the codes of their accounts are looked up.


def _aid_facts(flow: FromClause, carriers: Carriers) -> Subquery:
    """Add up by the partner's and the county's account, as asked; a mirror counts minus."""
    debit = account_table.alias("debit")
    is_mirror = debit.c.kind == "county"
    sides = {
        "partner": case((is_mirror, flow.c.credit_account), else_=flow.c.debit_account),
        "county": case((is_mirror, flow.c.debit_account), else_=flow.c.credit_account),
    }
    keys = [sides[one].label(one) if one in sides else carried(flow, one) for one in carriers]
    cells = (
        select(
            *keys,
            func.sum(case((is_mirror, -flow.c.amount_fen), else_=flow.c.amount_fen)).label("amount_fen"),
            func.sum(flow.c["count"]).label("count"),
        )
        .join(debit, debit.c.id == flow.c.debit_account)
        .where(debit.c.book == "aid")
        .group_by(*keys)
        .subquery("cells")
    )
    named = {one: account_table.alias(f"the_{one}") for one in carriers if one in sides}
    facts = select(
        *(named[one].c.code.label(one) if one in named else cells.c[one] for one in carriers),
        cells.c.amount_fen,
        cells.c["count"],
    ).select_from(cells)
    for one, account in named.items():
        facts = facts.join(account, account.c.id == cells.c[one])
    return facts.subquery("facts")


def _cash_facts(flow: FromClause, carriers: Carriers) -> Subquery:
    """Show each transfer on both its accounts, as plus on the debited and minus on the credited one."""
    sides = union_all(
        _side(flow, flow.c.debit_account, carriers, sign=1),
        _side(flow, flow.c.credit_account, carriers, sign=-1),
    ).subquery("sides")
    carried_on = [sides.c[one] for one in carriers if one != "account"]
    return (
        select(account_table.c.code.label("account"), *carried_on, sides.c.amount_fen, sides.c["count"])
        .join(sides, sides.c.id == account_table.c.id)
        .where(account_table.c.book == "cash")
        .subquery("facts")
    )


def _side(flow: FromClause, account: ColumnElement[Any], carriers: Carriers, *, sign: int) -> Select[Any]:
    keys = [account.label("id"), *(carried(flow, one) for one in carriers if one != "account")]
    amount_fen = (sign * func.sum(flow.c.amount_fen)).label("amount_fen")
    return select(*keys, amount_fen, func.sum(flow.c["count"]).label("count")).group_by(*keys)


_FACTS = {"aid": _aid_facts, "cash": _cash_facts}
