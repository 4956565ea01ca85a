"""Reading what waits to be shipped, and what is on its way."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.db import Page, fetch_page
from shop.orders.models import Order
from shop.orders.queries import WHOLE
from shop.orders.shipping.models import Shipment
from shop.orders.shipping.rules import OPEN

IS_OPEN = Order.status.in_(sorted(OPEN))
"""The condition on orders that wait for their goods; the index of open orders holds exactly these."""

HAS_LEFT = sa.exists().where(Shipment.order_id == Order.id, Shipment.withdrawn_at.is_(None))
"""The condition on orders of which a parcel left the store."""


@dataclass(frozen=True)
class Standing:
    """How many open orders wait to be shipped or are on their way, for how much, and since when the oldest waits."""

    waiting: int
    waiting_fen: int
    oldest_at: datetime | None
    travelling: int
    travelling_fen: int


def open_orders(session: Session, *, have_left: bool, page: int, page_size: int) -> Page[Order]:
    """Return one page of the orders that wait to be shipped, or of those on their way, the oldest first."""
    query = sa.select(Order).where(IS_OPEN, HAS_LEFT if have_left else ~HAS_LEFT).options(*WHOLE)
    return fetch_page(session, query.order_by(Order.placed_at, Order.id), page=page, page_size=page_size)


def standing(session: Session) -> Standing:
    """Return what waits and what is on its way, in all."""
    found = (
        sa.select(HAS_LEFT.label("has_left"), Order.placed_at, (Order.goods_fen + Order.freight_fen).label("total_fen"))
        .where(IS_OPEN)
        .subquery()
    )
    left, waits = found.c.has_left, ~found.c.has_left
    total = sa.func.sum(found.c.total_fen)
    row = session.execute(
        sa.select(
            sa.func.count().filter(waits),
            total.filter(waits),
            sa.func.min(found.c.placed_at).filter(waits),
            sa.func.count().filter(left),
            total.filter(left),
        ).select_from(found)
    ).one()
    return Standing(row[0], int(row[1] or 0), row[2], row[3], int(row[4] or 0))
