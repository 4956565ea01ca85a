"""What carriers are called, and where an order stands for whoever waits for its parcels."""

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from shop.orders.forms import STATUS_LABELS
from shop.orders.models import Order, OrderStatus
from shop.orders.shipping.models import Carrier

CARRIER_LABELS = {
    Carrier.SF: _l("顺丰速运"),
    Carrier.EMS: _l("EMS"),
    Carrier.POST: _l("邮政快递包裹"),
    Carrier.JD: _l("京东快递"),
    Carrier.ZTO: _l("中通快递"),
    Carrier.YTO: _l("圆通速递"),
    Carrier.STO: _l("申通快递"),
    Carrier.YUNDA: _l("韵达快递"),
    Carrier.JT: _l("极兔速递"),
    Carrier.DEPPON: _l("德邦快递"),
    Carrier.OWN: _l("自有车辆送货"),
    Carrier.OTHER: _l("其他物流"),
}

_WAITING = {
    OrderStatus.PAID: (_l("已付款，待发货"), "info"),
    OrderStatus.AWAITING_ACCEPTANCE: (_l("待发货"), "info"),
}
_TRAVELLING = {
    OrderStatus.PAID: (_l("已发货，待收货"), "info"),
    OrderStatus.AWAITING_ACCEPTANCE: (_l("已发货，待验收"), "warning"),
}
_RECEIVED = (_l("已收货"), "success")


def standing(order: Order) -> tuple[LazyString, str]:
    """Return what to call where an order stands, and its tone. Its parcels are loaded."""
    if order.status is OrderStatus.ACCEPTED and order.organisation_id is None:
        return _RECEIVED
    return (_TRAVELLING if order.parcels else _WAITING).get(order.status, STATUS_LABELS[order.status])
