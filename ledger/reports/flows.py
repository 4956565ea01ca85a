"""The flow as it was known at some moment: what every sum is a sum over."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, Uuid, cast, func, literal, select, union_all

from ledger.errors import BadQuery
from ledger.tables import entry_table, flow_table, transfer_table

_CHINA = ZoneInfo("Asia/Shanghai")


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
    flow, entry, transfer = flow_table.c, entry_table.c, transfer_table.c
    before = select(flow.debit_account, flow.credit_account, flow.day, flow.kind, flow.count, flow.amount_fen).where(
        flow.known_on < midnight.date()
    )
    if midnight == known_at:
        return before.subquery("flow")
    that_day = (
        select(
            transfer.debit_account,
            transfer.credit_account,
            transfer.effective_on,
            transfer.kind,
            literal(1),
            transfer.amount_fen,
        )
        .join(entry_table, belongs_to_entry())
        .where(entry.posted_at >= midnight, entry.posted_at < known_at)
    )
    return union_all(before, that_day).subquery("flow")


def belongs_to_entry() -> ColumnElement[bool]:
    """Join transfers to their entry by ids, which count up from the entry's: the one way that an index serves."""
    first = entry_table.c.id
    last = func.encode(func.substr(func.uuid_send(first), 1, 14).op("||")(literal(b"\xff\xff")), "hex")
    return transfer_table.c.id.between(first, cast(last, Uuid))
