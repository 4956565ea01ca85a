"""The flow, as it is or as it was known at some moment: what every sum is a sum over."""

from calendar import monthrange
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Uuid,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from ledger.errors import BadQuery
from ledger.tables import entry_table, flow_month_table, flow_table, seal_table, transfer_table, unsealed_table

_CHINA = ZoneInfo("Asia/Shanghai")
# The transfers of so many that wait for their seals are read faster than the flow of all days.
_FEW = 10_000


def days(column: ColumnElement[date], since: date | None, until: date | None) -> list[ColumnElement[bool]]:
    """Limit a column to the days from `since` to the day before `until`."""
    limits: list[ColumnElement[bool]] = []
    if since is not None:
        limits.append(column >= since)
    if until is not None:
        limits.append(column < until)
    return limits


def flow_of(
    session: Session, since: date | None, until: date | None, *, known_at: datetime | None = None
) -> FromClause:
    """Give the flow of the days from `since` to the day before `until`, for sums by the month or longer.

    Whole months come from what their sealed transfers add up to, under their first day, and from the transfers that
    wait for a seal. The days of other months come from the flow; so does everything when many wait. Sealing moves
    transfers from one part to another at one instant, so a statement that reads them all has each of them once: all
    that were there when this was called, and maybe later ones.

    Raises:
        BadQuery: the moment has no time zone.
    """
    queue = session.execute(_QUEUE).one() if known_at is None else None
    if queue is None or queue.waiting > _FEW:
        flow = flow_at(known_at)
        return select(flow).where(*days(flow.c.day, since, until)).subquery("flow")
    day, effective_on = flow_table.c.day, transfer_table.c.effective_on
    is_whole, is_partial = days(effective_on, since, until), []
    if since is not None and since.day > 1:
        month_end = since.replace(day=monthrange(since.year, since.month)[1])
        is_whole.append(effective_on > month_end)
        is_partial.append(day <= month_end)
    if until is not None and until.day > 1:
        is_whole.append(effective_on < until.replace(day=1))
        is_partial.append(day >= until.replace(day=1))
    end = None if until is None else until.replace(day=1)
    parts = [_cells(flow_month_table, flow_month_table.c.month).where(*days(flow_month_table.c.month, since, end))]
    if queue.waiting:
        parts.append(_transfers().where(*_waits(queue.first_fact), *is_whole))
    if is_partial:
        parts.append(_cells(flow_table, day).where(*days(day, since, until), or_(*is_partial)))
    return union_all(*parts).subquery("flow")


# Asked first, and told to the statement as a value, from which the planner sees how few transfers came after it.
_QUEUE = select(
    func.coalesce(func.sum(unsealed_table.c["count"]), 0).label("waiting"),
    select(unsealed_table.c.first_fact).order_by("first_fact").limit(1).scalar_subquery().label("first_fact"),
)


def _waits(first_fact: UUID) -> tuple[ColumnElement[bool], ...]:
    """Tell whether a transfer waits for its seal: it came after the first fact of the queue, and none is there."""
    # The seals are limited as well, so that the others are not read.
    seal = select(seal_table).where(
        seal_table.c.fact_id == transfer_table.c.entry_id, seal_table.c.fact_id >= first_fact
    )
    return transfer_table.c.id > first_fact, ~seal.exists()


def flow_at(known_at: datetime | None) -> FromClause:
    """Give the flow, or what of it was posted before a moment: rows of accounts, day, kind, count and amount.

    The flow tells the days in China on which transfers were posted, so only those of the moment's own day are read one
    by one. A posting belongs to the moment at which its database transaction began.

    Raises:
        BadQuery: the moment has no time zone.
    """
    if known_at is None:
        return flow_table
    if known_at.tzinfo is None:
        raise BadQuery("known_at", known_at, "must have a time zone")
    midnight = known_at.astimezone(_CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    before = _cells(flow_table, flow_table.c.day).where(flow_table.c.known_on < midnight.date())
    if midnight == known_at:
        return before.subquery("flow")
    posted_at = entry_table.c.posted_at
    that_day = _transfers().join(entry_table, belongs_to_entry()).where(posted_at >= midnight, posted_at < known_at)
    return union_all(before, that_day).subquery("flow")


def _cells(table: Table, day: ColumnElement[date]) -> Select[Any]:
    held = table.c
    return select(held.debit_account, held.credit_account, day.label("day"), held.kind, held["count"], held.amount_fen)


def _transfers() -> Select[Any]:
    """Select transfers as cells of the flow, each of one."""
    row = transfer_table.c
    one = literal(1, BigInteger).label("count")
    return select(row.debit_account, row.credit_account, row.effective_on, row.kind, one, row.amount_fen)


def belongs_to_entry() -> ColumnElement[bool]:
    """Join transfers to their entry by ids, which count up from the entry's: the one way that an index serves."""
    first = entry_table.c.id
    last = func.encode(func.substr(func.uuid_send(first), 1, 14).op("||")(literal(b"\xff\xff")), "hex")
    return transfer_table.c.id.between(first, cast(last, Uuid))
