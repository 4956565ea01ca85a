"""Reading what arrived at the bank, and what waits for a place."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, selectinload

from shop.db import Page, fetch_page
from shop.errors import NotFound
from shop.identity.models import Organisation, User
from shop.orders.models import Order, OrderStatus, PaymentMethod
from shop.payments import rules
from shop.payments.models import BankReceipt, ReceiptMove
from shop.payments.rules import Surplus

CANDIDATES = 8
_CONSIDERED = 200
"""How many open orders are weighed for one receipt: those of its amount and payer first, then the latest."""

WAITS = BankReceipt.allocated_fen + BankReceipt.refunded_fen < BankReceipt.amount_fen
"""The condition on receipts that still wait; the queue's index holds exactly these."""


@dataclass(frozen=True)
class Queue:
    """What waits in all."""

    count: int
    amount_fen: int
    oldest_on: date | None


@dataclass(frozen=True)
class Candidate:
    """An open order on which waiting money may belong, and why."""

    order: Order
    lacking_fen: int
    is_same_amount: bool
    is_same_payer: bool
    is_in_reference: bool


def receipts(session: Session, *, page: int, page_size: int) -> Page[BankReceipt]:
    """Return one page of bank receipts with their orders, newest first."""
    query = sa.select(BankReceipt).options(selectinload(BankReceipt.order))
    query = query.order_by(BankReceipt.recorded_at.desc(), BankReceipt.id.desc())
    return fetch_page(session, query, page=page, page_size=page_size)


def waiting(session: Session, *, q: str, page: int, page_size: int) -> Page[BankReceipt]:
    """Return one page of the receipts that wait, with orders and moves, oldest first.

    `q` narrows to a payer, a reference, a receipt's or an order's number that contain it.
    """
    query = sa.select(BankReceipt).where(WAITS)
    if q:
        texts = (BankReceipt.payer, BankReceipt.reference, BankReceipt.number, Order.number)
        contains = sa.or_(*(text.icontains(q, autoescape=True) for text in texts))
        query = query.outerjoin(BankReceipt.order).where(contains)
    query = query.options(selectinload(BankReceipt.order), selectinload(BankReceipt.moves))
    return fetch_page(session, query.order_by(BankReceipt.paid_on, BankReceipt.id), page=page, page_size=page_size)


def queue(session: Session) -> Queue:
    """Return how much waits, and since when."""
    left = sa.func.sum(BankReceipt.amount_fen - BankReceipt.allocated_fen - BankReceipt.refunded_fen)
    row = session.execute(sa.select(sa.func.count(), left, sa.func.min(BankReceipt.paid_on)).where(WAITS)).one()
    return Queue(row[0], int(row[1] or 0), row[2])


def receipt(session: Session, number: str) -> BankReceipt:
    """Return one bank receipt with its order, its moves with theirs, and who recorded each.

    Raises:
        NotFound: there is none.
    """
    query = (
        sa.select(BankReceipt)
        .where(BankReceipt.number == number)
        .options(
            selectinload(BankReceipt.order),
            selectinload(BankReceipt.recorder),
            selectinload(BankReceipt.moves).options(
                selectinload(ReceiptMove.order).selectinload(Order.organisation), selectinload(ReceiptMove.recorder)
            ),
        )
        .execution_options(populate_existing=True)
    )
    found = session.scalar(query)
    if found is None:
        raise NotFound(gettext("没有这笔到账记录。"))
    return found


def candidates(session: Session, receipt: BankReceipt, *, q: str = "") -> list[Candidate]:
    """Return the open orders on which the waiting money most likely belongs, best first.

    `q` narrows to an order's number, a recipient, a buyer or an organisation that contain it.
    """
    billed = sa.case(
        (Order.accepted_fen.is_(None), Order.goods_fen + Order.freight_fen),
        (Order.accepted_fen == 0, 0),
        else_=Order.accepted_fen + Order.freight_fen,
    )
    lacking = billed - Order.paid_fen
    is_payer = sa.or_(*(sa.func.strpos(receipt.payer, name) > 0 for name in (User.name, Organisation.name)))
    query = (
        sa.select(Order)
        .join(Order.user)
        .outerjoin(Order.organisation)
        .where(
            sa.or_(
                sa.and_(
                    Order.status == OrderStatus.AWAITING_PAYMENT, Order.payment_method == PaymentMethod.BANK_TRANSFER
                ),
                sa.and_(Order.status == OrderStatus.ACCEPTED, Order.payment_method == PaymentMethod.ON_ACCOUNT),
            ),
            lacking > 0,
        )
        .options(selectinload(Order.user), selectinload(Order.organisation))
        .order_by((lacking == receipt.unallocated_fen).desc(), is_payer.desc().nulls_last(), Order.placed_at.desc())
        .limit(_CONSIDERED)
    )
    if q:
        texts = (Order.number, Order.ship_name, User.name, Organisation.name)
        query = query.where(sa.or_(*(text.icontains(q, autoescape=True) for text in texts)))
    weighed = [_weigh(order, receipt) for order in session.scalars(query)]
    weighed.sort(key=lambda one: (one.is_in_reference, one.is_same_amount, one.is_same_payer), reverse=True)
    return weighed[:CANDIDATES]


def _weigh(order: Order, receipt: BankReceipt) -> Candidate:
    names = {order.user.name, order.ship_name, order.organisation.name if order.organisation else ""}
    return Candidate(
        order=order,
        lacking_fen=rules.lacking_fen(order),
        is_same_amount=rules.lacking_fen(order) == receipt.unallocated_fen,
        is_same_payer=any(name and name in receipt.payer for name in names),
        is_in_reference=rules.resembles(order.number, receipt.reference),
    )


def surplus(session: Session, order: Order) -> Surplus:
    """Return what was paid too much for an order: what still waits to go back, and what went back."""
    moves = session.scalars(sa.select(ReceiptMove).where(ReceiptMove.order_id == order.id)).all()
    touched = {move.receipt_id for move in moves}
    found = sa.select(BankReceipt).where(sa.or_(BankReceipt.order_id == order.id, BankReceipt.id.in_(touched)))
    return rules.surplus(order, session.scalars(found), moves)
