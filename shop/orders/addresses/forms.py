"""The form of one address."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, Regexp

from shop.orders.forms import PROVINCES
from shop.orders.service import ShipTo


class AddressForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Where goods go, as on the checkout."""

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
    as_default = BooleanField(_l("设为默认地址"))

    def ship_to(self) -> ShipTo:
        """Return what was filled in."""
        return ShipTo(self.name.data, self.phone.data, self.region_code.data, self.address.data)
