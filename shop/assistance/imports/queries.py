"""Reading imports: what an actor may see, their verdicts, and what waits for the worker."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.assistance.imports.models import ImportStatus, Outcome, SaleImport, SaleImportRow
from shop.assistance.models import Sale, SaleStatus
from shop.db import Page, fetch_page, now
from shop.errors import NotFound
from shop.identity.actor import Actor
from shop.identity.models import Role

STALE = timedelta(seconds=60)
"""A worker that has stored nothing for so long is taken for dead; if it is not, it finds that another went on."""

_BATCH = 2_000


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for the imports that the actor may see: staff all, an officer those of their own partner."""
    if actor.is_staff:
        return sa.true()
    if actor.has(Role.PARTNER_OFFICER) and actor.partner_code is not None:
        return SaleImport.partner_code == actor.partner_code
    return sa.false()


def visible_ids(session: Session, actor: Actor, ids: Iterable[UUID]) -> set[UUID]:
    """Return those of the imports that the actor may see."""
    return set(session.scalars(sa.select(SaleImport.id).where(SaleImport.id.in_(list(ids)), visible_to(actor))))


def the_import(actor: Actor, import_id: UUID) -> sa.Select[SaleImport]:
    """Return the query for one import, if the actor may see it."""
    return sa.select(SaleImport).where(SaleImport.id == import_id, visible_to(actor))


def sale_import(session: Session, actor: Actor, import_id: UUID) -> SaleImport:
    """Return one import.

    Raises:
        NotFound: there is none, or it is another partner's.
    """
    found = session.scalars(the_import(actor, import_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def imports(session: Session, actor: Actor, *, page: int, page_size: int) -> Page[SaleImport]:
    """Return one page of the imports that the actor may see, the newest first."""
    query = sa.select(SaleImport).where(visible_to(actor)).order_by(SaleImport.created_at.desc(), SaleImport.id.desc())
    return fetch_page(session, query, page=page, page_size=page_size)


def verdict_page(
    session: Session, sheet: SaleImport, *, outcome: Outcome | None, page: int, page_size: int
) -> Page[SaleImportRow]:
    """Return one page of the verdicts on a sheet's rows, in their order."""
    query = sa.select(SaleImportRow).where(SaleImportRow.import_id == sheet.id).order_by(SaleImportRow.row)
    if outcome is not None:
        query = query.where(SaleImportRow.outcome == outcome)
    return fetch_page(session, query, page=page, page_size=page_size)


def verdicts(session: Session, sheet: SaleImport, *, outcomes: Sequence[Outcome]) -> Iterator[SaleImportRow]:
    """Yield the verdicts on a sheet's rows, some thousand in memory at a time."""
    last = 0
    while True:
        rows = session.scalars(
            sa.select(SaleImportRow)
            .where(SaleImportRow.import_id == sheet.id, SaleImportRow.row > last, SaleImportRow.outcome.in_(outcomes))
            .order_by(SaleImportRow.row)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].row
        for row in rows:
            session.expunge(row)


def count_reported(session: Session, sheet: SaleImport) -> int:
    """Return how many of a sheet's sales wait to be confirmed."""
    query = sa.select(sa.func.count()).where(Sale.import_id == sheet.id, Sale.status == SaleStatus.REPORTED)
    return session.scalar(query) or 0


def waiting(session: Session) -> list[UUID]:
    """Return the imports that nobody works on though there is work, the oldest first."""
    is_left = sa.or_(SaleImport.touched_at.is_(None), SaleImport.touched_at < now() - STALE)
    is_confirming = sa.and_(SaleImport.confirming_by.is_not(None), SaleImport.confirmed_at.is_(None))
    query = (
        sa.select(SaleImport.id)
        .where(is_left, sa.or_(SaleImport.status.in_((ImportStatus.WAITING, ImportStatus.RUNNING)), is_confirming))
        .order_by(SaleImport.created_at)
    )
    return list(session.scalars(query))
