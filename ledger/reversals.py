"""Looking at one entry, and reversing it: the only way to correct what is posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, false, func, or_, select
from sqlalchemy.orm import Session

from ledger import journal
from ledger.book import Posted, post_checked
from ledger.errors import (
    AlreadyReversed,
    EntryNotFound,
    InvalidDraft,
    IsolationRefused,
    NotReversible,
    ReversalTooLarge,
)
from ledger.journal import Draft, Leg
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
    """An entry as it stands in the books. `reverses` and `reversed_by` are keys of entries."""

    id: UUID
    book: str
    key: str
    effective_on: date
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
        posted_at=found.posted_at,
        posted_by=found.posted_by,
        source=found.source,
        memo=found.memo,
        reverses=found.original_key,
        reversed_by=tuple(reversed_by),
        transfers=_transfers_of(session, found.id),
    )


def reverse(  # noqa: PLR0913 -- a reversal has its own key, day, source, memo and parts; all are named
    session: Session,
    key: str,
    *,
    new_key: str,
    on: date,
    source: str | None = None,
    memo: str = "",
    by: str = "system",
    parts: Mapping[tuple[str, str], int] | None = None,
) -> Posted:
    """Post the mirror of an entry, or of a part of it, linked to it and never beyond it.

    Reversals of one entry queue behind each other until the end of the database transaction, so that two of them
    cannot both take the last fen. Repeating a new key with the same payload changes nothing.

    Args:
        key: the entry to reverse.
        new_key: the key of the mirror.
        on: the business date of the mirror: the day of the refund, not that of the original.
        source: the document behind the mirror; the original's when not given.
        parts: how many fen of which (debit, credit) of the original; everything that is left when None.

    Raises:
        EntryNotFound: no entry has the key.
        NotReversible: the entry is a reversal itself.
        AlreadyReversed: nothing is left.
        ReversalTooLarge: a part is more than is left of it.
        IsolationRefused: the transaction is not READ COMMITTED.
        KeyReused: the new key belongs to an entry with another payload.
    """
    original = session.execute(select(entry_table).where(entry_table.c.key == key)).one_or_none()
    if original is None:
        raise EntryNotFound(key)
    if original.reverses is not None:
        raise NotReversible(key)
    _lock(session, original.id)
    # Without the new key's own entry, so that a repeat finds what the first call found.
    left = {
        (row.debit_account, row.credit_account, row.kind): row.amount_fen - row.reversed_fen
        for row in _transfers_of(session, original.id, except_key=new_key)
    }
    if not any(left.values()):
        raise AlreadyReversed(key)
    taken = left if parts is None else _take(key, left, parts)
    draft = Draft(
        book=original.book,
        key=new_key,
        effective_on=on,
        source=original.source if source is None else source,
        legs=tuple(
            Leg(debit=credit, credit=debit, amount_fen=amount_fen, kind=kind)
            for (debit, credit, kind), amount_fen in taken.items()
            if amount_fen
        ),
        memo=memo,
        reverses=original.id,
    )
    return post_checked(session, draft, by=by)


def _lock(session: Session, entry: UUID) -> None:
    """Wait until no other open transaction is reversing the entry.

    An advisory lock, because a row lock would need the right to update facts.
    """
    isolation: str = session.execute(
        select(
            func.current_setting("transaction_isolation"),
            func.pg_advisory_xact_lock(func.hashtextextended(str(entry), 0)),
        )
    ).scalar_one()
    if isolation != "read committed":
        raise IsolationRefused(isolation)


def _take(
    key: str, left: Mapping[tuple[str, str, str], int], parts: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str, str], int]:
    """Spread each part over the transfers between its accounts, one kind after the other."""
    taken: dict[tuple[str, str, str], int] = {}
    for part, asked_fen in parts.items():
        if type(asked_fen) is not int or asked_fen <= 0:
            raise InvalidDraft("parts", asked_fen, "must be an int of at least 1 fen")
        open_fen = asked_fen
        for leg, left_fen in left.items():
            if leg[:2] == part:
                taken[leg] = min(open_fen, left_fen)
                open_fen -= taken[leg]
        if open_fen:
            raise ReversalTooLarge(key, part, asked_fen=asked_fen, left_fen=asked_fen - open_fen)
    return taken


def _belongs_to(transfers: FromClause, entries: Sequence[UUID]) -> ColumnElement[bool]:
    """Select the transfers of some entries by their ids, which count up from the entry's."""
    return or_(
        false(),
        *(
            transfers.c.id.between(journal.transfer_id(entry, 1), journal.transfer_id(entry, journal.MAX_LEGS))
            for entry in entries
        ),
    )


def _transfers_of(session: Session, entry: UUID, *, except_key: str | None = None) -> tuple[EntryTransfer, ...]:
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
