"""Telling a buyer by mail of a parcel."""

from sqlalchemy.orm import Session

from shop.identity.models import User
from shop.mail import outbox
from shop.orders.models import Order
from shop.orders.shipping.models import Shipment
from shop.orders.shipping.words import CARRIER_LABELS


def tell(session: Session, order: Order, shipment: Shipment) -> None:
    """Put a mail about a parcel that left, or was taken back, into the outbox, in the commit of that."""
    user = session.get_one(User, order.user_id)
    carrier = CARRIER_LABELS[shipment.carrier]
    outbox.add(
        session,
        to=user.email,
        template="shipment",
        language=user.language,
        user=user,
        order=order,
        parcel=shipment,
        carrier=carrier,
    )
