"""Reversing an entry: the only way to correct what is posted."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ledger.errors import AlreadyReversed, EntryNotFound, InvalidDraft, NotReversible, ReversalTooLarge
from ledger.journal import Draft, Leg
from ledger.periods import needs_transaction
from ledger.posting.find import transfers_of
from ledger.posting.one import Posted, post_checked
from ledger.tables import entry_table


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
    carry_forward: bool = False,
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
        carry_forward: let it count in the first open month when its own is closed; see `post`.

    Raises:
        EntryNotFound: no entry has the key.
        NotReversible: the entry is a reversal itself.
        AlreadyReversed: nothing is left.
        ReversalTooLarge: a part is more than is left of it.
        IsolationRefused: the transaction is not READ COMMITTED.
        PeriodClosed: the mirror's month is closed, and it must not be carried forward.
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
        for row in transfers_of(session, original.id, except_key=new_key)
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
    return post_checked(session, draft, by=by, carry_forward=carry_forward)


def _lock(session: Session, entry: UUID) -> None:
    """Wait until no other open transaction is reversing the entry.

    An advisory lock, because a row lock would need the right to update facts.
    """
    needs_transaction(session)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(entry), 0))))


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
