"""Orders that waited for their money in vain: they are cancelled and give their stock back."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from shop.catalogue.models import StockReason
from shop.catalogue.stock.holds import Cause
from shop.db import business_day
from shop.identity import audit
from shop.orders.models import Order, OrderStatus
from shop.orders.service import give_up
from shop.payments import moves

PAST_DEADLINE = "past_deadline"
"""What the move of a part payment notes as its reason."""


def expire_next(session: Session, *, at: datetime) -> str | None:
    """Cancel the order whose deadline passed first, if any; return its number.

    Runs in the caller's database transaction; one order a transaction keeps locks short. An order that somebody is
    just paying or cancelling is passed over: whoever holds its lock decides, and the other finds what was decided. A
    part of its money that had come goes back to what waits for finance.
    """
    order = session.scalar(
        sa.select(Order)
        .where(Order.status == OrderStatus.AWAITING_PAYMENT, Order.pay_until <= at)
        .options(selectinload(Order.lines), selectinload(Order.organisation))
        .order_by(Order.pay_until, Order.id)
        .limit(1)
        .with_for_update(of=Order, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if order is None:
        return None
    deadline, part_fen = order.pay_until, order.paid_fen
    if part_fen:
        moves.release(session, None, order, part_fen, on=business_day(at), note=PAST_DEADLINE)
    give_up(session, order, Cause(StockReason.EXPIRED, order.number))
    audit.record(
        session,
        None,
        action="order.expire",
        subject=f"order:{order.number}",
        deadline=deadline.isoformat() if deadline else None,
        released_fen=part_fen,
    )
    session.flush()  # so that a rule of the database speaks here, not at the commit
    return order.number
