"""What an order does with money that is placed on it: it waits for the rest, or it is paid and counts."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

import ledger
from shop.db import now
from shop.identity.actor import Actor
from shop.orders import notices
from shop.orders.models import Order, OrderStatus
from shop.orders.rules import rest_until
from shop.payments.entries import assistance_entry
from shop.payments.models import MoveKind, ReceiptMove


def take(session: Session, actor: Actor, order: Order, amount_fen: int) -> None:
    """Let a locked order have money that was placed on it; its move is in the session.

    A prepaid order that has all of it is paid, and counts as assistance. One that has a part waits longer for the rest.
    """
    order.paid_fen += amount_fen
    if order.status is not OrderStatus.AWAITING_PAYMENT:
        return
    if order.paid_fen < order.total_fen:
        order.pay_until = rest_until(order.pay_until, at=now())
        return
    order.status, order.pay_until = OrderStatus.PAID, None
    session.flush()  # so that the day is found among all moves
    entry = assistance_entry(order, on=_captured_on(session, order))
    ledger.post(session, entry, by=actor.email, carry_forward=True)
    notices.tell(session, order)


def _captured_on(session: Session, order: Order) -> date:
    """Return the day on which the order was paid in full: receipts may be recorded in another order than they came."""
    undoing = aliased(ReceiptMove)
    last = session.scalar(
        sa.select(sa.func.max(ReceiptMove.moved_on)).where(
            ReceiptMove.order_id == order.id,
            ReceiptMove.kind == MoveKind.PLACED,
            ~sa.exists().where(undoing.undoes == ReceiptMove.id),
        )
    )
    return max(order.placed_on, last) if last is not None else order.placed_on
