"""Telling a buyer by mail where an order stands."""

from sqlalchemy.orm import Session

from shop.identity.models import User
from shop.mail import outbox
from shop.orders.forms import METHOD_LABELS
from shop.orders.models import Order


def tell(session: Session, order: Order) -> None:
    """Put a mail about the order's present status into the outbox, in the commit of the change of that status.

    Its lines must be loaded.
    """
    user = session.get_one(User, order.user_id)
    outbox.add(
        session,
        to=user.email,
        template="order",
        language=user.language,
        user=user,
        order=order,
        status=order.status.value,
        method=METHOD_LABELS[order.payment_method],
    )
