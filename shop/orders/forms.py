"""The checkout form."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, Regexp
from wtforms.widgets import HiddenInput

from shop.orders.models import OrderStatus, PaymentMethod

PROVINCES = (
    ("110000", "北京市"), ("120000", "天津市"), ("130000", "河北省"), ("140000", "山西省"),
    ("150000", "内蒙古自治区"), ("210000", "辽宁省"), ("220000", "吉林省"), ("230000", "黑龙江省"),
    ("310000", "上海市"), ("320000", "江苏省"), ("330000", "浙江省"), ("340000", "安徽省"),
    ("350000", "福建省"), ("360000", "江西省"), ("370000", "山东省"), ("410000", "河南省"),
    ("420000", "湖北省"), ("430000", "湖南省"), ("440000", "广东省"), ("450000", "广西壮族自治区"),
    ("460000", "海南省"), ("500000", "重庆市"), ("510000", "四川省"), ("520000", "贵州省"),
    ("530000", "云南省"), ("540000", "西藏自治区"), ("610000", "陕西省"), ("620000", "甘肃省"),
    ("630000", "青海省"), ("640000", "宁夏回族自治区"), ("650000", "新疆维吾尔自治区"), ("710000", "台湾省"),
    ("810000", "香港特别行政区"), ("820000", "澳门特别行政区"),
)  # fmt: skip
"""GB/T 2260 codes of the province-level regions, in the order of the standard."""

METHOD_LABELS = {
    PaymentMethod.BANK_TRANSFER: _l("对公转账"),
    PaymentMethod.ON_ACCOUNT: _l("挂账（先货后款）"),
    PaymentMethod.STRIPE: _l("在线支付"),
}

STATUS_LABELS = {
    OrderStatus.AWAITING_PAYMENT: (_l("待付款"), "warning"),
    OrderStatus.AWAITING_ACCEPTANCE: (_l("待验收"), "warning"),
    OrderStatus.PAID: (_l("已付款，待收货"), "info"),
    OrderStatus.ACCEPTED: (_l("已验收"), "success"),
    OrderStatus.CANCELLED: (_l("已取消"), "muted"),
    OrderStatus.REFUNDED: (_l("已退款"), "muted"),
}


class CheckoutForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Where the goods go and how they are paid."""

    name = StringField(_l("收货人"), [DataRequired(_l("请填写收货人。")), Length(max=60)])
    phone = StringField(
        _l("联系电话"),
        [
            DataRequired(_l("请填写联系电话。")),
            Regexp(r"^\+?[0-9][0-9\- ]{5,19}$", message=_l("请填写有效的电话号码。")),
        ],
    )
    region_code = SelectField(_l("所在省份"), choices=[SelectChoice(*province) for province in PROVINCES])
    address = StringField(_l("详细地址"), [DataRequired(_l("请填写详细地址。")), Length(max=200)])
    save_address = BooleanField(_l("保存到我的收货地址"))
    payment_method = RadioField(_l("付款方式"))
    total_fen = IntegerField(widget=HiddenInput())
    """The total that the page showed; the order is refused if it comes to another."""
