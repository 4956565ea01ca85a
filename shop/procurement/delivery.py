"""Delivery to a private buyer: the whole order came as ordered. An organisation accepts by quantity instead."""

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from shop.errors import NotAllowed, ShopError
from shop.identity.actor import Actor
from shop.identity.models import Role
from shop.orders import queries as orders
from shop.orders.models import Order, OrderStatus
from shop.orders.queries import WHOLE
from shop.orders.service import is_buyer
from shop.orders.shipping.models import Shipment
from shop.orders.shipping.queries import HAS_LEFT
from shop.orders.shipping.rules import may_confirm
from shop.procurement.rules import AcceptedLine
from shop.procurement.service import record_acceptance

ACTION = "order.deliver"


class NotDeliverable(ShopError):
    """The order is not on its way to a private buyer."""

    code = "not-deliverable"
    title = lazy_gettext("这个订单现在不能确认收货")


def deliver(session: Session, actor: Actor, number: str, *, on: date) -> Order:
    """Record that a private buyer has the goods as ordered, and post who earns them, once.

    The buyer says so, or an operator who knows it from the carrier. Runs in the caller's database transaction.

    Raises:
        NotFound: the actor sees no such order.
        NotAllowed: the actor neither bought it nor operates the shop, or an organisation bought it.
        NotDeliverable: no parcel left, or it is delivered or cancelled.
    """
    order = orders.order(session, actor, number, for_update=True)
    if not (is_buyer(actor, order) or actor.has(Role.OPERATOR)):
        raise NotAllowed(gettext("收货由下单的人确认。"))
    if order.organisation_id is not None:
        raise NotAllowed(gettext("单位采购的货物由采购单位逐项验收。"))
    if not may_confirm(order):
        raise NotDeliverable(gettext("订单还没有发货，或此前已经收货。"))
    _deliver(session, actor, order, on=on)
    return order


def deliver_next(session: Session, *, shipped_before: datetime, on: date) -> str | None:
    """Record the delivery of the oldest order whose last parcel was recorded before then; return its number.

    Runs in the caller's database transaction; one order a transaction keeps locks short. An order that somebody is
    just accepting is passed over: whoever holds its lock decides.
    """
    is_recent = sa.exists().where(
        Shipment.order_id == Order.id, Shipment.withdrawn_at.is_(None), Shipment.recorded_at >= shipped_before
    )
    order = session.scalar(
        sa.select(Order)
        .where(Order.status == OrderStatus.PAID, Order.organisation_id.is_(None), HAS_LEFT, ~is_recent)
        .options(*WHOLE)
        .order_by(Order.placed_at, Order.id)
        .limit(1)
        .with_for_update(of=Order, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if order is None or not _is_due(order, shipped_before):
        return None
    _deliver(session, None, order, on=on)
    return order.number


def _is_due(order: Order, shipped_before: datetime) -> bool:
    """Look again under the lock: a parcel may have been taken back, or another have left, while it was waited for."""
    return may_confirm(order) and all(parcel.recorded_at < shipped_before for parcel in order.parcels)


def _deliver(session: Session, actor: Actor | None, order: Order, *, on: date) -> None:
    whole = [AcceptedLine(line.line_no, Decimal(line.quantity)) for line in order.lines]
    record_acceptance(session, actor, order, whole, on=on, action=ACTION)
