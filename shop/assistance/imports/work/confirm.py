"""Confirming all sales of a sheet that wait for it, a piece and its postings in one commit."""

from collections.abc import Callable
from itertools import starmap
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger
from shop.assistance import rules, service
from shop.assistance.imports.models import SaleImport
from shop.assistance.models import Sale, SaleStatus
from shop.assistance.service import Counted
from shop.db import now, transaction
from shop.errors import ShopError
from shop.identity import audit
from shop.identity.actor import Actor, actor_for
from shop.identity.models import User

SALES_A_PIECE = 20_000

Told = Callable[[SaleImport], None]


def confirm(
    import_id: UUID, *, should_stop: Callable[[], bool] = lambda: False, on_progress: Told = lambda _: None
) -> None:
    """Confirm the sales of an import that are still reported, and post them; those decided one by one stay so.

    It may be killed at any moment and run again: what is confirmed is posted, and the rest is still reported.
    """
    after = UUID(int=0)
    while not should_stop():
        with transaction() as session:
            sheet = session.scalars(
                sa.select(SaleImport)
                .where(SaleImport.id == import_id)
                .with_for_update(key_share=True)
                .execution_options(populate_existing=True)
            ).one()
            if not sheet.is_confirming:
                return
            last = _piece(session, sheet, after=after)
            sheet.touched_at = now()
            if last is None:
                sheet.confirmed_at = now()
        on_progress(sheet)
        if last is None:
            return
        after = last


def _piece(session: Session, sheet: SaleImport, *, after: UUID) -> UUID | None:
    """Confirm the next sales; return the last one's id, None if there was none or the confirmer may no longer."""
    actor = _confirmer(session, sheet)
    try:
        rules.check_decision(actor, status=SaleStatus.REPORTED, target=SaleStatus.CONFIRMED, is_reporter=False)
    except ShopError:
        return None
    sales = _confirmed(session, sheet, by=actor, after=after)
    if not sales:
        return None
    drafts = map(service.assistance_entry, sales)
    ledger.post_many(session, drafts, by=str(actor.user_id), carry_forward=True, all_or_nothing=True)
    sheet.confirmed += len(sales)
    audit.record_many(
        session,
        actor,
        action="sale.confirmed",
        details=((sale.entry_key, {"amount_fen": sale.amount_fen, "import": sheet.id}) for sale in sales),
    )
    return sales[-1].id


def _confirmed(session: Session, sheet: SaleImport, *, by: Actor, after: UUID) -> list[Counted]:
    """Take the next sales out of those that wait, all in one statement, and return them in their order."""
    waiting = (
        sa.select(Sale.id)
        .where(
            Sale.import_id == sheet.id,
            Sale.id > after,
            Sale.status == SaleStatus.REPORTED,
            Sale.reported_by != by.user_id,
        )
        .order_by(Sale.id)
        .limit(SALES_A_PIECE)
        .with_for_update()
        .cte("waiting")
    )
    rows = session.execute(
        sa.update(Sale)
        .where(Sale.id == waiting.c.id)
        .values(status=SaleStatus.CONFIRMED, decided_by=by.user_id, decided_at=now())
        .returning(*(getattr(Sale, name) for name in Counted._fields))
        .execution_options(synchronize_session=False)
    )
    return sorted(starmap(Counted, rows))


def _confirmer(session: Session, sheet: SaleImport) -> Actor:
    user = session.get_one(User, sheet.confirming_by)
    actor = actor_for(session, user, chosen=str(sheet.confirming_for))
    return actor if actor.organisation_id == sheet.confirming_for else Actor(user.id, user.name, user.email)
