"""What may be shipped, and how long a buyer has to say that it came. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask_babel import gettext

from shop.errors import FieldError
from shop.orders.models import Order, OrderStatus
from shop.orders.shipping.models import Carrier

OPEN = frozenset({OrderStatus.PAID, OrderStatus.AWAITING_ACCEPTANCE})
"""In these an order waits for its goods."""

MAX_TRACKING_NUMBER = 40
MAX_REASON = 200

_TRACKING_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z-]{4,39}")


@dataclass(frozen=True)
class Parcel:
    """What an operator hands to a carrier. `is_further` says that the order is known to have others already."""

    carrier: Carrier
    tracking_number: str
    shipped_on: date
    is_further: bool = False


def clean(tracking_number: str) -> str:
    """Return a tracking number as carriers print it: without blanks, in capitals."""
    return re.sub(r"\s", "", tracking_number).upper()


def check_parcel(order: Order, parcel: Parcel, *, today: date) -> list[FieldError]:
    """Return what is wrong with a parcel: no number to follow it by, or a day on which it cannot have left."""
    errors: list[FieldError] = []
    number = clean(parcel.tracking_number)
    if not number and parcel.carrier is not Carrier.OWN:
        errors.append(FieldError("tracking_number", gettext("请填写运单号；自有车辆送货可以不填。")))
    elif number and not _TRACKING_NUMBER.fullmatch(number):
        message = gettext("运单号应为 5 到 40 位字母、数字或连字符。")
        errors.append(FieldError("tracking_number", message, value=parcel.tracking_number))
    if not order.placed_on <= parcel.shipped_on <= today:
        message = gettext("发货日期应在下单日期 %(day)s 之后，且不晚于今天。", day=order.placed_on.isoformat())
        errors.append(FieldError("shipped_on", message, value=parcel.shipped_on.isoformat()))
    return errors


def may_confirm(order: Order) -> bool:
    """Tell whether a private buyer's order is on its way, so that its delivery can be confirmed in one step.

    An organisation accepts by quantity instead.
    """
    return order.organisation_id is None and order.status is OrderStatus.PAID and bool(order.parcels)


def confirms_at(order: Order, *, within: timedelta) -> datetime | None:
    """Return when delivery is confirmed for a buyer who says nothing; None where only the buyer can say it.

    It counts from when the last parcel was recorded, of which the buyer was told then, not from the day that was typed.
    """
    return max(parcel.recorded_at for parcel in order.parcels) + within if may_confirm(order) else None
