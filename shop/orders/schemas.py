"""The order as the API speaks it."""

from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields, validate

from shop.orders.models import OrderStatus, PaymentMethod
from shop.orders.rules import MAX_LINES, MAX_QUANTITY
from shop.orders.service import OrderDraft, ShipTo
from shop.orders.shipping.schemas import ShipmentSchema
from shop.rest import PageQuery

REGION_CODE = validate.Regexp(r"^[1-9][0-9]{5}$", error=_l("请填写 6 位行政区划代码。"))
PHONE = validate.Regexp(r"^\+?[0-9][0-9\- ]{5,19}$", error=_l("请填写有效的电话号码。"))


class LineRequest(ma.Schema):
    """One line of what a buyer wants."""

    sku = fields.String(required=True, validate=validate.Length(1, 64))
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, MAX_QUANTITY))


class ShipToSchema(ma.Schema):
    """Where the goods go."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    phone = fields.String(required=True, validate=PHONE)
    region_code = fields.String(required=True, validate=REGION_CODE)
    address = fields.String(required=True, validate=validate.Length(1, 200))


class OrderRequest(ma.Schema):
    """What a buyer asks for."""

    lines = fields.List(fields.Nested(LineRequest), required=True, validate=validate.Length(1, MAX_LINES))
    ship_to = fields.Nested(ShipToSchema, required=True)
    payment_method = fields.Enum(PaymentMethod, by_value=True, required=True)
    campaign = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 64))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> OrderDraft:
        """Return the draft that the service takes."""
        return OrderDraft(
            lines=tuple((line["sku"], line["quantity"]) for line in data["lines"]),
            ship_to=ShipTo(**data["ship_to"]),
            payment_method=data["payment_method"],
            campaign=data["campaign"],
        )


class LineSchema(ma.Schema):
    """One line of an order."""

    line_no = fields.Integer()
    sku = fields.String(attribute="sku_code")
    product = fields.String(attribute="product_name")
    pack = fields.String()
    county = fields.String(attribute="county_code")
    category = fields.String(attribute="category_code")
    quantity = fields.Integer()
    accepted_quantity = fields.Decimal(as_string=True, allow_none=True, metadata={"type": "string"})
    reason = fields.String(attribute="shortfall_reason", allow_none=True)
    unit_price_fen = fields.Integer()
    amount_fen = fields.Integer()
    accepted_amount_fen = fields.Integer(allow_none=True)


class OrderSchema(ma.Schema):
    """An order."""

    number = fields.String()
    status = fields.Enum(OrderStatus, by_value=True)
    payment_method = fields.Enum(PaymentMethod, by_value=True)
    buyer = fields.String(attribute="user.name")
    organisation = fields.String(attribute="organisation.code", dump_default=None, allow_none=True)
    organisation_name = fields.String(attribute="organisation.name", dump_default=None, allow_none=True)
    partner = fields.String(attribute="partner_code")
    channel = fields.String(attribute="channel_code")
    lines = fields.List(fields.Nested(LineSchema))
    goods_fen = fields.Integer()
    freight_fen = fields.Integer()
    total_fen = fields.Integer()
    accepted_fen = fields.Integer(allow_none=True)
    paid_fen = fields.Integer()
    placed_at = fields.AwareDateTime()
    pay_until = fields.AwareDateTime(allow_none=True)
    shipments = fields.List(fields.Nested(ShipmentSchema), attribute="parcels")


class OrderQuery(PageQuery):
    """The filters of the order list."""

    status = fields.Enum(OrderStatus, by_value=True, load_default=None)
