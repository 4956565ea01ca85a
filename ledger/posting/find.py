"""Looking at one entry, with what later entries took back of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, false, func, or_, select
from sqlalchemy.orm import Session

from ledger import journal
from ledger.tables import account_table, entry_table, transfer_table


@dataclass(frozen=True, slots=True)
class EntryTransfer:
    """One transfer of an entry, and how much of it later entries have reversed."""

    id: UUID
    debit_account: str
    credit_account: str
    amount_fen: int
    kind: str
    reversed_fen: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as it stands in the books. `reverses` and `reversed_by` are keys of entries.

    It counts on `effective_on`, which is later than its own day, `occurred_on`, if that day's month was closed.
    """

    id: UUID
    book: str
    key: str
    effective_on: date
    occurred_on: date
    posted_at: datetime
    posted_by: str
    source: str
    memo: str
    reverses: str | None
    reversed_by: tuple[str, ...]
    transfers: tuple[EntryTransfer, ...]


_debit = account_table.alias("debit")
_credit = account_table.alias("credit")


def find(session: Session, key: str) -> EntryRow | None:
    """Find an entry by its key, with its transfers and what has been reversed of each so far."""
    original = entry_table.alias("original")
    found = session.execute(
        select(entry_table, original.c.key.label("original_key"))
        .outerjoin(original, original.c.id == entry_table.c.reverses)
        .where(entry_table.c.key == key)
    ).one_or_none()
    if found is None:
        return None
    reversed_by = session.scalars(
        select(entry_table.c.key).where(entry_table.c.reverses == found.id).order_by(entry_table.c.id)
    ).all()
    return EntryRow(
        id=found.id,
        book=found.book,
        key=found.key,
        effective_on=found.effective_on,
        occurred_on=found.occurred_on,
        posted_at=found.posted_at,
        posted_by=found.posted_by,
        source=found.source,
        memo=found.memo,
        reverses=found.original_key,
        reversed_by=tuple(reversed_by),
        transfers=transfers_of(session, found.id),
    )


def _belongs_to(transfers: FromClause, entries: Sequence[UUID]) -> ColumnElement[bool]:
    """Select the transfers of some entries by their ids, which count up from the entry's."""
    return or_(
        false(),
        *(
            transfers.c.id.between(journal.transfer_id(entry, 1), journal.transfer_id(entry, journal.MAX_LEGS))
            for entry in entries
        ),
    )


def transfers_of(session: Session, entry: UUID, *, except_key: str | None = None) -> tuple[EntryTransfer, ...]:
    """Read an entry's transfers in the order of its draft, with what others than `except_key` reversed."""
    mirror = transfer_table.alias("mirror")
    mirrors = select(entry_table.c.id).where(entry_table.c.reverses == entry)
    if except_key is not None:
        mirrors = mirrors.where(entry_table.c.key != except_key)
    undone = (
        select(
            mirror.c.credit_account.label("debit_account"),
            mirror.c.debit_account.label("credit_account"),
            mirror.c.kind,
            func.sum(mirror.c.amount_fen).label("amount_fen"),
        )
        .where(_belongs_to(mirror, session.scalars(mirrors).all()))
        .group_by(mirror.c.credit_account, mirror.c.debit_account, mirror.c.kind)
        .subquery("undone")
    )
    rows = session.execute(
        select(
            transfer_table,
            _debit.c.code.label("debit_code"),
            _credit.c.code.label("credit_code"),
            func.coalesce(undone.c.amount_fen, 0).label("reversed_fen"),
        )
        .join(_debit, _debit.c.id == transfer_table.c.debit_account)
        .join(_credit, _credit.c.id == transfer_table.c.credit_account)
        .outerjoin(
            undone,
            (undone.c.debit_account == transfer_table.c.debit_account)
            & (undone.c.credit_account == transfer_table.c.credit_account)
            & (undone.c.kind == transfer_table.c.kind),
        )
        .where(_belongs_to(transfer_table, [entry]))
        .order_by(transfer_table.c.id)
    )
    return tuple(
        EntryTransfer(row.id, row.debit_code, row.credit_code, row.amount_fen, row.kind, int(row.reversed_fen))
        for row in rows
    )
