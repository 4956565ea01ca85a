"""Posting one entry."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from psycopg import RawCursor
from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import journal
from ledger.chart import account_id
from ledger.errors import InvalidDraft, KeyReused, PeriodClosed
from ledger.journal import Draft
from ledger.periods import first_open_day, needs_read_committed
from ledger.posting.statement import driver
from ledger.tables import entry_table

_POST = f"SELECT ledger_post({', '.join(f'${number}' for number in range(1, 18))})"
_CURSOR = "ledger_cursor"


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry that holds a draft's payload, and whether this call made it."""

    entry_id: UUID
    is_new: bool


def post(session: Session, draft: Draft, *, by: str = "system", carry_forward: bool = False) -> Posted:
    """Post a draft as an entry, once, in one SQL statement: whole by itself where the connection is in autocommit.

    The same key with the same payload again changes nothing, also when two do it at the same time (the second waits
    for the first) and when the month has been closed since.

    Args:
        by: who posts, for the record; a repeat may come from somebody else.
        carry_forward: when the draft's month is closed, let the entry count on the first day of the first open month
            after it. The entry keeps the draft's day as its own.

    Raises:
        PeriodClosed: the month is closed, and the entry must not be carried forward.
        KeyReused: the key belongs to an entry with another payload. Nothing is written then.
        InvalidDraft: the draft is a mirror; `reverse` posts those, because it knows what is left to reverse.
        IsolationRefused: the transaction is not READ COMMITTED.
    """
    refuse_mirror(draft)
    return post_checked(session, draft, by=by, carry_forward=carry_forward)


def post_checked(session: Session, draft: Draft, *, by: str, carry_forward: bool) -> Posted:
    """Post a draft of which the caller in this package has checked that it may be a mirror."""
    new_id = journal.entry_id()
    counts_on = draft.effective_on
    while not _insert(session, draft, new_id, by=by, counts_on=counts_on):
        # A statement of its own, because only it sees an entry that another transaction has committed meanwhile.
        held = session.execute(
            select(entry_table.c.id, entry_table.c.payload_hash).where(entry_table.c.key == draft.key)
        ).one_or_none()
        if held is not None:
            if held.payload_hash != draft.payload_hash:
                raise KeyReused(draft.key)
            return Posted(held.id, is_new=False)
        needs_read_committed(session)
        if not carry_forward:
            raise PeriodClosed(draft.book, draft.effective_on)
        counts_on = first_open_day(session, draft.book, after=counts_on)
    return Posted(new_id, is_new=True)


def _insert(session: Session, draft: Draft, new_id: UUID, *, by: str, counts_on: date) -> bool:
    """Insert the entry with all that follows from it, unless its key exists or the month is closed."""
    ids = {code: account_id(draft.book, code).hex for leg in draft.legs for code in (leg.debit, leg.credit)}
    legs = [
        (ids[leg.debit], ids[leg.credit], leg.kind, str(leg.amount_fen), f"{new_id.int + number:032x}")
        for number, leg in enumerate(draft.legs, start=1)
    ]
    debits, credits_, kinds, amounts, transfer_ids = zip(*sorted(legs), strict=True)
    parameters = (
        new_id.hex,
        draft.book,
        draft.key,
        draft.payload_hash,
        counts_on.isoformat(),
        draft.effective_on.isoformat(),
        by,
        draft.source,
        None if draft.reverses is None else draft.reverses.hex,
        draft.memo,
        # Arrays, of values that need no quotes.
        *[f"{{{','.join(values)}}}" for values in (ids, ids.values(), transfer_ids, debits, credits_, amounts, kinds)],
    )
    connection = session.connection()
    with driver(connection, _POST) as found:
        # Half of the client's time for a post goes into SQLAlchemy's execution and into making a cursor.
        cursor = connection.info.get(_CURSOR)
        if cursor is None:
            cursor = connection.info[_CURSOR] = RawCursor(found)
        ((is_posted,),) = cursor.execute(_POST, parameters).fetchall()
    return bool(is_posted)


def refuse_mirror(draft: Draft) -> None:
    """Refuse a draft that says of itself that it reverses another entry.

    Raises:
        InvalidDraft: it does.
    """
    if draft.reverses is not None:
        raise InvalidDraft("reverses", draft.reverses, "mirrors are posted by reverse()")
