"""Reading orders. Every query is scoped: who may not see an order is told that there is none."""

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, selectinload

from shop.db import Page, fetch_page
from shop.errors import NotFound
from shop.identity.actor import Actor
from shop.identity.models import Role
from shop.orders.models import Order, OrderStatus

WHOLE = tuple(selectinload(part) for part in (Order.lines, Order.user, Order.organisation, Order.shipments))
"""What a page or an answer tells of an order."""


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition on orders that `actor` may see: own ones, the canteen's, or all for staff."""
    if actor.is_staff:
        return sa.true()
    if actor.has(Role.CANTEEN):
        return Order.organisation_id == actor.organisation_id
    return sa.and_(Order.user_id == actor.user_id, Order.organisation_id.is_(None))


def order(session: Session, actor: Actor, number: str, *, for_update: bool = False) -> Order:
    """Return an order with its lines, buyer and organisation; locked when it is about to change.

    Raises:
        NotFound: there is none, or the actor may not see it.
    """
    query = sa.select(Order).where(Order.number == number, visible_to(actor)).options(*WHOLE)
    if for_update:
        # A locked row is read again: what was loaded before the lock may be stale.
        query = query.with_for_update(of=Order).execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound(gettext("没有这个订单，或它不属于您的账户。"))
    return found


def history(
    session: Session, actor: Actor, *, page: int, page_size: int, status: OrderStatus | None = None
) -> Page[Order]:
    """Return one page of the actor's orders, newest first."""
    condition = visible_to(actor)
    if status is not None:
        condition = sa.and_(condition, Order.status == status)
    query = sa.select(Order).where(condition).options(*WHOLE).order_by(Order.placed_at.desc(), Order.id.desc())
    return fetch_page(session, query, page=page, page_size=page_size)
