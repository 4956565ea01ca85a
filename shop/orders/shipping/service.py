"""Recording that a parcel left the store, and taking such a record back."""

from datetime import date
from uuid import UUID

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.db import now
from shop.errors import FieldError, InvalidInput, NotFound, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.orders import queries as orders
from shop.orders.models import Order
from shop.orders.shipping import notices, rules
from shop.orders.shipping.models import Shipment
from shop.orders.shipping.rules import Parcel


class NotShippable(ShopError):
    """The order does not wait for goods."""

    code = "not-shippable"
    title = lazy_gettext("这个订单现在不能发货")


class AlreadyShipped(ShopError):
    """Somebody recorded a parcel of the order before."""

    code = "already-shipped"
    title = lazy_gettext("这个订单已登记发货")


class ShipmentSettled(ShopError):
    """The goods were accepted or delivered, so that what brought them is a fact."""

    code = "shipment-settled"
    title = lazy_gettext("发货记录已不能撤回")


def ship_order(session: Session, actor: Actor, number: str, parcel: Parcel, *, today: date) -> Order:
    """Record a parcel of an order and tell the buyer, once.

    Runs in the caller's database transaction and locks the order: of two operators who ship it at the same moment the
    second is refused, unless that one knows of the first parcel and means another.

    Raises:
        NotFound: there is no such order.
        NotShippable: it waits for its money, has been accepted, or was cancelled.
        AlreadyShipped: it has a parcel and this is not meant as a further one, or it has this very parcel.
        InvalidInput: no tracking number, or a day that cannot be.
    """
    order = orders.order(session, actor, number, for_update=True)
    check_shippable(order)
    tracking_number = rules.clean(parcel.tracking_number)
    known = {(one.carrier, one.tracking_number) for one in order.parcels if one.tracking_number}
    if (parcel.carrier, tracking_number) in known:
        raise AlreadyShipped(gettext("运单号 %(number)s 已经登记过。", number=tracking_number))
    if order.parcels and not parcel.is_further:
        raise AlreadyShipped(gettext("刚刚已有人登记发货。如果还有另一个包裹，请在订单页上追加。"))
    errors = rules.check_parcel(order, parcel, today=today)
    if errors:
        raise InvalidInput(errors=tuple(errors))
    shipment = Shipment(
        id=ledger.uuid7(),
        carrier=parcel.carrier,
        tracking_number=tracking_number,
        shipped_on=parcel.shipped_on,
        recorded_by=actor.user_id,
        recorded_at=now(),
    )
    order.shipments.append(shipment)
    _record(session, actor, "order.ship", order, shipment)
    return order


def check_shippable(order: Order) -> None:
    """Hold an operator to orders that wait for their goods.

    Raises:
        NotShippable: it waits for its money, has been accepted, or was cancelled.
    """
    if order.status not in rules.OPEN:
        raise NotShippable(gettext("订单尚未付款、已经收货或已取消。"))


def withdraw_shipment(session: Session, actor: Actor, number: str, shipment_id: UUID, *, reason: str) -> Order:
    """Take back a parcel that was recorded by mistake, and tell the buyer. The order may then wait to be shipped again.

    Raises:
        NotFound: there is no such order, or it has no such parcel.
        ShipmentSettled: the goods were accepted or delivered, or the parcel was taken back before.
        InvalidInput: no reason.
    """
    order = orders.order(session, actor, number, for_update=True)
    shipment = next((one for one in order.shipments if one.id == shipment_id), None)
    if shipment is None:
        raise NotFound(gettext("没有这条发货记录。"))
    if shipment.withdrawn_at is not None:
        raise ShipmentSettled(gettext("这条发货记录此前已经撤回。"))
    if order.status not in rules.OPEN:
        raise ShipmentSettled(gettext("订单已经收货，发货记录不能再撤回。"))
    if not reason.strip():
        raise InvalidInput(errors=(FieldError("reason", gettext("请写明撤回的原因。")),))
    shipment.withdrawn_at, shipment.withdrawn_reason = now(), reason.strip()
    _record(session, actor, "order.unship", order, shipment, reason=shipment.withdrawn_reason)
    return order


def _record(  # what is told of either
    session: Session, actor: Actor, action: str, order: Order, shipment: Shipment, **detail: str
) -> None:
    audit.record(
        session,
        actor,
        action=action,
        subject=f"order:{order.number}",
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        **detail,
    )
    session.flush()  # so that a rule of the database speaks here, not at the commit
    notices.tell(session, order, shipment)
